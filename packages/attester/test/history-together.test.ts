/** What several packages, versions and attesters have to do with each other: bursts, and equal inputs. */
import { type History, npmPurl, utf8Decode } from "@vouchsafe/core"
import { fixedDomains, fixedRefs, memoryHistoryStore } from "@vouchsafe/testkit"
import { archive, entry, packageJson, tgz } from "@vouchsafe/testkit/tar"
import { describe, expect, test } from "vitest"
import { DAY, look, T } from "./support/history.ts"
import { createWorld, distOf, REGISTRY, type World } from "./support/world.ts"

/** A world whose clock stands at the last release. */
function world(more: Parameters<typeof createWorld>[0] = {}): World {
  const made = createWorld({ history: { store: memoryHistoryStore() }, ...more })
  made.clock.now = T * 1000
  return made
}

function put(into: World, name: string, version: string, at: number, by: unknown = "ann"): void {
  const bytes = tgz(archive(packageJson({ name, version }), entry("package/index.js", `${version}\n`)))
  into.publish({
    name, version, bytes, time: new Date(at * 1000).toISOString(),
    manifest: { _npmUser: typeof by === "string" ? { name: by } : by, maintainers: [{ name: "ann" }], dist: { ...distOf(bytes), tarball: `${REGISTRY}${name}/-/${version}.tgz` } },
  })
}

const artifact = (name: string, version: string) => ({ purl: npmPurl(name, version), registry: REGISTRY })

describe("release lines of one package within minutes", () => {
  test.each<{ name: string; versions: readonly (readonly [string, number, unknown?])[]; of: string; burst: object | null }>([
    { name: "three majors", versions: [["1.0.0", -90], ["2.0.0", -60], ["3.0.0", -40], ["1.0.1", 0], ["2.0.1", 0], ["3.0.1", 0]], of: "3.0.1", burst: { lines: 2, packages: 0, isHabit: false } },
    { name: "minors below 1 are lines", versions: [["0.7.0", -90], ["0.8.0", -60], ["1.0.0", -40], ["0.7.1", 0], ["0.8.1", 0], ["1.0.1", 0]], of: "1.0.1", burst: { lines: 2, packages: 0, isHabit: false } },
    { name: "several of one line", versions: [["1.0.0", -90], ["1.0.1", 0], ["1.0.2", 0], ["1.1.0", 0]], of: "1.1.0", burst: { lines: 0, packages: 0, isHabit: false } },
    { name: "of another publisher", versions: [["1.0.0", -90], ["1.0.1", 0], ["2.0.1", 0, "bob"], ["3.0.1", 0, "bob"]], of: "1.0.1", burst: { lines: 0, packages: 0, isHabit: false } },
    { name: "as it always was", versions: [["1.0.0", -90], ["2.0.0", -90], ["3.0.0", -90], ["1.0.1", 0], ["2.0.1", 0], ["3.0.1", 0]], of: "2.0.1", burst: { lines: 2, packages: 0, isHabit: true } },
    { name: "as it was once, days ago", versions: [["0.0.1", -90], ["1.0.0", -3], ["2.0.0", -3], ["3.0.0", -3], ["1.0.1", 0], ["2.0.1", 0], ["3.0.1", 0]], of: "2.0.1", burst: { lines: 2, packages: 0, isHabit: false } },
    { name: "of a new package", versions: [["1.0.0", 0], ["2.0.0", 0], ["3.0.0", 0]], of: "1.0.0", burst: null },
  ])("$name", async ({ versions, of, burst }) => {
    const at = world()
    for (const [i, [version, days, by]] of versions.entries()) put(at, "fixture", version, T + days * DAY - versions.length + i, by ?? "ann")
    expect((await look(at, of, "fixture")).burst).toEqual(burst)
  })
})

describe("packages of one publisher within minutes", () => {
  const names = Array.from({ length: 8 }, (_, i) => `p${i}`)
  function burst(by: unknown = "ann", earlier = 30): World {
    const at = world()
    for (const [i, name] of names.entries()) {
      put(at, name, "1.0.0", T - (earlier + i * 3) * DAY, by)
      put(at, name, "1.0.1", T - i * 10, by)
    }
    return at
  }
  test("observations that run together know of each other, the first one too", async () => {
    const at = burst()
    const all = names.map((name) => artifact(name, "1.0.1"))
    const looks = all.map((one) => at.attester.observe(one))
    at.attester.expect(all)
    const results = await Promise.all(looks)
    expect(results.map((result) => (result.status === "observed" ? at.observation(result.index).history.burst : result))).toEqual(names.map(() => ({ lines: 0, packages: 7, isHabit: false })))
  })
  test("one that nobody expected knows of those that came before it", async () => {
    const at = burst()
    expect((await look(at, "1.0.1", "p0")).burst).toMatchObject({ packages: 0 })
    expect((await look(at, "1.0.1", "p1")).burst).toMatchObject({ packages: 1 })
  })
  test("what is expected may fail, be none of ours or nothing at all", async () => {
    const at = burst()
    at.attester.expect([{ purl: "no purl", registry: REGISTRY }, { ...artifact("p1", "1.0.1"), registry: "https://other.example/" }, artifact("nowhere", "1.0.0"), artifact("p1", "1.0.1")])
    expect((await look(at, "1.0.1", "p0")).burst).toMatchObject({ packages: 1 })
  })
  test("an old version does not wait for what is expected", async () => {
    const at = burst("ann", 300)
    let open = (): void => undefined
    const door = new Promise<void>((resolve) => { open = resolve })
    const packument = at.registry.packument
    at.registry.packument = async (query) => { if (query.name !== "p0") await door; return packument(query) }
    at.attester.expect(names.map((name) => artifact(name, "1.0.0")))
    expect(await look(at, "1.0.0", "p0")).toMatchObject({ previous: null })
    open()
  })
  test("a family that always comes together has the habit", async () => {
    const at = world()
    for (const [i, name] of names.entries()) for (const [version, days] of [["1.0.0", 60], ["1.1.0", 30], ["1.2.0", 0]] as const) put(at, name, version, T - days * DAY - i)
    at.attester.expect(names.map((name) => artifact(name, "1.2.0")))
    expect((await look(at, "1.2.0", "p3")).burst).toEqual({ lines: 0, packages: 7, isHabit: true })
  })
  test("those who share a name are not one", async () => {
    const at = burst({ name: "CI of the forge", trustedPublisher: { id: "forge", oidcConfigId: "one" } })
    at.attester.expect(names.map((name) => artifact(name, "1.0.1")))
    expect((await look(at, "1.0.1", "p3")).burst).toMatchObject({ packages: 0 })
  })
})

test("two attesters with equal inputs and stores write equal statements, but for their logs", async () => {
  const written = await Promise.all(["alpha.example/log", "beta.example/log"].map(async (origin) => {
    const at = createWorld({ origin, history: { store: memoryHistoryStore(), domains: fixedDomains({ "gone.example": "lapsed" }), refs: fixedRefs({ "ann/fixture": { tags: { "v1.0.0": "a".repeat(40) } } }), lookalike: () => ({ target: "fixtures", kind: "plural" }) } })
    at.clock.now = (T + DAY) * 1000
    const manifest = { repository: "ann/fixture", maintainers: [{ name: "ann", email: "ann@gone.example" }] }
    at.publish({ version: "1.0.0", time: new Date((T - 30 * DAY) * 1000).toISOString(), manifest })
    at.publish({ version: "1.0.1", time: new Date(T * 1000).toISOString(), manifest: { ...manifest, scripts: { postinstall: "x", install: "y" }, dependencies: { z: "^1", a: "x/y", m: "^2" }, _npmUser: { name: "eve", email: "eve@evil.example" } } })
    const result = await at.attester.observe(artifact("fixture", "1.0.1"))
    if (result.status !== "observed") throw new Error(JSON.stringify(result))
    const { commitment } = at.observation(result.index).tarball
    return utf8Decode(at.log.entries[result.index]?.bytes as Uint8Array).replaceAll(origin, "<log>").replace(commitment, "<commitment>")
  }))
  expect(written[0]).toContain('"publisher":"new"')
  expect(written[0]).toContain('"lapsedDomains":["gone.example"]')
  expect(written[1]).toBe(written[0])
})
