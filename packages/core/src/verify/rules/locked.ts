/**
 * What a project's lock lends a decision (packages/spec/lock.md, "Judging"): words of operators without their statements, and freshness where
 * nobody can be asked.
 *
 * @packageDocumentation
 */
import { DAY_SECONDS } from "../calendar.ts"
import { artifactKey } from "../evidence.ts"
import { type LockedArtifact, lockedOf, type OpenedLock } from "../lock/open.ts"
import type { LogView, SeenArtifact } from "../log-view.ts"
import type { Policy } from "../policy.ts"
import type { ArtifactRequest, Finding } from "../verdict.ts"
import type { DecisionContext } from "./context.ts"
import type { Obstacle, Tally } from "./tally.ts"

const HINT_LOCK = "run `npx vouchsafe lock` where the nodes can be reached"

/** What a node says of an artifact: its statement, or else the word of its operator in the lock, whose line about the artifact is `locked`. */
export function seenBy({ lock }: Pick<DecisionContext, "lock">, view: LogView, request: ArtifactRequest, locked: LockedArtifact | undefined): SeenArtifact | undefined {
  const said = view.observations.size === 0 ? undefined : view.observations.get(artifactKey(request))
  if (said !== undefined || locked === undefined) return said
  const word = lock?.wordByLog.get(view.node.log.name)
  if (word === undefined || word.bits[locked.line] !== true) return undefined
  const { origin, index, checkpointTime, timeSeconds } = word
  return { origin, index, facts: locked.facts, checkpointTime, observedAt: timeSeconds, bundled: locked.bundled, tarSha256: null, previous: null }
}

/** True for a word that only the lock holds. */
export function isLocked(seen: SeenArtifact): boolean {
  return seen.tarSha256 === null
}

/** Ages of a lockset, in seconds, from which on somebody is told of it, and from which on it does not count. */
export interface LockAges {
  readonly warned: number
  readonly refused: number
}

/** The ages of a policy; of several layers the lowest. `strict` alone refuses. */
export function lockAgesOf(policy: Policy): LockAges {
  const layers = policy.layers ?? [policy]
  return {
    warned: Math.min(...layers.map(({ maxLockAgeSeconds }) => maxLockAgeSeconds)),
    refused: Math.min(...layers.map(({ preset, maxLockAgeSeconds }) => (preset === "strict" ? maxLockAgeSeconds : Number.POSITIVE_INFINITY))),
  }
}

/**
 * What is left of an obstacle of stale notices once the lock is asked: where a node was not reached, its lockset says until when its operator knew
 * of no withdrawal but those that the lock's readers can know.
 */
export function excusedByLock({ lock, lockAges, now }: DecisionContext, view: LogView, request: ArtifactRequest, locked: LockedArtifact | undefined, stale: Obstacle): Obstacle | undefined {
  const word = locked === undefined ? undefined : lock?.wordByLog.get(view.node.log.name)
  if (word === undefined || locked?.facts.sha512 !== request.sha512) return stale
  // A node that answered wrongly is no node that could not be reached, and neither is one whose notices do not verify.
  const isAway = (view.failure === undefined || !view.reached) && (view.notices !== undefined || view.problems.length === 0)
  if (!isAway) return stale
  const age = now - word.timeSeconds
  return age > lockAges.refused ? { why: "lock", detail: `its lockset is ${days(age)} old, expected at most ${days(lockAges.refused)}` } : undefined
}

/** When an operator's lockset was made, Unix seconds; undefined for one without. */
export function lockTimeOf({ lock }: Pick<DecisionContext, "lock">, view: LogView): number | undefined {
  return lock?.wordByLog.get(view.node.log.name)?.timeSeconds
}

/** Age of the oldest lockset on which an allowed artifact rests, if somebody should be told. */
export function lockAgeFindings({ now, lockAges }: DecisionContext, { lockTimes, counted }: Tally): Finding[] {
  let oldest = now
  for (const [operator, time] of lockTimes) if (counted.has(operator)) oldest = Math.min(oldest, time)
  if (now - oldest <= lockAges.warned) return []
  return [{
    code: "LOCK_STALE", severity: "warn", saidBy: [...lockTimes.keys()].sort(), message: `withdrawals were last seen when the lock was made, ${days(now - oldest)} ago`,
    expected: `a lock of at most ${days(lockAges.warned)}`, hint: HINT_LOCK,
  }]
}

/** Why a lock does not carry an artifact that nobody else vouches for either; undefined where its absence is not what is missing. */
export function lockShortfall({ lock, threshold, views }: DecisionContext, request: ArtifactRequest, tally: Tally): Pick<Finding, "code" | "message" | "hint"> | undefined {
  if (lock === undefined) return undefined
  const line = lockedOf(lock, request)
  const mayCure = [...tally.missing.values()].filter(({ why }) => why === "unreachable" || why === "stale" || why === "lock" || why === "silent")
  if (tally.counted.size + mayCure.length < threshold) return undefined
  // A package that the lock does not know is for the nodes to say: that they could not be asked is what is wrong then.
  if (line === undefined && views.some(({ reached, failure }) => !reached && failure !== undefined)) return undefined
  const old = [...tally.missing.values()].find(({ why }) => why === "lock")
  const [trouble] = lock.problems
  const why = line === undefined ? "the lock has no line about it"
    : old !== undefined ? `the lock is too old: ${old.detail}`
    : trouble !== undefined ? trouble.message
    : `the lock has the word of ${line.operators.length} of the ${threshold} operators needed`
  return { code: "LOCK_STALE", message: `${why}, and nobody else vouches for it`, hint: HINT_LOCK }
}

/** What is wrong with the lock itself, whatever is asked. */
export function lockProblems(lock: OpenedLock | undefined): Finding[] {
  return (lock?.problems ?? []).map(({ operator, message }) => ({ code: "LOCK_STALE", severity: "warn", saidBy: operator === undefined ? [] : [operator], message, hint: HINT_LOCK }))
}

function days(seconds: number): string {
  return seconds < DAY_SECONDS ? `${seconds} s` : `${Math.floor(seconds / DAY_SECONDS)} days`
}
