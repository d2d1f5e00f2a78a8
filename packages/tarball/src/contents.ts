import { canonicalize, compareBytes, type Crypto, executablesOf, h1, hexEncode, utf8Encode } from "@vouchsafe/core"

/** A file as a package manager leaves it on disk. */
export interface UnpackedFile {
  /** Below the package's folder, with slashes. */
  readonly path: string
  readonly size: number
  /** Whether anybody may execute it. Managers set the other bits from their umask. */
  readonly executable: boolean
  /** Lower-case hexadecimal. */
  readonly sha256: string
}

/** What an observation says of the contents, and the document that lists them. */
export interface Contents {
  readonly h1: string
  readonly files: number
  /** Sum of the files' sizes in bytes. */
  readonly unpackedSize: number
  /** Hex SHA-256 of {@link Contents.manifestText}. */
  readonly manifest: string
  /** File manifest `vouchsafe-manifest/v1` (packages/spec/observation.md), canonical JSON. */
  readonly manifestText: string
  readonly executables: { readonly count: number, readonly sha256: string }
}

export const MANIFEST_FORMAT = "vouchsafe-manifest/v1"
const MODE_PLAIN = 0o644
const MODE_EXECUTABLE = 0o755

/** Derives everything that follows from the files; their order does not matter. */
export function describeContents(crypto: Crypto, files: readonly UnpackedFile[]): Contents {
  const sorted = files.map((file) => ({ file, key: utf8Encode(file.path) })).sort((a, b) => compareBytes(a.key, b.key)).map(({ file }) => file)
  const digestOf = (text: string): string => hexEncode(crypto.sha256(utf8Encode(text)))
  const manifestText = canonicalize({
    format: MANIFEST_FORMAT,
    files: sorted.map(({ path, size, executable, sha256 }) => [path, size, executable ? MODE_EXECUTABLE : MODE_PLAIN, sha256]),
  })
  return {
    h1: h1(crypto, sorted),
    files: sorted.length,
    unpackedSize: sorted.reduce((sum, file) => sum + file.size, 0),
    manifest: digestOf(manifestText),
    manifestText,
    executables: executablesOf(crypto, sorted.filter((file) => file.executable).map(({ path }) => path)),
  }
}
