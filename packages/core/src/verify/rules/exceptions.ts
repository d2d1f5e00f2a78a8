/**
 * Recorded exceptions (DESIGN §3 step 5): they turn one code of one artifact into a warning, until their day ends.
 *
 * @packageDocumentation
 */
import { DAY_SECONDS } from "../calendar.ts"
import { shown } from "../../errors.ts"
import { BOUND_CODES, type Exception, EXCEPTION_SECONDS_MAX } from "../policy.ts"
import type { ArtifactRequest, Finding, VerdictCode } from "../verdict.ts"
import type { DecisionContext } from "./context.ts"

type Standing = "holds" | "ended" | "too-long"

function exceptionFor({ policy, now }: DecisionContext, request: ArtifactRequest, code: VerdictCode): { readonly exception: Exception; readonly standing: Standing } | undefined {
  for (const exception of policy.exceptions) {
    if (exception.purl !== request.purl || exception.code !== code) continue
    if (exception.sha512 !== undefined && exception.sha512 !== request.sha512) continue
    if (now >= exception.untilSeconds) return { exception, standing: "ended" }
    const isTooLong = BOUND_CODES.includes(code) && exception.untilSeconds - now > EXCEPTION_SECONDS_MAX + DAY_SECONDS
    return { exception, standing: isTooLong ? "too-long" : "holds" }
  }
  return undefined
}

/** Tells whether an exception covers a code of this artifact today. */
export function isExcepted(context: DecisionContext, request: ArtifactRequest, code: VerdictCode): boolean {
  return exceptionFor(context, request, code)?.standing === "holds"
}

/** A finding after preset and exceptions: `observe` denies nothing, an exception that holds makes a warning of it, any other is named. */
export function softened(context: DecisionContext, request: ArtifactRequest, finding: Finding): Finding {
  if (finding.severity !== "deny") return finding
  if (context.policy.preset === "observe") return { ...finding, severity: "warn" }
  const found = exceptionFor(context, request, finding.code)
  if (found === undefined) return finding
  const { exception: { owner, reason, until }, standing } = found
  if (standing === "ended") return { ...finding, message: `${finding.message} (the exception of ${shown(owner)} ended ${until})` }
  if (standing === "too-long") return { ...finding, message: `${finding.message} (the exception of ${shown(owner)} lasts longer than 30 days and has no effect)` }
  return { ...finding, severity: "warn", message: `${finding.message} (allowed until ${until} by ${shown(owner)}: ${shown(reason)})` }
}
