import type { Count } from "./report.ts"

/** Lays counts out as a table: name, passed, failed, skipped. */
export function formatTable(rows: readonly (readonly [name: string, count: Count])[]): string {
  const cells = [["", "passed", "failed", "skipped"], ...rows.map(([name, { passed, failed, skipped }]) => [name, `${passed}`, `${failed}`, `${skipped}`])]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ")).join("\n")
}
