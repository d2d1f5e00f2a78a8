import { formatRefusal, formatWarnings, isVouchsafeError, shortReason, type Verdict } from "@vouchsafe/core"
import { MessageName, ReportError, type Report } from "./yarn.ts"

/** Errors of the project's own files, which go by one name. */
const CONFIG_ERRORS: readonly string[] = ["CONFIG_MALFORMED", "ROSTER_MALFORMED", "POLICY_TEXT_MALFORMED", "VKEY_MALFORMED"]

/** Lines of a refusal's text that Yarn's own line has said: how many, and the name. */
const HEAD_LINES = 3

/** The error that makes Yarn stop: one line with the code, then the details, a line each. */
export function refusalOf(verdict: Verdict): ReportError {
  return reportError(shortReason(verdict), formatRefusal([verdict]).split("\n").slice(HEAD_LINES))
}

/** A guard that cannot decide refuses. Yarn's own errors keep their words. */
export function refusalOfError(error: unknown): Error {
  if (error instanceof ReportError) return error
  if (!isVouchsafeError(error)) {
    return reportError(`CONFIG_INVALID: vouchsafe could not decide: ${error instanceof Error ? error.message : String(error)}`, ["next  run `npx vouchsafe doctor`"])
  }
  const code = CONFIG_ERRORS.includes(error.code) ? "CONFIG_INVALID" : error.code
  return reportError(`${code}: vouchsafe could not decide: ${error.message}`, error.hint === undefined ? [] : [`next  ${error.hint}`])
}

/** Shows what did not stop a package but somebody should know. Yarn shows each line once. */
export function warn(report: Report, verdict: Verdict): void {
  for (const line of formatWarnings([verdict]).split("\n")) if (line !== "") report.reportWarningOnce(MessageName.UNNAMED, `vouchsafe:${line}`)
}

function reportError(reason: string, details: readonly string[]): ReportError {
  return new ReportError(MessageName.EXCEPTION, reason, (report) => {
    for (const line of details) if (line.trim() !== "") report.reportError(MessageName.EXCEPTION, line)
  })
}
