/**
 * Limits of a log. Entries are at most `ENTRY_BYTES_MAX` of core: their length is written in two bytes.
 *
 * @packageDocumentation
 */

/** Keys of one entry. */
export const KEYS_PER_ENTRY_MAX = 16
/** UTF-8 bytes of one key. */
export const KEY_BYTES_MAX = 1024
/** Entries of one commit, and of one call of append. About 15 ms of work. */
export const BATCH_ENTRIES_MAX = 1024
/** Bytes of entries of one commit, and of one call of append. */
export const BATCH_BYTES_MAX = 16 * 1024 * 1024
/** Entries that may wait for a commit; beyond it append refuses. */
export const QUEUE_ENTRIES_MAX = 16_384
/** Bytes of entries that may wait for a commit; beyond it append refuses. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024
/** Indices that one key answers with. */
export const INDICES_PER_KEY_MAX = 1000
/** Memory for hash tiles with the inner nodes computed from them. */
export const TILE_CACHE_BYTES_MAX = 32 * 1024 * 1024
/** Memory for entry bundles. */
export const BUNDLE_CACHE_BYTES_MAX = 32 * 1024 * 1024
/** Memory for entries that were read without keeping their bundles. */
export const ENTRY_CACHE_BYTES_MAX = 4 * 1024 * 1024
/** From so many different entries of one bundle on, the whole of it is kept: somebody reads the log in order, or the log is small. */
export const PICKS_PER_BUNDLE_MAX = 16
/** Bundles whose picks are counted. */
export const PICKED_BUNDLES_MAX = 4_096
/** Bundles read from storage at once: each is up to 16 MiB, and one question may need a thousand of them. */
export const BUNDLE_READS_MAX = 8
/** Files written at once. */
export const PARALLEL_WRITES_MAX = 16
