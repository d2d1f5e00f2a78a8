/**
 * The growing right edge of a tree, in tiles. Pure: a tree is a value, growing makes a new one and says what to store.
 *
 * @packageDocumentation
 */
import {
  type Bytes, type Crypto, concatBytes, emptyRoot, entriesPath, formatEntryBundle, leafHash, rootOfLeaves, TILE_WIDTH, tilePath,
} from "@vouchsafe/core"
import type { EdgeHash, LogFile } from "@vouchsafe/ports"

/** A tree, as far as it is needed to grow it: the hashes of the unfinished tile of each level, and the entries of the unfinished bundle. */
export interface Tree {
  readonly size: number
  /** edge[level] holds the hashes after that level's last full tile, 0 to 255 of them. */
  readonly edge: readonly (readonly Bytes[])[]
  readonly tail: readonly Bytes[]
}

export const EMPTY_TREE: Tree = { size: 0, edge: [], tail: [] }

/** What growing a tree adds: the new tree, full tiles and bundles to store as files, and hashes above the leaves to stage. */
export interface Growth {
  readonly tree: Tree
  readonly files: readonly LogFile[]
  readonly hashes: readonly EdgeHash[]
}

/** Hashes on `level` of a tree of `size` entries: only those of full tiles below. */
export function hashCount(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level)
}

/** Index of the first hash after the last full tile, for each level that has hashes; at least for level 0. */
export function edgeStarts(size: number): number[] {
  const starts: number[] = []
  for (let level = 0; level === 0 || hashCount(level, size) > 0; level++) {
    starts.push(hashCount(level + 1, size) * TILE_WIDTH)
  }
  return starts
}

/** Root of a tree. */
export function rootOfTree(crypto: Crypto, tree: Tree): Bytes {
  // What lies right of a level's last full hash is one smaller subtree: it joins that level as the last, incomplete node.
  let rest: Bytes | undefined
  for (const row of tree.edge) {
    const nodes = rest === undefined ? row : [...row, rest]
    if (nodes.length > 0) rest = rootOfLeaves(crypto, nodes)
  }
  return rest ?? emptyRoot(crypto)
}

/** Appends entries. `tree` stays as it is. */
export function growTree(crypto: Crypto, tree: Tree, entries: readonly Bytes[]): Growth {
  const edge = tree.edge.map((row) => [...row])
  let tail = [...tree.tail]
  let size = tree.size
  const files: LogFile[] = []
  const hashes: EdgeHash[] = []

  const push = (level: number, hash: Bytes): void => {
    const row = edge[level] ?? []
    edge[level] = row
    row.push(hash)
    const index = hashCount(level, size) - 1
    if (level > 0) hashes.push({ level, index, hash })
    if (row.length < TILE_WIDTH) return
    files.push({ path: tilePath(level, (index + 1) / TILE_WIDTH - 1), bytes: concatBytes(...row) })
    edge[level] = []
    push(level + 1, rootOfLeaves(crypto, row))
  }

  for (const entry of entries) {
    size++
    tail.push(entry)
    if (tail.length === TILE_WIDTH) {
      files.push({ path: entriesPath(size / TILE_WIDTH - 1), bytes: formatEntryBundle(tail) })
      tail = []
    }
    push(0, leafHash(crypto, entry))
  }
  return { tree: { size, edge, tail }, files, hashes }
}
