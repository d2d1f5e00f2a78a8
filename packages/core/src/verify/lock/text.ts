/**
 * Foreign text as it stands in a line of `vouchsafe.lock`: printable ASCII without space and comma, all else percent-encoded as UTF-8.
 *
 * @packageDocumentation
 */
import { isWellFormed, utf8Encode } from "../../bytes.ts"

/** What stands for itself. A comma parts the items of a list, a percent sign begins an escape. */
const PLAIN = /^[A-Za-z0-9._~:/@+#?&=!*()'$;-]*$/
const ENCODED = /^(?:[A-Za-z0-9._~:/@+#?&=!*()'$;-]|%[0-9A-F]{2})*$/

/** Writes a text; undefined for one that UTF-8 cannot carry. */
export function encodeText(text: string): string | undefined {
  if (PLAIN.test(text)) return text
  if (!isWellFormed(text)) return undefined
  let encoded = ""
  for (const byte of utf8Encode(text)) {
    const character = String.fromCharCode(byte)
    encoded += byte < 0x80 && PLAIN.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  }
  return encoded
}

/** Reads a text in the one spelling that {@link encodeText} writes; undefined for any other. */
export function decodeText(encoded: string): string | undefined {
  if (!encoded.includes("%")) return PLAIN.test(encoded) ? encoded : undefined
  if (!ENCODED.test(encoded)) return undefined
  let text: string
  try {
    text = decodeURIComponent(encoded)
  } catch (error) {
    // What the escapes spell is no UTF-8.
    if (error instanceof URIError) return undefined
    throw error
  }
  return encodeText(text) === encoded ? text : undefined
}
