/** Bounds of everything that a repository of rosters may hold (spec/roster.md, "Limits"). */

const DAY_MS = 86_400_000

/** Longest lives of metadata in ms, by the role's kind: more is refused, when it is written and when it is followed. */
export const LIFE_MS_MAX = { root: 400 * DAY_MS, targets: 30 * DAY_MS, snapshot: 30 * DAY_MS, timestamp: 7 * DAY_MS } as const
/** What new metadata gets where nothing else is said; below the bound, so that clocks may differ. */
export const LIFE_MS_DEFAULT = { root: 365 * DAY_MS, targets: 29 * DAY_MS, snapshot: 29 * DAY_MS, timestamp: 6 * DAY_MS } as const
/** A root with less life left than this is renewed by the next proposal. */
export const ROOT_RENEWED_BELOW_MS = 120 * DAY_MS

/** Longest files, in bytes. */
export const ROOT_BYTES_MAX = 131_072
export const TIMESTAMP_BYTES_MAX = 16_384
export const SNAPSHOT_BYTES_MAX = 65_536
export const TARGETS_BYTES_MAX = 262_144
/** A target file: a roster's longest text, which takes at most three bytes for each UTF-16 unit. */
export const TARGET_BYTES_MAX = 3_145_728

/** Keys of one file, signatures of one file. */
export const KEYS_MAX = 64
export const SIGNATURES_MAX = 64
/** Roots that one update follows; the next update goes on from there. */
export const ROOT_ROTATIONS_MAX = 32
/** Roots that a repository has in all. */
export const ROOTS_MAX = 4_096
/** Sources of one project or node. */
export const SOURCES_MAX = 16
/** Fewer people than this are nobody's governance. */
export const KEYHOLDERS_MIN = 2
/** Longest wait for one file of a source, in ms. */
export const FETCH_TIMEOUT_MS = 5_000
/** A kept chain on disk: some roots and the targets, as JSON. */
export const CHAIN_LENGTH_MAX = 67_108_864
