import { hexEncode, utf8Encode } from "../bytes.ts"
import type { Crypto } from "../crypto.ts"
import { shown, unlessRefused, VouchsafeError } from "../errors.ts"
import { type Lockset, locksetOf } from "./lock/lockset.ts"
import { sha256Member } from "./members.ts"
import { type Observation, observationOf, parseObservation } from "./observation.ts"
import { type Rebuild, rebuildOf } from "./rebuild.ts"
import { type ForeignEntry, foreignEntryOf } from "./release.ts"
import { shapeReader } from "./shape.ts"
import {
  BODY_LENGTH_MAX, BY_DIGEST_TYPE, FOREIGN_TYPE, formatStatementText, LOCKSET_TYPE, OBSERVATION_TYPE, type OwnStatement, ownStatementOf, parseFrame, REBUILD_TYPE, URL_LENGTH_MAX,
} from "./statement-text.ts"

const read = shapeReader("STATEMENT_MALFORMED", "statement")

/** Writes the entry that stands for a statement too large for the log (DESIGN §4). `body` is the full statement's text. */
export function formatByDigest(crypto: Crypto, body: { readonly purl: string; readonly sha512: string; readonly log: string; readonly predicateType: string; readonly text: string }): string {
  const bytes = utf8Encode(body.text)
  return formatStatementText(body.purl, body.sha512, BY_DIGEST_TYPE, {
    kind: "own", log: body.log,
    body: { predicateType: body.predicateType, size: bytes.length, sha256: hexEncode(crypto.sha256(bytes)) },
  })
}

/** Stands for an observation too large for the log. */
export interface ByDigestEntry {
  readonly kind: "by-digest"
  readonly sha256: string
  readonly size: number
  readonly purl: string
  readonly sha512: string
  readonly log: string
}

/** An entry that says what the attester itself saw. */
export type OwnEntry = { readonly kind: "observation"; readonly observation: Observation } | ByDigestEntry

/** An entry of an observations log. Only `foreign` is not the attester's own word. */
export type Entry =
  | OwnEntry
  | { readonly kind: "rebuild"; readonly rebuild: Rebuild }
  | { readonly kind: "foreign"; readonly foreign: ForeignEntry }
  | { readonly kind: "lockset"; readonly lockset: Lockset }

/**
 * Reads an entry of an observations log, once. What it is follows from its predicate type alone, and each type allows one `kind`:
 * nothing that somebody else signed can come out as the attester's word, whatever it is shaped like (THREATS A1).
 * @throws VouchsafeError STATEMENT_MALFORMED, JSON_NOT_CANONICAL, PURL_MALFORMED.
 */
export function parseEntry(text: string): Entry {
  const frame = parseFrame(text, read)
  if (frame.predicateType === LOCKSET_TYPE) return { kind: "lockset", lockset: locksetOf(frame) }
  const statement = ownStatementOf(frame, read)
  switch (statement.predicateType) {
    case OBSERVATION_TYPE: return { kind: "observation", observation: observationOf(statement) }
    case BY_DIGEST_TYPE: return byDigestOf(statement)
    case REBUILD_TYPE: return { kind: "rebuild", rebuild: rebuildOf(statement) }
    case FOREIGN_TYPE: return { kind: "foreign", foreign: foreignEntryOf(statement) }
    default: return read.fail("predicateType", `one of ${OBSERVATION_TYPE}, ${BY_DIGEST_TYPE}, ${REBUILD_TYPE}, ${FOREIGN_TYPE}, ${LOCKSET_TYPE}`, statement.predicateType)
  }
}

/** Reads an entry that must be an observation, whole or by digest. @throws as {@link parseEntry}, also for entries of other kinds. */
export function parseOwnEntry(text: string): OwnEntry {
  const entry = parseEntry(text)
  return entry.kind === "observation" || entry.kind === "by-digest" ? entry : read.fail("predicateType", OBSERVATION_TYPE, entry.kind)
}

function byDigestOf({ purl, sha512, predicate: value }: OwnStatement): ByDigestEntry {
  const predicate = read.object(value, "predicate", ["kind", "log", "body"])
  read.oneOf(predicate["kind"], "predicate.kind", ["own"])
  const body = read.object(predicate["body"], "predicate.body", ["predicateType", "size", "sha256"])
  read.oneOf(body["predicateType"], "predicate.body.predicateType", [OBSERVATION_TYPE])
  return {
    kind: "by-digest", purl, sha512,
    log: read.string(predicate["log"], "predicate.log", URL_LENGTH_MAX),
    size: read.integer(body["size"], "predicate.body.size", 1, BODY_LENGTH_MAX),
    sha256: sha256Member(body["sha256"], "predicate.body.sha256", read),
  }
}

/** Bodies by their hex SHA-256, as by-digest entries name them. */
export function bodiesByDigest(crypto: Crypto, bodies: readonly string[]): ReadonlyMap<string, string> {
  return new Map(bodies.map((body) => [hexEncode(crypto.sha256(utf8Encode(body))), body]))
}

/** The observation that an entry's text is, taking its body from those that came with it; undefined for any other text. Proves nothing. */
export function observationIn(crypto: Crypto, text: string, bodies: readonly string[]): Observation | undefined {
  return unlessRefused(() => observationOfEntry(crypto, parseOwnEntry(text), bodies))
}

/** The same of an entry that was read already. @throws as {@link resolveObservation}. */
export function observationOfEntry(crypto: Crypto, entry: OwnEntry, bodies: readonly string[]): Observation {
  return entry.kind === "observation" ? entry.observation : observationResolver(crypto, bodies)(entry)
}

/** A full statement that lies beside entries. */
interface Body {
  readonly bytes: number
  /** @throws as {@link parseObservation}. */
  read(): Observation
}

function bodyOf(text: string): Body {
  let read: { readonly observation: Observation } | { readonly error: unknown } | undefined
  return {
    bytes: utf8Encode(text).length,
    read() {
      read ??= attempt(text)
      if ("error" in read) throw read.error
      return read.observation
    },
  }
}

function attempt(text: string): { readonly observation: Observation } | { readonly error: unknown } {
  try {
    return { observation: parseObservation(text) }
  } catch (error) {
    return { error }
  }
}

type Resolve = (entry: OwnEntry) => Observation

/** By the list itself, which nobody changes. */
const resolvers = new WeakMap<readonly string[], Resolve>()

/**
 * Resolves the entries that came with a list of bodies, each as {@link resolveObservation} does. A body is hashed and read once, however many
 * entries name it: megabytes of it may stand behind thousands of short ones.
 */
export function observationResolver(crypto: Crypto, bodies: readonly string[]): Resolve {
  const known = resolvers.get(bodies)
  if (known !== undefined) return known
  const read = new Map([...bodiesByDigest(crypto, bodies)].map(([digest, text]) => [digest, bodyOf(text)]))
  const resolve: Resolve = (entry) => (entry.kind === "observation" ? entry.observation : resolved(entry, read.get(entry.sha256)))
  resolvers.set(bodies, resolve)
  return resolve
}

/** Resolves an entry to its observation, taking a by-digest entry's body from `bodies` (hex SHA-256 → text). */
export function resolveObservation(entry: OwnEntry, bodies: ReadonlyMap<string, string>): Observation {
  if (entry.kind === "observation") return entry.observation
  const text = bodies.get(entry.sha256)
  return resolved(entry, text === undefined ? undefined : bodyOf(text))
}

function resolved(entry: ByDigestEntry, body: Body | undefined): Observation {
  if (body?.bytes !== entry.size) {
    throw new VouchsafeError("STATEMENT_MALFORMED", `statement: body ${entry.sha256} of ${entry.size} bytes is missing, expected it beside its entry`)
  }
  const observation = body.read()
  if (observation.purl !== entry.purl || observation.sha512 !== entry.sha512 || observation.log !== entry.log) {
    throw new VouchsafeError("STATEMENT_MALFORMED", `statement: body ${entry.sha256} is about ${shown(observation.purl)}, expected what its entry names`)
  }
  return observation
}
