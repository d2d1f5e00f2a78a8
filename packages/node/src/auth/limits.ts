/**
 * Limits of admin requests over the public listener, with their units (spec/admin.md).
 *
 * @packageDocumentation
 */

/** Seconds for which one signature may be good. */
export const SIGNATURE_SECONDS_MAX = 60
/** Seconds by which a signer's clock may be ahead of the node's. */
export const CLOCK_AHEAD_SECONDS_MAX = 2
/** Nonces remembered until they expire. */
export const NONCES_MAX = 10_000
/** Requests of one key or token: at once, and then per second. */
export const ADMIN_PER_CALLER = { burst: 30, perSecond: 0.5 } as const
/** The same for all of them together. */
export const ADMIN_GLOBAL = { burst: 300, perSecond: 5 } as const
/** Requests of one address that prove nothing: at once, and then per second. */
export const ADMIN_DENIALS_PER_ADDRESS = { burst: 20, perSecond: 0.1 } as const
/** The same for all addresses together. */
export const ADMIN_DENIALS_GLOBAL = { burst: 1_000, perSecond: 10 } as const
/** Body of a signed request, in bytes: what the largest of them, a lockfile's pins, may have. Each route has a limit of its own below it. */
export const SIGNED_BODY_BYTES_MAX = 2_097_152
