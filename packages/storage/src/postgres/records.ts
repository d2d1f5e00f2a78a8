/**
 * A log's records in PostgreSQL: the transactional part of its storage.
 *
 * @packageDocumentation
 */
import { hostname } from "node:os"
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { LogRecords } from "@vouchsafe/ports"
import { LEASE_MS, RENEWALS_PER_LEASE } from "../limits.ts"
import type { PostgresAddress } from "./address.ts"
import { dropLease, holdLease, takeLease } from "./lease.ts"
import { auditRecords, indicesByKey, stateReads } from "./reads.ts"
import { prepareSchema } from "./schema.ts"
import { openSession, type Query, type Session, type SessionLimits } from "./session.ts"
import { putCosigned, putSigned, stage } from "./writes.ts"

/** Calls `work` every `periodMs` milliseconds until the answer is called. */
export type Repeat = (work: () => void, periodMs: number) => () => void

/** How to open a log's records. */
export interface PostgresRecordsOptions {
  readonly address: PostgresAddress
  /** The log's name in the database: its origin. */
  readonly log: string
  readonly leaseMs?: number
  readonly limits?: SessionLimits
  readonly repeat?: Repeat
  /** Called once when the log is no longer held although nobody closed it. What was begun before may have been refused already. */
  readonly onLost?: ((reason: VouchsafeError) => void) | undefined
}

const everyPeriod: Repeat = (work, periodMs) => {
  const timer = setInterval(work, periodMs)
  // A log that nobody uses keeps no process alive.
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * Opens the records of a log and takes it over, when nobody else holds it. Needs a connection of its own to the server itself: behind a pool
 * that hands one connection to several clients, take-over after a death waits for the lease.
 *
 * @throws VouchsafeError STATE_UNSAFE while another process holds the log, for tables of another version, and for a server that is a standby
 * or runs without fsync; UNREACHABLE, TIMEOUT.
 */
export async function openPostgresRecords(options: PostgresRecordsOptions): Promise<LogRecords> {
  const { address, log, leaseMs = LEASE_MS, repeat = everyPeriod } = options
  const { schema } = address
  const limits = { idleMs: leaseMs, ...options.limits }
  const writer = await openSession(address, limits)
  let reader: Session | undefined
  try {
    await prepareSchema(writer, schema)
    const lease = await takeLease(writer, { schema, log, leaseMs, holder: `${hostname()} process ${process.pid}` })
    // Reads between the statements of a write would see half of it: they have a session of their own.
    reader = await openSession(address, limits)
    return recordsOver({ writer, reader, lease, schema, leaseMs, repeat, onLost: options.onLost })
  } catch (error) {
    await Promise.all([writer.close(), reader?.close()])
    throw error
  }
}

interface Held {
  readonly writer: Session
  readonly reader: Session
  readonly lease: { readonly logId: number; readonly epoch: string }
  readonly schema: string
  readonly leaseMs: number
  readonly repeat: Repeat
  readonly onLost: PostgresRecordsOptions["onLost"]
}

/** Renews the lease. Once it is lost, or nobody can tell, the sessions end: what this process holds is no longer the log's present. */
function keepLease({ writer, reader, lease, schema, leaseMs, repeat, onLost }: Held): () => void {
  let running = false
  let ended = false
  const stop = repeat(() => {
    if (running || ended) return
    running = true
    writer.run("renew the lease in", (query) => holdLease(query, schema, lease, leaseMs)).catch((error: unknown) => {
      if (ended) return
      ended = true
      const reason = isVouchsafeError(error) ? error : new VouchsafeError("STATE_UNSAFE", `the lease of the log could not be renewed: ${String(error)}`, { cause: error })
      writer.kill(reason.message)
      reader.kill(reason.message)
      onLost?.(reason)
    }).finally(() => {
      running = false
    })
  }, Math.floor(leaseMs / RENEWALS_PER_LEASE))
  return () => {
    ended = true
    stop()
  }
}

function recordsOver(held: Held): LogRecords {
  const { writer, reader, lease, schema, leaseMs } = held
  const place = { schema, logId: lease.logId }
  const stop = keepLease(held)
  const write = (work: (query: Query) => Promise<void>): Promise<void> => writer.transaction("write to", async (query) => {
    await holdLease(query, schema, lease, leaseMs)
    await work(query)
  })
  const read = <T>(work: (query: Query) => Promise<T>): Promise<T> => reader.transaction("read from", work, "snapshot")
  return {
    load: () => read((query) => stateReads(query, place).load()),
    stage: (batch) => write((query) => stage(query, place, batch)),
    readStagedEntries: (from) => read((query) => stateReads(query, place).readStagedEntries(from)),
    readStagedHashes: (level, from) => read((query) => stateReads(query, place).readStagedHashes(level, from)),
    putSigned: (expectedSize, head, retainFrom) => write((query) => putSigned(query, place, expectedSize, head, retainFrom)),
    putCosigned: (head) => write((query) => putCosigned(query, place, head)),
    indicesByKey: (key, limit) => reader.run("read from", (query) => indicesByKey(query, place, key, limit)),
    audit: () => read((query) => auditRecords(query, place)),
    async close() {
      stop()
      try {
        await writer.run("leave", (query) => dropLease(query, schema, lease))
      } catch (error) {
        // The lease ends by itself; a log that stopped because its database is gone must still close.
        if (!isVouchsafeError(error)) throw error
      }
      await Promise.all([writer.close(), reader.close()])
    },
  }
}
