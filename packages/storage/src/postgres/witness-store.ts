/**
 * A witness's memory in PostgreSQL. Several processes may have it open: each write is one statement, so that the comparison and the write are
 * one transaction.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { type Bytes, concatBytes, HASH_BYTES, utf8Encode } from "@vouchsafe/core"
import type { WitnessedHead, WitnessedMisbehavior, WitnessStore } from "@vouchsafe/ports"
import type { PostgresAddress } from "./address.ts"
import { broken, bytesIn, numberIn, textIn } from "./rows.ts"
import { prepareSchema } from "./schema.ts"
import { openSession, type Row, type SessionLimits } from "./session.ts"

function headIn(row: Row): WitnessedHead {
  return {
    origin: textIn(row, "origin"), size: numberIn(row, "size"), root: bytesIn(row, "root"), text: textIn(row, "text"), timeSeconds: numberIn(row, "time_seconds"),
  }
}

function evidenceIn(row: Row): WitnessedMisbehavior {
  const hashes = bytesIn(row, "consistency")
  if (hashes.length % HASH_BYTES !== 0) throw broken(`column consistency holds ${hashes.length} bytes, expected a multiple of ${HASH_BYTES}`)
  const consistency = Array.from({ length: hashes.length / HASH_BYTES }, (_, i): Bytes => hashes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES))
  return {
    origin: textIn(row, "origin"), older: textIn(row, "older"), newer: textIn(row, "newer"), consistency, seenAtSeconds: numberIn(row, "seen_at_seconds"),
  }
}

/** Names a pair of checkpoints: an index has no room for both. */
function pairOf({ older, newer }: WitnessedMisbehavior): Buffer {
  return createHash("sha256").update(`${utf8Encode(older).length}\0${older}${newer}`, "utf8").digest()
}

/**
 * Opens the store, creating its tables when missing.
 * @throws VouchsafeError STATE_UNSAFE when the tables are of another version, or the server cannot keep what it is given; UNREACHABLE, TIMEOUT.
 */
export async function openPostgresWitnessStore(options: { readonly address: PostgresAddress; readonly limits?: SessionLimits }): Promise<WitnessStore> {
  const { schema } = options.address
  const session = await openSession(options.address, options.limits)
  try {
    await prepareSchema(session, schema)
  } catch (error) {
    await session.close()
    throw error
  }
  const heads = `${schema}.witness_heads`
  const ask = async (what: string, text: string, values: readonly unknown[] = []) => session.run(what, (query) => query(text, values))
  return {
    async read(originHash) {
      const { rows } = await ask("read from", `SELECT origin, size, root, text, time_seconds FROM ${heads} WHERE origin_hash = $1`, [originHash])
      return rows[0] === undefined ? undefined : headIn(rows[0])
    },
    async compareAndSet(originHash, expected, next) {
      const values = [originHash, utf8Encode(next.origin), next.size, next.root, utf8Encode(next.text), next.timeSeconds]
      const { count } = expected === undefined
        ? await ask("write to", `INSERT INTO ${heads} (origin_hash, origin, size, root, text, time_seconds) VALUES ($1, $2, $3, $4, $5, $6)
          ON CONFLICT (origin_hash) DO NOTHING`, values)
        : await ask("write to", `UPDATE ${heads} SET origin = $2, size = $3, root = $4, text = $5, time_seconds = $6
          WHERE origin_hash = $1 AND size = $7 AND root = $8 AND time_seconds = $9`, [...values, expected.size, expected.root, expected.timeSeconds])
      return count === 1
    },
    async addMisbehavior(originHash, found, limit) {
      const { origin, older, newer, consistency, seenAtSeconds } = found
      await ask("write to", `INSERT INTO ${schema}.witness_misbehavior (origin_hash, pair, origin, older, newer, consistency, seen_at_seconds)
        SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM ${schema}.witness_misbehavior WHERE origin_hash = $1) < $8
        ON CONFLICT (origin_hash, pair) DO NOTHING`,
      [originHash, pairOf(found), utf8Encode(origin), utf8Encode(older), utf8Encode(newer), Buffer.from(concatBytes(...consistency)), seenAtSeconds, limit])
    },
    async misbehavior() {
      const { rows } = await ask("read from", `SELECT origin, older, newer, consistency, seen_at_seconds FROM ${schema}.witness_misbehavior ORDER BY number`)
      return rows.map(evidenceIn)
    },
    close: () => session.close(),
  }
}
