import type { Clock } from "@vouchsafe/ports"

/** So much a second for each name, and so much at once. Names that came back to their full budget are forgotten. */
export interface Budget {
  /** Takes one. False when nothing is left. */
  take(name: string): boolean
}

/** Names of which a budget is kept; beyond it the one that is oldest and full goes, or everybody waits. */
const NAMES_MAX = 4_096

/** @see Budget */
export function createBudget(clock: Clock, perSecond: number, burst: number): Budget {
  const left = new Map<string, { tokens: number; atMs: number }>()
  const refilled = ({ tokens, atMs }: { tokens: number; atMs: number }): number => Math.min(burst, tokens + (Math.max(0, clock.nowMs() - atMs) / 1_000) * perSecond)
  const makeRoom = (): boolean => {
    for (const [name, entry] of left) if (refilled(entry) >= burst) left.delete(name)
    return left.size < NAMES_MAX
  }
  return {
    take(name) {
      const known = left.get(name)
      if (known === undefined && left.size >= NAMES_MAX && !makeRoom()) return false
      const tokens = known === undefined ? burst : refilled(known)
      left.set(name, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: clock.nowMs() })
      return tokens >= 1
    },
  }
}
