/**
 * Rows of a log, as far as they were asked for.
 *
 * @packageDocumentation
 */
import { escapeForDisplay, shown } from "@vouchsafe/core"
import { usage } from "../usage.ts"

export type Row = Readonly<Record<string, string | number | null>>

const COLUMNS = ["operator", "index", "kind", "purl", "sha512", "time"] as const

/**
 * The columns that `--fields` names; undefined where it was not given.
 * @throws VouchsafeError USAGE for one that no row has. Where there is no row, nobody knows which there are.
 */
export function chosenFields(rows: readonly Row[], text: string | undefined): readonly string[] | undefined {
  const fields = text?.split(",").map((field) => field.trim())
  const known = new Set(rows.flatMap((row) => Object.keys(row)))
  const unknown = fields?.find((field) => rows.length > 0 && !known.has(field))
  if (unknown !== undefined) throw usage(`--fields names ${shown(unknown)}, expected some of ${[...known].join(", ")}`)
  return fields
}

/** Each row with the named members alone, null where it has none. */
export function pickFields(rows: readonly Row[], fields: readonly string[] | undefined): readonly Row[] {
  return fields === undefined ? rows : rows.map((row) => Object.fromEntries(fields.map((field) => [field, row[field] ?? null])))
}

/** Rows as comma-separated values, the first line naming the columns. */
export function csvLines(rows: readonly Row[], fields: readonly string[] = COLUMNS): string[] {
  return [fields.map(cell).join(","), ...rows.map((row) => fields.map((field) => cell(row[field])).join(","))]
}

function cell(value: string | number | null | undefined): string {
  // A leading = + - @ makes a spreadsheet run the text: quote it as text (CSV injection).
  const text = escapeForDisplay(String(value ?? "")).replace(/^([=+\-@])/, "'$1")
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
