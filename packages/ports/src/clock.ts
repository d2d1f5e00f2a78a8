/** The only source of time. Tests inject one that they move. */
export interface Clock {
  /** Milliseconds since the Unix epoch. Never negative; may jump, since system clocks do. */
  nowMs(): number
}

/** Timers as an argument, so that tests move time instead of waiting for it. */
export interface Timers {
  /** Calls `run` once after `ms`; the returned function takes that back. A timer alone does not keep the process alive. */
  after(ms: number, run: () => void): () => void
}
