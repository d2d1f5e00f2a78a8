import { VouchsafeError } from "@vouchsafe/core"
import { expect, test } from "vitest"
import { keepMirrors, type Mirror, NOTED_MS, RETRY_MS, ROUND_JITTER, ROUND_MS, ROUNDS_CONCURRENT_MAX, type SyncResult } from "../src/index.ts"

interface Due { readonly atMs: number; readonly run: () => void }

function manualTime() {
  let nowMs = 1_790_000_000_000
  const due = new Set<Due>()
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return {
    clock: { nowMs: () => nowMs },
    timers: {
      after(ms: number, run: () => void) {
        const timer = { atMs: nowMs + ms, run }
        due.add(timer)
        return () => void due.delete(timer)
      },
    },
    pending: () => due.size,
    settle,
    async advance(ms: number) {
      const endMs = nowMs + ms
      for (;;) {
        await settle()
        const [next] = [...due].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        due.delete(next)
        nowMs = next.atMs
        next.run()
      }
      nowMs = endMs
    },
  }
}

/** A mirror whose rounds end as the test says. */
function fakeMirror(origin: string, outcome: () => Promise<SyncResult>) {
  const rounds: { count: number; stored: number } = { count: 0, stored: 0 }
  const mirror = {
    origin,
    get bundlesStored() {
      return rounds.stored
    },
    sync: () => {
      rounds.count++
      return outcome()
    },
  } as unknown as Mirror
  return { mirror, rounds }
}

const fine = async (): Promise<SyncResult> => ({ size: 1, grewBy: 0, source: "origin" })
const failing = async (): Promise<SyncResult> => {
  throw new VouchsafeError("NOT_FOUND", "withheld")
}

test("a round at start, and then every five minutes, spread by the jitter", async () => {
  for (const [random, ms] of [[0, ROUND_MS * (1 - ROUND_JITTER)], [0.5, ROUND_MS]] as const) {
    const time = manualTime()
    const { mirror, rounds } = fakeMirror("a", fine)
    const keeper = keepMirrors({ mirrors: [mirror], ...time, random: () => random })
    await time.settle()
    expect(rounds.count).toBe(1)
    await time.advance(ms - 1)
    expect(rounds.count).toBe(1)
    await time.advance(1)
    expect(rounds.count).toBe(2)
    await keeper.stop()
    expect(time.pending()).toBe(0)
    await time.advance(2 * ROUND_MS)
    expect(rounds.count).toBe(2)
  }
})

test("after failures the pause doubles up to the longest; a success ends that", async () => {
  const time = manualTime()
  let how = failing
  const outcomes: unknown[] = []
  const { mirror, rounds } = fakeMirror("a", () => how())
  const keeper = keepMirrors({ mirrors: [mirror], ...time, random: () => 0.5, onRound: (_mirror, outcome) => outcomes.push(outcome) })
  await time.settle()
  let expected = 1
  for (const pause of [RETRY_MS.first, RETRY_MS.first * 2, RETRY_MS.first * 4, RETRY_MS.first * 8, RETRY_MS.first * 16, RETRY_MS.first * 32, RETRY_MS.longest, RETRY_MS.longest]) {
    await time.advance(pause - 1)
    expect(rounds.count).toBe(expected)
    await time.advance(1)
    expect(rounds.count).toBe(++expected)
  }
  how = fine
  await time.advance(RETRY_MS.longest)
  expect(outcomes.at(-1)).toEqual({ size: 1, grewBy: 0, source: "origin" })
  expect(outcomes[0]).toMatchObject({ code: "NOT_FOUND" })
  how = failing
  await time.advance(ROUND_MS)
  const count = rounds.count
  await time.advance(RETRY_MS.first)
  expect(rounds.count).toBe(count + 1)
  await keeper.stop()
})

test("a round that stored something before it failed is followed soon", async () => {
  const time = manualTime()
  const { mirror, rounds } = fakeMirror("a", async () => {
    if (rounds.count <= 3) rounds.stored += 10
    throw new VouchsafeError("TIMEOUT", "slow")
  })
  const keeper = keepMirrors({ mirrors: [mirror], ...time, random: () => 0.5 })
  await time.settle()
  await time.advance(3 * NOTED_MS)
  expect(rounds.count).toBe(4)
  await time.advance(RETRY_MS.first * 2 - 1)
  expect(rounds.count).toBe(4)
  await time.advance(1)
  expect(rounds.count).toBe(5)
  await keeper.stop()
})

test("told of a new head: soon, but no more often than every two seconds, and not before the pause after a failure", async () => {
  const time = manualTime()
  let how = fine
  const { mirror, rounds } = fakeMirror("a", () => how())
  const keeper = keepMirrors({ mirrors: [mirror], ...time, random: () => 0.5 })
  await time.settle()
  keeper.note("somebody else's")
  for (let i = 0; i < 100; i++) keeper.note("a")
  await time.advance(NOTED_MS - 1)
  expect(rounds.count).toBe(1)
  await time.advance(1)
  expect(rounds.count).toBe(2)
  await time.advance(60_000)
  keeper.note("a")
  await time.advance(NOTED_MS / 2)
  keeper.note("a")
  await time.advance(NOTED_MS / 2)
  expect(rounds.count).toBe(3)
  how = failing
  keeper.note("a")
  await time.advance(NOTED_MS)
  expect(rounds.count).toBe(4)
  keeper.note("a")
  await time.advance(RETRY_MS.first - 1)
  expect(rounds.count).toBe(4)
  await time.advance(1)
  expect(rounds.count).toBe(5)
  await keeper.stop()
})

test("few logs at a time; stopping waits for those that run and begins no other", async () => {
  const time = manualTime()
  const ends: (() => void)[] = []
  const fakes = Array.from({ length: ROUNDS_CONCURRENT_MAX + 3 }, (_, i) => fakeMirror(`log ${i}`, () => new Promise((resolve) => {
    ends.push(() => resolve({ size: 0, grewBy: 0, source: "origin" }))
  })))
  const keeper = keepMirrors({ mirrors: fakes.map(({ mirror }) => mirror), ...time, random: () => 0.5 })
  await time.settle()
  const begun = (): number => fakes.reduce((sum, { rounds }) => sum + rounds.count, 0)
  expect(begun()).toBe(ROUNDS_CONCURRENT_MAX)
  ends.shift()?.()
  await time.settle()
  expect(begun()).toBe(ROUNDS_CONCURRENT_MAX + 1)
  const stopped = keeper.stop()
  let isStopped = false
  void stopped.then(() => { isStopped = true })
  await time.settle()
  expect(isStopped).toBe(false)
  for (const end of ends) end()
  await stopped
  expect(begun()).toBe(ROUNDS_CONCURRENT_MAX + 1)
  expect(time.pending()).toBe(0)
})
