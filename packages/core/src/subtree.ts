/**
 * Subtrees [start, end) of a tree (draft-ietf-plants-merkle-tree-certs; STANDARDS §1a).
 *
 * @packageDocumentation
 */
import { type Bytes, equalBytes } from "./bytes.ts"
import type { Crypto } from "./crypto.ts"
import { areHashes, checkInclusion, emptyRoot, isTreeNumber, nodeHash } from "./merkle.ts"
import { type LeafRange, planPath, readRangesSync, splitPoint, type SyncNodeReader } from "./prove.ts"

/** Tells whether [start, end) is a subtree: `start` is a multiple of the smallest power of two that is at least `end - start`. */
export function isSubtree(start: number, end: number): boolean {
  if (!isTreeNumber(start) || !isTreeNumber(end) || start > end) return false
  let width = 1
  while (width < end - start) width *= 2
  return start % width === 0
}

/** Hash of a subtree: MTH(D[start:end]). @throws RangeError when it is none. */
export function subtreeHash(crypto: Crypto, reader: SyncNodeReader, range: LeafRange): Bytes {
  if (!isSubtree(range.start, range.end)) throw new RangeError(`[${range.start}, ${range.end}) is no subtree`)
  if (range.start === range.end) return emptyRoot(crypto)
  return readRangesSync(crypto, reader, [range])[0] as Bytes
}

/** The one or two subtrees, left then right, that together cover [start, end); the second is empty where one suffices. */
export function coveringSubtrees(start: number, end: number): readonly [LeafRange, LeafRange] {
  if (!isTreeNumber(start) || !isTreeNumber(end) || start > end) throw new RangeError(`[${start}, ${end}) is no range`)
  if (end - start <= 1) return [{ start, end }, { start: end, end }]
  // The two ends part ways at this power of two: `middle` is where the right half begins.
  let width = 1
  while (Math.floor(start / (2 * width)) !== Math.floor((end - 1) / (2 * width))) width *= 2
  const middle = Math.floor((end - 1) / width) * width
  let leftWidth = 1
  while (leftWidth < middle - start) leftWidth *= 2
  return [{ start: middle - leftWidth, end: middle }, { start: middle, end }]
}

/** Makes an inclusion proof of a leaf in a subtree. @throws RangeError when the subtree is none or does not hold the leaf. */
export function proveSubtreeInclusion(
  crypto: Crypto, reader: SyncNodeReader, of: { readonly index: number; readonly start: number; readonly end: number },
): Bytes[] {
  if (!isSubtree(of.start, of.end) || !isTreeNumber(of.index) || of.index < of.start || of.index >= of.end) {
    throw new RangeError(`leaf ${of.index} is not in a subtree [${of.start}, ${of.end})`)
  }
  return readRangesSync(crypto, reader, planPath(of.index, of.start, of.end))
}

/** An inclusion proof in a subtree with all it is checked against; `root` is the subtree's hash. */
export interface SubtreeInclusionClaim {
  readonly index: number
  readonly start: number
  readonly end: number
  readonly leafHash: Bytes
  readonly proof: readonly Bytes[]
  readonly root: Bytes
}

/** Checks an inclusion proof in a subtree. Never throws on wrong values. */
export function checkSubtreeInclusion(crypto: Crypto, claim: SubtreeInclusionClaim): boolean {
  const { index, start, end, leafHash, proof, root } = claim
  if (!isSubtree(start, end) || !isTreeNumber(index) || index < start) return false
  return checkInclusion(crypto, { index: index - start, size: end - start, leafHash, proof, root })
}

/** One step of the way from the whole tree to a subtree: what the proof holds there, and on which side. */
type Step = { readonly side: "left" | "right"; readonly range: LeafRange; readonly inSubtree: boolean }

/** F(s, e, 0, n, true) of STANDARDS §1a, from the top down: the last proof hash belongs to the first step. */
function planSubtree(start: number, end: number, size: number): { readonly steps: Step[]; readonly last: LeafRange; readonly known: boolean } {
  const steps: Step[] = []
  let from = 0
  let to = size
  let known = true
  let subtreeStart = start
  while (subtreeStart !== from || end !== to) {
    const middle = from + splitPoint(to - from)
    if (end <= middle) {
      steps.push({ side: "right", range: { start: middle, end: to }, inSubtree: false })
      to = middle
    } else if (middle <= subtreeStart) {
      steps.push({ side: "left", range: { start: from, end: middle }, inSubtree: false })
      from = middle
    } else {
      // The subtree straddles the split, so it begins at `from`: this left half belongs to both trees.
      steps.push({ side: "left", range: { start: from, end: middle }, inSubtree: true })
      from = middle
      subtreeStart = middle
      known = false
    }
  }
  return { steps, last: { start: from, end: to }, known }
}

/** Makes the proof that [start, end) is a subtree of the tree of `size` leaves. @throws RangeError when it is none. */
export function proveSubtreeConsistency(
  crypto: Crypto, reader: SyncNodeReader, of: { readonly start: number; readonly end: number; readonly size: number },
): Bytes[] {
  if (!isSubtree(of.start, of.end) || !isTreeNumber(of.size) || of.end > of.size) {
    throw new RangeError(`[${of.start}, ${of.end}) is no subtree of a tree of ${of.size}`)
  }
  if (of.start === of.end) return []
  const { steps, last, known } = planSubtree(of.start, of.end, of.size)
  const ranges = steps.map(({ range }) => range)
  if (!known) ranges.push(last)
  return readRangesSync(crypto, reader, ranges.reverse())
}

/** A subtree's consistency proof with all it is checked against. */
export interface SubtreeConsistencyClaim {
  readonly start: number
  readonly end: number
  readonly size: number
  readonly subtreeRoot: Bytes
  readonly root: Bytes
  readonly proof: readonly Bytes[]
}

/** Checks that a subtree belongs to a tree, rebuilding both hashes from the proof. Never throws on wrong values. */
export function checkSubtreeConsistency(crypto: Crypto, claim: SubtreeConsistencyClaim): boolean {
  const { start, end, size, subtreeRoot, root, proof } = claim
  if (!isSubtree(start, end) || !isTreeNumber(size) || end > size) return false
  // The public vectors accept equal roots of any length for the whole tree, so lengths are looked at afterwards.
  if (start === 0 && end === size && size > 0) return proof.length === 0 && equalBytes(subtreeRoot, root)
  // An empty subtree is part of every tree.
  if (start === end) return proof.length === 0 && equalBytes(subtreeRoot, emptyRoot(crypto))
  if (!areHashes([subtreeRoot, root, ...proof])) return false
  const { steps, known } = planSubtree(start, end, size)
  const path = known ? [subtreeRoot, ...proof] : proof
  if (path.length !== steps.length + 1) return false
  let inner = path[0] as Bytes
  let whole = inner
  steps.reverse().forEach((step, i) => {
    const hash = path[i + 1] as Bytes
    if (step.inSubtree) inner = nodeHash(crypto, hash, inner)
    whole = step.side === "left" ? nodeHash(crypto, hash, whole) : nodeHash(crypto, whole, hash)
  })
  return equalBytes(inner, subtreeRoot) && equalBytes(whole, root)
}
