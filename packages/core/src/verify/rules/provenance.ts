/**
 * Provenance that enough operators verified alike.
 *
 * @packageDocumentation
 */
import type { SeenArtifact } from "../log-view.ts"
import type { ArtifactRequest, Finding, ProvenanceClaim } from "../verdict.ts"
import { type DecisionContext, type Demands, explainHint, list } from "./context.ts"
import { severityOf } from "./ruleset.ts"

export interface ProvenanceView {
  /** What most of the counted operators say; undefined when none found provenance. */
  readonly claim: ProvenanceClaim | undefined
  /** As many operators as the threshold say the same. */
  readonly isReached: boolean
}

/** Groups the counted operators by what they verified. Of groups of one size the first in the roster's order is shown. */
export function viewProvenance(threshold: number, counted: ReadonlyMap<string, SeenArtifact>): ProvenanceView {
  const groups = new Map<string, ProvenanceClaim & { readonly saidBy: string[] }>()
  for (const [operator, { facts: { provenance } }] of counted) {
    if (provenance === null) continue
    const { repository, commit, workflow, builder, runner } = provenance
    const key = JSON.stringify([repository, commit, workflow, builder, runner])
    const group = groups.get(key) ?? { repository, commit, workflow, builder, runner, saidBy: [] }
    groups.set(key, group)
    group.saidBy.push(operator)
  }
  let claim: ProvenanceClaim | undefined
  for (const group of groups.values()) if (claim === undefined || group.saidBy.length > claim.saidBy.length) claim = group
  return { claim, isReached: claim !== undefined && claim.saidBy.length >= threshold }
}

/** Where provenance is asked for, a quorum must have verified the same: operators that found different origins vouch for none. */
export function provenanceFindings(context: DecisionContext, { purl }: ArtifactRequest, demands: Demands, view: ProvenanceView): Finding[] {
  const severity = severityOf(demands.rules, "NO_PROVENANCE")
  if (severity === "off" || !demands.levels.has("provenance") || view.isReached || view.claim === undefined) return []
  return [{
    code: "NO_PROVENANCE", severity, saidBy: [...view.claim.saidBy].sort(),
    message: `the policy asks for verified provenance, and only ${list(view.claim.saidBy)} found ${view.claim.repository} at ${view.claim.commit}`,
    expected: `${context.threshold} operators that verified the same provenance`,
    found: `${view.claim.saidBy.length}`,
    hint: `operators disagree about where it was built; ${explainHint(purl)}`,
  }]
}
