/**
 * Byte strings: joining, comparing, hexadecimal, strict UTF-8.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "./errors.ts"

/** A string of bytes. Nothing in this package changes bytes that it was given. */
export type Bytes = Uint8Array

// The only two globals beyond the language that core uses: they exist in Node, browsers and workers alike.
declare const TextEncoder: { new (): { encode(text: string): Uint8Array; encodeInto(text: string, target: Uint8Array): { readonly read: number; readonly written: number } } }
declare const TextDecoder: {
  new (label: string, options: { fatal: boolean; ignoreBOM: boolean }): { decode(bytes: Uint8Array): string }
}

const encoder = new TextEncoder()
// ignoreBOM keeps U+FEFF in the text: a byte that vanishes would let two byte strings read the same.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Joins byte strings. */
export function concatBytes(...parts: readonly Bytes[]): Bytes {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Tells whether two byte strings are equal. Not constant time: everything compared here is public. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Orders byte strings as unsigned bytes, a prefix first. Negative, zero or positive. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

const LONE_SURROGATE = /\p{Surrogate}/u

/** Tells whether `text` has no lone surrogates, that is, whether it can be written in UTF-8 at all. */
export function isWellFormed(text: string): boolean {
  // Constant time for Latin-1 strings where the engine has it (Node 20 does).
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed
  return native === undefined ? !LONE_SURROGATE.test(text) : native.call(text)
}

/**
 * Writes text in UTF-8.
 * @throws VouchsafeError UTF8_MALFORMED when `text` has a lone surrogate, which would silently become another character.
 */
export function utf8Encode(text: string): Bytes {
  if (!isWellFormed(text)) {
    throw new VouchsafeError("UTF8_MALFORMED", `text ${shown(text)} has a lone surrogate, expected well-formed Unicode`)
  }
  return encoder.encode(text)
}

/**
 * Writes text in UTF-8 to the start of `target` and says how many bytes that took.
 * The caller has seen to it that the text is well-formed and that `target` has three bytes for each of its units.
 */
export function utf8EncodeInto(text: string, target: Bytes): number {
  return encoder.encodeInto(text, target).written
}

/**
 * Reads UTF-8 strictly: no replacement characters, a byte order mark stays in the text.
 * @throws VouchsafeError UTF8_MALFORMED.
 */
export function utf8Decode(bytes: Bytes): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new VouchsafeError("UTF8_MALFORMED", `${bytes.length} bytes are not valid UTF-8`, { cause })
  }
}

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** Writes bytes in lower-case hexadecimal. */
export function hexEncode(bytes: Bytes): string {
  let text = ""
  for (const byte of bytes) text += HEX_OF_BYTE[byte]
  return text
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  if (code >= 0x61 && code <= 0x66) return code - 0x57
  return -1
}

/**
 * Reads lower-case hexadecimal; the one spelling that {@link hexEncode} writes.
 * @throws VouchsafeError HEX_MALFORMED.
 */
export function hexDecode(text: string): Bytes {
  if (text.length % 2 !== 0) {
    throw new VouchsafeError("HEX_MALFORMED", `hexadecimal ${shown(text)} has ${text.length} digits, expected an even number`)
  }
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i))
    const low = hexDigit(text.charCodeAt(2 * i + 1))
    if (high < 0 || low < 0) {
      throw new VouchsafeError("HEX_MALFORMED", `hexadecimal ${shown(text)} is wrong near digit ${2 * i}, expected 0-9 and a-f`)
    }
    bytes[i] = high * 16 + low
  }
  return bytes
}
