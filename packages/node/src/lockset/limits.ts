/** Limits of locksets, with their units (spec/lock.md, "Asking for a lockset"). @packageDocumentation */

const MIB = 1024 * 1024

/** Body of a request: 20,000 lines of twice the usual length. */
export const LOCKSET_BODY_BYTES_MAX = 16 * MIB
/** Requests in work at once; more are answered 503. */
export const LOCKSETS_CONCURRENT_MAX = 8
/** The same of one address, bodies on their way included. */
export const LOCKSETS_CONCURRENT_PER_ADDRESS_MAX = 4
/** Longest time in which lines are derived and the statement is cosigned, in ms. */
export const LOCKSET_MS_MAX = 30_000
/** Locksets that one address may ask for: at once, and then per second. A project's install asks once. */
export const LOCKSETS_PER_ADDRESS = { burst: 120, perSecond: 0.1 } as const
/** The same for all addresses together. */
export const LOCKSETS_GLOBAL = { burst: 2_000, perSecond: 1 } as const
