/**
 * The lists that nodes read from each other over HTTPS (spec/gossip.md, "Over HTTPS").
 *
 * @packageDocumentation
 */
import { MISBEHAVIOR_LENGTH_MAX, parseJson, shapeReader } from "@vouchsafe/core"
import type { Conviction, GossipHead } from "@vouchsafe/gossip"
import { CHECKPOINT_BYTES_MAX, HEADS_BYTES_MAX, HEADS_MAX, PROOFS_BYTES_MAX, PROOFS_MAX } from "./limits.ts"

export const HEADS_FORMAT = "vouchsafe-heads/v1"
export const PROOFS_FORMAT = "vouchsafe-misbehavior-list/v1"

const ORIGIN_LENGTH_MAX = 255
const read = shapeReader("REQUEST_MALFORMED", "list")

/** A head that somebody lists. Nothing in it is checked. */
export interface ListedHead {
  readonly origin: string
  readonly checkpoint: string
}

/** As many as fit, in their order. */
function fitting<T>(items: readonly T[], bytesMax: number, countMax: number): T[] {
  let bytes = 0
  return items.slice(0, countMax).filter((item) => {
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1
    return bytes < bytesMax - 1_024
  })
}

/** The newest heads known, of all logs. */
export function headsDocument(heads: readonly GossipHead[]): object {
  return { format: HEADS_FORMAT, heads: fitting(heads.map(({ key, signed }): ListedHead => ({ origin: key.name, checkpoint: signed })), HEADS_BYTES_MAX, HEADS_MAX) }
}

/** All proofs kept, each as the text of its document, and whom it convicts. */
export function proofsDocument(convictions: readonly Conviction[]): object {
  return { format: PROOFS_FORMAT, proofs: fitting(convictions.map(({ key, document }) => ({ key: key.vkey, proof: document })), PROOFS_BYTES_MAX, PROOFS_MAX) }
}

/** @throws VouchsafeError REQUEST_MALFORMED. */
export function parseHeads(text: string): ListedHead[] {
  const document = read.object(parseJson("REQUEST_MALFORMED", "list of heads", text), "document", ["format", "heads"])
  read.oneOf(document["format"], "format", [HEADS_FORMAT])
  return read.array(document["heads"], "heads", HEADS_MAX).map((value, i) => {
    const head = read.object(value, `heads[${i}]`, ["origin", "checkpoint"])
    return { origin: read.string(head["origin"], `heads[${i}].origin`, ORIGIN_LENGTH_MAX), checkpoint: read.string(head["checkpoint"], `heads[${i}].checkpoint`, CHECKPOINT_BYTES_MAX) }
  })
}

/** The documents in a list of proofs. @throws VouchsafeError REQUEST_MALFORMED. */
export function parseProofs(text: string): string[] {
  const document = read.object(parseJson("REQUEST_MALFORMED", "list of proofs", text), "document", ["format", "proofs"])
  read.oneOf(document["format"], "format", [PROOFS_FORMAT])
  return read.array(document["proofs"], "proofs", PROOFS_MAX).map((value, i) => {
    // Who is meant is seen from the proof itself.
    const listed = read.object(value, `proofs[${i}]`, ["key", "proof"])
    return read.string(listed["proof"], `proofs[${i}].proof`, MISBEHAVIOR_LENGTH_MAX)
  })
}
