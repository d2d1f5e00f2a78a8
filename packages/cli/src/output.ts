import { escapeForDisplay, isVouchsafeError, type VouchsafeError } from "@vouchsafe/core"
import { type CliIo, EXIT } from "./io.ts"

/** The one document that `--json` prints on stdout. */
export function printJson(io: CliIo, document: unknown): void {
  io.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}

/** Lines for a person on stdout. */
export function printLines(io: CliIo, lines: readonly string[]): void {
  io.stdout.write(`${lines.join("\n")}\n`)
}

/** Progress and prose, on stderr. */
export function say(io: CliIo, text: string): void {
  io.stderr.write(`${text}\n`)
}

/** Columns, aligned; the last one is left ragged. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows.map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join("  ").trimEnd())
}

/** Exit status for an error: bad input 2, the world 3, a log that lied 4. */
export function exitOf(error: VouchsafeError): number {
  return error.kind === "input" ? EXIT.usage : error.kind === "operational" ? EXIT.world : EXIT.misbehavior
}

/** Prints an error as every command does: code, message and next step. Anything untyped is a bug and keeps its stack. */
export function printError(io: CliIo, error: unknown, json: boolean): number {
  if (!isVouchsafeError(error)) {
    io.stderr.write(`vouchsafe: internal error, nothing was decided: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
    return EXIT.world
  }
  if (json) printJson(io, { error: { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) } })
  io.stderr.write(`vouchsafe: ${error.code}: ${escapeForDisplay(error.message)}\n${error.hint === undefined ? "" : `  next: ${escapeForDisplay(error.hint)}\n`}`)
  return exitOf(error)
}
