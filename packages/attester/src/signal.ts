import { VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike } from "@vouchsafe/ports"

/** What an abandoned observation rejects with. */
export function abandoned(): VouchsafeError {
  return new VouchsafeError("TIMEOUT", "observation was abandoned before it ended", { hint: "ask again; a running observation may have finished by then" })
}

/** @throws VouchsafeError TIMEOUT when the signal has been given. */
export function throwIfAborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted === true) throw abandoned()
}

/** Settles as `work`, or rejects with TIMEOUT as soon as the signal is given; `work` itself goes on. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(abandoned())
    if (signal.aborted) leave()
    else signal.addEventListener("abort", leave)
    const settle = (): void => signal.removeEventListener("abort", leave)
    void work.then(resolve, reject).then(settle)
  })
}
