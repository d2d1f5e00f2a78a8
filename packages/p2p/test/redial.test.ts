import { describe, expect, test } from "vitest"
import { createCandidates } from "../src/candidates.ts"
import { OUTBOUND_MIN, PEER_LIMITS, PEERS_WANTED } from "../src/limits.ts"
import { type RedialOptions, startRedial } from "../src/redial.ts"
import { multiaddr } from "@multiformats/multiaddr"

const ADDRESS = "/ip4/127.0.0.1/tcp/1"
const RELAYED = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWHRMGSucqsgMrHQNaxhQdHrZRxbgcrRMewYEH2Bcj5fhA/p2p-circuit"
interface Open { readonly id: string; readonly direction: "inbound" | "outbound"; readonly relayed?: boolean }

/** A swarm whose connections are a list and whose dials end as the test says. */
function world(given: { dial?: () => Promise<unknown>; search?: () => Promise<boolean>; isDenied?: (peer: string) => boolean } = {}) {
  const clock = { ms: 0, nowMs: () => clock.ms }
  const pending: { atMs: number; run: () => void }[] = []
  const it = { clock, open: [] as Open[], dialed: 0, searches: [] as number[], ticks: 0 }
  const candidates = createCandidates(clock, () => 0.5, PEER_LIMITS)
  const libp2p = {
    getConnections: () => it.open.map(({ id, direction, relayed }) => ({ remotePeer: id, direction, remoteAddr: multiaddr(relayed === true ? RELAYED : ADDRESS) })),
    dial: () => { it.dialed += 1; return given.dial?.() ?? Promise.resolve() },
  }
  const start = () => startRedial({
    swarm: { libp2p } as unknown as RedialOptions["swarm"], candidates, clock, random: () => 0.5, limits: PEER_LIMITS, isDenied: given.isDenied ?? (() => false),
    timers: { after(ms, run) { const one = { atMs: clock.ms + ms, run }; pending.push(one); return () => void pending.splice(pending.indexOf(one), 1) } },
    search: () => { it.searches.push(clock.ms); return given.search?.() ?? Promise.resolve(false) },
    onTick: () => { it.ticks += 1 }, onFailure: () => undefined,
  })
  /** Moves time, letting what was promised come to pass in between. */
  const pass = async (ms: number): Promise<void> => {
    const end = clock.ms + ms
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = pending.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      pending.splice(pending.indexOf(next), 1)
      clock.ms = next.atMs
      next.run()
    }
    clock.ms = end
  }
  return { ...it, it, candidates, start, pass, pending }
}
const inbound = (count: number): Open[] => Array.from({ length: count }, (_, i) => ({ id: `in ${i}`, direction: "inbound" }))
const outbound = (count: number): Open[] => Array.from({ length: count }, (_, i) => ({ id: `out ${i}`, direction: "outbound" }))

describe("redial", () => {
  test.each([
    { name: "told of, while there are many", origin: "told", open: [...inbound(PEERS_WANTED), ...outbound(OUTBOUND_MIN)], dialed: 1 },
    { name: "known, while there are many", origin: "known", open: [...inbound(PEERS_WANTED), ...outbound(OUTBOUND_MIN)], dialed: 0 },
    { name: "known, while there are few", origin: "known", open: outbound(OUTBOUND_MIN), dialed: 1 },
    { name: "found, while there are many who came by themselves, and too few that were dialled", origin: "found", open: [...inbound(PEERS_WANTED), ...outbound(OUTBOUND_MIN - 1)], dialed: 1 },
    { name: "found, while those that were dialled are behind relays", origin: "found", open: [...inbound(PEERS_WANTED), ...outbound(OUTBOUND_MIN).map((one) => ({ ...one, relayed: true }))], dialed: 1 },
    { name: "told of, and connected", origin: "told", open: [{ id: "peer", direction: "inbound" }], dialed: 0 },
  ] as const)("$name: $dialed", async ({ origin, open, dialed }) => {
    const { it, candidates, start } = world()
    it.open = [...open]
    candidates.offer("peer", [ADDRESS], origin)
    const redial = start()
    await redial.stop()
    expect(it.dialed).toBe(dialed)
  })
  test("whoever is denied is not dialled", async () => {
    const { it, candidates, start } = world({ isDenied: (peer) => peer === "peer" })
    candidates.offer("peer", [ADDRESS], "told")
    await start().stop()
    expect(it.dialed).toBe(0)
  })
  test("dials again and again, less and less often, and never at the same time twice", async () => {
    const { it, candidates, start, pass } = world({ dial: () => Promise.reject(new Error("refused")) })
    it.open = outbound(1)
    candidates.offer("peer", [ADDRESS], "told")
    const redial = start()
    await pass(60_000)
    // After 0, 5, 15 and 35 s; each look comes every 5.
    expect(it.dialed).toBe(4)
    await pass(3_600_000)
    expect(it.dialed).toBeLessThan(16)
    await redial.stop()
  })
  test("when nobody is left it does not wait for minutes", async () => {
    const { it, candidates, start, pass } = world({ dial: () => Promise.reject(new Error("refused")) })
    candidates.offer("peer", [ADDRESS], "known")
    for (let i = 0; i < 12; i++) candidates.failed("peer")
    const redial = start()
    await pass(60_000)
    expect(it.dialed).toBeGreaterThanOrEqual(4)
    await redial.stop()
  })
  test("searches at 0, then after 2, 4, 8 … seconds, down to every ten minutes; with nobody there every half a minute", async () => {
    const { it, start, pass } = world()
    it.open = outbound(1)
    const redial = start()
    await pass(3 * 3_600_000)
    const waits = it.searches.map((at, i) => at - (it.searches[i - 1] ?? 0))
    // Looks come every 5 s, so that a search does too.
    expect(waits.slice(0, 6)).toEqual([0, 5_000, 5_000, 10_000, 20_000, 35_000])
    expect(waits.at(-1)).toBe(600_000)
    it.open = []
    const before = it.searches.length
    await pass(600_000)
    expect(it.searches.length - before).toBeGreaterThanOrEqual(15)
    await redial.stop()
  })
  test("an end ends it: no dial, no look, no search after it", async () => {
    const { it, candidates, start, pass, pending } = world({ search: () => new Promise(() => undefined) })
    const redial = start()
    await redial.stop()
    candidates.offer("peer", [ADDRESS], "told")
    await pass(60_000)
    expect([it.dialed, it.ticks, it.searches.length, pending.length]).toEqual([0, 1, 1, 0])
  })
})
