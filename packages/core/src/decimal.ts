/**
 * Decimal numbers as the transparency-log formats write them: no sign, no leading zeros, no exponent.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "./errors.ts"

const DECIMAL = /^(?:0|[1-9][0-9]*)$/
/** Digits of the largest number accepted, so that hostile input is refused before any arithmetic. */
const DIGITS_MAX = 19
const INT64_MAX = 2n ** 63n - 1n

function refuse(text: string, expected: string): VouchsafeError {
  return new VouchsafeError("DECIMAL_MALFORMED", `number is ${shown(text)}, expected ${expected}`)
}

/**
 * Reads a plain decimal up to 2^63-1, the range of the public log implementations.
 * @throws VouchsafeError DECIMAL_MALFORMED.
 */
export function parseDecimalBig(text: string): bigint {
  if (text.length > DIGITS_MAX || !DECIMAL.test(text)) throw refuse(text, "a plain decimal")
  const value = BigInt(text)
  if (value > INT64_MAX) throw refuse(text, `at most ${INT64_MAX}`)
  return value
}

/**
 * Reads a plain decimal up to 2^53-1. No log we can verify is larger: indices are exact JavaScript integers throughout.
 * @throws VouchsafeError DECIMAL_MALFORMED.
 */
export function parseDecimal(text: string): number {
  if (text.length > DIGITS_MAX || !DECIMAL.test(text)) throw refuse(text, "a plain decimal")
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw refuse(text, `at most ${Number.MAX_SAFE_INTEGER}`)
  return value
}
