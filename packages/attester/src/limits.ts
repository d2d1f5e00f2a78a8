/** Bounds of everything that a registry sends. What is over a bound is refused, never cut. @packageDocumentation */

const MIB = 1024 * 1024

/** Bounds of an attester's work. */
export interface AttesterLimits {
  /** Observations that run at a time. */
  readonly runningMax: number
  /** Observations that wait for their turn; further ones are refused. */
  readonly waitingMax: number
  /** Bytes of tarballs, as announced or else as allowed, that are being fetched at a time. */
  readonly bytesInFlightMax: number
  /** Refusals remembered, so that asking again for a bad tarball does not fetch it again. */
  readonly refusalsMax: number
  /** How long a refusal of a tarball is remembered. */
  readonly refusalSeconds: number
}

export const ATTESTER_LIMITS: AttesterLimits = Object.freeze({
  runningMax: 8,
  waitingMax: 10_000,
  bytesInFlightMax: 512 * MIB,
  refusalsMax: 10_000,
  refusalSeconds: 300,
})

/**
 * A version that lacks the tag or commit which earlier ones had is not spoken about before it is this old, in seconds: many people publish first and push
 * then, an attester speaks once, and nobody's word is worth less than an early one that is wrong for good.
 */
export const SOURCE_GRACE_SECONDS = 900

/** Characters of an npm name with its scope. */
export const NPM_NAME_LENGTH_MAX = 214
/** Characters of a version, as npm's semver has it. */
export const NPM_VERSION_LENGTH_MAX = 256
/** Characters of a publisher's name and of a repository's URL that an observation repeats; longer ones are left out. */
export const PUBLISHER_LENGTH_MAX = 214
export const REPOSITORY_LENGTH_MAX = 2048
/** Characters of a tarball's URL. */
export const TARBALL_URL_LENGTH_MAX = 2048
