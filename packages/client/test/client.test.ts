/** What no node is asked about: mistakes of the caller's, names of no package, and clients that break. */
import { describe, expect, test } from "vitest"
import { REGISTRY, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, said } from "./support/world.ts"

describe("the caller's mistakes", () => {
  test.each([
    { name: "no array", requests: "pkg:npm/a@1.0.0" },
    { name: "no object", requests: [null] },
    { name: "no registry", requests: [{ purl: "pkg:npm/a@1.0.0" }] },
    { name: "digest is bytes", requests: [{ purl: "pkg:npm/a@1.0.0", registry: REGISTRY, sha512: new Uint8Array(64) }] },
  ])("$name: TypeError", async ({ requests }) => {
    await expect(makeWorld().client.check(requests as never)).rejects.toBeInstanceOf(TypeError)
  })
  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])("budget %s: TypeError", async (budgetMs) => {
    await expect(makeWorld().client.check([], { budgetMs })).rejects.toBeInstanceOf(TypeError)
  })
})

describe("what is nobody's package", () => {
  test.each(["a@1.0.0", "pkg:npm/a", "pkg:npm/@s/a@1.0.0", "pkg:npm/a@1.0.0?x=1", "pkg:pypi/a@1.0.0", "", "pkg:npm/a@1.0.0#x"])("%j is refused and never sent", async (purl) => {
    const world = makeWorld()
    const { verdicts } = await world.check({ purl, registry: REGISTRY, sha512: sha512Of("x") })
    expect(verdicts[0]?.ok).toBe(false)
    expect(world.network.sent).toEqual([])
  })
})

describe("a broken client refuses", () => {
  const broken = () => { throw new Error("kaputt") }
  test.each([
    { name: "cache that throws", part: { cache: { read: broken, write: broken } } },
    { name: "transport that throws something else", part: { transport: { request: broken } } },
    { name: "clock that gives NaN", part: { clock: { nowMs: () => Number.NaN } } },
    { name: "progress that throws", part: { onProgress: broken } },
  ])("$name", async ({ part }) => {
    const world = makeWorld()
    world.client = world.clientWith(part)
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts.map(outcome)).toEqual(["CONFIG_INVALID"])
  })

  test("and under `observe` it reports", async () => {
    const world = makeWorld({ policy: { preset: "observe" } })
    world.client = world.clientWith({ cache: { read: broken, write: broken } , policy: (await import("./support/world.ts")).policyOf({ preset: "observe" }) })
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts.map(outcome)).toEqual(["allowed"])
    expect(said(verdicts[0])).toContain("warn CONFIG_INVALID")
  })
})
