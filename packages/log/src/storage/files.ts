/**
 * Full tiles and entry bundles as plain files: written under another name, synced, renamed, and their directories synced.
 *
 * @packageDocumentation
 */
import { readdir, readFile, rm } from "node:fs/promises"
import { dirname, join, relative, sep } from "node:path"
import { type Bytes, equalBytes, isVouchsafeError, parseTilePath, TILE_WIDTH, VouchsafeError } from "@vouchsafe/core"
import type { LogFile, LogFiles } from "@vouchsafe/ports"
import { PARALLEL_WRITES_MAX } from "../limits.ts"
import { type Disk, nodeDisk } from "./disk.ts"
import { asLogDiskError, isMissing } from "./errors.ts"
import { createLender, type LendFile } from "./lent.ts"

const TILES = "tile"
const SCRATCH = "tmp"

/** Nothing but a full tile's path becomes a file name: no text from outside reaches the file system. */
function placeOf(directory: string, path: string): string {
  if (parseTilePath(path).width !== TILE_WIDTH) throw new RangeError(`${path} is a partial tile: only full ones are files`)
  return join(directory, ...path.split("/"))
}

/** Reads one of the files below `directory`, which somebody else may be writing: a file is there whole or not at all. */
export async function readTileFile(directory: string, path: string): Promise<Bytes | undefined> {
  return readIfThere(placeOf(directory, path))
}

/** As {@link readTileFile}, for bytes that are needed no longer than `use` runs. */
export async function lendTileFile<T>(lend: LendFile, directory: string, path: string, use: (bytes: Bytes) => T): Promise<{ readonly used: T } | undefined> {
  const file = placeOf(directory, path)
  let lent: Awaited<ReturnType<typeof lend<T>>>
  try {
    lent = await lend(file, use)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw isVouchsafeError(error) ? error : asLogDiskError(`cannot read ${file}`, error)
  }
  if (lent !== "large") return lent
  const bytes = await readIfThere(file)
  return bytes === undefined ? undefined : { used: use(bytes) }
}

/** Waits for all, also when one fails: nothing goes on behind the back of whoever was told of the failure. */
async function allOf<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work)
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason
    return one.value
  })
}

async function readIfThere(file: string): Promise<Bytes | undefined> {
  try {
    // Plain, as every driver answers: a Buffer's slice would share memory where an array's copies.
    const buffer = await readFile(file)
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw asLogDiskError(`cannot read ${file}`, error)
  }
}

/**
 * Write-once files below one directory, named by their tlog-tiles path. Prepares the directory: what an interrupted write left behind is
 * removed, so whoever opens it must be the only one who writes there.
 */
export async function openTileFiles(directory: string, disk: Disk = nodeDisk): Promise<LogFiles> {
  const scratch = join(directory, SCRATCH)
  await rm(scratch, { recursive: true, force: true })
  await disk.makeDirectory(scratch)
  await disk.makeDirectory(join(directory, TILES))
  await disk.syncDirectory(directory)
  const lend = createLender()
  let scratchCount = 0

  /** Returns the directories whose names must be synced: the file's own and, where they may be new, those above. */
  const putFile = async ({ path, bytes }: LogFile): Promise<string[]> => {
    const target = placeOf(directory, path)
    const there = await readIfThere(target)
    if (there !== undefined && !equalBytes(there, bytes)) {
      throw new VouchsafeError("LOG_BROKEN", `${path} already holds other bytes than the ${bytes.length} to store`, {
        details: { path },
        hint: "the log's database may be an older copy than its tiles; run `vouchsafe-node fsck`",
      })
    }
    await disk.makeDirectory(dirname(target))
    if (there === undefined) {
      const temporary = join(scratch, String(scratchCount++))
      await disk.writeNew(temporary, bytes)
      await disk.rename(temporary, target)
    }
    // A file found in place may stem from a write that ended between rename and sync.
    const touched: string[] = []
    for (let at = dirname(target); at.length >= directory.length; at = dirname(at)) touched.push(at)
    return touched
  }

  return {
    async putFiles(files) {
      const touched = new Set<string>()
      try {
        for (let i = 0; i < files.length; i += PARALLEL_WRITES_MAX) {
          const lists = await allOf(files.slice(i, i + PARALLEL_WRITES_MAX).map(putFile))
          for (const path of lists.flat()) touched.add(path)
        }
        await allOf([...touched].map((path) => disk.syncDirectory(path)))
      } catch (error) {
        throw asLogDiskError(`cannot store tiles in ${directory}`, error)
      }
    },
    readFile: async (path) => readTileFile(directory, path),
    lendFile: (path, use) => lendTileFile(lend, directory, path, use),
    async listFiles() {
      const found = await readdir(join(directory, TILES), { recursive: true, withFileTypes: true })
      return found.filter((one) => !one.isDirectory())
        .map((one) => relative(directory, join(one.parentPath, one.name)).split(sep).join("/")).sort()
    },
  }
}
