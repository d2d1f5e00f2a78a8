/** Bounds of everything that a tarball holds. What is over a bound is refused, never cut. @packageDocumentation */

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
