import { type History, NO_UPSTREAM, npmPurl, type Provenance, VouchsafeError } from "@vouchsafe/core"
import { fixedDomains, fixedRefs, memoryHistoryStore } from "@vouchsafe/testkit"
import { archive, entry, packageJson, tgz } from "@vouchsafe/testkit/tar"
import { describe, expect, test } from "vitest"
import type { AttesterOptions, HistoryPorts } from "../src/index.ts"
import { createWorld, distOf, REGISTRY, type World } from "./support/world.ts"

const DAY = 86_400
/** Unix seconds of the version that is looked at. */
const T = 1_769_000_000
const iso = (seconds: number): string => new Date(seconds * 1000).toISOString()

interface Given {
  /** In the tarball and in the packument. */
  readonly manifest?: Record<string, unknown>
  /** In the packument only. */
  readonly claims?: Record<string, unknown>
  readonly files?: readonly string[]
  readonly by?: string | object | null
  readonly name?: string
  readonly attested?: boolean
}

/** Puts a version into the registry, published so many days before T. */
function put(world: World, version: string, daysBefore: number | null, given: Given = {}): void {
  const { name = "fixture", manifest = {}, claims = {}, files = [], by = "ann" } = given
  const bytes = tgz(archive(packageJson({ name, version, ...manifest }), entry("package/index.js", `${version}\n`), ...files.map((path) => entry(`package/${path}`, "{}"))))
  const person = typeof by === "string" ? { name: by, email: `${by}@people.example` } : by
  const attestations = given.attested === true ? { attestations: { url: "x", provenance: { predicateType: "https://slsa.dev/provenance/v1" } } } : {}
  world.publish({
    name, version, bytes, time: daysBefore === null ? undefined : iso(T - daysBefore * DAY),
    manifest: {
      repository: { type: "git", url: "git+https://git.example/ann/fixture.git" }, maintainers: [{ name: "ann", email: "ann@people.example" }], ...manifest,
      _npmUser: person ?? undefined, ...claims, dist: { ...distOf(bytes), tarball: `${REGISTRY}${name}/-/${version}.tgz`, ...attestations },
    },
  })
  if (given.attested === true) world.registry.attested.set(`${name}@${version}`, { attestations: [] })
}

async function look(world: World, version: string, name = "fixture"): Promise<History> {
  const result = await world.attester.observe({ purl: npmPurl(name, version), registry: REGISTRY })
  if (result.status !== "observed") throw new Error(JSON.stringify(result))
  return world.observation(result.index).history
}

function worldWith(ports: HistoryPorts = {}, more: Partial<AttesterOptions> = {}): World {
  const world = createWorld({ history: ports, ...more })
  world.clock.now = (T + 10 * DAY) * 1000
  return world
}

/** Two versions a month apart, the second one observed. */
async function after(first: Given, second: Given, ports: HistoryPorts = {}, isObservedFirst = false): Promise<History> {
  const world = worldWith(ports)
  put(world, "1.0.0", 30, first)
  if (isObservedFirst) await look(world, "1.0.0")
  put(world, "1.0.1", 0, second)
  return look(world, "1.0.1")
}

test("a first version has no past", async () => {
  const world = worldWith()
  put(world, "1.0.0", 0, { manifest: { scripts: { postinstall: "x" }, dependencies: { a: "github:x/y" } } })
  expect(await look(world, "1.0.0")).toEqual({
    createdAt: T, versions: 1, notBefore: null, previous: null, gap: null, publisher: "unknown", changed: [], scripts: [], gyp: [], dependencies: [], burst: null, source: "unknown", lapsedDomains: [], lookalike: null,
  })
})

test("an ordinary next version", async () => {
  expect(await after({}, {})).toEqual({
    createdAt: T - 30 * DAY, versions: 2, notBefore: null, previous: { version: "1.0.0", publishedAt: T - 30 * DAY, provenance: "none", source: "unknown" }, gap: 30 * DAY, publisher: "same",
    changed: [], scripts: [], gyp: [], dependencies: [], burst: { lines: 0, packages: 0, isHabit: false }, source: "unknown", lapsedDomains: [], lookalike: null,
  })
})

describe("the previous version", () => {
  test.each<{ name: string; versions: Record<string, number | null>; of?: string; previous: string | null }>([
    { name: "is the highest below, not the newest", versions: { "1.0.0": 90, "2.0.0": 60, "1.1.0": 30, "2.0.1": 0 }, of: "2.0.1", previous: "2.0.0" },
    { name: "of an older line is of that line", versions: { "1.0.0": 90, "2.0.0": 60, "1.0.1": 0 }, of: "1.0.1", previous: "1.0.0" },
    { name: "had stood for a week", versions: { "1.0.0": 90, "1.0.1": 6, "1.0.2": 0 }, of: "1.0.2", previous: "1.0.0" },
    { name: "had not, where none had", versions: { "1.0.0": 6, "1.0.1": 3, "1.0.2": 0 }, of: "1.0.2", previous: "1.0.1" },
    { name: "is stable for a stable one", versions: { "1.0.0": 90, "2.0.0-rc.1": 30, "2.0.0": 0 }, of: "2.0.0", previous: "1.0.0" },
    { name: "is a prerelease where there is nothing else", versions: { "1.0.0-rc.1": 30, "1.0.0": 0 }, of: "1.0.0", previous: "1.0.0-rc.1" },
    { name: "of a prerelease may be either", versions: { "1.0.0": 90, "2.0.0-rc.1": 30, "2.0.0-rc.2": 0 }, of: "2.0.0-rc.2", previous: "2.0.0-rc.1" },
    { name: "is none that came later", versions: { "1.0.0": -30, "1.0.1": 0 }, of: "1.0.1", previous: null },
    { name: "is the highest for one below the lowest, to which a tag can lead", versions: { "1.0.0": 90, "2.0.0": 60, "2.1.0-rc.1": 40, "0.9.0": 0 }, of: "0.9.0", previous: "2.0.0" },
    { name: "of a pre-release below all others too", versions: { "1.0.0": 90, "1.0.0-rc.1": 0 }, of: "1.0.0-rc.1", previous: "1.0.0" },
    { name: "goes by versions where times are missing", versions: { "1.0.0": null, "1.0.1": null, "1.0.2": null }, of: "1.0.1", previous: "1.0.0" },
    { name: "is no version that is none", versions: { "not-a-version": 90, "1.0.1": 0 }, of: "1.0.1", previous: null },
  ])("$name", async ({ versions, of = "", previous }) => {
    const world = worldWith()
    for (const [version, days] of Object.entries(versions)) put(world, version, days)
    expect((await look(world, of)).previous?.version ?? null).toBe(previous)
  })

  test("the gap is to the newest earlier version of any line", async () => {
    const world = worldWith()
    for (const [version, days] of [["1.0.0", 900], ["2.0.0", 100], ["1.0.1", 0]] as const) put(world, version, days)
    expect(await look(world, "1.0.1")).toMatchObject({ gap: 100 * DAY, previous: { version: "1.0.0" } })
  })
  test("times with an offset are times; others are none", async () => {
    const world = worldWith()
    put(world, "1.0.0", 30)
    world.registry.versions.get("fixture@1.0.0")!.time = "2025-11-01T02:00:00+02:00"
    put(world, "1.0.1", 0)
    world.registry.versions.get("fixture@1.0.1")!.time = "2026-01-01T00:00:00.123456+00:00"
    expect(await look(world, "1.0.1")).toMatchObject({ createdAt: Date.parse("2025-11-01T00:00:00Z") / 1000, gap: 61 * DAY })
    for (const time of ["2026-01-01", "Thu, 01 Jan 2026 00:00:00 GMT", "2026-01-01T00:00:00", 5, null]) {
      const other = worldWith()
      put(other, "1.0.0", 30)
      put(other, "1.0.1", 0)
      other.registry.versions.get("fixture@1.0.1")!.time = time
      expect(await look(other, "1.0.1")).toMatchObject({ gap: null, burst: null, previous: { version: "1.0.0" } })
    }
  })
})

describe("the publisher", () => {
  const trusted = (id: string) => ({ name: "CI of the forge", email: "ci@forge.example", trustedPublisher: { id: "forge", oidcConfigId: id } })
  test.each<{ name: string; earlier: readonly (readonly [string, number, Given["by"]])[]; now: Given["by"]; maintainers?: unknown; standing: string }>([
    { name: "is that of the previous version", earlier: [["1.0.0", 30, "ann"]], now: "ann", standing: "same" },
    { name: "published before", earlier: [["0.9.0", 60, "bob"], ["1.0.0", 30, "ann"]], now: "bob", standing: "earlier" },
    { name: "published before, but not a week ago", earlier: [["0.9.0", 60, "ann"], ["1.0.0", 2, "eve"]], now: "eve", standing: "new" },
    { name: "was a maintainer by then", earlier: [["1.0.0", 30, "ann"]], now: "bob", maintainers: [{ name: "ann" }, { name: "bob" }], standing: "maintainer" },
    { name: "was one, as texts of old say it", earlier: [["1.0.0", 30, "ann"]], now: "bob", maintainers: ["bob <bob@people.example>"], standing: "maintainer" },
    { name: "is nobody known", earlier: [["1.0.0", 30, "ann"]], now: "eve", standing: "new" },
    { name: "is not named", earlier: [["1.0.0", 30, "ann"]], now: null, standing: "unknown" },
    { name: "is the first who is named", earlier: [["1.0.0", 30, null]], now: "ann", standing: "unknown" },
    { name: "has a name that is no text", earlier: [["1.0.0", 30, "ann"]], now: { name: 5 }, standing: "unknown" },
    { name: "is the continuous integration that it was", earlier: [["1.0.0", 30, trusted("a")]], now: trusted("a"), standing: "same" },
    { name: "is continuous integration of somebody else, under the name that all share", earlier: [["1.0.0", 30, trusted("a")]], now: trusted("b"), standing: "new" },
    { name: "is no maintainer for bearing the name that all share", earlier: [["1.0.0", 30, "ann"]], now: trusted("b"), maintainers: [{ name: "CI of the forge" }], standing: "new" },
  ])("$name: $standing", async ({ earlier, now, maintainers, standing }) => {
    const world = worldWith()
    for (const [version, days, by] of earlier) put(world, version, days, { by: by ?? null, ...(maintainers === undefined ? {} : { claims: { maintainers } }) })
    put(world, "1.0.1", 0, { by: now ?? null })
    expect((await look(world, "1.0.1")).publisher).toBe(standing)
  })

  test.each<{ name: string; before: Given; now: Given; changed: string[] }>([
    { name: "an account with an address of another domain", before: {}, now: { by: { name: "ann", email: "ann@evil.example" } }, changed: ["publisher-domain"] },
    { name: "another address of the same domain", before: {}, now: { by: { name: "ann", email: "new@PEOPLE.example" } }, changed: [] },
    { name: "a domain that maintainers' entries knew", before: { claims: { maintainers: [{ name: "ann", email: "ann@home.example" }] } }, now: { by: { name: "ann", email: "ann@home.example" } }, changed: [] },
    { name: "another account", before: {}, now: { by: { name: "bob", email: "bob@evil.example" } }, changed: [] },
    { name: "no address before", before: { by: { name: "ann" }, claims: { maintainers: [{ name: "ann" }] } }, now: { by: { name: "ann", email: "ann@evil.example" } }, changed: [] },
    { name: "the name that all share, with another address", before: { by: { ...trusted("a"), email: "ci@old.example" } }, now: { by: trusted("a") }, changed: [] },
    { name: "no address now", before: {}, now: { by: { name: "ann" } }, changed: [] },
    { name: "an address that is none", before: {}, now: { by: { name: "ann", email: "ann at evil.example" } }, changed: [] },
  ])("$name: $changed", async ({ before, now, changed }) => {
    expect((await after(before, now)).changed).toEqual(changed)
  })

  test("no e-mail address gets into a statement", async () => {
    const world = worldWith({ domains: fixedDomains({ "people.example": "lapsed" }) })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0, { by: { name: "ann", email: "secret.address@people.example" } })
    expect((await look(world, "1.0.1")).lapsedDomains).toEqual(["people.example"])
    expect(Buffer.from(world.log.entries[0]?.bytes ?? []).toString("utf8")).not.toMatch(/secret\.address|ann@/)
  })
})

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

describe("provenance", () => {
  const provenance = (more: Partial<Provenance> = {}): Provenance => ({
    bundle: "ab".repeat(32), predicateType: "https://slsa.dev/provenance/v1", issuer: "https://token.forge.example", san: "https://forge.example/a/b", repository: "https://forge.example/a/b", repositoryId: "1", ownerId: "2",
    commit: "0123456789abcdef0123456789abcdef01234567", ref: "refs/heads/main", workflow: ".ci/release.yml", trigger: "push", builder: "https://github.com/actions/runner/github-hosted", runner: "github-hosted", signedAt: T,
    inputs: [{ uri: "git+https://forge.example/x@refs/tags/v1", digest: `sha256:${"a".repeat(64)}` }], ...more,
  })
  /** A verifier that finds what it is told for each version. */
  const verifier = (by: Readonly<Record<string, Provenance | null>>): Partial<AttesterOptions> => ({
    upstream: { verifyUpstream: ({ version, announced }) => ({ upstream: { ...NO_UPSTREAM, provenance: announced === undefined ? null : by[version] ?? null }, bundles: [], details: [] }) },
  })
  const between = async (before: Provenance, now: Provenance, isObservedFirst = false) => {
    const world = worldWith({}, verifier({ "1.0.0": before, "1.0.1": now }))
    put(world, "1.0.0", 30, { attested: true })
    if (isObservedFirst) await look(world, "1.0.0")
    put(world, "1.0.1", 0, { attested: true })
    return look(world, "1.0.1")
  }

  test.each<{ name: string; before?: Partial<Provenance>; now: Partial<Provenance>; changed: string[] }>([
    { name: "nothing but commit, ref and time", now: { commit: "f".repeat(39) + "0", ref: "refs/tags/v2", signedAt: T + 1, bundle: "cd".repeat(32), san: "x" }, changed: [] },
    { name: "another repository by its id", now: { repositoryId: "9" }, changed: ["repository"] },
    { name: "another name for the repository with that id", now: { repository: "https://forge.example/a/renamed" }, changed: [] },
    { name: "another address where ids are missing", before: { repositoryId: null }, now: { repository: "https://forge.example/a/other" }, changed: ["repository"] },
    { name: "another spelling of it", before: { repositoryId: null }, now: { repository: "https://forge.example/A/b" }, changed: [] },
    { name: "another owner", now: { ownerId: "9" }, changed: ["owner"] },
    { name: "an owner that an old certificate did not name", before: { ownerId: null }, now: {}, changed: [] },
    { name: "another workflow", now: { workflow: ".ci/other.yml" }, changed: ["workflow"] },
    { name: "another builder", now: { builder: "https://forge.example/builder" }, changed: ["builder"] },
    { name: "a machine of one's own", now: { builder: "https://github.com/actions/runner/self-hosted" }, changed: ["builder"] },
    { name: "a builder as it was named before", before: { builder: "https://github.com/actions/runner" }, now: {}, changed: [] },
    { name: "the publishing tool as builder, as in the first year", before: { builder: "https://github.com/npm/cli@9.5.0" }, now: {}, changed: [] },
    { name: "another release of a builder", before: { builder: "https://forge.example/x/.ci/build.yml@refs/tags/v1.6.0" }, now: { builder: "https://forge.example/x/.ci/build.yml@refs/tags/v2.0.0" }, changed: [] },
    { name: "another digest behind an input's address", now: { inputs: [{ uri: "git+https://forge.example/x@refs/tags/v1", digest: `sha256:${"b".repeat(64)}` }] }, changed: ["inputs"] },
    { name: "another input", now: { inputs: [{ uri: "git+https://forge.example/x@refs/tags/v2", digest: `sha256:${"b".repeat(64)}` }] }, changed: [] },
    { name: "all of it", now: { repositoryId: "9", ownerId: "9", workflow: null, builder: "https://forge.example/builder" }, changed: ["builder", "owner", "repository"] },
  ])("$name: $changed", async ({ before, now, changed }) => {
    expect((await between(provenance(before), provenance(now))).changed).toEqual(changed)
    expect((await between(provenance(before), provenance(now), true)).changed).toEqual(changed)
  })

  test.each<{ name: string; prepare: (world: World) => void; isAnnounced?: boolean; standing: string }>([
    { name: "verified now", prepare: () => undefined, standing: "verified" },
    { name: "announced and not there", prepare: (world) => { world.registry.attested.clear() }, standing: "claimed" },
    { name: "announced and not to be fetched", prepare: (world) => { world.registry.before = async (what) => { if (what === "attestations") throw new VouchsafeError("UNREACHABLE", "cut") } }, standing: "claimed" },
    { name: "never announced", prepare: () => undefined, isAnnounced: false, standing: "none" },
  ])("of the previous version: $name", async ({ prepare, isAnnounced = true, standing }) => {
    const world = worldWith({}, verifier({ "1.0.0": provenance() }))
    put(world, "1.0.0", 30, isAnnounced ? { attested: true } : {})
    put(world, "1.0.1", 0)
    prepare(world)
    expect((await look(world, "1.0.1")).previous?.provenance).toBe(standing)
  })
  test("of the previous version: announced, and refused when it is verified", async () => {
    const world = worldWith({}, verifier({}))
    put(world, "1.0.0", 30, { attested: true })
    put(world, "1.0.1", 0)
    expect((await look(world, "1.0.1")).previous?.provenance).toBe("claimed")
  })
  test("an account's new e-mail domain is no change where provenance verified", async () => {
    const world = worldWith({}, verifier({ "1.0.1": provenance() }))
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0, { attested: true, by: { name: "ann", email: "ann@elsewhere.example" } })
    expect((await look(world, "1.0.1")).changed).toEqual([])
  })
})

describe("the source", () => {
  const HOME = "git+https://git.example/ann/fixture.git"
  const [A, B, C] = ["a", "b", "c"].map((letter) => letter.repeat(40)) as [string, string, string]
  test.each<{ name: string; tags?: Record<string, string>; heads?: string[]; others?: Parameters<typeof fixedRefs>[0]; before?: Given; now?: Given; states: [string, string] }>([
    { name: "has tags of both", tags: { "v1.0.0": A, "v1.0.1": B }, states: ["found", "found"] },
    { name: "has a tag with the package's name", tags: { "v1.0.0": A, "fixture@1.0.1": B }, states: ["found", "found"] },
    { name: "has no tag of this one", tags: { "v1.0.0": A }, states: ["found", "absent"] },
    { name: "has tags of neither", tags: { v9: A }, states: ["absent", "absent"] },
    { name: "has a tag that only looks like it", tags: { "v1.0.0": A, "v1.0.10": B, "v11.0.1": B }, states: ["found", "absent"] },
    { name: "has the commit at the end of a branch", tags: { "v1.0.0": A }, heads: [C], now: { claims: { gitHead: C } }, states: ["found", "found"] },
    { name: "has the commit behind another tag", tags: { "v1.0.0": A, latest: C }, now: { claims: { gitHead: C } }, states: ["found", "found"] },
    { name: "has the commit of the version before, which speaks for that one", tags: { "v1.0.0": A }, heads: [A], before: { claims: { gitHead: A } }, now: { claims: { gitHead: A } }, states: ["found", "absent"] },
    { name: "is named elsewhere now, and looked for at home", tags: { "v1.0.0": A }, others: { "https://git.example/eve/fixture": { tags: { "v1.0.1": B } } }, now: { manifest: { repository: "https://git.example/eve/fixture" } }, states: ["found", "absent"] },
    { name: "moved to another repository of the same owner", tags: { "v1.0.0": A }, others: { "https://git.example/ann/all": { tags: { "fixture@1.0.1": B } } }, now: { manifest: { repository: "https://git.example/ann/all" } }, states: ["found", "found"] },
    { name: "is named no more, and looked for at home", tags: { "v1.0.0": A }, now: { manifest: { repository: null } }, states: ["found", "absent"] },
  ])("$name", async ({ tags = {}, heads = [], others = {}, before = {}, now = {}, states }) => {
    const history = await after(before, now, { refs: fixedRefs({ [HOME]: { tags, heads }, ...others }) })
    expect([history.previous?.source, history.source]).toEqual(states)
  })
  test("that is not there yet is waited for a quarter of an hour, and then said to be absent, once", async () => {
    const refs = { [HOME]: { tags: { "v1.0.0": A } } }
    const world = worldWith({ refs: fixedRefs(refs) })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0)
    const observe = () => world.attester.observe({ purl: npmPurl("fixture", "1.0.1"), registry: REGISTRY })
    world.clock.now = (T + 60) * 1000
    expect(await observe()).toMatchObject({ status: "refused", code: "SOURCE_PENDING", detail: expect.stringContaining("looked at again in 14 min") as string })
    world.clock.now = (T + 899) * 1000
    expect(await observe()).toMatchObject({ status: "refused", code: "SOURCE_PENDING", detail: expect.stringContaining("in 1 min") as string })
    world.clock.now = (T + 900) * 1000
    expect((await look(world, "1.0.1")).source).toBe("absent")
  })
  test("a tag that is pushed after publishing is found", async () => {
    const tags: Record<string, string> = { "v1.0.0": A }
    const world = worldWith({ refs: { list: (...query) => fixedRefs({ [HOME]: { tags: { ...tags } } }).list(...query) } })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0)
    world.clock.now = (T + 60) * 1000
    expect(await world.attester.observe({ purl: npmPurl("fixture", "1.0.1"), registry: REGISTRY })).toMatchObject({ code: "SOURCE_PENDING" })
    tags["v1.0.1"] = B
    expect((await look(world, "1.0.1")).source).toBe("found")
  })
  test.each<{ name: string; now: Given; tags: Record<string, string> }>([
    { name: "which earlier versions had not either", now: {}, tags: { v9: A } },
    { name: "which is there", now: {}, tags: { "v1.0.0": A, "v1.0.1": B } },
  ])("is not waited for: $name", async ({ now, tags }) => {
    const world = worldWith({ refs: fixedRefs({ [HOME]: { tags } }) })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0, now)
    world.clock.now = (T + 60) * 1000
    expect(await world.attester.observe({ purl: npmPurl("fixture", "1.0.1"), registry: REGISTRY })).toMatchObject({ status: "observed" })
  })
  test("nobody could look", async () => {
    const history = await after({}, {}, { refs: fixedRefs({}) })
    expect([history.previous?.source, history.source]).toEqual(["unknown", "unknown"])
  })
})

describe("domains of maintainers", () => {
  const people = { maintainers: [{ name: "ann", email: "ann@people.example" }, { name: "bob", email: "bob@gone.example" }, { name: "cy", email: "cy@gone.example" }, { name: "dee", email: "dee@sold.example" }, { name: "x", email: "x@localhost" }, { name: "y", email: "y@127.0.0.1" }, { name: "z", email: 5 }, "no object"] }
  test.each<{ name: string; states: Parameters<typeof fixedDomains>[0]; expected: string[] }>([
    { name: "all resolve", states: {}, expected: [] },
    { name: "one does not exist", states: { "gone.example": "lapsed" }, expected: ["gone.example"] },
    { name: "nobody could tell", states: { "gone.example": "unknown", "sold.example": "unknown" }, expected: [] },
    { name: "one was registered since the previous version", states: { "sold.example": { state: "resolves", registeredAt: T - DAY } }, expected: ["sold.example"] },
    { name: "one was registered before it", states: { "sold.example": { state: "resolves", registeredAt: T - 31 * DAY } }, expected: [] },
    { name: "two, in order", states: { "sold.example": "lapsed", "gone.example": "lapsed" }, expected: ["gone.example", "sold.example"] },
  ])("$name", async ({ states, expected }) => {
    const domains = fixedDomains(states)
    expect((await after({}, { claims: people }, { domains })).lapsedDomains).toEqual(expected)
    expect([...domains.asked].sort()).toEqual(["gone.example", "people.example", "sold.example"])
  })
})

test("nothing of a private registry is looked up elsewhere", async () => {
  const [domains, refs] = [fixedDomains({ "people.example": "lapsed" }), fixedRefs({ "git+https://git.example/ann/fixture.git": { tags: { "v1.0.0": "a".repeat(40) } } })]
  expect(await after({}, {}, { domains, refs, isPublic: () => false })).toMatchObject({ source: "unknown", lapsedDomains: [] })
  expect([domains.asked.size, refs.asked]).toEqual([0, []])
})

describe("a name that resembles another", () => {
  const lookalike = (name: string) => (name === "fixture" ? { target: "fixtures", kind: "plural" as const } : null)
  const of = async (days: number, target: Record<string, unknown> | undefined) => {
    const world = worldWith({ lookalike })
    if (target !== undefined) world.publish({ name: "fixtures", version: "1.0.0", manifest: target })
    put(world, "1.0.0", days)
    put(world, "1.0.1", 0)
    return (await look(world, "1.0.1")).lookalike
  }
  test("of nobody known, of the same hands, of nobody who could be looked up", async () => {
    expect(await of(30, { maintainers: [{ name: "eve" }] })).toEqual({ target: "fixtures", kind: "plural", isKin: false })
    expect(await of(30, { maintainers: [{ name: "eve" }, { name: "ann" }] })).toEqual({ target: "fixtures", kind: "plural", isKin: true })
    expect(await of(30, undefined)).toEqual({ target: "fixtures", kind: "plural", isKin: false })
  })
  test("a package that has been there for a year is nobody's lookalike", async () => {
    expect(await of(400, { maintainers: [{ name: "eve" }] })).toBeNull()
  })
})

describe("since when a version is there", () => {
  test("this attester read the packument before it came, with a quarter of an hour for caches", async () => {
    const world = worldWith({ store: memoryHistoryStore() })
    put(world, "1.0.0", 30)
    world.clock.now = (T - 10 * DAY) * 1000
    await look(world, "1.0.0")
    put(world, "1.0.1", 20)
    world.clock.now = T * 1000
    expect((await look(world, "1.0.1")).notBefore).toBe(T - 10 * DAY - 900)
  })
  test("it never did", async () => {
    expect((await after({}, {}, { store: memoryHistoryStore() })).notBefore).toBeNull()
  })
})

test("what fails costs no observation, but for the packument", async () => {
  const fails = () => Promise.reject(new VouchsafeError("DISK", "gone"))
  expect(await after({}, {}, { store: { record: fails, countPackages: fails } })).toMatchObject({ notBefore: null, burst: { packages: 0 } })
  const world = worldWith()
  put(world, "1.0.0", 30)
  put(world, "1.0.1", 0)
  world.registry.before = async (what) => { if (what === "overview") throw new VouchsafeError("UNREACHABLE", "cut") }
  expect(await world.attester.observe({ purl: npmPurl("fixture", "1.0.1"), registry: REGISTRY })).toMatchObject({ status: "refused", code: "UNREACHABLE" })
  world.registry.before = async () => undefined
  world.registry.packument = async () => ({ readAt: 0, publishers: new Map(), times: new Map(), maintainers: undefined, repository: undefined })
  expect(await world.attester.observe({ purl: npmPurl("fixture", "1.0.1"), registry: REGISTRY })).toMatchObject({ status: "refused", code: "UPSTREAM_FAILED" })
  expect(world.log.entries).toEqual([])
})
