import { npmPurl, VouchsafeError } from "@vouchsafe/core"
import { fixedDomains, fixedRefs, memoryHistoryStore } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { after, DAY, look, put, T, worldWith } from "./support/history.ts"
import { REGISTRY } from "./support/world.ts"

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
