/** Timers as an argument, so that tests move time instead of waiting for it. */
export interface Timers {
  /** Calls `run` once after `ms`; the returned function takes that back. A timer alone does not keep the process alive. */
  after(ms: number, run: () => void): () => void
}

/** The host's timers. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Waits for `work`, at most `ms` and no longer than `signal` allows. False when it did not come in time. Rejects as `work` does. */
export async function within(timers: Timers, ms: number, work: Promise<unknown>, signal?: AbortSignal): Promise<boolean> {
  let cancel = (): void => undefined
  let onAbort = (): void => undefined
  const late = new Promise<boolean>((resolve) => {
    cancel = timers.after(ms, () => resolve(false))
    onAbort = () => resolve(false)
    if (signal?.aborted === true) resolve(false)
    else signal?.addEventListener("abort", onAbort, { once: true })
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    cancel()
    signal?.removeEventListener("abort", onAbort)
  }
}
