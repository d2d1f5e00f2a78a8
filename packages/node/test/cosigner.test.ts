import { describe, expect, test } from "vitest"
import { type Cosigner, createCosigner } from "../src/cosign/cosigner.ts"
import { COSIGN_PACE_MS, COSIGN_RETRY_MS, NOTICES_REFRESH_MS } from "../src/limits.ts"
import { cleanup, manualTime, quiet } from "./support.ts"

const root = new Uint8Array(32)

/** A log and its witnesses, reduced to what a cosigner sees. */
function world(more: { refreshMs?: number } = {}) {
  const time = manualTime()
  const state = { size: 0, cosigned: undefined as number | undefined, alive: true, rounds: [] as string[] }
  let hold: Promise<void> | undefined
  let letGo = (): void => undefined
  const head = (size: number) => ({ size, root, text: String(size) })
  const round = async (kind: string): Promise<boolean> => {
    const { size } = state
    state.rounds.push(`${kind} ${size}`)
    await hold
    if (state.alive) state.cosigned = size
    return state.alive
  }
  const cosigner: Cosigner = createCosigner({
    name: "log", clock: time.clock, timers: time.timers, logger: quiet, ...more,
    log: {
      get size() { return state.size },
      cosigned: () => (state.cosigned === undefined ? undefined : head(state.cosigned)),
    },
    witnesses: {
      collect: () => round("newest"), refresh: () => round("fresh"),
      status: () => [{ name: "beta", size: undefined, cosignedAtSeconds: undefined, failure: "no connection" }],
      close: async () => { letGo() },
    },
  })
  cleanup(() => cosigner.stop())
  return {
    time, state, cosigner,
    pause: () => { hold = new Promise((resolve) => { letGo = resolve }) },
    resume: () => { hold = undefined; letGo() },
  }
}

async function settled(promise: Promise<unknown>, time: { advance(ms: number): Promise<void> }): Promise<boolean> {
  let done = false
  promise.then(() => { done = true }, () => { done = true })
  await time.advance(0)
  return done
}

describe("a log's head is cosigned", () => {
  test("once at the start, and after appends, several in one round", async () => {
    const { time, state, cosigner, pause, resume } = world()
    await time.advance(COSIGN_PACE_MS)
    expect([state.cosigned, state.rounds]).toEqual([0, ["fresh 0"]])
    pause()
    state.size = 1
    cosigner.request()
    await time.advance(0)
    state.size = 5
    cosigner.request()
    cosigner.request()
    const reached = cosigner.reached(5)
    resume()
    expect(await settled(reached, time)).toBe(false)
    await time.advance(COSIGN_PACE_MS)
    await reached
    expect([state.cosigned, state.rounds]).toEqual([5, ["fresh 0", "newest 1", "newest 5"]])
  })
  test("the first append after a while at once, those of a burst together a little later", async () => {
    const { time, state, cosigner } = world()
    await time.advance(COSIGN_PACE_MS)
    for (let size = 1; size <= 50; size++) {
      state.size = size
      cosigner.request()
      await time.advance(10)
    }
    await time.advance(COSIGN_PACE_MS)
    expect(state.rounds).toEqual(["fresh 0", "newest 1", "newest 10", "newest 20", "newest 30", "newest 40", "newest 50"])
  })
  test("again and again, ever more slowly, while the witnesses are away", async () => {
    const { time, state, cosigner } = world()
    await time.advance(COSIGN_PACE_MS)
    state.alive = false
    state.size = 1
    const reached = cosigner.reached(1)
    await time.advance(0)
    for (const ms of [500, 1_000, 2_000, 4_000]) await time.advance(ms)
    expect(state.rounds).toEqual(["fresh 0", ...Array(5).fill("newest 1")])
    expect(await settled(reached, time)).toBe(false)
    state.alive = true
    await time.advance(COSIGN_RETRY_MS.longest)
    await reached
    expect(state.cosigned).toBe(1)
  })
  test("anew after a while although nothing changed", async () => {
    const { time, state, cosigner } = world({ refreshMs: NOTICES_REFRESH_MS })
    await time.advance(0)
    await time.advance(NOTICES_REFRESH_MS - 1)
    expect(state.rounds).toEqual(["fresh 0"])
    expect(cosigner.ageMs()).toBe(NOTICES_REFRESH_MS - 1)
    await time.advance(1)
    expect([state.rounds, cosigner.ageMs()]).toEqual([["fresh 0", "fresh 0"], 0])
  })
  test("refreshed() waits for a round that begins after the call, and does not wait for a pause", async () => {
    const { time, state, cosigner, pause, resume } = world()
    await time.advance(COSIGN_PACE_MS)
    pause()
    cosigner.request()
    await time.advance(0)
    const refreshed = cosigner.refreshed()
    expect(state.rounds).toEqual(["fresh 0", "newest 0"])
    resume()
    await refreshed
    expect(state.rounds).toEqual(["fresh 0", "newest 0", "fresh 0"])
    cosigner.request()
    await time.advance(0)
    await cosigner.refreshed()
    expect(state.rounds).toEqual(["fresh 0", "newest 0", "fresh 0", "fresh 0"])
  })
  test("the head's age counts from its newest cosignatures, of a refresh or of a larger tree", async () => {
    const { time, state, cosigner } = world()
    await time.advance(1_000)
    expect(cosigner.ageMs()).toBe(1_000)
    cosigner.request()
    await time.advance(1_000)
    expect(cosigner.ageMs()).toBe(2_000)
    state.size = 1
    await cosigner.reached(1)
    expect(cosigner.ageMs()).toBe(0)
  })
  test("a request in the very turn in which a round ends is not lost", async () => {
    const { time, state, cosigner } = world()
    await cosigner.reached(0)
    state.size = 1
    const both = cosigner.reached(1).then(() => { state.size = 2; return cosigner.reached(2) })
    await time.advance(2 * COSIGN_PACE_MS)
    await both
    expect(state.cosigned).toBe(2)
  })
  test("stopping lets waiters go, ends the timers and begins nothing more", async () => {
    const { time, state, cosigner } = world({ refreshMs: NOTICES_REFRESH_MS })
    await time.advance(COSIGN_PACE_MS)
    state.alive = false
    state.size = 1
    const reached = cosigner.reached(1)
    await time.advance(0)
    await cosigner.stop()
    await reached
    await cosigner.reached(9)
    cosigner.request()
    expect(time.pending()).toBe(0)
    expect(state.rounds).toEqual(["fresh 0", "newest 1"])
  })
})
