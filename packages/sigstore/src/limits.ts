/** Bounds of everything that a registry, a signer or a mirror sends. What is over a bound is refused, never cut. @packageDocumentation */

const KIB = 1024

/** Bytes of a registry's answer to "attestations of this version". Real ones have 4 to 20 KiB. */
export const ATTESTATIONS_BYTES_MAX = 1024 * KIB
/** Attestations in one answer. */
export const ATTESTATIONS_MAX = 16
/** Characters of one bundle as canonical JSON. */
export const BUNDLE_LENGTH_MAX = 256 * KIB
/** Nesting of a bundle; real ones reach 7. */
export const JSON_DEPTH_MAX = 16
/** Values of all kinds in one bundle. */
export const JSON_VALUES_MAX = 4_096
/** Entries of transparency logs that one bundle brings. */
export const TLOG_ENTRIES_MAX = 8
/** Timestamps that one bundle brings. */
export const TIMESTAMPS_MAX = 8
/** Certificates that one bundle brings. */
export const CERTIFICATES_MAX = 8
/** Hashes of one inclusion proof: a tree has at most 2^63 leaves. */
export const PROOF_HASHES_MAX = 64
/** Signatures of a registry over one version. */
export const REGISTRY_SIGNATURES_MAX = 16
/** Characters of one registry signature in base64; a DER signature over P-256 has at most 72 bytes. */
export const REGISTRY_SIGNATURE_LENGTH_MAX = 128
/** Keys of one registry. */
export const REGISTRY_KEYS_MAX = 64
/** Characters of a file with a registry's keys. */
export const REGISTRY_KEYS_LENGTH_MAX = 256 * KIB
/** Characters of a file with a trusted root. */
export const TRUSTED_ROOT_LENGTH_MAX = 1024 * KIB
/** Logs, and authorities, of each kind in a trusted root. */
export const TRUSTED_AUTHORITIES_MAX = 64
/** Resolved dependencies or materials of a provenance predicate. */
export const MATERIALS_MAX = 1_024
/** Characters of one fact that a statement repeats. */
export const FACT_LENGTH_MAX = 2_048
/** Bundles whose verification is remembered. */
export const VERIFIED_BUNDLES_MAX = 1_024
/** How far ahead of the clock a mirror's timestamp may expire. Sigstore's live for a week: more means that the clock is behind. */
export const TUF_TIMESTAMP_LIFE_SECONDS_MAX = 60 * 86_400
