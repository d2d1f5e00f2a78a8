/**
 * Recorded exceptions (DESIGN §3 step 5): they turn one code of one artifact into a warning, until their day ends.
 *
 * @packageDocumentation
 */
import { DAY_SECONDS } from "../calendar.ts"
import { shown } from "../../errors.ts"
import { BOUND_CODES, type Exception, EXCEPTION_SECONDS_MAX, type Policy } from "../policy.ts"
import { RULE_CODES, type RuleCode } from "../policy-rules.ts"
import type { ArtifactRequest, Finding, VerdictCode } from "../verdict.ts"
import { allowHint, type DecisionContext } from "./context.ts"
import { rulesetFor, severityOf } from "./ruleset.ts"

type Standing = "holds" | "ended" | "too-long" | "unmatched" | "unbound"

/** A finding before exceptions. */
export interface RawFinding extends Finding {
  /** Other bytes than the operators observed: an exception covers it only where it names them. */
  readonly isAboutBytes?: boolean
}

interface Found {
  readonly exception: Exception
  readonly standing: Standing
}

/** An exception that ends within so many seconds is warned about. */
export const EXCEPTION_NOTICE_SECONDS = 7 * DAY_SECONDS

/** What exceptions are judged by. */
type Judged = Pick<DecisionContext, "policy" | "now">

function exceptionFor({ policy, now }: Judged, request: ArtifactRequest, code: VerdictCode, isAboutBytes = false): Found | undefined {
  let found: Found | undefined
  for (const exception of policy.exceptions) {
    if (exception.purl !== request.purl || exception.code !== code) continue
    if (exception.sha512 !== undefined && exception.sha512 !== request.sha512) continue
    const standing = standingOf(exception, now)
    const isBound = exception.sha512 !== undefined || !isAboutBytes
    // One that was renewed stands beside the one that ended.
    if (standing === "holds" && isBound) return { exception, standing: isGrantedByAll(policy, request, code, now, isAboutBytes) ? "holds" : "unmatched" }
    found ??= { exception, standing: standing === "holds" ? "unbound" : standing }
  }
  return found
}

function standingOf({ untilSeconds, code }: Exception, now: number): "holds" | "ended" | "too-long" {
  if (now >= untilSeconds) return "ended"
  return BOUND_CODES.includes(code) && untilSeconds - now > EXCEPTION_SECONDS_MAX + DAY_SECONDS ? "too-long" : "holds"
}

/** Where policies are judged beside each other, each must have the exception or not refuse for this code at all. */
function isGrantedByAll({ layers }: Policy, request: ArtifactRequest, code: VerdictCode, now: number, isAboutBytes: boolean): boolean {
  return layers === undefined || layers.every((layer) => !mayRefuse(layer, request, code) || layer.exceptions.some((exception) =>
    exception.purl === request.purl && exception.code === code && (exception.sha512 === undefined ? !isAboutBytes : exception.sha512 === request.sha512) && standingOf(exception, now) === "holds"))
}

function mayRefuse(policy: Policy, request: ArtifactRequest, code: VerdictCode): boolean {
  if (policy.preset === "observe") return false
  const rule = RULE_CODES.find((candidate) => candidate === code)
  return rule === undefined || severityOf(rulesetFor(policy, request), rule) === "deny"
}

/** Tells whether an exception covers a code of this artifact today. */
export function isExcepted(context: Judged, request: ArtifactRequest, code: VerdictCode): boolean {
  return context.policy.exceptions.length > 0 && exceptionFor(context, request, code)?.standing === "holds"
}

/** A finding after preset and exceptions: `observe` denies nothing, an exception that holds makes a warning of it, any other is named. */
export function softened(context: Judged, request: ArtifactRequest, raw: RawFinding): Finding {
  const { isAboutBytes, ...finding } = raw
  if (finding.severity !== "deny") return finding
  if (context.policy.preset === "observe") return { ...finding, severity: "warn" }
  const found = exceptionFor(context, request, finding.code, isAboutBytes)
  if (found === undefined) return finding
  const { exception: { owner, reason, until, untilSeconds }, standing } = found
  const say = (text: string): string => `${finding.message} (${text})`
  switch (standing) {
    case "ended": return { ...finding, message: say(`the exception of ${shown(owner)} ended ${until}`) }
    case "too-long": return { ...finding, message: say(`the exception of ${shown(owner)} lasts longer than 30 days and has no effect`) }
    case "unbound": return { ...finding, message: say(`the exception of ${shown(owner)} names no sha512, so it covers no bytes that nobody observed`) }
    case "unmatched": return { ...finding, message: say(`the policy's floor does not have the exception of ${shown(owner)}, so it has no effect`) }
    case "holds": {
      const left = untilSeconds - context.now
      if (left > EXCEPTION_NOTICE_SECONDS) return { ...finding, severity: "warn", message: say(`allowed until ${until} by ${shown(owner)}: ${shown(reason)}`) }
      return { ...finding, severity: "warn", message: say(`allowed until ${until} by ${shown(owner)}: ${shown(reason)}; ${daysText(left)} left, then it is refused again`), hint: allowHint(request.purl, finding.code) }
    }
  }
}

/**
 * Takes a finding that needs no evidence as the policy takes it: rule, overrides, preset, exceptions.
 *
 * @param now - Unix seconds
 * @returns undefined where the rule is off
 */
export function weighFinding(policy: Policy, now: number, request: ArtifactRequest, finding: Omit<Finding, "severity"> & { readonly code: RuleCode }): Finding | undefined {
  const severity = severityOf(rulesetFor(policy, request), finding.code)
  return severity === "off" ? undefined : softened({ policy, now }, request, { ...finding, severity })
}

function daysText(seconds: number): string {
  const days = Math.ceil(seconds / DAY_SECONDS)
  return days === 1 ? "1 day" : `${days} days`
}
