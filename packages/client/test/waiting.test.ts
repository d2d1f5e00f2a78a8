/** How long a check waits for nodes, and for which of them. */
import { artifactKey } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { ANSWER_GRACE_MS, ROUND_DEADLINE_MS } from "../src/limits.ts"
import type { Progress } from "../src/types.ts"
import { purlOf, REGISTRY } from "./support/statements.ts"
import { makeWorld, outcome, said } from "./support/world.ts"

describe("one time budget", () => {
  test("a stalled node costs its deadline and grace, not more, and the others suffice", async () => {
    const world = makeWorld()
    world.network.node("delta").mode = "stalled"
    const before = world.time.clock.nowMs()
    const { verdicts, failures, stats } = await world.check(world.publish("a"))
    expect(verdicts.map(outcome)).toEqual(["allowed"])
    expect(world.time.clock.nowMs() - before).toBe(ROUND_DEADLINE_MS + ANSWER_GRACE_MS)
    expect(failures).toEqual([expect.objectContaining({ operator: "delta", code: "TIMEOUT" })])
    expect(stats.nodesReached).toBe(3)
  })

  test("all nodes stalled: refused within the budget", async () => {
    const world = makeWorld()
    for (const node of world.network.nodes) node.mode = "stalled"
    const before = world.time.clock.nowMs()
    const { verdicts } = await world.client.check([world.publish("a")], { budgetMs: 3_000 })
    expect(verdicts.map(outcome)).toEqual(["UNREACHABLE"])
    expect(world.time.clock.nowMs() - before).toBeLessThanOrEqual(3_000)
  })

  test("nodes are told a deadline that leaves time to answer", async () => {
    const world = makeWorld()
    await world.client.check([world.publish("a")], { budgetMs: 2_000 })
    expect(world.network.node("alpha").requests[0]?.deadlineMs).toBe(1_600)
    expect(world.network.sent[0]?.timeoutMs).toBe(2_000)
  })

  test("a clock that is set back ends the budget instead of extending it", async () => {
    const world = makeWorld()
    world.network.node("alpha").pending.set(artifactKey({ purl: purlOf("a"), registry: REGISTRY }), 1_000)
    world.network.node("bravo").pending.set(artifactKey({ purl: purlOf("a"), registry: REGISTRY }), 1_000)
    world.network.node("alpha").edit = (answer) => {
      world.time.set(world.time.clock.nowMs() - 60_000)
      return answer
    }
    const { verdicts } = await world.check(world.publish("a"))
    expect(verdicts[0]?.ok).toBe(false)
    expect(world.network.node("alpha").requests.length).toBe(1)
  })

  test("the caller can stop it", async () => {
    const world = makeWorld()
    const stop = new AbortController()
    for (const node of world.network.nodes) node.pending.set(artifactKey({ purl: purlOf("a"), registry: REGISTRY }), 1_000)
    world.network.node("delta").edit = (answer) => {
      stop.abort()
      return answer
    }
    const before = world.time.clock.nowMs()
    const { verdicts } = await world.client.check([world.publish("a")], { signal: stop.signal })
    expect(["PENDING", "UNREACHABLE"]).toContain(outcome(verdicts[0]))
    expect(world.network.node("alpha").requests.length).toBe(1)
    expect(world.time.clock.nowMs()).toBe(before)
  })
})

describe("PENDING", () => {
  test("is asked again, after growing pauses, until enough nodes have observed", async () => {
    const world = makeWorld()
    const request = world.publish("slow")
    for (const operator of ["alpha", "bravo", "charlie"]) world.network.node(operator).pending.set(artifactKey(request), 3)
    const before = world.time.clock.nowMs()
    const { verdicts, stats } = await world.check(request)
    expect(verdicts.map(outcome)).toEqual(["allowed"])
    expect(stats.fromNodes).toBe(1)
    expect(world.network.node("alpha").requests.length).toBe(4)
    expect(world.network.node("delta").requests.length).toBe(1)
    expect(world.time.clock.nowMs() - before).toBe(250 + 500 + 1_000)
  })

  test("ends with PENDING when the budget ends first", async () => {
    const world = makeWorld()
    const request = world.publish("slow")
    for (const node of world.network.nodes) node.pending.set(artifactKey(request), Number.POSITIVE_INFINITY)
    const before = world.time.clock.nowMs()
    const { verdicts } = await world.client.check([request], { budgetMs: 10_000 })
    expect(verdicts.map(outcome)).toEqual(["PENDING"])
    expect(world.time.clock.nowMs() - before).toBeLessThanOrEqual(10_000)
    expect(world.network.node("alpha").requests.length).toBeLessThan(12)
  })

  test("only what is pending is asked again, and only where", async () => {
    const world = makeWorld()
    const [a, slow] = [world.publish("a"), world.publish("slow")]
    for (const operator of ["alpha", "bravo"]) world.network.node(operator).pending.set(artifactKey(slow), 1)
    const { verdicts } = await world.check(a, slow)
    expect(verdicts.map(outcome)).toEqual(["allowed", "allowed"])
    expect(world.network.node("alpha").requests.map(({ artifacts }) => artifacts.length)).toEqual([2, 1])
    expect(world.network.node("charlie").requests.length).toBe(1)
  })

  test("one slow node is not waited for once the others reach the threshold", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    world.network.node("alpha").pending.set(artifactKey(request), Number.POSITIVE_INFINITY)
    const { verdicts } = await world.check(request)
    expect(verdicts.map(outcome)).toEqual(["allowed"])
    expect(world.network.node("alpha").requests.length).toBe(1)
  })
})

describe("nodes that do not answer", () => {
  test.each([
    { mode: "dead" as const, asked: 2 },
    { mode: "status 500" as const, asked: 1 },
  ])("$mode: named, and asked again only where that may help", async ({ mode, asked }) => {
    const world = makeWorld()
    world.network.node("alpha").mode = mode
    world.network.node("bravo").mode = mode
    const { verdicts, failures } = await world.check(world.publish("a"))
    expect(verdicts.map(outcome)).toEqual(["UNREACHABLE"])
    expect(said(verdicts[0])).toContain("alpha")
    expect(failures.map(({ operator }) => operator)).toEqual(["alpha", "bravo"])
    expect(world.network.sent.filter(({ url }) => url.includes("alpha")).length).toBe(asked)
  })

  test("all nodes gone: refused at once, not after the whole budget", async () => {
    const world = makeWorld()
    for (const node of world.network.nodes) node.mode = "dead"
    const before = world.time.clock.nowMs()
    const { verdicts, stats } = await world.check(world.publish("a"))
    expect(verdicts.map(outcome)).toEqual(["UNREACHABLE"])
    expect(world.time.clock.nowMs() - before).toBeLessThan(1_000)
    expect(stats.nodesReached).toBe(0)
  })

  test("a node that comes back within the check counts", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    for (const operator of ["alpha", "bravo"]) world.network.node(operator).mode = "dead"
    world.client = world.clientWith({
      sleep: async (ms) => {
        world.network.node("alpha").mode = "honest"
        await world.time.sleep(ms)
      },
    })
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
  })
})

test("progress says who is waited for", async () => {
  const world = makeWorld()
  const request = world.publish("slow")
  for (const operator of ["alpha", "bravo"]) world.network.node(operator).pending.set(artifactKey(request), 1)
  const seen: Progress[] = []
  world.client = world.clientWith({ onProgress: (progress) => seen.push(progress) })
  await world.check(request)
  expect(seen.map(({ stage }) => stage)).toEqual(["nodes", "nodes", "nodes", "nodes", "nodes", "waiting", "nodes", "nodes", "nodes"])
  expect(seen[0]).toMatchObject({ artifacts: 1, allowed: 0, nodesAnswered: 0, nodesAsked: 4, waitingFor: ["alpha", "bravo", "charlie", "delta"] })
  expect(seen[5]).toMatchObject({ waitingFor: ["alpha", "bravo"] })
  expect(seen.at(-1)).toMatchObject({ waitingFor: [], nodesAnswered: 2 })
})
