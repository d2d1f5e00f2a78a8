/**
 * Making Merkle proofs from stored nodes (STANDARDS §1).
 *
 * A proof is planned first, as a list of ranges of leaves, and read afterwards; one plan serves readers that answer at once and readers that wait.
 *
 * @packageDocumentation
 */
import type { Bytes } from "./bytes.ts"
import type { Crypto } from "./crypto.ts"
import { isTreeNumber, nodeHash } from "./merkle.ts"

/** Gives the hash of the perfect subtree over leaves [index·2^level, (index+1)·2^level). */
export interface SyncNodeReader {
  node(level: number, index: number): Bytes
}

/** As {@link SyncNodeReader}, but may have to wait. */
export interface NodeReader {
  node(level: number, index: number): Bytes | Promise<Bytes>
}

/** Leaves [start, end) of a tree. */
export interface LeafRange { readonly start: number; readonly end: number }

interface NodePlace { readonly level: number; readonly index: number }

/** Nodes asked for at once from a reader that waits. */
const PARALLEL_NODES_MAX = 64

/** Largest power of two smaller than `value` (> 1): where RFC 9162 splits a tree. */
export function splitPoint(value: number): number {
  let power = 2 ** Math.floor(Math.log2(value))
  // log2 may round either way near 2^53.
  while (power >= value) power /= 2
  while (power * 2 < value) power *= 2
  return power
}

/** The perfect subtrees that make up a range, left to right. */
function perfectNodes(range: LeafRange): NodePlace[] {
  const places: NodePlace[] = []
  let start = range.start
  while (start < range.end) {
    let level = 0
    let width = 1
    while (start % (width * 2) === 0 && start + width * 2 <= range.end) {
      width *= 2
      level++
    }
    places.push({ level, index: start / width })
    start += width
  }
  return places
}

function foldRight(crypto: Crypto, hashes: readonly Bytes[]): Bytes {
  return hashes.reduceRight((right, left) => nodeHash(crypto, left, right))
}

/** MTH(D[start:end]) for each range. Ranges must be non-empty and aligned as RFC 9162 splits them. */
export function readRangesSync(crypto: Crypto, reader: SyncNodeReader, ranges: readonly LeafRange[]): Bytes[] {
  return ranges.map((range) => foldRight(crypto, perfectNodes(range).map(({ level, index }) => reader.node(level, index))))
}

/** As {@link readRangesSync}, for readers that wait. Errors of the reader pass through. */
export async function readRanges(crypto: Crypto, reader: NodeReader, ranges: readonly LeafRange[]): Promise<Bytes[]> {
  const places = ranges.map(perfectNodes)
  const wanted = places.flat()
  const found: Bytes[] = []
  for (let i = 0; i < wanted.length; i += PARALLEL_NODES_MAX) {
    found.push(...await Promise.all(wanted.slice(i, i + PARALLEL_NODES_MAX).map(({ level, index }) => reader.node(level, index))))
  }
  let taken = 0
  return places.map((list) => {
    taken += list.length
    return foldRight(crypto, found.slice(taken - list.length, taken))
  })
}

/** Reads nodes of a tree held as leaf hashes; inner nodes are computed once. */
export function nodeReaderFromLeaves(crypto: Crypto, leafHashes: readonly Bytes[]): SyncNodeReader {
  const levels: Bytes[][] = [[...leafHashes]]
  const level = (wanted: number): Bytes[] => {
    while (levels.length <= wanted) {
      const below = levels[levels.length - 1] as Bytes[]
      const above: Bytes[] = []
      for (let i = 0; i + 1 < below.length; i += 2) above.push(nodeHash(crypto, below[i] as Bytes, below[i + 1] as Bytes))
      levels.push(above)
    }
    return levels[wanted] as Bytes[]
  }
  return {
    node(wanted, index) {
      const hash = level(wanted)[index]
      if (hash === undefined) throw new RangeError(`node ${index} of level ${wanted} lies outside a tree of ${leafHashes.length} leaves`)
      return hash
    },
  }
}

/** PATH(index, D[start:end]) of RFC 9162 §2.1.3.1 as ranges, leaf sibling first. */
export function planPath(index: number, start: number, end: number): LeafRange[] {
  const ranges: LeafRange[] = []
  let from = start
  let to = end
  while (to - from > 1) {
    const middle = from + splitPoint(to - from)
    if (index < middle) {
      ranges.push({ start: middle, end: to })
      to = middle
    } else {
      ranges.push({ start: from, end: middle })
      from = middle
    }
  }
  return ranges.reverse()
}

/** SUBPROOF of RFC 9162 §2.1.4.1 as ranges; `explicit` keeps the old root's own place. */
function planConsistency(oldSize: number, newSize: number, explicit: boolean): LeafRange[] {
  const ranges: LeafRange[] = []
  let from = 0
  let to = newSize
  let known = !explicit
  while (oldSize !== to) {
    const middle = from + splitPoint(to - from)
    if (oldSize <= middle) {
      ranges.push({ start: middle, end: to })
      to = middle
    } else {
      ranges.push({ start: from, end: middle })
      from = middle
      known = false
    }
  }
  if (!known) ranges.push({ start: from, end: to })
  return ranges.reverse()
}

function expectSizes(index: number, size: number, rule: boolean, what: string): void {
  if (!isTreeNumber(index) || !isTreeNumber(size) || !rule) throw new RangeError(`cannot prove ${what}: ${index} of ${size}`)
}

function planInclusionOf(of: { readonly index: number; readonly size: number }): LeafRange[] {
  expectSizes(of.index, of.size, of.index < of.size, "inclusion")
  return planPath(of.index, 0, of.size)
}

function planConsistencyOf(of: { readonly oldSize: number; readonly newSize: number }, explicit = false): LeafRange[] {
  expectSizes(of.oldSize, of.newSize, of.oldSize <= of.newSize, "consistency")
  if (of.oldSize === 0 || of.oldSize === of.newSize) return []
  return planConsistency(of.oldSize, of.newSize, explicit)
}

function asReader(crypto: Crypto, source: readonly Bytes[] | SyncNodeReader): SyncNodeReader {
  return "node" in source ? source : nodeReaderFromLeaves(crypto, source)
}

/** Makes an inclusion proof. @throws RangeError when `index` is not below `size`. */
export function proveInclusion(
  crypto: Crypto, source: readonly Bytes[] | SyncNodeReader, of: { readonly index: number; readonly size: number },
): Bytes[] {
  return readRangesSync(crypto, asReader(crypto, source), planInclusionOf(of))
}

/** As {@link proveInclusion}, from a reader that waits. */
export async function proveInclusionAsync(
  crypto: Crypto, reader: NodeReader, of: { readonly index: number; readonly size: number },
): Promise<Bytes[]> {
  return readRanges(crypto, reader, planInclusionOf(of))
}

/** Makes a consistency proof; empty when `oldSize` is 0 or equals `newSize`. @throws RangeError when `oldSize` exceeds `newSize`. */
export function proveConsistency(
  crypto: Crypto, source: readonly Bytes[] | SyncNodeReader, of: { readonly oldSize: number; readonly newSize: number },
): Bytes[] {
  return readRangesSync(crypto, asReader(crypto, source), planConsistencyOf(of))
}

/** As {@link proveConsistency}, from a reader that waits. */
export async function proveConsistencyAsync(
  crypto: Crypto, reader: NodeReader, of: { readonly oldSize: number; readonly newSize: number },
): Promise<Bytes[]> {
  return readRanges(crypto, reader, planConsistencyOf(of))
}

/** Makes the explicit form that `checkFork` reads: what the new tree holds at `oldSize`, whatever somebody else was shown. */
export async function proveFork(
  crypto: Crypto, reader: NodeReader, of: { readonly oldSize: number; readonly newSize: number },
): Promise<Bytes[]> {
  return readRanges(crypto, reader, planConsistencyOf(of, true))
}
