import { type PackageFacts, readManifest } from "@vouchsafe/tarball"
import { describe, expect, test } from "vitest"
import { compareManifests } from "../src/package/mismatch.ts"

const base = { name: "fixture", version: "1.0.0" }
const factsOf = (manifest: object, gyp: readonly string[] = [], files: readonly string[] = []): PackageFacts => {
  const read = readManifest({ ...base, ...manifest }, files)
  return { manifest: read, scripts: read.scripts, gyp, bundled: [] }
}

describe("THREATS A11: a packument that tells another story", () => {
  test.each([
    { name: "another name", packument: { name: "Fixture" }, expected: ["name"] },
    { name: "another version", packument: { version: "1.0.1" }, expected: ["version"] },
    { name: "no name", packument: { name: undefined }, expected: ["name"] },
    { name: "a hidden postinstall", own: { scripts: { postinstall: "x" } }, packument: {}, expected: ["scripts"] },
    { name: "another postinstall", own: { scripts: { postinstall: "x" } }, packument: { scripts: { postinstall: "y" } }, expected: ["scripts"] },
    { name: "an install script that is not there", packument: { scripts: { install: "x" } }, expected: ["scripts"] },
    { name: "node-gyp claimed without any gyp", packument: { scripts: { install: "node-gyp rebuild" } }, expected: ["scripts"] },
    { name: "a gyp file beside another install script", own: {}, gyp: ["binding.gyp"], packument: { scripts: { install: "x" } }, expected: ["scripts"] },
    { name: "a build claimed for a package that says it has none", own: { gypfile: false }, gyp: ["binding.gyp"], packument: { scripts: { install: "node-gyp rebuild" } }, expected: ["scripts"] },
    { name: "a hidden dependency", own: { dependencies: { evil: "1" } }, packument: {}, expected: ["dependencies"] },
    { name: "another range", own: { dependencies: { a: "^1.0.0" } }, packument: { dependencies: { a: "^2.0.0" } }, expected: ["dependencies"] },
    { name: "another repository", own: { dependencies: { a: "u/r" } }, packument: { dependencies: { a: "github:u/other" } }, expected: ["dependencies"] },
    { name: "another commit", own: { dependencies: { a: "u/r#1" } }, packument: { dependencies: { a: "github:u/r#2" } }, expected: ["dependencies"] },
    { name: "a hidden optional dependency", own: { optionalDependencies: { evil: "1" } }, packument: {}, expected: ["optionalDependencies"] },
    { name: "an optional dependency claimed as a needed one", own: { optionalDependencies: { a: "1" } }, packument: { dependencies: { a: "1" } }, expected: ["dependencies", "optionalDependencies"] },
    { name: "another peer", own: { peerDependencies: { a: "1" } }, packument: { peerDependencies: { a: "2" } }, expected: ["peerDependencies"] },
    { name: "a hidden command", own: { bin: { npm: "x.js" } }, packument: {}, expected: ["bin"] },
    { name: "a command that points elsewhere", own: { bin: "a.js" }, packument: { bin: { fixture: "b.js" } }, expected: ["bin"] },
    { name: "all at once", own: { scripts: { install: "x" }, bin: "a" }, packument: { name: "y" }, expected: ["bin", "name", "scripts"] },
  ])("$name", ({ own, packument, gyp, expected }) => {
    expect(compareManifests(factsOf(own ?? {}, gyp), { ...base, ...packument }, [])).toEqual(expected)
  })
})

describe("a packument that says the same in the registry's words", () => {
  test.each<{ name: string, own?: object, packument?: object, gyp?: string[], files?: string[] }>([
    { name: "fields that npm adds", packument: { _id: "fixture@1.0.0", _npmUser: {}, dist: {}, gitHead: "x", maintainers: [], readme: "" } },
    { name: "scripts that no install runs", own: { scripts: { postinstall: "x" } }, packument: { scripts: { postinstall: "x", test: "y", prepublishOnly: "z", prepare: "husky" } } },
    { name: "the build that npm spells out for a gyp file", gyp: ["binding.gyp"], packument: { gypfile: true, scripts: { install: "node-gyp rebuild" } } },
    { name: "a gyp file whose build nobody spelt out", gyp: ["binding.gyp"] },
    { name: "a gyp file that is not to be built", own: { gypfile: false }, gyp: ["binding.gyp"], packument: { gypfile: false } },
    { name: "a gyp file beside a preinstall script", own: { scripts: { preinstall: "x" } }, gyp: ["binding.gyp"], packument: { scripts: { preinstall: "x" } } },
    { name: "a gyp file of a bundled package", gyp: ["node_modules/a/binding.gyp"] },
    { name: "a build for a gyp file that was not packed", packument: { gypfile: true, scripts: { install: "node-gyp rebuild" } } },
    { name: "optional dependencies listed twice, as old npm did", own: { optionalDependencies: { a: "1" } }, packument: { dependencies: { a: "1" }, optionalDependencies: { a: "1" } } },
    { name: "optional dependencies listed once, as new npm does", own: { dependencies: { a: "1" }, optionalDependencies: { a: "1" } }, packument: { optionalDependencies: { a: "1" } } },
    { name: "empty members left out", own: { dependencies: {}, scripts: {}, bin: {} } },
    { name: "dependencies as a list", own: { dependencies: ["a@1.0.0", "b", "@s/c@^2"] }, packument: { dependencies: { a: "1.0.0", b: "", "@s/c": "^2" } } },
    { name: "dependencies as one text", own: { dependencies: "a@1.0.0, b" }, packument: { dependencies: { a: "1.0.0", b: "" } } },
    { name: "dependencies that are nonsense", own: { dependencies: 7 } },
    { name: "a repository in short", own: { dependencies: { a: "u/r#v1", b: "git://github.com/u/r.git", c: "git@github.com:u/r.git" } }, packument: { dependencies: { a: "github:u/r#v1", b: "github:u/r", c: "git+ssh://git@github.com/u/r.git" } } },
    { name: "a command in short", own: { bin: "./cli.js" }, packument: { bin: { fixture: "cli.js" } } },
    { name: "a command of a scoped package", own: { name: "@s/x", bin: "cli.js" }, packument: { name: "@s/x", bin: { x: "cli.js" } } },
    { name: "commands by folder", own: { directories: { bin: "./bin/" } }, files: ["bin/a.js", "bin/.hidden", "lib/b.js"], packument: { directories: { bin: "./bin/" }, bin: { "a.js": "bin/a.js" } } },
    { name: "a version with a v, a name with spaces", own: { name: "fixture ", version: "v1.0.0" } },
  ])("$name", ({ own = {}, packument = {}, gyp, files = [] }) => {
    expect(compareManifests(factsOf(own, gyp, files), { ...base, ...packument }, files)).toEqual([])
  })
})
