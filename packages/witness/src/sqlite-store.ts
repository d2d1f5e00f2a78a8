import { base64Decode, base64Encode, equalBytes, VouchsafeError } from "@vouchsafe/core"
import type { WitnessedHead, WitnessedMisbehavior, WitnessStore } from "@vouchsafe/ports"
import { chmodSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** How long a write waits for another process. */
const BUSY_MS = 5_000

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS head (origin_hash TEXT PRIMARY KEY, origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, text TEXT NOT NULL, time INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS misbehavior (id INTEGER PRIMARY KEY, origin_hash TEXT NOT NULL, origin TEXT NOT NULL, older TEXT NOT NULL, newer TEXT NOT NULL,
    consistency TEXT NOT NULL, seen_at INTEGER NOT NULL, UNIQUE (origin_hash, older, newer)) STRICT;
`

interface HeadRow { readonly origin: string; readonly size: number; readonly root: Uint8Array; readonly text: string; readonly time: number }
interface MisbehaviorRow { readonly origin: string; readonly older: string; readonly newer: string; readonly consistency: string; readonly seen_at: number }

/** A witness's memory in one SQLite file: every write is one durable transaction. @throws VouchsafeError DISK. */
export function sqliteWitnessStore(directory: string): WitnessStore {
  const database = onDisk(() => {
    mkdirSync(directory, { recursive: true, mode: FOLDER_MODE })
    const path = join(directory, "witness.sqlite")
    const opened = new DatabaseSync(path)
    chmodSync(path, FILE_MODE)
    opened.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${SCHEMA}`)
    return opened
  })
  const selectHead = database.prepare("SELECT origin, size, root, text, time FROM head WHERE origin_hash = ?")
  const putHead = database.prepare("INSERT INTO head VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (origin_hash) DO UPDATE SET origin = excluded.origin, size = excluded.size, root = excluded.root, text = excluded.text, time = excluded.time")
  const countMisbehavior = database.prepare("SELECT count(*) AS n FROM misbehavior WHERE origin_hash = ?")
  const putMisbehavior = database.prepare("INSERT OR IGNORE INTO misbehavior (origin_hash, origin, older, newer, consistency, seen_at) VALUES (?, ?, ?, ?, ?, ?)")
  const selectMisbehavior = database.prepare("SELECT origin, older, newer, consistency, seen_at FROM misbehavior ORDER BY id")

  const headOf = (originHash: string): WitnessedHead | undefined => {
    const row = selectHead.get(originHash) as HeadRow | undefined
    return row === undefined ? undefined : { origin: row.origin, size: row.size, root: new Uint8Array(row.root), text: row.text, timeSeconds: row.time }
  }
  const transaction = <T>(action: () => T): T => onDisk(() => {
    database.exec("BEGIN IMMEDIATE")
    try {
      const result = action()
      database.exec("COMMIT")
      return result
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK")
      throw error
    }
  })
  return {
    read: async (originHash) => onDisk(() => headOf(originHash)),
    compareAndSet: async (originHash, expected, next) => transaction(() => {
      const known = headOf(originHash)
      const isExpected = known === undefined ? expected === undefined : expected !== undefined && known.size === expected.size && equalBytes(known.root, expected.root)
      if (isExpected) putHead.run(originHash, next.origin, next.size, next.root, next.text, next.timeSeconds)
      return isExpected
    }),
    addMisbehavior: async (originHash, evidence, limit) => transaction(() => {
      if ((countMisbehavior.get(originHash) as { n: number }).n >= limit) return
      putMisbehavior.run(originHash, evidence.origin, evidence.older, evidence.newer, JSON.stringify(evidence.consistency.map(base64Encode)), evidence.seenAtSeconds)
    }),
    misbehavior: async () => onDisk(() => (selectMisbehavior.all() as unknown as MisbehaviorRow[]).map(misbehaviorOf)),
    close: async () => onDisk(() => database.close()),
  }
}

function misbehaviorOf(row: MisbehaviorRow): WitnessedMisbehavior {
  const consistency = (JSON.parse(row.consistency) as string[]).map(base64Decode)
  return { origin: row.origin, older: row.older, newer: row.newer, consistency, seenAtSeconds: row.seen_at }
}

function onDisk<T>(action: () => T): T {
  try {
    return action()
  } catch (cause) {
    throw new VouchsafeError("DISK", `the witness's memory cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
