import { base64Decode, type Bytes, isVouchsafeError, parseCheckpoint, parseDecimal, parseNote, type Checkpoint, type Note, shown, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import { BODY_BYTES_MAX, PROOF_HASHES_MAX } from "./limits.ts"

/** An add-checkpoint body, read but not checked. */
export interface AddCheckpoint {
  readonly oldSize: number
  readonly proof: readonly Bytes[]
  /** The signed checkpoint, verbatim. */
  readonly signed: string
  readonly note: Note
  readonly checkpoint: Checkpoint
}

function refuse(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("REQUEST_MALFORMED", `add-checkpoint: ${why}`, { cause })
}

/**
 * Reads `old <size>`, proof lines, an empty line and a signed checkpoint (C2SP tlog-witness, "add-checkpoint"; STANDARDS §6).
 * Base64 is strict: what other implementations decode leniently and then find unsigned is malformed here.
 *
 * @throws VouchsafeError REQUEST_MALFORMED.
 */
export function parseAddCheckpoint(body: Bytes): AddCheckpoint {
  if (body.length > BODY_BYTES_MAX) throw refuse(`has ${body.length} bytes, expected at most ${BODY_BYTES_MAX}`)
  try {
    return read(utf8Decode(body))
  } catch (error) {
    if (!isVouchsafeError(error) || error.code === "REQUEST_MALFORMED") throw error
    throw refuse(error.message, error)
  }
}

function read(text: string): AddCheckpoint {
  const end = text.indexOf("\n\n")
  if (end < 0) throw refuse("has no empty line before its checkpoint")
  const [first = "", ...lines] = text.slice(0, end).split("\n")
  if (!first.startsWith("old ")) throw refuse(`line 1 is ${shown(first)}, expected "old <size>"`)
  if (lines.length > PROOF_HASHES_MAX) throw refuse(`has ${lines.length} proof lines, expected at most ${PROOF_HASHES_MAX}`)
  const proof = lines.map((line, i) => {
    const hash = base64Decode(line)
    if (hash.length !== 32) throw refuse(`proof line ${i + 1} holds ${hash.length} bytes, expected 32`)
    return hash
  })
  const signed = text.slice(end + 2)
  const note = parseNote(signed)
  return { oldSize: parseDecimal(first.slice("old ".length)), proof, signed, note, checkpoint: parseCheckpoint(note.text) }
}
