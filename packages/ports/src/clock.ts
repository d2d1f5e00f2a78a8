/** The only source of time. Tests inject one that they move. */
export interface Clock {
  /** Milliseconds since the Unix epoch. Never negative; may jump, since system clocks do. */
  nowMs(): number
}
