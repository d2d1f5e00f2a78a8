/**
 * `vouchsafe.lock` as a file (spec/client.md, "Lock"): where it is, reading it, and replacing it whole or not at all.
 *
 * @packageDocumentation
 */
import { statSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"
import { isVouchsafeError, type Lock, parseLock, VouchsafeError } from "@vouchsafe/core"
import { nodeCrypto } from "./crypto.ts"
import { diskError, readTextIfPresent, systemCode, writeFileAtomic } from "./files.ts"

export const LOCK_NAME = "vouchsafe.lock"
/** Largest lock that is read, in bytes: 20,000 lines of 400 bytes, their proofs, and as much again. */
export const LOCK_BYTES_MAX = 32 * 1_048_576
/** Not executable; what else nobody may do the person's umask says. */
const FILE_MODE = 0o666
const HINT_BROKEN = "resolve it by hand, or remove the file; then run `npx vouchsafe lock`"

/** A lock that was read. */
export interface LockFile {
  readonly path: string
  readonly text: string
  readonly lock: Lock
}

/**
 * Finds the lock that a folder goes by: the nearest one upwards, no further up than the folder of the policy. Where the policy is not above the
 * folder (the person's own), only the folder itself has one.
 */
export function findLockFile(startDir: string, policyDir: string): string | undefined {
  const start = resolve(startDir)
  const way = relative(policyDir, start)
  const isAbove = way !== ".." && !way.startsWith(`..${sep}`) && resolve(policyDir, way) === start
  for (let dir = start; ; dir = dirname(dir)) {
    const path = join(dir, LOCK_NAME)
    if (sizeOf(path) !== undefined) return path
    if (!isAbove || dir === resolve(policyDir) || dir === dirname(dir)) return undefined
  }
}

/**
 * Reads a lock; undefined where there is none.
 * @throws VouchsafeError LOCK_MALFORMED, which names file and line; DISK.
 */
export function readLockFile(path: string): LockFile | undefined {
  const bytes = sizeOf(path)
  if (bytes === undefined) return undefined
  if (bytes > LOCK_BYTES_MAX) throw new VouchsafeError("LOCK_MALFORMED", `${path} has ${bytes} bytes, expected at most ${LOCK_BYTES_MAX}`, { hint: HINT_BROKEN })
  const text = readTextIfPresent(path)
  if (text === undefined) return undefined
  try {
    return { path, text, lock: parseLock(nodeCrypto, text) }
  } catch (cause) {
    if (!isVouchsafeError(cause, "LOCK_MALFORMED")) throw cause
    throw new VouchsafeError("LOCK_MALFORMED", `${path}: ${cause.message.replace(/^vouchsafe\.lock: /, "")}`, { cause, hint: cause.hint ?? HINT_BROKEN, details: cause.details })
  }
}

/**
 * Replaces a lock. What is there must be what the new one was made from: another one, or one that does not parse, stays.
 *
 * @param expected - text of the lock that was read; undefined where there was none
 * @throws VouchsafeError LOCK_MALFORMED for a lock that does not parse, DISK.
 */
export function writeLockFile(path: string, text: string, expected: string | undefined): void {
  const current = readLockFile(path)?.text
  if (current !== expected) throw new VouchsafeError("DISK", `${path} changed while its successor was made`, { hint: "run it again" })
  if (current === text) return
  writeFileAtomic(path, text, { durable: true, mode: current === undefined ? FILE_MODE : modeOf(path) })
}

function modeOf(path: string): number {
  try {
    return statSync(path).mode
  } catch (error) {
    throw diskError(`writing ${path}`, error)
  }
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size
  } catch (error) {
    if (systemCode(error) === "ENOTDIR") return undefined
    throw diskError(`looking for ${path}`, error)
  }
}
