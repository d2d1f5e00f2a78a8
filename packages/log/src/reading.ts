/**
 * Reading a published tree: entries, and nodes for proofs. Full tiles and bundles come from storage through bounded caches, the rest from memory.
 *
 * @packageDocumentation
 */
import {
  type Bytes, type Crypto, entriesPath, isVouchsafeError, type NodeReader, parseEntryBundle, TILE_HEIGHT, TILE_WIDTH, tilePath, VouchsafeError,
} from "@vouchsafe/core"
import type { LogStorage } from "@vouchsafe/ports"
import { type ByteCache, createByteCache } from "./cache.ts"
import { BUNDLE_CACHE_BYTES_MAX, BUNDLE_READS_MAX, TILE_CACHE_BYTES_MAX } from "./limits.ts"
import { nodeOfTile, parseFullTile, TILE_NODES_BYTES, type TileNodes, tileOfHashes } from "./nodes.ts"
import { hashCount, type Tree } from "./tree.ts"
import { createTurns } from "./turns.ts"

/** The full tiles and bundles of a log, and readers over any of its trees. */
export interface Reading {
  /** Entries of a full bundle. */
  bundle(index: number): readonly Bytes[] | Promise<readonly Bytes[]>
  tile(level: number, index: number): TileNodes | Promise<TileNodes>
  /** Nodes of `tree`, whose full tiles are stored. Its `node` throws RangeError for a node outside. */
  nodesOf(tree: Tree): NodeReader
  entry(tree: Tree, index: number): Promise<Bytes>
}

/** Where full tiles and bundles are read from. */
type Files = Pick<LogStorage, "readFile">

async function readWhole(storage: Files, path: string): Promise<Bytes> {
  const bytes = await storage.readFile(path)
  if (bytes !== undefined) return bytes
  throw new VouchsafeError("LOG_BROKEN", `${path} is missing`, { details: { path }, hint: "run `vouchsafe-node fsck`" })
}

async function readBundle(storage: Files, path: string): Promise<readonly Bytes[]> {
  const bytes = await readWhole(storage, path)
  try {
    return parseEntryBundle(bytes, TILE_WIDTH)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("LOG_BROKEN", `${path}: ${cause.message}`, { details: { path }, hint: "run `vouchsafe-node fsck`", cause })
  }
}

function bundleBytes(entries: readonly Bytes[]): number {
  return entries.reduce((sum, entry) => sum + entry.length, 0)
}

/** What reading needs. `caches` bound the memory it takes, in bytes. */
export interface ReadingOptions {
  readonly storage: Files
  readonly crypto: Crypto
  readonly tileCacheBytes?: number
  readonly bundleCacheBytes?: number
}

/** Reads full tiles and bundles through caches. */
export function createReading(options: ReadingOptions): Reading {
  const { storage, crypto } = options
  const tiles: ByteCache<TileNodes> = createByteCache(options.tileCacheBytes ?? TILE_CACHE_BYTES_MAX, () => TILE_NODES_BYTES)
  const bundles: ByteCache<readonly Bytes[]> = createByteCache(options.bundleCacheBytes ?? BUNDLE_CACHE_BYTES_MAX, bundleBytes)

  const inTurn = createTurns(BUNDLE_READS_MAX)
  const tile = (level: number, index: number): TileNodes | Promise<TileNodes> => {
    const path = tilePath(level, index)
    return tiles.get(path, async () => parseFullTile(await readWhole(storage, path), path))
  }
  const bundle = (index: number): readonly Bytes[] | Promise<readonly Bytes[]> => {
    const path = entriesPath(index)
    return bundles.get(path, () => inTurn(() => readBundle(storage, path)))
  }

  const nodesOf = (tree: Tree): NodeReader => {
    const edge = tree.edge.map(tileOfHashes)
    return {
      node(level, index) {
        const row = level % TILE_HEIGHT
        const tileLevel = (level - row) / TILE_HEIGHT
        const perTile = TILE_WIDTH / 2 ** row
        const tileIndex = Math.floor(index / perTile)
        const pick = (nodes: TileNodes | undefined): Bytes => {
          const hash = nodes === undefined ? undefined : nodeOfTile(crypto, nodes, row, index % perTile)
          if (hash === undefined) throw new RangeError(`node ${index} of level ${level} lies outside a tree of ${tree.size} entries`)
          return hash
        }
        const full = hashCount(tileLevel + 1, tree.size)
        if (tileIndex >= full) return pick(tileIndex === full ? edge[tileLevel] : undefined)
        const found = tile(tileLevel, tileIndex)
        return found instanceof Promise ? found.then(pick) : pick(found)
      },
    }
  }

  const entry = async (tree: Tree, index: number): Promise<Bytes> => {
    if (!Number.isSafeInteger(index) || index < 0 || index >= tree.size) throw new RangeError(`entry ${index} lies outside a log of ${tree.size}`)
    const bundleIndex = Math.floor(index / TILE_WIDTH)
    const isTail = bundleIndex === hashCount(1, tree.size)
    const found = (isTail ? tree.tail : await bundle(bundleIndex))[index % TILE_WIDTH]
    if (found === undefined) throw new VouchsafeError("LOG_BROKEN", `entry ${index} is missing from its bundle`, { details: { index } })
    // A part of a bundle would keep the whole of it in memory for as long as the entry is used.
    return isTail ? found : found.slice()
  }

  return { bundle, tile, nodesOf, entry }
}
