import { artifactKey } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { ANSWER_GRACE_MS, NOTICES_RECHECK_MS, ROUND_DEADLINE_MS } from "../src/limits.ts"
import type { Progress } from "../src/types.ts"
import { notice, purlOf, REGISTRY, sha512Of } from "./support/statements.ts"
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
