/**
 * The three writes of a log's records. Each is called inside a transaction that first made sure of the lease.
 *
 * @packageDocumentation
 */
import { utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { LogEntry, SignedHead, StagedBatch } from "@vouchsafe/ports"
import { type LogPlace, loadState } from "./reads.ts"
import type { Query } from "./session.ts"

function unsafe(why: string): VouchsafeError {
  return new VouchsafeError("STATE_UNSAFE", why)
}

async function setHead(query: Query, { schema, logId }: LogPlace, kind: string, head: { size: number; root: Uint8Array; text?: string }, keyCount?: number): Promise<void> {
  await query(`INSERT INTO ${schema}.heads (log, kind, size, root, text, key_count) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (log, kind) DO UPDATE SET size = excluded.size, root = excluded.root, text = excluded.text, key_count = excluded.key_count`,
  [logId, kind, head.size, head.root, head.text === undefined ? null : utf8Encode(head.text), keyCount ?? null])
}

async function addEntries(query: Query, { schema, logId }: LogPlace, entries: readonly LogEntry[], from: number): Promise<number> {
  if (entries.length === 0) return 0
  await query(`INSERT INTO ${schema}.entries (log, idx, bytes) SELECT $1, $2::bigint + n - 1, bytes FROM unnest($3::bytea[]) WITH ORDINALITY AS given(bytes, n)`,
    [logId, from, entries.map(({ bytes }) => Buffer.from(bytes))])
  const pairs = entries.flatMap(({ keys }, i) => [...new Set(keys)].map((key) => ({ key: Buffer.from(utf8Encode(key)), index: from + i })))
  if (pairs.length > 0) {
    await query(`INSERT INTO ${schema}.keys (log, key, idx) SELECT $1, key, idx FROM unnest($2::bytea[], $3::bigint[]) AS given(key, idx)`,
      [logId, pairs.map(({ key }) => key), pairs.map(({ index }) => index)])
  }
  return pairs.length
}

/** [S2] */
export async function stage(query: Query, place: LogPlace, batch: StagedBatch): Promise<void> {
  const { staged, keyCount } = await loadState(query, place)
  const size = staged?.size ?? 0
  if (size !== batch.expectedSize) throw unsafe(`the log has ${size} staged entries, expected ${batch.expectedSize}: somebody else appended`)
  const added = await addEntries(query, place, batch.entries, size)
  if (batch.hashes.length > 0) {
    await query(`INSERT INTO ${place.schema}.hashes (log, level, idx, hash)
      SELECT $1, level, idx, hash FROM unnest($2::int[], $3::bigint[], $4::bytea[]) AS given(level, idx, hash)`,
    [place.logId, batch.hashes.map(({ level }) => level), batch.hashes.map(({ index }) => index), batch.hashes.map(({ hash }) => Buffer.from(hash))])
  }
  await setHead(query, place, "staged", batch.head, keyCount + added)
}

/** [S6] */
export async function putSigned(query: Query, place: LogPlace, expectedSize: number | undefined, head: SignedHead, retainFrom: readonly number[]): Promise<void> {
  const { schema, logId } = place
  const { signed } = await loadState(query, place)
  if (signed?.size !== expectedSize) throw unsafe(`the stored checkpoint has size ${signed?.size ?? "none"}, expected ${expectedSize ?? "none"}`)
  await setHead(query, place, "signed", head)
  const [entriesFrom = 0, ...hashesFrom] = retainFrom
  await query(`DELETE FROM ${schema}.entries WHERE log = $1 AND idx < $2`, [logId, entriesFrom])
  for (const [i, from] of hashesFrom.entries()) await query(`DELETE FROM ${schema}.hashes WHERE log = $1 AND level = $2 AND idx < $3`, [logId, i + 1, from])
}

/** [S11] */
export async function putCosigned(query: Query, place: LogPlace, head: SignedHead): Promise<void> {
  const { cosigned } = await loadState(query, place)
  if (cosigned !== undefined && cosigned.size > head.size) {
    throw unsafe(`the stored cosigned checkpoint has size ${cosigned.size}, expected at most ${head.size}`)
  }
  await setHead(query, place, "cosigned", head)
}
