import type { AbortSignalLike, Clock } from "@vouchsafe/ports"
import { ANSWER_GRACE_MS, ROUND_DEADLINE_MS, TRAVEL_PART } from "./limits.ts"

/** The one time budget of a check. */
export interface Budget {
  /** Milliseconds left, 0 when over or stopped by the caller. */
  leftMs(): number
  /** Limits for one request: what the node is told, and when the client stops waiting. */
  forRequest(): { readonly deadlineMs: number; readonly timeoutMs: number }
  readonly signal: AbortSignalLike | undefined
}

/** Starts a budget of `totalMs` now. */
export function startBudget(clock: Clock, totalMs: number, signal: AbortSignalLike | undefined): Budget {
  const startedMs = clock.nowMs()
  const leftMs = (): number => {
    if (signal?.aborted === true) return 0
    const passed = clock.nowMs() - startedMs
    // A clock that was set back must not make a budget endless; each request is bounded by its own timer as well.
    return passed < 0 ? 0 : Math.max(0, totalMs - passed)
  }
  return {
    leftMs, signal,
    forRequest() {
      const left = leftMs()
      const deadlineMs = Math.floor(Math.min(ROUND_DEADLINE_MS, left * (1 - TRAVEL_PART)))
      return { deadlineMs, timeoutMs: Math.min(left, deadlineMs + ANSWER_GRACE_MS) }
    },
  }
}

/** The budget of an exchange that several checks share: what the most patient of them has left. */
export function jointBudget(budgets: readonly Budget[], signal: AbortSignalLike): Budget {
  const longest = (): Budget => budgets.reduce((a, b) => (b.leftMs() > a.leftMs() ? b : a))
  return { leftMs: () => longest().leftMs(), forRequest: () => longest().forRequest(), signal }
}
