/**
 * Whose word counts for one request (DESIGN §3, steps 1 to 3).
 *
 * @packageDocumentation
 */
import { artifactKey } from "../evidence.ts"
import { type LockedArtifact, lockedOf } from "../lock/open.ts"
import type { LogView, SeenArtifact } from "../log-view.ts"
import { LOCKSET_TYPE, OBSERVATION_TYPE } from "../statement-text.ts"
import type { ArtifactRequest, Claim, Finding } from "../verdict.ts"
import { brief, type DecisionContext, type Demands } from "./context.ts"
import { isExcepted } from "./exceptions.ts"
import { excusedByLock, isLocked, lockTimeOf, seenBy } from "./locked.ts"
import type { Objection, StatementRule } from "./objection.ts"
import { objectionFinding, type Objections } from "./objection-texts.ts"
import { severityOf } from "./ruleset.ts"
import { objectionsTo, type Standard } from "./statement.ts"

/** Why an operator's word did not count. */
export type Shortfall = "differs" | "rule" | "invalid" | "stale" | "lock" | "absent" | "refused" | "pending" | "unreachable" | "silent"

export interface Obstacle {
  readonly why: Shortfall
  readonly detail: string
}

export interface Tally {
  readonly claims: Claim[]
  /** What each operator that counts says; the earliest, where it has several nodes. */
  readonly counted: Map<string, SeenArtifact>
  readonly missing: Map<string, Obstacle>
  /** Digest that each operator observed. */
  readonly observed: Map<string, string>
  /** When the lockset was made, Unix seconds, of each operator whose withdrawals are not fresh but for it. */
  readonly lockTimes: Map<string, number>
  readonly objections: Map<StatementRule, Objections>
  /** Enough operators count, among them all whose word the policy asks for. */
  readonly isCarried: boolean
}

export function count(context: DecisionContext, request: ArtifactRequest, standard: Standard): Tally {
  const tally: Omit<Tally, "isCarried"> = { claims: [], counted: new Map(), missing: new Map(), observed: new Map(), lockTimes: new Map(), objections: new Map() }
  const locked = lockedOf(context.lock, request)
  for (const view of context.views) {
    const operator = view.node.operator
    const seen = seenBy(context, view, request, locked)
    if (seen !== undefined && view.misbehavior === undefined) tally.observed.set(operator, seen.facts.sha512)
    const obstacle = obstacleTo(context, view, seen, request, locked) ?? ruleAgainst(context, tally, operator, seen as SeenArtifact, request, standard)
    if (obstacle !== undefined) {
      tally.missing.set(operator, obstacle)
      continue
    }
    const { origin, index, checkpointTime, observedAt, bundled } = seen as SeenArtifact
    const other = tally.counted.get(operator)
    if (other === undefined || observedAt < other.observedAt) tally.counted.set(operator, seen as SeenArtifact)
    tally.claims.push({ operator, origin, index, predicateType: isLocked(seen as SeenArtifact) ? LOCKSET_TYPE : OBSERVATION_TYPE, checkpointTime, bundled })
    const lockTime = context.stale.has(view) ? lockTimeOf(context, view) : undefined
    if (lockTime !== undefined) tally.lockTimes.set(operator, lockTime)
  }
  for (const operator of tally.counted.keys()) tally.missing.delete(operator)
  return { ...tally, isCarried: tally.counted.size >= context.threshold && absentAttesters(tally, standard.demands).length === 0 }
}

/** Operators that the policy binds the name to, and that do not count. */
export function absentAttesters({ counted }: Pick<Tally, "counted">, { binding }: Demands): readonly string[] {
  return binding === undefined || binding.attesters.length === 0 ? [] : binding.attesters.filter((operator) => !counted.has(operator))
}

/** The first thing that keeps this node's word from counting; undefined when it counts, rules aside. */
function obstacleTo(context: DecisionContext, view: LogView, seen: SeenArtifact | undefined, request: ArtifactRequest, locked: LockedArtifact | undefined): Obstacle | undefined {
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
  if (request.sha512 === undefined || seen.facts.sha512 !== request.sha512) return { why: "differs", detail: `observed sha512 ${brief(seen.facts.sha512)}` }
  return staleness(context, view, request, locked)
}

/** Why a node's notices do not let it count (THREATS A3); undefined when they are whole and fresh, or when a lock stands in for them. */
export function staleness(context: DecisionContext, view: LogView, request: ArtifactRequest, locked: LockedArtifact | undefined): Obstacle | undefined {
  const stale = context.stale.get(view)
  return stale === undefined ? undefined : excusedByLock(context, view, request, locked, stale)
}

/** Why each node's notices are not whole and fresh, of those that are not: the same whatever is asked. */
export function staleViews(context: Pick<DecisionContext, "now" | "policy">, views: readonly LogView[]): ReadonlyMap<LogView, Obstacle> {
  return new Map(views.flatMap((view) => {
    const stale = staleNotices(context, view)
    return stale === undefined ? [] : [[view, stale] as const]
  }))
}

function staleNotices(context: Pick<DecisionContext, "now" | "policy">, view: LogView): Obstacle | undefined {
  if (view.notices === undefined) {
    const problem = view.problems[0]
    return problem === undefined ? { why: "stale", detail: "its withdrawals could not be seen" } : { why: "invalid", detail: problem }
  }
  const age = context.now - view.notices.timeSeconds
  if (age > context.policy.maxNoticeAgeSeconds) return { why: "stale", detail: `its withdrawals were last seen ${age} s ago, expected at most ${context.policy.maxNoticeAgeSeconds} s` }
  return undefined
}

/** Notes what speaks against a statement, and gives the first that keeps it from counting. */
function ruleAgainst(context: DecisionContext, tally: Omit<Tally, "isCarried">, operator: string, seen: SeenArtifact, request: ArtifactRequest, standard: Standard): Obstacle | undefined {
  let obstacle: Obstacle | undefined
  for (const objection of objectionsTo(seen, standard)) {
    const { rule } = objection
    const severity = severityOf(standard.demands.rules, rule)
    if (severity === "off") continue
    note(tally.objections, operator, objection)
    if (severity === "deny" && objection.denies && obstacle === undefined && !isExcepted(context, request, rule)) obstacle = { why: "rule", detail: `has a statement that ${rule} refuses` }
  }
  return obstacle
}

function note(all: Map<StatementRule, Objections>, operator: string, { rule, denies, details, pinned, expected, found }: Objection): void {
  const known = all.get(rule)
  // What the lock pins is told apart from what came before: its words are the ones that a person can act on.
  if (known !== undefined && known.pinned && pinned !== true) return void known.operators.add(operator)
  const isFresh = known === undefined || (pinned === true && !known.pinned)
  const objections: Objections = isFresh
    ? { operators: new Set(known?.operators), details: new Set(), found: new Set(), expected, denies: known?.denies ?? false, pinned: pinned === true }
    : known
  all.set(rule, objections)
  objections.operators.add(operator)
  objections.denies ||= denies
  for (const detail of details) objections.details.add(detail)
  if (found !== undefined) objections.found.add(found)
}

/**
 * Objections as findings. They deny while too few count; once a quorum counts without the statements that they are about, they only warn.
 * An exception lets the statements count and is named by the finding.
 */
export function objectionFindings(context: DecisionContext, request: ArtifactRequest, { rules }: Demands, tally: Tally): Finding[] {
  return [...tally.objections].map(([rule, objections]): Finding => {
    const denies = objections.denies && severityOf(rules, rule) === "deny" && (!tally.isCarried || isExcepted(context, request, rule))
    return { ...objectionFinding(rule, request, objections), severity: denies ? "deny" : "warn" }
  })
}
