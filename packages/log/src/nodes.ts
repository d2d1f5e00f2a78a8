/**
 * Tiles with the inner nodes of the tree that lie inside them, computed when first asked for and kept with the tile.
 *
 * @packageDocumentation
 */
import { type Bytes, type Crypto, HASH_BYTES, nodeHash, TILE_HEIGHT, TILE_WIDTH, VouchsafeError } from "@vouchsafe/core"

/** Row 0 of a tile is its hashes, row 1 their pairs, up to row 7 with two nodes. */
export interface TileNodes {
  readonly rows: (Bytes | undefined)[][]
}

/** Memory that a full tile takes once all its inner nodes are known. */
export const TILE_NODES_BYTES = 2 * TILE_WIDTH * HASH_BYTES

/** Takes hashes, 1 to 256 of them, as a tile. */
export function tileOfHashes(hashes: readonly Bytes[]): TileNodes {
  return { rows: [[...hashes], ...Array.from({ length: TILE_HEIGHT - 1 }, () => [])] }
}

/**
 * Reads a full tile.
 * @throws VouchsafeError LOG_BROKEN when it has another length.
 */
export function parseFullTile(bytes: Bytes, path: string): TileNodes {
  if (bytes.length !== TILE_WIDTH * HASH_BYTES) {
    throw new VouchsafeError("LOG_BROKEN", `${path} has ${bytes.length} bytes, expected ${TILE_WIDTH * HASH_BYTES}`, { details: { path } })
  }
  return tileOfHashes(Array.from({ length: TILE_WIDTH }, (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)))
}

/** Node `index` of `row`, or undefined when the tile does not reach that far. */
export function nodeOfTile(crypto: Crypto, tile: TileNodes, row: number, index: number): Bytes | undefined {
  const known = tile.rows[row]?.[index]
  if (known !== undefined || row === 0) return known
  const left = nodeOfTile(crypto, tile, row - 1, 2 * index)
  const right = nodeOfTile(crypto, tile, row - 1, 2 * index + 1)
  if (left === undefined || right === undefined) return undefined
  const hash = nodeHash(crypto, left, right)
  const nodes = tile.rows[row]
  if (nodes !== undefined) nodes[index] = hash
  return hash
}
