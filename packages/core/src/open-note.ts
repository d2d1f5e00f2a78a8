/**
 * Checking a note's signatures against known keys (C2SP signed-note, "Verifying"; STANDARDS §2).
 *
 * @packageDocumentation
 */
import { utf8Encode } from "./bytes.ts"
import { checkCosignature } from "./cosignature.ts"
import type { Crypto } from "./crypto.ts"
import { VouchsafeError } from "./errors.ts"
import { type Note, type NoteSignature, parseNote } from "./note.ts"
import { KEY_TYPE, type VerifierKey } from "./vkey.ts"

/** A note whose text at least one known key signed. `verified` keeps the order of the signature lines. */
export interface OpenedNote {
  readonly text: string
  readonly verified: readonly VerifierKey[]
}

function isValid(crypto: Crypto, key: VerifierKey, note: Note, line: NoteSignature): boolean {
  if (key.type === KEY_TYPE.ed25519) return crypto.verifyEd25519(key.publicKey, utf8Encode(note.text), line.signature)
  return checkCosignature(crypto, key, note.text, line.signature) !== undefined
}

/**
 * Checks the signatures of `note` (text or already read) by `keys`, of type 0x01 and 0x04. Lines of unknown keys are ignored, as are keys of
 * type 0x06, which this package can read but not verify. Of several lines under one key the first counts.
 *
 * @throws VouchsafeError NOTE_MALFORMED; NOTE_KEY_AMBIGUOUS when two of `keys` share name and key ID and the note has such a line;
 * NOTE_UNVERIFIED when no known key signed or a known key's signature is wrong.
 */
export function openNote(crypto: Crypto, note: Note | string, keys: readonly VerifierKey[]): OpenedNote {
  const parsed = typeof note === "string" ? parseNote(note) : note
  const verified: VerifierKey[] = []
  const seen = new Set<string>()
  for (const line of parsed.signatures) {
    const id = `${line.name}+${line.keyId}`
    if (seen.has(id)) continue
    seen.add(id)
    const [key, second] = keys.filter(({ name, keyId }) => name === line.name && keyId === line.keyId)
    if (key === undefined) continue
    if (second !== undefined) {
      throw new VouchsafeError("NOTE_KEY_AMBIGUOUS", `two known keys are ${id}, expected one`, { details: { key: id } })
    }
    if (key.type === KEY_TYPE.cosignatureMlDsa44) continue
    if (!isValid(crypto, key, parsed, line)) {
      throw new VouchsafeError("NOTE_UNVERIFIED", `the signature of ${id} does not verify`, { details: { key: id } })
    }
    verified.push(key)
  }
  if (verified.length === 0) {
    const expected = keys.map(({ name, keyId }) => `${name}+${keyId}`).join(", ")
    throw new VouchsafeError("NOTE_UNVERIFIED", `no known key signed this note, expected one of: ${expected === "" ? "(none)" : expected}`)
  }
  return { text: parsed.text, verified }
}
