/**
 * A witness's memory in one SQLite file of its own.
 *
 * @packageDocumentation
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync, type SQLOutputValue } from "node:sqlite"
import { type Bytes, concatBytes, HASH_BYTES, isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { WitnessedHead, WitnessedMisbehavior, WitnessStore } from "@vouchsafe/ports"

/** Milliseconds to wait for another process that writes. */
const BUSY_TIMEOUT_MS = 1000
/** Version of the tables below, kept in the file. */
const SCHEMA_VERSION = 1
const DIRECTORY_MODE = 0o700

const TABLES = `
CREATE TABLE heads (originHash TEXT PRIMARY KEY, origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, text TEXT NOT NULL,
  timeSeconds INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE misbehavior (number INTEGER PRIMARY KEY, originHash TEXT NOT NULL, origin TEXT NOT NULL, older TEXT NOT NULL, newer TEXT NOT NULL,
  consistency BLOB NOT NULL, seenAtSeconds INTEGER NOT NULL, UNIQUE (originHash, older, newer));
`

type Row = Record<string, SQLOutputValue>

function textIn(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== "string") throw new VouchsafeError("DISK", `witness database: column ${column} holds ${typeof value}, expected text`)
  return value
}

function numberIn(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== "number") throw new VouchsafeError("DISK", `witness database: column ${column} holds ${typeof value}, expected a number`)
  return value
}

function bytesIn(row: Row, column: string): Bytes {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw new VouchsafeError("DISK", `witness database: column ${column} holds ${typeof value}, expected bytes`)
  return value
}

function headIn(row: Row): WitnessedHead {
  return {
    origin: textIn(row, "origin"), size: numberIn(row, "size"), root: bytesIn(row, "root"), text: textIn(row, "text"),
    timeSeconds: numberIn(row, "timeSeconds"),
  }
}

function evidenceIn(row: Row): WitnessedMisbehavior {
  const hashes = bytesIn(row, "consistency")
  const consistency = Array.from({ length: hashes.length / HASH_BYTES }, (_, i) => hashes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES))
  return {
    origin: textIn(row, "origin"), older: textIn(row, "older"), newer: textIn(row, "newer"), consistency, seenAtSeconds: numberIn(row, "seenAtSeconds"),
  }
}

function asDiskError(what: string, error: unknown): Error {
  if (isVouchsafeError(error)) return error
  return new VouchsafeError("DISK", `${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
}

/** The name of a new file is durable only once its directory is; Windows opens no directories and journals names. */
function syncDirectory(directory: string): void {
  if (process.platform === "win32") return
  const descriptor = openSync(directory, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function prepareTables(database: DatabaseSync, file: string): void {
  database.exec(`PRAGMA busy_timeout=${BUSY_TIMEOUT_MS}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON`)
  database.exec("BEGIN IMMEDIATE")
  try {
    const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"])
    if (version === 0) database.exec(`${TABLES} PRAGMA user_version=${SCHEMA_VERSION}`)
    else if (version !== SCHEMA_VERSION) {
      throw new VouchsafeError("STATE_UNSAFE", `${file} has tables of version ${version}, expected ${SCHEMA_VERSION}`, {
        hint: "it was written by another version of this program",
      })
    }
  } catch (error) {
    database.exec("ROLLBACK")
    throw error
  }
  database.exec("COMMIT")
}

function prepareAll(database: DatabaseSync) {
  return {
    head: database.prepare("SELECT origin, size, root, text, timeSeconds FROM heads WHERE originHash = ?"),
    insert: database.prepare("INSERT OR IGNORE INTO heads (originHash, origin, size, root, text, timeSeconds) VALUES (?, ?, ?, ?, ?, ?)"),
    // Plain placeholders: Node before 22.19 binds numbered ones wrongly.
    update: database.prepare("UPDATE heads SET origin = ?, size = ?, root = ?, text = ?, timeSeconds = ? WHERE originHash = ? AND size = ? AND root = ? AND timeSeconds = ?"),
    addEvidence: database.prepare(`INSERT OR IGNORE INTO misbehavior (originHash, origin, older, newer, consistency, seenAtSeconds)
      SELECT ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM misbehavior WHERE originHash = ?) < ?`),
    evidence: database.prepare("SELECT origin, older, newer, consistency, seenAtSeconds FROM misbehavior ORDER BY number"),
  }
}

/** A witness's memory that can be copied while it is in use. */
export interface SqliteWitnessStore extends WitnessStore {
  /** Writes it as it is now to a new file, which is not synced yet. A copy is out of date with the next cosignature: never cosign from it under the same key. */
  copyTo(file: string): Promise<void>
}

function storeOver(database: DatabaseSync, file: string): SqliteWitnessStore {
  const statements = prepareAll(database)
  const run = async <T>(what: string, work: () => T): Promise<T> => {
    try {
      return work()
    } catch (error) {
      throw asDiskError(`cannot ${what} ${file}`, error)
    }
  }
  return {
    read: (originHash) => run("read", () => {
      const row = statements.head.get(originHash)
      return row === undefined ? undefined : headIn(row)
    }),
    // One statement each, so that the comparison and the write are one transaction, between processes too.
    compareAndSet: (originHash, expected, { origin, size, root, text, timeSeconds }) => run("write", () => {
      const { changes } = expected === undefined
        ? statements.insert.run(originHash, origin, size, root, text, timeSeconds)
        : statements.update.run(origin, size, root, text, timeSeconds, originHash, expected.size, expected.root, expected.timeSeconds)
      return Number(changes) === 1
    }),
    addMisbehavior: (originHash, { origin, older, newer, consistency, seenAtSeconds }, limit) => run("write", () => {
      statements.addEvidence.run(originHash, origin, older, newer, concatBytes(...consistency), seenAtSeconds, originHash, limit)
    }),
    misbehavior: () => run("read", () => statements.evidence.all().map(evidenceIn)),
    copyTo: (copy) => run("copy", () => void database.prepare("VACUUM INTO ?").run(copy)),
    close: () => run("close", () => database.close()),
  }
}

/**
 * Opens the store, creating file and folder when missing. Several processes may have it open.
 *
 * @throws VouchsafeError DISK when it cannot be opened; STATE_UNSAFE when it is of another version.
 */
export async function openSqliteWitnessStore(file: string): Promise<SqliteWitnessStore> {
  let database: DatabaseSync | undefined
  try {
    mkdirSync(dirname(file), { recursive: true, mode: DIRECTORY_MODE })
    database = new DatabaseSync(file)
    prepareTables(database, file)
    syncDirectory(dirname(file))
    return storeOver(database, file)
  } catch (error) {
    database?.close()
    throw asDiskError(`cannot open the witness's memory ${file}`, error)
  }
}
