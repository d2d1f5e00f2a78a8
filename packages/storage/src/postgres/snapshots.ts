/**
 * A log's records in PostgreSQL for those who only read.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { LogSnapshots } from "@vouchsafe/ports"
import { READER_CONNECTIONS_MAX } from "../limits.ts"
import type { PostgresAddress } from "./address.ts"
import { findLog } from "./lease.ts"
import { indicesByKey, stateReads } from "./reads.ts"
import { expectSchema } from "./schema.ts"
import { openSession, type Session, type SessionLimits } from "./session.ts"

/** How to open a log's records for reading. */
export interface PostgresSnapshotsOptions {
  readonly address: PostgresAddress
  readonly log: string
  readonly limits?: SessionLimits
}

function isAboutTheWay(error: unknown): boolean {
  return isVouchsafeError(error) && (["UNREACHABLE", "TIMEOUT", "DISK"] as const).some((code) => isVouchsafeError(error, code))
}

/**
 * A few sessions that take turns. One that died is replaced when its turn comes: a reader outlives restarts of the server.
 */
function createSessions(address: PostgresAddress, limits: SessionLimits | undefined) {
  const slots: { session: Promise<Session> | undefined; busy: number }[] = Array.from({ length: READER_CONNECTIONS_MAX }, () => ({ session: undefined, busy: 0 }))
  let closed = false
  return {
    async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
      if (closed) throw new VouchsafeError("DISK", "this reader is closed")
      const slot = slots.reduce((least, one) => (one.busy < least.busy ? one : least))
      slot.busy++
      const opening = slot.session ??= openSession(address, limits)
      try {
        return await work(await opening)
      } catch (error) {
        if (isAboutTheWay(error) && slot.session === opening) {
          slot.session = undefined
          // What others still run on it ends first. One that never opened has nothing to close.
          opening.then((session) => session.close(), (reason: unknown) => reason)
        }
        throw error
      } finally {
        slot.busy--
      }
    },
    async close(): Promise<void> {
      closed = true
      await Promise.allSettled(slots.map(async (slot) => (await slot.session)?.close()))
    },
  }
}

/**
 * Opens a log's records for reading. Creates nothing, takes no lock.
 * @throws VouchsafeError NOT_FOUND when no such log is kept there; STATE_UNSAFE, UNREACHABLE, TIMEOUT.
 */
export async function openPostgresSnapshots(options: PostgresSnapshotsOptions): Promise<Omit<LogSnapshots, "readFile">> {
  const { address, log, limits } = options
  const { schema } = address
  const sessions = createSessions(address, limits)
  try {
    await sessions.use((session) => expectSchema(session, schema))
    const logId = await sessions.use((session) => session.run("find a log in", (query) => findLog(query, schema, log)))
    if (logId === undefined) throw new VouchsafeError("NOT_FOUND", `schema ${schema} holds no log ${log}`)
    const place = { schema, logId }
    return {
      snapshot: (read) => sessions.use((session) => session.transaction("read from", (query) => read(stateReads(query, place)), "snapshot")),
      indicesByKey: (key, limit) => sessions.use((session) => session.run("read from", (query) => indicesByKey(query, place, key, limit))),
      close: sessions.close,
    }
  } catch (error) {
    await sessions.close()
    throw error
  }
}
