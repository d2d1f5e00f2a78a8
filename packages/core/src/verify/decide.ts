import { shown } from "../errors.ts"
import { artifactKey } from "./evidence.ts"
import type { LogView, SeenObservation } from "./log-view.ts"
import { type ActiveNotice, type NoticeIndex, noticesOf } from "./notices.ts"
import { BOUND_CODES, EXCEPTION_SECONDS_MAX, type Policy, type RuleCode } from "./policy.ts"
import type { Roster } from "./roster.ts"
import { OBSERVATION_TYPE } from "./statement-text.ts"
import type { ArtifactRequest, Claim, Finding, Severity, Verdict, VerdictCode } from "./verdict.ts"
import { VERDICT_CODES } from "./verdict.ts"

/** What all requests of one verification share. */
export interface DecisionContext {
  readonly roster: Roster
  readonly policy: Policy
  readonly now: number
  readonly threshold: number
  readonly views: readonly LogView[]
  readonly notices: NoticeIndex
}

/** Why an operator's word did not count, worst first where an operator has several nodes. */
type Shortfall = "differs" | "rule" | "invalid" | "stale" | "absent" | "refused" | "pending" | "unreachable" | "silent"

interface Tally {
  readonly claims: Claim[]
  readonly counted: Set<string>
  readonly missing: Map<string, { readonly why: Shortfall; readonly detail: string }>
  /** Digest that each operator observed. */
  readonly observed: Map<string, string>
  readonly findings: Finding[]
}

const HINT_EXPLAIN = "run `vouchsafe explain` on it for everything the network knows"

/** Judges one request over checked evidence (DESIGN §3, steps 1 to 5). Pure. */
export function decide(context: DecisionContext, request: ArtifactRequest): Verdict {
  const { roster, policy } = context
  const labels = roster.singleOperator ? ["single-operator"] : []
  const findings: Finding[] = []
  if (!roster.registries.includes(request.registry)) {
    findings.push({
      code: "NOT_VOUCHED", severity: "deny", saidBy: [],
      message: `no node of the roster observes ${request.registry}`,
      hint: "packages of private registries are never asked for at others' nodes; run a node of your own for them, or record an exception",
    })
    return conclude(context, request, [], findings, labels)
  }
  const tally = count(context, request)
  findings.push(...tally.findings, ...conflictFindings(context, request, tally), ...withdrawalFindings(context, request))
  if (request.sha512 === undefined) {
    pushRule(policy, findings, {
      code: "EXOTIC_SOURCE", saidBy: [], message: "no sha512 integrity: nothing ties what is installed to what was attested",
      hint: "refresh the lockfile with the package manager, so that it records sha512 integrity",
    })
  } else if (tally.counted.size < context.threshold) {
    findings.push(shortfallFinding(context, request, tally))
  }
  return conclude(context, request, tally.claims, findings, labels)
}

function count(context: DecisionContext, request: ArtifactRequest): Tally {
  const tally: Tally = { claims: [], counted: new Set(), missing: new Map(), observed: new Map(), findings: [] }
  const mismatchRule = context.policy.rules.get("MANIFEST_MISMATCH") ?? "deny"
  for (const view of context.views) {
    const operator = view.node.operator
    const seen = view.observations.get(artifactKey(request))
    if (seen !== undefined && view.misbehavior === undefined) tally.observed.set(operator, seen.observation.sha512)
    const obstacle = obstacleTo(context, view, seen, request)
    if (obstacle !== undefined) {
      tally.missing.set(operator, obstacle)
      continue
    }
    const { observation, index, checkpointTime } = seen as SeenObservation
    if (observation.packument.mismatch.length > 0 && mismatchRule !== "off") {
      const finding = mismatchFinding(operator, observation.packument.mismatch, mismatchRule)
      tally.findings.push(finding)
      if (mismatchRule === "deny") {
        tally.missing.set(operator, { why: "rule", detail: finding.message })
        continue
      }
    }
    tally.counted.add(operator)
    tally.claims.push({ operator, origin: view.node.log.name, index, predicateType: OBSERVATION_TYPE, checkpointTime, bundled: observation.package.bundled })
  }
  for (const operator of tally.counted) tally.missing.delete(operator)
  return tally
}

/** The first thing that keeps this node's word from counting; undefined when it counts, rules aside. */
function obstacleTo(context: DecisionContext, view: LogView, seen: SeenObservation | undefined, request: ArtifactRequest): { why: Shortfall; detail: string } | undefined {
  if (view.misbehavior !== undefined) return { why: "invalid", detail: view.misbehavior }
  if (seen === undefined) {
    const status = view.statuses.get(artifactKey(request))
    if (view.problems[0] !== undefined) return { why: "invalid", detail: view.problems[0] }
    if (!view.reached) return { why: "unreachable", detail: view.failure?.message ?? "did not answer" }
    if (status?.status === "pending") return { why: "pending", detail: status.detail ?? "is still observing it" }
    if (status?.status === "absent") return { why: "absent", detail: "was told by the registry that there is no such version" }
    if (status?.status === "refused") return { why: "refused", detail: `${status.code ?? "refused"}${status.detail === undefined ? "" : `: ${status.detail}`}` }
    return view.failure === undefined ? { why: "silent", detail: "has no statement about it" } : { why: "invalid", detail: view.failure.message }
  }
  if (request.sha512 === undefined || seen.observation.sha512 !== request.sha512) return { why: "differs", detail: `observed sha512 ${brief(seen.observation.sha512)}` }
  if (view.notices === undefined) {
    const problem = view.problems[0]
    return problem === undefined ? { why: "stale", detail: "its withdrawals could not be seen" } : { why: "invalid", detail: problem }
  }
  const age = context.now - view.notices.timeSeconds
  if (age > context.policy.maxNoticeAgeSeconds) return { why: "stale", detail: `its withdrawals were last seen ${age} s ago, expected at most ${context.policy.maxNoticeAgeSeconds} s` }
  return undefined
}

function mismatchFinding(operator: string, members: readonly string[], severity: Severity): Finding {
  const names = members.map((member) => shown(member)).join(", ")
  return {
    code: "MANIFEST_MISMATCH", severity, saidBy: [operator],
    message: `the registry's metadata differs from the package's own package.json in ${names}`,
    hint: "what the metadata shows is not what would be installed; ask the publisher",
  }
}

/** Operators were served different bytes: one disagreeing operator warns, two deny; `strict` denies at one (DESIGN §3 step 4). */
function conflictFindings(context: DecisionContext, request: ArtifactRequest, tally: Tally): Finding[] {
  const rule = context.policy.rules.get("DIGEST_CONFLICT") ?? "deny"
  if (request.sha512 === undefined || rule === "off") return []
  const disagreeing = new Set<string>()
  if (new Set(tally.observed.values()).size > 1) {
    for (const [operator, sha512] of tally.observed) if (sha512 !== request.sha512) disagreeing.add(operator)
  }
  for (const notice of noticesOf(context.notices, request)) {
    if (notice.notice === "conflict" && (notice.sha512 === request.sha512 || notice.other === request.sha512)) disagreeing.add(notice.operator)
  }
  if (disagreeing.size === 0) return []
  const deniesAt = context.policy.preset === "strict" ? 1 : 2
  const agreeing = [...tally.observed].filter(([, sha512]) => sha512 === request.sha512).map(([operator]) => operator)
  return [{
    code: "DIGEST_CONFLICT", saidBy: [...disagreeing].sort(),
    severity: rule === "deny" && disagreeing.size >= deniesAt ? "deny" : "warn",
    message: `operators were served different bytes for this version: ${list(disagreeing)} against ${list(agreeing)}`,
    expected: `sha512 ${request.sha512}`,
    found: [...tally.observed].filter(([operator]) => disagreeing.has(operator)).map(([operator, sha512]) => `${operator}: ${sha512}`).join("; "),
    hint: "somebody is served something else: the registry, the network between, or an operator that lies",
  }]
}

function withdrawalFindings(context: DecisionContext, request: ArtifactRequest): Finding[] {
  const withdrawals = noticesOf(context.notices, request).filter((notice) =>
    notice.notice === "withdrawal" && (request.sha512 === undefined || notice.sha512 === request.sha512))
  if (withdrawals.length === 0) return []
  const operators = new Set(withdrawals.map((notice) => notice.operator))
  const denies = operators.size >= 2 || withdrawals.some((notice) => !notice.flooded)
  return [{
    code: "WITHDRAWN", severity: denies ? "deny" : "warn", saidBy: [...operators].sort(),
    message: `withdrawn by ${list(operators)}: ${reasons(withdrawals)}`,
    hint: "install another version; the operator can say more",
  }]
}

function reasons(notices: readonly ActiveNotice[]): string {
  return [...new Set(notices.map((notice) => shown(notice.reason)))].join("; ")
}

/** Says why fewer operators than the threshold count, and names what would help most. */
function shortfallFinding(context: DecisionContext, request: ArtifactRequest, tally: Tally): Finding {
  const { threshold, roster } = context
  const by = (...kinds: Shortfall[]) => [...tally.missing].filter(([, missing]) => kinds.includes(missing.why)).map(([operator]) => operator)
  const withAll = (...kinds: Shortfall[]) => tally.counted.size + by(...kinds).length >= threshold
  const base = {
    severity: "deny" as const, saidBy: [...tally.missing.keys()].sort(),
    expected: `${threshold} of ${roster.operators.length} operators that vouch for sha512 ${request.sha512 ?? "(none)"}`,
    found: [...tally.missing].map(([operator, { detail }]) => `${operator} ${detail}`).join("; "),
  }
  const have = `${tally.counted.size} of the ${threshold} operators needed vouch for these bytes`
  const observed = new Set(tally.observed.values())
  if (observed.size > 0 && !observed.has(request.sha512 ?? "")) {
    return { ...base, code: "NOT_VOUCHED", message: `these are not the bytes that ${list(tally.observed.keys())} observed: you were given sha512 ${brief(request.sha512 ?? "")}, they saw ${[...observed].map(brief).join(", ")}`, hint: "do not install it: your registry, a mirror or a cache hands out other bytes than everybody gets" }
  }
  const refusal = firstRefusal(tally)
  if (refusal !== undefined && !withAll("pending", "unreachable")) {
    return { ...base, code: refusal, message: `${have}; ${list(by("refused"))} refused to attest it`, hint: HINT_EXPLAIN }
  }
  if (by("pending").length > 0 && withAll("pending")) return { ...base, code: "PENDING", message: `${have}; ${list(by("pending"))} still observing`, hint: "try again in a moment" }
  if (by("stale").length > 0 && withAll("pending", "stale")) return { ...base, code: "NOTICES_STALE", message: `${have}; withdrawals of ${list(by("stale"))} are not fresh`, hint: "check the connection to these nodes with `vouchsafe doctor`" }
  if (by("unreachable").length > 0 && withAll("pending", "stale", "unreachable")) return { ...base, code: "UNREACHABLE", message: `${have}; ${list(by("unreachable"))} not reached`, hint: "check the network, then `vouchsafe status`; nothing was installed" }
  if (by("invalid").length > 0 && withAll("pending", "stale", "unreachable", "invalid")) return { ...base, code: "PROOF_INVALID", message: `${have}; evidence of ${list(by("invalid"))} does not verify`, hint: "run `vouchsafe log verify` against these nodes" }
  return { ...base, code: "NOT_VOUCHED", message: have, hint: HINT_EXPLAIN }
}

/** A refusal of nodes that is a verdict code of its own. Unsigned, so it only explains why nothing vouches. */
function firstRefusal(tally: Tally): VerdictCode | undefined {
  for (const { why, detail } of tally.missing.values()) {
    if (why === "refused" && detail.startsWith("TARBALL_")) return "TARBALL_AMBIGUOUS"
  }
  return undefined
}

function pushRule(policy: Policy, findings: Finding[], finding: Omit<Finding, "severity"> & { readonly code: RuleCode }): void {
  const severity = policy.rules.get(finding.code) ?? "deny"
  if (severity !== "off") findings.push({ ...finding, severity })
}

/** Applies exceptions and the preset, then names the gravest finding (DESIGN §3 step 5). */
function conclude(context: DecisionContext, request: ArtifactRequest, claims: readonly Claim[], raw: readonly Finding[], labels: readonly string[]): Verdict {
  const findings = raw.map((finding) => (finding.severity === "deny" ? excepted(context, request, finding) : finding))
  const common = { purl: request.purl, registry: request.registry, ...(request.sha512 === undefined ? {} : { sha512: request.sha512 }), claims, findings, labels }
  const denies = findings.filter((finding) => finding.severity === "deny").sort((a, b) => VERDICT_CODES.indexOf(a.code) - VERDICT_CODES.indexOf(b.code))
  const [gravest] = denies
  return gravest === undefined ? { ...common, ok: true } : { ...common, ok: false, code: gravest.code }
}

function excepted(context: DecisionContext, request: ArtifactRequest, finding: Finding): Finding {
  if (context.policy.preset === "observe") return { ...finding, severity: "warn" }
  for (const exception of context.policy.exceptions) {
    if (exception.purl !== request.purl || exception.code !== finding.code) continue
    if (exception.sha512 !== undefined && exception.sha512 !== request.sha512) continue
    if (context.now >= exception.untilSeconds) return { ...finding, message: `${finding.message} (the exception of ${shown(exception.owner)} ended ${exception.until})` }
    if (BOUND_CODES.includes(exception.code) && exception.untilSeconds - context.now > EXCEPTION_SECONDS_MAX + 86_400) {
      return { ...finding, message: `${finding.message} (the exception of ${shown(exception.owner)} lasts longer than 30 days and has no effect)` }
    }
    return { ...finding, severity: "warn", message: `${finding.message} (allowed until ${exception.until} by ${shown(exception.owner)}: ${shown(exception.reason)})` }
  }
  return finding
}

function brief(digest: string): string {
  return digest === "" ? "(none)" : `${digest.slice(0, 12)}…`
}

function list(operators: Iterable<string>): string {
  const names = [...operators].sort()
  return names.length === 0 ? "nobody" : names.join(", ")
}
