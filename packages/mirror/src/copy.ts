/**
 * Copies the tree of a pending head from one source: top down, every byte checked before it is written [R5], [R6].
 *
 * @packageDocumentation
 */
import {
  type Bytes, concatBytes, type Crypto, emptyRoot, entriesPath, equalBytes, HASH_BYTES, leafHash, parseEntryBundle, rootFromTiles,
  rootOfLeaves, TILE_WIDTH, tileCounts, tilePath, tilesBetween, tileWidth, unlessRefused, VouchsafeError,
} from "@vouchsafe/core"
import type { LogFile, LogFiles, TreeHead } from "@vouchsafe/ports"
import { FLUSH_BYTES, FLUSH_FILES, IN_FLIGHT_BYTES, PARALLEL_MAX, TILES_HELD_MAX } from "./limits.ts"
import { type SourceReader, wrongTile } from "./source.ts"
import type { Edge } from "./store.ts"

/** What copying works with. */
export interface CopyOptions {
  readonly crypto: Crypto
  readonly source: SourceReader
  readonly files: Pick<LogFiles, "putFiles" | "readFile">
  /** Called after files became durable, with how many bundles they held. */
  readonly onStored?: (bundles: number) => void
}

/** Splits a tile's bytes into hashes. */
function hashesOf(bytes: Bytes): Bytes[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) => bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}

/**
 * Reads the unfinished edge of a tree and checks that it gives the root. Everything full hangs from its hashes.
 * @throws VouchsafeError TILE_MALFORMED, and what the source rejects with.
 */
export async function readEdge({ crypto, source }: Pick<CopyOptions, "crypto" | "source">, head: TreeHead): Promise<Edge> {
  if (head.size === 0) return { tail: [], rows: [] }
  const counts = tileCounts(head.size)
  const tailWidth = counts[0]?.partial ?? 0
  const tail = tailWidth === 0 ? [] : (await source.bundle(counts[0]?.full ?? 0, tailWidth)).entries
  const leaves = tail.map((entry) => leafHash(crypto, entry))
  const rows: Bytes[][] = []
  for (const [level, { full, partial }] of counts.entries()) {
    if (level > 0) rows.push(partial === 0 ? [] : hashesOf(await source.tile(level, full, partial)))
  }
  // The root is made of the partial tiles alone: what is left of them is in their own hashes.
  const tile = (level: number): Bytes => concatBytes(...(level === 0 ? leaves : rows[level - 1] ?? []))
  if (!equalBytes(await rootFromTiles(crypto, { tile }, head.size), head.root)) {
    throw wrongTile(source.name, `the edge at size ${head.size}`, "does not give the root that its log signed")
  }
  return { tail, rows }
}

/** Full tiles of level 1 and up, each checked against its parent's hash. */
interface CheckedTiles {
  tile(level: number, index: number): Promise<readonly Bytes[]>
}

function checkedTiles({ crypto, source }: CopyOptions, size: number, edge: Edge): CheckedTiles {
  const held = new Map<string, Promise<readonly Bytes[]>>()
  const load = async (level: number, index: number): Promise<readonly Bytes[]> => {
    const [bytes, above] = await Promise.all([source.tile(level, index, TILE_WIDTH), tiles.tile(level + 1, Math.floor(index / TILE_WIDTH))])
    const hashes = hashesOf(bytes)
    const expected = above[index % TILE_WIDTH]
    if (expected === undefined || !equalBytes(rootOfLeaves(crypto, hashes), expected)) throw wrongTile(source.name, tilePath(level, index), "does not give the hash that the tile above it holds")
    return hashes
  }
  const tiles: CheckedTiles = {
    async tile(level, index) {
      if (tileWidth(level, index, size) < TILE_WIDTH) return edge.rows[level - 1] ?? []
      const name = tilePath(level, index)
      const known = held.get(name)
      if (known !== undefined) return known
      const loading = load(level, index)
      held.set(name, loading)
      loading.catch(() => held.delete(name))
      const oldest = held.keys().next()
      if (held.size > TILES_HELD_MAX && oldest.done !== true) held.delete(oldest.value)
      return loading
    },
  }
  return tiles
}

/** Collects verified files and writes them in groups, so that a directory is synced for many of them at once. */
function createWriter({ files, onStored }: CopyOptions) {
  let waiting: LogFile[] = []
  let bundles = 0
  let bytes = 0
  const flush = async (): Promise<void> => {
    const [group, held] = [waiting, bundles]
    waiting = []
    bundles = 0
    bytes = 0
    if (group.length === 0) return
    await files.putFiles(group)
    if (held > 0) onStored?.(held)
  }
  return {
    flush,
    async add(group: readonly LogFile[], isBundle: boolean): Promise<void> {
      waiting.push(...group)
      bundles += isBundle ? 1 : 0
      bytes += group.reduce((sum, file) => sum + file.bytes.length, 0)
      // Whoever fills a group waits for it: what is held in memory stays bounded.
      if (waiting.length >= FLUSH_FILES || bytes >= FLUSH_BYTES) await flush()
    },
  }
}

/** One full bundle and the level-0 tile that follows from it. A copy on this disk is verified like one that just arrived [R6]. */
async function readBundle({ crypto, source, files }: CopyOptions, index: number, expected: Bytes): Promise<LogFile[]> {
  const path = entriesPath(index)
  const there = await files.readFile(path)
  const found = there === undefined ? await source.bundle(index, TILE_WIDTH) : { bytes: there, entries: unlessRefused(() => parseEntryBundle(there, TILE_WIDTH)) }
  const { bytes, entries } = found
  const leaves = (entries ?? []).map((entry) => leafHash(crypto, entry))
  if (entries === undefined || !equalBytes(leaves.length === 0 ? emptyRoot(crypto) : rootOfLeaves(crypto, leaves), expected)) {
    if (there === undefined) throw wrongTile(source.name, path, "does not hold the entries under the log's signed head")
    throw new VouchsafeError("LOG_BROKEN", `${path} of the mirror is damaged`, { details: { path }, hint: "remove the mirror's folder; it is copied again" })
  }
  return [{ path, bytes }, { path: tilePath(0, index), bytes: concatBytes(...leaves) }]
}

/** Runs `task` for each number from `first` to before `end`, `limit()` at a time. After one fails no new one starts; all that run are waited for. */
async function inParallel(first: number, end: number, limit: () => number, task: (i: number) => Promise<void>): Promise<void> {
  const running = new Set<Promise<void>>()
  let failure: { readonly reason: unknown } | undefined
  for (let i = first; i < end && failure === undefined; i++) {
    const work = task(i).catch((reason: unknown) => {
      failure ??= { reason }
    }).finally(() => running.delete(work))
    running.add(work)
    while (running.size >= limit()) await Promise.race(running)
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure.reason
}

/**
 * Brings everything full between two sizes to this disk, verified and durable. Rejects with the source's failure after storing what had been
 * verified until then; doing it again goes on from there.
 */
export async function copyFull(options: CopyOptions, fromSize: number, head: TreeHead, edge: Edge): Promise<void> {
  const tiles = checkedTiles(options, head.size, edge)
  const writer = createWriter(options)
  // Until one has been seen, bundles may be of any size.
  let largest = IN_FLIGHT_BYTES / 2
  let isSeen = false
  const limit = (): number => Math.max(1, Math.min(PARALLEL_MAX, Math.floor(IN_FLIGHT_BYTES / largest)))
  try {
    await inParallel(Math.floor(fromSize / TILE_WIDTH), Math.floor(head.size / TILE_WIDTH), limit, async (i) => {
      const above = await tiles.tile(1, Math.floor(i / TILE_WIDTH))
      const files = await readBundle(options, i, above[i % TILE_WIDTH] as Bytes)
      const bytes = (files[0] as LogFile).bytes.length
      largest = isSeen ? Math.max(largest, bytes) : bytes
      isSeen = true
      await writer.add(files, true)
    })
    const places = tilesBetween(fromSize, head.size).filter(({ level, width }) => level !== 0 && width === TILE_WIDTH)
    await inParallel(0, places.length, () => PARALLEL_MAX, async (i) => {
      const { level, index } = places[i] as { level: number; index: number }
      await writer.add([{ path: tilePath(level, index), bytes: concatBytes(...await tiles.tile(level, index)) }], false)
    })
  } finally {
    await writer.flush()
  }
}
