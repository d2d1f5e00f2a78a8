/**
 * Tarballs by sha512 as files, within a quota (spec/artifacts.md, "What a node keeps"). A cache: whatever is read is hashed again.
 *
 * One process a folder. Order of a file: spooled and hashed → its chunk list written → renamed to its digest → counted.
 *
 * @packageDocumentation
 */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { HEX_SHA512, VouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { type ChunkList, chunkRange, formatChunkList, sha256Hex } from "./chunks.ts"
import { type DownloadOptions, downloadArtifact } from "./download.ts"
import { type Files, flush, onDisk, orMissing, privateFolder, readAll, systemFiles, writeWhole } from "./files.ts"
import { type Audience, createShelf, type Entry, type Shelf } from "./shelf.ts"
import { cleanSpool, listOf, scan, trimParts } from "./folder.ts"
import { ARTIFACT_BYTES_MAX, CHUNK_BYTES, LISTS_REMEMBERED_MAX, TOUCH_MS } from "./limits.ts"
import type { ArtifactReader } from "./peer-protocol.ts"
import { openPins, type Pin, type Pinned, type Pins } from "./pins.ts"
import { type ArtifactWriter, createWriter } from "./writer.ts"

/** What a store holds and did. */
export interface StoreStatus {
  readonly quotaBytes: number
  readonly bytes: number
  readonly count: number
  readonly pinned: number
  readonly pinnedBytes: number
  readonly evictions: number
  /** Files that were found to be other than they were stored, and removed. */
  readonly damaged: number
}

/** Artifacts of one node. */
export interface ArtifactStore {
  /** What may be given to whom: to everybody, or to the node's own user. */
  reader(audience: Audience): ArtifactReader
  /** Bytes held under a digest, for that audience. Unverified. */
  size(sha512: string, audience: Audience): number | undefined
  /** Takes bytes as they come; the digest is known at their end. @throws VouchsafeError DISK. */
  writer(audience: Audience, bytesExpected?: number): Promise<ArtifactWriter>
  /** Fetches what is not held yet, keeps it, and says from whom it came. Rejects as {@link downloadArtifact} does. */
  fetch(options: Omit<DownloadOptions, "path" | "files" | "admit">, audience: Audience): Promise<readonly string[]>
  /** Keeps an artifact for good: hashed whole once more, flushed to disk. Rejects with NOT_FOUND, DISK. */
  pin(pin: Pin): Promise<Pinned>
  /** How many were let go. */
  unpin(pins: readonly Pin[]): Promise<number>
  pins(): readonly Pinned[]
  status(): StoreStatus
}

export interface StoreOptions {
  readonly directory: string
  readonly quotaBytes: number
  readonly clock: Clock
  readonly files?: Files
}

/** What the store's parts share. */
export interface StoreWorld {
  readonly directory: string
  readonly files: Files
  readonly clock: Clock
  readonly shelf: Shelf
  /** A path of an artifact. @throws TypeError for what is no digest. */
  pathOf(sha512: string, audience: Audience, suffix: "tgz" | "chunks"): string
  /** A fresh path for a spool. */
  spoolPath(): string
  /** Makes room for further bytes, which count until {@link release}. @throws VouchsafeError DISK. */
  reserve(bytes: number): Promise<void>
  release(bytes: number): void
  /** Removes an artifact. */
  remove(sha512: string): Promise<void>
  /** Gives a whole, hashed file its name. */
  adopt(path: string, sha512: string, list: ChunkList, audience: Audience): Promise<void>
}

/** Opens the store, making its folder; what a process that died has left is cleaned up. @throws VouchsafeError DISK, STATE_UNSAFE. */
export async function openArtifactStore({ directory, quotaBytes, clock, files = systemFiles }: StoreOptions): Promise<ArtifactStore> {
  for (const folder of [directory, join(directory, "shared"), join(directory, "own"), join(directory, "spool")]) await privateFolder(files, folder)
  const shelf = createShelf(quotaBytes)
  const world = createWorld({ directory, files, clock, shelf })
  await cleanSpool(world)
  const pins = await openPins(world, join(directory, "pins.json"))
  for (const pin of pins.list()) shelf.pin(pin.sha512)
  await scan(world)
  // A quota that was lowered since holds from now on; what is pinned stays.
  for (const sha512 of shelf.surplus()) await world.remove(sha512)
  const lists = createLists(world)
  // One download a digest: two would write into one part.
  const fetching = new Map<string, Promise<readonly string[]>>()
  return {
    reader: (audience) => readerFor(world, lists, audience),
    size: (sha512, audience) => shelf.find(sha512, audience)?.size,
    async writer(audience, bytesExpected = 0) {
      if (bytesExpected > ARTIFACT_BYTES_MAX) throw new VouchsafeError("DISK", `an artifact of ${bytesExpected} bytes, expected at most ${ARTIFACT_BYTES_MAX}`)
      return createWriter(world, audience)
    },
    async fetch(options, audience) {
      const held = shelf.find(options.sha512, "owner")
      if (held !== undefined && (held.audience === "everybody" || audience === "owner")) return []
      const running = fetching.get(options.sha512)
      if (running !== undefined) return running
      const started = fetchInto(world, options, audience).finally(() => fetching.delete(options.sha512))
      fetching.set(options.sha512, started)
      return started
    },
    pin: (pin) => pinArtifact(world, lists, pins, pin),
    unpin: (given) => pins.remove(given, (sha512) => shelf.unpin(sha512)),
    pins: () => pins.list().map((pin) => ({ ...pin, isHeld: shelf.find(pin.sha512, "owner") !== undefined })),
    status: () => ({ quotaBytes, ...shelf.counts(), pinned: pins.list().length }),
  }
}

function createWorld({ directory, files, clock, shelf }: Pick<StoreWorld, "directory" | "files" | "clock" | "shelf">): StoreWorld {
  const world: StoreWorld = {
    directory, files, clock, shelf,
    pathOf(sha512, audience, suffix) {
      if (!HEX_SHA512.test(sha512)) throw new TypeError("an artifact is named by 128 lower-case hex digits")
      return join(directory, audience === "everybody" ? "shared" : "own", sha512.slice(0, 2), `${sha512}.${suffix}`)
    },
    spoolPath: () => join(directory, "spool", `${randomBytes(16).toString("hex")}.new`),
    async reserve(bytes) {
      const victims = shelf.reserve(bytes)
      if (victims === undefined) throw new VouchsafeError("DISK", `no room for ${bytes} bytes: ${shelf.counts().pinnedBytes} of ${shelf.quotaBytes} are pinned, the rest is being written`, { hint: "raise artifactQuota, or unpin something" })
      try {
        for (const sha512 of victims) await world.remove(sha512)
      } catch (error) {
        shelf.release(bytes)
        throw error
      }
    },
    release: (bytes) => shelf.release(bytes),
    async remove(sha512) {
      const entry = shelf.remove(sha512)
      if (entry === undefined) return
      for (const suffix of ["tgz", "chunks"] as const) await onDisk("remove an artifact", () => files.rm(world.pathOf(sha512, entry.audience, suffix), { force: true }))
    },
    async adopt(path, sha512, list, audience) {
      const held = shelf.find(sha512, "owner")
      if (held !== undefined && (held.audience === "everybody" || audience === "owner")) {
        await onDisk("remove a spool", () => files.rm(path, { force: true }))
        return
      }
      await privateFolder(files, join(world.pathOf(sha512, audience, "tgz"), ".."))
      await onDisk("keep an artifact", async () => {
        await writeWhole(files, world.pathOf(sha512, audience, "chunks"), formatChunkList(sha512, list), false)
        await files.rename(path, world.pathOf(sha512, audience, "tgz"))
      })
      // What only the node's user could have is now everybody's.
      if (held !== undefined) await world.remove(sha512)
      shelf.add(sha512, { size: list.size, audience, touchedMs: clock.nowMs() })
    },
  }
  return world
}

/** Chunk lists, those of the last uses in memory. */
interface Lists {
  of(sha512: string, entry: Entry): Promise<ChunkList | undefined>
}

function createLists(world: StoreWorld): Lists {
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

async function fetchInto(world: StoreWorld, options: Omit<DownloadOptions, "path" | "files" | "admit">, audience: Audience): Promise<readonly string[]> {
  const path = join(world.directory, "spool", `${options.sha512}.part`)
  let reserved = 0
  try {
    const done = await downloadArtifact({
      ...options, path, files: world.files,
      async admit(bytes) {
        if (bytes <= reserved) return
        await world.reserve(bytes - reserved)
        reserved = bytes
      },
    })
    await world.adopt(done.path, options.sha512, done.list, audience)
    return done.from
  } finally {
    world.release(reserved)
    await trimParts(world)
  }
}

function readerFor(world: StoreWorld, lists: Lists, audience: Audience): ArtifactReader {
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

/** Hash → flush → the list of pins: nothing is acknowledged before it is on disk. */
async function pinArtifact(world: StoreWorld, lists: Lists, pins: Pins, pin: Pin): Promise<Pinned> {
  const { shelf, files, pathOf } = world
  // From now on it is not evicted.
  shelf.pin(pin.sha512)
  try {
    const reader = readerFor(world, lists, "owner")
    const size = shelf.find(pin.sha512, "owner")?.size ?? 0
    for (let start = 0; start < size; start += CHUNK_BYTES) await reader.read(pin.sha512, start, Math.min(CHUNK_BYTES, size - start))
    const entry = shelf.find(pin.sha512, "owner")
    if (entry === undefined) throw new VouchsafeError("NOT_FOUND", `sha512 ${pin.sha512.slice(0, 16)}… is not held, expected it to be fetched before it is pinned`)
    const path = pathOf(pin.sha512, entry.audience, "tgz")
    await onDisk("flush an artifact", async () => {
      for (const each of [path, pathOf(pin.sha512, entry.audience, "chunks"), join(path, ".."), join(path, "../..")]) await flush(files, each)
    })
    return { ...await pins.add(pin, entry.size), isHeld: true }
  } catch (error) {
    if (!pins.has(pin.sha512)) shelf.unpin(pin.sha512)
    throw error
  }
}
