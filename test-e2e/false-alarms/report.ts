/**
 * Judges every entry of a lockfile as the client does, and puts what came of it into a report.
 */
import { checkLockfile, type LockfileEntry, toRequests } from "@vouchsafe/client/lockfile"
import { type Finding, npmPurl, parsePolicy, verify } from "@vouchsafe/core"
import { fastCrypto as crypto } from "@vouchsafe/testkit"
import type { RecordedLockfile } from "./lockfiles.ts"
import { attestedDigest, type Network, REGISTRY } from "./network.ts"

/** One entry that would not be installed, or one that a person would be told about. */
export interface Remark {
  readonly where: string
  readonly code: string
  readonly severity: string
  readonly message: string
}

export interface ProjectReport {
  readonly project: string
  readonly format: string
  readonly version: string
  readonly entries: number
  readonly expected: number
  readonly byKind: Readonly<Record<string, number>>
  /** Entries with a verdict; the others are folders of the project, or parts of an entry that has one. */
  readonly judged: number
  readonly allowed: number
  /** Requests whose history comes from a recorded packument. */
  readonly recorded: number
  readonly refused: readonly Remark[]
  readonly warned: readonly Remark[]
}

const POLICY = parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", preset: "recommended" }))

/** @param recorded - purls whose history is recorded */
export function reportOn({ project, lockfile, keys }: RecordedLockfile, network: Network, recorded: ReadonlySet<string>, now: number): ProjectReport {
  const context = { registryFor: () => REGISTRY }
  // Yarn's lockfiles tie its own archives: the plugin rebuilds them from the tarball that it asks for, and asks with that tarball's digest.
  const requests = toRequests(lockfile, context).map((request) => (lockfile.format === "yarn-berry" ? { ...request, sha512: attestedDigest(request) } : request))
  const verdicts = verify({ crypto, roster: network.roster, policy: POLICY, now, requests, evidence: network.evidence(requests, now) })
  const remarks = [
    ...checkLockfile(lockfile, context).map((finding) => remark(finding.where, finding)),
    ...verdicts.flatMap((verdict) => (verdict.ok ? verdict.findings : verdict.findings.length === 0 ? [{ code: verdict.code, severity: "deny", message: "refused without a finding", saidBy: [] } as const] : verdict.findings).map((finding) => remark(verdict.purl, finding))),
  ]
  const refusedPurls = new Set(verdicts.filter(({ ok }) => !ok).map(({ purl }) => purl))
  const refusedPlaces = new Set(checkLockfile(lockfile, context).filter(({ severity }) => severity === "deny").map(({ where }) => where))
  const isJudged = (entry: LockfileEntry): boolean => entry.kind === "registry"
  const isRefused = (entry: LockfileEntry): boolean => refusedPlaces.has(entry.where) || (isJudged(entry) && refusedPurls.has(entry.purl ?? npmPurl(entry.name, entry.version)))
  const byKind: Record<string, number> = {}
  for (const { kind } of lockfile.entries) byKind[kind] = (byKind[kind] ?? 0) + 1
  return {
    project, format: lockfile.format, version: lockfile.version, entries: lockfile.entries.length, expected: keys.length, byKind,
    judged: lockfile.entries.filter(isJudged).length, allowed: lockfile.entries.filter((entry) => !isRefused(entry)).length,
    recorded: requests.filter(({ purl }) => recorded.has(purl)).length,
    refused: remarks.filter(({ severity }) => severity === "deny"), warned: remarks.filter(({ severity }) => severity === "warn"),
  }
}

function remark(where: string, { code, severity, message }: Finding): Remark {
  return { where, code, severity, message }
}

/** All projects together. */
export interface Report {
  readonly entries: number
  readonly refused: number
  readonly share: number
  readonly projects: readonly ProjectReport[]
}

export function summaryOf(projects: readonly ProjectReport[]): Report {
  const entries = projects.reduce((sum, one) => sum + one.entries, 0)
  const refused = entries - projects.reduce((sum, one) => sum + one.allowed, 0)
  return { entries, refused, share: refused / entries, projects }
}

/** For a person: a line a project, and every refusal with its reason. */
export function formatReport({ entries, refused, share, projects }: Report): string {
  return [
    ...projects.flatMap((one) => [
      `${one.project} (${one.format} ${one.version}): ${one.entries} of ${one.expected} entries, ${one.judged} judged (${one.recorded} with a recorded history), ${one.entries - one.allowed} refused, ${one.warned.length} warnings; ${Object.entries(one.byKind).map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
      ...one.refused.map(({ where, code, message }) => `  refused ${where}: ${code}: ${message}`),
      ...one.warned.map(({ where, code, message }) => `  warned ${where}: ${code}: ${message}`),
    ]),
    `together: ${refused} of ${entries} entries refused (${(100 * share).toFixed(2)} %)`,
  ].join("\n")
}
