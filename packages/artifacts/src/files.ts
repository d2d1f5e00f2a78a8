/**
 * The disk, with its errors as refusals; an argument, so that tests fill it up and break it.
 *
 * @packageDocumentation
 */
import { constants } from "node:fs"
import { chmod, type FileHandle, lstat, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises"
import { dirname } from "node:path"
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"

export const FILE_MODE = 0o600
export const FOLDER_MODE = 0o700

/** What is used of `node:fs/promises`. */
export interface Files {
  readonly open: typeof open
  readonly rename: typeof rename
  readonly rm: typeof rm
  readonly stat: typeof stat
  readonly utimes: typeof utimes
  readonly readdir: typeof readdir
  readonly readFile: typeof readFile
  readonly mkdir: typeof mkdir
}

export const systemFiles: Files = { open, rename, rm, stat, utimes, readdir, readFile, mkdir }

/** Runs what touches the disk. @throws VouchsafeError DISK. */
export async function onDisk<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    if (isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("DISK", `cannot ${what}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, { cause, hint: "check free space and permissions of the folder of artifacts" })
  }
}

/** What is not there is undefined; everything else that fails is DISK. */
export function orMissing<T>(what: string, action: () => Promise<T>): Promise<T | undefined> {
  return onDisk(what, async () => {
    try {
      return await action()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
      throw error
    }
  })
}

/** Makes a folder that only its owner may enter, or checks that it is one. @throws VouchsafeError DISK, STATE_UNSAFE. */
export async function privateFolder(files: Files, path: string): Promise<void> {
  await onDisk(`make ${path}`, () => files.mkdir(path, { recursive: true, mode: FOLDER_MODE }))
  const found = await onDisk(`look at ${path}`, () => lstat(path))
  const uid = process.getuid?.()
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) throw new VouchsafeError("STATE_UNSAFE", `${path} is no folder of this user, expected one`)
  if ((found.mode & 0o077) !== 0) await onDisk(`close ${path} to others`, () => chmod(path, FOLDER_MODE))
}

/** Opens a file to be read and written in any place, making it. Never through a link. */
export function openPart(files: Files, path: string): Promise<FileHandle> {
  return files.open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, FILE_MODE)
}

/** Writes all of `bytes` at `position`: one call may write fewer. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at)
    if (bytesWritten === 0) throw new VouchsafeError("DISK", "a write to disk wrote nothing")
    at += bytesWritten
  }
}

/** Reads `length` bytes at `position`; undefined where the file ends before. */
export async function readAll(file: FileHandle, position: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(bytes, at, length - at, position + at)
    if (bytesRead === 0) return undefined
    at += bytesRead
  }
  return bytes
}

/** Flushes a file or a folder. */
export async function flush(files: Files, path: string): Promise<void> {
  const file = await files.open(path, "r")
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Writes a small file whole: whoever reads finds the old or the new. With `durable` it is on disk afterwards. */
export async function writeWhole(files: Files, path: string, text: string, durable: boolean): Promise<void> {
  const fresh = `${path}.new`
  const file = await files.open(fresh, "w", FILE_MODE)
  try {
    await file.writeFile(text)
    if (durable) await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(fresh, path)
  if (durable) await flush(files, dirname(path))
}
