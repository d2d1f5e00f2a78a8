import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"

/** True for Node's error about a file that does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT"
}

/** SQLite's primary result codes that have a meaning of their own here. */
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

function sqliteCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined
  // The low byte is the primary code, the rest says more.
  return error.errcode % 256
}

/** Turns what disk or database threw into a typed error; typed errors pass through. RangeErrors and TypeErrors are bugs and pass too. */
export function asDiskError(what: string, error: unknown): Error {
  if (isVouchsafeError(error)) return error
  const code = sqliteCodeOf(error)
  if (code === undefined && (error instanceof RangeError || error instanceof TypeError)) return error
  const reason = error instanceof Error ? error.message : String(error)
  if (code === SQLITE_BUSY) {
    return new VouchsafeError("STATE_UNSAFE", `${what}: it is open in another process`, { hint: "stop the other process first", cause: error })
  }
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) return new VouchsafeError("LOG_BROKEN", `${what}: ${reason}`, { cause: error })
  return new VouchsafeError("DISK", `${what}: ${reason}`, { cause: error })
}
