import type { Timers } from "@vouchsafe/ports"

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
