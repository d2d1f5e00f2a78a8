/**
 * The times of allowed_signers: `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, then nothing, `Z` or `UTC`.
 *
 * ssh-keygen reads a time without `Z` in the time zone of its machine. Here it is UTC: a fact that several rebuilders
 * state must not depend on where they stand. ssh-keygen also takes the 31st of February; here no such time exists.
 *
 * @packageDocumentation
 */

const FORM = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(?:z|utc)?$/i

/** Reads a time as seconds since 1970; undefined where it is none, or not after 1970-01-01T00:00:00Z. */
export function parseSshTime(text: string): number | undefined {
  const fields = FORM.exec(text)?.slice(1).map((field) => Number(field ?? 0))
  if (fields === undefined) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields
  const at = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  const same = at.getUTCFullYear() === year && at.getUTCMonth() === month - 1 && at.getUTCDate() === day
    && at.getUTCHours() === hour && at.getUTCMinutes() === minute && at.getUTCSeconds() === second
  const seconds = at.getTime() / 1000
  return same && seconds > 0 ? seconds : undefined
}

/** Writes seconds since 1970 in the longest form, UTC: what `ssh-keygen -Overify-time=` takes. */
export function formatSshTime(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "").replace(/[-:T]/g, "")}Z`
}
