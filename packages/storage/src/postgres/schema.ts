/**
 * The tables, in a schema of their own. Created on first use, all or none; several nodes may start at once.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { Query, Session } from "./session.ts"

/** Version of the tables below, kept beside them. */
const SCHEMA_VERSION = 1
/** Serializes creation between processes; released with its transaction. */
const CREATION_LOCK = 0x76_6f_75_63

// Origins, keys and notes are bytes: exact, without the server's encodings and collations.
const TABLES = (schema: string): string => `
CREATE TABLE ${schema}.meta (version int NOT NULL);
CREATE TABLE ${schema}.logs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name bytea NOT NULL UNIQUE,
  epoch bigint NOT NULL DEFAULT 0, holder text, expires timestamptz NOT NULL DEFAULT '-infinity') WITH (fillfactor = 50);
CREATE TABLE ${schema}.heads (log int NOT NULL REFERENCES ${schema}.logs, kind text NOT NULL, size bigint NOT NULL, root bytea NOT NULL, text bytea,
  key_count bigint, PRIMARY KEY (log, kind)) WITH (fillfactor = 50);
CREATE TABLE ${schema}.entries (log int NOT NULL, idx bigint NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (log, idx));
CREATE TABLE ${schema}.hashes (log int NOT NULL, level int NOT NULL, idx bigint NOT NULL, hash bytea NOT NULL, PRIMARY KEY (log, level, idx));
CREATE TABLE ${schema}.keys (log int NOT NULL, key bytea NOT NULL, idx bigint NOT NULL, PRIMARY KEY (log, key, idx));
CREATE TABLE ${schema}.witness_heads (origin_hash text PRIMARY KEY, origin bytea NOT NULL, size bigint NOT NULL, root bytea NOT NULL, text bytea NOT NULL,
  time_seconds bigint NOT NULL);
CREATE TABLE ${schema}.witness_misbehavior (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, origin_hash text NOT NULL, pair bytea NOT NULL,
  origin bytea NOT NULL, older bytea NOT NULL, newer bytea NOT NULL, consistency bytea NOT NULL, seen_at_seconds bigint NOT NULL, UNIQUE (origin_hash, pair));
INSERT INTO ${schema}.meta (version) VALUES (${SCHEMA_VERSION});
`

async function exists(query: Query, schema: string): Promise<boolean> {
  const { rows } = await query("SELECT to_regclass($1) IS NOT NULL AS found", [`${schema}.meta`])
  return rows[0]?.["found"] === true
}

/** Whether the tables are there, and of this version. @throws VouchsafeError STATE_UNSAFE when they are of another one. */
async function isReady(query: Query, schema: string): Promise<boolean> {
  if (!await exists(query, schema)) return false
  const { rows } = await query(`SELECT version FROM ${schema}.meta`)
  const version = rows.length === 1 ? Number(rows[0]?.["version"]) : Number.NaN
  if (version === SCHEMA_VERSION) return true
  throw new VouchsafeError("STATE_UNSAFE", `schema ${schema} has tables of version ${version}, expected ${SCHEMA_VERSION}`, {
    hint: "it was written by another version of this program",
  })
}

/**
 * Creates the tables where they are missing.
 *
 * @param schema - an identifier that needs no quotes
 */
export async function prepareSchema(session: Session, schema: string): Promise<void> {
  if (await session.run("look at", (query) => isReady(query, schema))) return
  await session.transaction("create tables in", async (query) => {
    await query("SELECT pg_advisory_xact_lock($1)", [CREATION_LOCK])
    if (await isReady(query, schema)) return
    await query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
    await query(TABLES(schema))
  })
}

/** For readers, who create nothing. @throws VouchsafeError NOT_FOUND. */
export async function expectSchema(session: Session, schema: string): Promise<void> {
  if (await session.run("look at", (query) => isReady(query, schema))) return
  throw new VouchsafeError("NOT_FOUND", `the database has no schema ${schema} with logs`, { hint: "the sequencer creates it when it first starts" })
}
