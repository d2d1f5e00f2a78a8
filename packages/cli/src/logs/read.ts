import { type Bytes, type Checkpoint, type Crypto, entriesPath, equalBytes, isVouchsafeError, leafHash, openCheckpoint, parseEntryBundle, rootOfLeaves, tilesForSize, tilePath, TILE_WIDTH, utf8Decode, type VerifierKey, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/client"

/** Largest log that a command reads whole. */
export const LOG_ENTRIES_MAX = 10_000_000
const CHECKPOINT_BYTES_MAX = 65_536
const BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + 65_535)
const TIMEOUT_MS = 30_000
/** Requests under way at once. */
const PARALLEL = 8

/** A log, read whole and recomputed: its entries give the root that it signed. */
export interface WholeLog {
  readonly signed: string
  readonly checkpoint: Checkpoint
  readonly entries: readonly Bytes[]
  readonly leafHashes: readonly Bytes[]
}

/** Where a log is and whose it is. */
export interface LogSource {
  readonly url: string
  readonly key: VerifierKey
}

/** Fetches and opens the head. @throws VouchsafeError of the transport, NOTE_*, CHECKPOINT_MALFORMED. */
export async function readHead(crypto: Crypto, transport: HttpTransport, source: LogSource): Promise<{ signed: string; checkpoint: Checkpoint }> {
  const signed = utf8Decode(await get(transport, source, "checkpoint", CHECKPOINT_BYTES_MAX))
  return { signed, checkpoint: openCheckpoint(crypto, signed, source.key).checkpoint }
}

/**
 * Reads all entries and recomputes every hash tile and the root.
 * @throws VouchsafeError LOG_BROKEN where what is served does not give the signed root, and what `readHead` throws.
 */
export async function readWholeLog(crypto: Crypto, transport: HttpTransport, source: LogSource): Promise<WholeLog> {
  const { signed, checkpoint } = await readHead(crypto, transport, source)
  const { size } = checkpoint
  if (size > LOG_ENTRIES_MAX) throw new VouchsafeError("LOG_BROKEN", `${source.key.name} has ${size} entries, expected at most ${LOG_ENTRIES_MAX}`)
  const bundles = await inParallel(Math.ceil(size / TILE_WIDTH), async (i) => {
    const width = Math.min(TILE_WIDTH, size - i * TILE_WIDTH)
    return parseEntryBundle(await getOrFull(transport, source, entriesPath(i, width), entriesPath(i), BUNDLE_BYTES_MAX), undefined).slice(0, width)
  })
  const entries = bundles.flat()
  if (entries.length !== size) throw new VouchsafeError("LOG_BROKEN", `${source.key.name} serves ${entries.length} entries, expected the ${size} of its head`)
  const leafHashes = entries.map((entry) => leafHash(crypto, entry))
  if (!equalBytes(rootOfLeaves(crypto, leafHashes), checkpoint.root)) {
    throw new VouchsafeError("LOG_BROKEN", `the ${size} entries that ${source.key.name} serves do not give the root that it signed`, { hint: "its operator should run `vouchsafe-node fsck`" })
  }
  await checkTiles(crypto, transport, source, size, leafHashes)
  return { signed, checkpoint, entries, leafHashes }
}

/** Every hash tile must hold what the entries give: clients prove with them. */
async function checkTiles(crypto: Crypto, transport: HttpTransport, source: LogSource, size: number, leafHashes: readonly Bytes[]): Promise<void> {
  const levels: (readonly Bytes[])[] = [leafHashes]
  const places = tilesForSize(size).flatMap(({ level, index, width }) => (level === "entries" ? [] : [{ level, index, width }]))
  await inParallel(places.length, async (i) => {
    const { level, index, width } = places[i] as (typeof places)[number]
    const hashes = (hashesAt(crypto, levels, level)).slice(index * TILE_WIDTH, index * TILE_WIDTH + width)
    const served = await getOrFull(transport, source, tilePath(level, index, width), tilePath(level, index), TILE_WIDTH * 32)
    if (!hashes.every((hash, j) => equalBytes(hash, served.subarray(j * 32, j * 32 + 32)))) {
      throw new VouchsafeError("LOG_BROKEN", `${tilePath(level, index, width)} of ${source.key.name} does not hold the hashes of its entries`)
    }
  })
}

/** Hashes of the full subtrees of 256^level entries. */
function hashesAt(crypto: Crypto, levels: (readonly Bytes[])[], level: number): readonly Bytes[] {
  while (levels.length <= level) {
    const below = levels[levels.length - 1] as readonly Bytes[]
    levels.push(Array.from({ length: Math.floor(below.length / TILE_WIDTH) }, (_, i) => rootOfLeaves(crypto, below.slice(i * TILE_WIDTH, (i + 1) * TILE_WIDTH))))
  }
  return levels[level] as readonly Bytes[]
}

async function get(transport: HttpTransport, source: LogSource, path: string, maxBytes: number): Promise<Bytes> {
  const { status, body } = await transport.request({ method: "GET", url: `${source.url}${path}`, timeoutMs: TIMEOUT_MS, maxBytes })
  if (status !== 200) throw new VouchsafeError(status === 404 ? "NOT_FOUND" : "UPSTREAM_FAILED", `${source.url}${path} answered ${status}, expected 200`)
  return body
}

/** Partial tiles may be gone once the full one exists (C2SP tlog-tiles). */
async function getOrFull(transport: HttpTransport, source: LogSource, path: string, full: string, maxBytes: number): Promise<Bytes> {
  if (path === full) return get(transport, source, path, maxBytes)
  try {
    return await get(transport, source, path, maxBytes)
  } catch (error) {
    if (!isVouchsafeError(error, "NOT_FOUND")) throw error
    return get(transport, source, full, maxBytes)
  }
}

async function inParallel<T>(count: number, task: (i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let next = 0
  await Promise.all(Array.from({ length: Math.min(PARALLEL, count) }, async () => {
    for (let i = next++; i < count; i = next++) results[i] = await task(i)
  }))
  return results
}
