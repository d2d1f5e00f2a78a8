/**
 * Where more peers come from: what the roster's nodes say of themselves, whom others are connected to, and who announced the service (spec/peers.md, "Finding").
 *
 * @packageDocumentation
 */
import type { Clock } from "@vouchsafe/ports"
import { type AddressRules, parseAddress, peerOf } from "./addresses.ts"
import type { Candidates, Origin } from "./candidates.ts"
import { PROVIDE_EVERY_MS, SEARCH_TIMEOUT_MS } from "./limits.ts"
import { SERVICE_CID } from "./routing.ts"
import type { Swarm } from "./swarm.ts"

/** After a try that failed, and while new peers come in. */
const PROVIDE_AGAIN_MS = 60_000
/** Peers that one search takes in. */
const FOUND_MAX = 50

/** What it works with. */
export interface SearchOptions {
  readonly swarm: Swarm
  readonly candidates: Candidates
  readonly rules: AddressRules
  readonly clock: Clock
  readonly findAddresses: (() => Promise<readonly string[]>) | undefined
  /** Asks connected peers for theirs. Never rejects. */
  readonly askPeers: () => Promise<readonly string[]>
  readonly onFailure: (what: string, error: unknown) => void
}

/** Hands addresses of others to the table of candidates, each under the peer at its end. */
export function offerAddresses(candidates: Candidates, rules: AddressRules, self: string, addresses: readonly string[], origin: Origin): void {
  for (const address of addresses.flatMap(parseAddress).filter(rules.isAllowed)) {
    const peer = peerOf(address)
    if (peer !== undefined && peer !== self) candidates.offer(peer, [address.toString()], origin)
  }
}

/** @returns searching and announcing; neither throws. */
export function createSearch(options: SearchOptions) {
  const { swarm: { libp2p }, candidates, rules, clock } = options
  const self = libp2p.peerId.toString()
  const ending = new AbortController()
  /** The last time the service was announced: when, to how many, and at which addresses. */
  let provided = { atMs: Number.NEGATIVE_INFINITY, isDone: false, connected: 0, addresses: "" }
  let providing: Promise<void> | undefined
  const deadline = (): AbortSignal => AbortSignal.any([ending.signal, AbortSignal.timeout(SEARCH_TIMEOUT_MS)])
  /** What fails is said, unless it fails because all of this ends. */
  const attempt = async (what: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      if (!ending.signal.aborted) options.onFailure(what, error)
      return false
    }
  }
  const fromRouting = async (): Promise<void> => {
    const seen = new Set<string>()
    for await (const { id, multiaddrs } of libp2p.contentRouting.findProviders(SERVICE_CID, { signal: deadline() })) {
      seen.add(id.toString())
      offerAddresses(candidates, rules, self, rules.read(multiaddrs.map(String)).map((address) => (peerOf(address) === id.toString() ? address.toString() : `${address.toString()}/p2p/${id.toString()}`)), "found")
      if (seen.size >= FOUND_MAX) return
    }
  }
  return {
    /** True when there is somebody new. */
    async find(): Promise<boolean> {
      const before = new Set(candidates.all().map(({ id }) => id))
      const isSomebodyNew = (): boolean => candidates.all().some(({ id }) => !before.has(id))
      const { findAddresses } = options
      if (findAddresses !== undefined) await attempt("roster", async () => offerAddresses(candidates, rules, self, await findAddresses(), "told"))
      offerAddresses(candidates, rules, self, await options.askPeers(), "found")
      // The routing table costs more to ask than all else: only when nobody else knows more.
      if (!isSomebodyNew() && libp2p.getConnections().length > 0) await attempt("search", fromRouting)
      return isSomebodyNew()
    },
    /** Announces the service when it is time to, when there are more to tell than last time, and when there is something new to tell. */
    provide(connected: number): void {
      const addresses = libp2p.getMultiaddrs().map(String).sort().join(" ")
      // Whoever has no address yet, such as a peer that waits for a relay, would be announced as nowhere and not kept.
      if (providing !== undefined || connected === 0 || addresses === "") return
      const sinceMs = clock.nowMs() - provided.atMs
      const isNews = !provided.isDone || connected > provided.connected || addresses !== provided.addresses
      if (sinceMs < (isNews ? PROVIDE_AGAIN_MS : PROVIDE_EVERY_MS)) return
      providing = attempt("announce", () => libp2p.contentRouting.provide(SERVICE_CID, { signal: deadline() })).then((isDone) => {
        provided = { atMs: clock.nowMs(), isDone, connected, addresses }
        providing = undefined
      })
    },
    async stop(): Promise<void> {
      ending.abort()
      await providing
    },
  }
}
