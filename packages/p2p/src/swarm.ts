/**
 * The library, put together on purpose: every default that STACK's trials found wanting is set here (ADR 0051).
 *
 * @packageDocumentation
 */
import { circuitRelayServer, circuitRelayTransport } from "@libp2p/circuit-relay-v2"
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys"
import { dcutr } from "@libp2p/dcutr"
import { type GossipSub, gossipsub, StrictNoSign } from "@libp2p/gossipsub"
import { identify, identifyPush } from "@libp2p/identify"
import type { ComponentLogger, ConnectionGater, Libp2p, PeerId } from "@libp2p/interface"
import type { KadDHT } from "@libp2p/kad-dht"
import { noise } from "@libp2p/noise"
import { ping } from "@libp2p/ping"
import { tcp } from "@libp2p/tcp"
import { webSockets } from "@libp2p/websockets"
import { yamux } from "@libp2p/yamux"
import { type Bytes, VouchsafeError } from "@vouchsafe/core"
import { createLibp2p } from "libp2p"
import { type AddressRules, CIRCUIT, isRelayed } from "./addresses.ts"
import * as limit from "./limits.ts"
import { replacing, routing } from "./routing.ts"

const NAME = "vouchsafe"

/** What the library is started with. */
export interface SwarmOptions {
  /** 32 bytes: the peer's Ed25519 key. */
  readonly seed: Bytes
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  /** Whether to pass on the traffic of others. */
  readonly relay: boolean
  readonly rules: AddressRules
  readonly limits: limit.PeerLimits
  readonly isDenied: (peer: string) => boolean
  /** Whether a peer may ask the routing table once more. */
  readonly mayRoute: (peer: string) => boolean
  /** Own score of a peer, 0 or below. */
  readonly scoreOf: (peer: string) => number
}

/** The library as the rest of this package uses it. */
export interface Swarm {
  readonly libp2p: Libp2p<{ readonly pubsub: GossipSub; readonly dht: KadDHT }>
  /** Looks for relays among connected peers, where this peer waits for calls at some. */
  askRelays(): Promise<void>
}

/** Starts the library. @throws VouchsafeError UNREACHABLE when it cannot listen. */
export async function startSwarm(options: SwarmOptions): Promise<Swarm> {
  const { rules, limits } = options
  const privateKey = await generateKeyPairFromSeed("Ed25519", Uint8Array.from(options.seed))
  const relays = relayClient()
  const isBehindDoor = options.listen.includes(CIRCUIT)
  try {
    const libp2p = await createLibp2p({
      privateKey,
      nodeInfo: { name: NAME, version: "1", userAgent: `${NAME}/1` },
      logger: SILENT,
      addresses: {
        listen: [...options.listen.filter((address) => address !== CIRCUIT), ...Array.from({ length: isBehindDoor ? limit.RELAYS_WANTED : 0 }, () => CIRCUIT)],
        appendAnnounce: [...options.announce],
        announceFilter: (addresses) => addresses.filter(rules.isAllowed).slice(0, limit.ADDRESSES_MAX),
      },
      transports: [
        // The type lacks `lookup`, which goes on to node:net: what was looked up and checked is what is connected.
        tcp({ maxConnections: limit.CONNECTIONS_MAX, dialOpts: { lookup: rules.lookup } as object }),
        pinnedWebSockets(rules),
        relays.transport,
      ],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ maxInboundStreams: limit.STREAMS_MAX, maxOutboundStreams: limit.STREAMS_MAX })],
      connectionGater: createGater(options),
      connectionManager: {
        maxConnections: limit.CONNECTIONS_MAX, maxParallelDials: limit.DIALS_PARALLEL_MAX, maxDialQueueLength: limit.CONNECTIONS_MAX, maxPeerAddrsToDial: limit.ADDRESSES_MAX,
        dialTimeout: limit.DIAL_TIMEOUT_MS, maxIncomingPendingConnections: limit.CONNECTIONS_PENDING_MAX, inboundConnectionThreshold: limit.INBOUND_PER_HOST_PER_SECOND,
        // Names under /dnsaddr lead to anybody's list of addresses.
        resolvers: {},
      },
      connectionMonitor: { pingInterval: limit.PING_EVERY_MS, pingTimeout: { minTimeout: limit.PING_TIMEOUT_MS_MIN } },
      services: {
        identify: identify(), identifyPush: identifyPush(), ping: ping(), dcutr: dcutr(),
        dht: routing(options),
        pubsub: gossipsub(gossipOptions(options)),
        ...(options.relay ? { relay: circuitRelayServer(relayOptions(limits)) } : {}),
      },
    })
    // Others may only ask a peer that they can dial. The library decides by what is public, and networks of tests and of companies are not.
    if (libp2p.getMultiaddrs().some((address) => !isRelayed(address))) await libp2p.services.dht.setMode("server")
    return { libp2p, askRelays: async () => (isBehindDoor ? await relays.ask(libp2p) : undefined) }
  } catch (cause) {
    throw new VouchsafeError("UNREACHABLE", `peers cannot be listened for at ${options.listen.join(", ")}: ${cause instanceof Error ? cause.message : "unknown"}`, { cause })
  }
}

function gossipOptions({ scoreOf }: SwarmOptions): Parameters<typeof gossipsub>[0] {
  return {
    // What counts is signed inside the messages, by keys of the roster; an id is the digest of the bytes.
    globalSignaturePolicy: StrictNoSign,
    asyncValidation: true, emitSelf: false, allowPublishToZeroTopicPeers: true, ignoreDuplicatePublishError: true, fallbackToFloodsub: false, doPX: false, runOnLimitedConnection: true,
    maxInboundDataLength: limit.GOSSIP_FRAME_BYTES_MAX, maxOutboundBufferSize: 4 * limit.GOSSIP_FRAME_BYTES_MAX, maxTopicBytesPerPeer: limit.SUBSCRIPTION_BYTES_MAX,
    decodeRpcLimits: { maxSubscriptions: 64, maxMessages: 128, maxIhaveMessageIDs: 2_000, maxIwantMessageIDs: 2_000, maxIdontwantMessageIDs: 512, maxControlMessages: 64, maxPeerInfos: 0 },
    scoreParams: {
      // With its default, 20 nodes behind one address delivered nothing.
      IPColocationFactorWeight: 0,
      appSpecificScore: scoreOf, appSpecificWeight: 1,
    },
    scoreThresholds: { gossipThreshold: limit.SCORE_MIN * 0.4, publishThreshold: limit.SCORE_MIN * 0.6, graylistThreshold: limit.SCORE_MIN * 0.8 },
  }
}

function relayOptions(limits: limit.PeerLimits): Parameters<typeof circuitRelayServer>[0] {
  return {
    hopTimeout: limit.HOP_TIMEOUT_MS,
    reservations: {
      maxReservations: limit.RESERVATIONS_MAX, reservationTtl: limit.RESERVATION_TTL_MS,
      applyDefaultLimit: true, defaultDurationLimit: limits.relayMsMax, defaultDataLimit: BigInt(limits.relayBytesMax),
    },
  }
}

/** The library's WebSockets, which have no way to be told whom a name leads to: they get the address itself. */
export function pinnedWebSockets(rules: Pick<AddressRules, "pinned">): ReturnType<typeof webSockets> {
  const create = webSockets()
  return (components) => {
    const transport = create(components)
    const dial = transport.dial.bind(transport)
    return Object.assign(transport, { dial: async (...[address, options]: Parameters<typeof dial>) => await dial(await rules.pinned(address), options) })
  }
}

/** Nobody who is denied, no address that is not allowed: neither dialled, nor taken in, nor remembered. */
function createGater({ rules, isDenied }: SwarmOptions): ConnectionGater {
  const denied = (peer: PeerId): boolean => isDenied(peer.toString())
  return {
    denyDialPeer: denied,
    denyDialMultiaddr: async (address) => !await rules.isReachable(address),
    denyInboundEncryptedConnection: denied,
    denyOutboundEncryptedConnection: denied,
    denyInboundRelayReservation: denied,
    denyOutboundRelayedConnection: (source, destination) => denied(source) || denied(destination),
    denyInboundRelayedConnection: (relay, remote) => denied(relay) || denied(remote),
    filterMultiaddrForPeer: (_peer, address) => rules.isAllowed(address),
  }
}

interface ReservationStore {
  readonly reservationStore: { addRelay(relay: PeerId, how: "discovered"): Promise<unknown>; reservationCount(): number }
}

/** Does nothing where the library would walk the routing table at random until it has found relays: for ever, where there are none. */
const NO_WALK = { walk: async function* (): AsyncGenerator<never> { /* nobody is found by walking */ } }

const HOP_PROTOCOL = "/libp2p/circuit/relay/0.2.0/hop"

/** The transport through relays, and a way to ask relays again that were full or gone when they were met. */
function relayClient() {
  let store: ReservationStore["reservationStore"] | undefined
  const create = circuitRelayTransport({ maxReservationQueueLength: limit.RESERVATIONS_MAX })
  return {
    transport: (components: Parameters<typeof create>[0]): ReturnType<typeof create> => {
      const transport = create(replacing(components, "randomWalk", NO_WALK))
      store = (transport as unknown as ReservationStore).reservationStore
      return transport
    },
    async ask(libp2p: Libp2p): Promise<void> {
      for (const connection of libp2p.getConnections()) {
        if (store === undefined || store.reservationCount() >= limit.RELAYS_WANTED) return
        if (isRelayed(connection.remoteAddr)) continue
        const { protocols } = await libp2p.peerStore.get(connection.remotePeer)
        if (protocols.includes(HOP_PROTOCOL)) await store.addRelay(connection.remotePeer, "discovered")
      }
    },
  }
}

/** The library's own log goes to nobody: it names addresses, and the node says itself what matters. */
export const SILENT: ComponentLogger = { forComponent: (name) => silentLogger(name) }

function silentLogger(name: string): ReturnType<ComponentLogger["forComponent"]> {
  const nothing = (): void => undefined
  return Object.assign(nothing, { error: nothing, trace: nothing, enabled: false, newScope: (scope: string) => silentLogger(`${name}:${scope}`) })
}
