/**
 * Exceptions of a vouchsafe.json: which may be written, and how the written ones stand (packages/spec/policy.md).
 *
 * @packageDocumentation
 */
import { BOUND_CODES, DAY_SECONDS, displayName, type Exception, EXCEPTION_NOTICE_SECONDS, EXCEPTION_SECONDS_MAX, NEVER_EXCEPTED, type Policy, shellWord, shown, VERDICT_CODES, type VerdictCode } from "@vouchsafe/core"
import type { WrittenException } from "@vouchsafe/client/node"
import { usage } from "../usage.ts"

const DAY = /^\d{4}-\d{2}-\d{2}$/

/** Every code that an exception may cover. */
export const EXCEPTABLE_CODES: readonly VerdictCode[] = VERDICT_CODES.filter((code) => !NEVER_EXCEPTED.includes(code))

/** What a person asked for, checked. */
export interface Wish {
  readonly purl: string
  readonly code: VerdictCode
  readonly owner: string
  readonly reason: string
  readonly until: string
}

/**
 * Checks what was asked before anything is read or written.
 * @param nowSeconds - Unix seconds
 * @throws VouchsafeError USAGE.
 */
export function checkWish(given: { readonly purl: string; readonly code: string; readonly owner: string; readonly reason: string; readonly until: string }, nowSeconds: number): Wish {
  const code = VERDICT_CODES.find((candidate) => candidate === given.code)
  if (code === undefined) throw usage(`--code is ${shown(given.code)}, expected one of ${EXCEPTABLE_CODES.join(", ")}`)
  if (NEVER_EXCEPTED.includes(code)) throw usage(`no exception covers ${code}: it says that nothing can be known`, `vouchsafe explain ${shellWord(displayName(given.purl))} says what to do`)
  for (const member of ["owner", "reason"] as const) if (given[member].trim() === "") throw usage(`--${member} is empty, expected some text: everybody who reads vouchsafe.json sees it`)
  const endSeconds = dayEnd(given.until)
  if (endSeconds === undefined) throw usage(`--until is ${shown(given.until)}, expected a day such as ${dayOf(nowSeconds + EXCEPTION_NOTICE_SECONDS)}`)
  if (endSeconds <= nowSeconds) throw usage(`--until is ${given.until}, which is over, expected a day from ${dayOf(nowSeconds)} on`)
  const last = dayOf(nowSeconds + EXCEPTION_SECONDS_MAX)
  if (BOUND_CODES.includes(code) && given.until > last) throw usage(`an exception for ${code} lasts at most ${EXCEPTION_SECONDS_MAX / DAY_SECONDS} days, and --until is ${given.until}, expected ${last} or earlier`)
  return { ...given, code }
}

/** Tells whether an exception for this code must name the bytes. */
export function isBound(code: VerdictCode): boolean {
  return BOUND_CODES.includes(code)
}

/** Where an exception for the same stands already: a new one takes its place. */
export function indexOfSame({ exceptions }: Policy, { purl, code, sha512 }: Pick<WrittenException, "purl" | "code" | "sha512">): number | undefined {
  const index = exceptions.findIndex((other) => other.purl === purl && other.code === code && other.sha512 === sha512)
  return index < 0 ? undefined : index
}

/** An exception with how long it still holds. */
export interface StandingException extends Exception {
  /** Whole days from now to its end, rounded up; 0 and less: over. */
  readonly daysLeft: number
  readonly state: "holds" | "ends soon" | "ended"
}

/** The exceptions in the order of their ends. */
export function standing({ exceptions }: Pick<Policy, "exceptions">, nowSeconds: number): StandingException[] {
  return exceptions.map((exception) => {
    const left = exception.untilSeconds - nowSeconds
    return { ...exception, daysLeft: Math.ceil(left / DAY_SECONDS), state: left <= 0 ? "ended" as const : left <= EXCEPTION_NOTICE_SECONDS ? "ends soon" as const : "holds" as const }
  }).sort((a, b) => a.untilSeconds - b.untilSeconds)
}

/** Unix seconds of a day's end in UTC; undefined for what is no day of the calendar. */
function dayEnd(day: string): number | undefined {
  const start = DAY.test(day) ? Date.parse(`${day}T00:00:00Z`) / 1_000 : Number.NaN
  return Number.isNaN(start) || dayOf(start) !== day ? undefined : start + DAY_SECONDS
}

function dayOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().slice(0, 10)
}
