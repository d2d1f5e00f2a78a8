import { escapeForDisplay, isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import { type CliIo, EXIT } from "./io.ts"
import { nextStep } from "./next-step.ts"
import { clearProgress } from "./progress.ts"

/** The one document that `--json` prints on stdout. */
export function printJson(io: CliIo, document: unknown): void {
  clearProgress(io)
  io.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}

/** Lines for a person on stdout; nothing where there are none. */
export function printLines(io: CliIo, lines: readonly string[]): void {
  clearProgress(io)
  if (lines.length > 0) io.stdout.write(`${lines.join("\n")}\n`)
}

/** Progress and prose, on stderr. */
export function say(io: CliIo, text: string): void {
  clearProgress(io)
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

/**
 * Prints an error as every command does: code, message and next step. Anything untyped is a bug and keeps its stack.
 * @param help - the next step of wrong usage that names none
 */
export function printError(io: CliIo, error: unknown, json: boolean, help?: string): number {
  const typed = isVouchsafeError(error) ? error : diskError(error)
  if (typed === undefined) {
    const message = "internal error, nothing was decided"
    if (json) printJson(io, { error: { code: "INTERNAL", message } })
    say(io, `vouchsafe: ${message}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
    return EXIT.world
  }
  const { code, message } = typed
  const hint = nextStep(typed, help)
  if (json) printJson(io, { error: { code, message, ...(hint === undefined ? {} : { hint }) } })
  say(io, `vouchsafe: ${code}: ${escapeForDisplay(message)}${hint === undefined ? "" : `\n  next: ${escapeForDisplay(hint)}`}`)
  return exitOf(typed)
}

/** What the parser of the command line complained about. Where it printed the help instead of a complaint, only programs need a document. */
export function printUsageError(io: CliIo, { complaint, help, isPrinted, json }: { readonly complaint: string; readonly help: string; readonly isPrinted: boolean; readonly json: boolean }): number {
  const message = isPrinted ? "no command was named" : complaint.replace(/^error: /, "").replace(/\n\(Did you mean (.*)\?\)$/, ", expected $1 perhaps")
  if (!isPrinted) return printError(io, new VouchsafeError("USAGE", message), json, help)
  if (json) printJson(io, { error: { code: "USAGE", message, hint: help } })
  return EXIT.usage
}

/** What the system refused: a file that may not be written, a full disk. undefined for errors of this program's own. */
export function diskError(error: unknown): VouchsafeError | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined
  const at = "path" in error && typeof error.path === "string" ? ` ${error.path}` : ""
  return new VouchsafeError("DISK", `${String(error.syscall)}${at} failed: ${String(error.code)}`, { cause: error })
}
