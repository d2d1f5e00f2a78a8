/** Bounds of everything that a registry sends. What is over a bound is refused, never cut. @packageDocumentation */

const KIB = 1024
const MIB = 1024 * KIB

/** Bounds of one tarball (packages/spec/observation.md, "Limits"). */
export interface TarballLimits {
  /** Bytes of the .tgz. */
  readonly tgzBytesMax: number
  /** Bytes of the inflated tar. */
  readonly tarBytesMax: number
  /** Inflated bytes that need no justification by the size of the .tgz. */
  readonly tarBytesFree: number
  /** Inflated bytes beyond the free ones that each byte of the .tgz justifies. deflate itself reaches 1,032. */
  readonly inflationRatioMax: number
  /** Headers of the archive, of files, directories, links and extensions alike. */
  readonly entriesMax: number
  /** Distinct folders, also those that only file names imply. */
  readonly foldersMax: number
  /** UTF-8 bytes of a path as the archive spells it. */
  readonly pathBytesMax: number
  /** Folders that a path may pass through. */
  readonly pathDepthMax: number
  /** Bytes of one pax extension; npm's own reader skips longer ones. */
  readonly paxBytesMax: number
  /** Bytes of one package.json, of the package or of a bundled one. */
  readonly packageJsonBytesMax: number
  /** Packages bundled under node_modules, and gyp files: as many as an observation may list. */
  readonly listedPathsMax: number
}

export const TARBALL_LIMITS: TarballLimits = Object.freeze({
  tgzBytesMax: 256 * MIB,
  tarBytesMax: 1024 * MIB,
  tarBytesFree: MIB,
  inflationRatioMax: 200,
  entriesMax: 100_000,
  foldersMax: 100_000,
  pathBytesMax: 1024,
  pathDepthMax: 128,
  paxBytesMax: MIB,
  packageJsonBytesMax: 4 * MIB,
  listedPathsMax: 10_000,
})

/** Bytes of a gzip header with all its optional fields. */
export const GZIP_HEADER_BYTES_MAX = 64 * KIB

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

/** Characters of an npm name with its scope. */
export const NPM_NAME_LENGTH_MAX = 214
/** Characters of a version, as npm's semver has it. */
export const NPM_VERSION_LENGTH_MAX = 256
/** Characters of a publisher's name and of a repository's URL that an observation repeats; longer ones are left out. */
export const PUBLISHER_LENGTH_MAX = 214
export const REPOSITORY_LENGTH_MAX = 2048
/** Characters of a tarball's URL. */
export const TARBALL_URL_LENGTH_MAX = 2048
