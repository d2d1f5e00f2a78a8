import type { RuleCode } from "../policy-rules.ts"

/**
 * Codes of the rules that judge one attester's word, taken alone, gravest first. Those after PROVENANCE_INVALID and before NO_PROVENANCE are about what
 * is new in a version.
 */
export const STATEMENT_RULES = [
  "MANIFEST_MISMATCH", "PROVENANCE_INVALID", "IDENTITY_CHANGED", "PROVENANCE_LOST", "MAINTAINER_DOMAIN_LAPSED", "NEW_INSTALL_SCRIPT", "NEWBORN_DEPENDENCY", "SOURCE_NOT_FOUND",
  "PUBLISH_BURST", "DORMANT_REVIVED", "LOOKALIKE_NAME", "NO_PROVENANCE", "EXOTIC_SOURCE", "TOO_YOUNG",
] as const satisfies readonly RuleCode[]
export type StatementRule = (typeof STATEMENT_RULES)[number]

/** What one rule has against one attester's word. */
export interface Objection {
  readonly rule: StatementRule
  /** Whether the word does not count where the policy says `deny`; false for what is only worth saying. */
  readonly denies: boolean
  /** What it is about: names, words, versions. Holds foreign text. */
  readonly details: readonly string[]
  /** It differs from what the project's lock pins. */
  readonly pinned?: boolean
  readonly expected?: string
  readonly found?: string
}
