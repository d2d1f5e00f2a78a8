import { describe, expect, test } from "vitest"
import { parseLockfile } from "../../src/lockfile/index.ts"
import { fixture, fixtureNames, sri, tarball } from "./support.ts"

const integrity = `resolution: {integrity: ${sri(1)}}`
const plain = (map: ReadonlyMap<string, ReadonlySet<string>> | undefined): object => Object.fromEntries([...map ?? []].map(([name, is]) => [name, [...is].sort()]))

describe("pnpm", () => {
  const importer = (fields: string): string => `importers:\n\n  .:\n    dependencies:\n${fields}`
  const nine = `lockfileVersion: '9.0'\n\n${importer("      alias:\n        specifier: npm:b@^1\n        version: b@1.0.0(c@1.0.0)\n      a:\n        specifier: ^1\n        version: 1.0.0\n      l:\n        specifier: link:l\n        version: link:l\n")}`
    + `\n  sub:\n    devDependencies:\n      a:\n        specifier: ^2\n        version: 2.0.0\n\npackages:\n\n${["a@1.0.0", "a@2.0.0", "b@1.0.0", "c@1.0.0"].map((key) => `  ${key}:\n    ${integrity}\n`).join("\n")}`
    + "\nsnapshots:\n\n  a@1.0.0:\n    dependencies:\n      b: 1.0.0(c@1.0.0)\n    optionalDependencies:\n      c: 1.0.0\n\n  a@2.0.0: {}\n\n  b@1.0.0(c@1.0.0):\n    dependencies:\n      other: a@2.0.0\n\n  c@1.0.0: {}\n"
  const six = `lockfileVersion: '6.0'\n\n${importer("      alias:\n        specifier: npm:b@^1\n        version: /b@1.0.0(c@1.0.0)\n      a:\n        specifier: ^1\n        version: 1.0.0\n")}\npackages:\n\n  /a@1.0.0:\n    ${integrity}\n    dependencies:\n      b: 1.0.0(c@1.0.0)\n\n  /b@1.0.0(c@1.0.0):\n    ${integrity}\n`
  const five = `lockfileVersion: 5.4\n\nspecifiers:\n  a: ^1\n\ndependencies:\n  alias: /b/1.0.0_c@1.0.0\n  a: 1.0.0\n\npackages:\n\n  /a/1.0.0:\n    ${integrity}\n    dependencies:\n      b: 1.0.0_c@1.0.0\n\n  /b/1.0.0_c@1.0.0:\n    ${integrity}\n`
  test.each([
    { name: "9", text: nine, importers: { ".": { alias: ["b@1.0.0"], a: ["a@1.0.0"] }, sub: { a: ["a@2.0.0"] } }, packages: { "a@1.0.0": { b: ["b@1.0.0"], c: ["c@1.0.0"] }, "a@2.0.0": {}, "b@1.0.0": { other: ["a@2.0.0"] }, "c@1.0.0": {} }, aliases: { alias: ["b@1.0.0"], other: ["a@2.0.0"] } },
    { name: "6", text: six, importers: { ".": { alias: ["b@1.0.0"], a: ["a@1.0.0"] } }, packages: { "a@1.0.0": { b: ["b@1.0.0"] }, "b@1.0.0": {} }, aliases: { alias: ["b@1.0.0"] } },
    { name: "5", text: five, importers: { ".": { alias: ["b@1.0.0"], a: ["a@1.0.0"] } }, packages: { "a@1.0.0": { b: ["b@1.0.0"] }, "b@1.0.0": {} }, aliases: { alias: ["b@1.0.0"] } },
  ])("version $name: who finds what by which name", ({ text, importers, packages, aliases }) => {
    const wiring = parseLockfile("pnpm-lock.yaml", text).wiring?.()
    expect(plain(wiring?.aliases)).toEqual(aliases)
    expect(Object.fromEntries([...wiring?.links?.importers ?? []].map(([folder, own]) => [folder, plain(own)]))).toEqual(importers)
    expect(Object.fromEntries([...wiring?.links?.packages ?? []].map(([from, own]) => [from, plain(own)]))).toEqual(packages)
  })
})

test.each([
  { name: "yarn.lock", text: `# yarn lockfile v1\n\n\n"alias@npm:b@^1", b@^1, b@~1:\n  version "1.0.0"\n  resolved "${tarball("b")}#${"0".repeat(40)}"\n`, aliases: { alias: ["b@1.0.0"] } },
  { name: "yarn.lock", text: `__metadata:\n  version: 8\n\n"alias@npm:@s/b@^1, @s/b@npm:^1":\n  version: 1.0.0\n  resolution: "@s/b@npm:1.0.0"\n  languageName: node\n  linkType: hard\n`, aliases: { alias: ["@s/b@1.0.0"] } },
  { name: "bun.lock", text: JSON.stringify({ lockfileVersion: 1, workspaces: { "": { name: "p" } }, packages: { a: ["a@1.0.0", "", {}, sri(1)], "a/@s/alias": ["b@1.0.0", "", {}, sri(1)] } }), aliases: { "@s/alias": ["b@1.0.0"] } },
])("$name: $text", ({ name, text, aliases }) => {
  const wiring = parseLockfile(name, text).wiring?.()
  expect(plain(wiring?.aliases)).toEqual(aliases)
  expect(wiring?.links).toBeUndefined()
})

test("a package-lock's entries are places themselves", () => {
  expect(fixture("npm-3").lockfile.wiring).toBeUndefined()
})

test.each(fixtureNames.filter((name) => name.startsWith("pnpm")))("%s: every release is found by somebody, but for what pnpm itself is made of", (name) => {
  const { lockfile } = fixture(name)
  const { links } = lockfile.wiring?.() ?? {}
  const found = new Set([...links?.importers.values() ?? [], ...links?.packages.values() ?? []].flatMap((own) => [...own.values()].flatMap((is) => [...is])))
  const missing = lockfile.entries.filter(({ kind, name: own, version }) => kind === "registry" && own !== "pnpm-plugin-x" && !found.has(`${own}@${version}`)).map(({ where }) => where)
  expect(missing).toEqual([])
})
