import { VouchsafeError } from "@vouchsafe/core"
import type { Timers } from "@vouchsafe/ports"

interface Timing {
  readonly timers: Timers
  readonly ms: number
  /** Ends the work early. */
  readonly signal: AbortSignal
  /** For the message. */
  readonly what: string
}

/** Work that gets no more than its time, whether or not it heeds its signal. Rejects with TIMEOUT. */
export function timed<T>({ timers, ms, signal, what }: Timing, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = new AbortController()
    const end = (): void => {
      cancel()
      signal.removeEventListener("abort", onAbort)
    }
    const giveUp = (why: string): void => {
      end()
      stop.abort()
      reject(new VouchsafeError("TIMEOUT", `${what}: ${why}`))
    }
    const onAbort = (): void => giveUp("stopped")
    const cancel = timers.after(ms, () => giveUp(`did not come within ${ms} ms`))
    if (signal.aborted) {
      onAbort()
      return
    }
    signal.addEventListener("abort", onAbort)
    work(stop.signal).finally(end).then(resolve, reject)
  })
}
