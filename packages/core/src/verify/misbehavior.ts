/**
 * Proof that a log lied, which stands alone: whoever has the log's key can check it offline, trusting nobody
 * (packages/spec/misbehavior.md).
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "../base64.ts"
import { type Bytes, utf8Encode } from "../bytes.ts"
import { openCheckpoint } from "../checkpoint.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError } from "../errors.ts"
import { checkFork, checkInclusion, leafHash } from "../merkle.ts"
import { ENTRY_BYTES_MAX } from "../tile.ts"
import type { VerifierKey } from "../vkey.ts"
import { parseOwnEntry } from "./entry.ts"
import { documentMembers, type Members, objectMember, textMember, wholeMember, wordMember } from "./members.ts"
import { shapeReader } from "./shape.ts"

export const MISBEHAVIOR_FORMAT = "vouchsafe-misbehavior/v1"
export const MISBEHAVIOR_LENGTH_MAX = 1_048_576
const CHECKPOINT_LENGTH_MAX = 65_536
const HASHES_MAX = 64
const ORIGIN_LENGTH_MAX = 255

/** One entry with its proof under the proof's checkpoint. */
export interface ProvenEntry {
  readonly index: number
  readonly entry: string
  readonly proof: readonly Bytes[]
}

export type MisbehaviorProof =
  /** Two signed heads of which the older is no prefix of the newer. `consistency` is in the explicit form of `checkFork`; empty for equal sizes. */
  | { readonly kind: "fork"; readonly origin: string; readonly older: string; readonly newer: string; readonly consistency: readonly Bytes[] }
  /** Two own observations of one artifact with different bytes under one signed head (THREATS A3). */
  | { readonly kind: "equivocation"; readonly origin: string; readonly checkpoint: string; readonly first: ProvenEntry; readonly second: ProvenEntry }

const read = shapeReader("MISBEHAVIOR_MALFORMED", "misbehavior proof")

/** Tells whether a proof convicts the log of this key. False for every proof that does not; never throws on wrong bytes. */
export function verifyMisbehavior(crypto: Crypto, proof: MisbehaviorProof, key: VerifierKey): boolean {
  try {
    if (proof.origin !== key.name) return false
    return proof.kind === "fork" ? isFork(crypto, proof, key) : isEquivocation(crypto, proof, key)
  } catch (error) {
    if (isVouchsafeError(error)) return false
    throw error
  }
}

function isFork(crypto: Crypto, proof: MisbehaviorProof & { kind: "fork" }, key: VerifierKey): boolean {
  const older = openCheckpoint(crypto, proof.older, key).checkpoint
  const newer = openCheckpoint(crypto, proof.newer, key).checkpoint
  return checkFork(crypto, { oldSize: older.size, newSize: newer.size, oldRoot: older.root, newRoot: newer.root, proof: proof.consistency })
}

function isEquivocation(crypto: Crypto, proof: MisbehaviorProof & { kind: "equivocation" }, key: VerifierKey): boolean {
  const head = openCheckpoint(crypto, proof.checkpoint, key).checkpoint
  const subjects = [proof.first, proof.second].map(({ index, entry, proof: path }) => {
    const included = checkInclusion(crypto, { index, size: head.size, leafHash: leafHash(crypto, utf8Encode(entry)), proof: path, root: head.root })
    return included ? subjectOf(entry) : undefined
  })
  const [first, second] = subjects
  return first !== undefined && second !== undefined && proof.first.index !== proof.second.index &&
    first.purl === second.purl && first.registry === second.registry && first.log === key.name && second.log === key.name && first.sha512 !== second.sha512
}

function subjectOf(entry: string): { purl: string; registry: string; log: string; sha512: string } | undefined {
  const own = parseOwnEntry(entry)
  return own.kind === "observation" ? own.observation : undefined
}

/**
 * Makes a fork proof from two signed heads and the hashes that show it, or undefined where they show none.
 * `consistency` is a proof in the explicit form (core `proveFork`); for a size that is no power of two the RFC 9162
 * proof that a server sends is the same.
 */
export function buildForkProof(crypto: Crypto, from: { readonly key: VerifierKey; readonly older: string; readonly newer: string; readonly consistency: readonly Bytes[] }): MisbehaviorProof | undefined {
  const { key, older, newer, consistency } = from
  const proof = { kind: "fork" as const, origin: key.name, older, newer, consistency }
  return verifyMisbehavior(crypto, proof, key) ? proof : undefined
}

/** Writes a proof document. */
export function formatMisbehavior(proof: MisbehaviorProof): string {
  const encoded = proof.kind === "fork"
    ? { ...proof, consistency: proof.consistency.map(base64Encode) }
    : { ...proof, first: encodeEntry(proof.first), second: encodeEntry(proof.second) }
  return `${JSON.stringify({ format: MISBEHAVIOR_FORMAT, ...encoded }, null, 2)}\n`
}

function encodeEntry(entry: ProvenEntry): object {
  return { ...entry, proof: entry.proof.map(base64Encode) }
}

const originMember = /* @__PURE__ */ textMember(ORIGIN_LENGTH_MAX)
const checkpointMember = /* @__PURE__ */ textMember(CHECKPOINT_LENGTH_MAX)
const entryMember = /* @__PURE__ */ objectMember<ProvenEntry>({ index: wholeMember, entry: /* @__PURE__ */ textMember(ENTRY_BYTES_MAX), proof: hashes })

const FORK: Members<Extract<MisbehaviorProof, { kind: "fork" }>> = {
  origin: originMember, kind: /* @__PURE__ */ wordMember(["fork"]), older: checkpointMember, newer: checkpointMember, consistency: hashes,
}
const EQUIVOCATION: Members<Extract<MisbehaviorProof, { kind: "equivocation" }>> = {
  origin: originMember, kind: /* @__PURE__ */ wordMember(["equivocation"]), checkpoint: checkpointMember, first: entryMember, second: entryMember,
}

/** Reads a proof document; it proves nothing until `verifyMisbehavior` says so. @throws VouchsafeError MISBEHAVIOR_MALFORMED. */
export function parseMisbehavior(text: string): MisbehaviorProof {
  const value = read.json(text, MISBEHAVIOR_LENGTH_MAX)
  const isFork = typeof value === "object" && value !== null && "kind" in value && value.kind === "fork"
  return isFork ? documentMembers(value, read, MISBEHAVIOR_FORMAT, FORK) : documentMembers(value, read, MISBEHAVIOR_FORMAT, EQUIVOCATION)
}

function hashes(value: unknown, at: string): Bytes[] {
  return read.array(value, at, HASHES_MAX).map((hash, i) => {
    const text = read.pattern(hash, `${at}[${i}]`, /^[A-Za-z0-9+/]{43}=$/, "base64 of 32 bytes")
    try {
      return base64Decode(text)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      return read.fail(`${at}[${i}]`, "canonical base64 of 32 bytes", text)
    }
  })
}
