import { checkBundled, checkLockfile, type Lockfile, LOCKFILE_NAMES, type LockfileFinding, toRequests } from "@vouchsafe/client/lockfile"
import type { CheckResult } from "@vouchsafe/client"
import type { Project } from "@vouchsafe/client/node"
import { escapeForDisplay, formatRefusal, formatWarnings, type Policy, type RuleCode, verdictsExit } from "@vouchsafe/core"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { EXIT } from "../io.ts"

/** All that is known about a lockfile before anything is installed from it. */
export interface LockfileReport {
  readonly format: Lockfile["format"]
  readonly entries: number
  /** What the lockfile itself does wrong, with the policy's severity. */
  readonly findings: readonly LockfileFinding[]
  readonly result: CheckResult
  /** 0 allowed, 1 refused, 3 clock, 4 a log lied. */
  readonly exit: number
}

/** Findings listed before the rest is only counted. */
const FINDINGS_SHOWN_MAX = 10

/** The lockfile of a folder, or of the nearest folder above that has one; undefined when there is none. */
export function findLockfile(startDir: string): string | undefined {
  for (let dir = startDir; ; dir = dirname(dir)) {
    for (const name of LOCKFILE_NAMES) if (existsSync(join(dir, name))) return join(dir, name)
    if (dirname(dir) === dir) return undefined
  }
}

/**
 * Judges everything that a lockfile makes its package manager fetch (THREATS A6): first what the file itself says, then
 * the evidence for each package, then what claims to be bundled in one.
 */
export async function judgeLockfile(project: Project, lockfile: Lockfile, options: { readonly budgetMs?: number } = {}): Promise<LockfileReport> {
  const context = { registryFor: (name: string) => project.registries.registryFor(name) }
  // Yarn Berry records no digest of the tarball; its plugin ties each archive to an attested one at install.
  const requests = toRequests(lockfile, context).filter((request) => request.sha512 !== undefined)
  const result = await project.check(requests, options)
  const findings = withRules(project.policy, [...checkLockfile(lockfile, context), ...checkBundled(lockfile, result.verdicts)])
  const refused = findings.some((finding) => finding.severity === "deny")
  const status = verdictsExit(result.verdicts)
  const lied = result.misbehavior.some((proof) => proof.isNew)
  return { format: lockfile.format, entries: lockfile.entries.length, findings, result, exit: lied ? EXIT.misbehavior : refused ? EXIT.refused : status }
}

function withRules(policy: Policy, findings: readonly LockfileFinding[]): LockfileFinding[] {
  return findings.flatMap((finding) => {
    const rule = policy.rules.get(finding.code as RuleCode) ?? "deny"
    return rule === "off" ? [] : [{ ...finding, severity: policy.preset === "observe" ? "warn" as const : rule }]
  })
}

/** The report as a text for a person; the last line is the sum. */
export function formatLockfileReport(report: LockfileReport): string[] {
  const { findings, result } = report
  const lines: string[] = []
  const denied = findings.filter((finding) => finding.severity === "deny")
  for (const finding of denied.slice(0, FINDINGS_SHOWN_MAX)) {
    lines.push(`  ${finding.code}: ${escapeForDisplay(finding.message)}`, ...(finding.hint === undefined ? [] : [`    next  ${finding.hint}`]))
  }
  if (denied.length > FINDINGS_SHOWN_MAX) lines.push(`  and ${denied.length - FINDINGS_SHOWN_MAX} more like these`)
  for (const finding of findings) if (finding.severity === "warn") lines.push(`  warning ${finding.code}: ${escapeForDisplay(finding.message)}`)
  for (const text of [formatRefusal(result.verdicts), formatWarnings(result.verdicts.filter((verdict) => verdict.ok))]) if (text !== "") lines.push(text)
  for (const { operator, origin, path } of result.misbehavior) lines.push(`  LOG_MISBEHAVED: the log ${origin} of ${operator} showed two histories${path === undefined ? "" : `; the proof is kept in ${path}`}`)
  const vouched = result.verdicts.filter((verdict) => verdict.ok).length
  const { nodesReached, nodesTotal } = result.stats
  lines.push(`${vouched} of ${result.verdicts.length} packages vouched for, ${denied.length} of ${report.entries} lockfile entries refused; ${nodesReached} of ${nodesTotal} nodes answered`)
  return lines
}
