/** Bounds of everything that is kept, asked for or sent. @packageDocumentation */

const KIB = 1024
const MIB = 1024 * KIB

/** Bytes of a chunk; the last one of an artifact may have fewer. */
export const CHUNK_BYTES = MIB
/** Bytes of one artifact: the shim's bound on a tarball. */
export const ARTIFACT_BYTES_MAX = 512 * MIB
export const CHUNKS_MAX = ARTIFACT_BYTES_MAX / CHUNK_BYTES
/** A chunk list as JSON, in bytes: 512 digests with room to spare. */
export const CHUNK_LIST_BYTES_MAX = 64 * KIB
/** Digests in one who-has. */
export const HAVE_MAX = 1_000
/** A request over the overlay, in bytes: a thousand digests. */
export const PEER_REQUEST_BYTES_MAX = 160 * KIB
/** An answer over the overlay, in bytes: its kind and one chunk. */
export const PEER_ANSWER_BYTES_MAX = CHUNK_BYTES + 1

/** Pins that are kept. */
export const PINS_MAX = 100_000
/** The file of pins, in bytes. */
export const PINS_BYTES_MAX = 64 * MIB
/** Longest name and registry of a pin, in characters. */
export const PIN_TEXT_LENGTH_MAX = 1_000
/** Parts of downloads that were cut are kept this long, in ms, and so many bytes of them. */
export const PART_AGE_MS_MAX = 24 * 3_600_000
export const PARTS_BYTES_MAX = 1024 * MIB
/** How often the time of an artifact's last use is written to disk, in ms. */
export const TOUCH_MS = 3_600_000
/** Chunk lists held in memory. */
export const LISTS_REMEMBERED_MAX = 1_000

/** Bounds of one download. */
export interface DownloadLimits {
  /** Sources that are asked; further ones are left alone. */
  readonly sourcesMax: number
  /** Chunk lists that are tried before the download is given up. */
  readonly candidatesMax: number
  /** Chunks under way at once, of all sources together. */
  readonly parallelMax: number
  /** Chunks under way at once from one source. */
  readonly perSourceMax: number
  /** Failed requests after which a source is passed by. */
  readonly failuresMax: number
  /** Time for a chunk list, in ms. */
  readonly listMs: number
  /** How long after the first list others are waited for, unless two agree before, in ms. */
  readonly lingerMs: number
  /** Time for a chunk, in ms. */
  readonly chunkMs: number
  /** A chunk that takes longer is asked of a second source as well, in ms. */
  readonly hedgeMs: number
  /** Time for all, in ms. */
  readonly totalMs: number
  readonly bytesMax: number
}

export const DOWNLOAD_LIMITS: DownloadLimits = Object.freeze({
  sourcesMax: 16, candidatesMax: 4, parallelMax: 8, perSourceMax: 2, failuresMax: 2,
  listMs: 10_000, lingerMs: 250, chunkMs: 30_000, hedgeMs: 2_000, totalMs: 600_000, bytesMax: ARTIFACT_BYTES_MAX,
})

/** A source that did not answer is left alone this long, in ms. */
export const SOURCE_PAUSE_MS = 30_000
