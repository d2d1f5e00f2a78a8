/**
 * Reading a published tree: entries, and nodes for proofs. Full tiles and bundles come from storage through bounded caches, the rest from memory.
 *
 * @packageDocumentation
 */
import {
  type Bytes, type Crypto, entriesPath, entryOfBundle, isVouchsafeError, type NodeReader, parseEntryBundle, TILE_HEIGHT, TILE_WIDTH, tilePath, VouchsafeError,
} from "@vouchsafe/core"
import type { LogStorage } from "@vouchsafe/ports"
import { type ByteCache, createByteCache } from "./cache.ts"
import { BUNDLE_CACHE_BYTES_MAX, BUNDLE_READS_MAX, ENTRY_CACHE_BYTES_MAX, PICKED_BUNDLES_MAX, PICKS_PER_BUNDLE_MAX, TILE_CACHE_BYTES_MAX } from "./limits.ts"
import { nodeOfTile, parseFullTile, TILE_NODES_BYTES, type TileNodes, tileOfHashes } from "./nodes.ts"
import { hashCount, type Tree } from "./tree.ts"
import { createTurns, type Turns } from "./turns.ts"

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
type Files = Pick<LogStorage, "readFile" | "lendFile">

/** Reads a file and makes something of its bytes, which `use` must not keep. */
async function readWith<T>(storage: Files, path: string, use: (bytes: Bytes) => T): Promise<T> {
  if (storage.lendFile !== undefined) {
    const lent = await storage.lendFile(path, use)
    if (lent !== undefined) return lent.used
  } else {
    const bytes = await storage.readFile(path)
    if (bytes !== undefined) return use(bytes)
  }
  throw new VouchsafeError("LOG_BROKEN", `${path} is missing`, { details: { path }, hint: "run `vouchsafe-node fsck`" })
}

/** Takes a bundle apart; what is wrong with it is a fault of the log's. */
function opened<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("LOG_BROKEN", `${path}: ${cause.message}`, { details: { path }, hint: "run `vouchsafe-node fsck`", cause })
  }
}

/** Memory of its own: a part of somebody's piece would change, or keep the whole of it. Not `slice`, which of a Buffer copies nothing. */
function copyOf(bytes: Bytes): Bytes {
  return new Uint8Array(bytes)
}

const readBundle = (storage: Files, path: string): Promise<readonly Bytes[]> => readWith(storage, path, (bytes) => opened(path, () => parseEntryBundle(copyOf(bytes), TILE_WIDTH)))

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
    return tiles.get(path, () => readWith(storage, path, (bytes) => parseFullTile(copyOf(bytes), path)))
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

  const pick = createPicker(storage, { bundles, bundle, inTurn })
  const entry = async (tree: Tree, index: number): Promise<Bytes> => {
    if (!Number.isSafeInteger(index) || index < 0 || index >= tree.size) throw new RangeError(`entry ${index} lies outside a log of ${tree.size}`)
    if (Math.floor(index / TILE_WIDTH) < hashCount(1, tree.size)) return pick(index)
    const found = tree.tail[index % TILE_WIDTH]
    if (found === undefined) throw new VouchsafeError("LOG_BROKEN", `entry ${index} is missing from its bundle`, { details: { index } })
    return found
  }

  return { bundle, tile, nodesOf, entry }
}

/**
 * Gives single entries of full bundles. Where few of a bundle are wanted, only these are kept: a bundle is hundreds of times as large, and a thousand
 * look-ups in a large log touch a thousand bundles.
 */
function createPicker(storage: Files, from: { readonly bundles: ByteCache<readonly Bytes[]>; readonly bundle: Reading["bundle"]; readonly inTurn: Turns }): (index: number) => Promise<Bytes> {
  const entries: ByteCache<Bytes> = createByteCache(ENTRY_CACHE_BYTES_MAX, (entry) => entry.length)
  const picks = new Map<number, number>()
  /** Counts one more pick of a bundle; the bundle that was counted first is forgotten first. */
  const picked = (bundleIndex: number): number => {
    const count = (picks.get(bundleIndex) ?? 0) + 1
    picks.set(bundleIndex, count)
    if (picks.size > PICKED_BUNDLES_MAX) picks.delete(picks.keys().next().value as number)
    return count
  }
  return async (index) => {
    const bundleIndex = Math.floor(index / TILE_WIDTH)
    const path = entriesPath(bundleIndex)
    const known = entries.peek(String(index))
    if (known !== undefined) return known
    if (from.bundles.peek(path) !== undefined || picked(bundleIndex) > PICKS_PER_BUNDLE_MAX) {
      // A part of a bundle would keep the whole of it in memory for as long as the entry is used.
      return copyOf((await from.bundle(bundleIndex))[index % TILE_WIDTH] as Bytes)
    }
    return entries.get(String(index), () => from.inTurn(() => readWith(storage, path, (bytes) => copyOf(opened(path, () => entryOfBundle(bytes, index % TILE_WIDTH))))))
  }
}
