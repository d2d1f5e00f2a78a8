import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { GATHER_SILENCE_MS_MIN, GATHER_SILENT_PAUSE_MS } from "../limits.ts"

/** Nodes that were asked in vain a moment ago: who gathers for a package manager's many small checks must not wait for them in each. */
export interface SilentNodes {
  /** Asks, unless the node was silent a moment ago. @throws VouchsafeError what `ask` throws, or threw then. */
  ask<T>(url: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T>
}

/**
 * Makes a memory without any silent node. A client asks nodes that are missing from an answer by itself, so what is left out here is not lost
 * (spec/client.md).
 */
export function createSilentNodes(clock: Clock): SilentNodes {
  const silent = new Map<string, { readonly error: VouchsafeError; readonly sinceMs: number }>()
  return {
    async ask(url, signal, ask) {
      const startMs = clock.nowMs()
      const known = silent.get(url)
      const ageMs = startMs - (known?.sinceMs ?? 0)
      if (known !== undefined && ageMs >= 0 && ageMs < GATHER_SILENT_PAUSE_MS) throw known.error
      silent.delete(url)
      try {
        return await ask()
      } catch (error) {
        const nowMs = clock.nowMs()
        const isSilent = isVouchsafeError(error) && (error.code === "UNREACHABLE" || error.code === "TIMEOUT") && nowMs - startMs >= GATHER_SILENCE_MS_MIN
        // Whoever asked has gone: that says nothing about the node.
        if (isSilent && !signal.aborted) silent.set(url, { error, sinceMs: nowMs })
        throw error
      }
    },
  }
}
