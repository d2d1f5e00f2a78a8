/**
 * Limits of the part `gossip`.
 *
 * @packageDocumentation
 */

const KIB = 1024
const MIB = 1024 * KIB

/** Folder of heads and proofs in the data folder. */
export const GOSSIP_FOLDER = "gossip"
/** How often the node looks whether its own logs have something new to announce, in ms: the most often that a head is announced. */
export const ANNOUNCE_MS = 2_000
/** Notices announced at once; what is more is found by whoever mirrors the log. */
export const NOTICES_ANNOUNCED_MAX = 16
/** First look at other nodes after the start, and the time from one to the next, in ms; each is made up to half as long again by chance. */
export const POLL_FIRST_MS = 1_500
export const POLL_MS = 5 * 60_000
/** Nodes asked in one round, chosen by chance, and how many of them at once. */
export const POLL_NODES_MAX = 16
export const POLL_CONCURRENT_MAX = 4
/** Time for one answer, in ms. */
export const POLL_TIMEOUT_MS = 10_000
/** Largest checkpoint that is read, in bytes. */
export const CHECKPOINT_BYTES_MAX = 64 * KIB
/** Largest list of heads or of proofs that is read, and that is given, in bytes. */
export const HEADS_BYTES_MAX = 4 * MIB
export const PROOFS_BYTES_MAX = 16 * MIB
/** Heads and proofs of one list that are looked at. */
export const HEADS_MAX = 512
export const PROOFS_MAX = 512
/** Largest tile that is read to tie two heads, in bytes, and time for one, in ms. */
export const TILE_BYTES_MAX = 8 * KIB
export const TILE_TIMEOUT_MS = 10_000
/** Other nodes whose copies of a log are tried where the log itself shows no tie. */
export const COPIES_ASKED_MAX = 4
