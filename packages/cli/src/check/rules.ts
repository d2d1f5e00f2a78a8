import type { LockfileFinding } from "@vouchsafe/client/lockfile"
import { type Exception, isVouchsafeError, npmPurl, type Policy, type RuleCode, shown } from "@vouchsafe/core"

/**
 * Findings about a lockfile as the policy takes them: rule, preset, exceptions (packages/spec/verify.md, step 9).
 *
 * @param now - Unix seconds
 */
export function weighFindings(policy: Policy, findings: readonly LockfileFinding[], now: number): LockfileFinding[] {
  return findings.flatMap((finding) => {
    const rule = policy.rules.get(finding.code as RuleCode) ?? "deny"
    if (rule === "off") return []
    if (rule === "warn" || policy.preset === "observe") return [{ ...finding, severity: "warn" as const }]
    const exception = policy.exceptions.find((candidate) => covers(candidate, finding))
    if (exception === undefined) return [finding]
    if (now >= exception.untilSeconds) return [{ ...finding, message: `${finding.message} (the exception of ${shown(exception.owner)} ended ${exception.until})` }]
    return [{ ...finding, severity: "warn" as const, message: `${finding.message} (allowed until ${exception.until} by ${shown(exception.owner)}: ${shown(exception.reason)})` }]
  })
}

function covers(exception: Exception, finding: LockfileFinding): boolean {
  return exception.code === finding.code && exception.purl === purlOf(finding) && (exception.sha512 === undefined || exception.sha512 === finding.sha512)
}

function purlOf({ name, version }: LockfileFinding): string | undefined {
  if (version === "") return undefined
  try {
    return npmPurl(name, version)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}
