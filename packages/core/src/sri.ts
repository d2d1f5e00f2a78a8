/**
 * Subresource integrity as npm lockfiles and packuments write it: `sha512-<base64>`, several separated by single spaces.
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "./base64.ts"
import { type Bytes, equalBytes, hexDecode, hexEncode } from "./bytes.ts"
import { isVouchsafeError, shown, VouchsafeError } from "./errors.ts"

/** Longest integrity text accepted, in UTF-16 units. */
export const SRI_LENGTH_MAX = 4096

const DIGEST_BYTES_BY_ALGORITHM = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const
/** Hash algorithms that may stand in an integrity text. */
export type SriAlgorithm = keyof typeof DIGEST_BYTES_BY_ALGORITHM

/** One digest of an integrity text. */
export interface SriDigest {
  readonly algorithm: SriAlgorithm
  readonly digest: Bytes
}

function refuse(text: string, why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("SRI_MALFORMED", `integrity ${shown(text)} ${why}`, { cause })
}

function isAlgorithm(name: string): name is SriAlgorithm {
  return Object.hasOwn(DIGEST_BYTES_BY_ALGORITHM, name)
}

function parseItem(text: string, item: string): SriDigest {
  const dash = item.indexOf("-")
  const algorithm = item.slice(0, Math.max(dash, 0))
  if (!isAlgorithm(algorithm)) throw refuse(text, `names the algorithm ${shown(algorithm)}, expected sha512, sha384, sha256 or sha1`)
  let digest: Bytes
  try {
    digest = base64Decode(item.slice(dash + 1))
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(text, `holds bad base64: ${cause.message}`, cause)
  }
  const expected = DIGEST_BYTES_BY_ALGORITHM[algorithm]
  if (digest.length !== expected) throw refuse(text, `holds a ${algorithm} of ${digest.length} bytes, expected ${expected}`)
  return { algorithm, digest }
}

/**
 * Reads an integrity text. Options (`?…`), which npm never writes, are refused.
 * @throws VouchsafeError SRI_MALFORMED.
 */
export function parseSri(text: string): SriDigest[] {
  if (text.length > SRI_LENGTH_MAX) throw refuse(text, `has ${text.length} characters, expected at most ${SRI_LENGTH_MAX}`)
  return text.split(" ").map((item) => parseItem(text, item))
}

/**
 * The sha512 of an integrity text in hexadecimal, undefined when it has none.
 * Two different ones would match two different files, so they are refused.
 * @throws VouchsafeError SRI_MALFORMED.
 */
export function sha512OfSri(text: string): string | undefined {
  const [first, ...others] = parseSri(text).filter(({ algorithm }) => algorithm === "sha512")
  if (first === undefined) return undefined
  if (others.some(({ digest }) => !equalBytes(digest, first.digest))) throw refuse(text, "has two different sha512, expected one")
  return hexEncode(first.digest)
}

/** Writes a hexadecimal sha512 as integrity text. @throws VouchsafeError HEX_MALFORMED or SRI_MALFORMED. */
export function sriOfSha512(hex: string): string {
  const digest = hexDecode(hex)
  if (digest.length !== DIGEST_BYTES_BY_ALGORITHM.sha512) throw refuse(hex, `has ${digest.length} bytes, expected ${DIGEST_BYTES_BY_ALGORITHM.sha512}`)
  return `sha512-${base64Encode(digest)}`
}
