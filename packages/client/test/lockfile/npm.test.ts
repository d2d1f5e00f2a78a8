import { describe, expect, test } from "vitest"
import { parseLockfile } from "../../src/lockfile/index.ts"
import { LOCKFILE_DEPTH_MAX, LOCKFILE_ENTRIES_MAX } from "../../src/lockfile/limits.ts"
import { expectMalformed, packageLock, sri, summary, tarball } from "./support.ts"

const read = (packages: object): string[] => summary(parseLockfile("package-lock.json", packageLock(packages)))
const tree = (dependencies: object): string => JSON.stringify({ name: "root", lockfileVersion: 1, dependencies })
const readTree = (dependencies: object): string[] => summary(parseLockfile("package-lock.json", tree(dependencies)))
const fetched = (name: string, more: object = {}): object => ({ version: "1.0.0", resolved: tarball(name), integrity: sri(1), ...more })

test("npm-shrinkwrap.json is the same format", () => {
  expect(parseLockfile("npm-shrinkwrap.json", packageLock({ "node_modules/x": fetched("x") }))).toEqual(parseLockfile("package-lock.json", packageLock({ "node_modules/x": fetched("x") })))
})

describe("versions 2 and 3: what an entry is", () => {
  test.each([
    { name: "a registry package", packages: { "node_modules/x": fetched("x") }, is: "registry x@1.0.0" },
    { name: "a scoped one", packages: { "node_modules/@scope/x": fetched("@scope/x") }, is: "registry @scope/x@1.0.0" },
    { name: "a scoped one with an escaped slash", packages: { "node_modules/@scope/x": fetched("@scope/x", { resolved: "https://registry.example/@scope%2fx/-/x-1.0.0.tgz" }) }, is: "registry @scope/x@1.0.0" },
    { name: "nested in another", packages: { "node_modules/a/node_modules/x": fetched("x") }, is: "registry x@1.0.0" },
    { name: "nested in a workspace", packages: { "packages/a/node_modules/x": fetched("x") }, is: "registry x@1.0.0" },
    { name: "an alias", packages: { "node_modules/y": fetched("x", { name: "x" }) }, is: "registry x@1.0.0" },
    { name: "without an address", packages: { "node_modules/x": { version: "1.0.0", integrity: sri(1) } }, is: "registry x@1.0.0" },
    { name: "never fetched", packages: { "node_modules/x": { version: "1.0.0", resolved: false, integrity: false, optional: true } }, is: "registry x@1.0.0 optional" },
    { name: "needed by dev and optional ones", packages: { "node_modules/x": fetched("x", { devOptional: true }) }, is: "registry x@1.0.0 dev optional" },
    { name: "with build metadata that the file name leaves out", packages: { "node_modules/x": fetched("x", { version: "1.0.0+b.1" }) }, is: "registry x@1.0.0+b.1" },
    { name: "another version's tarball", packages: { "node_modules/x": fetched("x", { resolved: tarball("x", "1.0.1") }) }, is: "url x@1.0.0" },
    { name: "another package's tarball", packages: { "node_modules/x": fetched("x", { resolved: tarball("evil") }) }, is: "url x@1.0.0" },
    { name: "a tarball by URL", packages: { "node_modules/x": fetched("x", { resolved: "https://files.example/x.tgz" }) }, is: "url x@1.0.0" },
    { name: "git over ssh", packages: { "node_modules/x": fetched("x", { resolved: "git+ssh://git@git.example/x.git#abc" }) }, is: "git x@1.0.0" },
    { name: "git over https", packages: { "node_modules/x": fetched("x", { resolved: "https://git.example/x.git#abc" }) }, is: "git x@1.0.0" },
    { name: "a local tarball", packages: { "node_modules/x": fetched("x", { resolved: "file:vendor/x-1.0.0.tgz" }) }, is: "file x@1.0.0" },
    { name: "a source that nobody knows", packages: { "node_modules/x": fetched("x", { resolved: "ipfs:abc" }) }, is: "url x@1.0.0" },
    { name: "a link", packages: { "node_modules/x": { resolved: "packages/x", link: true } }, is: "link x@" },
    { name: "a workspace", packages: { "packages/x": { name: "x", version: "1.0.0" } }, is: "workspace x@1.0.0" },
    { name: "a workspace without version", packages: { "packages/x": {} }, is: "workspace packages/x@" },
    { name: "a folder that is fetched from somewhere is no workspace", packages: { "packages/x": { version: "1.0.0", resolved: "https://files.example/x.tgz" } }, is: "url packages/x@1.0.0" },
    { name: "what the project itself bundles is fetched like anything else", packages: { "node_modules/x": fetched("x", { inBundle: true }) }, is: "registry x@1.0.0" },
    { name: "what a workspace bundles as well", packages: { "packages/a": {}, "packages/a/node_modules/x": fetched("x", { inBundle: true }) }, is: "registry x@1.0.0" },
    { name: "bundled in a package", packages: { "node_modules/a": fetched("a"), "node_modules/a/node_modules/x": { version: "1.0.0", inBundle: true } }, is: "bundled x@1.0.0" },
    { name: "bundled without version", packages: { "node_modules/a": fetched("a"), "node_modules/a/node_modules/x": { inBundle: true } }, is: "bundled x@" },
    { name: "bundled in what is bundled", packages: { "node_modules/a": fetched("a"), "node_modules/a/node_modules/b": { version: "1.0.0", inBundle: true }, "node_modules/a/node_modules/b/node_modules/x": { version: "1.0.0", inBundle: true } }, is: "bundled x@1.0.0" },
    { name: "bundled in what the project bundles", packages: { "node_modules/a": fetched("a", { inBundle: true }), "node_modules/a/node_modules/x": fetched("x", { inBundle: true }) }, is: "registry x@1.0.0" },
    { name: "named like an object's prototype", packages: { "node_modules/constructor": fetched("constructor") }, is: "registry constructor@1.0.0" },
  ])("$name", ({ packages, is }) => {
    expect(read(packages).at(-1)).toBe(is)
    expect(read(packages)).toHaveLength(Object.keys(packages).length)
  })

  test("`__proto__` is a place like any other, and hides nothing", () => {
    const text = packageLock({ "node_modules/x": fetched("x") }).replace('"node_modules/x"', '"node_modules/__proto__":{"version":"1.0.0"},"__proto__":{"version":"6.6.6","resolved":"https://files.example/e.tgz"},"node_modules/x"')
    expect(summary(parseLockfile("package-lock.json", text))).toEqual(["registry __proto__@1.0.0", "url __proto__@6.6.6", "registry x@1.0.0"])
  })
})

describe("version 1: what an entry is", () => {
  test.each([
    { name: "a registry package", dependencies: { x: fetched("x") }, is: ["registry x@1.0.0"] },
    { name: "an alias", dependencies: { y: fetched("@scope/x", { version: "npm:@scope/x@1.0.0" }) }, is: ["registry @scope/x@1.0.0"] },
    { name: "git", dependencies: { x: { version: "git+https://git.example/x.git#abc", from: "x@git" } }, is: ["git x@"] },
    { name: "git behind a registry's address", dependencies: { x: { version: "git+https://git.example/x.git#abc", resolved: tarball("x") } }, is: ["url x@"] },
    { name: "a shorthand of a forge", dependencies: { x: { version: "github:somebody/x#abc" } }, is: ["git x@"] },
    { name: "a forge without its name", dependencies: { x: { version: "somebody/x#abc" } }, is: ["url x@"] },
    { name: "a local folder", dependencies: { x: { version: "file:x" } }, is: ["link x@"] },
    { name: "a local tarball", dependencies: { x: { version: "file:x-1.0.0.tgz", integrity: sri(1) } }, is: ["file x@"] },
    { name: "nested and bundled", dependencies: { a: { ...fetched("a"), dependencies: { b: { version: "1.0.0", bundled: true, dependencies: { c: { version: "2.0.0", bundled: true } } } } } }, is: ["registry a@1.0.0", "bundled b@1.0.0", "bundled c@2.0.0"] },
    { name: "bundled at the top is fetched", dependencies: { x: fetched("x", { bundled: true }) }, is: ["registry x@1.0.0"] },
    { name: "nothing", dependencies: {}, is: [] },
  ])("$name", ({ dependencies, is }) => {
    expect(readTree(dependencies)).toEqual(is)
  })

  test("places are written as version 2 writes them", () => {
    const { entries } = parseLockfile("package-lock.json", tree({ "@s/a": { ...fetched("@s/a"), dependencies: { "@s/b": fetched("@s/b") } } }))
    expect(entries.map(({ where }) => where)).toEqual(["node_modules/@s/a", "node_modules/@s/a/node_modules/@s/b"])
  })

  test("a file without version is one", () => {
    expect(parseLockfile("package-lock.json", JSON.stringify({ name: "x", dependencies: {} }))).toEqual({ format: "package-lock", version: "1", entries: [] })
  })
})

/** A version 1 tree of so many packages, each inside the one before. */
function chain(length: number): string {
  let dependencies: object = {}
  for (let i = 0; i < length; i++) dependencies = { a: { version: "1.0.0", dependencies } }
  return tree(dependencies)
}

describe("refuses", () => {
  const good = packageLock({ "node_modules/x": fetched("x") })
  const many = (count: number): Record<string, object> => Object.fromEntries(Array.from({ length: count }, (_, i) => [`node_modules/p${i}`, { version: "1.0.0" }]))
  test.each([
    { name: "an empty file", text: "", says: "is not JSON" },
    { name: "a file cut off", text: good.slice(0, -1), says: "is not JSON" },
    { name: "a byte order mark", text: `\ufeff${good}`, says: "is not JSON" },
    { name: "a merge conflict", text: good.replace('"requires"', '<<<<<<< ours\n"requires"'), says: "is not JSON" },
    { name: "a list", text: "[]", says: "document" },
    { name: "null", text: "null", says: "document" },
    { name: "version 4", text: good.replace('"lockfileVersion":3', '"lockfileVersion":4'), says: "is 4, expected 1, 2 or 3" },
    { name: "version 0", text: good.replace('"lockfileVersion":3', '"lockfileVersion":0'), says: "is 0, expected 1, 2 or 3" },
    { name: "a version as text", text: good.replace('"lockfileVersion":3', '"lockfileVersion":"3"'), says: "is no number" },
    { name: "version 1 with packages, which npm would install from", text: good.replace('"lockfileVersion":3', '"lockfileVersion":1'), says: "version 1" },
    { name: "no version with packages", text: good.replace('"lockfileVersion":3,', ""), says: "version 1" },
    { name: "version 3 without packages, whose dependencies npm would install", text: tree({ x: { version: "1.0.0" } }).replace(":1,", ":3,"), says: "is missing from a lockfile of version 3" },
    { name: "version 2 with packages that are null, whose dependencies npm would install", text: JSON.stringify({ lockfileVersion: 2, packages: null, dependencies: { x: {} } }), says: "packages" },
    { name: "packages as a list", text: JSON.stringify({ lockfileVersion: 3, packages: [] }), says: "packages" },
    { name: "an entry as text", text: packageLock({ "node_modules/x": "1.0.0" }), says: "node_modules/x" },
    { name: "a version that is a number", text: packageLock({ "node_modules/x": fetched("x", { version: 1 }) }), says: "has a version that is no text" },
    { name: "an address that is a list", text: packageLock({ "node_modules/x": fetched("x", { resolved: [] }) }), says: "has a resolved that is no text" },
    { name: "an integrity that is an object", text: packageLock({ "node_modules/x": fetched("x", { integrity: {} }) }), says: "has a integrity that is no text" },
    { name: "a link that is neither true nor false", text: packageLock({ "node_modules/x": fetched("x", { link: "yes" }) }), says: "link" },
    { name: "an inBundle that is neither true nor false", text: packageLock({ "node_modules/x": fetched("x", { inBundle: 1 }) }), says: "inBundle" },
    { name: "no version", text: packageLock({ "node_modules/x": { integrity: sri(1) } }), says: "has no version" },
    { name: "a name that climbs", text: packageLock({ "node_modules/../../x": { version: "1.0.0" } }), says: "is no package version" },
    { name: "a version that is a path", text: packageLock({ "node_modules/x": { version: "1/../2" } }), says: "is no package version" },
    { name: "a version that is a range", text: packageLock({ "node_modules/x": { version: "1.x" } }), says: "is no package version" },
    { name: "one place twice", text: good.replace('"node_modules/x"', '"node_modules/x":{"version":"6.6.6"},"node_modules/x"'), says: "stands twice" },
    { name: "one place twice, once spelled with an escape", text: good.replace('"node_modules/x"', '"node_modules/\\u0078":{"version":"6.6.6"},"node_modules/x"'), says: "stands twice" },
    { name: "one member twice", text: good.replace('"integrity"', '"integrity":"sha1-x","integrity"'), says: "stands twice" },
    { name: "packages twice", text: good.replace('"packages"', '"packages":{},"packages"'), says: "stands twice" },
    { name: "too many entries", text: JSON.stringify({ lockfileVersion: 3, packages: many(LOCKFILE_ENTRIES_MAX + 1) }), says: "has 100001 entries, expected at most 100000" },
    { name: "too many entries in a tree", text: tree(Object.fromEntries(Object.entries(many(LOCKFILE_ENTRIES_MAX + 1)).map(([key, value]) => [key.slice("node_modules/".length), value]))), says: "more than 100000 entries" },
    { name: "a tree too deep", text: chain(LOCKFILE_DEPTH_MAX + 1), says: "is nested deeper than 64 levels" },
    { name: "nesting without end", text: `${"[".repeat(200_000)}${"]".repeat(200_000)}`, says: "document" },
    { name: "dependencies as text", text: tree({ x: { version: "1.0.0", dependencies: "y" } }), says: "is no map" },
  ])("$name", ({ text, says }) => {
    expectMalformed("package-lock.json", text, says)
  })

  test("but not a tree of the greatest depth, nor the greatest number of entries", () => {
    expect(parseLockfile("package-lock.json", chain(LOCKFILE_DEPTH_MAX)).entries).toHaveLength(LOCKFILE_DEPTH_MAX)
    expect(parseLockfile("package-lock.json", JSON.stringify({ lockfileVersion: 3, packages: many(LOCKFILE_ENTRIES_MAX) })).entries).toHaveLength(LOCKFILE_ENTRIES_MAX)
  })

  test.each(["package-lock.yaml", "bun.lockb", "README", "", "yarn.lock.bak"])("a file named %j", (name) => {
    expectMalformed(name, "{}", "is no file name that is known, expected npm-shrinkwrap.json, package-lock.json, pnpm-lock.yaml, yarn.lock, bun.lock")
  })
})
