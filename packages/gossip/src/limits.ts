/**
 * Limits of gossip, each with its unit (spec/gossip.md, "Limits").
 *
 * @packageDocumentation
 */

/** Largest message in bytes; what is larger travels over HTTPS only. */
export const GOSSIP_MESSAGE_BYTES_MAX = 256 * 1024
/** Packages that one announcement of statements names. */
export const ANNOUNCED_PURLS_MAX = 64
/** Longest purl in an announcement, in characters. */
export const ANNOUNCED_PURL_LENGTH_MAX = 512
/** Longest origin, in characters. */
export const GOSSIP_ORIGIN_LENGTH_MAX = 255
/** Longest checkpoint note, in characters: 100 signature lines fit. */
export const GOSSIP_CHECKPOINT_LENGTH_MAX = 65_536
/** Hashes of one inclusion proof. */
export const INCLUSION_HASHES_MAX = 64

/** Messages of one peer, good or bad: at once, and then per second. */
export const MESSAGES_PER_PEER = { burst: 2_000, perSecond: 200 } as const
/**
 * Messages about one log that are taken from one peer, of each kind: at once, and then per second. A node announces its head every two seconds
 * at most. Per peer, so that nobody uses up what others may say about a log by repeating its old heads.
 */
export const MESSAGES_PER_ORIGIN = { burst: 30, perSecond: 1 } as const
/** Peers whose budgets are remembered; the longest unused is forgotten first. */
export const PEERS_REMEMBERED_MAX = 4_096
/** The same for pairs of a log and a peer. */
export const ORIGINS_REMEMBERED_MAX = 32_768
/** Notices whose arrival is remembered, so that each is passed on once. */
export const NOTICES_REMEMBERED_MAX = 8_192

/** Heads of one log that are remembered beside the newest one. */
export const HEADS_REMEMBERED_MAX = 64
/** Heads of one log that wait for being tied to the newest one. Of more, the first and the last half are kept. */
export const HEADS_UNTIED_MAX = 16
/** Pause before heads that could not be tied are looked at again, in ms. */
export const TIE_RETRY_MS = 5 * 60_000
