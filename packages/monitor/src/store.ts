/**
 * A monitor's memory in one SQLite file: places, an index of what was seen first, reports.
 *
 * @packageDocumentation
 */
import type { DatabaseSync } from "node:sqlite"
import { type Bytes, type Crypto, formatMisbehavior, hexDecode, hexEncode, utf8Encode } from "@vouchsafe/core"
import { inTransaction, openStore, type Row, runOnDisk, type Tables } from "@vouchsafe/sqlite"
import { DETAIL_LENGTH_MAX, REPORT_ENTRIES_MAX, REPORTS_PER_KIND_MAX } from "./limits.ts"
import { type EntryPlace, type Finding, type MonitorStore, type PageResult, type Report, REPORT_KINDS, type ReportKind, type Seen } from "./types.ts"

/** For the index of what was seen first, which is asked with every entry. */
const CACHE_KIB = 16_000
const TABLES: Tables = {
  version: 1, hint: "remove it; the logs are read again",
  sql: `
CREATE TABLE logs (id INTEGER PRIMARY KEY, origin TEXT NOT NULL UNIQUE, operator TEXT NOT NULL, read INTEGER NOT NULL, newest INTEGER NOT NULL);
CREATE TABLE artifacts (key BLOB NOT NULL, log INTEGER NOT NULL, idx INTEGER NOT NULL, sha512 BLOB NOT NULL, PRIMARY KEY (key, log)) WITHOUT ROWID;
CREATE TABLE tokens (key BLOB NOT NULL, log INTEGER NOT NULL, idx INTEGER NOT NULL, sha512 BLOB NOT NULL, PRIMARY KEY (key, log)) WITHOUT ROWID;
CREATE TABLE days (log INTEGER NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (log, day)) WITHOUT ROWID;
CREATE TABLE reports (kind TEXT NOT NULL, origin TEXT NOT NULL, subject TEXT NOT NULL, operator TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,
  active INTEGER NOT NULL, entries TEXT NOT NULL, detail TEXT NOT NULL, proof TEXT, PRIMARY KEY (kind, origin, subject)) WITHOUT ROWID;
CREATE TABLE proofs (digest TEXT PRIMARY KEY, origin TEXT NOT NULL, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE dropped (kind TEXT NOT NULL, origin TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (kind, origin)) WITHOUT ROWID;
`,
}

function prepareAll(database: DatabaseSync) {
  const first = (table: string) => database.prepare(`SELECT origin, operator, idx, sha512 FROM ${table} JOIN logs ON logs.id = log WHERE key = ?`)
  const addFirst = (table: string) => database.prepare(`INSERT OR IGNORE INTO ${table} (key, log, idx, sha512) VALUES (?, ?, ?, ?)`)
  return {
    log: database.prepare("SELECT id, read, newest FROM logs WHERE origin = ?"),
    setLog: database.prepare("INSERT INTO logs (origin, operator, read, newest) VALUES (?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET operator = excluded.operator, read = excluded.read, newest = excluded.newest"),
    artifact: first("artifacts"), addArtifact: addFirst("artifacts"), token: first("tokens"), addToken: addFirst("tokens"),
    day: database.prepare("SELECT count FROM days JOIN logs ON logs.id = log WHERE origin = ? AND day = ?"),
    addDay: database.prepare("INSERT INTO days (log, day, count) VALUES (?, ?, ?) ON CONFLICT (log, day) DO UPDATE SET count = count + excluded.count"),
    report: database.prepare("SELECT entries, proof FROM reports WHERE kind = ? AND origin = ? AND subject = ?"),
    kept: database.prepare("SELECT count(*) AS total FROM reports WHERE kind = ? AND origin = ?"),
    addReport: database.prepare("INSERT INTO reports (kind, origin, subject, operator, first, last, count, active, entries, detail, proof) VALUES (?, ?, ?, ?, ?, ?, 1, 1, ?, ?, ?)"),
    moreReport: database.prepare("UPDATE reports SET last = ?, count = count + 1, active = 1, entries = ?, detail = ?, proof = ? WHERE kind = ? AND origin = ? AND subject = ?"),
    drop: database.prepare("INSERT INTO dropped (kind, origin, count) VALUES (?, ?, 1) ON CONFLICT (kind, origin) DO UPDATE SET count = count + 1"),
    endReports: database.prepare("UPDATE reports SET active = 0, last = ? WHERE kind = ? AND origin = ? AND active = 1"),
    reports: database.prepare("SELECT * FROM reports ORDER BY last DESC, kind, origin, subject LIMIT ?"),
    dropped: database.prepare("SELECT coalesce(sum(count), 0) AS total FROM dropped"),
    counts: database.prepare("SELECT kind, count(*) AS total FROM reports WHERE active = 1 GROUP BY kind"),
    addProof: database.prepare("INSERT OR IGNORE INTO proofs (digest, origin, document) VALUES (?, ?, ?)"),
    proof: database.prepare("SELECT document FROM proofs WHERE digest = ?"),
    proofs: database.prepare("SELECT origin, document FROM proofs ORDER BY digest"),
  }
}

type Statements = ReturnType<typeof prepareAll>

function seenIn(row: Row): Seen {
  return { origin: String(row["origin"]), operator: String(row["operator"]), index: Number(row["idx"]), sha512: hexEncode(row["sha512"] as Bytes) }
}

function reportIn(row: Row): Report {
  return {
    kind: row["kind"] as ReportKind, origin: String(row["origin"]), operator: String(row["operator"]), subject: String(row["subject"]),
    firstSeen: Number(row["first"]), lastSeen: Number(row["last"]), count: Number(row["count"]), active: row["active"] === 1,
    entries: JSON.parse(String(row["entries"])) as EntryPlace[], detail: String(row["detail"]), proof: row["proof"] as string | null,
  }
}

function cut(text: string): string {
  return text.length > DETAIL_LENGTH_MAX ? `${text.slice(0, DETAIL_LENGTH_MAX)}…` : text
}

/** [M2] One report a kind, log and subject, at most so many a kind and log. */
function addFinding(crypto: Crypto, statements: Statements, finding: Finding, nowSeconds: number): void {
  const { kind, origin, operator } = finding
  const subject = cut(finding.subject)
  const found = statements.report.get(kind, origin, subject)
  if (found === undefined && Number(statements.kept.get(kind, origin)?.["total"]) >= REPORTS_PER_KIND_MAX) {
    statements.drop.run(kind, origin)
    return
  }
  let digest: string | null = null
  if (finding.proof !== undefined) {
    const document = formatMisbehavior(finding.proof)
    digest = hexEncode(crypto.sha256(utf8Encode(document)))
    statements.addProof.run(digest, origin, document)
  }
  const known = found === undefined ? [] : JSON.parse(String(found["entries"])) as EntryPlace[]
  const added = finding.entries.filter((place) => !known.some(({ origin: at, index }) => at === place.origin && index === place.index))
  const entries = JSON.stringify([...known, ...added].slice(0, REPORT_ENTRIES_MAX))
  if (found === undefined) statements.addReport.run(kind, origin, subject, operator, nowSeconds, nowSeconds, entries, cut(finding.detail), digest)
  // The first proof stays: it is as good as any later one.
  else statements.moreReport.run(nowSeconds, entries, cut(finding.detail), found["proof"] ?? digest, kind, origin, subject)
}

function addPage(crypto: Crypto, statements: Statements, page: PageResult, nowSeconds: number): void {
  statements.setLog.run(page.origin, page.operator, page.readTo, page.newestTime)
  const id = Number(statements.log.get(page.origin)?.["id"])
  for (const { key, index, sha512 } of page.artifacts) statements.addArtifact.run(key, id, index, hexDecode(sha512))
  for (const { key, index, sha512 } of page.tokens) statements.addToken.run(key, id, index, hexDecode(sha512))
  for (const [day, count] of page.days) statements.addDay.run(id, day, count)
  for (const finding of page.findings) addFinding(crypto, statements, finding, nowSeconds)
}

/**
 * Opens a monitor's memory; one process at a time.
 * @throws VouchsafeError STATE_UNSAFE, DISK.
 */
export function openMonitorStore(file: string, crypto: Crypto): MonitorStore {
  const run = <T>(what: string, work: () => T): T => runOnDisk(`cannot ${what} ${file}`, work, { hint: "it may be removed; the logs are read again" })
  // What is lost with a power cut is read again: the file is whole, and that is enough.
  const { database, statements } = run("open", () => openStore(file, { tables: TABLES, keeps: "file", cacheKiB: CACHE_KIB }, (opened) => ({ database: opened, statements: prepareAll(opened) })))
  const write = (work: () => void): void => run("write", () => inTransaction(database, work))
  return {
    place: (origin) => run("read", () => {
      const row = statements.log.get(origin)
      return { read: Number(row?.["read"] ?? 0), newestTime: Number(row?.["newest"] ?? 0) }
    }),
    artifact: (key) => run("read", () => statements.artifact.all(key).map(seenIn)),
    token: (key) => run("read", () => statements.token.all(key).map(seenIn)),
    noticesOn: (origin, day) => run("read", () => Number(statements.day.get(origin, day)?.["count"] ?? 0)),
    addPage: (page, nowSeconds) => write(() => addPage(crypto, statements, page, nowSeconds)),
    addFinding: (finding, nowSeconds) => write(() => addFinding(crypto, statements, finding, nowSeconds)),
    endReports: (kind, origin, nowSeconds) => write(() => void statements.endReports.run(nowSeconds, kind, origin)),
    reports: (limit) => run("read", () => statements.reports.all(limit).map(reportIn)),
    dropped: () => run("read", () => Number(statements.dropped.get()?.["total"])),
    counts: () => run("read", () => {
      const found = new Map(statements.counts.all().map((row) => [String(row["kind"]), Number(row["total"])]))
      return new Map(REPORT_KINDS.map((kind) => [kind, found.get(kind) ?? 0]))
    }),
    proof: (digest) => run("read", () => statements.proof.get(digest)?.["document"] as string | undefined),
    proofs: () => run("read", () => statements.proofs.all().map((row) => ({ origin: String(row["origin"]), document: String(row["document"]) }))),
    close: () => run("close", () => database.close()),
  }
}
