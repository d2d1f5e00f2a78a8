import { artifactKey, type Finding } from "@vouchsafe/core"
import type { CheckResult } from "./types.ts"

const WARNING: Finding = { code: "LOCK_STALE", severity: "warn", saidBy: [], message: "vouchsafe.lock has no line about it: run `npx vouchsafe lock`", hint: "`npx vouchsafe run -- …` keeps the lock up to date by itself" }

/** Warns about what is allowed and has no line in the project's lock: for hosts that cannot write one. Where an exception alone lets something pass there is none. */
export function warnUncovered(result: CheckResult): CheckResult {
  if (result.lock === undefined || result.lock.missing.length === 0) return result
  const missing = new Set(result.lock.missing.map(artifactKey))
  const verdicts = result.verdicts.map((verdict) => (verdict.ok && verdict.claims.length > 0 && missing.has(artifactKey(verdict)) ? { ...verdict, findings: [...verdict.findings, WARNING] } : verdict))
  return { ...result, verdicts }
}
