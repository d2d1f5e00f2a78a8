/**
 * Peers over libp2p: finds them, keeps them, knows who they are, and drops those that do harm (spec/peers.md).
 *
 * @packageDocumentation
 */
import type { Connection } from "@libp2p/interface"
import { peerIdFromString } from "@libp2p/peer-id"
import type { Bytes, Crypto, Signer } from "@vouchsafe/core"
import type { Clock, Peer, PeerFault, PeerTransport, Timers } from "@vouchsafe/ports"
import { createAddressRules, isRelayed } from "./addresses.ts"
import type { Member } from "./binding.ts"
import { createBudget } from "./budget.ts"
import { createCandidates } from "./candidates.ts"
import { createExchange } from "./exchange.ts"
import { createHello } from "./hello.ts"
import type { KnownPeers } from "./known.ts"
import { PEER_LIMITS, type PeerLimits, REQUESTS_BURST, REQUESTS_PER_SECOND, ROUTING_BURST, ROUTING_PER_SECOND } from "./limits.ts"
import { createMemory } from "./memory.ts"
import { startRedial } from "./redial.ts"
import { createRequests } from "./requests.ts"
import { createScores } from "./score.ts"
import { createSearch, offerAddresses } from "./search.ts"
import { startSwarm, type Swarm } from "./swarm.ts"
import { createTopics } from "./topics.ts"

/** What happened, for a log. Names of peers and addresses are theirs to choose: they are shown escaped or not at all. */
export type PeerEvent =
  | { readonly kind: "connected" | "disconnected"; readonly peer: string }
  | { readonly kind: "bound"; readonly peer: string; readonly operator: string }
  | { readonly kind: "denied"; readonly peer: string; readonly fault: PeerFault }
  | { readonly kind: "unbound" | "unreached" | "failed"; readonly peer: string; readonly why: string }

/** What peers are started with. */
export interface PeersOptions {
  /** 32 bytes: the peer's own Ed25519 key, used for nothing else. */
  readonly seed: Bytes
  /** Multiaddrs; `/p2p-circuit` for a peer that nobody can dial. */
  readonly listen: readonly string[]
  readonly announce?: readonly string[] | undefined
  readonly relay?: boolean | undefined
  /** Addresses of peers to begin with, each with `/p2p/NAME` at its end. */
  readonly bootstrap?: readonly string[] | undefined
  /** More of them, asked again and again, such as what the roster's nodes say of themselves. */
  readonly findAddresses?: (() => Promise<readonly string[]>) | undefined
  readonly known?: KnownPeers | undefined
  /** Nodes of the roster as it is now. */
  readonly members: () => readonly Member[]
  /** This node's log key, which binds its peer; without it this peer is a stranger to all others. */
  readonly signer?: Signer | undefined
  readonly isPrivateAllowed: boolean
  readonly crypto: Crypto
  readonly clock: Clock
  readonly timers: Timers
  /** From 0 to below 1; the host's by default. */
  readonly random?: (() => number) | undefined
  readonly limits?: Partial<PeerLimits> | undefined
  readonly onEvent?: ((event: PeerEvent) => void) | undefined
}

/** What a status document says of peers. */
export interface PeersStatus {
  readonly id: string
  readonly addresses: readonly string[]
  readonly connected: readonly Peer[]
}

/** A way to others, and how it is. */
export type Peers = PeerTransport & { status(): PeersStatus }

/** Starts peer-to-peer. @throws VouchsafeError UNREACHABLE when it cannot listen. */
export async function startPeers(options: PeersOptions): Promise<Peers> {
  const { clock, timers } = options
  const limits = { ...PEER_LIMITS, ...options.limits }
  const random = options.random ?? Math.random
  const tell = options.onEvent ?? ((): void => undefined)
  const rules = createAddressRules(options.isPrivateAllowed)
  const scores = createScores(clock, limits)
  const candidates = createCandidates(clock, random, limits)
  const routing = createBudget(clock, ROUTING_PER_SECOND, ROUTING_BURST)
  const swarm = await startSwarm({
    seed: options.seed, listen: options.listen, announce: options.announce ?? [], relay: options.relay ?? false, rules, limits, isDenied: scores.isDenied, scoreOf: scores.score,
    mayRoute(peer) {
      const may = routing.take(peer)
      if (!may) report(peer, "flooded")
      return may
    },
  })
  const { libp2p } = swarm
  const id = libp2p.peerId.toString()
  const report = createReport(swarm, scores, tell)
  const failed = (what: string, peer: string, error: unknown): void => tell({ kind: "failed", peer, why: `${what}: ${error instanceof Error ? error.message : "unknown"}` })

  const requests = createRequests({ libp2p, timers, budget: createBudget(clock, REQUESTS_PER_SECOND, REQUESTS_BURST), report, onFailure: failed })
  const topics = createTopics({ pubsub: libp2p.services.pubsub, clock, timers, report, onFailure: (topic, error) => failed(topic, id, error) })
  const hello = createHello({
    id, transport: requests, signer: options.signer, members: options.members, crypto: options.crypto, clock, report,
    onBound: (peer, operator) => {
      tell({ kind: "bound", peer, operator })
      void keep(swarm, peer, (error) => failed("tag", peer, error))
    },
    onRefused: (peer, why) => tell({ kind: "unbound", peer, why }),
  })
  const memory = createMemory({ libp2p, clock, rules, store: options.known, onFailure: (error) => failed("known peers", id, error) })
  for (const peer of await memory.load()) offerAddresses(candidates, rules, id, peer.addresses, "known")
  offerAddresses(candidates, rules, id, options.bootstrap ?? [], "told")
  const askPeers = createExchange({ libp2p, transport: requests, addressesOf: memory.addressesOf, random, askedMax: limits.exchangeAskedMax, onFailure: (peer, error) => failed("peers", peer, error) })
  const search = createSearch({ swarm, candidates, rules, clock, findAddresses: options.findAddresses, askPeers, onFailure: (what, error) => failed(what, id, error) })

  const stopWatching = watch(swarm, tell, (connection) => {
    if (connection.direction === "outbound") void hello.greet(connection.remotePeer.toString())
  })
  const redial = startRedial({
    swarm, candidates, clock, timers, random, limits, isDenied: scores.isDenied, search: search.find,
    onTick(connected) {
      hello.renew([...connected])
      search.provide(connected.size)
      memory.tick()
      void swarm.askRelays().catch((error: unknown) => failed("relays", id, error))
    },
    onFailure: (peer, error) => tell({ kind: "unreached", peer, why: error instanceof Error ? error.message : "unknown" }),
  })
  const peers = (): readonly Peer[] => listPeers(libp2p.getConnections(), hello.operatorOf, scores.score)
  const addresses = (): readonly string[] => libp2p.getMultiaddrs().map(String)
  return {
    id, addresses, peers, report,
    publish: topics.publish, subscribe: topics.subscribe, request: requests.request, serve: requests.serve,
    status: () => ({ id, addresses: addresses(), connected: peers() }),
    async close() {
      await redial.stop()
      await memory.save()
      stopWatching()
      topics.stop()
      await requests.stop()
      await search.stop()
      await libp2p.stop()
    },
  }
}

function createReport({ libp2p }: Swarm, scores: ReturnType<typeof createScores>, tell: (event: PeerEvent) => void): (peer: string, fault: PeerFault) => void {
  return (peer, fault) => {
    if (peer === libp2p.peerId.toString() || scores.isDenied(peer) || !scores.fault(peer, fault)) return
    tell({ kind: "denied", peer, fault })
    for (const connection of libp2p.getConnections()) if (connection.remotePeer.toString() === peer) connection.abort(new Error("denied"))
  }
}

/** Nodes of the roster stay when there are more connections than there is room for. */
async function keep({ libp2p }: Swarm, peer: string, onFailure: (error: unknown) => void): Promise<void> {
  try {
    await libp2p.peerStore.merge(peerIdFromString(peer), { tags: { "vouchsafe-roster": { value: 100 } } })
  } catch (error) {
    onFailure(error)
  }
}

function watch({ libp2p }: Swarm, tell: (event: PeerEvent) => void, onConnection: (connection: Connection) => void): () => void {
  const connected = (event: { readonly detail: { toString(): string } }): void => tell({ kind: "connected", peer: event.detail.toString() })
  const disconnected = (event: { readonly detail: { toString(): string } }): void => tell({ kind: "disconnected", peer: event.detail.toString() })
  const opened = (event: { readonly detail: Connection }): void => onConnection(event.detail)
  libp2p.addEventListener("peer:connect", connected)
  libp2p.addEventListener("peer:disconnect", disconnected)
  libp2p.addEventListener("connection:open", opened)
  return () => {
    libp2p.removeEventListener("peer:connect", connected)
    libp2p.removeEventListener("peer:disconnect", disconnected)
    libp2p.removeEventListener("connection:open", opened)
  }
}

function listPeers(connections: readonly Connection[], operatorOf: (peer: string) => string | undefined, scoreOf: (peer: string) => number): readonly Peer[] {
  const best = new Map<string, Connection>()
  for (const connection of connections) {
    const id = connection.remotePeer.toString()
    const known = best.get(id)
    if (known === undefined || (isRelayed(known.remoteAddr) && !isRelayed(connection.remoteAddr))) best.set(id, connection)
  }
  return [...best].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, { remoteAddr }]) => ({
    id, operator: operatorOf(id), address: remoteAddr.toString(), path: isRelayed(remoteAddr) ? "relayed" : "direct", score: Math.round(scoreOf(id) * 10) / 10,
  }))
}
