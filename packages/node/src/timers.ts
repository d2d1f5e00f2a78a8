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

/** Waits for `work`, at most `ms` and no longer than all of `signals` allow. False when it did not come in time. Rejects as `work` does. */
export async function within(timers: Timers, ms: number, work: Promise<unknown>, signals: readonly AbortSignal[] = []): Promise<boolean> {
  let giveUp = (): void => undefined
  const late = new Promise<boolean>((resolve) => {
    giveUp = () => resolve(false)
  })
  const cancel = timers.after(ms, giveUp)
  for (const signal of signals) {
    if (signal.aborted) giveUp()
    else signal.addEventListener("abort", giveUp)
  }
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    cancel()
    for (const signal of signals) signal.removeEventListener("abort", giveUp)
  }
}
