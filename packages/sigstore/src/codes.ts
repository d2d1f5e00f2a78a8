/**
 * Why something that came with an artifact was refused. Documented in packages/spec/upstream.md, "Codes"; never renamed, never reused.
 *
 * @packageDocumentation
 */

/** What is wrong with an attestation of either kind. */
const ATTESTATION_FAULTS = [
  "MALFORMED", "MEDIA_TYPE_UNKNOWN", "PAYLOAD_TYPE", "TYPE_MISMATCH", "DUPLICATE", "LOG_UNKNOWN", "UNVERIFIED",
  "SUBJECT_COUNT", "SUBJECT_NAME", "SUBJECT_DIGEST",
] as const
type AttestationFault = (typeof ATTESTATION_FAULTS)[number]

/** Codes of a registry's signatures over `name@version:integrity`. */
export const REGISTRY_SIGNATURE_CODES = ["REGISTRY_SIGNATURE_MALFORMED", "REGISTRY_SIGNATURE_KEY_UNKNOWN", "REGISTRY_SIGNATURE_KEY_EXPIRED", "REGISTRY_SIGNATURE_INVALID"] as const
const PUBLISH_FAULTS = ["NOT_BY_REGISTRY", "KEY_UNKNOWN", "KEYID_MISMATCH", "PREDICATE_MISMATCH"] as const
const PROVENANCE_FAULTS = [
  "MISSING", "NOT_BY_CERTIFICATE", "BY_PERSON", "ISSUER_UNKNOWN", "IDENTITY_MALFORMED", "PREDICATE_MALFORMED",
  "REPOSITORY_MISMATCH", "SOURCE_MISMATCH", "COMMIT_MISMATCH", "BUILDER_MISMATCH",
] as const

export type RegistrySignatureCode = (typeof REGISTRY_SIGNATURE_CODES)[number]
export type PublishCode = `PUBLISH_${AttestationFault | (typeof PUBLISH_FAULTS)[number]}`
export type ProvenanceCode = `PROVENANCE_${AttestationFault | (typeof PROVENANCE_FAULTS)[number]}`
export type AttestationCode = PublishCode | ProvenanceCode
/** Every code that `upstream.refused` may hold. */
export type UpstreamCode = RegistrySignatureCode | "ATTESTATIONS_MALFORMED" | AttestationCode

/** All of them, in order. */
export const UPSTREAM_CODES: readonly UpstreamCode[] = [
  ...REGISTRY_SIGNATURE_CODES,
  "ATTESTATIONS_MALFORMED",
  ...[...ATTESTATION_FAULTS, ...PUBLISH_FAULTS].map((fault) => `PUBLISH_${fault}` as const),
  ...[...ATTESTATION_FAULTS, ...PROVENANCE_FAULTS].map((fault) => `PROVENANCE_${fault}` as const),
].sort() as UpstreamCode[]

/**
 * Codes that say as much about the verifier as about the artifact: it has never heard of the key or log that signed. The verifier's
 * root of trust may be too old, so a node makes no observation, which would stay, but asks its operator for newer keys.
 */
export const TRUST_MAY_BE_OLD: ReadonlySet<string> = new Set<UpstreamCode>([
  "REGISTRY_SIGNATURE_KEY_UNKNOWN", "PUBLISH_KEY_UNKNOWN", "PUBLISH_LOG_UNKNOWN", "PROVENANCE_LOG_UNKNOWN",
])

/** The two kinds of attestation that are read. */
export type AttestationKind = "PUBLISH" | "PROVENANCE"
/** A code shared by both kinds. */
export function faultOf(kind: AttestationKind, fault: AttestationFault): AttestationCode {
  return `${kind}_${fault}`
}
