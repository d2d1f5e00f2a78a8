/**
 * What peers did, and whom this node does not speak to for a while (spec/peers.md, "Scores").
 *
 * @packageDocumentation
 */
import type { Clock, PeerFault } from "@vouchsafe/ports"
import { type PeerLimits, SCORE_HALF_LIFE_MS, SCORE_MIN, SCORES_MAX } from "./limits.ts"

/** What one fault costs. Lying once is enough; a request that failed may be the network's fault. */
export const FAULT_COST: Readonly<Record<PeerFault, number>> = { malformed: 20, lied: 100, flooded: 10, failed: 2 }

/** Scores of peers by their names. */
export interface Scores {
  /** 0 for a peer of whom nothing is known; never above. */
  score(peer: string): number
  /** Holds something against a peer. True when that was too much: it is denied from now on. */
  fault(peer: string, fault: PeerFault): boolean
  isDenied(peer: string): boolean
}

interface Entry {
  score: number
  atMs: number
  deniedUntilMs: number
  /** How often it was denied: each time is longer. */
  denials: number
}

/** @see Scores */
export function createScores(clock: Clock, limits: Pick<PeerLimits, "deniedMs" | "deniedMsMax">): Scores {
  const entries = new Map<string, Entry>()
  const now = (entry: Entry): number => {
    const elapsed = Math.max(0, clock.nowMs() - entry.atMs)
    return entry.score * 0.5 ** (elapsed / SCORE_HALF_LIFE_MS)
  }
  const entryOf = (peer: string): Entry => {
    const known = entries.get(peer)
    if (known !== undefined) return known
    if (entries.size >= SCORES_MAX) evict()
    const entry = { score: 0, atMs: clock.nowMs(), deniedUntilMs: 0, denials: 0 }
    entries.set(peer, entry)
    return entry
  }
  /** Forgets whoever has the least to be forgiven, so that new names cannot wash an old one clean. */
  const evict = (): void => {
    let mildest: string | undefined
    let best = Number.NEGATIVE_INFINITY
    for (const [peer, entry] of entries) {
      const weight = now(entry) - (entry.deniedUntilMs > clock.nowMs() ? -SCORE_MIN : 0) - entry.denials
      if (weight > best) [mildest, best] = [peer, weight]
    }
    if (mildest !== undefined) entries.delete(mildest)
  }
  return {
    score(peer) {
      const entry = entries.get(peer)
      return entry === undefined ? 0 : now(entry)
    },
    fault(peer, fault) {
      const entry = entryOf(peer)
      entry.score = now(entry) - FAULT_COST[fault]
      entry.atMs = clock.nowMs()
      if (entry.score > SCORE_MIN) return false
      entry.deniedUntilMs = clock.nowMs() + Math.min(limits.deniedMs * 2 ** entry.denials, limits.deniedMsMax)
      entry.denials += 1
      // It comes back with half of what it may do.
      entry.score = SCORE_MIN / 2
      return true
    },
    isDenied: (peer) => (entries.get(peer)?.deniedUntilMs ?? 0) > clock.nowMs(),
  }
}
