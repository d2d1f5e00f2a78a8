import { hexEncode, utf8Encode } from "../bytes.ts"
import type { Crypto } from "../crypto.ts"
import { shown, VouchsafeError } from "../errors.ts"
import { type Observation, parseObservation } from "./observation.ts"
import { HEX_SHA256, shapeReader } from "./shape.ts"
import { BODY_LENGTH_MAX, BY_DIGEST_TYPE, formatStatementText, OBSERVATION_TYPE, parseOwnStatement, URL_LENGTH_MAX } from "./statement-text.ts"

const read = shapeReader("STATEMENT_MALFORMED", "statement")

/** Writes the entry that stands for a statement too large for the log (DESIGN §4). `body` is the full statement's text. */
export function formatByDigest(crypto: Crypto, body: { readonly purl: string; readonly sha512: string; readonly log: string; readonly predicateType: string; readonly text: string }): string {
  const bytes = utf8Encode(body.text)
  return formatStatementText(body.purl, body.sha512, BY_DIGEST_TYPE, {
    kind: "own", log: body.log,
    body: { predicateType: body.predicateType, size: bytes.length, sha256: hexEncode(crypto.sha256(bytes)) },
  })
}

/** What a log entry is, as far as a verifier of observations cares. */
export type OwnEntry =
  | { readonly kind: "observation"; readonly observation: Observation }
  | { readonly kind: "by-digest"; readonly sha256: string; readonly size: number; readonly purl: string; readonly sha512: string; readonly log: string }

/**
 * Reads an entry of an observations log. Entries that are no observation, or are somebody else's word (`foreign`),
 * are refused: only an attester's own word makes a claim (THREATS A1).
 */
export function parseOwnEntry(text: string): OwnEntry {
  if (!text.includes(BY_DIGEST_TYPE)) return { kind: "observation", observation: parseObservation(text) }
  const { purl, sha512, predicateType, predicate: value } = parseOwnStatement(text, read)
  if (predicateType !== BY_DIGEST_TYPE) return { kind: "observation", observation: parseObservation(text) }
  const predicate = read.object(value, "predicate", ["kind", "log", "body"])
  read.oneOf(predicate["kind"], "predicate.kind", ["own"])
  const body = read.object(predicate["body"], "predicate.body", ["predicateType", "size", "sha256"])
  read.oneOf(body["predicateType"], "predicate.body.predicateType", [OBSERVATION_TYPE])
  return {
    kind: "by-digest", purl, sha512,
    log: read.string(predicate["log"], "predicate.log", URL_LENGTH_MAX),
    size: read.integer(body["size"], "predicate.body.size", 1, BODY_LENGTH_MAX),
    sha256: read.pattern(body["sha256"], "predicate.body.sha256", HEX_SHA256, "64 lower-case hex digits"),
  }
}

/** Resolves an entry to its observation, taking a by-digest entry's body from `bodies` (hex SHA-256 → text). */
export function resolveObservation(entry: OwnEntry, bodies: ReadonlyMap<string, string>): Observation {
  if (entry.kind === "observation") return entry.observation
  const text = bodies.get(entry.sha256)
  if (text === undefined || utf8Encode(text).length !== entry.size) {
    throw new VouchsafeError("STATEMENT_MALFORMED", `statement: body ${entry.sha256} of ${entry.size} bytes is missing, expected it beside its entry`)
  }
  const observation = parseObservation(text)
  if (observation.purl !== entry.purl || observation.sha512 !== entry.sha512 || observation.log !== entry.log) {
    throw new VouchsafeError("STATEMENT_MALFORMED", `statement: body ${entry.sha256} is about ${shown(observation.purl)}, expected what its entry names`)
  }
  return observation
}

