/**
 * One sequencer at a time. Two things decide who: a lock that the server drops with its holder's connection, so that one who dies is replaced
 * at once; and a lease by the server's clock, so that one who hangs is replaced when it ends. Neither is what keeps the log safe: that is the
 * epoch, raised by every take-over and compared in every transaction that writes. See spec/log-storage.md [S13].
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { Query, Session } from "./session.ts"

/** A log that this session may write, until somebody takes it over. */
export interface Lease {
  readonly logId: number
  readonly epoch: string
}

/** What taking a lease needs. */
export interface LeaseRequest {
  readonly schema: string
  /** The log's name within the schema. */
  readonly log: string
  /** Who asks, as others will be told. */
  readonly holder: string
  readonly leaseMs: number
}

/** The number of the log's lock. Advisory locks are one space for the whole database. */
function lockNumber({ schema, log }: LeaseRequest): string {
  return createHash("sha256").update(`vouchsafe log\0${schema}\0${log}`).digest().readBigInt64BE(0).toString()
}

/** Number of a log by its name, undefined when there is none. */
export async function findLog(query: Query, schema: string, log: string): Promise<number | undefined> {
  const { rows } = await query(`SELECT id FROM ${schema}.logs WHERE name = $1`, [utf8Encode(log)])
  return rows[0] === undefined ? undefined : Number(rows[0]["id"])
}

async function tryLock(query: Query, number: string): Promise<boolean> {
  const { rows } = await query("SELECT pg_try_advisory_lock($1) AS got", [number])
  return rows[0]?.["got"] === true
}

/** Ends the session of a holder whose lease has ended, and takes its lock. */
async function evict(query: Query, request: LeaseRequest, number: string): Promise<void> {
  const { rows } = await query(`SELECT holder, expires > clock_timestamp() AS live FROM ${request.schema}.logs WHERE name = $1`, [utf8Encode(request.log)])
  const row = rows[0]
  if (row === undefined || row["live"] !== false) {
    throw new VouchsafeError("STATE_UNSAFE", `the log is held by ${String(row?.["holder"] ?? "a process that just starts")}`, {
      details: { held: 1 },
      hint: "one process writes a log; this one may stand by until the other ends",
    })
  }
  await query(`SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((classid::bigint << 32) | objid::bigint) = $1::bigint AND granted AND pid <> pg_backend_pid()`, [number])
  // Waits for the other session's end, at most lock_timeout.
  await query("SELECT pg_advisory_lock($1)", [number])
}

/**
 * Takes the log, or refuses. The epoch is raised in any case: whoever wrote before writes no more.
 * @throws VouchsafeError STATE_UNSAFE while somebody holds it.
 */
export async function takeLease(session: Session, request: LeaseRequest): Promise<Lease> {
  const { schema, log, holder, leaseMs } = request
  const number = lockNumber(request)
  await session.run("take a log in", async (query) => {
    if (!await tryLock(query, number)) await evict(query, request, number)
  })
  return session.transaction("take a log in", async (query) => {
    await query(`INSERT INTO ${schema}.logs (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`, [utf8Encode(log)])
    const { rows } = await query(`UPDATE ${schema}.logs SET epoch = epoch + 1, holder = $2, expires = clock_timestamp() + $3::int * interval '1 ms'
      WHERE name = $1 RETURNING id, epoch`, [utf8Encode(log), holder, leaseMs])
    return { logId: Number(rows[0]?.["id"]), epoch: String(rows[0]?.["epoch"]) }
  })
}

/** The refusal that a sequencer hears which was replaced. */
export function fenced(): VouchsafeError {
  return new VouchsafeError("STATE_UNSAFE", "another process has taken this log over: nothing was written", {
    details: { held: 1 },
    hint: "this process hung or was cut off for longer than its lease; open the log anew to stand by",
  })
}

/**
 * Renews the lease, alone or at the head of a transaction. There it also locks the log's row: until the transaction ends nobody can take over.
 * @throws VouchsafeError STATE_UNSAFE when the log was taken over.
 */
export async function holdLease(query: Query, schema: string, { logId, epoch }: Lease, leaseMs: number): Promise<void> {
  const { count } = await query(`UPDATE ${schema}.logs SET expires = clock_timestamp() + $3::int * interval '1 ms' WHERE id = $1 AND epoch = $2`, [logId, epoch, leaseMs])
  if (count !== 1) throw fenced()
}

/** Ends the lease, so that the next holder need not wait. The lock goes with the session. */
export async function dropLease(query: Query, schema: string, { logId, epoch }: Lease): Promise<void> {
  await query(`UPDATE ${schema}.logs SET expires = '-infinity', holder = NULL WHERE id = $1 AND epoch = $2`, [logId, epoch])
}
