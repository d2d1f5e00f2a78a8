/**
 * Provenance that enough operators verified alike.
 *
 * @packageDocumentation
 */
import type { SeenArtifact } from "../log-view.ts"
import type { ArtifactRequest, Finding, ProvenanceClaim } from "../verdict.ts"
import { type DecisionContext, type Demands, explainHint, list } from "./context.ts"
import { severityOf } from "./ruleset.ts"
import type { Tally } from "./tally.ts"

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

/**
 * Where provenance is asked for, a quorum must have verified the same: operators that found different origins vouch for none. Words without
 * provenance are objected to one by one; where an exception lets pass what too few vouch for, nobody's word may be there to object to.
 */
export function provenanceFindings(context: DecisionContext, { purl }: ArtifactRequest, demands: Demands, { counted, objections }: Pick<Tally, "counted" | "objections">, view: ProvenanceView): Finding[] {
  const { threshold } = context
  const severity = severityOf(demands.rules, "NO_PROVENANCE")
  if (severity === "off" || !demands.levels.has("provenance") || view.isReached) return []
  const { claim } = view
  const isCarried = counted.size >= threshold
  if (isCarried ? claim === undefined : objections.has("NO_PROVENANCE")) return []
  const saidBy = [...claim?.saidBy ?? []].sort()
  return [{
    code: "NO_PROVENANCE", severity, saidBy,
    message: `the policy asks for verified provenance, and ${claim === undefined ? "nobody that counts found any" : `only ${list(saidBy)} found ${claim.repository} at ${claim.commit}`}`,
    expected: `${threshold} operators that verified the same provenance`,
    found: `${saidBy.length}`,
    hint: isCarried ? `operators disagree about where it was built; ${explainHint(purl)}` : explainHint(purl),
  }]
}
