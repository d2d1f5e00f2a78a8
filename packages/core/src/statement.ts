/**
 * in-toto Statements v1 (STANDARDS §9).
 *
 * @packageDocumentation
 */
import { refusals, shown } from "./errors.ts"
import { canonicalize, type JsonObject, type JsonValue, parseCanonicalJson } from "./jcs.ts"

export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
/** Older type URI that registries still issue; accepted from others, never written. */
export const STATEMENT_TYPE_V01 = "https://in-toto.io/Statement/v0.1"
/** Most subjects of one statement. */
export const STATEMENT_SUBJECTS_MAX = 1024

/** Algorithm name to lower-case hexadecimal digest. */
export type DigestSet = Readonly<Record<string, string>>

/** What a statement is about: matched by digest, never by name alone. */
export interface Subject {
  readonly name: string
  readonly digest: DigestSet
}

/** An in-toto Statement. */
export interface Statement {
  readonly _type: typeof STATEMENT_TYPE
  readonly subject: readonly Subject[]
  readonly predicateType: string
  readonly predicate: JsonObject
}

/** Digits of the digests whose length is known; others must be hexadecimal of some even length. */
const DIGITS_BY_ALGORITHM: Readonly<Record<string, readonly number[]>> = {
  sha1: [40], sha256: [64], sha384: [96], sha512: [128], dirHash: [64], dirHash1: [64],
  gitCommit: [40, 64], gitTree: [40, 64], gitBlob: [40, 64], gitTag: [40, 64],
}

const refuse = /* @__PURE__ */ refusals("STATEMENT_MALFORMED", "statement ")

function asObject(value: JsonValue | undefined, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(`${what} is not an object`)
  return value as JsonObject
}

function asText(value: JsonValue | undefined, what: string): string {
  if (typeof value !== "string" || value === "") throw refuse(`${what} is not a non-empty string`)
  return value
}

function expectMembers(object: JsonObject, names: readonly string[], what: string): void {
  for (const name of Object.keys(object)) if (!names.includes(name)) throw refuse(`${what} has the unknown member ${shown(name)}`)
}

function readDigest(value: JsonValue | undefined, what: string): DigestSet {
  const digest = asObject(value, `${what}.digest`)
  const entries = Object.entries(digest)
  if (entries.length === 0) throw refuse(`${what}.digest is empty, expected at least one digest`)
  for (const [algorithm, hex] of entries) {
    const digits = Object.hasOwn(DIGITS_BY_ALGORITHM, algorithm) ? DIGITS_BY_ALGORITHM[algorithm] : undefined
    const isHex = typeof hex === "string" && /^(?:[0-9a-f]{2})+$/.test(hex)
    if (!isHex || (digits !== undefined && !digits.includes(hex.length))) {
      const expected = digits === undefined ? "lower-case hexadecimal" : `${digits.join(" or ")} lower-case hexadecimal digits`
      throw refuse(`${what}.digest.${algorithm} is ${typeof hex === "string" ? shown(hex) : typeof hex}, expected ${expected}`)
    }
  }
  return digest as DigestSet
}

function readSubjects(value: JsonValue | undefined, strict: boolean): Subject[] {
  if (!Array.isArray(value)) throw refuse("subject is not a list")
  const list = value as readonly JsonValue[]
  if (list.length === 0 || list.length > STATEMENT_SUBJECTS_MAX) throw refuse(`has ${list.length} subjects, expected 1 to ${STATEMENT_SUBJECTS_MAX}`)
  const names = new Set<string>()
  return list.map((item, i) => {
    const what = `subject[${i}]`
    const subject = asObject(item, what)
    if (strict) expectMembers(subject, ["name", "digest"], what)
    const name = asText(subject["name"], `${what}.name`)
    if (names.has(name)) throw refuse(`${what}.name is ${shown(name)} again, expected distinct names`)
    names.add(name)
    return { name, digest: readDigest(subject["digest"], what) }
  })
}

function readStatement(value: JsonValue, strict: boolean): Statement {
  const source = asObject(value, "itself")
  if (strict) expectMembers(source, ["_type", "subject", "predicateType", "predicate"], "itself")
  const type = asText(source["_type"], "_type")
  if (type !== STATEMENT_TYPE && (strict || type !== STATEMENT_TYPE_V01)) throw refuse(`_type is ${shown(type)}, expected ${STATEMENT_TYPE}`)
  return {
    _type: STATEMENT_TYPE,
    subject: readSubjects(source["subject"], strict),
    predicateType: asText(source["predicateType"], "predicateType"),
    predicate: asObject(source["predicate"], "predicate"),
  }
}

/**
 * Reads a statement of our own logs: canonical JSON, exactly the four members of the standard, subjects of name and digest only.
 * `formatStatement(parseStatement(text)) === text`.
 * @throws VouchsafeError STATEMENT_MALFORMED or JSON_NOT_CANONICAL.
 */
export function parseStatement(text: string): Statement {
  return readStatement(parseCanonicalJson(text), true)
}

/**
 * Reads a statement made elsewhere: any JSON spelling, unknown members ignored (in-toto's parsing rules), `_type` v1 or v0.1. The result always says v1.
 * @throws VouchsafeError STATEMENT_MALFORMED.
 */
export function parseForeignStatement(text: string): Statement {
  let value: JsonValue
  try {
    value = JSON.parse(text) as JsonValue
  } catch (cause) {
    throw refuse(`${shown(text)} does not parse as JSON`, cause)
  }
  return readStatement(value, false)
}

/**
 * Writes a statement as canonical JSON, after the checks of {@link parseStatement}.
 * @throws VouchsafeError STATEMENT_MALFORMED or JSON_NOT_CANONICAL.
 */
export function formatStatement(statement: Statement): string {
  const value = statement as unknown as JsonValue
  readStatement(value, true)
  return canonicalize(value)
}
