/**
 * Limits of a monitor, with their units.
 *
 * @packageDocumentation
 */

/** Entries read, judged and stored at once. */
export const PAGE_ENTRIES = 256
/** Reports of one kind about one log that are kept; more are counted. */
export const REPORTS_PER_KIND_MAX = 200
/** Reports in one answer. */
export const REPORTS_ANSWERED_MAX = 1_000
/** Entries named by one report. */
export const REPORT_ENTRIES_MAX = 4
/** Longest text of a report, in UTF-16 units. */
export const DETAIL_LENGTH_MAX = 500
/** How much older than one before it an observation may be, in s: observations are made side by side and wait for registries. */
export const BACKWARDS_SECONDS_MAX = 3_600
/** A log whose origin showed no valid head for this long, and nobody a new one, has stopped, in s. */
export const UNSEEN_SECONDS_MAX = 3_600
/** A notices head whose cosignatures are older than this has stopped, in s: nodes have it cosigned every 30 min, clients refuse it after 24 h. */
export const NOTICES_AGE_SECONDS_MAX = 2 * 3_600
/** Tarballs over this are not hashed again to check a token, in bytes. */
export const TARBALL_BYTES_MAX = 64 * 1024 * 1024
