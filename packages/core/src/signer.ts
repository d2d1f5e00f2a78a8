/**
 * Ed25519 signers from a 32-byte seed, in pure JavaScript, and the text form of such keys that Go tools write (STANDARDS §2).
 *
 * @packageDocumentation
 */
import { getPublicKey, hashes, sign } from "@noble/ed25519"
import { sha512 } from "@noble/hashes/sha2.js"
import { base64Decode, base64Encode } from "./base64.ts"
import { type Bytes, concatBytes } from "./bytes.ts"
import { isVouchsafeError, VouchsafeError } from "./errors.ts"
import type { Signer } from "./note.ts"
import { KEY_TYPE, type VerifierKey, verifierKeyOf } from "./vkey.ts"

const SEED_BYTES = 32
const PREFIX = "PRIVATE+KEY+"

hashes.sha512 = sha512

/**
 * Makes a signer for notes (type 0x01) or cosignatures (type 0x04).
 * @throws VouchsafeError VKEY_MALFORMED for an illegal name or type. @throws RangeError for a seed of another length.
 */
export function signerFromSeed(name: string, type: number, seed: Bytes): Signer {
  if (seed.length !== SEED_BYTES) throw new RangeError(`seed has ${seed.length} bytes, expected ${SEED_BYTES}`)
  const own = Uint8Array.from(seed)
  const verifier: VerifierKey = verifierKeyOf(name, type, getPublicKey(own))
  return { verifier, sign: (message) => sign(Uint8Array.from(message), own) }
}

/** Writes `PRIVATE+KEY+name+keyid+base64(type || seed)`. Secret. */
export function formatSigningKey(verifier: Pick<VerifierKey, "name" | "keyId" | "type">, seed: Bytes): string {
  return `${PREFIX}${verifier.name}+${verifier.keyId}+${base64Encode(concatBytes(Uint8Array.of(verifier.type), seed))}`
}

/** Never repeats the text: it is a secret. */
function refuse(why: string): VouchsafeError {
  return new VouchsafeError("VKEY_MALFORMED", `signing key: ${why}`)
}

function decodeKey(text: string): Bytes {
  try {
    return base64Decode(text)
  } catch (error) {
    // The cause is left out on purpose: its message quotes the secret.
    if (isVouchsafeError(error)) throw refuse("its last part is not base64")
    throw error
  }
}

/**
 * Reads what {@link formatSigningKey} writes and recomputes the key ID.
 * @throws VouchsafeError VKEY_MALFORMED.
 */
export function parseSigningKey(text: string): { readonly signer: Signer; readonly seed: Bytes } {
  if (!text.startsWith(PREFIX)) throw refuse(`does not start with ${PREFIX}`)
  const rest = text.slice(PREFIX.length)
  const first = rest.indexOf("+")
  const second = rest.indexOf("+", first + 1)
  if (first < 0 || second < 0) throw refuse("has too few parts, expected name+keyid+key")
  const key = decodeKey(rest.slice(second + 1))
  if (key.length !== SEED_BYTES + 1) throw refuse(`holds ${key.length} bytes, expected a type byte and a ${SEED_BYTES}-byte seed`)
  const type = key[0] as number
  if (type !== KEY_TYPE.ed25519 && type !== KEY_TYPE.cosignatureEd25519) throw refuse(`type is ${type}, expected 1 or 4`)
  const seed = key.slice(1)
  const signer = signerFromSeed(rest.slice(0, first), type, seed)
  if (rest.slice(first + 1, second) !== signer.verifier.keyId) throw refuse(`key ID does not match, expected ${signer.verifier.keyId}`)
  return { signer, seed }
}
