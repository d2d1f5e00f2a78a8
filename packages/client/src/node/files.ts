/**
 * Files of the cache and the state: private folders, whole-or-nothing writes.
 *
 * Synchronous on purpose: a client lives two seconds, its files are small, and opening 500 of them through promises costs several times the CPU.
 *
 * @packageDocumentation
 */
import { randomBytes } from "node:crypto"
import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700
/** Permission bits of everybody but the owner. */
const OTHERS = 0o077

/** Code of a failed system call, or undefined for another kind of error. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined
}

/** Turns a failed system call into the typed error; anything else is a bug and passes through. */
export function diskError(what: string, error: unknown): VouchsafeError {
  const code = systemCode(error)
  if (code === undefined) throw error
  return new VouchsafeError("DISK", `${what} failed (${code})`, { cause: error, details: { cause: code } })
}

/** Text of a file, or undefined where there is none. @throws VouchsafeError DISK. */
export function readTextIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined
    throw diskError(`reading ${path}`, error)
  }
}

/** Makes a folder and its parents, open to nobody else. @throws VouchsafeError DISK. */
export function makePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE })
  } catch (error) {
    throw diskError(`making folder ${path}`, error)
  }
}

/** Why a folder cannot hold what others must not change, or undefined when it can. On Windows only its existence is checked. */
export function whyUnsafe(path: string): string | undefined {
  let stats: ReturnType<typeof lstatSync>
  try {
    stats = lstatSync(path)
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    return `cannot be examined (${code})`
  }
  if (!stats.isDirectory()) return "is no folder"
  const own = process.getuid?.()
  if (own === undefined) return undefined
  if (stats.uid !== own) return `belongs to user ${stats.uid}, expected ${own}`
  if ((stats.mode & OTHERS) !== 0) return `has mode ${(stats.mode & 0o777).toString(8)}, expected 700`
  return undefined
}

/**
 * Makes sure that a folder exists, is ours and is closed to others.
 * @throws VouchsafeError STATE_UNSAFE, DISK.
 */
export function requirePrivateDirectory(path: string): void {
  makePrivateDirectory(path)
  const why = whyUnsafe(path)
  if (why === undefined) return
  throw new VouchsafeError("STATE_UNSAFE", `folder ${path} ${why}`, {
    hint: `make it your own with \`chmod 700 ${path}\`, or remove it if you do not know who made it`,
  })
}

let temporaryCount = 0

/**
 * Replaces a file whole or not at all: temporary file, (fsync,) rename(, fsync of the folder).
 * With `durable` the new content survives a power cut once this returns. `mode` is the owner's alone by default; the person's umask takes from it. @throws VouchsafeError DISK.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array, options: { readonly durable: boolean, readonly mode?: number }): void {
  const temporary = `${path}.${process.pid}.${temporaryCount++}.${randomBytes(4).toString("hex")}.tmp`
  try {
    const file = openSync(temporary, "wx", options.mode ?? FILE_MODE)
    try {
      writeWhole(file, typeof content === "string" ? Buffer.from(content, "utf8") : content)
      if (options.durable) fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    if (options.durable) syncDirectory(dirname(path))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw diskError(`writing ${path}`, error)
  }
}

/** write(2) may take less than it was given. */
function writeWhole(file: number, bytes: Uint8Array): void {
  let written = 0
  while (written < bytes.length) written += writeSync(file, bytes, written)
}

/** Makes a rename durable. Windows has no such call; its file system journals renames. */
function syncDirectory(path: string): void {
  if (process.platform === "win32") return
  const directory = openSync(path, "r")
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
