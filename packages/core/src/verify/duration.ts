import type { ShapeReader } from "./shape.ts"

const DURATION = /^([1-9][0-9]{0,6})([smhd])$/
const SECONDS_BY_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }
const OFF = "0s"

/** A whole number and one of s, m, h, d, in seconds. At most `max` of them. */
export function durationMember(value: unknown, at: string, max: number, read: ShapeReader): number {
  const match = DURATION.exec(read.pattern(value, at, DURATION, 'a duration such as "24h" (s, m, h or d)'))
  return read.integer(Number(match?.[1]) * (SECONDS_BY_UNIT[match?.[2] ?? ""] ?? Number.NaN), `${at} in seconds`, 1, max)
}

/** The same where nothing at all can be asked for: `0s` is off. */
export function ageMember(value: unknown, at: string, max: number, read: ShapeReader): number {
  return value === OFF ? 0 : durationMember(value, at, max, read)
}

/** Seconds as a person says them: in the largest unit that leaves no rest. */
export function durationText(seconds: number): string {
  if (seconds === 0) return OFF
  const unit = (["d", "h", "m"] as const).find((candidate) => seconds % (SECONDS_BY_UNIT[candidate] as number) === 0) ?? "s"
  return `${seconds / (SECONDS_BY_UNIT[unit] as number)}${unit}`
}
