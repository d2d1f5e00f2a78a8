/** What a version holds that the one before it had not: scripts, gyp files and dependencies. */
import { archive, entry, packageJson, tgz } from "@vouchsafe/testkit/tar"
import { describe, expect, test } from "vitest"
import { after, DAY, type Given, iso, look, put, T, worldWith } from "./support/history.ts"
import type { World } from "./support/world.ts"

describe("scripts and gyp files", () => {
  test.each<{ name: string; before: Given; now: Given; isObservedFirst?: boolean; scripts?: string[]; gyp?: string[]; changed?: string[] }>([
    { name: "a script that was not there", before: {}, now: { manifest: { scripts: { postinstall: "x", test: "y" } } }, scripts: ["postinstall"] },
    { name: "a script that was there", before: { manifest: { scripts: { postinstall: "x" } } }, now: { manifest: { scripts: { postinstall: "x" } } } },
    { name: "a script with another command", before: { manifest: { scripts: { postinstall: "x" } } }, now: { manifest: { scripts: { postinstall: "y" } } }, changed: ["scripts"] },
    { name: "a script that runs at no install, with another command", before: { manifest: { scripts: { prepare: "x" } } }, now: { manifest: { scripts: { prepare: "y" } } } },
    { name: "a script of a bundled package", before: {}, now: { files: ["node_modules/a/index.js"], manifest: { bundleDependencies: ["a"] } } },
    { name: "a gyp file that was not there", before: {}, now: { files: ["binding.gyp"] }, gyp: ["binding.gyp"] },
    { name: "a gyp file of a package that the packument says builds", before: { claims: { gypfile: true, scripts: { install: "node-gyp rebuild" } } }, now: { files: ["binding.gyp"] } },
    { name: "a gyp file beside an install script that was there", before: { manifest: { scripts: { install: "prebuilt || node-gyp rebuild" } } }, now: { files: ["binding.gyp"], manifest: { scripts: { install: "prebuilt || node-gyp rebuild" } } } },
    { name: "a gyp file in a folder, which nobody builds", before: {}, now: { files: ["gyp/test/hello.gyp", "common.gypi"] } },
    { name: "a gyp file beside another that was seen", before: { files: ["binding.gyp"] }, now: { files: ["binding.gyp", "other.gyp"] }, isObservedFirst: true, gyp: ["other.gyp"] },
    { name: "a gyp file that was seen", before: { files: ["binding.gyp"] }, now: { files: ["binding.gyp"] }, isObservedFirst: true },
    { name: "a gyp file of a bundled package", before: {}, now: { files: ["node_modules/@s/a/binding.gyp", "node_modules/@s/a/package.json"] }, gyp: ["node_modules/@s/a/binding.gyp"] },
    { name: "the same, where what was bundled before is not known", before: { manifest: { bundleDependencies: ["b"] } }, now: { files: ["node_modules/@s/a/binding.gyp"] } },
    { name: "the same, where it was seen", before: { manifest: { bundleDependencies: ["b"] } }, now: { files: ["node_modules/@s/a/binding.gyp"] }, isObservedFirst: true, gyp: ["node_modules/@s/a/binding.gyp"] },
    { name: "the packument's word against the tarball that was seen", before: { claims: { scripts: { postinstall: "x" } } }, now: { manifest: { scripts: { postinstall: "x" } } }, isObservedFirst: true, scripts: ["postinstall"] },
  ])("$name", async ({ before, now, isObservedFirst, scripts = [], gyp = [], changed = [] }) => {
    expect(await after(before, now, {}, isObservedFirst)).toMatchObject({ scripts, gyp, changed })
  })

  test("a bundled package's script is new, unless what was bundled before is not known", async () => {
    const bundled = (before: Given) => {
      const world = worldWith()
      put(world, "1.0.0", 30, before)
      const bytes = tgz(archive(packageJson({ name: "fixture", version: "1.0.1" }), entry("package/node_modules/a/package.json", JSON.stringify({ name: "a", version: "1.0.0", scripts: { postinstall: "x" } }))))
      world.publish({ version: "1.0.1", bytes, time: iso(T) })
      return look(world, "1.0.1")
    }
    expect((await bundled({})).scripts).toEqual(["node_modules/a#postinstall"])
    expect((await bundled({ manifest: { bundledDependencies: ["b"] } })).scripts).toEqual([])
    expect((await bundled({ manifest: { bundleDependencies: true } })).scripts).toEqual([])
  })
})

test("an observation that is kept by its digest is read whole; where its body is another, or gone, the packument has to do", async () => {
  const many = Object.fromEntries(Array.from({ length: 800 }, (_, i) => [`${"d".repeat(80)}-${i}`, "^1.0.0"]))
  const of = async (spoil: (blobs: Map<string, Uint8Array>) => void) => {
    const world = worldWith()
    put(world, "1.0.0", 30, { manifest: { dependencies: many }, claims: { scripts: { postinstall: "x" } } })
    await look(world, "1.0.0")
    expect(Buffer.from(world.log.entries[0]?.bytes ?? []).toString("utf8")).toContain('"body"')
    spoil(world.blobs.blobs)
    put(world, "1.0.1", 0, { manifest: { scripts: { postinstall: "x" }, dependencies: many } })
    return (await look(world, "1.0.1")).scripts
  }
  const bodyOf = (blobs: Map<string, Uint8Array>) => [...blobs].find(([, bytes]) => Buffer.from(bytes).includes("predicateType")) as [string, Uint8Array]
  expect(await of(() => undefined)).toEqual(["postinstall"])
  expect(await of((blobs) => blobs.delete(bodyOf(blobs)[0]))).toEqual([])
  expect(await of((blobs) => { const [sha256, bytes] = bodyOf(blobs); blobs.set(sha256, Buffer.from(Buffer.from(bytes).toString("utf8").replace("^1.0.0", "^1.0.1"))) })).toEqual([])
  expect(await of((blobs) => blobs.set(bodyOf(blobs)[0], Buffer.from("{}")))).toEqual([])
})

describe("dependencies", () => {
  const young = iso(T - DAY)
  function withOthers(world: World): World {
    world.publish({ name: "young", version: "1.0.0", time: young, manifest: { maintainers: [{ name: "ann" }], repository: "git+https://git.example/other/place.git" } })
    world.publish({ name: "kin", version: "1.0.0", time: young, manifest: { maintainers: [{ name: "ann" }], repository: "https://git.example/ann/fixture" } })
    world.publish({ name: "claimed", version: "1.0.0", time: young, manifest: { maintainers: [{ name: "eve" }], repository: "https://git.example/ann/fixture" } })
    return world
  }
  const of = async (before: object, now: object, name = "fixture") => {
    const world = withOthers(worldWith())
    put(world, "1.0.0", 30, { name, manifest: before as Record<string, unknown> })
    put(world, "1.0.1", 0, { name, manifest: now as Record<string, unknown> })
    return (await look(world, "1.0.1", name)).dependencies
  }
  const one = (name: string, more: object = {}) => [{ name, createdAt: T - DAY, isExotic: false, isKin: false, ...more }]
  test.each<{ name: string; before?: object; now: object; of?: string; expected: object[] }>([
    { name: "one that was not there", now: { dependencies: { young: "^1" } }, expected: one("young") },
    { name: "an optional one", now: { optionalDependencies: { young: "^1" } }, expected: one("young") },
    { name: "a peer, which npm installs", now: { peerDependencies: { young: "^1" } }, expected: one("young") },
    { name: "one for development", now: { devDependencies: { young: "^1" } }, expected: [] },
    { name: "one that was there, of another kind and range", before: { peerDependencies: { young: "^1" } }, now: { dependencies: { young: "^2" } }, expected: [] },
    { name: "one that the registry does not have", now: { dependencies: { nowhere: "^1" } }, expected: one("nowhere", { createdAt: null }) },
    { name: "one of the same repository and maintainer", now: { dependencies: { kin: "^1" } }, expected: one("kin", { isKin: true }) },
    { name: "one that only claims the repository", now: { dependencies: { claimed: "^1" } }, expected: one("claimed") },
    { name: "one of a repository that only this version names", now: { dependencies: { young: "^1" }, repository: "git+https://git.example/other/place.git" }, expected: one("young") },
    { name: "one of the same scope", now: { dependencies: { "@s/other": "^1" } }, of: "@s/fixture", expected: one("@s/other", { createdAt: null, isKin: true }) },
    { name: "one of another scope", now: { dependencies: { "@s2/other": "^1" } }, of: "@s/fixture", expected: one("@s2/other", { createdAt: null }) },
    { name: "an alias, under its name, as old as what it stands for", now: { dependencies: { alias: "npm:young@^1" } }, expected: one("alias") },
    { name: "an alias that stands for another one now", before: { dependencies: { alias: "npm:kin@^1" } }, now: { dependencies: { alias: "npm:young@^1" } }, expected: one("alias") },
    ...["github:x/y", "x/y", "x/y#v1", "git+https://git.example/x/y.git#abc", "git@git.example:x/y.git", "https://files.example/a.tgz", "file:../a", "../a", "link:a"].map((range) => (
      { name: `one from elsewhere: ${range}`, now: { dependencies: { young: range } }, expected: one("young", { createdAt: null, isExotic: true }) })),
    { name: "one from elsewhere now", before: { dependencies: { young: "^1" } }, now: { dependencies: { young: "github:x/y" } }, expected: one("young", { createdAt: null, isExotic: true }) },
    { name: "one from elsewhere as before, at another commit", before: { dependencies: { young: "github:x/y#1" } }, now: { dependencies: { young: "github:x/y#2" } }, expected: [] },
    { name: "one from another place elsewhere", before: { dependencies: { young: "github:x/y" } }, now: { dependencies: { young: "github:z/y" } }, expected: one("young", { createdAt: null, isExotic: true }) },
    ...["^1.0.0 || >=2 <3", "latest", "*", "", "1.x - 2.x", "workspace:*"].map((range) => ({ name: `a range: ${JSON.stringify(range)}`, now: { dependencies: { young: range } }, expected: one("young") })),
  ])("$name", async ({ before = {}, now, of: name, expected }) => {
    expect(await of(before, now, name)).toEqual(expected)
  })

  test("no more than 32 are looked up; all are named, in order", async () => {
    const world = worldWith()
    const names = Array.from({ length: 40 }, (_, i) => `d${String(i).padStart(2, "0")}`)
    for (const name of names) world.publish({ name, version: "1.0.0", time: young })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0, { manifest: { dependencies: Object.fromEntries([...names].reverse().map((name) => [name, "^1"])) } })
    const { dependencies } = await look(world, "1.0.1")
    expect(dependencies.map(({ name }) => name)).toEqual(names)
    expect(dependencies.filter(({ createdAt }) => createdAt !== null)).toHaveLength(32)
  })
})
