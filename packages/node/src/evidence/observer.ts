/**
 * Observations on demand: a bounded queue in front of the attester. Whoever asks for the same artifact at the same time
 * shares one observation, and an observation that outlives its asker's patience goes on for the next one.
 *
 * @packageDocumentation
 */
import { type ArtifactName, artifactKey } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { FAILURE_REMEMBERED_MS, OBSERVATIONS_CONCURRENT_MAX, OBSERVATIONS_QUEUED_MAX, REFUSAL_REMEMBERED_MS, REFUSALS_REMEMBERED_MAX } from "../limits.ts"
import type { Budget } from "./budget.ts"

/** What came of one observation. */
export type Outcome =
  | { readonly kind: "observed"; readonly index: number }
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly code: string; readonly detail: string }

/** What came of asking for one. */
export type Started =
  | { readonly kind: "started"; readonly outcome: Promise<Outcome> }
  | { readonly kind: "known"; readonly outcome: Outcome }
  /** Nothing was started: somebody's budget is used up or the queue is full. */
  | { readonly kind: "limited"; readonly detail: string }

/** What an observer works with. */
export interface ObserverOptions {
  /** Makes one observation. Never rejects: what fails is an outcome. */
  readonly observe: (artifact: ArtifactName) => Promise<Outcome>
  readonly budget: Budget
  readonly clock: Clock
  readonly onOutcome: (outcome: Outcome, seconds: number) => void
}

/** @see createObserver */
export interface Observer {
  /** Joins or starts the observation of an artifact that the log does not hold. */
  start(artifact: ArtifactName, from: string): Started
  queued(): number
  running(): number
  /** Starts nothing more; settles when what runs has ended. */
  drain(): Promise<void>
}

interface Waiting {
  readonly artifact: ArtifactName
  readonly settle: (outcome: Outcome) => void
}

/** The world's failures: the next attempt may go well. */
const PASSING_CODES: ReadonlySet<string> = new Set(["UNREACHABLE", "TIMEOUT", "UPSTREAM_FAILED", "SOURCE_PENDING", "DISK", "TRUST_ROOT_EXPIRED", "TRUST_ROOT_REFUSED", "TRUST_ROOT_MALFORMED", "CLOCK_BEHIND"])

const LIMITED: Readonly<Record<"address" | "global" | "queue", string>> = {
  address: "this address has used up its budget of new observations; ask again later",
  global: "the node has used up its budget of new observations; ask again later",
  queue: "too many observations are waiting; ask again later",
}

/** Makes an observer. */
export function createObserver(options: ObserverOptions): Observer {
  // Maps throughout: the keys are foreign text.
  const inWork = new Map<string, Promise<Outcome>>()
  const remembered = new Map<string, { readonly outcome: Outcome; readonly untilMs: number }>()
  const queue: Waiting[] = []
  const active = new Set<Promise<void>>()
  let stopped = false

  // Bytes are remembered too: whoever looked into the log just before they came must not fetch them again.
  const remember = (key: string, outcome: Outcome): void => {
    const passing = outcome.kind === "refused" && PASSING_CODES.has(outcome.code)
    remembered.delete(key)
    remembered.set(key, { outcome, untilMs: options.clock.nowMs() + (passing ? FAILURE_REMEMBERED_MS : REFUSAL_REMEMBERED_MS) })
    if (remembered.size > REFUSALS_REMEMBERED_MAX) remembered.delete(remembered.keys().next().value as string)
  }

  const recall = (key: string): Outcome | undefined => {
    const found = remembered.get(key)
    if (found === undefined) return undefined
    if (found.untilMs > options.clock.nowMs()) return found.outcome
    remembered.delete(key)
    return undefined
  }

  const work = async ({ artifact, settle }: Waiting): Promise<void> => {
    const startedMs = options.clock.nowMs()
    const outcome = await options.observe(artifact)
    const key = artifactKey(artifact)
    inWork.delete(key)
    remember(key, outcome)
    options.onOutcome(outcome, Math.max(0, options.clock.nowMs() - startedMs) / 1000)
    settle(outcome)
  }

  const pump = (): void => {
    while (!stopped && active.size < OBSERVATIONS_CONCURRENT_MAX) {
      const next = queue.shift()
      if (next === undefined) return
      const running: Promise<void> = work(next).finally(() => {
        active.delete(running)
        pump()
      })
      active.add(running)
    }
  }

  return {
    start(artifact, from) {
      const key = artifactKey(artifact)
      const shared = inWork.get(key)
      if (shared !== undefined) return { kind: "started", outcome: shared }
      const known = recall(key)
      if (known !== undefined) return { kind: "known", outcome: known }
      if (stopped || queue.length >= OBSERVATIONS_QUEUED_MAX) return { kind: "limited", detail: LIMITED.queue }
      const granted = options.budget.take(from)
      if (granted !== "granted") return { kind: "limited", detail: LIMITED[granted] }
      const outcome = new Promise<Outcome>((settle) => queue.push({ artifact, settle }))
      inWork.set(key, outcome)
      pump()
      return { kind: "started", outcome }
    },
    queued: () => queue.length,
    running: () => active.size,
    async drain() {
      stopped = true
      for (const { settle } of queue.splice(0)) settle({ kind: "refused", code: "UNREACHABLE", detail: "the node is stopping" })
      await Promise.all(active)
    },
  }
}

/** Observes nothing: for whoever only serves what is there. `detail` says who else is to be asked. */
export function readingObserver(detail: string): Observer {
  const outcome: Outcome = { kind: "refused", code: "NOT_OBSERVED", detail }
  return { start: () => ({ kind: "known", outcome }), queued: () => 0, running: () => 0, drain: () => Promise.resolve() }
}
