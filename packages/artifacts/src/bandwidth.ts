import { VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, Clock, Timers } from "@vouchsafe/ports"

/** A bucket that fills with so many bytes a second. What is larger than the bucket is let through once it is not empty, and paid off afterwards. */
export interface Bandwidth {
  /** Takes `bytes` now, or says in how many ms something may be taken again. */
  tryTake(bytes: number): number
  /** Waits for its turn, then takes. Rejects with TIMEOUT when `signal` ends the waiting. */
  take(bytes: number, signal?: AbortSignalLike): Promise<void>
}

export interface BandwidthOptions {
  readonly bytesPerSecond: number
  /** Bytes at once. Default: what comes in a second. */
  readonly burst?: number
  readonly clock: Clock
  readonly timers: Timers
}

/** @see Bandwidth */
export function createBandwidth({ bytesPerSecond, burst = bytesPerSecond, clock, timers }: BandwidthOptions): Bandwidth {
  let tokens = burst
  let atMs = clock.nowMs()
  let turn: Promise<void> = Promise.resolve()
  const tryTake = (bytes: number): number => {
    const nowMs = clock.nowMs()
    // A clock that was set back gives nothing and takes nothing.
    tokens = Math.min(burst, tokens + (Math.max(0, nowMs - atMs) * bytesPerSecond) / 1000)
    atMs = nowMs
    if (tokens <= 0) return Math.max(1, Math.ceil(((1 - tokens) * 1000) / bytesPerSecond))
    tokens -= bytes
    return 0
  }
  const waitAndTake = async (bytes: number, signal: AbortSignalLike | undefined): Promise<void> => {
    for (let waitMs = tryTake(bytes); waitMs > 0; waitMs = tryTake(bytes)) {
      await pause(timers, waitMs, signal)
      if (signal?.aborted === true) throw new VouchsafeError("TIMEOUT", "stopped while waiting for bandwidth")
    }
  }
  return {
    tryTake,
    take(bytes, signal) {
      const mine = turn.then(() => waitAndTake(bytes, signal))
      // Whoever gave up leaves the turn to the next.
      turn = mine.then(() => undefined, () => undefined)
      return mine
    },
  }
}

/** Waits, at most until `signal` aborts. */
export function pause(timers: Timers, ms: number, signal?: AbortSignalLike): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener("abort", end)
      resolve()
    }
    const cancel = timers.after(ms, end)
    if (signal?.aborted === true) end()
    else signal?.addEventListener("abort", end)
  })
}
