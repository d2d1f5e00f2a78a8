/** Timers as an argument, so that tests move time instead of waiting for it. */
export interface PeerTimers {
  /** Calls `run` once after `ms`; the returned function takes that back. */
  after(ms: number, run: () => void): () => void
}
