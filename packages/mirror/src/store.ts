/**
 * What a mirror keeps: heads and the unfinished edge in one SQLite file, full tiles and bundles as the log's write-once files
 * (spec/mirror.md, "Copying").
 *
 * @packageDocumentation
 */
import { dirname, join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { type Bytes, VouchsafeError } from "@vouchsafe/core"
import { type Disk, nodeDisk, openTileFiles } from "@vouchsafe/log"
import type { LogFiles, LogSnapshots, SignedHead } from "@vouchsafe/ports"
import { asDiskError, bytesIn as anyBytesIn, inTransaction, openDatabase, type Row, runOnDisk, type Tables } from "@vouchsafe/sqlite"

/** A head that counts, with the time at which a quorum had cosigned it. */
export interface MirroredHead extends SignedHead {
  /** Unix seconds. */
  readonly timeSeconds: number
}

/** The part of a tree that is in no full tile: entries of the partial bundle, hashes of the partial tile of each level from 1 on. */
export interface Edge {
  readonly tail: readonly Bytes[]
  /** rows[i] belongs to level i + 1. */
  readonly rows: readonly (readonly Bytes[])[]
}

/** Where one mirror is kept. Methods that write are durable when they resolve; rejections are DISK, LOG_BROKEN and STATE_UNSAFE. */
export interface MirrorStore {
  readonly files: Pick<LogFiles, "putFiles" | "readFile">
  stored(): MirroredHead | undefined
  pending(): MirroredHead | undefined
  /** The document that proves the log's fork, once there is one. */
  proof(): string | undefined
  /** [R4] */
  putPending(head: MirroredHead): void
  /** [R7] Atomic; STATE_UNSAFE when the stored size is not `expectedSize` (undefined: none is stored). Ends a pending head that is not larger. */
  commit(expectedSize: number | undefined, head: MirroredHead, edge: Edge): void
  /** Takes a newer note of the stored head. */
  renew(head: MirroredHead): void
  /** [R2] The first one stays. */
  putProof(document: string): void
  /** For the log's reader. Closing it does not close the store. */
  snapshots(): LogSnapshots
  close(): void
}

const DATABASE_NAME = "mirror.sqlite"
/** Its pages are few: what is large lies in files. */
const CACHE_KIB = 256
const TABLES: Tables = {
  version: 1, hint: "it was written by another version of this program",
  sql: `
CREATE TABLE heads (kind TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, text TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tail (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE edge (level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, idx)) WITHOUT ROWID;
CREATE TABLE proof (id INTEGER PRIMARY KEY CHECK (id = 1), document TEXT NOT NULL);
`,
}

function broken(why: string): VouchsafeError {
  return new VouchsafeError("LOG_BROKEN", `mirror database: ${why}`, { hint: "remove the mirror's folder; it is copied again" })
}

const bytesIn = (row: Row, column: string): Bytes => anyBytesIn(row, column, broken)

function headIn(row: Row | undefined): MirroredHead | undefined {
  if (row === undefined) return undefined
  const { size, text, time } = row
  if (typeof size !== "number" || typeof text !== "string" || typeof time !== "number") throw broken("a head has no size, text or time")
  return { size, root: bytesIn(row, "root"), text, timeSeconds: time }
}

function prepareAll(database: DatabaseSync) {
  return {
    head: database.prepare("SELECT size, root, text, time FROM heads WHERE kind = ?"),
    setHead: database.prepare("INSERT OR REPLACE INTO heads (kind, size, root, text, time) VALUES (?, ?, ?, ?, ?)"),
    endPending: database.prepare("DELETE FROM heads WHERE kind = 'pending' AND size <= ?"),
    tail: database.prepare("SELECT bytes FROM tail ORDER BY idx"),
    addTail: database.prepare("INSERT INTO tail (idx, bytes) VALUES (?, ?)"),
    dropTail: database.prepare("DELETE FROM tail"),
    row: database.prepare("SELECT hash FROM edge WHERE level = ? ORDER BY idx"),
    addHash: database.prepare("INSERT INTO edge (level, idx, hash) VALUES (?, ?, ?)"),
    dropEdge: database.prepare("DELETE FROM edge"),
    proof: database.prepare("SELECT document FROM proof"),
    addProof: database.prepare("INSERT OR IGNORE INTO proof (id, document) VALUES (1, ?)"),
  }
}

type Statements = ReturnType<typeof prepareAll>

function setHead(statements: Statements, kind: "stored" | "pending", head: MirroredHead): void {
  statements.setHead.run(kind, head.size, head.root, head.text, head.timeSeconds)
}

function commit(statements: Statements, expectedSize: number | undefined, head: MirroredHead, edge: Edge): void {
  const found = headIn(statements.head.get("stored"))
  if (found?.size !== expectedSize) throw new VouchsafeError("STATE_UNSAFE", `the stored head has size ${found?.size ?? "none"}, expected ${expectedSize ?? "none"}: somebody else committed`)
  if (found !== undefined && head.size < found.size) throw new VouchsafeError("STATE_UNSAFE", `a head of ${head.size} entries would replace one of ${found.size}`)
  setHead(statements, "stored", head)
  statements.endPending.run(head.size)
  statements.dropTail.run()
  edge.tail.forEach((bytes, i) => statements.addTail.run(i, bytes))
  statements.dropEdge.run()
  edge.rows.forEach((row, i) => row.forEach((hash, j) => statements.addHash.run(i + 1, j, hash)))
}

/** All that the log's reader asks for, read at one moment: the records change only between two statements of this process. */
function snapshotOf(statements: Statements): Parameters<Parameters<LogSnapshots["snapshot"]>[0]>[0] {
  const stored = headIn(statements.head.get("stored"))
  const tail = statements.tail.all().map((row) => bytesIn(row, "bytes"))
  const state = { staged: stored, signed: stored, cosigned: stored, keyCount: 0 }
  const rows = new Map<number, Bytes[]>()
  return {
    load: async () => state,
    // The reader asks from where the partial bundle begins, and this is all there is.
    readStagedEntries: async () => tail,
    readStagedHashes: async (level) => {
      const row = rows.get(level) ?? statements.row.all(level).map((one) => bytesIn(one, "hash"))
      rows.set(level, row)
      return row
    },
  }
}

/**
 * Opens a mirror's directory and takes its lock, which ends with the process however it ends.
 * @throws VouchsafeError STATE_UNSAFE when another process has it, LOG_BROKEN, DISK.
 */
export async function openMirrorStore(directory: string, disk: Disk = nodeDisk): Promise<MirrorStore> {
  const file = join(directory, DATABASE_NAME)
  let database: DatabaseSync
  let files: LogFiles
  let statements: Statements
  try {
    await disk.makeDirectory(directory)
    await disk.syncDirectory(dirname(directory))
    // The lock first: files left by an interrupted write may be another holder's.
    database = openDatabase(file, { tables: TABLES, keeps: "commits", cacheKiB: CACHE_KIB })
  } catch (error) {
    throw asDiskError(`cannot open ${file}`, error)
  }
  try {
    files = await openTileFiles(directory, disk)
    statements = prepareAll(database)
  } catch (error) {
    database.close()
    throw asDiskError(`cannot open the mirror in ${directory}`, error)
  }
  const run = <T>(what: string, work: () => T): T => runOnDisk(`cannot ${what} ${file}`, work)
  const write = (work: () => void): void => run("write", () => inTransaction(database, work))
  return {
    files,
    stored: () => run("read", () => headIn(statements.head.get("stored"))),
    pending: () => run("read", () => headIn(statements.head.get("pending"))),
    proof: () => run("read", () => statements.proof.get()?.["document"] as string | undefined),
    putPending: (head) => write(() => setHead(statements, "pending", head)),
    commit: (expectedSize, head, edge) => write(() => commit(statements, expectedSize, head, edge)),
    renew: (head) => write(() => {
      const found = headIn(statements.head.get("stored"))
      if (found?.size !== head.size) throw new VouchsafeError("STATE_UNSAFE", `the stored head has size ${found?.size ?? "none"}, expected ${head.size}`)
      setHead(statements, "stored", head)
    }),
    putProof: (document) => write(() => void statements.addProof.run(document)),
    snapshots: () => ({
      snapshot: async (read) => read(run("read", () => snapshotOf(statements))),
      readFile: (path) => files.readFile(path),
      indicesByKey: async () => [],
      close: async () => undefined,
    }),
    close: () => run("close", () => database.close()),
  }
}
