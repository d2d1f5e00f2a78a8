/**
 * When mirrors are synced: in rounds, after failures with growing pauses, and soon after somebody tells of a new head.
 *
 * @packageDocumentation
 */
import type { AbortSignalLike, Clock } from "@vouchsafe/ports"
import { NOTED_MS, RETRY_MS, ROUND_JITTER, ROUND_MS, ROUNDS_CONCURRENT_MAX } from "./limits.ts"
import type { Mirror, SyncResult } from "./types.ts"

/** What keeping mirrors up to date needs. */
export interface KeepOptions {
  readonly mirrors: readonly Mirror[]
  readonly clock: Clock
  /** Calls once after `ms`; the returned function takes that back. */
  readonly timers: { after(ms: number, run: () => void): () => void }
  /** In [0, 1). */
  readonly random: () => number
  readonly signal?: AbortSignalLike
  /** After each round of a log: what it did, or the VouchsafeError with which it failed. Other errors are faults of this program. */
  readonly onRound?: (mirror: Mirror, outcome: SyncResult | Error) => void
}

/** Keeps mirrors up to date until it is stopped. */
export interface Keeper {
  /** Somebody says that this log has a new head. Nothing is believed: a round comes soon. */
  note(origin: string): void
  /** No more rounds; waits for those that run. */
  stop(): Promise<void>
}

/** Doublings of the first pause that can matter; more would overflow. */
const DOUBLINGS_MAX = 30

interface Kept {
  readonly mirror: Mirror
  failures: number
  running: boolean
  isNoted: boolean
  /** The last round failed after it had stored something. */
  isProgress: boolean
  endedMs: number
  dueMs: number
  cancel: () => void
}

/** Starts a round of each mirror at once, and more as time passes. */
export function keepMirrors(options: KeepOptions): Keeper {
  const { clock, timers, random } = options
  const kept = new Map<string, Kept>()
  const rounds = new Set<Promise<void>>()
  const waiting: (() => void)[] = []
  let running = 0
  let isStopped = false

  const schedule = (one: Kept, ms: number): void => {
    one.cancel()
    if (isStopped) return
    one.dueMs = clock.nowMs() + ms
    one.cancel = timers.after(ms, () => begin(one))
  }

  /** Takes one of the places for rounds. */
  const place = (): Promise<void> => {
    if (running < ROUNDS_CONCURRENT_MAX) {
      running++
      return Promise.resolve()
    }
    return new Promise((resolve) => waiting.push(resolve))
  }
  const giveBack = (): void => {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }

  const round = async (one: Kept): Promise<void> => {
    await place()
    const before = one.mirror.bundlesStored
    try {
      if (isStopped) return
      const result = await one.mirror.sync(options.signal)
      one.failures = 0
      options.onRound?.(one.mirror, result)
    } catch (error) {
      // What was brought is kept: a long copy is made in as many rounds as it takes.
      one.isProgress = one.mirror.bundlesStored > before
      one.failures = one.isProgress ? 1 : one.failures + 1
      options.onRound?.(one.mirror, error instanceof Error ? error : new Error(String(error)))
    } finally {
      giveBack()
    }
  }

  const begin = (one: Kept): void => {
    if (one.running || isStopped) return
    one.cancel()
    one.running = true
    one.isNoted = false
    one.isProgress = false
    const work = round(one).finally(() => {
      rounds.delete(work)
      one.running = false
      one.endedMs = clock.nowMs()
      schedule(one, pauseOf(one))
    })
    rounds.add(work)
  }

  const pauseOf = (one: Kept): number => {
    if (one.isProgress) return NOTED_MS
    if (one.failures > 0) return Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** Math.min(one.failures - 1, DOUBLINGS_MAX))
    if (one.isNoted) return NOTED_MS
    return ROUND_MS * (1 + ROUND_JITTER * (2 * random() - 1))
  }

  for (const mirror of options.mirrors) {
    const one: Kept = { mirror, failures: 0, running: false, isNoted: false, isProgress: false, endedMs: 0, dueMs: 0, cancel: () => undefined }
    kept.set(mirror.origin, one)
    begin(one)
  }

  return {
    note(origin) {
      const one = kept.get(origin)
      if (one === undefined || isStopped) return
      if (one.running) {
        one.isNoted = true
        return
      }
      const nowMs = clock.nowMs()
      // Not at once: whoever tells of a head often knows it before its cosignatures are together, and seldom tells of one alone.
      const roundMs = Math.max(nowMs + NOTED_MS, one.failures > 0 ? one.endedMs + RETRY_MS.first : 0)
      if (roundMs < one.dueMs) schedule(one, roundMs - nowMs)
    },
    async stop() {
      isStopped = true
      for (const one of kept.values()) one.cancel()
      for (const go of waiting.splice(0)) go()
      await Promise.allSettled([...rounds])
    },
  }
}
