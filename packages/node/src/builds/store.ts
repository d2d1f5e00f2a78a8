/**
 * The queue of builds on disk: one SQLite file, so that what was accepted is built, whatever happens to the process.
 *
 * @packageDocumentation
 */
import type { DatabaseSync } from "node:sqlite"
import { openStore, type Row, runOnDisk, type Tables } from "@vouchsafe/sqlite"
import type { BuildRequest, BuildSource } from "./request.ts"

const TABLES: Tables = {
  version: 1, hint: "it was written by another version of this program",
  sql: `
CREATE TABLE builds (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, purl TEXT NOT NULL, registry TEXT NOT NULL, source TEXT NOT NULL,
  requester TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, queuedAt INTEGER NOT NULL, startedAt INTEGER, finishedAt INTEGER,
  statement TEXT, outcome TEXT);
CREATE INDEX buildsByState ON builds (state, number);
CREATE INDEX buildsByRequester ON builds (requester, queuedAt);
`,
}

export const BUILD_STATES = ["queued", "running", "done", "failed"] as const
/** queued → running → done or failed; running → queued when the node ended meanwhile. */
export type BuildState = (typeof BUILD_STATES)[number]

/** What a finished build came to. */
export type BuildOutcome =
  | {
    readonly kind: "rebuilt"
    /** Of the statement in the observation log. */
    readonly index: number
    readonly match: string
    readonly sha512: string
    /** How many files differ; the documents are blobs. */
    readonly differences: { readonly count: number; readonly document: string | null; readonly diff: string | null }
    readonly recipe: string
  }
  | { readonly kind: "failed"; readonly step: string | null; readonly code: string; readonly detail: string }

/** One build. Times are Unix seconds. */
export interface Build extends BuildRequest {
  readonly id: string
  readonly requester: string
  readonly state: BuildState
  /** Starts so far. */
  readonly attempts: number
  readonly queuedAt: number
  readonly startedAt: number | null
  readonly finishedAt: number | null
  /** The statement on its way into the log, with its outcome: set before it is appended, so that a crash neither loses nor doubles it. */
  readonly statement: string | null
  readonly outcome: BuildOutcome | null
}

/** @see openBuildStore */
export interface BuildStore {
  /** Adds a build to the queue. */
  add(build: Pick<Build, "id" | "requester" | "queuedAt" | keyof BuildRequest>): void
  get(id: string): Build | undefined
  /** A build of the same artifact from the same source that waits or runs. */
  findPending(request: BuildRequest): Build | undefined
  /** The build that waits longest. */
  next(): Build | undefined
  running(): Build[]
  counts(): { readonly queued: number; readonly running: number }
  /** What a requester has waiting or running, and asked for since a time. */
  countsOf(requester: string, since: number): { readonly pending: number; readonly recent: number }
  start(id: string, at: number): void
  /** Puts a running build back. `forgive`: the start does not count. */
  requeue(id: string, forgive: boolean): void
  stage(id: string, statement: string, outcome: BuildOutcome): void
  finish(id: string, state: "done" | "failed", at: number, outcome: BuildOutcome): void
  /** Forgets finished builds beyond `count` or from before `before`; returns their ids. */
  prune(count: number, before: number): string[]
  close(): void
}

/** Opens the file, making it where there is none. @throws VouchsafeError DISK, STATE_UNSAFE for tables of another version. */
export function openBuildStore(path: string): BuildStore {
  return runOnDisk(`cannot open ${path}`, () => openStore(path, { tables: TABLES, keeps: "commits" }, (database) => storeOver(database, path)))
}

function storeOver(database: DatabaseSync, path: string): BuildStore {
  const sql = (text: string) => database.prepare(text)
  const statements = {
    add: sql("INSERT INTO builds (id, purl, registry, source, requester, state, attempts, queuedAt) VALUES (?, ?, ?, ?, ?, 'queued', 0, ?)"),
    get: sql("SELECT * FROM builds WHERE id = ?"),
    pending: sql("SELECT * FROM builds WHERE purl = ? AND registry = ? AND source = ? AND state IN ('queued', 'running') ORDER BY number LIMIT 1"),
    next: sql("SELECT * FROM builds WHERE state = 'queued' ORDER BY number LIMIT 1"),
    running: sql("SELECT * FROM builds WHERE state = 'running' ORDER BY number"),
    counts: sql("SELECT sum(state = 'queued') AS queued, sum(state = 'running') AS running FROM builds WHERE state IN ('queued', 'running')"),
    countsOf: sql("SELECT sum(state IN ('queued', 'running')) AS pending, sum(queuedAt > ?) AS recent FROM builds WHERE requester = ?"),
    start: sql("UPDATE builds SET state = 'running', attempts = attempts + 1, startedAt = ? WHERE id = ?"),
    requeue: sql("UPDATE builds SET state = 'queued', startedAt = NULL, attempts = attempts - ? WHERE id = ?"),
    stage: sql("UPDATE builds SET statement = ?, outcome = ? WHERE id = ?"),
    finish: sql("UPDATE builds SET state = ?, finishedAt = ?, outcome = ?, statement = NULL WHERE id = ?"),
    old: sql("SELECT id FROM builds WHERE state IN ('done', 'failed') AND (finishedAt < ? OR number NOT IN (SELECT number FROM builds WHERE state IN ('done', 'failed') ORDER BY number DESC LIMIT ?))"),
    remove: sql("DELETE FROM builds WHERE id = ?"),
  }
  const run = <T>(work: () => T): T => runOnDisk(path, work)
  const one = (row: Row | undefined): Build | undefined => (row === undefined ? undefined : buildIn(row))
  return {
    add: ({ id, purl, registry, source, requester, queuedAt }) => run(() => void statements.add.run(id, purl, registry, sourceText(source), requester, queuedAt)),
    get: (id) => run(() => one(statements.get.get(id))),
    findPending: ({ purl, registry, source }) => run(() => one(statements.pending.get(purl, registry, sourceText(source)))),
    next: () => run(() => one(statements.next.get())),
    running: () => run(() => statements.running.all().map(buildIn)),
    counts: () => run(() => {
      const row = statements.counts.get()
      return { queued: Number(row?.["queued"] ?? 0), running: Number(row?.["running"] ?? 0) }
    }),
    countsOf: (requester, since) => run(() => {
      const row = statements.countsOf.get(since, requester)
      return { pending: Number(row?.["pending"] ?? 0), recent: Number(row?.["recent"] ?? 0) }
    }),
    start: (id, at) => run(() => void statements.start.run(at, id)),
    requeue: (id, forgive) => run(() => void statements.requeue.run(forgive ? 1 : 0, id)),
    stage: (id, statement, outcome) => run(() => void statements.stage.run(statement, JSON.stringify(outcome), id)),
    finish: (id, state, at, outcome) => run(() => void statements.finish.run(state, at, JSON.stringify(outcome), id)),
    prune: (count, before) => run(() => {
      const ids = statements.old.all(before, count).map((row) => String(row["id"]))
      for (const id of ids) statements.remove.run(id)
      return ids
    }),
    close: () => database.close(),
  }
}

function sourceText(source: BuildSource | null): string {
  return source === null ? "" : JSON.stringify([source.repository, source.commit, source.directory])
}

/** A row as it was written by this file; nobody else writes it. */
function buildIn(row: Row): Build {
  const number = (column: string): number | null => (row[column] === null ? null : Number(row[column]))
  const source = String(row["source"])
  const [repository = "", commit = "", directory = ""] = source === "" ? [] : JSON.parse(source) as string[]
  const outcome = row["outcome"]
  return {
    id: String(row["id"]), purl: String(row["purl"]), registry: String(row["registry"]), requester: String(row["requester"]),
    source: source === "" ? null : { repository, commit, directory },
    state: row["state"] as BuildState, attempts: Number(row["attempts"]),
    queuedAt: Number(row["queuedAt"]), startedAt: number("startedAt"), finishedAt: number("finishedAt"),
    statement: typeof row["statement"] === "string" ? row["statement"] : null,
    outcome: typeof outcome === "string" ? JSON.parse(outcome) as BuildOutcome : null,
  }
}
