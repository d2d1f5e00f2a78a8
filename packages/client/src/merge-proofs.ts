import { type Bytes, splitPoint } from "@vouchsafe/core"

/** One index with its inclusion proof, sibling hashes from the leaf upward. */
export interface SinglePath {
  readonly index: number
  readonly proof: readonly Bytes[]
}

/**
 * Joins single inclusion proofs under one head into the one multi-inclusion proof of them all (spec/multi-inclusion.md), the inverse of
 * core's `splitMulti`. Hashes nothing and checks nothing but lengths: what comes out proves something only if it verifies.
 *
 * Worth it because 500 paths of 17 hashes share most of their nodes: checking the joined proof takes about two hashes an entry.
 *
 * @param paths - strictly ascending by index, all below `size`
 * @returns undefined when they are not, or a path has not the length that its place in the tree gives
 */
export function mergeProofs(size: number, paths: readonly SinglePath[]): Bytes[] | undefined {
  const merged: Bytes[] = []
  /** The sibling that a path holds `depth` splits below the root. */
  const sibling = (path: SinglePath, depth: number): Bytes | undefined => path.proof[path.proof.length - 1 - depth]

  const visit = (start: number, end: number, low: number, high: number, depth: number): boolean => {
    const first = paths[low]
    if (first === undefined) return false
    if (end - start === 1) return high - low === 1 && first.index === start && first.proof.length === depth
    const middle = start + splitPoint(end - start)
    let cut = low
    while (cut < high && (paths[cut] as SinglePath).index < middle) cut++
    if (cut > low && cut < high) return visit(start, middle, low, cut, depth + 1) && visit(middle, end, cut, high, depth + 1)
    const other = sibling(first, depth)
    if (other === undefined) return false
    if (cut === high) {
      if (!visit(start, middle, low, high, depth + 1)) return false
      merged.push(other)
      return true
    }
    merged.push(other)
    return visit(middle, end, low, high, depth + 1)
  }
  // Sizes come from files and may be anything; splitting an empty range never ends.
  const isPlausible = Number.isSafeInteger(size) && paths.length > 0 && paths.every(({ index }) => index < size)
  return isPlausible && visit(0, size, 0, paths.length, 0) ? merged : undefined
}
