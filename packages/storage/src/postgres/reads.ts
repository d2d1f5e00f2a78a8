/**
 * Reading a log's records: the same statements for its holder and for readers.
 *
 * @packageDocumentation
 */
import { utf8Encode } from "@vouchsafe/core"
import type { LogState, LogStateReads } from "@vouchsafe/ports"
import { broken, headIn, numberIn, signedIn, withoutGaps } from "./rows.ts"
import type { Query, Row } from "./session.ts"

/** Tables of one schema, rows of one log. */
export interface LogPlace {
  readonly schema: string
  readonly logId: number
}

export async function loadState(query: Query, { schema, logId }: LogPlace): Promise<LogState> {
  const { rows } = await query(`SELECT kind, size, root, text, key_count FROM ${schema}.heads WHERE log = $1`, [logId])
  const of = (kind: string): Row | undefined => rows.find((row) => row["kind"] === kind)
  const staged = of("staged")
  return {
    staged: staged === undefined ? undefined : headIn(staged),
    signed: signedIn(of("signed")),
    cosigned: signedIn(of("cosigned")),
    keyCount: staged === undefined ? 0 : numberIn(staged, "key_count"),
  }
}

/** Reads over one transaction. */
export function stateReads(query: Query, place: LogPlace): LogStateReads {
  const { schema, logId } = place
  return {
    load: () => loadState(query, place),
    async readStagedEntries(from) {
      const { rows } = await query(`SELECT idx, bytes FROM ${schema}.entries WHERE log = $1 AND idx >= $2 ORDER BY idx`, [logId, from])
      const found = withoutGaps(rows, from, "bytes")
      const size = (await loadState(query, place)).staged?.size ?? 0
      if (from + found.length !== Math.max(from, size)) throw broken(`entries from ${from + found.length} to ${size} are missing`)
      return found
    },
    async readStagedHashes(level, from) {
      const { rows } = await query(`SELECT idx, hash FROM ${schema}.hashes WHERE log = $1 AND level = $2 AND idx >= $3 ORDER BY idx`, [logId, level, from])
      return withoutGaps(rows, from, "hash")
    },
  }
}

export async function indicesByKey(query: Query, { schema, logId }: LogPlace, key: string, limit: number): Promise<number[]> {
  const { rows } = await query(`SELECT idx FROM ${schema}.keys WHERE log = $1 AND key = $2 ORDER BY idx DESC LIMIT $3`, [logId, utf8Encode(key), limit])
  return rows.map((row) => numberIn(row, "idx")).reverse()
}

/** For fsck: the index counted, and rows that belong to no part of the tree. */
export async function auditRecords(query: Query, { schema, logId }: LogPlace) {
  const totals = (await query(`SELECT count(*) AS total, coalesce(max(idx) + 1, 0) AS index_end FROM ${schema}.keys WHERE log = $1`, [logId])).rows[0]
  const outside = (await query(
    `SELECT count(*) AS total FROM ${schema}.entries WHERE log = $1 AND idx >= coalesce((SELECT size FROM ${schema}.heads WHERE log = $1 AND kind = 'staged'), 0)`, [logId],
  )).rows[0]
  const count = numberIn(outside, "total")
  return {
    problems: count === 0 ? [] : [`${count} entries lie past the staged tree`],
    keyCount: numberIn(totals, "total"),
    keyIndexEnd: numberIn(totals, "index_end"),
  }
}
