/**
 * Takes a backup of a data folder while its node runs, or while none does.
 *
 * Order (spec/log-storage.md): databases first, each as it is between two transactions; then what they name. A tile is durable before the head
 * over it is stored, and a document before the entry that names it, so the copy's heads are never ahead of its files. The manifest is
 * written last, and only then does the folder get its name.
 *
 * @packageDocumentation
 */
import { HEX_SHA256, tileCounts, tilePath, VouchsafeError } from "@vouchsafe/core"
import { createHash } from "node:crypto"
import { createReadStream, existsSync } from "node:fs"
import { copyFile, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join, relative, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { type BackedUpFile, formatManifest, KEPT_KEYS, type KeptKey, LOG_NAMES, type LogName, MANIFEST_NAME } from "./format.ts"

const FOLDER_MODE = 0o700
/** Files that are copied at the same time. */
const PARALLEL = 8

/** What can write its database to another file while it is in use. */
export interface Copied {
  copyTo(file: string): Promise<void>
}

/** What a backup is taken from. */
export interface BackupSource {
  readonly data: string
  readonly version: string
  readonly operator: string
  readonly keys: Readonly<Record<KeptKey, string>>
  readonly log: Copied
  readonly notices: Copied
  readonly witness: Copied
  readonly nowSeconds: number
}

/** Where to, and whether private keys go along. */
export interface BackupRequest {
  readonly to: string
  readonly withKeys: boolean
}

/** What was backed up. */
export interface BackupResult {
  readonly to: string
  readonly sizes: Readonly<Record<LogName, number>>
  readonly files: number
  readonly bytes: number
  readonly withKeys: boolean
}

/**
 * Takes a backup.
 * @throws VouchsafeError USAGE when `to` exists or lies in the data folder; LOG_BROKEN when a tile is missing; DISK.
 */
export async function takeBackup(source: BackupSource, request: BackupRequest, onFile: (done: number) => void = () => undefined): Promise<BackupResult> {
  const { data } = source
  const to = checkTarget(data, request.to)
  const partial = `${to}.partial`
  try {
    await mkdir(dirname(to), { recursive: true, mode: FOLDER_MODE })
    await mkdir(partial, { mode: FOLDER_MODE })
  } catch (cause) {
    throw new VouchsafeError("DISK", `${partial} cannot be made: ${(cause as Error).message}`, { hint: "remove what an interrupted backup left there", cause })
  }
  try {
    const databases = await copyDatabases(source, partial)
    const sizes = { log: signedSize(partial, "log"), notices: signedSize(partial, "notices") }
    const paths = [...tilesOf("log", sizes.log), ...tilesOf("notices", sizes.notices), ...await blobsOf(data), ...await proofsOf(data), ...["node.json", "roster.json"].filter((name) => existsSync(join(data, name)))]
    if (request.withKeys) paths.push(...KEPT_KEYS.map((role) => `keys/${role}.key`))
    let done = 0
    const copied = await inParallel(paths, async (path) => {
      await copyDurably(join(data, path), join(partial, path), path)
      onFile(++done)
      return await describe(partial, path)
    })
    const files = [...await inParallel(databases, (path) => describe(partial, path)), ...copied]
    const { version, operator, keys, nowSeconds } = source
    await writeDurably(join(partial, MANIFEST_NAME), formatManifest({ version, operator, takenAtSeconds: nowSeconds, keys, sizes, files }))
    await syncFolders(partial)
    await rename(partial, to)
    await sync(dirname(to))
    return { to, sizes, files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), withKeys: request.withKeys }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** A place that nothing has, outside of what is copied. */
function checkTarget(data: string, target: string): string {
  const to = resolve(target)
  if (existsSync(to)) throw new VouchsafeError("USAGE", `${to} exists, expected a name for a new backup`)
  const inside = relative(resolve(data), to)
  if (!inside.startsWith("..")) throw new VouchsafeError("USAGE", `${to} lies in the data folder, expected a place outside`)
  return to
}

async function copyDatabases(source: BackupSource, partial: string): Promise<string[]> {
  const paths: string[] = []
  const copy = async (from: Copied, path: string): Promise<void> => {
    const target = join(partial, path)
    await mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE })
    await writeFile(target, "", { mode: 0o600 })
    await from.copyTo(target)
    await sync(target)
    paths.push(path)
  }
  for (const name of LOG_NAMES) await copy(source[name], `${name}/log.sqlite`)
  await copy(source.witness, "witness/witness.sqlite")
  return paths
}

/** Size of the tree that the copied database signed last. */
function signedSize(partial: string, name: LogName): number {
  const database = new DatabaseSync(join(partial, name, "log.sqlite"), { readOnly: true })
  try {
    const size = database.prepare("SELECT size FROM heads WHERE kind = 'signed'").get()?.["size"]
    if (typeof size !== "number") throw new VouchsafeError("LOG_BROKEN", `the ${name} log has signed nothing yet, expected at least its empty tree`)
    return size
  } finally {
    database.close()
  }
}

/** Full tiles and bundles of a tree. Those beyond it stay behind: opening a log refuses files that its database does not know. */
function tilesOf(name: LogName, size: number): string[] {
  const counts = tileCounts(size)
  const full = (level: number | "entries"): string[] => Array.from({ length: counts[level === "entries" ? 0 : level]?.full ?? 0 }, (_, index) => `${name}/${tilePath(level, index)}`)
  return [...full("entries"), ...counts.flatMap((_, level) => full(level))]
}

async function blobsOf(data: string): Promise<string[]> {
  if (!existsSync(join(data, "blobs"))) return []
  const found = await readdir(join(data, "blobs"), { recursive: true })
  return found.map((path) => `blobs/${path}`).filter((path) => HEX_SHA256.test(path.slice("blobs/xx/".length)))
}

/** Proofs that somebody lied are kept for ever. Whom one convicts is written beside it before it is; a proof that is being written is left out. */
async function proofsOf(data: string): Promise<string[]> {
  const folder = join(data, "gossip", "proofs")
  const names = existsSync(folder) ? await readdir(folder) : []
  return names.filter((name) => /^[0-9a-f]{64}\.json$/.test(name)).flatMap((name) => [`gossip/proofs/${name}`, `gossip/proofs/${name.replace(/json$/, "vkey")}`])
}

async function copyDurably(from: string, target: string, path: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE })
  try {
    await copyFile(from, target)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw new VouchsafeError("DISK", `${path} cannot be copied: ${(cause as Error).message}`, { cause })
    throw new VouchsafeError("LOG_BROKEN", `${path} is missing`, { hint: "run `vouchsafe-node fsck`", cause })
  }
  await sync(target)
}

async function describe(folder: string, path: string): Promise<BackedUpFile> {
  return { path, ...await digestOf(join(folder, path)) }
}

/** Size and digest of a file, read in pieces. */
export async function digestOf(file: string): Promise<{ readonly size: number; readonly sha256: string }> {
  const hash = createHash("sha256")
  let size = 0
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    size += chunk.length
    hash.update(chunk)
  }
  return { size, sha256: hash.digest("hex") }
}

/** Runs a task for each item, some at a time, results in order. Begins none after a failure, and throws it only when none is in work any more. */
export async function inParallel<T, R>(items: readonly T[], task: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const failures: unknown[] = []
  let next = 0
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, async () => {
    for (let i = next++; i < items.length && failures.length === 0; i = next++) {
      try {
        results[i] = await task(items[i] as T)
      } catch (error) {
        failures.push(error)
      }
    }
  }))
  if (failures.length > 0) throw failures[0]
  return results
}

/** Writes a file, durable on return. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flush: true })
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the names in a tree of folders durable. */
export async function syncFolders(folder: string): Promise<void> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  await inParallel(found.filter((one) => one.isDirectory()), (one) => sync(join(one.parentPath, one.name)))
  await sync(folder)
}
