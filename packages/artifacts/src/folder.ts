/**
 * The folder of a store as it is found at a start, and what is cleaned up there.
 *
 * @packageDocumentation
 */
import { basename, join } from "node:path"
import { HEX_SHA512, isVouchsafeError } from "@vouchsafe/core"
import { type ChunkList, parseChunkList } from "./chunks.ts"
import { onDisk, orMissing } from "./files.ts"
import { PART_AGE_MS_MAX, PARTS_BYTES_MAX } from "./limits.ts"
import type { Audience } from "./shelf.ts"
import type { StoreWorld } from "./world.ts"

interface Found { readonly sha512: string; readonly audience: Audience; readonly size: number; readonly usedMs: number }

/** Puts all that the folder holds onto the shelf, what was used longest ago first. Half of a pair is removed. */
export async function scan(world: StoreWorld): Promise<void> {
  const found: Found[] = []
  for (const audience of ["everybody", "owner"] as const) {
    const root = join(world.directory, audience === "everybody" ? "shared" : "own")
    for (const folder of await onDisk(`read ${root}`, () => world.files.readdir(root))) found.push(...await scanFolder(world, join(root, folder), audience))
  }
  found.sort((a, b) => a.usedMs - b.usedMs)
  for (const { sha512, audience, size, usedMs } of found) {
    const twin = world.shelf.find(sha512, "owner")
    if (twin === undefined) world.shelf.add(sha512, { size, audience, touchedMs: usedMs })
    // A process that died while it made an artifact everybody's.
    else if (audience === "everybody") {
      await world.remove(sha512)
      world.shelf.add(sha512, { size, audience, touchedMs: usedMs })
    } else for (const suffix of ["tgz", "chunks"] as const) await onDisk("remove a double", () => world.files.rm(world.pathOf(sha512, audience, suffix), { force: true }))
  }
}

async function scanFolder({ files }: StoreWorld, folder: string, audience: Audience): Promise<Found[]> {
  const names = new Set(await onDisk(`read ${folder}`, () => files.readdir(folder)))
  const found = await Promise.all([...names].map(async (name): Promise<Found | undefined> => {
    const [, sha512 = "", suffix] = /^([0-9a-f]{128})\.(tgz|chunks|chunks\.new)$/.exec(name) ?? []
    if (suffix === undefined) return undefined
    const twin = suffix === "tgz" ? `${sha512}.chunks` : `${sha512}.tgz`
    if (suffix === "chunks.new" || !names.has(twin)) {
      await onDisk("remove half of an artifact", () => files.rm(join(folder, name), { force: true }))
      return undefined
    }
    if (suffix !== "tgz") return undefined
    const stats = await orMissing("look at an artifact", () => files.stat(join(folder, name)))
    return stats === undefined ? undefined : { sha512, audience, size: stats.size, usedMs: stats.mtimeMs }
  }))
  return found.flatMap((entry) => entry ?? [])
}

/** The chunk list of an artifact; undefined for one that is missing or does not parse. */
export async function listOf({ files, pathOf }: StoreWorld, sha512: string, audience: Audience): Promise<ChunkList | undefined> {
  const text = await orMissing("read a chunk list", () => files.readFile(pathOf(sha512, audience, "chunks"), "utf8"))
  if (text === undefined) return undefined
  try {
    return parseChunkList(text, sha512)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}

/** Removes spools of a process that died; parts of downloads stay a while. */
export async function cleanSpool(world: StoreWorld): Promise<void> {
  const spool = join(world.directory, "spool")
  for (const name of await onDisk("read the spool", () => world.files.readdir(spool))) {
    if (!isPart(name)) await onDisk("remove a spool", () => world.files.rm(join(spool, name), { recursive: true, force: true }))
  }
  await trimParts(world)
}

/** Removes parts that are old, and the oldest beyond a sum. */
export async function trimParts({ directory, files, clock }: StoreWorld): Promise<void> {
  const spool = join(directory, "spool")
  const parts: { readonly path: string; readonly size: number; readonly atMs: number }[] = []
  for (const name of await onDisk("read the spool", () => files.readdir(spool))) {
    if (!isPart(name)) continue
    const stats = await orMissing("look at a part", () => files.stat(join(spool, name)))
    if (stats !== undefined) parts.push({ path: join(spool, name), size: stats.size, atMs: stats.mtimeMs })
  }
  let left = PARTS_BYTES_MAX
  for (const { path, size, atMs } of parts.sort((a, b) => b.atMs - a.atMs)) {
    left -= size
    if (left < 0 || clock.nowMs() - atMs > PART_AGE_MS_MAX) await onDisk("remove a part", () => files.rm(path, { force: true }))
  }
}

function isPart(name: string): boolean {
  return name.endsWith(".part") && HEX_SHA512.test(basename(name, ".part"))
}
