/**
 * Content hash of a set of files: Go's dirhash `h1` (STANDARDS §12). Sees paths and contents; modes, times and links it does not.
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "./base64.ts"
import { type Bytes, compareBytes, hexEncode, isWellFormed, utf8Encode } from "./bytes.ts"
import type { Crypto } from "./crypto.ts"
import { isVouchsafeError, refusals, shown } from "./errors.ts"

/** A file by its path (slashes) and the SHA-256 of its content in lower-case hexadecimal. */
export interface HashedFile {
  readonly path: string
  readonly sha256: string
}

const PREFIX = "h1:"
const DIGEST_BYTES = 32

const refuse = /* @__PURE__ */ refusals("DIRHASH_MALFORMED", "content hash: ")

function encodePath(path: string): Bytes {
  if (path === "" || path.includes("\n") || !isWellFormed(path)) throw refuse(`path ${shown(path)} is empty, has a newline or is not Unicode`)
  return utf8Encode(path)
}

/**
 * The `h1:` hash of files in any order.
 * @throws VouchsafeError DIRHASH_MALFORMED for a path that is empty, repeated or holds a newline, and for a digest that is no SHA-256.
 */
export function h1(crypto: Pick<Crypto, "sha256">, files: readonly HashedFile[]): string {
  const sorted = files.map((file) => ({ file, key: encodePath(file.path) })).sort((a, b) => compareBytes(a.key, b.key))
  let previous: string | undefined
  let lines = ""
  for (const { file: { path, sha256 } } of sorted) {
    if (path === previous) throw refuse(`path ${shown(path)} occurs twice`)
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw refuse(`digest of ${shown(path)} is ${shown(sha256)}, expected 64 lower-case hexadecimal digits`)
    lines += `${sha256}  ${path}\n`
    previous = path
  }
  return PREFIX + base64Encode(crypto.sha256(utf8Encode(lines)))
}

/** What is said of the files that may be executed, which {@link h1} does not see: how many, and the hex SHA-256 of their paths in byte order, each followed by a line feed (spec/observation.md). */
export function executablesOf(crypto: Pick<Crypto, "sha256">, paths: readonly string[]): { readonly count: number; readonly sha256: string } {
  const sorted = paths.map((path) => ({ path, key: utf8Encode(path) })).sort((a, b) => compareBytes(a.key, b.key))
  return { count: paths.length, sha256: hexEncode(crypto.sha256(utf8Encode(sorted.map(({ path }) => `${path}\n`).join("")))) }
}

/**
 * The same hash in hexadecimal, as in-toto's `dirHash` digest writes it.
 * @throws VouchsafeError DIRHASH_MALFORMED.
 */
export function hexOfH1(text: string): string {
  if (!text.startsWith(PREFIX)) throw refuse(`is ${shown(text)}, expected it to start with ${PREFIX}`)
  let digest: Bytes
  try {
    digest = base64Decode(text.slice(PREFIX.length))
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(cause.message, cause)
  }
  if (digest.length !== DIGEST_BYTES) throw refuse(`${shown(text)} holds ${digest.length} bytes, expected ${DIGEST_BYTES}`)
  return hexEncode(digest)
}
