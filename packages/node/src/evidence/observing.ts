/**
 * What the evidence service asks of the attester: observations with outcomes instead of exceptions, and now and then a look
 * whether a registry still serves what it served (THREATS A3).
 *
 * @packageDocumentation
 */
import type { Attester } from "@vouchsafe/attester"
import { type ArtifactName, artifactKey, isVouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { describe } from "../http/server.ts"
import { INDICES_REMEMBERED_MAX, OBSERVATION_TIMEOUT_MS, RECHECK_MS } from "../limits.ts"
import type { Logger } from "../logger.ts"
import { ADMIN, type Budget } from "./budget.ts"
import type { Outcome } from "./observer.ts"

/** Longest explanation in an answer, in characters: clients refuse longer ones. */
const DETAIL_LENGTH_MAX = 500

/**
 * Observes one artifact. Never rejects: what is this node's own fault is logged, told to `onOwnFault`, and refused.
 * `stopping` ends what is under way.
 */
export function createObserve(
  attester: Pick<Attester, "observe">, logger: Logger, stopping: AbortSignal, onOwnFault: () => void,
): (artifact: ArtifactName) => Promise<Outcome> {
  return async (artifact) => {
    try {
      const result = await attester.observe(artifact, { signal: AbortSignal.any([stopping, AbortSignal.timeout(OBSERVATION_TIMEOUT_MS)]) })
      if (result.status === "observed") return { kind: "observed", index: result.index }
      if (result.status === "absent") return { kind: "absent" }
      return { kind: "refused", code: result.code, detail: result.detail.slice(0, DETAIL_LENGTH_MAX) }
    } catch (error) {
      if (!isVouchsafeError(error)) {
        // Somebody chose this package, and a rejection that nobody takes would end the process.
        logger.error({ ...artifact, error: describe(error) }, "an observation failed by a fault of this program")
        onOwnFault()
        return { kind: "refused", code: "FAILED", detail: "the node itself failed" }
      }
      if (stopping.aborted) return { kind: "refused", code: "UNREACHABLE", detail: "the node is stopping" }
      if (error.code === "TIMEOUT") return { kind: "refused", code: "TIMEOUT", detail: `the registry did not deliver within ${OBSERVATION_TIMEOUT_MS / 1000} s` }
      logger.error({ code: error.code, error: error.message }, "an observation failed inside the node")
      onOwnFault()
      return { kind: "refused", code: error.code, detail: "the node itself failed" }
    }
  }
}

/** Looks again at known artifacts that are asked for, one at a time and at most once a day each. */
export interface Rechecker {
  /** The artifact is known and was asked for. Returns at once. */
  seen(artifact: ArtifactName): void
  drain(): Promise<void>
}

/** @see Rechecker */
export function createRechecker(attester: Pick<Attester, "recheck">, budget: Budget, clock: Clock, logger: Logger): Rechecker {
  const checkedAtMs = new Map<string, number>()
  let running: Promise<void> | undefined
  let stopped = false

  const recheck = async (artifact: ArtifactName): Promise<void> => {
    try {
      const result = await attester.recheck(artifact, { signal: AbortSignal.timeout(OBSERVATION_TIMEOUT_MS) })
      if (result.status === "conflict") logger.warn({ ...artifact, notice: result.notice }, "the registry serves other bytes than before")
    } catch (error) {
      if (isVouchsafeError(error)) logger.warn({ code: error.code }, "a known artifact could not be looked at again")
      else logger.error({ ...artifact, error: describe(error) }, "a second look at an artifact failed by a fault of this program")
    }
  }

  return {
    seen(artifact) {
      const key = artifactKey(artifact)
      const nowMs = clock.nowMs()
      const known = checkedAtMs.get(key)
      if (known === undefined) {
        // Since when it has been the same is not known across restarts; a day from now is soon enough.
        checkedAtMs.set(key, nowMs)
        if (checkedAtMs.size > INDICES_REMEMBERED_MAX) checkedAtMs.delete(checkedAtMs.keys().next().value as string)
        return
      }
      if (stopped || running !== undefined || nowMs - known < RECHECK_MS || budget.take(ADMIN) !== "granted") return
      checkedAtMs.set(key, nowMs)
      running = recheck(artifact).finally(() => {
        running = undefined
      })
    },
    async drain() {
      stopped = true
      await running
    },
  }
}
