import { describe, expect, test } from "vitest"
import { isRemote } from "../src/remote.ts"
import { linksOf, mapPackage, registryIn, registryOfTarball, splitId } from "../src/resolution.ts"
import { CONTEXT, REGISTRY, SHA512_HEX, SHA512_SRI } from "./support.ts"

const sri = (algorithm: string, bytes: number): string => `${algorithm}-${Buffer.alloc(bytes, 1).toString("base64")}`

describe("refuses", () => {
  test.each([
    { name: "no resolution", id: "a@1.0.0", resolution: undefined, code: "EXOTIC_SOURCE", says: "does not say where" },
    { name: "a resolution that is text", id: "a@1.0.0", resolution: "x", code: "EXOTIC_SOURCE", says: "does not say where" },
    { name: "no integrity", id: "a@1.0.0", resolution: {}, code: "EXOTIC_SOURCE", says: "no sha512" },
    { name: "sha1 only", id: "a@1.0.0", resolution: { integrity: sri("sha1", 20) }, code: "EXOTIC_SOURCE", says: "no sha512" },
    { name: "sha256 only", id: "a@1.0.0", resolution: { integrity: sri("sha256", 32) }, code: "EXOTIC_SOURCE", says: "no sha512" },
    { name: "a sha512 that is too short", id: "a@1.0.0", resolution: { integrity: sri("sha512", 63) }, code: "EXOTIC_SOURCE", says: "no sha512" },
    { name: "two different sha512", id: "a@1.0.0", resolution: { integrity: `${SHA512_SRI} sha512-${Buffer.alloc(64, 2).toString("base64")}` }, code: "EXOTIC_SOURCE", says: "no sha512" },
    { name: "integrity that is no text", id: "a@1.0.0", resolution: { integrity: [SHA512_SRI] }, code: "EXOTIC_SOURCE", says: "no sha512" },
    { name: "a repository", id: "a@git+https://git.example/a.git#0123", resolution: { type: "git", repo: "x", commit: "0123" }, code: "EXOTIC_SOURCE", says: "type git" },
    { name: "a runtime", id: "node@runtime:24.0.0", resolution: { type: "variations", variants: [] }, code: "EXOTIC_SOURCE", says: "type variations" },
    { name: "an own type, with integrity", id: "a@1.0.0", resolution: { type: "custom:x", integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "type custom:x" },
    { name: "a type that is no text", id: "a@1.0.0", resolution: { type: null, integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "type null" },
    { name: "a tarball of a repository's host", id: "a@https://code.example/a/tar.gz/0123", resolution: { gitHosted: true, tarball: "https://code.example/a/tar.gz/0123", integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "a URL or repository" },
    { name: "the same under a version", id: "a@1.0.0", resolution: { gitHosted: true, tarball: "https://registry.example/x", integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "a URL or repository" },
    { name: "a URL", id: "a@https://files.example/a.tgz", resolution: { tarball: "https://files.example/a.tgz", integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "a URL or repository" },
    { name: "a range", id: "a@^1.0.0", resolution: { integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "a URL or repository" },
    { name: "a version in disguise", id: "a@1.0.0\n", resolution: { integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "a URL or repository" },
    { name: "no version", id: "a", resolution: { integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "a URL or repository" },
    { name: "a folder outside", id: "a@file:../x", resolution: { type: "directory", directory: "../x" }, code: "EXOTIC_SOURCE", says: "outside the workspace" },
    { name: "a folder without a name", id: "a@file:x", resolution: { type: "directory" }, code: "EXOTIC_SOURCE", says: "outside the workspace" },
    { name: "a tarball file outside", id: "a@file:../a.tgz", resolution: { tarball: "file:../a.tgz", integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "outside the workspace" },
    { name: "a tarball address that is no text", id: "a@1.0.0", resolution: { tarball: 7, integrity: SHA512_SRI }, code: "EXOTIC_SOURCE", says: "not text" },
    { name: "a tarball on another host", id: "a@1.0.0", resolution: { tarball: "https://evil.example/a/-/a-1.0.0.tgz", integrity: SHA512_SRI }, code: "WRONG_REGISTRY", says: "another host" },
    { name: "a tarball on another port", id: "a@1.0.0", resolution: { tarball: "https://registry.example:8443/a/-/a-1.0.0.tgz", integrity: SHA512_SRI }, code: "WRONG_REGISTRY", says: "another host" },
    { name: "a tarball behind a user name", id: "a@1.0.0", resolution: { tarball: "https://registry.example@evil.example/a.tgz", integrity: SHA512_SRI }, code: "WRONG_REGISTRY", says: "another host" },
    { name: "a tarball that is no address", id: "a@1.0.0", resolution: { tarball: "https://", integrity: SHA512_SRI }, code: "WRONG_REGISTRY", says: "another host" },
    { name: "a tarball of another scheme", id: "a@1.0.0", resolution: { tarball: "ftp://registry.example/a.tgz", integrity: SHA512_SRI }, code: "WRONG_REGISTRY", says: "another host" },
    { name: "the default registry's host for a scope with its own", id: "@corp/a@1.0.0", resolution: { tarball: "https://registry.example/@corp/a/-/a-1.0.0.tgz", integrity: SHA512_SRI }, code: "WRONG_REGISTRY", says: "another host" },
  ])("$name", ({ id, resolution, code, says }) => {
    expect(mapPackage(id, resolution as never, CONTEXT)).toMatchObject({ kind: "finding", code, id, message: expect.stringContaining(says) as string })
  })

  test("a name that cannot be one", () => {
    expect(() => mapPackage("@/x@1.0.0", { integrity: SHA512_SRI }, CONTEXT)).toThrow(expect.objectContaining({ code: "PURL_MALFORMED" }))
  })
})

describe("asks", () => {
  const bare = { integrity: SHA512_SRI }
  test.each([
    { name: "a version", id: "a@1.0.0", resolution: bare, purl: "pkg:npm/a@1.0.0", registry: REGISTRY },
    { name: "a prerelease with build", id: "a@1.0.0-rc.1+b.2", resolution: bare, purl: "pkg:npm/a@1.0.0-rc.1%2Bb.2", registry: REGISTRY },
    { name: "with peers appended (10, 11)", id: "a@1.0.0(b@2.0.0)(@c/d@3.0.0)", resolution: bare, purl: "pkg:npm/a@1.0.0", registry: REGISTRY },
    { name: "a scope", id: "@s/a@1.0.0", resolution: bare, purl: "pkg:npm/%40s/a@1.0.0", registry: REGISTRY },
    { name: "a scope with a registry of its own", id: "@corp/a@1.0.0", resolution: bare, purl: "pkg:npm/%40corp/a@1.0.0", registry: "https://corp.example/npm/" },
    { name: "its own host (11)", id: "a@1.0.0", resolution: { ...bare, tarball: "https://registry.example/a/-/a-1.0.0.tgz" }, purl: "pkg:npm/a@1.0.0", registry: REGISTRY },
    { name: "plain http of old lockfiles", id: "a@1.0.0", resolution: { ...bare, tarball: "http://registry.example/a/-/a-1.0.0.tgz" }, purl: "pkg:npm/a@1.0.0", registry: REGISTRY },
    { name: "a path without host", id: "a@1.0.0", resolution: { ...bare, tarball: "a/-/a-1.0.0.tgz" }, purl: "pkg:npm/a@1.0.0", registry: REGISTRY },
    { name: "sha512 beside others", id: "a@1.0.0", resolution: { integrity: `${sri("sha1", 20)} ${SHA512_SRI}` }, purl: "pkg:npm/a@1.0.0", registry: REGISTRY },
  ])("$name", ({ id, resolution, purl, registry }) => {
    expect(mapPackage(id, resolution, CONTEXT)).toEqual({ kind: "ask", request: { purl, registry, sha512: SHA512_HEX } })
  })
})

test.each([
  { name: "a folder of the workspace", id: "a@file:local", resolution: { type: "directory", directory: "local" } },
  { name: "a tarball of the workspace", id: "a@file:a.tgz", resolution: { tarball: "file:a.tgz" } },
])("takes as the project's own: $name", ({ id, resolution }) => {
  expect(mapPackage(id, resolution, CONTEXT)).toEqual({ kind: "own" })
})

test("splits names from versions", () => {
  expect(["a@1.0.0", "@s/a@1.0.0", "a@1.0.0(b@file:x)", "@s/a", "a@link:b", "@1.0.0", ""].map(splitId)).toEqual([
    { name: "a", version: "1.0.0" }, { name: "@s/a", version: "1.0.0" }, { name: "a", version: "1.0.0" }, undefined, undefined, undefined, undefined,
  ])
})

test("finds a scope's registry, without falling for names of Object", () => {
  const registries = { default: REGISTRY, "@corp": "https://corp.example/" }
  expect(["a", "@corp/a", "@s/a", "constructor", "@constructor/a", "@__proto__/a"].map((name) => registryIn(registries, name)))
    .toEqual([REGISTRY, "https://corp.example/", REGISTRY, REGISTRY, REGISTRY, REGISTRY])
  expect(registryIn({}, "a")).toBeUndefined()
})

test("links lead to folders inside the workspace, in the shapes of 10 and 12", () => {
  const importers = {
    ".": { dependencies: { a: "link:packages/a", b: "1.0.0", out: "link:../out" } },
    "packages/a": { devDependencies: { c: { specifier: "workspace:*", version: "link:../c" } }, optionalDependencies: { root: { specifier: "x", version: "link:/root" } } },
  }
  expect(linksOf({ importers } as never, CONTEXT)).toMatchObject([
    { code: "EXOTIC_SOURCE", id: "out@link:../out" }, { code: "EXOTIC_SOURCE", id: "root@link:/root" },
  ])
  expect(linksOf(undefined, CONTEXT)).toEqual([])
})

test("links of locked packages lead into the workspace too", () => {
  const packages = { "a@1.0.0": { dependencies: { b: "1.0.0", c: "link:packages/a", out: "link:../out" }, optionalDependencies: { root: "link:/root" } } }
  for (const lockfile of [{ packages }, { packages: { "a@1.0.0": {} }, snapshots: packages }]) {
    expect(linksOf(lockfile as never, CONTEXT)).toMatchObject([{ code: "EXOTIC_SOURCE", id: "out@link:../out" }, { code: "EXOTIC_SOURCE", id: "root@link:/root" }])
  }
})

test.each([
  "https://files.example/a.tgz", "http://files.example/a.tgz", "git+ssh://git@git.example/a.git", "git://git.example/a", "git@git.example:a/b.git", "ssh://git.example/a",
  "github:a/b", "gitlab:a/b", "bitbucket:a/b", "gist:0123", "user/repository", "user/repository#semver:^1.0.0", "HTTPS://FILES.EXAMPLE/A.TGZ",
])("knows as remote: %s", (specifier) => {
  expect(isRemote(specifier)).toBe(true)
})

test.each([
  "1.0.0", "^1.0.0 || ~2.0.0", "latest", "*", "", "npm:@s/a@1.0.0", "npm:a", "jsr:@s/a@1", "workspace:*", "workspace:../a", "file:../a", "file:a.tgz", "link:../a", "catalog:",
  "./a", "../a", "~/a", "/a/b", undefined, null, 7,
])("knows as something else: %s", (specifier) => {
  expect(isRemote(specifier)).toBe(false)
})

describe("the registry of a tarball", () => {
  const registries = ["https://registry.example/", "https://corp.example/npm/"]
  test.each([
    { name: "a", tarball: "https://registry.example/a/-/a-1.0.0.tgz", is: "https://registry.example/" },
    { name: "@corp/a", tarball: "https://corp.example/npm/@corp/a/-/a-1.0.0.tgz", is: "https://corp.example/npm/" },
    { name: "a", tarball: undefined, is: undefined },
    { name: "a", tarball: "https://registry.example/b/-/b-1.0.0.tgz", is: undefined },
    { name: "a", tarball: "https://registry.example/a/-/a-1.0.1.tgz", is: undefined },
    { name: "a", tarball: "https://registry.example/a/-/a-1.0.0.tgz?x", is: undefined },
    { name: "a", tarball: "https://registry.example/a/../b/-/a-1.0.0.tgz", is: undefined },
    { name: "a", tarball: "https://registry.example.evil.example/a/-/a-1.0.0.tgz", is: undefined },
    { name: "a", tarball: "https://elsewhere.example/a/-/a-1.0.0.tgz", is: undefined },
  ])("$name from $tarball: $is", ({ name, tarball, is }) => {
    expect(registryOfTarball(registries, name, "1.0.0", tarball)).toBe(is)
  })
})
