/** RFC 3339: a date, a time, perhaps fractions, and `Z` or an offset. What else `Date.parse` takes is none. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/

/** A registry's time in Unix seconds; null for what is none, or before 1970. */
export function unixSecondsOf(time: unknown): number | null {
  if (typeof time !== "string" || !TIME.test(time)) return null
  const seconds = Math.floor(Date.parse(time) / 1000)
  return Number.isSafeInteger(seconds) && seconds >= 0 ? seconds : null
}
