/**
 * Checkpoints: a log's signed tree head (C2SP tlog-checkpoint v1.0.0; STANDARDS §3).
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "./base64.ts"
import { type Bytes, isWellFormed } from "./bytes.ts"
import type { Crypto } from "./crypto.ts"
import { parseDecimal } from "./decimal.ts"
import { isVouchsafeError, refusals, shown } from "./errors.ts"
import { HASH_BYTES, isTreeNumber } from "./merkle.ts"
import { type Note, parseNote } from "./note.ts"
import { openNote } from "./open-note.ts"
import type { VerifierKey } from "./vkey.ts"

/** Longest checkpoint text in UTF-16 units. */
export const CHECKPOINT_LENGTH_MAX = 65_536

/** A tree head: which log, how many entries, which root. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Bytes
  /** Lines after the root; our logs write none. */
  readonly extensions: readonly string[]
}

const refuse = /* @__PURE__ */ refusals("CHECKPOINT_MALFORMED", "checkpoint: ")

/** Turns a helper's refusal into one that names the line. */
function readLine<T>(line: string, what: string, read: (text: string) => T): T {
  try {
    return read(line)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(`${what} is ${shown(line)}: ${cause.message}`, cause)
  }
}

/**
 * Reads the text of a checkpoint, that is, of a note without its signatures.
 * @throws VouchsafeError CHECKPOINT_MALFORMED.
 */
export function parseCheckpoint(noteText: string): Checkpoint {
  if (noteText.length > CHECKPOINT_LENGTH_MAX) throw refuse(`has ${noteText.length} characters, expected at most ${CHECKPOINT_LENGTH_MAX}`)
  if (!noteText.endsWith("\n")) throw refuse("has no newline at its end")
  if (!isWellFormed(noteText)) throw refuse("has a lone surrogate, expected text that UTF-8 can carry")
  if (/[\u0000-\u0009\u000b-\u001f]/.test(noteText)) throw refuse("has a control character, expected none but newlines")
  const [origin = "", sizeLine, rootLine, ...extensions] = noteText.slice(0, -1).split("\n")
  if (sizeLine === undefined || rootLine === undefined) throw refuse("has fewer than three lines, expected origin, tree size and root hash")
  if (origin === "") throw refuse("line 1 (origin) is empty")
  const size = readLine(sizeLine, "line 2 (tree size)", parseDecimal)
  const root = readLine(rootLine, "line 3 (root hash)", base64Decode)
  if (root.length !== HASH_BYTES) throw refuse(`line 3 (root hash) holds ${root.length} bytes, expected ${HASH_BYTES}`)
  const empty = extensions.indexOf("")
  if (empty >= 0) throw refuse(`line ${empty + 4} (extension) is empty`)
  return { origin, size, root, extensions }
}

/**
 * Writes the text of a checkpoint, without extension lines.
 * @throws TypeError when the parts make no checkpoint.
 */
export function formatCheckpoint(head: Pick<Checkpoint, "origin" | "size" | "root">): string {
  const { origin, size, root } = head
  if (origin === "" || !isWellFormed(origin) || /\p{Cc}/u.test(origin) || !isTreeNumber(size) || root.length !== HASH_BYTES) {
    throw new TypeError(`cannot write a checkpoint of size ${size} for ${shown(origin)}`)
  }
  return `${origin}\n${size}\n${base64Encode(root)}\n`
}

/** A checkpoint whose log signature was checked. `note` still carries every signature line. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint
  readonly note: Note
}

/**
 * Reads a signed checkpoint and checks that `logKey` signed it and that its origin is the expected one (by default the key's name).
 * Cosignatures are not checked here.
 * @throws VouchsafeError NOTE_MALFORMED, NOTE_UNVERIFIED, CHECKPOINT_MALFORMED.
 */
export function openCheckpoint(
  crypto: Crypto, signedText: string, logKey: VerifierKey, expected: { readonly origin?: string } = {},
): OpenedCheckpoint {
  const note = parseNote(signedText)
  openNote(crypto, note, [logKey])
  const checkpoint = parseCheckpoint(note.text)
  const origin = expected.origin ?? logKey.name
  if (checkpoint.origin !== origin) throw refuse(`line 1 (origin) is ${shown(checkpoint.origin)}, expected ${shown(origin)}`)
  return { checkpoint, note }
}
