/**
 * The ways to the network, shared by all checks of one client: one to each node, and one to the person's own node.
 *
 * @packageDocumentation
 */
import { type ArtifactName, artifactKey, type Bytes, type Crypto, REQUEST_ARTIFACTS_MAX } from "@vouchsafe/core"
import { exchangeWithNode, type Taken, takeAnswer } from "./ask.ts"
import { type AcceptedAnswer, type ContactFailure, pathsOf, type Told } from "./book.ts"
import { type Budget, jointBudget } from "./budget.ts"
import type { Context } from "./context.ts"
import { carry } from "./daemon.ts"
import { DAEMON_PAUSE_MS, SILENCE_MS_MIN, SILENT_NODE_PAUSE_MS } from "./limits.ts"
import type { LogMemory } from "./memory.ts"
import { mergeProofs } from "./merge-proofs.ts"
import { createQueue, type Turn } from "./queue.ts"
import { remember } from "./remember.ts"
import type { ClientOptions, Failure, Sleep } from "./types.ts"

/** Asks about artifacts, as many as there are, in requests of at most 2,000; stops at the first that fails. */
export interface Lane<T> {
  /** @param insists - also where the other side was silent a moment ago */
  ask(artifacts: readonly ArtifactName[], budget: Budget, told: (told: T) => boolean, insists?: boolean): Promise<void>
}

/** What a client's lanes work with. */
export interface Engine {
  readonly options: ClientOptions
  readonly crypto: Crypto
  readonly sleep: Sleep
  /** One per roster node, in the roster's order. */
  readonly memories: readonly LogMemory[]
}

/** Codes of a request that nobody answered. */
const SILENCE: readonly string[] = ["UNREACHABLE", "TIMEOUT"]
const LATE: ContactFailure = { code: "TIMEOUT", message: "no answer within the time that was left", answered: false, retryable: false }

/**
 * The way to one node. One that was waited for in vain is not waited for again for a while, unless a check insists: a package manager asks in
 * many small checks, one after the other, and each would stand still for a machine that is gone.
 */
export function nodeLane(engine: Engine, memory: LogMemory): Lane<Told> {
  let silent: { readonly failure: ContactFailure; readonly sinceMs: number } | undefined
  const queue = createQueue<Told>(async (artifacts, turns, signal) => {
    const context = contextFor(engine, turns, signal)
    const startMs = engine.options.clock.nowMs()
    const taken = await exchangeWithNode(context, memory, artifacts)
    const nowMs = engine.options.clock.nowMs()
    // Cut short by the checks' own budget is no silence, and a refused connection costs nobody time.
    const isSilent = taken.failure?.answered === false && SILENCE.includes(taken.failure.code) && nowMs - startMs >= SILENCE_MS_MIN && context.budget.leftMs() > 0
    silent = isSilent && taken.failure !== undefined ? { failure: { ...taken.failure, retryable: true }, sinceMs: nowMs } : undefined
    const told = await conclude(context, memory, taken)
    return partsFor(engine.crypto, told, turns)
  }, engine.sleep, (action) => inUse([memory], () => memory.exclusive(action)))
  const ways = chunked<Told>((turn) => queue.ask(turn, () => ({ failure: LATE, noticesRead: false, notes: [] })))
  return {
    async ask(artifacts, budget, told, insists = false) {
      const ageMs = engine.options.clock.nowMs() - (silent?.sinceMs ?? 0)
      if (silent !== undefined && !insists && ageMs >= 0 && ageMs < SILENT_NODE_PAUSE_MS) told({ failure: silent.failure, noticesRead: false, notes: [] })
      else await ways.ask(artifacts, budget, told)
    },
  }
}

/** What a daemon brought, by node; empty when it brought nothing. */
export interface DaemonTold {
  readonly byNode: ReadonlyMap<LogMemory, Told>
  readonly notes: readonly Failure[]
}

/**
 * The way to the person's own node. One that fails is left alone for a while. What it brings for a node is told only when it could be used: a
 * daemon is never to blame, nor is a node for what a daemon does.
 */
export function daemonLane(engine: Engine, memories: readonly LogMemory[], socketPath: string): Lane<DaemonTold> {
  let failedAtMs = Number.NEGATIVE_INFINITY
  const queue = createQueue<DaemonTold>(async (artifacts, turns, signal) => {
    const context = contextFor(engine, turns, signal)
    const nowMs = engine.options.clock.nowMs()
    if (nowMs - failedAtMs >= 0 && nowMs - failedAtMs < DAEMON_PAUSE_MS) return () => ({ byNode: new Map(), notes: [] })
    const usable = memories.filter((memory) => memory.misbehaved === undefined && memory.damage === undefined)
    const parts = await carry(context, socketPath, usable, artifacts)
    if (parts === undefined) failedAtMs = nowMs
    const toldFor = new Map<LogMemory, (turn: Turn) => Told>()
    for (const { memory, request, answer } of parts ?? []) {
      const taken = await takeAnswer(context, memory, request, answer, "daemon")
      const told = await conclude(context, memory, taken)
      if (told.failure === undefined) toldFor.set(memory, partsFor(engine.crypto, told, turns))
      else context.notes.push({ code: told.failure.code, message: `the local node's part about ${memory.node.operator} is not used: ${told.failure.message}` })
    }
    return (turn) => ({ byNode: new Map([...toldFor].map(([memory, part]) => [memory, part(turn)])), notes: context.notes })
  }, engine.sleep, (action) => inUse(memories, () => exclusively(memories, action)))
  return chunked((turn) => queue.ask(turn, () => ({ byNode: new Map(), notes: [{ code: LATE.code, message: `the local node is not used: ${LATE.message}` }] })))
}

function contextFor(engine: Engine, turns: readonly Turn[], signal: AbortSignal): Context {
  return { options: engine.options, crypto: engine.crypto, budget: jointBudget(turns.map(({ budget }) => budget), signal), notes: [], memories: engine.memories }
}

/** Remembers what was taken, and says what that makes of it. State comes before verdicts. */
async function conclude(context: Context, memory: LogMemory, taken: Taken): Promise<Told> {
  const rolledBack = taken.failure?.code === "LOG_ROLLED_BACK" ? taken.failure : undefined
  const distrust = taken.answer === undefined ? rolledBack : rolledBack ?? await remember(context, memory)
  return {
    ...taken, noticesRead: taken.answer !== undefined && taken.failure === undefined, notes: context.notes,
    ...(distrust === undefined ? {} : { distrust: { code: distrust.code, message: distrust.message } }),
  }
}

function chunked<T>(ask: (turn: Turn) => Promise<T>): Lane<T> {
  return {
    async ask(artifacts, budget, told) {
      for (let start = 0; start === 0 || start < artifacts.length; start += REQUEST_ARTIFACTS_MAX) {
        if (!told(await ask({ artifacts: artifacts.slice(start, start + REQUEST_ARTIFACTS_MAX), budget }))) return
      }
    },
  }
}

async function inUse<T>(memories: readonly LogMemory[], action: () => Promise<T>): Promise<T> {
  for (const memory of memories) memory.users += 1
  try {
    return await action()
  } finally {
    for (const memory of memories) memory.users -= 1
  }
}

/** Takes all memories in the roster's order, which every caller keeps: nobody waits in a circle. */
function exclusively<T>(memories: readonly LogMemory[], action: () => Promise<T>): Promise<T> {
  return memories.reduceRight<() => Promise<T>>((inner, memory) => () => memory.exclusive(inner), action)()
}

/** Cuts what was told into what each turn asked for, so that no check judges another one's packages. */
function partsFor(crypto: Crypto, told: Told, turns: readonly Turn[]): (turn: Turn) => Told {
  const { answer } = told
  if (answer === undefined || turns.length === 1) return () => told
  const paths = answer.log.indices.length === 0 ? [] : pathsOf(crypto, answer)
  // What does not verify is shown whole to core, which says so.
  if (paths === undefined) return () => told
  return (turn) => ({ ...told, answer: partOf(answer, paths, new Set(turn.artifacts.map(artifactKey))) })
}

function partOf(answer: AcceptedAnswer, paths: readonly Bytes[][], wanted: ReadonlySet<string>): AcceptedAnswer {
  const artifacts = answer.artifacts.filter((artifact) => wanted.has(artifactKey(artifact)))
  const indices = new Set(artifacts.flatMap((artifact) => artifact.indices))
  const places = answer.log.indices.flatMap((index, i) => (indices.has(index) ? [i] : []))
  const singles = places.map((i) => ({ index: answer.log.indices[i] as number, proof: paths[i] as Bytes[] }))
  return {
    head: answer.head, artifacts,
    log: {
      checkpoint: answer.log.checkpoint, bodies: answer.log.bodies,
      indices: singles.map(({ index }) => index),
      entries: places.map((i) => answer.log.entries[i] as string),
      proof: singles.length === 0 ? [] : mergeProofs(answer.head.size, singles) ?? [],
    },
  }
}

