/**
 * The in-toto Statement inside an attestation, v0.1 or v1.
 *
 * @packageDocumentation
 */
import { utf8Decode } from "@vouchsafe/core"
import { isBounded, memberOf, membersOf } from "./json.ts"
import { BUNDLE_LENGTH_MAX } from "./limits.ts"

/** A statement about exactly what it says. Shapes inside are still foreign. */
export interface ForeignStatement {
  readonly subject: readonly unknown[]
  readonly predicateType: string
  readonly predicate: unknown
}

export const IN_TOTO_PAYLOAD_TYPE = "application/vnd.in-toto+json"
const STATEMENT_TYPES: ReadonlySet<unknown> = new Set(["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"])

/** Reads a statement. Undefined for bytes that are none. */
export function readStatement(payload: Uint8Array): ForeignStatement | undefined {
  const value = parse(payload)
  if (membersOf(value) === undefined || !isBounded(value, BUNDLE_LENGTH_MAX)) return undefined
  const subject = memberOf(value, "subject")
  const predicateType = memberOf(value, "predicateType")
  if (!STATEMENT_TYPES.has(memberOf(value, "_type")) || !Array.isArray(subject) || typeof predicateType !== "string") return undefined
  return { subject: subject as readonly unknown[], predicateType, predicate: memberOf(value, "predicate") }
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Decode(payload))
  } catch {
    // No UTF-8 or no JSON: no statement, whatever was wrong with it.
    return undefined
  }
}
