/** Many checks of one client at the same time, as a shim or a hook makes them. */
import { artifactKey, VouchsafeError } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { ANSWER_GRACE_MS, DAEMON_PAUSE_MS, NOTICES_RECHECK_MS, ROUND_DEADLINE_MS } from "../src/limits.ts"
import { notice, purlOf, REGISTRY, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, said, type World } from "./support/world.ts"

const keyOf = (name: string): string => artifactKey({ purl: purlOf(name), registry: REGISTRY })
const posts = (world: World, operator: string): number => world.network.node(operator).requests.length

/** Makes every answer of the network take a moment. */
function slow(world: World, ms: number): void {
  const inner = world.network.transport
  world.client = world.clientWith({
    transport: {
      async request(request) {
        await world.time.sleep(ms, request.signal)
        if (request.signal?.aborted === true) throw new VouchsafeError("TIMEOUT", "stopped")
        return inner.request(request)
      },
    },
  })
}

test("200 checks at once: one request in flight per node, two in all, heads in one line, no tiles", async () => {
  const world = makeWorld()
  slow(world, 100)
  const requests = Array.from({ length: 200 }, (_, i) => world.publish(`p${i}`))
  const results = await Promise.all([world.check(requests[0] as never), ...requests.slice(1).map(async (request) => {
    await Promise.resolve()
    await world.time.sleep(10)
    return world.check(request)
  })])
  expect(results.flatMap(({ verdicts }) => verdicts.map(outcome))).toEqual(requests.map(() => "allowed"))
  expect(results.every(({ verdicts }) => verdicts[0]?.claims.length === 4)).toBe(true)
  expect([...world.network.inFlightMax.values()]).toEqual([1, 1, 1, 1])
  for (const node of world.network.nodes) {
    expect(node.requests.map(({ artifacts, knownSize }) => [artifacts.length, knownSize])).toEqual([[1, 0], [199, 1]])
    expect(node.tilesServed).toBe(0)
  }
})

test("each check judges its own packages only", async () => {
  const world = makeWorld()
  slow(world, 100)
  const [a, b, c] = ["a", "b", "c"].map((name) => world.publish(name)) as [ReturnType<World["publish"]>, ReturnType<World["publish"]>, ReturnType<World["publish"]>]
  const results = await Promise.all([world.check(a), world.check(b, c), world.check(c)])
  expect(results.map(({ evidence }) => evidence[0]?.batches.map(({ entries }) => entries.length))).toEqual([[1], [2], [1]])
  expect(results.map(({ stats }) => stats.fromNodes)).toEqual([1, 2, 1])
  expect(world.cache.files.size).toBe(3)
})

test("a node's false proof in a joint answer harms no other node, and is named to every check", async () => {
  const world = makeWorld()
  slow(world, 100)
  world.network.node("delta").edit = (answer) => ({ ...answer, log: { ...answer.log, proof: answer.log.proof.map((hash) => hash.map((byte) => byte ^ 1)), entries: answer.log.entries.map((entry) => entry.replace("somebody", "somebodx")) } })
  const results = await Promise.all(["a", "b", "c"].map((name) => world.check(world.publish(name))))
  for (const { verdicts } of results) {
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(said(verdicts[0])).toContain("evidence of delta does not verify")
  }
})

describe("each check keeps to its own budget", () => {
  test("one with little time is told so while another one's request goes on", async () => {
    const world = makeWorld()
    slow(world, 1_500)
    const [a, b] = [world.publish("a"), world.publish("b")]
    const start = world.time.clock.nowMs()
    const patient = world.client.check([a], { budgetMs: 20_000 }).then(({ verdicts }) => [outcome(verdicts[0]), world.time.clock.nowMs() - start])
    const hasty = world.client.check([b], { budgetMs: 1_000 }).then(({ verdicts }) => [outcome(verdicts[0]), world.time.clock.nowMs() - start])
    expect(await hasty).toEqual(["UNREACHABLE", 1_000])
    expect(await patient).toEqual(["allowed", 1_500])
    // Both went in one request, which has the patient one's time.
    expect(world.network.node("alpha").requests).toEqual([expect.objectContaining({ artifacts: [expect.anything(), expect.anything()], deadlineMs: ROUND_DEADLINE_MS })])
    expect(new Set(world.network.sent.map(({ timeoutMs }) => timeoutMs))).toEqual(new Set([ROUND_DEADLINE_MS + ANSWER_GRACE_MS]))
  })

  test("what was given up while it waited for its turn is not asked for", async () => {
    const world = makeWorld()
    slow(world, 1_500)
    const first = world.check(world.publish("a"))
    await world.time.sleep(10)
    const hasty = world.client.check([world.publish("hasty")], { budgetMs: 500 })
    const patient = world.check(world.publish("b"))
    expect((await hasty).verdicts[0]?.ok).toBe(false)
    expect([...(await first).verdicts, ...(await patient).verdicts].map(outcome)).toEqual(["allowed", "allowed"])
    expect(world.network.node("alpha").requests.map(({ artifacts }) => artifacts.map(({ purl }) => purl))).toEqual([[purlOf("a")], [purlOf("b")]])
  })

  test("one that is stopped leaves the others alone", async () => {
    const world = makeWorld()
    slow(world, 500)
    const stop = new AbortController()
    const stopped = world.client.check([world.publish("a")], { signal: stop.signal })
    const other = world.check(world.publish("b"))
    await world.time.sleep(100)
    stop.abort()
    expect((await stopped).verdicts[0]?.ok).toBe(false)
    expect((await other).verdicts.map(outcome)).toEqual(["allowed"])
  })

  test("a request that nobody waits for any more is stopped", async () => {
    const world = makeWorld()
    const signals: unknown[] = []
    world.client = world.clientWith({
      transport: {
        request(request) {
          signals.push(request.signal)
          return new Promise((_, reject) => request.signal?.addEventListener("abort", () => reject(new Error("stopped"))))
        },
      },
    })
    const stop = new AbortController()
    const check = world.client.check([world.publish("a")], { signal: stop.signal })
    for (let turns = 0; turns < 1_000 && signals.length < 4; turns++) await Promise.resolve()
    stop.abort()
    expect((await check).verdicts[0]?.ok).toBe(false)
    expect(signals.map((signal) => (signal as AbortSignal).aborted)).toEqual([true, true, true, true])
  })

  test("what one package is waited for does not hold up the next", async () => {
    const world = makeWorld()
    const [late, quick] = [world.publish("late"), world.publish("quick")]
    for (const node of world.network.nodes) node.pending.set(keyOf("late"), 12)
    const start = world.time.clock.nowMs()
    const first = world.check(late).then(({ verdicts }) => [outcome(verdicts[0]), world.time.clock.nowMs() - start > 5_000])
    const second = world.check(quick).then(({ verdicts }) => [outcome(verdicts[0]), world.time.clock.nowMs() - start])
    expect(await second).toEqual(["allowed", 0])
    expect(await first).toEqual(["allowed", true])
  })
})

test("more than 2,000 different packages of many checks go in several requests", async () => {
  const world = makeWorld({ operators: 1 })
  slow(world, 10)
  const lists = Array.from({ length: 12 }, (_, list) => Array.from({ length: 300 }, (_, i) => world.publish(`p${list * 200 + i}`)))
  const results = await Promise.all(lists.map((list) => world.check(...list)))
  expect(results.every(({ verdicts }) => verdicts.length === 300 && verdicts.every(({ ok }) => ok))).toBe(true)
  const sizes = world.network.node("alpha").requests.map(({ artifacts }) => artifacts.length)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2_000)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2_800)
})

test("a log that forks while many ask is convicted once, for all of them", async () => {
  const world = makeWorld()
  await world.check(world.publish("x"), world.publish("y"), world.publish("z"))
  const delta = world.network.node("delta")
  delta.log = delta.log.fork()
  delta.log.entries = delta.log.entries.map((entry) => entry.replace("somebody", "somebodx"))
  const results = await Promise.all(["a", "b", "c"].map((name) => world.check(world.publish(name))))
  for (const { verdicts, misbehavior } of results) {
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(misbehavior).toEqual([expect.objectContaining({ operator: "delta", isNew: true })])
  }
  expect(world.state.misbehavior().length).toBe(1)
})

test("two checks that find the same two contradicting statements convict once", async () => {
  const world = makeWorld()
  const request = world.publish("a")
  const delta = world.network.node("delta")
  const { observation } = await import("./support/statements.ts")
  for (const bytes of ["bytes of a", "other"]) delta.log.entries.push(observation(delta.place.log.name, request.purl, sha512Of(bytes)))
  await Promise.all([world.check(request), world.check(request), world.check(request)])
  expect(world.state.misbehavior().length).toBe(1)
})

test("a withdrawal that one check reads counts for all that are under way", async () => {
  const world = makeWorld()
  const request = world.publish("a")
  await world.check(request)
  const delta = world.network.node("delta")
  delta.notices.entries.push(notice(delta.place.notices.name, request.purl, request.sha512 ?? ""))
  world.time.advance(NOTICES_RECHECK_MS)
  const results = await Promise.all([world.check(request), world.check(request)])
  expect(results.map(({ verdicts }) => outcome(verdicts[0]))).toEqual(["WITHDRAWN", "WITHDRAWN"])
})

test("a check that begins while an answer is being remembered does not make the client forget it", async () => {
  const world = makeWorld()
  const request = world.publish("a")
  await world.check(request)
  const delta = world.network.node("delta")
  delta.notices.entries.push(notice(delta.place.notices.name, request.purl, request.sha512 ?? ""))
  world.time.advance(NOTICES_RECHECK_MS)
  const state = { ...world.state, putHead: async (...parts: Parameters<typeof world.state.putHead>) => {
    await world.time.sleep(100)
    return world.state.putHead(...parts)
  } }
  world.client = world.clientWith({ state })
  const first = world.check(request, world.publish("b"))
  await world.time.sleep(50)
  const second = world.client.check([request], { budgetMs: 0 })
  expect([outcome((await first).verdicts[0]), outcome((await second).verdicts[0])]).toEqual(["WITHDRAWN", "WITHDRAWN"])
  expect(world.state.mirrors.get(delta.place.notices.vkey)?.entries.length).toBe(1)
})

test("what another process stores between two checks is taken up", async () => {
  const world = makeWorld()
  await world.check(world.publish("a"))
  await world.clientWith({}).check([world.publish("b")])
  await world.check(world.publish("c"))
  expect(world.network.node("alpha").requests.map(({ knownSize }) => knownSize)).toEqual([0, 1, 2])
})

test("a defect in one exchange refuses the checks that took part, and the next one works", async () => {
  const world = makeWorld()
  let isBroken = true
  world.client = world.clientWith({
    transport: {
      request(request) {
        if (isBroken) throw new Error("kaputt")
        return world.network.transport.request(request)
      },
    },
  })
  const results = await Promise.all(["a", "b"].map((name) => world.check(world.publish(name))))
  expect(results.map(({ verdicts }) => outcome(verdicts[0]))).toEqual(["CONFIG_INVALID", "CONFIG_INVALID"])
  isBroken = false
  expect((await world.check(world.publish("c"))).verdicts.map(outcome)).toEqual(["allowed"])
  expect(posts(world, "alpha")).toBe(1)
})

test("a daemon that failed is left alone for a while", async () => {
  const world = makeWorld()
  world.client = world.clientWith({ daemonSocket: "/s" })
  const overSocket = (): number => world.network.sent.filter(({ socketPath }) => socketPath !== undefined).length
  await world.check(world.publish("a"))
  await world.check(world.publish("b"))
  expect(overSocket()).toBe(1)
  world.time.advance(DAEMON_PAUSE_MS)
  await world.check(world.publish("c"))
  expect(overSocket()).toBe(2)
})
