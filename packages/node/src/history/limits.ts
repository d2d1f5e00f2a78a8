/** Every limit of looking into a package's past. @packageDocumentation */

const MIB = 1024 * 1024

/** Packages whose last reading is remembered; the longest unread are forgotten first. */
export const PACKAGES_REMEMBERED_MAX = 50_000
/** Releases of all of them together, by whom and when. */
export const RELEASES_REMEMBERED_MAX = 1_000_000
/** Releases of one package: the newest. */
export const RELEASES_PER_PACKAGE_MAX = 200
/** Part of them that is forgotten at a time, so that not every reading forgets one. */
export const FORGOTTEN_SHARE = 0.05

/** Time for one question to a name server, in ms, and how often it is asked. */
export const DNS_TIMEOUT_MS = 2_000
export const DNS_TRIES = 2
/** Domains whose state is remembered, and for how long, in ms: one that resolves, and one that does not or of which nobody could tell. */
export const DOMAINS_REMEMBERED_MAX = 20_000
export const DOMAIN_FRESH_MS = 6 * 3_600_000
export const DOMAIN_DOUBT_MS = 60_000
/** Domains that are looked up at the same time. */
export const DOMAINS_CONCURRENT_MAX = 16

/** Time for one exchange with a git host, in ms. */
export const REFS_TIMEOUT_MS = 15_000
/** Largest answer of a git host, in bytes: 200,000 tags take some 15 MB. */
export const REFS_BYTES_MAX = 32 * MIB
/** Repositories that are asked at the same time. */
export const REFS_CONCURRENT_MAX = 4
/** Repositories whose answers are remembered, and branches and tags of all of them together. */
export const REPOSITORIES_REMEMBERED_MAX = 500
export const REFS_REMEMBERED_MAX = 500_000
/** How long an answer is used, and how long a host or repository that did not answer is left alone, in ms. */
export const REFS_FRESH_MS = 15 * 60_000
export const REFS_PAUSE_MS = 60_000
