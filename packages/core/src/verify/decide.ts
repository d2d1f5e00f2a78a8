/**
 * One verdict over checked evidence (DESIGN §3, packages/spec/verify.md). The rules are in `rules/`, by family; here is their order.
 *
 * @packageDocumentation
 */
import { conflictFindings, isVersionWithdrawn, withdrawalFindings } from "./rules/against.ts"
import { allowHint, type DecisionContext, type Demands, demandsOn } from "./rules/context.ts"
import { type RawFinding, softened } from "./rules/exceptions.ts"
import { provenanceFindings, type ProvenanceView, viewProvenance } from "./rules/provenance.ts"
import { lockAgeFindings } from "./rules/locked.ts"
import { levelFindings, mismatchFindings, NO_REBUILDS, rebuildClaims, type RebuildsView, viewRebuilds } from "./rules/rebuilds.ts"
import { registryFindings } from "./rules/registry.ts"
import { releaseFindings, type ReleasesView, viewReleases } from "./rules/releases.ts"
import { severityOf } from "./rules/ruleset.ts"
import { shortfallFinding } from "./rules/shortfall.ts"
import { signerFindings } from "./rules/signers.ts"
import { count, objectionFindings, type Tally } from "./rules/tally.ts"
import { type ArtifactRequest, type Finding, RECIPE_LABEL, SINGLE_LABEL, type Verdict, VERDICT_CODES } from "./verdict.ts"

export type { DecisionContext } from "./rules/context.ts"

/** What is known about an artifact beyond who vouches for its bytes. */
interface Origin {
  readonly provenance: ProvenanceView
  readonly rebuilds: RebuildsView
  readonly releases: ReleasesView
}

const NOBODY: Pick<Tally, "counted" | "objections"> = { counted: new Map(), objections: new Map() }

/** Judges one request over checked evidence. Pure. */
export function decide(context: DecisionContext, request: ArtifactRequest): Verdict {
  const { roster, policy } = context
  const demands = demandsOn(context, request)
  const placement = registryFindings(request, demands)
  if (!roster.registries.includes(request.registry)) return conclude(context, request, [...placement, ...unlistedFindings(context, request, demands)])
  const rebuilds = viewRebuilds(context, request)
  const tally = count(context, request, {
    demands, timeSeconds: context.timeSeconds, isStrict: policy.preset === "strict", isRebuilt: rebuilds.isReached,
    isWithdrawn: (version) => isVersionWithdrawn(context, request, version),
  })
  const origin: Origin = { rebuilds, provenance: viewProvenance(context.threshold, tally.counted), releases: viewReleases(context, request, demands, tally.counted) }
  const findings: RawFinding[] = [
    ...placement, ...objectionFindings(context, request, demands, tally), ...conflictFindings(context, request, demands, tally.observed), ...withdrawalFindings(context, request),
    ...mismatchFindings(demands, origin.rebuilds), ...lockAgeFindings(context, tally),
  ]
  const shortfall = request.sha512 === undefined ? undefined : shortfallFinding(context, request, demands, tally)
  if (shortfall !== undefined) findings.push(shortfall)
  if (request.sha512 === undefined) {
    const severity = severityOf(demands.rules, "EXOTIC_SOURCE")
    if (severity !== "off") findings.push({
      code: "EXOTIC_SOURCE", severity, saidBy: [], message: "no sha512 integrity: nothing ties what is installed to what was attested",
      expected: "sha512 integrity", found: "none",
      hint: `refresh the lockfile with the package manager, so that it records sha512 integrity; ${allowHint(request.purl, "EXOTIC_SOURCE")}`,
    })
  }
  // What is asked beyond bytes is judged once the bytes are vouched for, or were excepted: until then the shortfall is what to cure.
  if (shortfall === undefined || softened(context, request, shortfall).severity !== "deny") findings.push(...demandFindings(context, request, demands, tally, origin, shortfall !== undefined))
  return conclude(context, request, findings, tally, origin)
}

/**
 * What is to say of a package from a registry that no node observes. An exception lets it pass without anybody's word about its bytes; what the
 * policy asks of the name beyond bytes, and what its lists say, holds all the same.
 */
function unlistedFindings(context: DecisionContext, request: ArtifactRequest, demands: Demands): Finding[] {
  const { registries } = context.roster
  const finding: Finding = {
    code: "NOT_VOUCHED", severity: "deny", saidBy: [],
    message: `no node of the roster observes ${request.registry}`,
    expected: `one of ${registries.join(", ")}`, found: request.registry,
    hint: `packages of private registries are never asked for at others' nodes; run a node of your own for them; ${allowHint(request.purl, "NOT_VOUCHED")}`,
  }
  const asked = softened(context, request, finding).severity === "deny" ? [] : demandFindings(context, request, demands, NOBODY, {
    provenance: viewProvenance(context.threshold, NOBODY.counted), rebuilds: NO_REBUILDS, releases: viewReleases(context, request, demands, NOBODY.counted),
  }, true)
  return [finding, ...withdrawalFindings(context, request), ...asked]
}

/** @param isExcepted - too few vouch for the bytes, and somebody lets them pass: not because of rules, which then say so themselves */
function demandFindings(context: DecisionContext, request: ArtifactRequest, demands: Demands, tally: Pick<Tally, "counted" | "objections">, { provenance, rebuilds, releases }: Origin, isExcepted: boolean): Finding[] {
  return [
    ...(tally.counted.size < context.threshold && !isExcepted ? [] : provenanceFindings(context, request, demands, tally, provenance)),
    ...releaseFindings(context, demands, releases), ...signerFindings(context, demands, rebuilds), ...levelFindings(context, demands, rebuilds),
  ]
}

/** Applies exceptions and the preset, then names the gravest finding (DESIGN §3 step 5). */
function conclude(context: DecisionContext, request: ArtifactRequest, raw: readonly RawFinding[], tally?: Tally, origin?: Origin): Verdict {
  const findings = raw.map((finding) => softened(context, request, finding))
  const isRecipe = origin?.rebuilds.isReached === true && origin.rebuilds.agreeing.some(({ rebuild }) => rebuild.recipe.override)
  const common = {
    purl: request.purl, registry: request.registry, ...(request.sha512 === undefined ? {} : { sha512: request.sha512 }),
    claims: tally?.claims ?? [], findings,
    labels: [...(context.roster.singleOperator ? [SINGLE_LABEL] : []), ...(isRecipe ? [RECIPE_LABEL] : [])],
    ...(origin === undefined ? {} : shownOrigin(origin)),
  }
  const denies = findings.filter((finding) => finding.severity === "deny").sort((a, b) => VERDICT_CODES.indexOf(a.code) - VERDICT_CODES.indexOf(b.code))
  const [gravest] = denies
  return gravest === undefined ? { ...common, ok: true } : { ...common, ok: false, code: gravest.code }
}

/** The members that say where an artifact comes from, where anything is known. */
function shownOrigin({ provenance, rebuilds, releases }: Origin): Partial<Verdict> {
  const level = rebuilds.isReached ? "rebuilt" : provenance.isReached ? "provenance" : undefined
  return {
    ...(level === undefined ? {} : { level }),
    ...(provenance.claim === undefined ? {} : { provenance: provenance.claim }),
    ...(rebuilds.all.length === 0 ? {} : { rebuilds: rebuildClaims(rebuilds) }),
    ...(releases.claims.length === 0 ? {} : { releases: releases.claims }),
  }
}
