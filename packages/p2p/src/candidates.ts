/**
 * Peers that might be dialled, and when: who, where, how often it failed (spec/peers.md, "Dialling"). Pure: time and chance come in.
 *
 * @packageDocumentation
 */
import type { Clock } from "@vouchsafe/ports"
import { ADDRESSES_MAX, CANDIDATES_MAX, type PeerLimits } from "./limits.ts"

/** How an address was come by. Told ones, of the configuration and of the roster's nodes, are kept connected and never forgotten. */
export type Origin = "told" | "known" | "found"

/** One peer. */
export interface Candidate {
  readonly id: string
  readonly addresses: readonly string[]
  readonly origin: Origin
  readonly failures: number
}

/** @see createCandidates */
export interface Candidates {
  /** Adds addresses of a peer; the newest come first. */
  offer(id: string, addresses: readonly string[], origin: Origin): void
  /** Those whose time has come: told ones first, then who failed least, in an order that no two nodes share. */
  due(isWanted: (candidate: Candidate) => boolean): readonly Candidate[]
  connected(id: string): void
  failed(id: string): void
  /** Lets everybody be tried at once: the network was gone, not the peers. */
  hurry(): void
  all(): readonly Candidate[]
}

interface Entry {
  addresses: readonly string[]
  origin: Origin
  failures: number
  nextAtMs: number
}

const RANK: Readonly<Record<Origin, number>> = { told: 0, known: 1, found: 2 }
/** A peer that somebody named and that never answered is forgotten after so many tries. */
const FAILURES_MAX = 8
/** Doublings after which the longest wait is reached for any limits. */
const DOUBLINGS_MAX = 16

/** @param random - from 0 to below 1 */
export function createCandidates(clock: Clock, random: () => number, limits: Pick<PeerLimits, "backoffMs" | "backoffMsMax">): Candidates {
  const entries = new Map<string, Entry>()
  const asCandidate = ([id, { addresses, origin, failures }]: [string, Entry]): Candidate => ({ id, addresses, origin, failures })
  /** Makes room: whoever was only heard of and failed most. False when all others weigh more than a newcomer. */
  const makeRoom = (): boolean => {
    const worst = [...entries].filter(([, { origin }]) => origin !== "told").sort(([, a], [, b]) => RANK[b.origin] - RANK[a.origin] || b.failures - a.failures)[0]
    if (worst === undefined || (worst[1].origin !== "found" && worst[1].failures === 0)) return false
    return entries.delete(worst[0])
  }
  return {
    offer(id, addresses, origin) {
      if (addresses.length === 0) return
      const known = entries.get(id)
      if (known !== undefined) {
        known.addresses = [...new Set([...addresses, ...known.addresses])].slice(0, ADDRESSES_MAX)
        if (RANK[origin] < RANK[known.origin]) known.origin = origin
        return
      }
      if (entries.size >= CANDIDATES_MAX && !makeRoom()) return
      entries.set(id, { addresses: [...new Set(addresses)].slice(0, ADDRESSES_MAX), origin, failures: 0, nextAtMs: 0 })
    },
    due(isWanted) {
      const nowMs = clock.nowMs()
      return [...entries].filter(([, { nextAtMs }]) => nextAtMs <= nowMs).map((entry) => ({ candidate: asCandidate(entry), tie: random() }))
        .sort((a, b) => RANK[a.candidate.origin] - RANK[b.candidate.origin] || a.candidate.failures - b.candidate.failures || a.tie - b.tie)
        .map(({ candidate }) => candidate).filter(isWanted)
    },
    connected(id) {
      const entry = entries.get(id)
      if (entry === undefined) return
      entry.failures = 0
      entry.nextAtMs = 0
      // Whoever answered once is worth trying again.
      if (entry.origin === "found") entry.origin = "known"
    },
    failed(id) {
      const entry = entries.get(id)
      if (entry === undefined) return
      entry.failures += 1
      if (entry.origin === "found" && entry.failures >= FAILURES_MAX) {
        entries.delete(id)
        return
      }
      const waitMs = Math.min(limits.backoffMs * 2 ** Math.min(entry.failures - 1, DOUBLINGS_MAX), limits.backoffMsMax)
      // Between half and one and a half: nodes that lost the same peer at the same time do not all come back at once.
      entry.nextAtMs = clock.nowMs() + waitMs * (0.5 + random())
    },
    hurry() {
      for (const entry of entries.values()) entry.nextAtMs = Math.min(entry.nextAtMs, clock.nowMs() + limits.backoffMs * 2)
    },
    all: () => [...entries].map(asCandidate),
  }
}
