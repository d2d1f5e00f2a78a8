import { VouchsafeError } from "@vouchsafe/core"
import { chmodSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

const FILE_MODE = 0o600

/** What a file holds. */
export interface Tables {
  /** Statements that make them. */
  readonly sql: string
  /** Of the tables, kept in the file. Whole, above 0. */
  readonly version: number
  /** What to do about a file of another version. */
  readonly hint: string
}

export interface OpenOptions {
  readonly tables: Tables
  /** `commits`: each survives a power cut. `file`: it stays whole, and the last commits may be lost. */
  readonly keeps: "commits" | "file"
  /** Milliseconds to wait for other processes that write. Absent: this process alone has the file, by a lock that the kernel drops with it, however it ends. */
  readonly sharedWaitMs?: number
  /** Memory for pages; by default SQLite's own 2,000 KiB. */
  readonly cacheKiB?: number
}

/**
 * Opens a file, making it and its tables where there are none. Only its owner can read it.
 * @throws VouchsafeError STATE_UNSAFE for tables of another version, and what SQLite and the system throw: see `asDiskError`.
 */
export function openDatabase(file: string, { tables, keeps, sharedWaitMs, cacheKiB }: OpenOptions): DatabaseSync {
  const database = new DatabaseSync(file)
  try {
    chmodSync(file, FILE_MODE)
    const pragmas = [
      // Before the first use of the WAL, so that its index lives in this process and the lock is exclusive from the start.
      sharedWaitMs === undefined ? "locking_mode=EXCLUSIVE" : `busy_timeout=${sharedWaitMs}`,
      "journal_mode=WAL",
      ...keeps === "commits" ? ["synchronous=FULL", "fullfsync=ON", "checkpoint_fullfsync=ON"] : ["synchronous=NORMAL"],
      ...cacheKiB === undefined ? [] : [`cache_size=-${cacheKiB}`],
    ]
    database.exec(pragmas.map((pragma) => `PRAGMA ${pragma};`).join(" "))
    inTransaction(database, () => ensureTables(database, file, tables))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Opens a file and hands it to `use`, which keeps it; where that throws, the file is closed. @throws as {@link openDatabase}, and what `use` throws. */
export function openStore<T>(file: string, options: OpenOptions, use: (database: DatabaseSync) => T): T {
  const database = openDatabase(file, options)
  try {
    return use(database)
  } catch (error) {
    database.close()
    throw error
  }
}

function ensureTables(database: DatabaseSync, file: string, { sql, version, hint }: Tables): void {
  const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"])
  if (found === 0) database.exec(`${sql} PRAGMA user_version=${version}`)
  else if (found !== version) throw new VouchsafeError("STATE_UNSAFE", `${file} has tables of version ${found}, expected ${version}`, { hint })
}

/**
 * Runs `work` in one transaction: all of it is committed when this returns, nothing of it when `work` throws. When the commit itself fails, that of the disk is unknown.
 * @throws what `work` and SQLite throw; VouchsafeError DISK when it could not be undone.
 */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE")
  try {
    const result = work()
    database.exec("COMMIT")
    return result
  } catch (error) {
    undo(database, error)
    throw error
  }
}

function undo(database: DatabaseSync, reason: unknown): void {
  try {
    database.exec("ROLLBACK")
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    // After some failures SQLite has rolled back by itself.
    if (words.includes("no transaction is active")) return
    throw new VouchsafeError("DISK", `a transaction failed and could not be undone: ${words}`, { cause: reason })
  }
}
