// Nodes that let a client wait in vain: many small checks of one install must not stand still for each of them, and no check may refuse for it.
import { artifactKey } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { ANSWER_GRACE_MS, ROUND_DEADLINE_MS, SILENT_NODE_PAUSE_MS } from "../src/limits.ts"
import { notice, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, type World } from "./support/world.ts"

const sentTo = (world: World, operator: string): number => world.network.sent.filter(({ url }) => url.startsWith(`http://${operator}.`)).length

/** A check, how long it took, and how often delta was asked in it. */
async function timed(world: World, name: string): Promise<{ code: string; ms: number; askedDelta: number; failures: readonly string[] }> {
  const [before, sent] = [world.time.clock.nowMs(), sentTo(world, "delta")]
  const { verdicts, failures } = await world.check(world.publish(name))
  return { code: outcome(verdicts[0]), ms: world.time.clock.nowMs() - before, askedDelta: sentTo(world, "delta") - sent, failures: failures.map(({ operator }) => operator) }
}

function worldWithSilentDelta(): World {
  const world = makeWorld()
  world.network.node("delta").mode = "stalled"
  return world
}

describe("a node that was waited for in vain", () => {
  test("costs its time once, and is named in every check", async () => {
    const world = worldWithSilentDelta()
    expect(await timed(world, "a")).toEqual({ code: "allowed", ms: ROUND_DEADLINE_MS + ANSWER_GRACE_MS, askedDelta: 1, failures: ["delta"] })
    for (const name of ["b", "c", "d"]) expect(await timed(world, name)).toEqual({ code: "allowed", ms: 0, askedDelta: 0, failures: ["delta"] })
  })

  test("is asked again after a pause", async () => {
    const world = worldWithSilentDelta()
    await timed(world, "a")
    world.network.node("delta").mode = "honest"
    world.time.advance(SILENT_NODE_PAUSE_MS - 1)
    expect(await timed(world, "b")).toMatchObject({ askedDelta: 0, failures: ["delta"] })
    world.time.advance(1)
    expect(await timed(world, "c")).toMatchObject({ code: "allowed", askedDelta: 1, failures: [] })
    expect(await timed(world, "d")).toMatchObject({ code: "allowed", askedDelta: 1, failures: [] })
  })

  test("is asked at once when a check would refuse without it", async () => {
    const world = worldWithSilentDelta()
    await timed(world, "a")
    world.network.node("delta").mode = "honest"
    world.network.node("alpha").mode = "dead"
    world.network.node("bravo").mode = "honest"
    expect(await timed(world, "b")).toMatchObject({ code: "allowed", askedDelta: 1, failures: ["alpha"] })
  })

  test("still has the withdrawals heard that it made before", async () => {
    const world = makeWorld()
    const [gone, other] = [world.publish("gone"), world.publish("other")]
    world.network.node("delta").notices.entries.push(notice("delta.example/notices", gone.purl, sha512Of("bytes of gone")))
    expect((await world.check(other)).verdicts.map(outcome)).toEqual(["allowed"])
    world.network.node("delta").mode = "stalled"
    await timed(world, "a")
    expect((await world.check(gone)).verdicts.map(outcome)).toEqual(["WITHDRAWN"])
  })

  test("a clock that is set back makes it be asked, not left out for longer", async () => {
    const world = worldWithSilentDelta()
    await timed(world, "a")
    world.time.set(world.time.clock.nowMs() - 60_000)
    world.network.node("delta").mode = "honest"
    expect(await timed(world, "b")).toMatchObject({ askedDelta: 1 })
  })
})

test.each(["dead", "status 500", "rubbish"] as const)("a node that fails at once (%s) is asked by every check: it costs nobody time", async (mode) => {
  const world = makeWorld()
  world.network.node("delta").mode = mode
  for (const name of ["a", "b"]) expect(await timed(world, name)).toMatchObject({ code: "allowed", ms: 0, askedDelta: 1 })
})

test("a wait that the check's own budget cut short is no silence", async () => {
  const world = worldWithSilentDelta()
  await world.client.check([world.publish("a")], { budgetMs: 3_000 })
  world.network.node("delta").mode = "honest"
  expect(await timed(world, "b")).toMatchObject({ code: "allowed", askedDelta: 1, failures: [] })
})

test("PENDING stays what is said of nodes whose last answer the budget cut off", async () => {
  const world = makeWorld()
  const request = world.publish("slow")
  for (const node of world.network.nodes) {
    node.pending.set(artifactKey(request), Number.POSITIVE_INFINITY)
    node.edit = (answer) => {
      node.mode = "stalled"
      return answer
    }
  }
  const { verdicts, failures } = await world.client.check([request], { budgetMs: 4_000 })
  expect(verdicts.map(outcome)).toEqual(["PENDING"])
  expect(failures).toEqual([])
})
