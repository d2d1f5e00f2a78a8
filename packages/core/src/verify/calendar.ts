import type { ShapeReader } from "./shape.ts"

export const DAY_SECONDS = 86_400
const DAY = /^\d{4}-\d{2}-\d{2}$/

/** A day of the calendar as people write it, and the Unix seconds at which it begins in UTC. */
export function dayMember(value: unknown, at: string, read: ShapeReader): { readonly day: string; readonly startSeconds: number } {
  const day = read.pattern(value, at, DAY, "a day such as 2026-12-31")
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // Written back, so that 2026-02-31 is no day.
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day) return read.fail(at, "a day of the calendar", day)
  return { day, startSeconds: midnight / 1_000 }
}
