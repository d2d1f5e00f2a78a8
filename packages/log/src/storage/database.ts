/**
 * The transactional part of a log on disk: one SQLite file, held exclusively.
 *
 * @packageDocumentation
 */
import { DatabaseSync } from "node:sqlite"
import { VouchsafeError } from "@vouchsafe/core"

/** Version of the tables below, kept in the file. */
const SCHEMA_VERSION = 1

const TABLES = `
CREATE TABLE heads (kind TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, text TEXT, keyCount INTEGER) WITHOUT ROWID;
CREATE TABLE entries (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE hashes (level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, idx)) WITHOUT ROWID;
CREATE TABLE keys (key TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (key, idx)) WITHOUT ROWID;
`

/** Runs `work` in one transaction: all of it becomes durable when this returns, nothing of it when it throws before the commit. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE")
  let result: T
  try {
    result = work()
  } catch (error) {
    rollBack(database, error)
    throw error
  }
  database.exec("COMMIT")
  return result
}

function rollBack(database: DatabaseSync, reason: unknown): void {
  try {
    database.exec("ROLLBACK")
  } catch (error) {
    // After some failures SQLite has rolled back by itself; which ones is not worth knowing: unknown means open anew.
    const words = error instanceof Error ? error.message : String(error)
    throw new VouchsafeError("DISK", `a transaction failed and could not be undone: ${words}`, { cause: reason })
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.["user_version"])
}

/**
 * Opens the file, creating it when missing, and takes its lock: a POSIX lock that the kernel drops with the process, however it ends.
 * Throws what SQLite throws, and STATE_UNSAFE for tables of another version.
 */
export function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file)
  try {
    // Before the first use of the WAL, so that its index lives in this process and the lock is exclusive from the start.
    database.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON")
    inTransaction(database, () => {
      const version = versionOf(database)
      if (version === 0) database.exec(`${TABLES} PRAGMA user_version=${SCHEMA_VERSION}`)
      else if (version !== SCHEMA_VERSION) {
        throw new VouchsafeError("STATE_UNSAFE", `${file} has tables of version ${version}, expected ${SCHEMA_VERSION}`, {
          hint: "it was written by another version of this program",
        })
      }
    })
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
