/**
 * DSSE envelopes (DSSE 1.0.2; STANDARDS §8), with Ed25519 keys.
 *
 * @packageDocumentation
 */
import { base64DecodeLenientUrl, base64Encode } from "./base64.ts"
import { type Bytes, concatBytes, hexEncode, utf8Encode } from "./bytes.ts"
import type { Crypto } from "./crypto.ts"
import { isVouchsafeError, refusals } from "./errors.ts"

/** Longest envelope, in UTF-16 units. */
export const ENVELOPE_LENGTH_MAX = 16_000_000
/** Most signatures of one envelope. */
export const ENVELOPE_SIGNATURES_MAX = 100

/** Payload type of in-toto statements. */
export const INTOTO_PAYLOAD_TYPE = "application/vnd.in-toto+json"

/** One signature. `keyId` is an unauthenticated hint. */
export interface EnvelopeSignature {
  readonly keyId?: string
  readonly signature: Bytes
}

/** An envelope, read but not checked. */
export interface Envelope {
  readonly payloadType: string
  readonly payload: Bytes
  readonly signatures: readonly EnvelopeSignature[]
}

/** A key that may sign. The public key alone identifies it. */
export interface EnvelopeKey {
  readonly publicKey: Bytes
  readonly keyId?: string
}

/** Pre-authentication encoding: what is signed. Lengths count UTF-8 bytes. */
export function preAuthEncode(payloadType: string, payload: Bytes): Bytes {
  const type = utf8Encode(payloadType)
  return concatBytes(utf8Encode(`DSSEv1 ${type.length} `), type, utf8Encode(` ${payload.length} `), payload)
}

const refuse = /* @__PURE__ */ refusals("DSSE_MALFORMED", "envelope ")

function decodeMember(text: unknown, what: string): Bytes {
  if (typeof text !== "string") throw refuse(`${what} is not a string`)
  try {
    return base64DecodeLenientUrl(text)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(`${what}: ${cause.message}`, cause)
  }
}

function readSignature(value: unknown, index: number): EnvelopeSignature {
  const what = `signatures[${index}]`
  if (typeof value !== "object" || value === null) throw refuse(`${what} is not an object`)
  const { keyid, sig } = value as { readonly keyid?: unknown; readonly sig?: unknown }
  if (keyid !== undefined && keyid !== null && typeof keyid !== "string") throw refuse(`${what}.keyid is not a string`)
  const signature = decodeMember(sig, `${what}.sig`)
  return typeof keyid === "string" && keyid !== "" ? { keyId: keyid, signature } : { signature }
}

/**
 * Reads an envelope from JSON. Unknown members are ignored, base64 may be standard or URL-safe.
 * @throws VouchsafeError DSSE_MALFORMED.
 */
export function parseEnvelope(text: string): Envelope {
  if (text.length > ENVELOPE_LENGTH_MAX) throw refuse(`has ${text.length} characters, expected at most ${ENVELOPE_LENGTH_MAX}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw refuse("does not parse as JSON", cause)
  }
  if (typeof value !== "object" || value === null) throw refuse("is not a JSON object")
  const { payload, payloadType, signatures } = value as Readonly<Record<"payload" | "payloadType" | "signatures", unknown>>
  if (typeof payloadType !== "string") throw refuse("payloadType is not a string")
  if (!Array.isArray(signatures) || signatures.length === 0 || signatures.length > ENVELOPE_SIGNATURES_MAX) {
    throw refuse(`signatures is not a list of 1 to ${ENVELOPE_SIGNATURES_MAX}`)
  }
  return { payloadType, payload: decodeMember(payload, "payload"), signatures: signatures.map(readSignature) }
}

/** Writes an envelope as JSON, base64 in the standard alphabet. */
export function formatEnvelope(envelope: Envelope): string {
  return JSON.stringify({
    payload: base64Encode(envelope.payload),
    payloadType: envelope.payloadType,
    signatures: envelope.signatures.map(({ keyId, signature }) => ({ ...(keyId === undefined ? {} : { keyid: keyId }), sig: base64Encode(signature) })),
  })
}

/** Signs a payload with one key; `keyId` is the hint that the envelope carries. */
export function signEnvelope(signer: { sign(message: Bytes): Bytes }, unsigned: { readonly payloadType: string; readonly payload: Bytes; readonly keyId?: string }): Envelope {
  const { payloadType, payload, keyId } = unsigned
  const signature = signer.sign(preAuthEncode(payloadType, payload))
  return { payloadType, payload, signatures: [{ ...(keyId === undefined ? {} : { keyId }), signature }] }
}

/** Who signed an envelope, and whether that is enough. Use the payload only when `ok`. */
export interface EnvelopeCheck {
  readonly ok: boolean
  /** Distinct keys with a valid signature. */
  readonly verified: readonly EnvelopeKey[]
}

/**
 * Checks an envelope: ok when at least `threshold` distinct public keys of `keys` signed it. Distinct signatures of one key count once,
 * and so does one key listed twice. Key IDs are not looked at.
 * @throws RangeError unless `threshold` is a positive integer.
 */
export function verifyEnvelope(crypto: Crypto, envelope: Envelope, keys: readonly EnvelopeKey[], threshold: number): EnvelopeCheck {
  if (!Number.isSafeInteger(threshold) || threshold < 1) throw new RangeError(`threshold is ${threshold}, expected a positive integer`)
  const message = preAuthEncode(envelope.payloadType, envelope.payload)
  const distinct = new Map(keys.map((key) => [hexEncode(key.publicKey), key]))
  const verified = [...distinct.values()].filter(({ publicKey }) =>
    envelope.signatures.some(({ signature }) => crypto.verifyEd25519(publicKey, message, signature)))
  return { ok: verified.length >= threshold, verified }
}
