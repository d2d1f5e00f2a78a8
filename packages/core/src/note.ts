/**
 * Signed notes (C2SP signed-note v1.0.0; STANDARDS §2): text, an empty line, signature lines.
 *
 * Reading and writing only; signatures are checked in open-note.ts.
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "./base64.ts"
import { type Bytes, concatBytes, hexDecode, hexEncode, isWellFormed, utf8Encode } from "./bytes.ts"
import { isVouchsafeError, refusals, shown } from "./errors.ts"
import { isKeyName, KEY_TYPE, type VerifierKey } from "./vkey.ts"

/** Most signature lines of a note; the Go implementation has the same limit. */
export const NOTE_SIGNATURES_MAX = 100
/** Longest note in UTF-16 units. */
export const NOTE_LENGTH_MAX = 1_000_000

const LINE_START = "\u2014 "
const KEY_ID_BYTES = 4

/** One signature line, not yet checked. */
export interface NoteSignature {
  readonly name: string
  /** 8 lower-case hexadecimal digits. */
  readonly keyId: string
  /** What follows the key ID. */
  readonly signature: Bytes
}

/** A note, read but not checked. `text` ends in LF and is what the signatures cover. */
export interface Note {
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** Makes signatures under one key, wherever its private half lives. */
export interface Signer {
  readonly verifier: VerifierKey
  /** The 64-byte Ed25519 signature of exactly these bytes. */
  sign(message: Bytes): Bytes
}

const refuse = /* @__PURE__ */ refusals("NOTE_MALFORMED", "note: ")

function parseSignatureLine(line: string, number: number): NoteSignature {
  const where = `signature line ${number}`
  const space = line.indexOf(" ", LINE_START.length)
  if (!line.startsWith(LINE_START) || space < 0) throw refuse(`${where} is ${shown(line)}, expected "— name base64"`)
  const name = line.slice(LINE_START.length, space)
  if (!isKeyName(name)) throw refuse(`${where} has the key name ${shown(name)}, expected no white space and no "+"`)
  let bytes: Bytes
  try {
    bytes = base64Decode(line.slice(space + 1))
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(`${where}: ${cause.message}`, cause)
  }
  if (bytes.length <= KEY_ID_BYTES) throw refuse(`${where} holds ${bytes.length} bytes, expected a key ID and a signature`)
  return { name, keyId: hexEncode(bytes.subarray(0, KEY_ID_BYTES)), signature: bytes.slice(KEY_ID_BYTES) }
}

/**
 * Reads one signature line, with its final LF.
 * @throws VouchsafeError NOTE_MALFORMED.
 */
export function parseSignatureLineText(line: string): NoteSignature {
  if (!line.endsWith("\n") || line.indexOf("\n") !== line.length - 1) throw refuse("a signature line must be one line ending in a newline")
  return parseSignatureLine(line.slice(0, -1), 1)
}

/**
 * Reads a signed note.
 * @throws VouchsafeError NOTE_MALFORMED.
 */
export function parseNote(text: string): Note {
  if (text.length > NOTE_LENGTH_MAX) throw refuse(`has ${text.length} characters, expected at most ${NOTE_LENGTH_MAX}`)
  if (!isWellFormed(text)) throw refuse("has a lone surrogate, expected text that UTF-8 can carry")
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) throw refuse("has a control character, expected none but newlines")
  if (!text.endsWith("\n")) throw refuse("has no newline at its end")
  // The text may contain empty lines: the last one separates.
  const separator = text.lastIndexOf("\n\n")
  if (separator < 0) throw refuse("has no empty line before its signatures")
  const block = text.slice(separator + 2)
  if (block === "") throw refuse("has no signature lines")
  const lines = block.slice(0, -1).split("\n")
  if (lines.length > NOTE_SIGNATURES_MAX) throw refuse(`has ${lines.length} signature lines, expected at most ${NOTE_SIGNATURES_MAX}`)
  return { text: text.slice(0, separator + 1), signatures: lines.map((line, i) => parseSignatureLine(line, i + 1)) }
}

/** Writes one signature line, LF included. `keyId` is 8 hexadecimal digits. */
export function formatSignatureLine(name: string, keyId: string, signature: Bytes): string {
  const id = hexDecode(keyId)
  if (!isKeyName(name) || id.length !== KEY_ID_BYTES || signature.length === 0) {
    throw new TypeError(`cannot write a signature line for key ${shown(name)} (${shown(keyId)})`)
  }
  return `${LINE_START}${name} ${base64Encode(concatBytes(id, signature))}\n`
}

/** Writes a note from its text and its signature lines (each with its LF). @throws VouchsafeError NOTE_MALFORMED when that is no note. */
export function formatNote(text: string, lines: readonly string[]): string {
  if (!text.endsWith("\n")) throw refuse("text has no newline at its end")
  const note = `${text}\n${lines.join("")}`
  const parsed = parseNote(note)
  if (parsed.text !== text || parsed.signatures.length !== lines.length) throw refuse("text and signature lines do not read back as written")
  return note
}

/** Signs text as a plain Ed25519 note (type 0x01) with one signature line. @throws TypeError for a signer of another type. */
export function signNote(signer: Signer, text: string): string {
  const { name, keyId, type } = signer.verifier
  if (type !== KEY_TYPE.ed25519) throw new TypeError(`key ${name} has type ${type}: only type 1 signs plain notes`)
  return formatNote(text, [formatSignatureLine(name, keyId, signer.sign(utf8Encode(text)))])
}
