/**
 * Tiles: names, widths and the bytes of entry bundles (C2SP tlog-tiles v0.1.0; STANDARDS §5). Reading trees from tiles is in tile-reader.ts.
 *
 * @packageDocumentation
 */
import { type Bytes, concatBytes } from "./bytes.ts"
import { shown, VouchsafeError } from "./errors.ts"
import { isTreeNumber } from "./merkle.ts"

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256
/** Tree levels that one tile level spans. */
export const TILE_HEIGHT = 8
/** Largest entry, in bytes: its length is written in two. */
export const ENTRY_BYTES_MAX = 65_535
const LEVEL_MAX = 63

/** Which tile. `width` is 256 for a full one, else the count of hashes or entries in it. */
export interface TilePlace {
  readonly level: number | "entries"
  readonly index: number
  readonly width: number
}

function indexPath(index: number): string {
  let path = String(index % 1000).padStart(3, "0")
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, "0")}/${path}`
  }
  return path
}

/**
 * Path of a tile below the log's prefix: `tile/<level>/<index>[.p/<width>]`.
 * @throws RangeError for a tile that cannot exist.
 */
export function tilePath(level: number | "entries", index: number, width: number = TILE_WIDTH): string {
  const isLevel = level === "entries" || (isTreeNumber(level) && level <= LEVEL_MAX)
  if (!isLevel || !isTreeNumber(index) || !Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new RangeError(`no tile has level ${level}, index ${index} and width ${width}`)
  }
  return `tile/${level}/${indexPath(index)}${width === TILE_WIDTH ? "" : `.p/${width}`}`
}

/** Path of an entry bundle. @throws RangeError for a bundle that cannot exist. */
export function entriesPath(index: number, width: number = TILE_WIDTH): string {
  return tilePath("entries", index, width)
}

const TILE_PATH = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/

/**
 * Reads a tile path; only the spelling that {@link tilePath} writes.
 * @throws VouchsafeError TILE_PATH_MALFORMED.
 */
export function parseTilePath(path: string): TilePlace {
  const [, levelText, indexText, widthText] = TILE_PATH.exec(path) ?? []
  if (levelText !== undefined && indexText !== undefined) {
    const level = levelText === "entries" ? levelText : Number(levelText)
    const index = Number(indexText.replace(/[x/]/g, ""))
    const width = widthText === undefined ? TILE_WIDTH : Number(widthText)
    const partialIsPartial = widthText === undefined || (width >= 1 && width < TILE_WIDTH)
    if ((level === "entries" || level <= LEVEL_MAX) && isTreeNumber(index) && partialIsPartial && tilePath(level, index, width) === path) {
      return { level, index, width }
    }
  }
  throw new VouchsafeError("TILE_PATH_MALFORMED", `tile path is ${shown(path)}, expected tile/<level>/<index>[.p/<width>] in its shortest form`)
}

/** How many tiles a level has: full ones, and the width of the partial one (0: none). */
export interface TileCount { readonly full: number; readonly partial: number }

/** Tiles of each level of a tree, level 0 first, up to the last level that has any. */
export function tileCounts(size: number): TileCount[] {
  if (!isTreeNumber(size)) throw new RangeError(`no tree has size ${size}`)
  const counts: TileCount[] = []
  for (let nodes = size; nodes > 0; nodes = Math.floor(nodes / TILE_WIDTH)) {
    counts.push({ full: Math.floor(nodes / TILE_WIDTH), partial: nodes % TILE_WIDTH })
  }
  return counts
}

/** Width that tile `index` of `level` has in a tree of `size` leaves; 0 when it does not exist. Bundles count as level 0. */
export function tileWidth(level: number | "entries", index: number, size: number): number {
  const count = tileCounts(size)[level === "entries" ? 0 : level]
  if (count === undefined || index > count.full) return 0
  return index < count.full ? TILE_WIDTH : count.partial
}

/**
 * Hash tiles that exist at `newSize` but did not, with that width, at `oldSize`: what a log writes when it grows. Level by level, left to right.
 */
export function tilesBetween(oldSize: number, newSize: number): TilePlace[] {
  if (!isTreeNumber(oldSize) || !isTreeNumber(newSize) || oldSize > newSize) throw new RangeError(`no log grows from ${oldSize} to ${newSize}`)
  const before = tileCounts(oldSize)
  const places: TilePlace[] = []
  tileCounts(newSize).forEach(({ full, partial }, level) => {
    const old = before[level] ?? { full: 0, partial: 0 }
    for (let index = old.full; index < full; index++) places.push({ level, index, width: TILE_WIDTH })
    if (partial > 0 && (full !== old.full || partial !== old.partial)) places.push({ level, index: full, width: partial })
  })
  return places
}

/** All hash tiles of a tree. */
export function tilesForSize(size: number): TilePlace[] {
  return tilesBetween(0, size)
}

/** Writes an entry bundle: each entry as `u16 length || bytes`. @throws RangeError for more than 256 entries or an entry over 65,535 bytes. */
export function formatEntryBundle(entries: readonly Bytes[]): Bytes {
  if (entries.length > TILE_WIDTH) throw new RangeError(`a bundle holds at most ${TILE_WIDTH} entries, not ${entries.length}`)
  return concatBytes(...entries.flatMap((entry) => {
    if (entry.length > ENTRY_BYTES_MAX) throw new RangeError(`an entry has at most ${ENTRY_BYTES_MAX} bytes, not ${entry.length}`)
    return [Uint8Array.of(Math.floor(entry.length / 256), entry.length % 256), entry]
  }))
}

/**
 * Takes an entry bundle apart. Entries share memory with `bytes`.
 * @param width - count of entries expected; without it, 1 to 256.
 * @throws VouchsafeError TILE_MALFORMED.
 */
export function parseEntryBundle(bytes: Bytes, width?: number): Bytes[] {
  const entries: Bytes[] = []
  let offset = 0
  while (offset < bytes.length) {
    const length = (bytes[offset] as number) * 256 + (bytes[offset + 1] ?? Number.NaN)
    const end = offset + 2 + length
    if (!(end <= bytes.length)) throw refuse(`entry ${entries.length} goes beyond the end at byte ${bytes.length}`)
    if (entries.length === TILE_WIDTH) throw refuse(`holds more than ${TILE_WIDTH} entries`)
    entries.push(bytes.subarray(offset + 2, end))
    offset = end
  }
  if (width !== undefined && entries.length !== width) throw refuse(`holds ${entries.length} entries, expected ${width}`)
  if (entries.length === 0) throw refuse("is empty, expected at least one entry")
  return entries
}

/**
 * One entry of a full entry bundle; the whole of it is checked. Shares memory with `bytes`.
 * @param position - 0 to 255
 * @throws VouchsafeError TILE_MALFORMED. @throws RangeError for another position.
 */
export function entryOfBundle(bytes: Bytes, position: number): Bytes {
  let offset = 0
  let found: Bytes | undefined
  for (let i = 0; i < TILE_WIDTH; i++) {
    const end = offset + 2 + (bytes[offset] ?? Number.NaN) * 256 + (bytes[offset + 1] ?? Number.NaN)
    if (!(end <= bytes.length)) throw refuse(`entry ${i} goes beyond the end at byte ${bytes.length}`)
    if (i === position) found = bytes.subarray(offset + 2, end)
    offset = end
  }
  if (offset !== bytes.length) throw refuse(`holds more than ${TILE_WIDTH} entries`)
  if (found === undefined) throw new RangeError(`a bundle has no entry ${position}`)
  return found
}

function refuse(why: string): VouchsafeError {
  return new VouchsafeError("TILE_MALFORMED", `entry bundle ${why}`)
}
