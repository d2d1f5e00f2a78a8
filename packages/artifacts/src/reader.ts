/**
 * Reads what a store holds. Every chunk is hashed again before it is given; a file that is not what it was is removed.
 *
 * @packageDocumentation
 */
import { type ChunkList, chunkRange, sha256Hex } from "./chunks.ts"
import { onDisk, orMissing, readAll } from "./files.ts"
import { listOf } from "./folder.ts"
import { CHUNK_BYTES, LISTS_REMEMBERED_MAX, TOUCH_MS } from "./limits.ts"
import type { ArtifactReader } from "./peer-protocol.ts"
import type { Audience, Entry } from "./shelf.ts"
import type { StoreWorld } from "./world.ts"

/** Chunk lists, those of the last uses in memory. */
export interface Lists {
  of(sha512: string, entry: Entry): Promise<ChunkList | undefined>
}

/** @see Lists */
export function createLists(world: StoreWorld): Lists {
  const known = new Map<string, ChunkList>()
  return {
    async of(sha512, entry) {
      const list = known.get(sha512) ?? await listOf(world, sha512, entry.audience)
      known.delete(sha512)
      if (list === undefined || list.size !== entry.size) return undefined
      known.set(sha512, list)
      if (known.size > LISTS_REMEMBERED_MAX) known.delete(known.keys().next().value as string)
      return list
    },
  }
}

/** What may be given to that audience. */
export function readerFor(world: StoreWorld, lists: Lists, audience: Audience): ArtifactReader {
  const { shelf } = world
  return {
    have: (sha512s) => sha512s.flatMap((sha512, i) => (shelf.find(sha512, audience) === undefined ? [] : [i])),
    async chunks(sha512) {
      const entry = shelf.find(sha512, audience)
      const list = entry && await lists.of(sha512, entry)
      if (entry !== undefined && list === undefined) await damaged(world, sha512)
      return list
    },
    async read(sha512, start, length) {
      const entry = shelf.find(sha512, audience)
      if (entry === undefined) return undefined
      const list = await lists.of(sha512, entry)
      if (list !== undefined && (start + length > list.size || length > CHUNK_BYTES)) return undefined
      const bytes = list && await readChecked(world, { sha512, list, entry }, start, length)
      if (bytes === undefined) await damaged(world, sha512)
      else await touch(world, sha512, entry)
      return bytes
    },
  }
}

interface Held { readonly sha512: string; readonly list: ChunkList; readonly entry: Entry }

/** Bytes whose chunks are what they were. */
async function readChecked({ files, pathOf }: StoreWorld, { sha512, list, entry }: Held, from: number, length: number): Promise<Uint8Array | undefined> {
  const file = await orMissing("open an artifact", () => files.open(pathOf(sha512, entry.audience, "tgz"), "r"))
  if (file === undefined) return undefined
  try {
    const first = Math.floor(from / CHUNK_BYTES)
    const last = Math.floor((from + length - 1) / CHUNK_BYTES)
    const parts: Buffer[] = []
    for (let index = first; index <= last; index++) {
      const range = chunkRange(list, index)
      const chunk = await onDisk("read an artifact", () => readAll(file, range.start, range.length))
      if (chunk === undefined || sha256Hex(chunk) !== list.chunks[index]) return undefined
      parts.push(chunk)
    }
    const whole = parts.length === 1 ? parts[0] as Buffer : Buffer.concat(parts)
    return whole.subarray(from - first * CHUNK_BYTES, from - first * CHUNK_BYTES + length)
  } finally {
    await file.close()
  }
}

/** A file that is not what it was serves nobody. */
async function damaged(world: StoreWorld, sha512: string): Promise<void> {
  if (world.shelf.find(sha512, "owner") === undefined) return
  world.shelf.countDamage()
  await world.remove(sha512)
}

async function touch({ shelf, clock, files, pathOf }: StoreWorld, sha512: string, entry: Entry): Promise<void> {
  shelf.use(sha512)
  const nowMs = clock.nowMs()
  if (Math.abs(nowMs - entry.touchedMs) < TOUCH_MS) return
  entry.touchedMs = nowMs
  const at = new Date(nowMs)
  await orMissing("note the use of an artifact", () => files.utimes(pathOf(sha512, entry.audience, "tgz"), at, at))
}
