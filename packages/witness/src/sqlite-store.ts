/**
 * A witness's memory in one SQLite file of its own.
 *
 * @packageDocumentation
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs"
import { dirname } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { concatBytes, HASH_BYTES } from "@vouchsafe/core"
import type { WitnessedHead, WitnessedMisbehavior, WitnessStore } from "@vouchsafe/ports"
import { asDiskError, bytesIn, numberIn, openDatabase, type Row, runOnDisk, type Tables, textIn } from "@vouchsafe/sqlite"

/** Milliseconds to wait for another process that writes. */
const BUSY_TIMEOUT_MS = 1000
const DIRECTORY_MODE = 0o700

const TABLES: Tables = {
  version: 1, hint: "it was written by another version of this program",
  sql: `
CREATE TABLE heads (originHash TEXT PRIMARY KEY, origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, text TEXT NOT NULL,
  timeSeconds INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE misbehavior (number INTEGER PRIMARY KEY, originHash TEXT NOT NULL, origin TEXT NOT NULL, older TEXT NOT NULL, newer TEXT NOT NULL,
  consistency BLOB NOT NULL, seenAtSeconds INTEGER NOT NULL, UNIQUE (originHash, older, newer));
`,
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
  const run = async <T>(what: string, work: () => T): Promise<T> => runOnDisk(`cannot ${what} ${file}`, work, { isShared: true })
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
    database = openDatabase(file, { tables: TABLES, keeps: "commits", sharedWaitMs: BUSY_TIMEOUT_MS })
    syncDirectory(dirname(file))
    return storeOver(database, file)
  } catch (error) {
    database?.close()
    throw asDiskError(`cannot open the witness's memory ${file}`, error, { isShared: true })
  }
}
