/**
 * Base64 (RFC 4648 §4), one spelling per byte string: padding required, no white space, unused bits zero.
 *
 * Host decoders skip what they do not understand, so that two texts can mean one signature; this one never does.
 *
 * @packageDocumentation
 */
import type { Bytes } from "./bytes.ts"
import { isVouchsafeError, shown, VouchsafeError } from "./errors.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const NOT_A_DIGIT = 255

const VALUE_OF_CODE = new Uint8Array(128).fill(NOT_A_DIGIT)
for (let value = 0; value < ALPHABET.length; value++) VALUE_OF_CODE[ALPHABET.charCodeAt(value)] = value

/** Writes bytes in base64 with padding. */
export function base64Encode(bytes: Bytes): string {
  let text = ""
  let i = 0
  for (; i + 2 < bytes.length; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number)
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63) +
      ALPHABET.charAt((group >> 6) & 63) + ALPHABET.charAt(group & 63)
  }
  const left = bytes.length - i
  if (left === 1) {
    const group = bytes[i] as number
    text += `${ALPHABET.charAt(group >> 2)}${ALPHABET.charAt((group << 4) & 63)}==`
  } else if (left === 2) {
    const group = ((bytes[i] as number) << 8) | (bytes[i + 1] as number)
    text += `${ALPHABET.charAt(group >> 10)}${ALPHABET.charAt((group >> 4) & 63)}${ALPHABET.charAt((group << 2) & 63)}=`
  }
  return text
}

function refuse(text: string, why: string): VouchsafeError {
  return new VouchsafeError("BASE64_MALFORMED", `base64 ${shown(text)} ${why}`)
}

/** Six bits of one digit, or {@link NOT_A_DIGIT}, whose top bits no digit has. */
function valueAt(text: string, position: number): number {
  const code = text.charCodeAt(position)
  return code < 128 ? (VALUE_OF_CODE[code] as number) : NOT_A_DIGIT
}

function refuseDigit(text: string, from: number): VouchsafeError {
  let position = from
  while (valueAt(text, position) !== NOT_A_DIGIT) position++
  return refuse(text, `is wrong at position ${position}, expected the standard alphabet`)
}

/**
 * Reads base64 strictly (STANDARDS §0): only what {@link base64Encode} writes.
 * @throws VouchsafeError BASE64_MALFORMED.
 */
export function base64Decode(text: string): Bytes {
  if (text.length % 4 !== 0) throw refuse(text, `has ${text.length} characters, expected a multiple of 4`)
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  const whole = padding === 0 ? text.length : text.length - 4
  let out = 0
  for (let i = 0; i < whole; i += 4) {
    // Written out, since every hash of every proof comes through here. A code beyond the table is caught by `codes`.
    const w = text.charCodeAt(i)
    const x = text.charCodeAt(i + 1)
    const y = text.charCodeAt(i + 2)
    const z = text.charCodeAt(i + 3)
    const codes = w | x | y | z
    const a = VALUE_OF_CODE[w & 127] as number
    const b = VALUE_OF_CODE[x & 127] as number
    const c = VALUE_OF_CODE[y & 127] as number
    const d = VALUE_OF_CODE[z & 127] as number
    if (codes > 127 || (a | b | c | d) > 63) throw refuseDigit(text, i)
    bytes[out++] = (a << 2) | (b >> 4)
    bytes[out++] = ((b & 15) << 4) | (c >> 2)
    bytes[out++] = ((c & 3) << 6) | d
  }
  if (padding > 0) {
    const a = valueAt(text, whole)
    const b = valueAt(text, whole + 1)
    const c = padding === 1 ? valueAt(text, whole + 2) : 0
    if ((a | b | c) > 63) throw refuseDigit(text, whole)
    if ((padding === 1 ? c & 3 : b & 15) !== 0) throw refuse(text, "has bits set after its last byte, expected zeros")
    bytes[out++] = (a << 2) | (b >> 4)
    if (padding === 1) bytes[out++] = ((b & 15) << 4) | (c >> 2)
  }
  return bytes
}

/** Reads base64 of exactly `length` bytes, as strictly as {@link base64Decode}; undefined for anything else. */
export function base64DecodeExact(text: string, length: number): Bytes | undefined {
  if (text.length !== Math.ceil(length / 3) * 4) return undefined
  try {
    const bytes = base64Decode(text)
    return bytes.length === length ? bytes : undefined
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}

/**
 * Reads base64 in the standard or the URL-safe alphabet, with or without padding. For DSSE only, whose verifiers MUST accept both (DSSE 1.0.2).
 * A text that mixes the two alphabets is refused.
 * @throws VouchsafeError BASE64_MALFORMED.
 */
export function base64DecodeLenientUrl(text: string): Bytes {
  if (/[+/]/.test(text) && /[-_]/.test(text)) throw refuse(text, "mixes the standard and the URL-safe alphabet")
  const standard = text.replace(/-/g, "+").replace(/_/g, "/")
  if (standard.endsWith("=") || standard.length % 4 === 0) return base64Decode(standard)
  return base64Decode(standard.padEnd(Math.ceil(standard.length / 4) * 4, "="))
}
