/** Bytes of one tarball. */
export const TARBALL_BYTES_MAX = 512 * 1024 * 1024
/** Tarballs up to this size are answered from memory. */
export const HOT_TARBALL_BYTES_MAX = 512 * 1024
/** Verified tarballs in memory, all together. */
export const HOT_TARBALLS_BYTES_MAX = 4 * 1024 * 1024
/** Verified tarballs on disk, all together. */
export const STORE_BYTES_MAX = 2 * 1024 * 1024 * 1024
/** Compressed packuments in memory, all together. */
export const PACKUMENTS_BYTES_MAX = 8 * 1024 * 1024
/** Where upstream keeps each version, all packuments together: estimated bytes of memory. */
export const DIST_BYTES_MAX = 8 * 1024 * 1024
/** Estimated bytes of memory that one version costs in the table above. */
export const DIST_ENTRY_BYTES = 256
/** Packument bytes being read from upstream or parsed at one time; a larger document is read alone. */
export const PACKUMENT_BYTES_IN_FLIGHT_MAX = 8 * 1024 * 1024
/** After a document of this size its remains are collected at once: they are many, and outside of the heap whose growth would bring that about. */
export const COLLECT_BYTES_MIN = 2 * 1024 * 1024
/** Of smaller documents so much is let to pile up. */
export const COLLECT_EVERY_BYTES = 8 * 1024 * 1024
/** What a packument of unannounced length is taken for. */
export const PACKUMENT_BYTES_GUESS = 2 * 1024 * 1024
/** A compressed packument is taken for this many times its length until it is unpacked. */
export const PACKED_FACTOR = 20
/** Connections to one upstream host. */
export const UPSTREAM_SOCKETS_MAX = 32
/** Without a byte from upstream for this long, a request fails. */
export const UPSTREAM_IDLE_MS_MAX = 60_000
export const REDIRECTS_MAX = 5
/** A packument is taken for current this long after upstream confirmed it. */
export const PACKUMENT_FRESH_MS = 60_000
/** A verdict is asked for again after this long: withdrawals must reach a shim that is kept running. */
export const VERDICT_FRESH_MS = 60_000
/** Requests that arrive within this time become one check. */
export const BATCH_WINDOW_MS = 4
/** The evidence protocol's own limit is 1000. */
export const BATCH_REQUESTS_MAX = 500
export const VERDICTS_KEPT_MAX = 20_000
/** Bytes of an upstream answer that is no package and is looked into before it is passed on. */
export const SNIFF_BYTES = 2
/** Addresses whose reading is remembered, and the longest of them. */
export const REQUESTS_KEPT_MAX = 10_000
export const REQUEST_KEPT_LENGTH_MAX = 256
/** 128 bits in the shortest spelling, base64url. */
export const TOKEN_LENGTH_MIN = 22
/** Left-overs of a killed process are removed once they are this old. */
export const SPOOL_AGE_MS_MAX = 24 * 60 * 60 * 1000

/** Refusals that may be gone at the next request, so that the next request asks again. */
export const PASSING_CODES: ReadonlySet<string> = new Set(["PENDING", "UNREACHABLE", "CLOCK_BEHIND", "NOTICES_STALE"])

/** After a registry did not answer, nodes are asked before it for this long. */
export const OUTAGE_MS = 5 * 60_000
/** Time for a tarball from nodes: npm waits 5 min for an answer. */
export const NODES_TOTAL_MS_MAX = 240_000
