/**
 * Answers to the GETs of tlog-tiles (STANDARDS §5).
 *
 * Partial tiles are no files: they are cut from what the published tree holds. See adr/0010-log-storage.md.
 *
 * @packageDocumentation
 */
import {
  type Bytes, concatBytes, formatEntryBundle, HASH_BYTES, isVouchsafeError, parseTilePath, TILE_WIDTH, type TilePlace, tileWidth, utf8Encode,
} from "@vouchsafe/core"
import type { ServedFile } from "@vouchsafe/ports"
import type { Reading } from "./reading.ts"
import type { Tree } from "./tree.ts"

const TEXT = "text/plain; charset=utf-8"
const OCTETS = "application/octet-stream"

const NOT_FOUND: ServedFile = { status: 404, body: utf8Encode("not found\n"), contentType: TEXT, immutable: false }

function placeOf(path: string): TilePlace | undefined {
  try {
    return parseTilePath(path)
  } catch (error) {
    if (isVouchsafeError(error, "TILE_PATH_MALFORMED")) return undefined
    throw error
  }
}

async function bytesOf(reading: Reading, tree: Tree, place: TilePlace, isFull: boolean): Promise<Bytes> {
  const { level, index, width } = place
  if (level === "entries") return formatEntryBundle((isFull ? await reading.bundle(index) : tree.tail).slice(0, width))
  if (isFull) return (await reading.tile(level, index)).hashes.slice(0, width * HASH_BYTES)
  return concatBytes(...(tree.edge[level] ?? []).slice(0, width))
}

/**
 * Answers a GET of `path`, relative to the log's prefix.
 *
 * Any width up to the published one is served, also once the full tile exists: each was or may have been the width at a published size, and
 * all are prefixes of one another.
 */
export async function serveFile(reading: Reading, tree: Tree, checkpoint: string, path: string): Promise<ServedFile> {
  if (path === "checkpoint") return { status: 200, body: utf8Encode(checkpoint), contentType: TEXT, immutable: false }
  const place = placeOf(path)
  if (place === undefined) return NOT_FOUND
  const width = tileWidth(place.level, place.index, tree.size)
  if (width < place.width) return NOT_FOUND
  return { status: 200, body: await bytesOf(reading, tree, place, width === TILE_WIDTH), contentType: OCTETS, immutable: true }
}
