import { isWellFormed } from "@vouchsafe/core"

/** A JSON object from outside. Read members with {@link member}: keys such as `constructor` and `__proto__` are words like any other. */
export type ForeignObject = Readonly<Record<string, unknown>>

/** `value` as an object; undefined for all else, arrays included. */
export function asObject(value: unknown): ForeignObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as ForeignObject) : undefined
}

/** The object's own member. */
export function member(object: ForeignObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** `value` as text of at most `lengthMax` UTF-16 units without control characters or lone surrogates; undefined for all else. */
export function asPlainText(value: unknown, lengthMax: number): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= lengthMax && isWellFormed(value) && !/\p{Cc}/u.test(value) ? value : undefined
}
