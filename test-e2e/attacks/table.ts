/** The replay's result as a table for people and as a document for machines. @packageDocumentation */
import type { VerdictCode } from "@vouchsafe/core"
import { type Alone, alone } from "./models.ts"
import type { Played } from "./play.ts"
import type { Guarding, ReplayManager } from "./stage.ts"
import type { Row } from "./types.ts"

/** One play. */
export interface Result {
  readonly row: Row
  readonly manager: ReplayManager
  readonly kind: "control" | "attack" | "twin"
  readonly guarding: Guarding
  readonly played: Played
}

/** What all plays of a row came to. */
export interface RowSummary {
  readonly row: number
  readonly title: string
  /** All codes that denied with the age rule off. */
  readonly codes: readonly VerdictCode[]
  /** The rule that decided, with the age rule off and as shipped. */
  readonly stoppedBy: { readonly off: readonly VerdictCode[]; readonly shipped: readonly VerdictCode[] }
  readonly attack: "stopped" | "installs, as it should" | "NOT STOPPED"
  readonly twin: "allowed" | "REFUSED"
  readonly control: "works" | "DOES NOT WORK"
  readonly honest: string
  readonly alone: Alone
  readonly faults: readonly { readonly manager: ReplayManager; readonly kind: Result["kind"]; readonly guarding: Guarding; readonly fault: string }[]
}

export function summarise(rows: readonly Row[], results: readonly Result[]): RowSummary[] {
  return rows.map((row) => {
    const own = results.filter((result) => result.row === row)
    const clean = (kind: Result["kind"]): boolean => own.some((one) => one.kind === kind) && own.every((one) => one.kind !== kind || one.played.faults.length === 0)
    const of = (guarding: Guarding, pick: (played: Played) => readonly VerdictCode[]): VerdictCode[] =>
      [...new Set(own.filter((one) => one.kind === "attack" && one.guarding === guarding).flatMap(({ played }) => pick(played)))]
    return {
      row: row.number, title: row.title, codes: of("off", ({ seen }) => seen.codes), stoppedBy: { off: of("off", ({ seen }) => seen.decided), shipped: of("shipped", ({ seen }) => seen.decided) },
      attack: clean("attack") ? row.payload === "absence" ? "installs, as it should" : "stopped" : "NOT STOPPED", twin: clean("twin") ? "allowed" : "REFUSED",
      control: clean("control") ? "works" : "DOES NOT WORK", honest: row.honest, alone: alone(row),
      faults: own.flatMap(({ manager, kind, guarding, played }) => played.faults.map((fault) => ({ manager, kind, guarding, fault }))),
    }
  })
}

const HEAD = ["row", "attack", "codes (age rule off)", "stopped by", "as shipped by", "attack ends", "twin", "control", "provenance alone", "3 days alone", "no scripts alone"]

export function formatTable(summaries: readonly RowSummary[]): string {
  const rows = summaries.map(({ row, title, codes, stoppedBy, attack, twin, control, alone: { provenance, ageGate, scriptBlocking } }) => [
    String(row), title.replace(/[:,(].*$/, ""), list(codes), list(stoppedBy.off), list(stoppedBy.shipped), attack, twin, control, provenance, ageGate, scriptBlocking,
  ])
  const widths = HEAD.map((head, i) => Math.max(head.length, ...rows.map((row) => (row[i] ?? "").length)))
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`
  return [line(HEAD), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")
}

const list = (codes: readonly string[]): string => (codes.length === 0 ? "—" : codes.join(", "))

/** One sentence: how many rows ended as they should, and what each defence alone would have let pass. */
export function formatTotals(summaries: readonly RowSummary[]): string {
  const count = (isIt: (summary: RowSummary) => boolean): number => summaries.filter(isIt).length
  const misses = (pick: (alone: Alone) => string): string => summaries.filter((one) => pick(one.alone) !== "stops").map(({ row }) => row).join(", ")
  return [
    `${count(({ attack }) => attack !== "NOT STOPPED")} of ${summaries.length} attacks end as they should, ${count(({ twin }) => twin === "allowed")} of ${summaries.length} twins are allowed, ${count(({ control }) => control === "works")} of ${summaries.length} attacks work where nothing guards`,
    `alone, provenance does not stop rows ${misses((one) => one.provenance)}; three days of age rows ${misses((one) => one.ageGate)}; no scripts rows ${misses((one) => one.scriptBlocking)}`,
  ].join("\n")
}
