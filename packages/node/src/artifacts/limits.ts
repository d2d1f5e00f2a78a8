/** Limits of giving tarballs to others (spec/artifacts.md, [R7]). @packageDocumentation */

const MIB = 1024 * 1024

/** Bytes of tarballs that are kept, unless the configuration says otherwise. */
export const QUOTA_BYTES_DEFAULT = 10 * 1024 * MIB
/** Bytes a second that go to all others together, unless the configuration says otherwise. */
export const BANDWIDTH_DEFAULT = 64 * MIB
/** What all together may have at once: so many seconds' worth. */
export const BANDWIDTH_BURST_SECONDS = 10
/** Bytes that one address may have: at once, and then a second. */
export const BYTES_PER_ADDRESS = { burst: 512 * MIB, perSecond: 8 * MIB } as const
/** What a request costs beside its bytes, so that many small ones are no way around. */
export const REQUEST_COST_BYTES = 4 * 1024
/** Who-has of one address: at once, and then a second. */
export const HAVE_PER_ADDRESS = { burst: 600, perSecond: 20 } as const
/** Both of the above for all together. */
export const HAVE_GLOBAL = { burst: 6_000, perSecond: 200 } as const
/** Answers with bytes under way at once. */
export const ANSWERS_CONCURRENT_MAX = 64
/** The same of one address. */
export const ANSWERS_CONCURRENT_PER_ADDRESS_MAX = 32
/** Body of a who-has: a thousand digests. */
export const HAVE_BODY_BYTES_MAX = 160 * 1024
/** Body of pin and unpin: a thousand artifacts with long names. */
export const PIN_BODY_BYTES_MAX = 2 * MIB
/** Artifacts in one pin or unpin. */
export const PINS_PER_REQUEST_MAX = 1_000
/** Artifacts that are fetched at once for pins. */
export const PINS_CONCURRENT_MAX = 8
/** A line is sent this often although nothing ended, in ms: an idle connection would be closed. */
export const PIN_HEARTBEAT_MS = 15_000
/** Time for one pin's registry, in ms. */
export const PIN_FETCH_MS = 90_000
/** Peers without an address that are asked for one artifact. */
export const PEERS_ASKED_MAX = 8
