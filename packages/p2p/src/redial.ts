/**
 * Who is connected, kept so: an own loop, because the library tells of a bootstrap node once and leaves a lost peer lost (spec/peers.md, "Dialling").
 *
 * @packageDocumentation
 */
import { multiaddr } from "@multiformats/multiaddr"
import type { Clock, Timers } from "@vouchsafe/ports"
import { isRelayed } from "./addresses.ts"
import type { Candidate, Candidates } from "./candidates.ts"
import { DIAL_TIMEOUT_MS, DIALS_PARALLEL_MAX, OUTBOUND_MIN, type PeerLimits, PEERS_WANTED } from "./limits.ts"
import type { Swarm } from "./swarm.ts"

/** What the loop works with. */
export interface RedialOptions {
  readonly swarm: Swarm
  readonly candidates: Candidates
  readonly clock: Clock
  readonly timers: Timers
  readonly random: () => number
  readonly limits: PeerLimits
  readonly isDenied: (peer: string) => boolean
  /** Looks for more addresses; true when it found any that were new. Never rejects. */
  readonly search: () => Promise<boolean>
  /** Comes with every look at who is connected. */
  readonly onTick: (connected: ReadonlySet<string>) => void
  readonly onFailure: (peer: string, error: unknown) => void
}

/** A loop that runs. */
export interface Redial {
  /** Looks at once rather than at the next time. */
  now(): void
  stop(): Promise<void>
}

/** Starts the loop. */
export function startRedial(options: RedialOptions): Redial {
  const { swarm: { libp2p }, candidates, clock, limits, random, timers } = options
  const dialing = new Map<string, Promise<void>>()
  const ending = new AbortController()
  let searching: Promise<void> | undefined
  let searchAtMs = 0
  let searchWaitMs = limits.searchFirstMs
  let cancel = (): void => undefined

  const dial = async ({ id, addresses }: Candidate): Promise<void> => {
    try {
      await libp2p.dial(addresses.map((address) => multiaddr(address)), { signal: AbortSignal.any([ending.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]) })
      candidates.connected(id)
    } catch (error) {
      candidates.failed(id)
      if (!ending.signal.aborted) options.onFailure(id, error)
    } finally {
      dialing.delete(id)
    }
  }
  const search = async (): Promise<void> => {
    const found = await options.search()
    // What finds nothing is asked less and less often.
    if (found) searchWaitMs = limits.searchFirstMs
    searchAtMs = clock.nowMs() + searchWaitMs * (0.75 + random() / 2)
    searchWaitMs = Math.min(searchWaitMs * 2, limits.searchEveryMs)
    searching = undefined
    if (found && !ending.signal.aborted) look()
  }
  const look = (): void => {
    const open = libp2p.getConnections()
    const connected = new Set(open.map(({ remotePeer }) => remotePeer.toString()))
    const outbound = new Set(open.filter(({ direction, remoteAddr }) => direction === "outbound" && !isRelayed(remoteAddr)).map(({ remotePeer }) => remotePeer.toString()))
    options.onTick(connected)
    if (connected.size === 0) {
      candidates.hurry()
      searchWaitMs = Math.min(searchWaitMs, limits.searchSoonMs)
      searchAtMs = Math.min(searchAtMs, clock.nowMs() + limits.searchSoonMs)
    }
    const missing = connected.size < PEERS_WANTED || outbound.size < OUTBOUND_MIN
    const due = candidates.due(({ id, origin }) => !connected.has(id) && !dialing.has(id) && !options.isDenied(id) && (origin === "told" || missing))
    for (const candidate of due.slice(0, Math.max(0, DIALS_PARALLEL_MAX - dialing.size))) dialing.set(candidate.id, dial(candidate))
    if (searching === undefined && clock.nowMs() >= searchAtMs) searching = search()
  }
  const tick = (): void => {
    look()
    cancel = timers.after(limits.redialEveryMs * (0.75 + random() / 2), tick)
  }
  tick()
  return {
    now: look,
    async stop() {
      ending.abort()
      cancel()
      // A search ends by itself, and what it finds now is of no use.
      await Promise.all(dialing.values())
    },
  }
}
