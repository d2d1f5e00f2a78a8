/**
 * SQLite files of this process alone, with one set of tables each.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import { chmodSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

const FILE_MODE = 0o600

/** What a file holds. */
export interface Tables {
  /** Statements that make them. */
  readonly sql: string
  /** Of the tables, kept in the file. */
  readonly version: number
  /** What to do about a file of another version. */
  readonly hint: string
  /** Every commit survives a power cut; else a crash may lose the last ones and nothing more. */
  readonly durable: boolean
}

/**
 * Opens a file, making it where there is none, and hands it to `use`, which keeps it; it is closed where that throws.
 * @throws VouchsafeError STATE_UNSAFE for tables of another version, what SQLite throws, and what `use` throws.
 */
export function openTables<T>(path: string, { sql, version, hint, durable }: Tables, use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path)
  try {
    chmodSync(path, FILE_MODE)
    // The data folder is held by this process; nobody else opens the file.
    database.exec(`PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; ${durable ? "PRAGMA synchronous=FULL; PRAGMA fullfsync=ON" : "PRAGMA synchronous=NORMAL"}`)
    const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"])
    if (found === 0) database.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version=${version}; COMMIT`)
    else if (found !== version) throw new VouchsafeError("STATE_UNSAFE", `${path} has tables of version ${found}, expected ${version}`, { hint })
    return use(database)
  } catch (error) {
    database.close()
    throw error
  }
}

/** Runs work on a file; what SQLite throws becomes a failure of the disk. @throws VouchsafeError DISK, and those of `work`. */
export function onDisk<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("DISK", `${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
