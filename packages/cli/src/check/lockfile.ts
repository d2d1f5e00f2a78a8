import type { CheckResult } from "@vouchsafe/client"
import { checkBundled, checkLockfile, type Lockfile, LOCKFILE_NAMES, type LockfileFinding, toRequests } from "@vouchsafe/client/lockfile"
import { npmRewrites, type Project, systemClock } from "@vouchsafe/client/node"
import { type ArtifactRequest, escapeForDisplay, formatRefusal, formatWarnings, verdictsExit } from "@vouchsafe/core"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { EXIT } from "../io.ts"
import { deedOf } from "../logs/proofs.ts"
import { requireLines } from "./lock-lines.ts"
import { weighFindings } from "./rules.ts"
import { checkVersions } from "./versions.ts"

/** All that is known about a lockfile before anything is installed from it. */
export interface LockfileReport {
  readonly format: Lockfile["format"]
  readonly entries: number
  /** What was asked for: each artifact once, with how the project depends on it. */
  readonly requests: readonly ArtifactRequest[]
  /** Entries that carry no digest of a tarball, which Yarn's plugin compares when it installs. */
  readonly tiedAtInstall: number
  /** What the lockfile itself does wrong, with the policy's severity. */
  readonly findings: readonly LockfileFinding[]
  readonly result: CheckResult
  /** 0 allowed, 1 refused, 3 clock, 4 a log lied. */
  readonly exit: number
}

export interface JudgeOptions {
  readonly budgetMs?: number
  /** Asks also for versions of which the lockfile has no digest (Yarn Berry). Without it they are left to the plugin. */
  readonly versions?: boolean
  /** Refuses entries that the project's lock has no line for. */
  readonly lines?: boolean
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
export async function judgeLockfile(project: Project, lockfile: Lockfile, options: JudgeOptions = {}): Promise<LockfileReport> {
  const registryFor = (name: string): string => project.registries.registryFor(name)
  const context = lockfile.format === "package-lock" ? { registryFor, rewritten: await npmRewrites(project.registries) } : { registryFor }
  const requests = toRequests(lockfile, context)
  // Where another format has no digest, `checkLockfile` refuses the entry.
  const tied = lockfile.format === "yarn-berry" ? requests.filter((request) => request.sha512 === undefined) : []
  const budget = options.budgetMs === undefined ? {} : { budgetMs: options.budgetMs }
  const judged = options.versions === true && tied.length > 0
    ? await checkVersions(project, requests, budget)
    : await project.check(requests.filter((request) => request.sha512 !== undefined), budget)
  const result = options.lines === true ? requireLines(judged, project.policy) : judged
  const now = Math.floor(systemClock.nowMs() / 1_000)
  const findings = weighFindings(project.policy, [...checkLockfile(lockfile, context), ...checkBundled(lockfile, result.verdicts)], now)
  const lied = result.misbehavior.some((proof) => proof.isNew)
  const refused = findings.some((finding) => finding.severity === "deny")
  return {
    format: lockfile.format, entries: lockfile.entries.length, requests, tiedAtInstall: tied.length, findings, result,
    exit: lied ? EXIT.misbehavior : refused ? EXIT.refused : verdictsExit(result.verdicts),
  }
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
  for (const text of [formatRefusal(result.verdicts, { installs: false }), formatWarnings(result.verdicts.filter((verdict) => verdict.ok))]) if (text !== "") lines.push(text)
  for (const { operator, origin, path, proof } of result.misbehavior) {
    const accused = "witness" in proof ? "witness" : "log"
    lines.push(`  LOG_MISBEHAVED: the ${accused} ${escapeForDisplay(origin)} of ${operator} ${deedOf(proof)}${path === undefined ? "" : `; the proof is kept in ${path}`}`)
  }
  return [...lines, ...tiedNote(report), sumOf(report, denied.length)]
}

function tiedNote({ tiedAtInstall, result }: LockfileReport): string[] {
  if (tiedAtInstall === 0) return []
  const judged = result.verdicts.length === 0 ? "none was judged here" : "they were judged by version, not by bytes"
  return [`  yarn.lock holds no digest of a tarball: ${judged}; Yarn's plugin ties each of the ${tiedAtInstall} archives to an attested tarball at install`]
}

function sumOf({ entries, result }: LockfileReport, denied: number): string {
  const vouched = result.verdicts.filter((verdict) => verdict.ok).length
  const { nodesReached, nodesTotal } = result.stats
  const nodes = nodesReached === 0 && vouched > 0 ? "no node had to be asked" : `${nodesReached} of ${nodesTotal} nodes answered`
  return `${vouched} of ${result.verdicts.length} packages vouched for, ${denied} of ${entries} lockfile entries refused; ${nodes}`
}
