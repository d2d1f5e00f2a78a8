import type { Clock, Timers } from "@vouchsafe/ports"

/** The machine's clock. */
export const systemClock: Clock = { nowMs: () => Date.now() }

/** The machine's timers. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
