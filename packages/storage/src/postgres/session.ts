/// <reference path="./pg-client.d.ts" />
/**
 * One connection to PostgreSQL, used by one caller at a time. Once it failed in a way that leaves its state unknown it is dead, and says so.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import Client from "pg/lib/client.js"
import { POSTGRES_CONNECT_MS_MAX, POSTGRES_LOCK_MS_MAX, POSTGRES_STATEMENT_MS_MAX } from "../limits.ts"
import type { PostgresAddress } from "./address.ts"
import { asPostgresError, sqlStateOf } from "./errors.ts"

/** A value of a row: 64-bit integers come as text, bytes as a Buffer. */
export type Row = Readonly<Record<string, unknown>>

/** Asks one statement. Values are parameters, never part of the text. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<{ readonly rows: readonly Row[]; readonly count: number }>

/** See {@link openSession}. */
export interface Session {
  /** Runs `work` when all earlier work has ended. Rejects with typed errors; `what` names the work in them. */
  run<T>(what: string, work: (query: Query) => Promise<T>): Promise<T>
  /** As {@link Session.run}, in a transaction: all of it is durable when this resolves. */
  transaction<T>(what: string, work: (query: Query) => Promise<T>, kind?: "write" | "snapshot"): Promise<T>
  /** Ends the connection at once; what runs rejects. */
  kill(reason: string): void
  /** Waits for what runs, then ends the connection. Never rejects. */
  close(): Promise<void>
}

/** Bounds of one session, in milliseconds. */
export interface SessionLimits {
  readonly connectMs?: number
  readonly statementMs?: number
  readonly lockMs?: number
  /** A transaction in which nothing happens for so long is ended by the server: its holder hangs. */
  readonly idleMs?: number
}

function clientOf(address: PostgresAddress, limits: SessionLimits): Client {
  const { host, port, database, user, password, tls } = address
  const statementMs = limits.statementMs ?? POSTGRES_STATEMENT_MS_MAX
  return new Client({
    host, port, database, user,
    // Without a password the library would look for one in the environment and in files of its own.
    password: password ?? "",
    ssl: tls === undefined ? false : { ...tls, rejectUnauthorized: true, servername: host },
    application_name: "vouchsafe",
    connectionTimeoutMillis: limits.connectMs ?? POSTGRES_CONNECT_MS_MAX,
    // The server ends a statement at its own limit; this one is for a server that no longer answers.
    query_timeout: 2 * statementMs,
    keepAlive: true,
  })
}

const BEGIN = { write: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } as const

/**
 * Connects.
 *
 * @throws VouchsafeError UNREACHABLE, TIMEOUT; STATE_UNSAFE when the server cannot keep what it is given: a standby, or one without fsync.
 */
export async function openSession(address: PostgresAddress, limits: SessionLimits = {}): Promise<Session> {
  const client = clientOf(address, limits)
  let dead: VouchsafeError | undefined
  const die = (error: unknown): void => {
    if (dead !== undefined) return
    const cause = asPostgresError(`${address.shown}: the connection ended`, error)
    dead = cause instanceof VouchsafeError ? cause : new VouchsafeError("UNREACHABLE", `${address.shown}: the connection ended`, { cause })
    // Not `end()`: that would wait for an answer which may never come.
    streamOf(client)?.destroy()
  }
  client.on("error", die)
  client.on("end", () => die(new Error("the server closed the connection")))

  const query: Query = async (text, values) => {
    if (dead !== undefined) throw dead
    try {
      const { rows, rowCount } = await client.query<Record<string, unknown>>({ text, ...(values === undefined ? {} : { values: [...values] }) })
      return { rows, count: rowCount ?? 0 }
    } catch (error) {
      // The server's own refusal leaves the connection usable; anything else leaves it in an unknown state.
      if (sqlStateOf(error) === undefined) die(error)
      throw error
    }
  }

  let last: Promise<unknown> = Promise.resolve()
  const run = <T>(what: string, work: (query: Query) => Promise<T>): Promise<T> => {
    const result = last.then(async () => {
      try {
        return await work(query)
      } catch (error) {
        throw asPostgresError(`cannot ${what} ${address.shown}`, error)
      }
    })
    last = result.catch(() => undefined)
    return result
  }

  const transaction: Session["transaction"] = (what, work, kind = "write") => run(what, async (ask) => {
    await ask(BEGIN[kind])
    let result
    try {
      result = await work(ask)
    } catch (error) {
      // A connection that is gone has rolled back; one that cannot roll back must go.
      await ask("ROLLBACK").catch(die)
      throw error
    }
    const { rows } = await ask("COMMIT")
    if (rows.length > 0) throw new VouchsafeError("DISK", "COMMIT answered rows")
    return result
  })

  const session: Session = {
    run,
    transaction,
    kill: (reason) => die(new Error(reason)),
    async close() {
      await last
      if (dead === undefined) {
        dead = new VouchsafeError("DISK", `${address.shown}: this connection is closed`)
        // Whatever goes wrong while saying goodbye: the connection is given up in any case.
        await client.end().catch(() => streamOf(client)?.destroy())
      }
    },
  }
  try {
    await client.connect()
  } catch (error) {
    die(error)
    throw asPostgresError(`cannot reach ${address.shown}`, error)
  }
  try {
    await session.run("prepare a session of", (ask) => prepare(ask, limits))
  } catch (error) {
    await session.close()
    throw error
  }
  return session
}

function streamOf(client: Client): { destroy(): void } | undefined {
  return (client as unknown as { readonly connection?: { readonly stream?: { destroy(): void } } }).connection?.stream
}

async function prepare(query: Query, limits: SessionLimits): Promise<void> {
  const { statementMs = POSTGRES_STATEMENT_MS_MAX, lockMs = POSTGRES_LOCK_MS_MAX, idleMs = statementMs } = limits
  const settings = { statement_timeout: statementMs, lock_timeout: lockMs, idle_in_transaction_session_timeout: idleMs }
  for (const [name, ms] of Object.entries(settings)) await query("SELECT set_config($1, $2, false)", [name, `${ms}ms`])
  const { rows } = await query(`SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS "commit",
    current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby`)
  const { fsync, commit, version, standby } = rows[0] ?? {}
  if (Number(version) < VERSION_MIN) throw new VouchsafeError("STATE_UNSAFE", `the server is PostgreSQL ${Math.floor(Number(version) / 10_000)}, expected ${VERSION_MIN / 10_000} or later`)
  if (standby !== false) throw new VouchsafeError("STATE_UNSAFE", "the server is a standby, expected the primary", { hint: "name the primary's address" })
  if (fsync !== "on") {
    throw new VouchsafeError("STATE_UNSAFE", "the server runs with fsync off: a power cut would undo what was acknowledged", { hint: "set fsync = on" })
  }
  // Stronger settings (remote_apply, …) stay.
  if (commit === "off" || commit === "local") await query("SET synchronous_commit TO on")
}

/** server_version_num of PostgreSQL 13, the oldest that was tried in spirit: nothing here is newer. */
const VERSION_MIN = 130_000
