/**
 * Verifier keys of signed notes (C2SP signed-note, "Verifier keys"; STANDARDS §2).
 *
 * @packageDocumentation
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { base64Decode, base64Encode } from "./base64.ts"
import { type Bytes, concatBytes, hexEncode, isWellFormed, utf8Encode } from "./bytes.ts"
import { isVouchsafeError, refusals, shown } from "./errors.ts"

/** Signature types of signed notes that this package knows. */
export const KEY_TYPE = { ed25519: 0x01, cosignatureEd25519: 0x04, cosignatureMlDsa44: 0x06 } as const

const PUBLIC_KEY_BYTES_BY_TYPE: Readonly<Record<number, number>> = {
  [KEY_TYPE.ed25519]: 32,
  [KEY_TYPE.cosignatureEd25519]: 32,
  [KEY_TYPE.cosignatureMlDsa44]: 1312,
}

/** Longest key name in bytes; the ML-DSA cosignature writes its length in one byte. */
export const KEY_NAME_BYTES_MAX = 255
const VKEY_LENGTH_MAX = 4096

/** Who signs: a name together with a public key. The pair (name, keyId) is what signature lines refer to. */
export interface VerifierKey {
  readonly name: string
  /** First four bytes of the key hash, 8 lower-case hexadecimal digits. */
  readonly keyId: string
  /** Signature type, one of {@link KEY_TYPE}. */
  readonly type: number
  readonly publicKey: Bytes
  /** The one text form. */
  readonly vkey: string
}

/** True for a legal key name: not empty, no Unicode white space, no plus, no control characters, at most 255 bytes. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && name.length <= KEY_NAME_BYTES_MAX && isWellFormed(name) && !/[\s\u0085+\p{Cc}]/u.test(name) &&
    utf8Encode(name).length <= KEY_NAME_BYTES_MAX
}

/** Key ID = SHA-256(name || LF || type || public key)[:4], as 8 lower-case hexadecimal digits. */
export function keyIdOf(name: string, type: number, publicKey: Bytes): string {
  const hash = sha256(concatBytes(utf8Encode(`${name}\n`), Uint8Array.of(type), publicKey))
  return hexEncode(hash.subarray(0, 4))
}

/** Makes a verifier key from its parts. @throws VouchsafeError VKEY_MALFORMED. */
export function verifierKeyOf(name: string, type: number, publicKey: Bytes): VerifierKey {
  if (!isKeyName(name)) throw refuse(`name is ${shown(name)}, expected no white space, no "+" and 1 to ${KEY_NAME_BYTES_MAX} bytes`)
  const expected = PUBLIC_KEY_BYTES_BY_TYPE[type]
  if (expected === undefined) throw refuse(`type is 0x${type.toString(16).padStart(2, "0")}, expected 0x01, 0x04 or 0x06`)
  if (publicKey.length !== expected) throw refuse(`public key has ${publicKey.length} bytes, expected ${expected}`)
  const keyId = keyIdOf(name, type, publicKey)
  return { name, keyId, type, publicKey, vkey: `${name}+${keyId}+${base64Encode(concatBytes(Uint8Array.of(type), publicKey))}` }
}

const refuse = /* @__PURE__ */ refusals("VKEY_MALFORMED", "verifier key: ")

/**
 * Reads `name+keyid+base64(type || public key)` and recomputes the key ID.
 * @throws VouchsafeError VKEY_MALFORMED.
 */
export function parseVerifierKey(vkey: string): VerifierKey {
  if (vkey.length > VKEY_LENGTH_MAX) throw refuse(`has ${vkey.length} characters, expected at most ${VKEY_LENGTH_MAX}`)
  // Base64 may contain "+" too, so only the first two separate.
  const first = vkey.indexOf("+")
  const second = vkey.indexOf("+", first + 1)
  if (first < 0 || second < 0) throw refuse(`is ${shown(vkey)}, expected name+keyid+key`)
  let key: Bytes
  try {
    key = base64Decode(vkey.slice(second + 1))
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(cause.message, cause)
  }
  if (key.length === 0) throw refuse("holds no key bytes, expected a type byte and a public key")
  const parsed = verifierKeyOf(vkey.slice(0, first), key[0] as number, key.slice(1))
  const keyId = vkey.slice(first + 1, second)
  if (keyId !== parsed.keyId) throw refuse(`key ID is ${shown(keyId)}, expected ${parsed.keyId} (computed from the key)`)
  return parsed
}

/** The text form of a verifier key. */
export function formatVerifierKey(key: Pick<VerifierKey, "name" | "type" | "publicKey">): string {
  return verifierKeyOf(key.name, key.type, key.publicKey).vkey
}
