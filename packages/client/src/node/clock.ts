import type { Clock } from "@vouchsafe/ports"

/** The machine's clock. */
export const systemClock: Clock = { nowMs: () => Date.now() }
