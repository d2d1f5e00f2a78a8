/**
 * Proof that a log or a witness lied, which stands alone: whoever has its key can check it offline, trusting nobody
 * (packages/spec/misbehavior.md).
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "../base64.ts"
import { type Bytes, utf8Encode } from "../bytes.ts"
import { openCheckpoint } from "../checkpoint.ts"
import { verifyCosignature } from "../cosignature.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError } from "../errors.ts"
import { checkFork, checkInclusion, leafHash } from "../merkle.ts"
import { ENTRY_BYTES_MAX } from "../tile.ts"
import { KEY_TYPE, type VerifierKey } from "../vkey.ts"
import { parseOwnEntry } from "./entry.ts"
import { documentMembers, type Members, objectMember, textMember, wholeMember } from "./members.ts"
import { shapeReader } from "./shape.ts"

export const MISBEHAVIOR_FORMAT = "vouchsafe-misbehavior/v1"
export const MISBEHAVIOR_LENGTH_MAX = 1_048_576
const CHECKPOINT_LENGTH_MAX = 65_536
const HASHES_MAX = 64
const NAME_LENGTH_MAX = 255

/** One entry with its proof under the proof's checkpoint. */
export interface ProvenEntry {
  readonly index: number
  readonly entry: string
  readonly proof: readonly Bytes[]
}

/** `origin` is the log's, in each kind. */
export type MisbehaviorProof =
  /** Two signed heads of which the older is no prefix of the newer. `consistency` is in the explicit form of `checkFork`; empty for equal sizes. */
  | { readonly kind: "fork"; readonly origin: string; readonly older: string; readonly newer: string; readonly consistency: readonly Bytes[] }
  /** Two own observations of one artifact with different bytes under one signed head (THREATS A3). */
  | { readonly kind: "equivocation"; readonly origin: string; readonly checkpoint: string; readonly first: ProvenEntry; readonly second: ProvenEntry }
  /** As a fork, with both heads cosigned by the witness of this key name. Whether the log signed them does not matter. */
  | { readonly kind: "witness-fork"; readonly origin: string; readonly witness: string; readonly older: string; readonly newer: string; readonly consistency: readonly Bytes[] }
  /** `newer` is of a smaller tree than `older`, and the witness cosigned it at a later time. */
  | { readonly kind: "witness-rollback"; readonly origin: string; readonly witness: string; readonly older: string; readonly newer: string }

const read = shapeReader("MISBEHAVIOR_MALFORMED", "misbehavior proof")

/**
 * Tells whether a proof convicts the log, or the witness, of this key. False for every proof that does not; never throws on wrong bytes.
 * A log is convicted by its own signatures only and a witness by its cosignatures only: a key of the other type convicts nobody.
 */
export function verifyMisbehavior(crypto: Crypto, proof: MisbehaviorProof, key: VerifierKey): boolean {
  const accused = "witness" in proof ? proof.witness : proof.origin
  if (accused !== key.name || key.type !== ("witness" in proof ? KEY_TYPE.cosignatureEd25519 : KEY_TYPE.ed25519)) return false
  try {
    return proof.kind === "equivocation" ? isEquivocation(crypto, proof, key) : contradicts(crypto, proof, key)
  } catch (error) {
    if (isVouchsafeError(error)) return false
    throw error
  }
}

/** Two heads that cannot both be true, as the one of this key said them. */
function contradicts(crypto: Crypto, proof: Exclude<MisbehaviorProof, { kind: "equivocation" }>, key: VerifierKey): boolean {
  const open = (signed: string) => {
    const { checkpoint, note } = openCheckpoint(crypto, signed, key, proof)
    // A log states no time. Of a witness, time 0 claims nothing: it counts nowhere, and convicts nobody.
    return { ...checkpoint, time: "witness" in proof ? verifyCosignature(crypto, key, note)?.timeSeconds ?? 0 : 1 }
  }
  const older = open(proof.older)
  const newer = open(proof.newer)
  if (older.time === 0 || newer.time === 0) return false
  if (proof.kind === "witness-rollback") return newer.size < older.size && newer.time > older.time
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

/**
 * What two heads of one log prove against a witness that cosigned both, or undefined where they prove nothing: `consistency` as for a fork,
 * absent for a rollback.
 */
export function buildWitnessProof(
  crypto: Crypto, key: VerifierKey, from: { readonly origin: string; readonly older: string; readonly newer: string; readonly consistency?: readonly Bytes[] | undefined },
): MisbehaviorProof | undefined {
  const { origin, older, newer, consistency } = from
  const heads = { origin, witness: key.name, older, newer }
  const proof: MisbehaviorProof = consistency === undefined ? { kind: "witness-rollback", ...heads } : { kind: "witness-fork", ...heads, consistency }
  return verifyMisbehavior(crypto, proof, key) ? proof : undefined
}

/** Writes a proof document, in the one spelling that is read. */
export function formatMisbehavior(proof: MisbehaviorProof): string {
  const members: Record<string, unknown> = { format: MISBEHAVIOR_FORMAT }
  for (const name in KINDS[proof.kind]) members[name] = proof[name as keyof MisbehaviorProof]
  // Hashes are looked at before JSON.stringify has asked them for a form of their own, which hosts' buffers have.
  const encode = function (this: Record<string, unknown>, key: string, value: unknown): unknown {
    const hash = this[key]
    return hash instanceof Uint8Array ? base64Encode(hash) : value
  }
  return `${JSON.stringify(members, encode, 2)}\n`
}

const name = /* @__PURE__ */ textMember(NAME_LENGTH_MAX)
const checkpoint = /* @__PURE__ */ textMember(CHECKPOINT_LENGTH_MAX)
const entry = /* @__PURE__ */ objectMember<ProvenEntry>({ index: wholeMember, entry: /* @__PURE__ */ textMember(ENTRY_BYTES_MAX), proof: hashes })
const heads = { older: checkpoint, newer: checkpoint }

/** The table was looked up by it. */
const kind = (value: unknown): never => value as never

/** Members of each kind, in the order in which they are written. */
const KINDS: { readonly [K in MisbehaviorProof["kind"]]: Members<Extract<MisbehaviorProof, { kind: K }>> } = {
  fork: { kind, origin: name, ...heads, consistency: hashes },
  equivocation: { kind, origin: name, checkpoint, first: entry, second: entry },
  "witness-fork": { kind, origin: name, witness: name, ...heads, consistency: hashes },
  "witness-rollback": { kind, origin: name, witness: name, ...heads },
}

/** Reads a proof document; it proves nothing until `verifyMisbehavior` says so. @throws VouchsafeError MISBEHAVIOR_MALFORMED. */
export function parseMisbehavior(text: string): MisbehaviorProof {
  const value = read.json(text, MISBEHAVIOR_LENGTH_MAX)
  const word = typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined
  // A table is looked up by a foreign word.
  const members = KINDS[read.oneOf(word, "kind", Object.keys(KINDS) as MisbehaviorProof["kind"][])] as Members<MisbehaviorProof>
  const proof = documentMembers(value, read, MISBEHAVIOR_FORMAT, members)
  // The older kinds were written before there was one spelling.
  return "witness" in proof && formatMisbehavior(proof) !== text ? read.fail("document", "the one spelling of its content", "another") : proof
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
