import type { CheckResult } from "@vouchsafe/client"
import { artifactKey, type Finding, type Policy, type Verdict, VERDICT_CODES } from "@vouchsafe/core"

/**
 * Refuses what the project's lock has no line for, whoever vouches for it: what was reviewed is the lock (THREATS A2). What an exception alone
 * lets pass has no line. Without a lock it changes nothing.
 */
export function requireLines(result: CheckResult, { preset }: Pick<Policy, "preset">): CheckResult {
  if (result.lock === undefined || result.lock.missing.length === 0) return result
  const missing = new Set(result.lock.missing.map(artifactKey))
  const { facts } = result.lock
  const verdicts = result.verdicts.map((verdict): Verdict => {
    if (!missing.has(artifactKey(verdict)) || (verdict.ok && verdict.claims.length === 0)) return verdict
    const known = facts.get(artifactKey(verdict))?.sha512
    const finding: Finding = {
      code: "LOCK_STALE", severity: preset === "observe" ? "warn" : "deny", saidBy: [],
      message: known === undefined ? "vouchsafe.lock has no line about it" : "vouchsafe.lock has a line about it with other bytes",
      ...(known === undefined || verdict.sha512 === undefined ? {} : { expected: `sha512 ${known}`, found: `sha512 ${verdict.sha512}` }),
      hint: "run `npx vouchsafe lock`, and commit the lock with the lockfile",
    }
    return withFinding(verdict, finding)
  })
  return { ...result, verdicts }
}

/** A verdict with one more finding, named by the gravest that denies. */
function withFinding(verdict: Verdict, finding: Finding): Verdict {
  const findings = [...verdict.findings.filter(({ code, severity }) => code !== finding.code || severity !== finding.severity), finding]
  const [gravest] = findings.filter(({ severity }) => severity === "deny").map(({ code }) => code).sort((a, b) => VERDICT_CODES.indexOf(a) - VERDICT_CODES.indexOf(b))
  if (gravest === undefined) return { ...verdict, findings }
  const { ok: _, ...rest } = verdict
  return { ...rest, findings, ok: false, code: gravest }
}
