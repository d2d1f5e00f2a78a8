/**
 * One proof that many entries are included in one tree. Follows spec/multi-inclusion.md, whose clauses are cited as [M1], [M2], …
 *
 * @packageDocumentation
 */
import { type Bytes, equalBytes } from "./bytes.ts"
import { type Crypto, nobleCrypto } from "./crypto.ts"
import { areHashes, HASH_BYTES, isTreeNumber, nodeHash } from "./merkle.ts"
import { type LeafRange, type NodeReader, readRanges, readRangesSync, splitPoint, type SyncNodeReader } from "./prove.ts"

/** A multi-inclusion proof with all it is checked against. */
export interface MultiClaim {
  /** Strictly ascending, at least one. */
  readonly indices: readonly number[]
  readonly size: number
  /** One for each index, in the same order. */
  readonly leafHashes: readonly Bytes[]
  readonly proof: readonly Bytes[]
  readonly root: Bytes
}

/** [M1] */
function areIndices(indices: readonly number[], size: number): boolean {
  if (!isTreeNumber(size) || indices.length === 0) return false
  let previous = -1
  for (const index of indices) {
    if (!Number.isSafeInteger(index) || index <= previous) return false
    previous = index
  }
  return previous < size
}

/** First position in indices[low, high) whose index is not below `bound`. */
function firstFrom(indices: readonly number[], low: number, high: number, bound: number): number {
  let from = low
  let to = high
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    if ((indices[middle] as number) < bound) from = middle + 1
    else to = middle
  }
  return from
}

/** [M2] The ranges whose hashes make up the proof, in its order. */
function planMulti(indices: readonly number[], size: number): LeafRange[] {
  if (!areIndices(indices, size)) throw new RangeError(`cannot prove ${indices.length} indices in a tree of ${size}: expected them ascending and below the size`)
  const ranges: LeafRange[] = []
  const visit = (start: number, end: number, low: number, high: number): void => {
    if (low === high) {
      ranges.push({ start, end })
    } else if (end - start > 1) {
      const middle = start + splitPoint(end - start)
      const cut = firstFrom(indices, low, high, middle)
      visit(start, middle, low, cut)
      visit(middle, end, cut, high)
    }
  }
  visit(0, size, 0, indices.length)
  return ranges
}

/**
 * Makes a multi-inclusion proof: the one list of hashes that {@link checkMulti} accepts for these indices.
 * @throws RangeError unless `indices` is strictly ascending, not empty and below `size`.
 */
export function proveMulti(
  reader: SyncNodeReader, of: { readonly indices: readonly number[]; readonly size: number }, crypto: Crypto = nobleCrypto,
): Bytes[] {
  return readRangesSync(crypto, reader, planMulti(of.indices, of.size))
}

/** As {@link proveMulti}, from a reader that waits. */
export async function proveMultiAsync(
  reader: NodeReader, of: { readonly indices: readonly number[]; readonly size: number }, crypto: Crypto = nobleCrypto,
): Promise<Bytes[]> {
  return readRanges(crypto, reader, planMulti(of.indices, of.size))
}

/** Called with the two children of an inner node: indices [low, cut) lie left of it, [cut, high) right. */
type OnNode = (low: number, cut: number, high: number, left: Bytes, right: Bytes) => void

/** [M3] True when the proof rebuilds the root and is used up exactly. */
function walk(crypto: Crypto, claim: MultiClaim, onNode?: OnNode): boolean {
  const { indices, size, leafHashes, proof, root } = claim
  if (!areIndices(indices, size) || leafHashes.length !== indices.length) return false
  if (root.length !== HASH_BYTES || !areHashes(leafHashes) || !areHashes(proof)) return false
  let used = 0
  const visit = (start: number, end: number, low: number, high: number): Bytes | undefined => {
    // Every call without an index takes a hash, so a short proof ends the walk early and work is bounded by what arrived.
    if (low === high) return proof[used++]
    if (end - start === 1) return leafHashes[low]
    const middle = start + splitPoint(end - start)
    const cut = firstFrom(indices, low, high, middle)
    const left = visit(start, middle, low, cut)
    const right = left === undefined ? undefined : visit(middle, end, cut, high)
    if (left === undefined || right === undefined) return undefined
    onNode?.(low, cut, high, left, right)
    return nodeHash(crypto, left, right)
  }
  const rebuilt = visit(0, size, 0, indices.length)
  return rebuilt !== undefined && used === proof.length && equalBytes(rebuilt, root)
}

/** Checks a multi-inclusion proof. Never throws on wrong values. */
export function checkMulti(crypto: Crypto, claim: MultiClaim): boolean {
  return walk(crypto, claim)
}

/**
 * [M4] Checks a multi-inclusion proof and derives from it a single inclusion proof for each index, in order.
 * undefined when it does not verify.
 */
export function splitMulti(crypto: Crypto, claim: MultiClaim): Bytes[][] | undefined {
  const paths: Bytes[][] = claim.indices.map(() => [])
  // Children come before their parents, so each path grows from the leaf upward.
  const isIncluded = walk(crypto, claim, (low, cut, high, left, right) => {
    for (let i = low; i < cut; i++) paths[i]?.push(right)
    for (let i = cut; i < high; i++) paths[i]?.push(left)
  })
  return isIncluded ? paths : undefined
}
