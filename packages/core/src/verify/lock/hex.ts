/**
 * Base64 to hexadecimal without bytes between: a lock has a digest on every line, and they are compared in hexadecimal.
 *
 * @packageDocumentation
 */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

const VALUE_OF_CODE = new Uint8Array(128)
for (let value = 0; value < ALPHABET.length; value++) VALUE_OF_CODE[ALPHABET.charCodeAt(value)] = value

/** Three hexadecimal digits of two base64 digits. */
const HEX_OF_PAIR: readonly string[] = Array.from({ length: 4_096 }, (_, pair) => pair.toString(16).padStart(3, "0"))

/**
 * Hexadecimal of 64 bytes in base64 with padding.
 * @param text - 88 characters, checked by the caller: of the alphabet, unused bits zero
 */
export function hexOfBase64(text: string): string {
  let hex = ""
  for (let i = 0; i < 86; i += 2) hex += HEX_OF_PAIR[((VALUE_OF_CODE[text.charCodeAt(i)] as number) << 6) | (VALUE_OF_CODE[text.charCodeAt(i + 1)] as number)]
  // 86 digits hold 4 bits more than 64 bytes.
  return hex.slice(0, 128)
}
