import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike } from "@vouchsafe/ports"
import { TAKE_OVER_POLL_MS } from "./limits.ts"

/** How to stand by. */
export interface StandbyOptions {
  readonly signal?: AbortSignalLike | undefined
  /** Waits, milliseconds. */
  readonly pause?: (ms: number) => Promise<void>
  readonly pollMs?: number
  /** Called before each wait with what stood in the way. */
  readonly onWait?: (reason: VouchsafeError) => void
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, ms)
})

/** Somebody else holds it, or it cannot be reached just now. Every other refusal stays one. */
function mayPass(error: VouchsafeError): boolean {
  return error.code === "UNREACHABLE" || error.code === "TIMEOUT" || (error.code === "STATE_UNSAFE" && error.details["held"] === 1)
}

/**
 * Tries to open what somebody else holds until it is free: a standby of the sequencer. While the place cannot be reached it waits too.
 *
 * @param open - opens the storage
 * @throws VouchsafeError TIMEOUT when `signal` ends the wait; any other refusal of `open`.
 */
export async function standBy<T>(open: () => Promise<T>, options: StandbyOptions = {}): Promise<T> {
  const { signal, pause = wait, pollMs = TAKE_OVER_POLL_MS, onWait } = options
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (!isVouchsafeError(error) || !mayPass(error)) throw error
      if (signal?.aborted === true) throw new VouchsafeError("TIMEOUT", "waiting for the log was ended", { cause: error })
      onWait?.(error)
    }
    await pause(pollMs)
  }
}
