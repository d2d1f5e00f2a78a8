/**
 * Every limit of the client, with its unit. Limits of the formats are core's.
 *
 * @packageDocumentation
 */

/** How long a node may work on one request before it answers, in ms; what it has not observed by then it calls pending. */
export const ROUND_DEADLINE_MS = 2_000
/** Time for an answer to travel, on top of the node's deadline, in ms. */
export const ANSWER_GRACE_MS = 5_000
/** Part of the remaining budget that is kept for travel when little is left. */
export const TRAVEL_PART = 0.2
/** Pause before a node is asked again about what was pending, in ms: the first, and the longest after doubling. */
export const RETRY_PAUSE_MS = { first: 250, longest: 2_000 } as const
/** Times that a node which did not answer is asked again within one check. */
export const UNREACHABLE_RETRIES_MAX = 1
/** Rounds of one check; the budget ends it long before. */
export const ROUNDS_MAX = 1_000
/**
 * Requests in flight per node, for all checks of a client together. One: each answer moves the known head, and the next request asks for
 * consistency from there; with two, the heads of both answers would have to be tied together by further requests. What is asked meanwhile
 * goes into the next request; hence the short deadline above.
 */
export const REQUESTS_IN_FLIGHT_PER_NODE = 1

/** Notices younger than this are not asked for again, in ms. */
export const NOTICES_RECHECK_MS = 5 * 60_000
/** Time for asking after notices where the lock has settled everything else, in ms. */
export const LOCK_REFRESH_MS = 3_000
/** Entries of one notices log that a client keeps: 250 days of as many as count in a day. */
export const NOTICES_MAX = 50_000
/** Length of them all together, in UTF-16 units. */
export const NOTICES_LENGTH_MAX = 64 * 1_048_576
/** Largest tile, in bytes: 256 hashes. */
export const TILE_BYTES_MAX = 8_192
/** Attempts to store a head while other processes store theirs. */
export const SWAP_ATTEMPTS_MAX = 8

/** Largest answer of a daemon, which holds one answer per node, in bytes. */
export const GATHER_BYTES_MAX = 256 * 1_048_576
/** How long a daemon that failed is left alone, in ms. */
export const DAEMON_PAUSE_MS = 60_000
/** How long a node that was waited for in vain is not waited for again by other checks of the same client, in ms. */
export const SILENT_NODE_PAUSE_MS = 30_000
/** A failure that came sooner than this kept nobody waiting, in ms. */
export const SILENCE_MS_MIN = 1_000
/** Nodes in a daemon's answer. */
export const GATHER_ANSWERS_MAX = 128
/** Longest failure text that is taken over from a daemon, in UTF-16 units. */
export const FAILURE_LENGTH_MAX = 1_000

/** Heads per log among cached evidence; with more, signatures cost more than asking again under one head. */
export const CACHED_HEADS_MAX = 16
/** Observations of one artifact by one log that the cache keeps: two of different bytes contradict each other, and a third adds nothing. */
export const CACHED_OBSERVATIONS_MAX = 2
/** Rebuilds of one artifact by one log that the cache keeps: as many as a node answers. */
export const CACHED_REBUILDS_MAX = 2
/** Length of the releases of one artifact that the cache keeps, in UTF-16 units; with more, releases are asked for again, not everything. */
export const CACHED_RELEASES_LENGTH_MAX = 65_536
/** Signatures remembered as valid by one client. */
export const SIGNATURES_KEPT_MAX = 1_024
