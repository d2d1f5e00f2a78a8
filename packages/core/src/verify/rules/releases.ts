/**
 * Releases by publishers' own keys, where the policy names them (packages/spec/release.md).
 *
 * @packageDocumentation
 */
import { STATEMENTS_PER_ARTIFACT_MAX } from "../evidence.ts"
import type { SeenArtifact, SeenForeign } from "../log-view.ts"
import type { PublisherKey } from "../policy-names.ts"
import { isSignedBy, keyHint } from "../release.ts"
import type { ArtifactRequest, Finding, ReleaseClaim } from "../verdict.ts"
import { type DecisionContext, type Demands } from "./context.ts"
import { severityOf } from "./ruleset.ts"

export interface ReleasesView {
  /** Releases by keys that were good at the time, one a key. */
  readonly claims: readonly ReleaseClaim[]
  /** Keys that signed, but not within their days. */
  readonly outOfTime: readonly string[]
}

/** Looks through every roster log for releases of these bytes by the keys that the policy names. Where it stands does not matter: the key is what counts. */
export function viewReleases(context: DecisionContext, request: ArtifactRequest, demands: Demands, counted: ReadonlyMap<string, SeenArtifact>): ReleasesView {
  const { publisher } = demands
  if (publisher === undefined) return { claims: [], outOfTime: [] }
  const seenAt = quorumTime(context.threshold, counted)
  const claims: ReleaseClaim[] = []
  const outOfTime: string[] = []
  for (const key of publisher.keys) {
    const found = findRelease(context, request, key)
    if (found === undefined) continue
    if (seenAt !== undefined && seenAt >= key.fromSeconds && seenAt < key.endSeconds) claims.push(found)
    else outOfTime.push(found.key)
  }
  return { claims, outOfTime }
}

/**
 * When a quorum of operators had seen the artifact: the threshold-th earliest of the times at which those that count observed it. Not the
 * signer's time, which a thief of the key chooses, nor the time of the log entry, which a submitter does (ADR 0031).
 */
function quorumTime(threshold: number, counted: ReadonlyMap<string, SeenArtifact>): number | undefined {
  return [...counted.values()].map(({ observedAt }) => observedAt).sort((a, b) => a - b)[threshold - 1]
}

/** The first release of these bytes in the roster's order that this key signed. */
function findRelease({ crypto, views }: DecisionContext, request: ArtifactRequest, { key }: PublisherKey): ReleaseClaim | undefined {
  const hint = keyHint(key)
  for (const view of views) {
    if (view.misbehavior !== undefined) continue
    const candidates = (view.foreign.get(request.purl) ?? []).filter((seen) => seen.foreign.sha512 === request.sha512 && mayBeBy(seen, hint))
    const found = candidates.slice(0, STATEMENTS_PER_ARTIFACT_MAX).find(({ foreign }) => isSignedBy(crypto, foreign.envelope, key))
    if (found !== undefined) return { key: hint, origin: view.node.log.name, index: found.index }
  }
  return undefined
}

/** Signatures cost more than all else here, so the hint chooses what is tried. It proves nothing. */
function mayBeBy({ foreign }: SeenForeign, hint: string): boolean {
  const claimed = foreign.envelope.signatures[0]?.keyId
  return claimed === undefined || claimed === hint
}

/** Distinct keys are counted, not signatures. */
export function releaseFindings(context: DecisionContext, demands: Demands, view: ReleasesView): Finding[] {
  const severity = severityOf(demands.rules, "NOT_RELEASED")
  const { publisher } = demands
  if (severity === "off" || publisher === undefined || view.claims.length >= publisher.threshold) return []
  const found = [...view.claims.map(({ key }) => key), ...view.outOfTime.map((key) => `${key}, which was not good when the package was first observed`)]
  return [{
    code: "NOT_RELEASED", severity, saidBy: [],
    message: `${view.claims.length} of the ${publisher.threshold} publisher keys needed released these bytes`,
    expected: `releases by ${publisher.threshold} of ${publisher.keys.map(({ key }) => keyHint(key)).join(", ")}`,
    found: found.length === 0 ? "none in any log" : found.join("; "),
    hint: "ask the publisher to run `vouchsafe release` for this version",
  }]
}
