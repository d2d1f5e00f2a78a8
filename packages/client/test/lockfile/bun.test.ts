import { describe, expect, test } from "vitest"
import { checkLockfile, parseLockfile, toRequests } from "../../src/lockfile/index.ts"
import { LOCKFILE_ENTRIES_MAX } from "../../src/lockfile/limits.ts"
import { CONTEXT, expectMalformed, sri, summary, tarball } from "./support.ts"

/** As Bun writes it: commas before closing brackets. */
const lock = (packages: Readonly<Record<string, unknown>>, workspaces: object = { "": { name: "root" } }, version: unknown = 2): string =>
  `{\n  "lockfileVersion": ${JSON.stringify(version)},\n  "workspaces": ${JSON.stringify(workspaces)},\n  "packages": {\n${Object.entries(packages).map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)},\n\n`).join("")}  },\n}\n`
const read = (key: string, value: unknown): string[] => summary(parseLockfile("bun.lock", lock({ [key]: value })))

describe("what an entry is", () => {
  test.each([
    { name: "a registry package, at the default registry", key: "x", value: ["x@1.0.0", "", {}, sri(1)], is: "registry x@1.0.0" },
    { name: "at a registry of its own", key: "@scope/x", value: ["@scope/x@1.0.0", tarball("@scope/x", "1.0.0", "https://private.example/npm/"), {}, sri(1)], is: "registry @scope/x@1.0.0" },
    { name: "an alias", key: "y", value: ["@scope/x@1.0.0", "", {}, sri(1)], is: "registry @scope/x@1.0.0" },
    { name: "nested", key: "a/@scope/x", value: ["@scope/x@1.0.0", "", {}, sri(1)], is: "registry @scope/x@1.0.0" },
    { name: "bundled, with a digest of its own", key: "a/x", value: ["x@1.0.0", "", { bundled: true }, sri(1)], is: "registry x@1.0.0" },
    { name: "another package's tarball", key: "x", value: ["x@1.0.0", tarball("evil"), {}, sri(1)], is: "url x@1.0.0" },
    { name: "a tarball by URL", key: "x", value: ["x@https://files.example/x.tgz", {}, sri(1)], is: "url x@" },
    { name: "a local tarball", key: "x", value: ["x@./vendor/x.tgz", {}], is: "file x@" },
    { name: "a local folder", key: "x", value: ["x@file:x", {}], is: "link x@" },
    { name: "a link", key: "x", value: ["x@link:../x", {}], is: "link x@" },
    { name: "a workspace", key: "x", value: ["x@workspace:packages/x"], is: "workspace x@" },
    { name: "the project itself", key: "root", value: ["root@root:", { bin: "x" }], is: "workspace root@" },
    { name: "git", key: "x", value: ["x@git+ssh://git@git.example/x.git#abc", {}, "abc"], is: "git x@" },
    { name: "a forge", key: "x", value: ["x@github:somebody/x#abc", {}, "somebody-x-abc", sri(1)], is: "git x@" },
    { name: "a source that nobody knows", key: "x", value: ["x@ipfs:abc", {}], is: "url x@" },
    { name: "a range where a version is expected", key: "x", value: ["x@^1.0.0", "", {}, sri(1)], is: "url x@" },
    { name: "named like an object's member", key: "constructor", value: ["constructor@1.0.0", "", {}, sri(1)], is: "registry constructor@1.0.0" },
  ])("$name", ({ key, value, is }) => {
    expect(read(key, value)).toEqual([is])
  })

  test.each([0, 1, 2])("version %d", (version) => {
    expect(parseLockfile("sub/bun.lock", lock({}, {}, version))).toMatchObject({ format: "bun-lock", version: String(version), entries: [] })
  })
})

describe("how the project depends on it", () => {
  const entry = (name: string, info: object = {}): unknown[] => [`${name}@1.0.0`, "", info, sri(1)]
  test.each([
    { name: "development", workspace: { devDependencies: { x: "*" } }, packages: { x: entry("x") }, is: "dev" },
    { name: "optional", workspace: { optionalDependencies: { x: "*" } }, packages: { x: entry("x") }, is: "optional" },
    { name: "both: production may have it", workspace: { devDependencies: { x: "*" }, dependencies: { a: "*" } }, packages: { a: entry("a", { optionalDependencies: { x: "*" } }), x: entry("x") }, is: "optional" },
    { name: "optional to what is for development", workspace: { devDependencies: { a: "*" } }, packages: { a: entry("a", { optionalDependencies: { x: "*" } }), x: entry("x") }, is: "dev" },
    { name: "needed by what is optional", workspace: { optionalDependencies: { a: "*" } }, packages: { a: entry("a", { dependencies: { x: "*" } }), x: entry("x") }, is: "optional" },
    { name: "needed by production in the end", workspace: { dependencies: { a: "*" }, devDependencies: { x: "*" } }, packages: { a: entry("a", { dependencies: { x: "*" } }), x: entry("x") }, is: "prod" },
    { name: "found nearer than at the top", workspace: { dependencies: { a: "*" }, devDependencies: { x: "*" } }, packages: { a: entry("a", { dependencies: { x: "*" } }), x: entry("x"), "a/x": ["x@2.0.0", "", {}, sri(2)] }, is: "dev" },
    { name: "in a circle", workspace: { devDependencies: { x: "*" } }, packages: { x: entry("x", { dependencies: { x: "*", y: "*" } }), y: entry("y", { dependencies: { x: "*" } }) }, is: "dev" },
    { name: "nobody says", workspace: {}, packages: { x: entry("x") }, is: undefined },
  ])("$name", ({ workspace, packages, is }) => {
    const requests = toRequests(parseLockfile("bun.lock", lock(packages, { "": workspace })), CONTEXT)
    expect(requests.find(({ purl }) => purl === "pkg:npm/x@1.0.0")?.dependency).toBe(is)
  })
})

test("THREATS A6: what Bun would fetch from elsewhere, or without a digest, is refused", () => {
  const codes = (value: unknown): string[] => checkLockfile(parseLockfile("bun.lock", lock({ x: value })), CONTEXT).map(({ code }) => code)
  expect(codes(["x@1.0.0", "", {}, sri(1)])).toEqual([])
  expect(codes(["x@1.0.0", "", {}])).toEqual(["EXOTIC_SOURCE"])
  expect(codes(["x@1.0.0", tarball("x", "1.0.0", "https://evil.example/"), {}, sri(1)])).toEqual(["WRONG_REGISTRY"])
  expect(codes(["x@github:somebody/x#abc", {}, "tag"])).toEqual(["EXOTIC_SOURCE"])
  expect(codes(["x@link:../../x", {}])).toEqual(["EXOTIC_SOURCE"])
})

describe("refuses", () => {
  const good = lock({ x: ["x@1.0.0", "", {}, sri(1)] })
  test.each([
    { name: "an empty file", text: "", says: "is not what Bun writes" },
    { name: "a file cut off", text: good.slice(0, -4), says: "is not what Bun writes" },
    { name: "a comment", text: `// x\n${good}`, says: "is not what Bun writes" },
    { name: "two commas", text: good.replace("},\n}", "},,\n}"), says: "is not what Bun writes" },
    { name: "a list", text: "[]", says: "is no map" },
    { name: "version 3", text: lock({}, {}, 3), says: "is 3, expected 0, 1 or 2" },
    { name: "no version", text: "{}", says: "is no number" },
    { name: "a version as text", text: lock({}, {}, "1"), says: "is no number" },
    { name: "packages as a list", text: '{"lockfileVersion":1,"packages":[]}', says: "is no map" },
    { name: "workspaces as text", text: lock({}, "x" as unknown as object), says: "is no map" },
    { name: "an entry as a map", text: lock({ x: {} }), says: "is no list of one to four members" },
    { name: "an empty entry", text: lock({ x: [] }), says: "is no list of one to four members" },
    { name: "an entry that names nothing", text: lock({ x: [1] }), says: "does not say what it is" },
    { name: "a release without registry", text: lock({ x: ["x@1.0.0"] }), says: "has no registry" },
    { name: "a name that climbs", text: lock({ x: ["../../x@1.0.0", "", {}, sri(1)] }), says: "is no package version" },
    { name: "dependencies as text", text: lock({ x: ["x@1.0.0", "", { dependencies: "y" }, sri(1)] }, { "": { dependencies: { x: "*" } } }), says: "is no map" },
    { name: "one entry twice", text: good.replace('"x":', '"x": ["evil@1.0.0", "", {}, ""],\n"x":'), says: "stands twice" },
    { name: "one entry twice, once with an escape", text: good.replace('"x":', '"\\u0078": ["evil@1.0.0", "", {}, ""],\n"x":'), says: "stands twice" },
    { name: "packages twice", text: good.replace('"packages"', '"packages": {},\n"packages"'), says: "stands twice" },
    { name: "__proto__, which the parser would hide", text: good.replace('"x":', '"__proto__": ["evil@1.0.0", "", {}, ""],\n"x":'), says: "is no package" },
    { name: "a merge conflict", text: good.replace('"lockfileVersion"', '"a": 1,\n<<<<<<< ours\n"lockfileVersion"'), says: "has a merge conflict in line 3" },
    { name: "nesting without end", text: `${"[".repeat(200_000)}${"]".repeat(200_000)}`, says: "lockfile" },
    { name: "too many entries", text: lock(Object.fromEntries(Array.from({ length: LOCKFILE_ENTRIES_MAX + 1 }, (_, i) => [`p${i}`, [`p${i}@1.0.0`, ""]]))), says: "has 100001 entries, expected at most 100000" },
  ])("$name", ({ text, says }) => {
    expectMalformed("bun.lock", text, says)
  })

  test("the binary format, and says what to do", () => {
    expect(() => parseLockfile("bun.lockb", "")).toThrow(expect.objectContaining({ hint: "let Bun write it as text: `bun install --save-text-lockfile`" }))
  })
})
