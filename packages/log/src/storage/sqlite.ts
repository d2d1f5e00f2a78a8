/**
 * A log's storage in one directory: `log.sqlite` and the folder `tile`.
 *
 * @packageDocumentation
 */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { type Bytes, VouchsafeError } from "@vouchsafe/core"
import type { LogEntry, LogFiles, LogState, LogStorage, SignedHead, StagedBatch, TreeHead } from "@vouchsafe/ports"
import { bytesIn as anyBytesIn, inTransaction, numberIn as anyNumberIn, openDatabase, type Row, type Tables } from "@vouchsafe/sqlite"
import { type Disk, nodeDisk } from "./disk.ts"
import { asLogDiskError } from "./errors.ts"
import { openTileFiles } from "./files.ts"

/** The database file inside a log's directory. */
export const DATABASE_NAME = "log.sqlite"

const TABLES: Tables = {
  version: 1, hint: "it was written by another version of this program",
  sql: `
CREATE TABLE heads (kind TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, text TEXT, keyCount INTEGER) WITHOUT ROWID;
CREATE TABLE entries (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE hashes (level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, idx)) WITHOUT ROWID;
CREATE TABLE keys (key TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (key, idx)) WITHOUT ROWID;
`,
}

type Kind = "staged" | "signed" | "cosigned"

function broken(why: string): VouchsafeError {
  return new VouchsafeError("LOG_BROKEN", `log database: ${why}`, { hint: "run `vouchsafe-node fsck`" })
}

const numberIn = (row: Row | undefined, column: string): number => anyNumberIn(row, column, broken)
const bytesIn = (row: Row | undefined, column: string): Bytes => anyBytesIn(row, column, broken)

function headIn(row: Row): TreeHead {
  return { size: numberIn(row, "size"), root: bytesIn(row, "root") }
}

function signedIn(row: Row | undefined): SignedHead | undefined {
  if (row === undefined) return undefined
  if (typeof row["text"] !== "string") throw broken("a signed head has no text")
  return { ...headIn(row), text: row["text"] }
}

/** Rows in order whose `idx` runs from `from` without gaps. */
function withoutGaps(rows: readonly Row[], from: number, column: string): Bytes[] {
  return rows.map((row, i) => {
    const index = numberIn(row, "idx")
    if (index !== from + i) throw broken(`${column} ${from + i} is missing, the next one held is ${index}`)
    return bytesIn(row, column)
  })
}

function prepareAll(database: DatabaseSync) {
  return {
    head: database.prepare("SELECT size, root, text, keyCount FROM heads WHERE kind = ?"),
    setHead: database.prepare("INSERT OR REPLACE INTO heads (kind, size, root, text, keyCount) VALUES (?, ?, ?, ?, ?)"),
    entries: database.prepare("SELECT idx, bytes FROM entries WHERE idx >= ? ORDER BY idx"),
    addEntry: database.prepare("INSERT INTO entries (idx, bytes) VALUES (?, ?)"),
    dropEntries: database.prepare("DELETE FROM entries WHERE idx < ?"),
    hashes: database.prepare("SELECT idx, hash FROM hashes WHERE level = ? AND idx >= ? ORDER BY idx"),
    addHash: database.prepare("INSERT INTO hashes (level, idx, hash) VALUES (?, ?, ?)"),
    dropHashes: database.prepare("DELETE FROM hashes WHERE level = ? AND idx < ?"),
    addKey: database.prepare("INSERT INTO keys (key, idx) VALUES (?, ?)"),
    indices: database.prepare("SELECT idx FROM keys WHERE key = ? ORDER BY idx DESC LIMIT ?"),
    keyTotals: database.prepare("SELECT count(*) AS total, coalesce(max(idx) + 1, 0) AS indexEnd FROM keys"),
    check: database.prepare("PRAGMA integrity_check"),
  }
}

type Statements = ReturnType<typeof prepareAll>

function rowOf(statements: Statements, kind: Kind): Row | undefined {
  return statements.head.get(kind)
}

function loadState(statements: Statements): LogState {
  const staged = rowOf(statements, "staged")
  return {
    staged: staged === undefined ? undefined : headIn(staged),
    signed: signedIn(rowOf(statements, "signed")),
    cosigned: signedIn(rowOf(statements, "cosigned")),
    keyCount: staged === undefined ? 0 : numberIn(staged, "keyCount"),
  }
}

function addEntries(statements: Statements, entries: readonly LogEntry[], from: number): number {
  let keyCount = 0
  entries.forEach(({ bytes, keys }, i) => {
    statements.addEntry.run(from + i, bytes)
    for (const key of new Set(keys)) {
      statements.addKey.run(key, from + i)
      keyCount++
    }
  })
  return keyCount
}

function stage(statements: Statements, batch: StagedBatch): void {
  const { staged, keyCount } = loadState(statements)
  const size = staged?.size ?? 0
  if (size !== batch.expectedSize) {
    throw new VouchsafeError("STATE_UNSAFE", `the log has ${size} staged entries, expected ${batch.expectedSize}: somebody else appended`)
  }
  const added = addEntries(statements, batch.entries, size)
  for (const { level, index, hash } of batch.hashes) statements.addHash.run(level, index, hash)
  statements.setHead.run("staged", batch.head.size, batch.head.root, null, keyCount + added)
}

function putSigned(statements: Statements, expectedSize: number | undefined, head: SignedHead, retainFrom: readonly number[]): void {
  const found = rowOf(statements, "signed")
  const size = found === undefined ? undefined : numberIn(found, "size")
  if (size !== expectedSize) {
    throw new VouchsafeError("STATE_UNSAFE", `the stored checkpoint has size ${size ?? "none"}, expected ${expectedSize ?? "none"}: somebody else signed`)
  }
  statements.setHead.run("signed", head.size, head.root, head.text, null)
  retainFrom.forEach((from, level) => {
    if (level === 0) statements.dropEntries.run(from)
    else statements.dropHashes.run(level, from)
  })
}

function putCosigned(statements: Statements, head: SignedHead): void {
  const found = rowOf(statements, "cosigned")
  if (found !== undefined && numberIn(found, "size") > head.size) {
    throw new VouchsafeError("STATE_UNSAFE", `the stored cosigned checkpoint has size ${numberIn(found, "size")}, expected at most ${head.size}`)
  }
  statements.setHead.run("cosigned", head.size, head.root, head.text, null)
}

/** A log's storage that can be copied while it is in use. */
export interface SqliteStorage extends LogStorage {
  /**
   * Writes the database as it is between two transactions to a new file, which is not synced yet. Its tiles are on disk by then ([S3]
   * before [S6]); copied afterwards, they are never behind it. The process waits meanwhile.
   */
  copyTo(file: string): Promise<void>
}

function storageOf(database: DatabaseSync, files: LogFiles, directory: string): SqliteStorage {
  const statements = prepareAll(database)
  const run = async <T>(what: string, work: () => T): Promise<T> => {
    try {
      return work()
    } catch (error) {
      throw asLogDiskError(`cannot ${what} ${join(directory, DATABASE_NAME)}`, error)
    }
  }
  const read = <T>(work: () => T): Promise<T> => run("read", work)
  const write = (work: () => void): Promise<void> => run("write", () => inTransaction(database, work))

  return {
    load: () => read(() => loadState(statements)),
    stage: (batch) => write(() => stage(statements, batch)),
    readStagedEntries: (from) => read(() => {
      const found = withoutGaps(statements.entries.all(from), from, "bytes")
      const size = loadState(statements).staged?.size ?? 0
      if (from + found.length !== Math.max(from, size)) throw broken(`entries from ${from + found.length} to ${size} are missing`)
      return found
    }),
    readStagedHashes: (level, from) => read(() => withoutGaps(statements.hashes.all(level, from), from, "hash")),
    putFiles: files.putFiles,
    readFile: files.readFile,
    ...(files.lendFile === undefined ? {} : { lendFile: files.lendFile }),
    putSigned: (expectedSize, head, retainFrom) => write(() => putSigned(statements, expectedSize, head, retainFrom)),
    putCosigned: (head) => write(() => putCosigned(statements, head)),
    indicesByKey: (key, limit) => read(() => statements.indices.all(key, limit).map((row) => numberIn(row, "idx")).reverse()),
    async audit() {
      const checked = await read(() => statements.check.all().map((row) => String(row["integrity_check"])))
      const totals = await read(() => statements.keyTotals.get())
      return {
        problems: checked.filter((line) => line !== "ok").map((line) => `${DATABASE_NAME}: ${line}`),
        files: await files.listFiles(),
        keyCount: numberIn(totals, "total"),
        keyIndexEnd: numberIn(totals, "indexEnd"),
      }
    },
    copyTo: (file) => run("copy", () => void database.prepare("VACUUM INTO ?").run(file)),
    async close() {
      await run("close", () => database.close())
    },
  }
}

/** How to open {@link openSqliteStorage}. */
export interface SqliteStorageOptions {
  readonly directory: string
  /** Refuse with NOT_FOUND where no log is, instead of creating one. */
  readonly mustExist?: boolean
  readonly disk?: Disk
}

/**
 * Opens a log's directory and takes its lock, which ends with the process however it ends.
 *
 * @throws VouchsafeError STATE_UNSAFE when another process (or this one) has it open or it is of another version; LOG_BROKEN when the
 * database is damaged; DISK when it cannot be opened; NOT_FOUND with `mustExist`.
 */
export async function openSqliteStorage(options: SqliteStorageOptions): Promise<SqliteStorage> {
  const { directory, mustExist = false, disk = nodeDisk } = options
  const file = join(directory, DATABASE_NAME)
  if (mustExist && !existsSync(file)) throw new VouchsafeError("NOT_FOUND", `${directory} holds no log, expected ${DATABASE_NAME} there`)
  let database: DatabaseSync | undefined
  try {
    await disk.makeDirectory(directory)
    await disk.syncDirectory(dirname(directory))
    // The lock first: files left by an interrupted write may be another holder's.
    database = openDatabase(file, { tables: TABLES, keeps: "commits" })
    const files = await openTileFiles(directory, disk)
    return storageOf(database, files, directory)
  } catch (error) {
    database?.close()
    throw asLogDiskError(`cannot open the log in ${directory}`, error)
  }
}
