/**
 * Checking RFC 6962 / RFC 9162 Merkle proofs (STANDARDS §1).
 *
 * Indices and sizes are exact JavaScript integers up to 2^53-1. Bit operations on numbers are 32 bits wide in this language,
 * so tree arithmetic divides. Proofs are made in prove.ts.
 *
 * @packageDocumentation
 */
import { type Bytes, equalBytes, isWellFormed, utf8Encode, utf8EncodeInto } from "./bytes.ts"
import type { Crypto } from "./crypto.ts"

/** Bytes of a SHA-256 hash. */
export const HASH_BYTES = 32

/** Hash of a log entry: SHA-256(0x00 || entry). */
export function leafHash(crypto: Crypto, entry: Bytes): Bytes {
  const input = new Uint8Array(entry.length + 1)
  input.set(entry, 1)
  return crypto.sha256(input)
}

/** Longest text, in UTF-16 units, whose leaf is hashed in the kept buffer: three bytes of UTF-8 each, at most. */
const KEPT_LENGTH_MAX = 16_384
const leafInput = new Uint8Array(1 + 3 * KEPT_LENGTH_MAX)
const leafText = leafInput.subarray(1)

/**
 * {@link leafHash} of a text's UTF-8, without a copy of it.
 * @throws VouchsafeError UTF8_MALFORMED when `text` has a lone surrogate.
 */
export function leafHashOfText(crypto: Crypto, text: string): Bytes {
  if (text.length > KEPT_LENGTH_MAX || !isWellFormed(text)) return leafHash(crypto, utf8Encode(text))
  // leafInput[0] stays 0. An implementation of Crypto keeps no reference to what it is given.
  return crypto.sha256(leafInput.subarray(0, 1 + utf8EncodeInto(text, leafText)))
}

const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES)
nodeInput[0] = 1

/**
 * Hash of two subtrees: SHA-256(0x01 || left || right).
 * @throws TypeError when one of them is no hash by length: callers have looked.
 */
export function nodeHash(crypto: Crypto, left: Bytes, right: Bytes): Bytes {
  // A shorter one would leave bytes of an earlier call in place.
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) throw new TypeError(`hashes of ${left.length} and ${right.length} bytes, expected ${HASH_BYTES} each`)
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return crypto.sha256(nodeInput)
}

/** Root of the tree without entries: SHA-256(""). */
export function emptyRoot(crypto: Crypto): Bytes {
  return crypto.sha256(new Uint8Array(0))
}

/** MTH over leaf hashes, in one pass: a stack of perfect subtrees, folded from the right. */
export function rootOfLeaves(crypto: Crypto, leafHashes: readonly Bytes[]): Bytes {
  const stack: Bytes[] = []
  leafHashes.forEach((hash, index) => {
    stack.push(hash)
    for (let rest = index; rest % 2 === 1; rest = (rest - 1) / 2) {
      const right = stack.pop() as Bytes
      stack.push(nodeHash(crypto, stack.pop() as Bytes, right))
    }
  })
  if (stack.length === 0) return emptyRoot(crypto)
  return stack.reduceRight((right, left) => nodeHash(crypto, left, right))
}

/** True for an integer from 0 to 2^53-1, the indices and sizes that this package computes with. */
export function isTreeNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** True when every element is a SHA-256 hash by length. */
export function areHashes(hashes: readonly Bytes[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES)
}

/** True for 1, 2, 4, … */
export function isPowerOfTwo(value: number): boolean {
  return value >= 1 && 2 ** Math.round(Math.log2(value)) === value
}

const half = (value: number): number => Math.floor(value / 2)
const isOdd = (value: number): boolean => value % 2 === 1

/** An inclusion proof with all it is checked against. `proof` lists sibling hashes from the leaf upward. */
export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leafHash: Bytes
  readonly proof: readonly Bytes[]
  readonly root: Bytes
}

/** Checks an inclusion proof (RFC 9162 §2.1.3.2). Never throws on wrong values. */
export function checkInclusion(crypto: Crypto, claim: InclusionClaim): boolean {
  const { index, size, proof, root } = claim
  if (!isTreeNumber(index) || !isTreeNumber(size) || index >= size) return false
  if (!areHashes([claim.leafHash, root, ...proof])) return false
  let fn = index
  let sn = size - 1
  let hash = claim.leafHash
  for (const sibling of proof) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      hash = nodeHash(crypto, sibling, hash)
      while (fn !== 0 && !isOdd(fn)) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      hash = nodeHash(crypto, hash, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && equalBytes(hash, root)
}

/** A consistency proof with all it is checked against. */
export interface ConsistencyClaim {
  readonly oldSize: number
  readonly newSize: number
  readonly oldRoot: Bytes
  readonly newRoot: Bytes
  readonly proof: readonly Bytes[]
}

/**
 * `consistent`: the old tree is a prefix of the new one.
 * `fork`: the new root really contains, at the old size, another tree than `oldRoot`; with both checkpoints signed this shows misbehavior.
 * `invalid`: the proof shows nothing.
 */
export type Consistency = "consistent" | "fork" | "invalid"

/** Rebuilds both roots from the explicit form of a proof, whose first hash is a subtree of both trees. undefined when it does not fit. */
function rebuildRoots(crypto: Crypto, oldSize: number, newSize: number, path: readonly Bytes[]): { old: Bytes; new: Bytes } | undefined {
  const first = path[0]
  if (first === undefined) return undefined
  let fn = oldSize - 1
  let sn = newSize - 1
  while (isOdd(fn)) {
    fn = half(fn)
    sn = half(sn)
  }
  let oldHash = first
  let newHash = first
  for (const hash of path.slice(1)) {
    if (sn === 0) return undefined
    if (isOdd(fn) || fn === sn) {
      oldHash = nodeHash(crypto, hash, oldHash)
      newHash = nodeHash(crypto, hash, newHash)
      while (fn !== 0 && !isOdd(fn)) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      newHash = nodeHash(crypto, newHash, hash)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 ? { old: oldHash, new: newHash } : undefined
}

function areSizes(oldSize: number, newSize: number): boolean {
  return isTreeNumber(oldSize) && isTreeNumber(newSize) && oldSize <= newSize
}

/**
 * Checks a consistency proof (RFC 9162 §2.1.4.2). Never throws on wrong values.
 * From the empty tree the proof must be empty and `oldRoot` the empty root: everything extends nothing.
 * When `oldSize` is a power of two the proof leaves the old root out, so a fork shows as `invalid`: use {@link checkFork} there.
 */
export function checkConsistency(crypto: Crypto, claim: ConsistencyClaim): Consistency {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim
  if (!areSizes(oldSize, newSize)) return "invalid"
  if (oldSize === 0) {
    const empty = emptyRoot(crypto)
    const isNewFine = newSize > 0 ? newRoot.length === HASH_BYTES : equalBytes(newRoot, empty)
    return proof.length === 0 && equalBytes(oldRoot, empty) && isNewFine ? "consistent" : "invalid"
  }
  // The public vectors accept equal roots of any length, so lengths are looked at afterwards.
  if (oldSize === newSize && proof.length === 0 && equalBytes(oldRoot, newRoot)) return "consistent"
  if (!areHashes([oldRoot, newRoot, ...proof])) return "invalid"
  if (oldSize === newSize) return proof.length === 0 ? "fork" : "invalid"
  if (proof.length === 0) return "invalid"
  const rebuilt = rebuildRoots(crypto, oldSize, newSize, isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof)
  if (rebuilt === undefined || !equalBytes(rebuilt.new, newRoot)) return "invalid"
  return equalBytes(rebuilt.old, oldRoot) ? "consistent" : "fork"
}

/**
 * Checks stand-alone evidence of a fork: `proof` in explicit form (SUBPROOF(m, D[n], false): the old root's place is always filled, also when
 * `oldSize` is a power of two) rebuilds `newRoot` but a different root than `oldRoot` at `oldSize`. With equal sizes the roots alone decide.
 */
export function checkFork(crypto: Crypto, claim: ConsistencyClaim): boolean {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim
  if (!areSizes(oldSize, newSize) || oldSize === 0 || !areHashes([oldRoot, newRoot, ...proof])) return false
  if (oldSize === newSize) return proof.length === 0 && !equalBytes(oldRoot, newRoot)
  const rebuilt = rebuildRoots(crypto, oldSize, newSize, proof)
  return rebuilt !== undefined && equalBytes(rebuilt.new, newRoot) && !equalBytes(rebuilt.old, oldRoot)
}
