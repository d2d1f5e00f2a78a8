/**
 * What all of an attester's own statements share (packages/spec/statements.md): in-toto Statement v1, one subject,
 * canonical JSON.
 *
 * @packageDocumentation
 */
import { canonicalize, type JsonObject, parseCanonicalJson } from "../jcs.ts"
import { spellNpmPurl } from "../purl.ts"
import { STATEMENT_TYPE } from "../statement.ts"
import { isRegistryId } from "./registry-id.ts"
import { type Members, sha512Member, takeMembers } from "./members.ts"
import type { ShapeReader } from "./shape.ts"

/** Base of this project's predicate types: a reserved domain until the project owns one (ADR 0020). */
export const PREDICATE_BASE = "https://vouchsafe.example/"
export const OBSERVATION_TYPE = `${PREDICATE_BASE}observation/v1`
export const NOTICE_TYPE = `${PREDICATE_BASE}notice/v1`
export const BY_DIGEST_TYPE = `${PREDICATE_BASE}by-digest/v1`
export const REBUILD_TYPE = `${PREDICATE_BASE}rebuild/v1`
export const FOREIGN_TYPE = `${PREDICATE_BASE}foreign/v1`
export const LOCKSET_TYPE = `${PREDICATE_BASE}lockset/v1`

/** Go's dirhash as text. */
const H1 = /^h1:[A-Za-z0-9+/]{43}=$/

/** Longest body that an entry may name by digest. */
export const BODY_LENGTH_MAX = 8_388_608
export const NAME_LENGTH_MAX = 400
export const URL_LENGTH_MAX = 512

/** The parts of an own statement about an artifact that do not depend on its predicate. */
export interface OwnStatement {
  readonly purl: string
  readonly sha512: string
  readonly predicateType: string
  readonly predicate: unknown
}

/** A statement of which only the frame is read: what its subject and its predicate are depends on its type. */
export interface StatementFrame {
  readonly subject: Readonly<Record<string, unknown>>
  readonly predicateType: string
  readonly predicate: unknown
}

/** Reads the frame of a statement with one subject. */
export function parseFrame(text: string, reader: ShapeReader): StatementFrame {
  if (text.length > BODY_LENGTH_MAX) reader.fail("document", `at most ${BODY_LENGTH_MAX} characters`, `${text.length} characters`)
  const statement = reader.object(parseCanonicalJson(text), "document", ["_type", "subject", "predicateType", "predicate"])
  reader.oneOf(statement["_type"], "_type", [STATEMENT_TYPE])
  const subjects = reader.array(statement["subject"], "subject", 1)
  return {
    subject: reader.object(subjects[0], "subject[0]", ["name", "digest"]),
    predicateType: reader.string(statement["predicateType"], "predicateType", URL_LENGTH_MAX),
    predicate: statement["predicate"],
  }
}

/** Reads the envelope of an own statement about an artifact; the predicate is left to the caller. */
export function parseOwnStatement(text: string, reader: ShapeReader): OwnStatement {
  return ownStatementOf(parseFrame(text, reader), reader)
}

/** The statement about an artifact that a frame holds. */
export function ownStatementOf({ subject, predicateType, predicate }: StatementFrame, reader: ShapeReader): OwnStatement {
  const digest = reader.object(subject["digest"], "subject[0].digest", ["sha512"])
  return {
    purl: artifactPurl(subject["name"], "subject[0].name", reader),
    sha512: sha512Member(digest["sha512"], "subject[0].digest.sha512", reader),
    predicateType, predicate,
  }
}

/** Reads the members of a predicate, beside the `kind` that each predicate type has. */
export function predicateMembers<T>(value: unknown, reader: ShapeReader, members: Members<T>, kind = "own"): T {
  const predicate = reader.object(value, "predicate", ["kind", ...Object.keys(members)])
  reader.oneOf(predicate["kind"], "predicate.kind", [kind])
  return takeMembers(predicate, "predicate.", reader, members)
}

/** Reads a purl that names an artifact: npm, with version, without qualifiers or subpath, in its one spelling. */
export function artifactPurl(value: unknown, at: string, reader: ShapeReader): string {
  const text = reader.string(value, at, NAME_LENGTH_MAX)
  const spelled = spellNpmPurl(text)
  return spelled === text ? text : reader.fail(at, spelled, text)
}

/** Reads a registry id; the URLs of nodes and of rosters' sources have the same one spelling. */
export function registryMember(value: unknown, at: string, reader: ShapeReader): string {
  const id = reader.string(value, at, URL_LENGTH_MAX)
  return isRegistryId(id) ? id : reader.fail(at, "an http or https URL in its one spelling, with a trailing slash", id)
}

/** Reads a dirhash. */
export function h1Member(value: unknown, at: string, reader: ShapeReader): string {
  return reader.pattern(value, at, H1, "an h1 dirhash")
}

/** Reads the origin of the log that a statement is bound to. */
export function logMember(value: unknown, at: string, reader: ShapeReader): string {
  return reader.string(value, at, URL_LENGTH_MAX)
}

/** Writes an own statement in its one spelling. */
export function formatStatementText(name: string, sha512: string, predicateType: string, predicate: object): string {
  return canonicalize({ _type: STATEMENT_TYPE, subject: [{ name, digest: { sha512 } }], predicateType, predicate: predicate as JsonObject })
}

/** A map of foreign keys as a JSON object. */
export function plain(map: ReadonlyMap<string, string | number>): JsonObject {
  return Object.fromEntries(map)
}
