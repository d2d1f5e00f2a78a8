import { describe, expect, test } from "vitest"
import { NOTICES_RECHECK_MS } from "../src/limits.ts"
import { notice, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, said } from "./support/world.ts"

describe("cache, then nodes", () => {
  test("all roster nodes are asked at once, and what they proved is kept", async () => {
    const world = makeWorld()
    const request = world.publish("left")
    const first = await world.check(request)
    expect(first.verdicts.map(outcome)).toEqual(["allowed"])
    expect(first.verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie", "delta"])
    expect(first.stats).toEqual({ fromCache: 0, fromDaemon: 0, fromNodes: 1, nodesReached: 4, nodesTotal: 4 })

    const sentBefore = world.network.sent.length
    const second = await world.check(request)
    expect(second.verdicts.map(outcome)).toEqual(["allowed"])
    expect(second.stats).toMatchObject({ fromCache: 1, fromNodes: 0 })
    expect(world.network.sent.length).toBe(sentBefore)
  })

  test("only what the cache does not settle is asked for", async () => {
    const world = makeWorld()
    const [a, b] = [world.publish("a"), world.publish("b")]
    await world.check(a)
    const result = await world.check(a, b)
    expect(result.verdicts.map(outcome)).toEqual(["allowed", "allowed"])
    expect(result.stats).toMatchObject({ fromCache: 1, fromNodes: 1 })
    for (const node of world.network.nodes) expect(node.requests.at(-1)?.artifacts).toEqual([{ purl: b.purl, registry: b.registry }])
  })

  test("verdicts come in the order of the requests, also for the same artifact twice with other bytes", async () => {
    const world = makeWorld()
    const [a, b] = [world.publish("a"), world.publish("b")]
    const other = { ...a, sha512: sha512Of("other bytes") }
    const { verdicts } = await world.check(b, other, a)
    expect(verdicts.map(({ purl }) => purl)).toEqual([b.purl, a.purl, a.purl])
    expect(verdicts.map(outcome)).toEqual(["allowed", "NOT_VOUCHED", "allowed"])
    expect(world.network.node("alpha").requests[0]?.artifacts.length).toBe(2)
  })

  test("the cache decides anew under today's policy: it holds no verdicts", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    world.network.node("delta").mode = "dead"
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
    world.client = makeWorld({ policy: { threshold: 4 } }).clientWith({ roster: world.network.roster, transport: world.network.transport, cache: world.cache, state: world.state, clock: world.time.clock, sleep: world.time.sleep })
    const { verdicts } = await world.check(request)
    expect(verdicts.map(outcome)).toEqual(["UNREACHABLE"])
  })

  test("no request, no packet", async () => {
    const world = makeWorld()
    expect(await world.check()).toMatchObject({ verdicts: [], stats: { nodesReached: 0 } })
    expect(world.network.sent).toEqual([])
  })

  test("budget 0 decides from what is at hand and sends nothing", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    expect((await world.client.check([request], { budgetMs: 0 })).verdicts.map(outcome)).not.toContain("allowed")
    expect(world.network.sent).toEqual([])
    await world.check(request)
    world.time.advance(NOTICES_RECHECK_MS * 2)
    const sentBefore = world.network.sent.length
    expect((await world.client.check([request], { budgetMs: 0 })).verdicts.map(outcome)).toEqual(["allowed"])
    expect(world.network.sent.length).toBe(sentBefore)
  })
})

describe("many artifacts", () => {
  test("more than 2,000 go in several requests, one at a time per node", async () => {
    const world = makeWorld({ operators: 2 })
    const requests = Array.from({ length: 4_100 }, (_, i) => world.publish(`p${i}`))
    const { verdicts, stats } = await world.check(...requests)
    expect(verdicts.filter(({ ok }) => ok).length).toBe(4_100)
    expect(stats.fromNodes).toBe(4_100)
    for (const node of world.network.nodes) {
      expect(node.requests.map(({ artifacts }) => artifacts.length)).toEqual([2_000, 2_000, 100])
      expect(node.requests.map(({ knownSize }) => knownSize)).toEqual([0, 2_000, 4_000])
    }
    expect([...world.network.inFlightMax.values()]).toEqual([1, 1])
  })

  test("evidence scattered over many heads is fetched anew under one, when nodes are asked anyway", async () => {
    const world = makeWorld({ operators: 1 })
    const requests = Array.from({ length: 20 }, (_, i) => world.publish(`p${i}`))
    for (const request of requests) await world.check(request)
    world.time.advance(NOTICES_RECHECK_MS)
    await world.check(...requests)
    expect(world.network.node("alpha").requests.at(-1)?.artifacts.length).toBe(20)
    world.time.advance(NOTICES_RECHECK_MS)
    await world.check(...requests)
    expect(world.network.node("alpha").requests.at(-1)?.artifacts.length).toBe(0)
  })
})

describe("notices are asked for although the cache suffices", () => {
  test("not within the re-check interval, then from every node", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    await world.check(request)
    world.time.advance(NOTICES_RECHECK_MS - 1)
    await world.check(request)
    expect(world.network.nodes.map((node) => node.requests.length)).toEqual([1, 1, 1, 1])
    world.time.advance(1)
    await world.check(request)
    expect(world.network.nodes.map((node) => node.requests.length)).toEqual([2, 2, 2, 2])
    expect(world.network.nodes.map((node) => node.requests[1]?.artifacts)).toEqual([[], [], [], []])
  })

  test("a withdrawal made meanwhile denies", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    await world.check(request)
    const delta = world.network.node("delta")
    delta.notices.entries.push(notice(delta.place.notices.name, request.purl, request.sha512 ?? ""))
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["allowed"])
    world.time.advance(NOTICES_RECHECK_MS)
    const { verdicts } = await world.check(request)
    expect(verdicts.map(outcome)).toEqual(["WITHDRAWN"])
    expect(said(verdicts[0])).toContain("it steals tokens")
    // And it stays denied from what is remembered, without any network.
    for (const node of world.network.nodes) node.mode = "dead"
    expect((await world.check(request)).verdicts.map(outcome)).toEqual(["WITHDRAWN"])
  })

  test("a dead node is asked once in the interval while the others suffice", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    await world.check(request)
    world.network.node("delta").mode = "stalled"
    world.time.advance(NOTICES_RECHECK_MS)
    const before = world.time.clock.nowMs()
    await world.check(request)
    expect(world.time.clock.nowMs()).toBeGreaterThan(before)
    const sent = world.network.sent.length
    await world.check(request)
    expect(world.network.sent.length).toBe(sent)
  })

  test("a clock set back asks again", async () => {
    const world = makeWorld()
    const request = world.publish("a")
    await world.check(request)
    world.time.advance(-1_000)
    await world.check(request)
    expect(world.network.node("alpha").requests.length).toBe(2)
  })
})
