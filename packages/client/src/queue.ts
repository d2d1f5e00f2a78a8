/**
 * Merging questions: while one exchange is under way, questions for the next one gather, and go together.
 *
 * A package manager asks about hundreds of packages from dozens of places at once; each place would otherwise hold a connection of its own to
 * every node, and the heads in their answers would race each other.
 *
 * @packageDocumentation
 */
import { type ArtifactName, artifactKey, REQUEST_ARTIFACTS_MAX } from "@vouchsafe/core"
import type { Budget } from "./budget.ts"
import type { Sleep } from "./types.ts"

/** One question. */
export interface Turn {
  readonly artifacts: readonly ArtifactName[]
  readonly budget: Budget
}

/** Asks for several turns at once. Gives what to tell each of them. `signal` aborts when nobody waits any more. */
export type Exchange<T> = (artifacts: readonly ArtifactName[], turns: readonly Turn[], signal: AbortSignal) => Promise<(turn: Turn) => T>

export interface Queue<T> {
  /** What the exchange told, or `late` once the turn's own budget is over. Rejects with what the exchange threw. */
  ask(turn: Turn, late: () => T): Promise<T>
}

interface Waiting<T> {
  readonly turn: Turn
  readonly tell: (told: T) => void
  readonly fail: (error: unknown) => void
  isGone: boolean
}

/** Makes a queue. `alone` runs an action when nothing else may run; turns that come until then are part of the same exchange. */
export function createQueue<T>(exchange: Exchange<T>, sleep: Sleep, alone: (action: () => Promise<void>) => Promise<void>): Queue<T> {
  let waiting: Waiting<T>[] = []

  /** One exchange for all who wait. Every question asks for a run, so those that did not fit find the next one. */
  const run = async (): Promise<void> => {
    const { taken, artifacts } = takeTurns()
    if (taken.length === 0) return
    const nobodyWaits = new AbortController()
    const leave = (): void => {
      if (taken.every(({ isGone }) => isGone)) nobodyWaits.abort()
    }
    leaving.set(taken, leave)
    try {
      const answerFor = await exchange(artifacts, taken.map(({ turn }) => turn), nobodyWaits.signal)
      for (const { turn, tell } of taken) tell(answerFor(turn))
    } catch (error) {
      for (const { fail } of taken) fail(error)
    } finally {
      leaving.delete(taken)
    }
  }

  /** Turns on their way, with whom to tell that one of them gave up. */
  const leaving = new Map<readonly Waiting<T>[], () => void>()

  /** The turns that fit into one request, in their order; at least one. */
  const takeTurns = (): { taken: Waiting<T>[]; artifacts: ArtifactName[] } => {
    waiting = waiting.filter(({ isGone }) => !isGone)
    const union = new Map<string, ArtifactName>()
    const taken: Waiting<T>[] = []
    for (const item of waiting) {
      const added = item.turn.artifacts.filter((artifact) => !union.has(artifactKey(artifact)))
      if (taken.length > 0 && union.size + added.length > REQUEST_ARTIFACTS_MAX) break
      for (const artifact of added) union.set(artifactKey(artifact), artifact)
      taken.push(item)
    }
    waiting = waiting.slice(taken.length)
    return { taken, artifacts: [...union.values()] }
  }

  return {
    ask(turn, late) {
      return new Promise<T>((resolve, reject) => {
        const settled = new AbortController()
        const settle = (finish: () => void): void => {
          if (settled.signal.aborted) return
          settled.abort()
          turn.budget.signal?.removeEventListener("abort", giveUp)
          finish()
        }
        const item: Waiting<T> = { turn, isGone: false, tell: (told) => settle(() => resolve(told)), fail: (error) => settle(() => reject(error)) }
        const giveUp = (): void => settle(() => {
          item.isGone = true
          for (const leave of leaving.values()) leave()
          resolve(late())
        })
        turn.budget.signal?.addEventListener("abort", giveUp)
        sleep(turn.budget.leftMs(), settled.signal).then(giveUp, reject)
        waiting.push(item)
        // In a later microtask, so that questions of the same moment go together.
        Promise.resolve().then(() => alone(run)).catch(reject)
      })
    },
  }
}
