/** One thing that `doctor` looked at. */
export interface Finding {
  readonly check: string
  readonly state: "ok" | "warning" | "problem" | "unreachable"
  readonly detail: string
  readonly hint?: string
}
