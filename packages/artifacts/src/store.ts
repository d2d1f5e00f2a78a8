/**
 * Tarballs by sha512 as files, within a quota (spec/artifacts.md, "What a node keeps"). A cache: whatever is read is hashed again.
 *
 * One process a folder. Order of a file: spooled and hashed → its chunk list written → renamed to its digest → counted.
 *
 * @packageDocumentation
 */
import { join } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { type DownloadOptions, downloadArtifact } from "./download.ts"
import { type Files, flush, onDisk, privateFolder, systemFiles } from "./files.ts"
import { cleanSpool, listOf, scan, trimParts } from "./folder.ts"
import { ARTIFACT_BYTES_MAX, CHUNK_BYTES } from "./limits.ts"
import type { ArtifactReader } from "./peer-protocol.ts"
import { openPins, type Pin, type Pinned, type Pins } from "./pins.ts"
import { createLists, type Lists, readerFor } from "./reader.ts"
import { type Audience, createShelf } from "./shelf.ts"
import { createWorld, type StoreWorld } from "./world.ts"
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
  const fetching = new Map<string, { readonly audience: Audience; readonly done: Promise<readonly string[]> }>()
  const fetch: ArtifactStore["fetch"] = async (options, audience) => {
    const held = shelf.find(options.sha512, "owner")
    if (held !== undefined && (held.audience === "everybody" || audience === "owner")) return []
    const running = fetching.get(options.sha512)
    if (running === undefined) {
      const done = fetchInto(world, options, audience).finally(() => fetching.delete(options.sha512))
      fetching.set(options.sha512, { audience, done })
      return done
    }
    if (running.audience === "everybody" || audience === "owner") return running.done
    // what the owner alone may have is not everybody's: theirs is fetched once that is done, whatever came of it
    await Promise.allSettled([running.done])
    return fetch(options, audience)
  }
  return {
    reader: (audience) => readerFor(world, lists, audience),
    size: (sha512, audience) => shelf.find(sha512, audience)?.size,
    async writer(audience, bytesExpected = 0) {
      if (bytesExpected > ARTIFACT_BYTES_MAX) throw new VouchsafeError("DISK", `an artifact of ${bytesExpected} bytes, expected at most ${ARTIFACT_BYTES_MAX}`)
      return createWriter(world, audience)
    },
    fetch,
    pin: (pin) => pinArtifact(world, lists, pins, pin),
    unpin: (given) => pins.remove(given, (sha512) => shelf.unpin(sha512)),
    pins: () => pins.list().map((pin) => ({ ...pin, isHeld: shelf.find(pin.sha512, "owner") !== undefined })),
    status: () => ({ quotaBytes, ...shelf.counts(), pinned: pins.list().length }),
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
