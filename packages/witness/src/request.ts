/**
 * The body of add-checkpoint (C2SP tlog-witness; STANDARDS §6).
 *
 * @packageDocumentation
 */
import {
  base64Decode, type Bytes, type Checkpoint, HASH_BYTES, isVouchsafeError, type Note, parseCheckpoint, parseDecimal, parseNote, shown, utf8Decode,
  VouchsafeError,
} from "@vouchsafe/core"
import { ADD_CHECKPOINT_BYTES_MAX, PROOF_HASHES_MAX } from "./limits.ts"

/** A request, read but not checked against anything. */
export interface AddCheckpoint {
  readonly oldSize: number
  readonly proof: readonly Bytes[]
  readonly note: Note
  readonly checkpoint: Checkpoint
}

function refuse(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("REQUEST_MALFORMED", why, { cause })
}

/** Turns a parser's refusal into one that begins with `what`. */
function read<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(`${what}: ${cause.message}`, cause)
  }
}

function parseHash(line: string, number: number): Bytes {
  const hash = read(`invalid input: proof line ${number}`, () => base64Decode(line))
  if (hash.length !== HASH_BYTES) throw refuse(`invalid input: proof line ${number} holds ${hash.length} bytes, expected ${HASH_BYTES}`)
  return hash
}

/**
 * Reads the body of add-checkpoint. Extension lines are refused: no cosignature should cover what no verifier reads.
 *
 * @throws VouchsafeError REQUEST_MALFORMED.
 */
export function parseAddCheckpoint(body: Bytes): AddCheckpoint {
  if (body.length > ADD_CHECKPOINT_BYTES_MAX) throw refuse(`invalid input: ${body.length} bytes, expected at most ${ADD_CHECKPOINT_BYTES_MAX}`)
  const text = read("invalid input", () => utf8Decode(body))
  const separator = text.indexOf("\n\n")
  if (separator < 0) throw refuse("invalid input: no empty line before the checkpoint")
  const [first = "", ...proofLines] = text.slice(0, separator).split("\n")
  if (!first.startsWith("old ")) throw refuse(`invalid input: line 1 is ${shown(first)}, expected "old " and a size`)
  const oldSize = read("invalid input: line 1 (old size)", () => parseDecimal(first.slice("old ".length)))
  if (proofLines.length > PROOF_HASHES_MAX) throw refuse(`invalid input: ${proofLines.length} proof lines, expected at most ${PROOF_HASHES_MAX}`)
  const proof = proofLines.map((line, i) => parseHash(line, i + 1))
  const note = read("invalid input", () => parseNote(text.slice(separator + 2)))
  const checkpoint = read("invalid checkpoint", () => parseCheckpoint(note.text))
  if (checkpoint.extensions.length > 0) throw refuse(`invalid checkpoint: ${checkpoint.extensions.length} extension lines, expected none`)
  return { oldSize, proof, note, checkpoint }
}
