/**
 * Times of a node whose storage is elsewhere, in milliseconds.
 *
 * @packageDocumentation
 */

/** From one replacing of a bucket's checkpoint to the next. */
export const PUBLISH_PACE_MS = 5_000
/** First and longest pause after one that failed. */
export const PUBLISH_RETRY_MS = { first: 5_000, longest: 60_000 } as const
/** How long partial tiles stay after a newer head replaced theirs. */
export const PARTIALS_KEPT_MS = 10 * 60_000
/** From one look of a front end at the log to the next. */
export const FRONT_REFRESH_MS = 1_000
/** A front end that could read nothing for so long should get no traffic. */
export const FRONT_STALE_MS = 30_000
/** New entries that a front end looks through at a time. */
export const FRONT_ENTRIES_MAX = 1_024
/** Time for the way to the node and back, beside what it takes itself. */
export const FORWARD_GRACE_MS = 5_000
