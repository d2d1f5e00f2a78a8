import type { Clock } from "@vouchsafe/ports"

/** A bucket's size, and how fast it fills again. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** Token buckets by name. */
export interface Budget {
  /** Takes one token of this name's bucket; false when there is none. */
  take(name: string): boolean
}

/** @see Budget. Of more than `namesMax` names the longest unused is forgotten, that is, full again. */
export function createBudget(clock: Clock, rate: Rate, namesMax: number): Budget {
  // A Map: its keys come from outside. Insertion order doubles as order of use.
  const buckets = new Map<string, { tokens: number; atMs: number }>()
  return {
    take(name) {
      const nowMs = clock.nowMs()
      const bucket = buckets.get(name) ?? { tokens: rate.burst, atMs: nowMs }
      buckets.delete(name)
      buckets.set(name, bucket)
      if (buckets.size > namesMax) buckets.delete(buckets.keys().next().value as string)
      // A clock that was set back must not take tokens away, nor give any.
      bucket.tokens = Math.min(rate.burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) / 1_000 * rate.perSecond)
      bucket.atMs = nowMs
      if (bucket.tokens < 1) return false
      bucket.tokens -= 1
      return true
    },
  }
}
