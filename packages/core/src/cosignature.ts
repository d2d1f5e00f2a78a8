/**
 * Cosignatures of witnesses (C2SP tlog-cosignature v1.0.1, Ed25519 form, type 0x04; STANDARDS §4).
 *
 * @packageDocumentation
 */
import { type Bytes, concatBytes, utf8Encode } from "./bytes.ts"
import { type Crypto, ED25519_SIGNATURE_BYTES } from "./crypto.ts"
import { VouchsafeError } from "./errors.ts"
import { formatSignatureLine, type Note, type Signer } from "./note.ts"
import { KEY_TYPE, type VerifierKey } from "./vkey.ts"

const TIME_BYTES = 8
const COSIGNATURE_BYTES = TIME_BYTES + ED25519_SIGNATURE_BYTES

/** A cosignature taken apart. `timeSeconds` is POSIX time. */
export interface Cosignature {
  readonly timeSeconds: number
  readonly signature: Bytes
}

/** What a witness signs: header, time, then the whole checkpoint text including its last LF. */
export function cosignedMessage(timeSeconds: number, checkpointText: string): Bytes {
  if (!Number.isSafeInteger(timeSeconds) || timeSeconds < 0) throw new RangeError(`cosignature time ${timeSeconds} is no POSIX time in seconds`)
  return utf8Encode(`cosignature/v1\ntime ${timeSeconds}\n${checkpointText}`)
}

/** Writes `u64 time || signature`, the bytes that follow the key ID in a signature line. */
export function formatCosignature(cosignature: Cosignature): Bytes {
  const time = new Uint8Array(TIME_BYTES)
  new DataView(time.buffer).setBigUint64(0, BigInt(cosignature.timeSeconds))
  return concatBytes(time, cosignature.signature)
}

/**
 * Takes `u64 time || signature` apart. Times beyond 2^53-1 are refused: no clock is there yet.
 * @throws VouchsafeError COSIGNATURE_MALFORMED.
 */
export function parseCosignature(bytes: Bytes): Cosignature {
  if (bytes.length !== COSIGNATURE_BYTES) {
    throw new VouchsafeError("COSIGNATURE_MALFORMED", `cosignature has ${bytes.length} bytes, expected ${COSIGNATURE_BYTES}`)
  }
  const time = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0)
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new VouchsafeError("COSIGNATURE_MALFORMED", `cosignature time is ${time}, expected at most ${Number.MAX_SAFE_INTEGER} seconds`)
  }
  return { timeSeconds: Number(time), signature: bytes.slice(TIME_BYTES) }
}

/** Checks the bytes of one cosignature over `text`. undefined when they are malformed or do not verify. */
export function checkCosignature(crypto: Crypto, witnessKey: VerifierKey, text: string, bytes: Bytes): { readonly timeSeconds: number } | undefined {
  if (witnessKey.type !== KEY_TYPE.cosignatureEd25519 || bytes.length !== COSIGNATURE_BYTES) return undefined
  const time = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0)
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  const timeSeconds = Number(time)
  const valid = crypto.verifyEd25519(witnessKey.publicKey, cosignedMessage(timeSeconds, text), bytes.slice(TIME_BYTES))
  return valid ? { timeSeconds } : undefined
}

/**
 * Finds and checks a witness's cosignature in a note. Of several lines under one key only the first counts.
 * undefined when there is none, it is malformed, or it does not verify: in each case the witness has not vouched.
 */
export function verifyCosignature(crypto: Crypto, witnessKey: VerifierKey, note: Note): { readonly timeSeconds: number } | undefined {
  const line = note.signatures.find(({ name, keyId }) => name === witnessKey.name && keyId === witnessKey.keyId)
  return line === undefined ? undefined : checkCosignature(crypto, witnessKey, note.text, line.signature)
}

/** Cosigns a checkpoint text. Returns the signature line with its LF. @throws TypeError for a signer that is no cosigner. */
export function cosign(signer: Signer, checkpointText: string, timeSeconds: number): string {
  const { name, keyId, type } = signer.verifier
  if (type !== KEY_TYPE.cosignatureEd25519) throw new TypeError(`key ${name} has type ${type}: only type 4 cosigns`)
  const signature = signer.sign(cosignedMessage(timeSeconds, checkpointText))
  return formatSignatureLine(name, keyId, formatCosignature({ timeSeconds, signature }))
}
