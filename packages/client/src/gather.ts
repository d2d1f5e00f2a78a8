/**
 * Who is asked what, in which order (spec/client.md, "Gathering").
 *
 * @packageDocumentation
 */
import { type ArtifactName, artifactKey, type Finding, type Verdict, type VerdictCode } from "@vouchsafe/core"
import { enter, hasAnswered, isUsable, type LogBook, type Told } from "./book.ts"
import type { Context } from "./context.ts"
import type { Lane } from "./lanes.ts"
import { NOTICES_RECHECK_MS, RETRY_PAUSE_MS, ROUNDS_MAX, UNREACHABLE_RETRIES_MAX } from "./limits.ts"
import type { Progress, Sleep } from "./types.ts"

/** What gathering needs from the check that it is part of. */
export interface Gathering {
  readonly context: Context
  readonly sleep: Sleep
  /** Verdicts over all that the books hold now. */
  readonly judge: () => readonly Verdict[]
  readonly laneOf: (book: LogBook) => Lane<Told>
}

/** One round's plan: which node is asked for which artifacts. */
type Plan = readonly { readonly book: LogBook; readonly artifacts: readonly ArtifactName[] }[]

/** The books whose notices were not asked for lately. A time in the future is no time: the clock was set back. */
export function staleBooks(books: readonly LogBook[], asked: ReadonlyMap<string, number>, nowMs: number): LogBook[] {
  return books.filter((book) => {
    const ageMs = nowMs - (asked.get(book.memory.node.notices.vkey) ?? Number.NEGATIVE_INFINITY)
    return isUsable(book) && !(ageMs >= 0 && ageMs < NOTICES_RECHECK_MS)
  })
}

/** Artifacts that are not allowed by now. */
export function openArtifacts(artifacts: readonly ArtifactName[], verdicts: readonly Verdict[]): ArtifactName[] {
  const refused = new Set(verdicts.filter((verdict) => !verdict.ok).map(artifactKey))
  return artifacts.filter((artifact) => refused.has(artifactKey(artifact)))
}

/** Refusals that more voices could cure: nodes are still observing, or were not reached. */
const WAITING: readonly VerdictCode[] = ["PENDING", "UNREACHABLE"]
/** Refusals that what a silent node knows could cure; one that is still observing has nothing of the kind. */
const LACKING: readonly VerdictCode[] = ["NOT_REBUILT", "NOT_RELEASED", "UNSIGNED_COMMIT", "NO_PROVENANCE"]

/** Artifacts refused for one of these codes, be it not the gravest. */
function refusedFor(codes: readonly VerdictCode[], artifacts: readonly ArtifactName[], verdicts: readonly Verdict[]): ArtifactName[] {
  const isOne = ({ severity, code }: Finding): boolean => severity === "deny" && codes.includes(code)
  const open = new Set(verdicts.filter((verdict) => !verdict.ok && verdict.findings.some(isOne)).map(artifactKey))
  return artifacts.filter((artifact) => open.has(artifactKey(artifact)))
}

/**
 * Asks all usable nodes at once for `wanted`, and those in `stale` for their notices at least; then, while the budget lasts, those again that
 * were still observing. Every node of a round is waited for: reaching the threshold ends nothing (THREATS A3).
 */
export async function gatherFromNodes(
  gathering: Gathering, books: readonly LogBook[], wanted: readonly ArtifactName[], stale: readonly LogBook[],
): Promise<void> {
  const { context, judge, sleep } = gathering
  let plan = firstPlan(books, wanted, stale)
  let pauseMs: number = RETRY_PAUSE_MS.first
  for (let round = 0; round < ROUNDS_MAX && plan.length > 0; round++) {
    await askAll(gathering, plan, wanted.length)
    const verdicts = judge()
    if (verdicts.some((verdict) => !verdict.ok && verdict.code === "CLOCK_BEHIND")) return
    plan = nextPlan(books, refusedFor(WAITING, wanted, verdicts), refusedFor([...WAITING, ...LACKING], wanted, verdicts))
    if (plan.length === 0 || context.budget.leftMs() <= pauseMs) return
    report(context, "waiting", wanted.length, verdicts, plan.map(({ book }) => book.memory.node.operator), 0)
    await sleep(pauseMs, context.budget.signal)
    pauseMs = Math.min(RETRY_PAUSE_MS.longest, pauseMs * 2)
  }
}

function firstPlan(books: readonly LogBook[], wanted: readonly ArtifactName[], stale: readonly LogBook[]): Plan {
  return books.filter(isUsable).flatMap((book) => {
    const artifacts = wanted.filter((artifact) => !hasAnswered(book, artifactKey(artifact)))
    const isDue = stale.includes(book) && !book.noticesRead
    return artifacts.length > 0 || isDue ? [{ book, artifacts }] : []
  })
}

/** Nodes to ask again: those still observing for what waits for them, those that did not answer, once, for all that they could cure. */
function nextPlan(books: readonly LogBook[], waiting: readonly ArtifactName[], curable: readonly ArtifactName[]): Plan {
  return books.filter(isUsable).flatMap((book) => {
    if (book.failure !== undefined) {
      if (!book.failure.retryable || book.retries >= UNREACHABLE_RETRIES_MAX || curable.length === 0) return []
      book.retries += 1
      return [{ book, artifacts: curable.filter((artifact) => !hasAnswered(book, artifactKey(artifact))) }]
    }
    const pending = waiting.filter((artifact) => book.statuses.get(artifactKey(artifact))?.status === "pending")
    return pending.length > 0 ? [{ book, artifacts: pending }] : []
  })
}

async function askAll({ context, judge, laneOf }: Gathering, plan: Plan, artifacts: number): Promise<void> {
  const waiting = new Set(plan.map(({ book }) => book.memory.node.operator))
  const tell = context.options.onProgress === undefined ? undefined : judge()
  if (tell !== undefined) report(context, "nodes", artifacts, tell, [...waiting], 0)
  await Promise.all(plan.map(async ({ book, artifacts: asked }) => {
    book.wasAsked = true
    await laneOf(book).ask(asked, context.budget, (told) => {
      // The budget ended while a node was asked again: what it said before is its word, and no silence.
      if (told.failure?.code === "TIMEOUT" && book.failure === undefined && book.statuses.size > 0 && context.budget.leftMs() === 0) return false
      enter(book, told)
      context.notes.push(...told.notes)
      return told.failure === undefined && isUsable(book)
    }, book.retries > 0)
    waiting.delete(book.memory.node.operator)
    if (tell !== undefined) report(context, "nodes", artifacts, tell, [...waiting], plan.length - waiting.size)
  }))
}

/** Sends progress, if anybody listens. */
export function report(
  context: Context, stage: Progress["stage"], artifacts: number, verdicts: readonly Verdict[], waitingFor: readonly string[], nodesAnswered: number,
): void {
  context.options.onProgress?.({
    stage, artifacts, waitingFor, nodesAnswered, nodesAsked: nodesAnswered + waitingFor.length,
    allowed: new Set(verdicts.filter((verdict) => verdict.ok).map(artifactKey)).size,
    leftMs: context.budget.leftMs(),
  })
}
