/**
 * How much of the disk a run has taken: folders are walked, but only when the file system's own counters say that it may matter.
 *
 * @packageDocumentation
 */
import { lstatSync, readdirSync, statfsSync, statSync } from "node:fs"
import { type ProcessFacts, readOrGone, unlinkedBytes } from "./processes.ts"

const BLOCK_BYTES = 512
/** What an entry costs at least: names and inodes take room too. */
const ENTRY_BYTES = 4096
/** What the kernel keeps of a file in memory besides its contents, about. */
const MEMORY_ENTRY_BYTES = 1024
/** A walk ends here: so many entries are over any limit that ends in bytes of a disk. */
const ENTRIES_MAX = 2_000_000
/** The file system must keep this much free, whoever takes it. */
export const DISK_FREE_BYTES_MIN = 256 * 1024 * 1024
/** Next walk no earlier than this, and no earlier than {@link WALK_SHARE} times what the last one took. */
const WALK_MS_MIN = 250
const WALK_SHARE = 10
/** Walk at least this often, in case that something else frees what the run takes. */
const WALK_MS_MAX = 5_000

/** Watches the writable folders of one run. */
export interface DiskMeter {
  /** Looks now. @returns what is wrong, for people; undefined: nothing. */
  check(processes: readonly ProcessFacts[], nowMs: number): string | undefined
}

interface Room { readonly freeBytes: number; readonly freeEntries: number }

/**
 * @param folders - writable mounts; what they hold at the start does not count
 * @param bytesMax - what they may grow by, together
 */
export function createDiskMeter(folders: readonly string[], bytesMax: number): DiskMeter {
  const devices = new Set(folders.map((folder) => statSync(folder).dev))
  const places = [...new Map(folders.map((folder) => [statSync(folder).dev, folder])).values()]
  const heldAtStart = walkAll(folders)
  let held = heldAtStart
  let roomAtWalk = places.map(roomOf)
  let walkedMs = 0
  let walkTookMs = 0
  const walk = (processes: readonly ProcessFacts[], nowMs: number): number => {
    const startedMs = performance.now()
    held = walkAll(folders) + unlinkedBytes(processes, devices)
    roomAtWalk = places.map(roomOf)
    walkTookMs = performance.now() - startedMs
    walkedMs = nowMs
    return held - heldAtStart
  }
  return {
    check(processes, nowMs) {
      if (folders.length === 0) return undefined
      const rooms = places.map(roomOf)
      const full = rooms.findIndex(({ freeBytes }) => freeBytes < DISK_FREE_BYTES_MIN)
      if (full >= 0) return `the disk has ${(rooms[full] as Room).freeBytes} bytes left, expected at least ${DISK_FREE_BYTES_MIN}`
      const takenSince = rooms.reduce((sum, room, index) => sum + takenBetween(roomAtWalk[index] as Room, room), 0)
      const agoMs = nowMs - walkedMs
      const due = held - heldAtStart + takenSince > bytesMax || agoMs >= WALK_MS_MAX
      if (!due || agoMs < Math.max(WALK_MS_MIN, walkTookMs * WALK_SHARE)) return undefined
      const grown = walk(processes, nowMs)
      return grown > bytesMax ? `writable folders grew by ${grown} bytes, expected at most ${bytesMax}` : undefined
    },
  }
}

/**
 * Bytes used of a file system in memory that a run sees at `place`, looked at through its first process. Entries take room there too.
 * Undefined where another one is there: before the sandbox stands, or where a mount covers it. Its size tells.
 */
export function memoryDiskUse(pid: number, place: string, sizeBytes: number): number | undefined {
  const stats = readOrGone(() => statfsSync(`/proc/${pid}/root${place}`))
  if (stats === undefined || Math.abs(stats.blocks * stats.bsize - sizeBytes) >= stats.bsize) return undefined
  return (stats.blocks - stats.bfree) * stats.bsize + (stats.files - stats.ffree) * MEMORY_ENTRY_BYTES
}

function takenBetween(before: Room, after: Room): number {
  return Math.max(0, before.freeBytes - after.freeBytes) + Math.max(0, before.freeEntries - after.freeEntries) * ENTRY_BYTES
}

function roomOf(folder: string): Room {
  const { bavail, bsize, ffree } = statfsSync(folder)
  return { freeBytes: bavail * bsize, freeEntries: ffree }
}

/** Bytes below all folders; links are not followed, and what goes away meanwhile counts nothing. */
function walkAll(folders: readonly string[]): number {
  const waiting = [...folders]
  let bytes = 0
  let entries = 0
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const current = folder
    for (const entry of readOrGone(() => readdirSync(current, { withFileTypes: true })) ?? []) {
      const path = `${current}/${entry.name}`
      if (entry.isDirectory()) waiting.push(path)
      const stats = readOrGone(() => lstatSync(path))
      bytes += Math.max(ENTRY_BYTES, (stats?.blocks ?? 0) * BLOCK_BYTES)
      entries += 1
      if (entries >= ENTRIES_MAX) return Number.MAX_SAFE_INTEGER
    }
  }
  return bytes
}
