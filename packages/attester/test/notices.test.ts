import { VouchsafeError } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { ARTIFACT, createWorld, digestsOf, distOf, fixtureTgz, NOTICES_ORIGIN, REGISTRY, type World } from "./support/world.ts"

const SHA512 = "ab".repeat(64)

/** A world in which the fixture was observed, then changed by the registry. */
async function changedWorld(content: string | undefined): Promise<{ world: World, first: string, other: string }> {
  const world = createWorld()
  const first = digestsOf(world.publish().bytes).sha512
  await world.attester.observe(ARTIFACT)
  const bytes = fixtureTgz({ name: "fixture", version: "1.0.0" }, content)
  if (content !== undefined) world.publish({ bytes })
  return { world, first, other: digestsOf(bytes).sha512 }
}

describe("THREATS A3: other bytes for an observed version", () => {
  test("make a conflict notice and never a second observation", async () => {
    const { world, first, other } = await changedWorld("module.exports = 2\n")
    world.clock.now += 5000
    expect(await world.attester.recheck(ARTIFACT)).toEqual({ status: "conflict", index: 0, notice: 0 })
    expect(world.notice(0)).toEqual({
      purl: ARTIFACT.purl, registry: REGISTRY, sha512: first, log: NOTICES_ORIGIN, notice: "conflict", other, time: 1_770_000_005, reason: expect.stringContaining("other bytes"),
    })
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(world.log.entries).toHaveLength(1)
  })

  test("make one notice for each other digest, however often they are seen", async () => {
    const { world } = await changedWorld("module.exports = 2\n")
    const seen = []
    for (const content of ["2", "2", "3", "2", "3"]) {
      world.publish({ bytes: fixtureTgz({ name: "fixture", version: "1.0.0" }, content) })
      seen.push(await world.attester.recheck(ARTIFACT))
    }
    expect(seen.map((result) => "notice" in result && result.notice)).toEqual([0, 0, 1, 0, 1])
    expect(world.notices.entries).toHaveLength(2)
    expect(world.log.entries).toHaveLength(1)
  })

  test("count also when they are no readable tarball", async () => {
    const { world } = await changedWorld(undefined)
    const bytes = Buffer.from("no tarball")
    world.publish({ bytes, manifest: { dist: { ...distOf(bytes), tarball: `${REGISTRY}other.tgz` } } })
    expect(await world.attester.recheck(ARTIFACT)).toMatchObject({ status: "conflict" })
  })

  test.each([
    { name: "the same bytes", change: () => undefined, expected: { status: "observed", index: 0 } },
    { name: "a version taken away", change: (world: World) => { world.registry.versions.clear() }, expected: { status: "absent" } },
    { name: "bytes that are not what the packument says", change: (world: World) => { world.publish({ bytes: fixtureTgz(undefined, "3"), manifest: { dist: distOf(fixtureTgz()) } }) }, expected: { status: "refused", code: "UPSTREAM_FAILED" } },
    { name: "a failing registry", change: (world: World) => { world.registry.before = async () => { throw new VouchsafeError("UNREACHABLE", "gone") } }, expected: { status: "refused", code: "UNREACHABLE" } },
  ])("are not claimed for $name", async ({ change, expected }) => {
    const { world } = await changedWorld(undefined)
    change(world)
    expect(await world.attester.recheck(ARTIFACT)).toMatchObject(expected)
    expect(world.notices.entries).toEqual([])
  })

  test("rechecking what was never observed observes it", async () => {
    const world = createWorld()
    world.publish()
    expect(await world.attester.recheck(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(await world.attester.recheck({ ...ARTIFACT, registry: "https://other.example/" })).toMatchObject({ code: "WRONG_REGISTRY" })
  })
})

describe("withdrawals and reversals", () => {
  const withdraw = (world: World, change: object = {}) => world.attester.withdraw({ ...ARTIFACT, sha512: SHA512, reason: "steals tokens", ...change })

  test.each([
    { name: "a short digest", change: { sha512: "ab" }, says: "128" },
    { name: "a digest in capitals", change: { sha512: SHA512.toUpperCase() }, says: "128" },
    { name: "no reason", change: { reason: " " }, says: "reason" },
    { name: "a reason over 500 characters", change: { reason: "x".repeat(501) }, says: "reason" },
    { name: "a reason that moves the cursor", change: { reason: "\u001b[2J" }, says: "reason" },
    { name: "no purl", change: { purl: "fixture@1.0.0" }, says: "purl" },
    { name: "a registry that is none", change: { registry: "npm" }, says: "registry" },
  ])("refuses a withdrawal with $name", async ({ change, says }) => {
    const world = createWorld()
    await expect(withdraw(world, change)).rejects.toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) }))
    expect(world.notices.entries).toEqual([])
  })

  test("withdraws once, reverses once, withdraws again", async () => {
    const world = createWorld()
    expect(await withdraw(world)).toEqual({ index: 0 })
    expect(await withdraw(world, { reason: "again" })).toEqual({ index: 0 })
    expect(await withdraw(world, { sha512: "cd".repeat(64) })).toEqual({ index: 1 })
    expect(await world.attester.reverse({ index: 0, reason: "a false alarm" })).toEqual({ index: 2 })
    expect(await world.attester.reverse({ index: 0, reason: "again" })).toEqual({ index: 2 })
    expect(await withdraw(world)).toEqual({ index: 3 })
    expect(world.notice(0)).toMatchObject({ notice: "withdrawal", sha512: SHA512, reason: "steals tokens", log: NOTICES_ORIGIN })
    expect(world.notice(2)).toMatchObject({ notice: "reversal", reverses: 0, sha512: SHA512, purl: ARTIFACT.purl, registry: REGISTRY })
  })

  test.each([
    { name: "an entry that is not there", index: 9, code: "NOT_FOUND" },
    { name: "an index below zero", index: -1, code: "REQUEST_MALFORMED" },
    { name: "an index that is no whole number", index: 0.5, code: "REQUEST_MALFORMED" },
    { name: "a reversal", index: 1, code: "REQUEST_MALFORMED" },
    { name: "another attester's notice", index: 2, code: "REQUEST_MALFORMED" },
    { name: "an entry that is no notice", index: 3, code: "REQUEST_MALFORMED" },
  ])("refuses to reverse $name", async ({ index, code }) => {
    const world = createWorld()
    await withdraw(world)
    await world.attester.reverse({ index: 0, reason: "a false alarm" })
    const own = Buffer.from(world.notices.entries[0]?.bytes as Uint8Array).toString("utf8")
    await world.notices.append([{ bytes: Buffer.from(own.replaceAll(NOTICES_ORIGIN, "mallory.example/notices")), keys: ["x"] }, { bytes: Buffer.from("{}"), keys: ["x"] }])
    await expect(world.attester.reverse({ index, reason: "why not" })).rejects.toThrow(expect.objectContaining({ code }))
    expect(world.notices.entries).toHaveLength(4)
  })

  test("a conflict can be reversed too, and does not come back for the same digest", async () => {
    const { world } = await changedWorld("module.exports = 2\n")
    await world.attester.recheck(ARTIFACT)
    expect(await world.attester.reverse({ index: 0, reason: "the registry repaired it" })).toEqual({ index: 1 })
    expect(await world.attester.recheck(ARTIFACT)).toEqual({ status: "conflict", index: 0, notice: 0 })
    expect(world.notices.entries).toHaveLength(2)
  })

  test("many at once make one notice each", async () => {
    const world = createWorld()
    const indices = await Promise.all(Array.from({ length: 20 }, (_, i) => withdraw(world, { sha512: (i % 2 === 0 ? "ab" : "cd").repeat(64) })))
    expect(new Set(indices.map(({ index }) => index))).toEqual(new Set([0, 1]))
    expect(world.notices.entries).toHaveLength(2)
  })

  test("a failed append does not block the next notice", async () => {
    const world = createWorld()
    world.notices.beforeAppend = async () => { throw new VouchsafeError("DISK", "disk full") }
    await expect(withdraw(world)).rejects.toThrow(expect.objectContaining({ code: "DISK" }))
    world.notices.beforeAppend = async () => undefined
    expect(await withdraw(world)).toEqual({ index: 0 })
  })
})
