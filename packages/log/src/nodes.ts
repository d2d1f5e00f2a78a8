/**
 * Tiles with the inner nodes of the tree that lie inside them, computed when first asked for and kept with the tile.
 *
 * @packageDocumentation
 */
import { type Bytes, concatBytes, type Crypto, HASH_BYTES, nodeHash, TILE_WIDTH, VouchsafeError } from "@vouchsafe/core"

/**
 * Row 0 of a tile is its hashes, row 1 their pairs, up to row 7 with two nodes. All in a few arrays: an array for each of 510 nodes would take
 * many times the memory of the hashes.
 */
export interface TileNodes {
  /** Row 0: 1 to 256 hashes. */
  readonly hashes: Bytes
  /** Rows 1 to 7, as far as they are known. */
  readonly inner: Bytes
  readonly isKnown: Uint8Array
}

/** Nodes of rows 1 to 7. */
const INNER_NODES = TILE_WIDTH - 2

/** Memory that a full tile takes. */
export const TILE_NODES_BYTES = (TILE_WIDTH + INNER_NODES) * HASH_BYTES + INNER_NODES

function tileOf(hashes: Bytes): TileNodes {
  return { hashes, inner: new Uint8Array(INNER_NODES * HASH_BYTES), isKnown: new Uint8Array(INNER_NODES) }
}

/** Takes hashes, 0 to 256 of them, as a tile. */
export function tileOfHashes(hashes: readonly Bytes[]): TileNodes {
  return tileOf(concatBytes(...hashes))
}

/**
 * Reads a full tile.
 * @throws VouchsafeError LOG_BROKEN when it has another length.
 */
export function parseFullTile(bytes: Bytes, path: string): TileNodes {
  if (bytes.length !== TILE_WIDTH * HASH_BYTES) {
    throw new VouchsafeError("LOG_BROKEN", `${path} has ${bytes.length} bytes, expected ${TILE_WIDTH * HASH_BYTES}`, { details: { path } })
  }
  return tileOf(bytes)
}

const hashAt = (bytes: Bytes, index: number): Bytes => bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)

/** Node `index` of `row`, or undefined when the tile does not reach that far. */
export function nodeOfTile(crypto: Crypto, tile: TileNodes, row: number, index: number): Bytes | undefined {
  if (row === 0) return (index + 1) * HASH_BYTES <= tile.hashes.length ? hashAt(tile.hashes, index) : undefined
  if (index >= TILE_WIDTH / 2 ** row) return undefined
  // Row 1 has 128 nodes and comes first, row 2 has 64 and follows, and so on.
  const place = TILE_WIDTH - TILE_WIDTH / 2 ** (row - 1) + index
  if (tile.isKnown[place] === 1) return hashAt(tile.inner, place)
  const left = nodeOfTile(crypto, tile, row - 1, 2 * index)
  const right = nodeOfTile(crypto, tile, row - 1, 2 * index + 1)
  if (left === undefined || right === undefined) return undefined
  const hash = nodeHash(crypto, left, right)
  tile.inner.set(hash, place * HASH_BYTES)
  tile.isKnown[place] = 1
  return hash
}
