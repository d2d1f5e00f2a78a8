/**
 * Limits of a mirror, with their units.
 *
 * @packageDocumentation
 */
import { ENTRY_BYTES_MAX, HASH_BYTES, TILE_WIDTH } from "@vouchsafe/core"

/** Longest signed checkpoint, in bytes. */
export const CHECKPOINT_BYTES_MAX = 64 * 1024
/** A hash tile, in bytes. */
export const TILE_BYTES_MAX = TILE_WIDTH * HASH_BYTES
/** Largest entry bundle, in bytes. */
export const BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + ENTRY_BYTES_MAX)
/** One request to a source, in ms. */
export const REQUEST_MS_MAX = 15_000
/** One source in one round, in ms. What it brought until then is kept. */
export const SOURCE_MS_MAX = 120_000
/** Requests under way to one source. */
export const PARALLEL_MAX = 6
/** Bytes of bundles under way, judged by the largest one so far: of the largest that there can be, one at a time. */
export const IN_FLIGHT_BYTES = 24 * 1024 * 1024
/** Verified files that wait to be written together: a sync of a directory serves them all. */
export const FLUSH_FILES = 64
/** The same in bytes. */
export const FLUSH_BYTES = 8 * 1024 * 1024
/** Entries of a log that is mirrored; one that claims more is refused. */
export const MIRROR_ENTRIES_MAX = 100_000_000
/**
 * Bytes of the disk that copies leave free: a node's own logs stop where they find none, and whoever runs another log decides how fast it grows.
 */
export const DISK_RESERVE_BYTES = 512 * 1024 * 1024
/** Verified full tiles above level 0 that are held while copying, 8 KiB each. */
export const TILES_HELD_MAX = 64
/** Memory of one mirror's reader for hash tiles, and for bundles, in bytes: a node has many mirrors. */
export const READER_CACHE_BYTES = 1024 * 1024
/** From one round to the next, in ms. */
export const ROUND_MS = 5 * 60_000
/** Share of that by which rounds are spread, so that mirrors of one log do not come at once. */
export const ROUND_JITTER = 0.2
/** First and longest pause after a round that failed, in ms. */
export const RETRY_MS = { first: 5_000, longest: 5 * 60_000 } as const
/** From the moment at which somebody tells of a new head to the round that looks, in ms. */
export const NOTED_MS = 2_000
/** Logs that are copied at the same time. */
export const ROUNDS_CONCURRENT_MAX = 4
