/**
 * Reading a tree from its tiles (STANDARDS §5): nodes for proofs, and the root.
 *
 * Nothing read here is trusted by itself: compare the root, or check the proof made, against a checkpoint.
 *
 * @packageDocumentation
 */
import type { Bytes } from "./bytes.ts"
import type { Crypto } from "./crypto.ts"
import { VouchsafeError } from "./errors.ts"
import { emptyRoot, HASH_BYTES, nodeHash } from "./merkle.ts"
import { type NodeReader, readRanges } from "./prove.ts"
import { TILE_HEIGHT, TILE_WIDTH, tilePath, tileWidth } from "./tile.ts"

/**
 * Gives the bytes of a hash tile: `width` hashes, or all 256 of the full tile that has since taken its place.
 * Errors pass through to whoever asked for the proof.
 */
export interface TileReader {
  tile(level: number, index: number, width: number): Bytes | Promise<Bytes>
}

/** Tiles that one reader keeps, with their inner nodes: about 16 KiB each. */
const TILES_KEPT_MAX = 512

/** All perfect subtrees inside a tile: row 0 its own hashes, row 1 pairs of them, and so on. */
type TileNodes = readonly (readonly Bytes[])[]

function nodesOfTile(crypto: Crypto, bytes: Bytes, width: number, name: string): TileNodes {
  if (bytes.length !== width * HASH_BYTES && bytes.length !== TILE_WIDTH * HASH_BYTES) {
    throw new VouchsafeError("TILE_MALFORMED", `${name} has ${bytes.length} bytes, expected ${width * HASH_BYTES}`, { details: { tile: name } })
  }
  const rows: Bytes[][] = [Array.from({ length: width }, (_, i) => bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES))]
  for (let below = rows[0] as Bytes[]; below.length > 1 && rows.length < TILE_HEIGHT; below = rows[rows.length - 1] as Bytes[]) {
    const above: Bytes[] = []
    for (let i = 0; i + 1 < below.length; i += 2) above.push(nodeHash(crypto, below[i] as Bytes, below[i + 1] as Bytes))
    rows.push(above)
  }
  return rows
}

/**
 * Reads nodes of the tree of `size` leaves from its tiles. Each tile is fetched once while it is kept.
 * Its `node` throws RangeError for a node outside the tree and VouchsafeError TILE_MALFORMED for a tile of the wrong length.
 */
export function nodeReaderFromTiles(crypto: Crypto, tiles: TileReader, size: number): NodeReader {
  const kept = new Map<string, Promise<TileNodes>>()

  const load = (level: number, index: number): Promise<TileNodes> => {
    const width = tileWidth(level, index, size)
    if (width === 0) throw new RangeError(`tile ${index} of level ${level} lies outside a tree of ${size} leaves`)
    const name = tilePath(level, index, width)
    const known = kept.get(name)
    if (known !== undefined) return known
    const loading = Promise.resolve(tiles.tile(level, index, width)).then((bytes) => nodesOfTile(crypto, bytes, width, name))
    kept.set(name, loading)
    const oldest = kept.keys().next()
    if (kept.size > TILES_KEPT_MAX && oldest.done !== true) kept.delete(oldest.value)
    // A failed fetch may succeed when asked again.
    loading.catch(() => kept.delete(name))
    return loading
  }

  return {
    async node(level, index) {
      const row = level % TILE_HEIGHT
      const perTile = TILE_WIDTH / 2 ** row
      const nodes = await load((level - row) / TILE_HEIGHT, Math.floor(index / perTile))
      const hash = nodes[row]?.[index % perTile]
      if (hash === undefined) throw new RangeError(`node ${index} of level ${level} lies outside a tree of ${size} leaves`)
      return hash
    },
  }
}

/** Root of the tree of `size` leaves, from the tiles on its right edge. */
export async function rootFromTiles(crypto: Crypto, tiles: TileReader, size: number): Promise<Bytes> {
  if (size === 0) return emptyRoot(crypto)
  const [root] = await readRanges(crypto, nodeReaderFromTiles(crypto, tiles, size), [{ start: 0, end: size }])
  return root as Bytes
}
