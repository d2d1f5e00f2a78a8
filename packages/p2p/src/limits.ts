/**
 * Bounds of peer-to-peer (spec/peers.md, "Limits"). Everything that a stranger can make larger is here.
 *
 * @packageDocumentation
 */

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** What tests shorten and nobody else has a reason to change. */
export interface PeerLimits {
  /** Between two looks at who is connected, before jitter. */
  readonly redialEveryMs: number
  /** First wait after a failed dial; doubles up to {@link backoffMsMax}. */
  readonly backoffMs: number
  readonly backoffMsMax: number
  /** Between two questions for more addresses: at first, and after each that found somebody; doubles while they find nobody. */
  readonly searchFirstMs: number
  /** The longest of these waits, and the longest while nobody is connected. */
  readonly searchEveryMs: number
  readonly searchSoonMs: number
  /** Connected peers that are asked for theirs at one time. */
  readonly exchangeAskedMax: number
  /** How long a peer that did too much is not spoken to; doubles each time up to {@link deniedMsMax}. */
  readonly deniedMs: number
  readonly deniedMsMax: number
  /** Bytes and time after which a relay ends a connection that it passes on. */
  readonly relayBytesMax: number
  readonly relayMsMax: number
}

export const PEER_LIMITS: PeerLimits = {
  redialEveryMs: 5 * SECOND_MS,
  backoffMs: 5 * SECOND_MS,
  backoffMsMax: 10 * MINUTE_MS,
  searchFirstMs: 2 * SECOND_MS,
  searchEveryMs: 10 * MINUTE_MS,
  searchSoonMs: 30 * SECOND_MS,
  exchangeAskedMax: 3,
  deniedMs: 15 * MINUTE_MS,
  deniedMsMax: 24 * HOUR_MS,
  // The library's own 128 KiB end a tarball in its middle, without an error at either end.
  relayBytesMax: 64 * 1024 * 1024,
  relayMsMax: 30 * MINUTE_MS,
}

/** Connections at most, and how many peers a node looks for by itself. */
export const CONNECTIONS_MAX = 128
export const PEERS_WANTED = 12
/** Connections that this node opened to peers with an address; those behind a closed door have no others. */
export const OUTBOUND_MIN = 3
export const CONNECTIONS_PENDING_MAX = 16
/** New connections a second from one address: several nodes may stand behind one. */
export const INBOUND_PER_HOST_PER_SECOND = 20
export const DIALS_PARALLEL_MAX = 8
export const DIAL_TIMEOUT_MS = 10 * SECOND_MS
/** Streams that one connection may hold, of all protocols. */
export const STREAMS_MAX = 256
/** Between two signs of life on one connection. */
export const PING_EVERY_MS = 20 * SECOND_MS
/** A peer that takes longer is gone: a machine under load must not lose all of them. */
export const PING_TIMEOUT_MS_MIN = 10 * SECOND_MS

/** Peers that are remembered, and addresses of each. */
export const CANDIDATES_MAX = 500
export const KNOWN_MAX = 200
export const ADDRESSES_MAX = 16
/** Longest address in characters. */
export const ADDRESS_LENGTH_MAX = 512
export const SAVE_EVERY_MS = 30 * SECOND_MS

/** Largest message of a topic. */
export const MESSAGE_BYTES_MAX = 256 * 1024
/** Largest frame of gossip, which may hold several messages. */
export const GOSSIP_FRAME_BYTES_MAX = 2 * 1024 * 1024
/** Messages at which handlers work at the same time; more are ignored. */
export const MESSAGES_RUNNING_MAX = 64
/** What of one peer's subscriptions is kept, in bytes; each takes about 1 KiB. */
export const SUBSCRIPTION_BYTES_MAX = 32 * 1024
/** Handlers that take longer have their message ignored: the overlay has forgotten it by then. */
export const MESSAGE_TIMEOUT_MS = 4 * SECOND_MS

/** Messages a second from one peer, and how many at once. Those beyond are ignored; a peer far beyond is held to account. */
export const MESSAGES_PER_SECOND = 40
export const MESSAGES_BURST = 400
/** How many messages or requests beyond a budget make one fault. */
export const OVER_BUDGET_PER_FAULT = 100

/** Requests of one peer a second, and at once: the tarballs of a whole lockfile may come from one. */
export const REQUESTS_PER_SECOND = 100
export const REQUESTS_BURST = 2_000
/** Requests of one protocol that run at the same time on one connection, and how many this side starts: an ended one may still count over there. */
export const REQUEST_STREAMS_MAX = 32
export const REQUESTS_RUNNING_MAX = 12
/** Time in which a request has to have arrived, and an answer to have left. */
export const SERVE_TIMEOUT_MS = 60 * SECOND_MS
/** Largest request or answer that any protocol may ask for. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024

/** How long a binding is good, how early it is made anew, and how far ahead one may be. */
export const BINDING_LIFETIME_S = 3 * 24 * 3_600
export const BINDING_AHEAD_S_MAX = 7 * 24 * 3_600
/** Longest binding in characters. */
export const BINDING_LENGTH_MAX = 2_048
export const HELLO_TIMEOUT_MS = 10 * SECOND_MS

/** Streams of the routing table's protocol that one peer may open a second, and at once. */
export const ROUTING_PER_SECOND = 10
export const ROUTING_BURST = 200
export const ROUTING_STREAMS_MAX = 16
/** Addresses that one peer may tell of those that it is connected to. */
export const EXCHANGED_MAX = 60
export const EXCHANGE_TIMEOUT_MS = 5 * SECOND_MS
/** Peers of whom it is kept that they announced the service. */
export const PROVIDERS_MAX = 1_000
export const SEARCH_TIMEOUT_MS = 10 * SECOND_MS
/** The service is announced anew this often. */
export const PROVIDE_EVERY_MS = 6 * HOUR_MS

/** Relays at which a peer that nobody can dial waits for calls, so that one may die. */
export const RELAYS_WANTED = 2
export const RESERVATIONS_MAX = 64
export const RESERVATION_TTL_MS = HOUR_MS
export const HOP_TIMEOUT_MS = 10 * SECOND_MS

/** Peers of whom a score is kept. */
export const SCORES_MAX = 10_000
/** A score that has come down this far ends the connection. */
export const SCORE_MIN = -100
/** Time in which half of a bad score is forgiven. */
export const SCORE_HALF_LIFE_MS = 10 * MINUTE_MS
