import { utf8Decode, utf8Encode } from "@vouchsafe/core"
import type { PeerMessage, Relay } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { createMemoryCache, createMemoryState, createRandom, createSimulation, type Simulation, START_MS } from "../src/index.ts"

const ok = (text = "ok") => ({ status: 200, headers: {}, body: utf8Encode(text) })
const ask = (simulation: Simulation, from: string, to: string, more: { readonly timeoutMs?: number; readonly maxBytes?: number; readonly signal?: AbortSignal; readonly body?: Uint8Array } = {}) =>
  simulation.httpFor(from).request({ method: "POST", url: `http://${to}.example/path?q`, timeoutMs: 5_000, maxBytes: 100, ...more })

describe("randomness", () => {
  test("follows from the seed, and one part's draws move no other's", () => {
    const draws = (seed: string) => Array.from({ length: 5 }, ((random) => () => random.next())(createRandom(seed)))
    expect(draws("a")).toEqual(draws("a"))
    expect(draws("a")).not.toEqual(draws("b"))
    const [one, other] = [createRandom("a"), createRandom("a")]
    one.fork("x").next()
    expect(one.next()).toBe(other.next())
  })

  test("is even enough, and within its bounds", () => {
    const random = createRandom("even")
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 4_000; i++) {
      const drawn = random.int(4)
      counts[drawn] = (counts[drawn] as number) + 1
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
    const between = Array.from({ length: 1_000 }, () => random.between(3, 7))
    expect([Math.min(...between), Math.max(...between)]).toEqual([3, 7])
    for (const probability of [0, 1]) expect(random.chance(probability)).toBe(probability === 1)
    expect(() => random.pick([])).toThrow(RangeError)
  })
})

describe("time", () => {
  test("jumps to the next event; events of one moment come in the order of their owners", async () => {
    const { time, clock } = createSimulation({ seed: "order" })
    const seen: string[] = []
    for (const [ms, owner] of [[50, "b"], [10, "z"], [50, "a"], [50, "b"]] as const) time.after(ms, owner, owner, () => seen.push(`${clock.nowMs() - START_MS} ${owner}${seen.length}`))
    await time.advance(100)
    expect(seen).toEqual(["10 z0", "50 a1", "50 b2", "50 b3"])
    expect(clock.nowMs()).toBe(START_MS + 100)
  })

  test("what was taken back does not happen; a wait ends early with its signal", async () => {
    const { time } = createSimulation({ seed: "cancel" })
    let happened = 0
    time.after(10, "a", "", () => happened++)()
    const stop = new AbortController()
    time.after(5, "a", "", () => stop.abort())
    const startedMs = time.nowMs()
    await time.run(time.sleep(1_000, "a", stop.signal))
    expect([happened, time.nowMs() - startedMs]).toEqual([0, 5])
  })

  test("the consequences of an event are over before the next one happens, also those of another thread", async () => {
    const { time } = createSimulation({ seed: "hold" })
    const seen: string[] = []
    time.after(1, "a", "", () => {
      const release = time.hold()
      void (async () => {
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
        seen.push("slow")
        release()
        release()
      })()
    })
    time.after(1, "b", "", () => seen.push("next"))
    await time.advance(1)
    expect(seen).toEqual(["slow", "next"])
  })

  test("work that cannot end is an error, not a wait", async () => {
    const { time } = createSimulation({ seed: "never" })
    await expect(time.run(new Promise(() => undefined))).rejects.toThrow(/nothing is left to happen/)
    await expect(time.run(time.sleep(10_000, "a"), 5_000)).rejects.toThrow(/within 5000 ms/)
    await expect(time.run(Promise.reject(new Error("mine")))).rejects.toThrow("mine")
  })

  test("a host's clock is as wrong as it was set, its timers are not", async () => {
    const { time, life, setSkew } = createSimulation({ seed: "skew" })
    setSkew("a", -500)
    expect(life("a").clock.nowMs()).toBe(START_MS - 500)
    let firedAtMs = 0
    life("a").timers.after(100, () => { firedAtMs = time.nowMs() })
    await time.advance(1_000)
    expect(firedAtMs).toBe(START_MS + 100)
  })
})

describe("HTTP", () => {
  test("goes there and back, with path and body, and takes time", async () => {
    const simulation = createSimulation({ seed: "http" })
    simulation.listen("b", "http://b.example", async ({ method, path, from, body }) => ok(`${method} ${path} ${from} ${utf8Decode(body)}`))
    const answer = await simulation.time.run(ask(simulation, "a", "b", { body: utf8Encode("hello") }))
    expect(utf8Decode(answer.body)).toBe("POST /path?q a hello")
    expect(simulation.clock.nowMs()).toBeGreaterThan(START_MS)
  })

  const BROKEN: readonly { readonly name: string; readonly code: string; readonly break: (simulation: Simulation) => void; readonly more?: { readonly maxBytes: number } }[] = [
    { name: "nobody listens", code: "UNREACHABLE", break: ({ crash }) => crash("b") },
    { name: "a link that is cut and says so", code: "UNREACHABLE", break: ({ links }) => links.cut("a", "b", "reset") },
    { name: "a link that is cut in silence", code: "TIMEOUT", break: ({ links }) => links.cut("a", "b") },
    { name: "a partition", code: "TIMEOUT", break: ({ links }) => links.partition([["a"], ["b"]]) },
    { name: "a link that loses everything", code: "TIMEOUT", break: ({ links }) => links.set("a", "b", { drop: 1 }) },
    { name: "a link slower than the patience", code: "TIMEOUT", break: ({ links }) => links.setDefault({ delayMs: [4_000, 4_000] }) },
    { name: "a handler that breaks off", code: "UNREACHABLE", break: ({ listen }) => listen("b", "http://b.example", async () => { throw new Error("no") }) },
    { name: "a handler that never answers", code: "TIMEOUT", break: ({ listen }) => listen("b", "http://b.example", () => new Promise(() => undefined)) },
    { name: "an answer that is too large", code: "UPSTREAM_FAILED", break: () => undefined, more: { maxBytes: 1 } },
    { name: "a host that dies meanwhile", code: "UNREACHABLE", break: ({ listen, time, crash }) => {
      listen("b", "http://b.example", () => new Promise(() => undefined))
      time.after(100, "world", "", () => crash("b"))
    } },
  ]
  test.each(BROKEN)("$name: $code", async ({ break: breakIt, code, more }) => {
    const simulation = createSimulation({ seed: "broken" })
    simulation.listen("b", "http://b.example", async () => ok())
    breakIt(simulation)
    await expect(simulation.time.run(ask(simulation, "a", "b", more))).rejects.toMatchObject({ code })
    simulation.links.healAll()
    simulation.links.setDefault({ delayMs: [1, 2] })
    simulation.links.set("a", "b", { drop: 0, delayMs: [1, 2] })
    simulation.listen("b", "http://b.example", async () => ok("again"))
    expect(utf8Decode((await simulation.time.run(ask(simulation, "a", "b"))).body)).toBe("again")
  })

  test("what is on its way when a link is cut is lost; a duplicate is handled twice and answered once", async () => {
    const simulation = createSimulation({ seed: "duplicate" })
    let handled = 0
    simulation.listen("b", "http://b.example", async () => ok(String(++handled)))
    simulation.links.set("a", "b", { duplicate: 1 })
    await simulation.time.run(ask(simulation, "a", "b"))
    await simulation.time.advance(1_000)
    expect(handled).toBe(2)
    const lost = ask(simulation, "a", "b")
    simulation.links.cut("a", "b")
    await expect(simulation.time.run(lost)).rejects.toMatchObject({ code: "TIMEOUT" })
    expect(handled).toBe(2)
  })

  test("the dead hear and say nothing more: neither timers nor answers reach the life after", async () => {
    const simulation = createSimulation({ seed: "dead" })
    simulation.listen("b", "http://b.example", async () => ok())
    const seen: string[] = []
    simulation.life("a").timers.after(10, () => seen.push("timer"))
    void ask(simulation, "a", "b").then(() => seen.push("answer"), () => seen.push("failure"))
    const zombie = simulation.httpFor("a")
    simulation.crash("a")
    void zombie.request({ method: "GET", url: "http://b.example/", timeoutMs: 100, maxBytes: 10 }).then(() => seen.push("zombie"), () => seen.push("zombie"))
    await simulation.time.advance(10_000)
    expect(seen).toEqual([])
  })
})

describe("peers", () => {
  const NAMES = ["a", "b", "c", "d"]
  const TOPIC = "vouchsafe/v1/heads"

  /** A chain a - b - c - d, whose members note what they hear and judge it by `judge`. */
  function chain(judge: (host: string, message: PeerMessage) => Relay = () => "accept") {
    const simulation = createSimulation({ seed: "peers" })
    const heard: string[] = []
    const transports = NAMES.map((host, i) => {
      const transport = simulation.peersFor(host, { operator: host === "d" ? undefined : `operator-${host}`, neighbours: [NAMES[i - 1], NAMES[i + 1]].filter((name) => name !== undefined) })
      transport.subscribe(TOPIC, async (message) => {
        heard.push(`${host}<${message.from} ${utf8Decode(message.bytes)}`)
        return judge(host, message)
      })
      return transport
    })
    return { simulation, heard, transports: transports as [typeof transports[0], typeof transports[0], typeof transports[0], typeof transports[0]] }
  }

  test("a message floods, once to each, and is judged before it goes on", async () => {
    const { simulation, heard, transports: [a] } = chain((host) => (host === "c" ? "ignore" : "accept"))
    await a.publish(TOPIC, utf8Encode("one"))
    await a.publish(TOPIC, utf8Encode("one"))
    await simulation.time.advance(1_000)
    expect(heard).toEqual(["b<a one", "c<b one"])
    expect(a.peers()).toEqual([{ id: "b", operator: "operator-b", address: "/simulated/b", path: "direct", score: 0 }])
  })

  test("who sends what is rejected is dropped, and let in again later", async () => {
    const { simulation, heard, transports: [a, b] } = chain(() => "reject")
    for (let i = 0; i < 20; i++) await a.publish(TOPIC, utf8Encode(`rubbish ${i}`))
    await simulation.time.advance(1_000)
    expect(heard.length).toBeLessThan(20)
    expect([a.peers(), b.peers().map(({ id }) => id)]).toEqual([[], ["c"]])
    await simulation.time.advance(10 * 60_000)
    expect(a.peers()).toHaveLength(1)
    b.report("a", "lied")
    expect(b.peers().map(({ id }) => id)).toEqual(["c"])
  })

  test("a request has an answer, a limit and an end", async () => {
    const { simulation, transports: [a, b] } = chain()
    const request = (body: string, more = {}) => simulation.time.run(a.request("b", "/echo/1", utf8Encode(body), { bytesMax: 10, timeoutMs: 1_000, ...more }))
    await expect(request("x")).rejects.toMatchObject({ code: "UPSTREAM_FAILED" })
    b.serve("/echo/1", { bytesMax: 20 }, async (from, body) => utf8Encode(`${from}${utf8Decode(body)}`))
    expect(utf8Decode(await request("!"))).toBe("a!")
    await expect(request("more than ten bytes")).rejects.toMatchObject({ code: "UPSTREAM_FAILED" })
    await expect(request("x".repeat(21))).rejects.toMatchObject({ code: "UPSTREAM_FAILED" })
    simulation.links.set("a", "b", { drop: 1 })
    await expect(request("x")).rejects.toMatchObject({ code: "TIMEOUT" })
    simulation.links.cut("a", "b")
    await expect(request("x")).rejects.toMatchObject({ code: "UNREACHABLE" })
    expect(a.peers()).toEqual([])
    await b.close()
  })
})

test("the same seed leaves the same trace, another seed another one", async () => {
  const digest = async (seed: string): Promise<string> => {
    const simulation = createSimulation({ seed })
    simulation.links.setDefault({ drop: 0.2, duplicate: 0.2, delayMs: [1, 50] })
    simulation.listen("b", "http://b.example", async ({ body }) => ok(utf8Decode(body)))
    for (let i = 0; i < 50; i++) {
      const body = utf8Encode(String(simulation.random.int(1_000)))
      await simulation.time.run(ask(simulation, "a", "b", { body, timeoutMs: 200 }).then(() => undefined, () => undefined))
    }
    return simulation.time.traceDigest()
  }
  expect(await digest("a")).toBe(await digest("a"))
  expect(await digest("a")).not.toBe(await digest("b"))
})

describe("a client's memory", () => {
  const note = (size: number): string => `log\n${size}\nroot\n\n— sig\n`

  test("swaps by comparison, and never goes back", async () => {
    const state = createMemoryState()
    expect(await state.putHead("log", note(3), undefined)).toEqual({ stored: true })
    expect(await state.putHead("log", note(5), undefined)).toEqual({ stored: false, current: note(3) })
    await expect(state.putHead("log", note(2), note(3))).rejects.toBeInstanceOf(TypeError)
    expect(await state.putNotices("log", { checkpoint: "c", entries: ["x"] }, undefined)).toEqual({ stored: true })
    await expect(state.putNotices("log", { checkpoint: "d", entries: [] }, "c")).rejects.toBeInstanceOf(TypeError)
    await state.addMisbehavior("log", "proof")
    await state.addMisbehavior("log", "proof")
    expect(state.misbehavior()).toHaveLength(1)
  })

  test("a cache forgets when it is told to", () => {
    const cache = createMemoryCache()
    cache.write("p", "r", [])
    expect(cache.read("p", "r")).toEqual([])
    cache.clear()
    expect(cache.read("p", "r")).toBeUndefined()
  })
})
