import { isVouchsafeError, npmPurl, parsePurl, formatPurl } from "@vouchsafe/core"
import { type AttestationCode, type AttestationKind, faultOf } from "../codes.ts"
import { memberAt, memberOf } from "../json.ts"
import type { ForeignStatement } from "../statement.ts"

/** The artifact that an attestation must be about. */
export interface ExpectedArtifact {
  readonly name: string
  readonly version: string
  /** Lower-case hexadecimal SHA-512 of the tarball. */
  readonly sha512: string
}

/** One subject: this package's purl, and this tarball's digest. */
export function checkSubject(kind: AttestationKind, statement: ForeignStatement, expected: ExpectedArtifact): AttestationCode[] {
  const { subject } = statement
  if (subject.length !== 1) return [faultOf(kind, "SUBJECT_COUNT")]
  const codes: AttestationCode[] = []
  if (!namesPurl(memberOf(subject[0], "name"), npmPurl(expected.name, expected.version))) codes.push(faultOf(kind, "SUBJECT_NAME"))
  if (memberAt(subject[0], "digest", "sha512") !== expected.sha512) codes.push(faultOf(kind, "SUBJECT_DIGEST"))
  return codes
}

/** npm writes the canonical purl; the documents of its attestations also print a bare `@scope`. */
function namesPurl(name: unknown, expected: string): boolean {
  if (typeof name !== "string") return false
  try {
    return formatPurl(parsePurl(name)) === expected
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return false
  }
}
