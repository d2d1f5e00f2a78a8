/**
 * What a client sends a node for a lockset and what the node answers (packages/spec/lock.md, "Asking for a lockset").
 *
 * @packageDocumentation
 */
import { base64DecodeExact, base64Encode } from "../../base64.ts"
import type { Bytes } from "../../bytes.ts"
import { HASH_BYTES } from "../../merkle.ts"
import { PROOF_HASHES_MAX } from "../../proof.ts"
import { ENTRY_BYTES_MAX } from "../../tile.ts"
import { wholeMember } from "../members.ts"
import { shapeReader } from "../shape.ts"
import { registryMember } from "../statement-text.ts"
import { LOCK_LINE_LENGTH_MAX } from "./line.ts"
import { LOCK_LINES_MAX, type Lockset, parseLockset } from "./lockset.ts"
import type { LockedLockset } from "./proofs.ts"

export const LOCKSET_REQUEST_FORMAT = "vouchsafe-lockset-request/v1"
export const LOCKSET_FORMAT = "vouchsafe-lockset/v1"
/** Longest request in UTF-16 units: 20,000 lines of twice the usual length. */
export const LOCKSET_REQUEST_LENGTH_MAX = 16_777_216
/** Longest answer in UTF-16 units. */
export const LOCKSET_ANSWER_LENGTH_MAX = 262_144
const CHECKPOINT_LENGTH_MAX = 65_536
const HASH_LENGTH = 44

export interface LocksetRequest {
  /** Registry of the lines that name none. */
  readonly registry: string
  /** In the lock's order, without marks. */
  readonly lines: readonly string[]
}

/** A node's answer. Nothing in it is believed before {@link openLock} has checked the lock that holds it. */
export interface LocksetAnswer {
  readonly index: number
  /** Signed note: the log's signature and the witnesses' cosignatures. */
  readonly checkpoint: string
  /** Inclusion proof under `checkpoint`, sibling hashes from the leaf upward. */
  readonly proof: readonly Bytes[]
  /** Text of the log entry. */
  readonly entry: string
}

const readRequest = /* @__PURE__ */ shapeReader("REQUEST_MALFORMED", "lockset request")
const read = shapeReader("EVIDENCE_MALFORMED", "lockset answer")

/** Reads a request, as a node does. The lines themselves are the attester's to judge. @throws VouchsafeError REQUEST_MALFORMED. */
export function parseLocksetRequest(text: string): LocksetRequest {
  const document = readRequest.object(readRequest.json(text, LOCKSET_REQUEST_LENGTH_MAX), "document", ["format", "registry", "lines"])
  readRequest.oneOf(document["format"], "format", [LOCKSET_REQUEST_FORMAT])
  const registry = registryMember(document["registry"], "registry", readRequest)
  const lines = readRequest.array(document["lines"], "lines", LOCK_LINES_MAX).map((line, i) => readRequest.string(line, `lines[${i}]`, LOCK_LINE_LENGTH_MAX))
  if (lines.length === 0) readRequest.fail("lines", "at least one line", "empty")
  return { registry, lines }
}

/** Writes a request. */
export function formatLocksetRequest({ registry, lines }: LocksetRequest): string {
  return JSON.stringify({ format: LOCKSET_REQUEST_FORMAT, registry, lines })
}

/** Reads an answer, as a client does. @throws VouchsafeError EVIDENCE_MALFORMED. */
export function parseLocksetAnswer(text: string): LocksetAnswer {
  const document = read.object(read.json(text, LOCKSET_ANSWER_LENGTH_MAX), "document", ["format", "index", "checkpoint", "proof", "entry"])
  read.oneOf(document["format"], "format", [LOCKSET_FORMAT])
  return {
    index: wholeMember(document["index"], "index", read),
    checkpoint: read.string(document["checkpoint"], "checkpoint", CHECKPOINT_LENGTH_MAX),
    proof: read.array(document["proof"], "proof", PROOF_HASHES_MAX).map((hash, i) =>
      base64DecodeExact(read.string(hash, `proof[${i}]`, HASH_LENGTH), HASH_BYTES) ?? read.fail(`proof[${i}]`, `base64 of ${HASH_BYTES} bytes`, hash)),
    entry: read.string(document["entry"], "entry", ENTRY_BYTES_MAX),
  }
}

/** Writes an answer. `parseLocksetAnswer` gives it back. */
export function formatLocksetAnswer({ index, checkpoint, proof, entry }: LocksetAnswer): string {
  return JSON.stringify({ format: LOCKSET_FORMAT, index, checkpoint, proof: proof.map(base64Encode), entry })
}

/**
 * What a lock keeps of an answer, and what the answer says of root, registry and count, which the lock must say too.
 *
 * @throws VouchsafeError STATEMENT_MALFORMED, JSON_NOT_CANONICAL.
 */
export function lockedLocksetOf({ index, checkpoint, proof, entry }: LocksetAnswer): { readonly locked: LockedLockset; readonly said: Pick<Lockset, "root" | "registry" | "count"> } {
  const { log, bits, roster, notices, time, root, registry, count } = parseLockset(entry)
  return { locked: { log, bits, roster, notices, time, index, checkpoint, proof }, said: { root, registry, count } }
}
