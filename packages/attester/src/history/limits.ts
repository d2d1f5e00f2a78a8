/** Bounds and spans of what is compared with earlier versions. @packageDocumentation */
import { DAY_SECONDS } from "@vouchsafe/core"

/** A version that has been there for so long when the next one came had been looked at; a newer one may be part of the same attack. */
export const STOOD_SECONDS = 7 * DAY_SECONDS
/** A registry may answer with what it had so long ago: caches stand in front of it. */
export const READING_STALE_SECONDS = 900
/** Packuments of added dependencies that are read for one observation. */
export const DEPENDENCIES_LOOKED_UP_MAX = 32
/** E-mail domains that are looked up for one observation. */
export const DOMAINS_LOOKED_UP_MAX = 32
/** Earlier releases that are looked at to see whether a burst is a habit. */
export const HABIT_RELEASES_MAX = 20
/** Packuments that one request may have read ahead of the observations. */
export const EXPECTED_MAX = 256
/** Packuments that are read ahead at a time. */
export const EXPECTED_RUNNING_MAX = 8
/** How long a version's observation waits for those that are read ahead. Only one that was published since {@link FRESH_SECONDS} waits. */
export const EXPECTED_WAIT_MS = 10_000
export const FRESH_SECONDS = 60 * DAY_SECONDS
/** Characters of a publisher's name, of what tells apart those who share one, and of a domain. */
export const PUBLISHER_KEY_LENGTH_MAX = 512
export const DOMAIN_LENGTH_MAX = 253
/** Maintainers that are read of one version. */
export const MAINTAINERS_MAX = 256
/** Members of a history's lists. More would be a packument made to be large. */
export const LISTED_MAX = 1_000
/** Length of a detail that a statement repeats, in characters. */
export const DETAIL_LENGTH_MAX = 4_096
