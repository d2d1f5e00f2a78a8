import { type Bytes, parseDecimal, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import type { SignedHead, TreeHead } from "@vouchsafe/ports"
import type { Row } from "./session.ts"

/** What the database holds is not what was put there. */
export function broken(why: string): VouchsafeError {
  return new VouchsafeError("LOG_BROKEN", `log database: ${why}`, { hint: "run `vouchsafe-node fsck`" })
}

/** A number in a row: 64-bit ones come as text. */
export function numberIn(row: Row | undefined, column: string): number {
  const value = row?.[column]
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value
  if (typeof value === "string" && /^(?:0|[1-9][0-9]{0,15})$/.test(value)) return parseDecimal(value)
  throw broken(`column ${column} holds ${typeof value}, expected a number`)
}

/** Bytes in a row, as a plain array of their own. */
export function bytesIn(row: Row | undefined, column: string): Bytes {
  const value = row?.[column]
  if (!(value instanceof Uint8Array)) throw broken(`column ${column} holds ${typeof value}, expected bytes`)
  return Uint8Array.from(value)
}

/** Text kept as bytes, so that no encoding or collation of the server touches it. */
export function textIn(row: Row | undefined, column: string): string {
  return utf8Decode(bytesIn(row, column))
}

export function headIn(row: Row): TreeHead {
  return { size: numberIn(row, "size"), root: bytesIn(row, "root") }
}

export function signedIn(row: Row | undefined): SignedHead | undefined {
  if (row === undefined) return undefined
  if (row["text"] === null) throw broken("a signed head has no text")
  return { ...headIn(row), text: textIn(row, "text") }
}

/** Rows in order whose `idx` runs from `from` without gaps. */
export function withoutGaps(rows: readonly Row[], from: number, column: string): Bytes[] {
  return rows.map((row, i) => {
    const index = numberIn(row, "idx")
    if (index !== from + i) throw broken(`${column} ${from + i} is missing, the next one held is ${index}`)
    return bytesIn(row, column)
  })
}
