import { type ErrorCode, isVouchsafeError, VouchsafeError } from "@vouchsafe/core"

/** SQLite's primary result codes that have a meaning of their own here. */
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

export interface DiskErrorOptions {
  /** Code for a file that is damaged, or none of SQLite's; DISK by default. */
  readonly damaged?: ErrorCode
  /** Other processes may have the file too: one that writes for too long is a failure like any other, DISK. */
  readonly isShared?: boolean
  readonly hint?: string
}

function sqliteCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined
  // The low byte is the primary code, the rest says more.
  return error.errcode % 256
}

/**
 * Turns what disk or database threw into a typed error: STATE_UNSAFE for a file that another process has, else DISK. Typed errors pass through; so do RangeErrors and
 * TypeErrors, which are bugs.
 */
export function asDiskError(what: string, error: unknown, { damaged = "DISK", isShared = false, hint }: DiskErrorOptions = {}): Error {
  if (isVouchsafeError(error)) return error
  const code = sqliteCodeOf(error)
  if (code === undefined && (error instanceof RangeError || error instanceof TypeError)) return error
  if (code === SQLITE_BUSY && !isShared) return new VouchsafeError("STATE_UNSAFE", `${what}: it is open in another process`, { hint: "stop the other process first", cause: error })
  const isDamaged = code === SQLITE_CORRUPT || code === SQLITE_NOTADB
  return new VouchsafeError(isDamaged ? damaged : "DISK", `${what}: ${error instanceof Error ? error.message : String(error)}`, { hint, cause: error })
}

/** Runs work on a file. @throws as {@link asDiskError} has it. */
export function runOnDisk<T>(what: string, work: () => T, options?: DiskErrorOptions): T {
  try {
    return work()
  } catch (error) {
    throw asDiskError(what, error, options)
  }
}
