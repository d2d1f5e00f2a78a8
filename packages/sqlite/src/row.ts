import { type Bytes, VouchsafeError } from "@vouchsafe/core"
import type { SQLOutputValue } from "node:sqlite"

/** A row as SQLite gives it. */
export type Row = Record<string, SQLOutputValue>
type Broken = (why: string) => VouchsafeError

const damaged: Broken = (why) => new VouchsafeError("DISK", `database: ${why}`)

/** @throws what `broken` makes, by default VouchsafeError DISK. */
export function numberIn(row: Row | undefined, column: string, broken = damaged): number {
  const value = row?.[column]
  if (typeof value !== "number") throw broken(`column ${column} holds ${typeof value}, expected a number`)
  return value
}

/** @throws what `broken` makes, by default VouchsafeError DISK. */
export function textIn(row: Row | undefined, column: string, broken = damaged): string {
  const value = row?.[column]
  if (typeof value !== "string") throw broken(`column ${column} holds ${typeof value}, expected text`)
  return value
}

/** @throws what `broken` makes, by default VouchsafeError DISK. */
export function bytesIn(row: Row | undefined, column: string, broken = damaged): Bytes {
  const value = row?.[column]
  if (!(value instanceof Uint8Array)) throw broken(`column ${column} holds ${typeof value}, expected bytes`)
  return value
}
