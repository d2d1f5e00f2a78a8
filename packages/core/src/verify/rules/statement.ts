/**
 * Rules that judge one attester's statement, taken alone (DESIGN §3.3): a statement that fails a `deny` rule does not count.
 * One operator's word can so neither carry a package past a rule nor, against a quorum that says otherwise, refuse it.
 *
 * @packageDocumentation
 */
import { shown } from "../../errors.ts"
import type { ArtifactFacts, FlagWord } from "../artifact-facts.ts"
import type { RuleCode } from "../policy-rules.ts"
import type { Finding } from "../verdict.ts"
import { type Demands, list } from "./context.ts"

/** Codes of these rules, gravest first. */
export const STATEMENT_RULES = ["MANIFEST_MISMATCH", "PROVENANCE_INVALID", "NO_PROVENANCE"] as const satisfies readonly RuleCode[]
export type StatementRule = (typeof STATEMENT_RULES)[number]

/** What speaks against a statement, by rule; undefined where nothing does. */
export function objectionTo(rule: StatementRule, facts: ArtifactFacts, demands: Demands): readonly string[] | undefined {
  switch (rule) {
    case "MANIFEST_MISMATCH": return detailsOf(facts, "mismatch")
    case "PROVENANCE_INVALID": return detailsOf(facts, "refused")
    case "NO_PROVENANCE": return demands.levels.has("provenance") && facts.provenance === null ? [] : undefined
  }
}

function detailsOf({ flags }: ArtifactFacts, word: FlagWord): readonly string[] | undefined {
  if (flags.length === 0) return undefined
  const details = flags.filter((flag) => flag.word === word).map(({ detail }) => detail)
  return details.length === 0 ? undefined : details
}

/** What objections of several operators amount to, in words. */
export function objectionFinding(rule: StatementRule, operators: readonly string[], details: Iterable<string>): Omit<Finding, "severity"> {
  const facts = [...new Set(details)].sort()
  const saidBy = [...operators].sort()
  switch (rule) {
    case "MANIFEST_MISMATCH": return {
      code: rule, saidBy, message: `the registry's metadata differs from the package's own package.json in ${facts.map(shown).join(", ")}`,
      hint: "what the metadata shows is not what would be installed; ask the publisher",
    }
    case "PROVENANCE_INVALID": return {
      code: rule, saidBy, message: `what the registry attests about it was refused by ${list(operators)}: ${facts.join(", ")}`,
      hint: "a forged or misplaced attestation is worse than none; run `vouchsafe attestation verify` on it, and ask the publisher",
    }
    case "NO_PROVENANCE": return {
      code: rule, saidBy, message: `the policy asks for verified provenance, and ${list(operators)} found none`,
      hint: "install a version that was published with provenance, or change `levels` in vouchsafe.json",
    }
  }
}
