import type { AbortSignalLike, Clock } from "@vouchsafe/ports"

/** A clock that stands still until somebody sleeps and nothing else is going on; then it jumps to the end of the shortest sleep. */
export interface VirtualTime {
  readonly clock: Clock
  /** Sets the clock, forward or back. */
  set(ms: number): void
  advance(ms: number): void
  sleep(ms: number, signal?: AbortSignalLike): Promise<void>
}

export const START_MS = 1_800_000_000_000

export function virtualTime(startMs: number = START_MS): VirtualTime {
  let nowMs = startMs
  let sleepers: { readonly atMs: number; readonly wake: () => void }[] = []
  const tick = (): void => {
    // All of them were woken before their time.
    if (sleepers.length === 0) return
    const next = sleepers.reduce((a, b) => (b.atMs < a.atMs ? b : a))
    sleepers = sleepers.filter((sleeper) => sleeper !== next)
    nowMs = Math.max(nowMs, next.atMs)
    next.wake()
    if (sleepers.length > 0) setImmediate(tick)
  }
  return {
    clock: { nowMs: () => nowMs },
    set(ms) { nowMs = ms },
    advance(ms) { nowMs += ms },
    sleep: (ms, signal) => new Promise((wake) => {
      if (signal?.aborted === true) return wake()
      const sleeper = { atMs: nowMs + ms, wake }
      sleepers.push(sleeper)
      if (sleepers.length === 1) setImmediate(tick)
      signal?.addEventListener("abort", () => {
        sleepers = sleepers.filter((other) => other !== sleeper)
        wake()
      })
    }),
  }
}
