/**
 * Whether a lock is what its lockfile needs, without asking anybody.
 *
 * @packageDocumentation
 */
import { checkLockfile, type Lockfile, toRequests } from "@vouchsafe/client/lockfile"
import { type LockFile, npmRewrites, type Project, systemClock } from "@vouchsafe/client/node"
import { artifactKey, type ArtifactRequest, type Policy, type Verdict } from "@vouchsafe/core"
import { weighFindings } from "../check/rules.ts"

/** Codes that say that too little is known. */
const WITHOUT_STATEMENTS: ReadonlySet<string> = new Set(["NOT_VOUCHED", "PENDING", "UNREACHABLE", "NOTICES_STALE"])

/** How a lock stands to its lockfile. */
export interface Standing {
  readonly isCurrent: boolean
  /** Entries without a line that has their bytes. */
  readonly missing: readonly string[]
  /** Entries that pass by an exception alone, and can have no line. */
  readonly excepted: readonly string[]
  /** Lines that no entry needs. */
  readonly extra: readonly string[]
  /** Packages that the lock alone does not allow, and those that it warns about as stale. */
  readonly refused: readonly Verdict[]
  readonly stale: readonly Verdict[]
  /** Seconds since the oldest lockset was made; undefined without any. */
  readonly ageSeconds: number | undefined
}

/** Compares a lock with a lockfile, and judges by the lock alone. */
export async function standingOf(project: Project, { lock }: LockFile, lockfile: Lockfile): Promise<Standing> {
  const registryFor = (name: string): string => project.registries.registryFor(name)
  const context = lockfile.format === "package-lock" ? { registryFor, rewritten: await npmRewrites(project.registries) } : { registryFor }
  const requests = toRequests(lockfile, context)
  const { extra, missing: without } = compareLines(lock.lines.artifacts.map(({ facts }) => facts), requests)
  const now = Math.floor(systemClock.nowMs() / 1_000)
  const excepted = exceptedAmong(without, requests, project.policy, now)
  const missing = without.filter((purl) => !excepted.includes(purl))
  const own = new Set(without)
  const digests = new Map(lock.lines.artifacts.map(({ facts }) => [artifactKey(facts), facts.sha512]))
  const known = requests.filter(({ purl }) => !own.has(purl)).map((request) => ({ ...request, sha512: request.sha512 ?? digests.get(artifactKey(request)) ?? "" }))
  const { verdicts } = await project.clientOf(lock).check(known, { budgetMs: 0 })
  const refused = verdicts.filter(({ ok }) => !ok)
  const stale = verdicts.filter(({ findings, ok }) => ok && findings.some(({ code }) => code === "LOCK_STALE"))
  const denied = weighFindings(project.policy, checkLockfile(lockfile, context), now).filter(({ severity }) => severity === "deny").map(({ where }) => where)
  const oldest = lock.locksets.length === 0 ? undefined : Math.min(...lock.locksets.map(({ time }) => time))
  return {
    missing: [...missing, ...denied], excepted, extra, refused, stale, ageSeconds: oldest === undefined ? undefined : now - oldest,
    isCurrent: missing.length + denied.length + extra.length + refused.length === 0,
  }
}

/** Of purls without a line, those that an exception for their bytes lets pass with no statement to make a line of: `lock` leaves them out as well. */
export function exceptedAmong(purls: readonly string[], requests: readonly ArtifactRequest[], policy: Pick<Policy, "exceptions">, nowSeconds: number): string[] {
  const holding = policy.exceptions.filter(({ code, untilSeconds }) => WITHOUT_STATEMENTS.has(code) && untilSeconds > nowSeconds)
  const passing = requests.filter((request) => holding.some(({ purl, sha512 }) => purl === request.purl && (sha512 === undefined || sha512 === request.sha512)))
  const names = new Set(passing.map(({ purl }) => purl))
  return purls.filter((purl) => names.has(purl))
}

/** Compares lines with what is asked for: by purl, and by bytes where the lockfile has their digest. */
export function compareLines(lines: readonly { readonly purl: string; readonly registry: string; readonly sha512: string }[], requests: readonly ArtifactRequest[]): { readonly missing: string[]; readonly extra: string[] } {
  const known = new Map(lines.map((line) => [artifactKey(line), line.sha512]))
  const wanted = new Set(requests.map(artifactKey))
  const missing = requests.filter((request) => {
    const sha512 = known.get(artifactKey(request))
    return sha512 === undefined || (request.sha512 !== undefined && request.sha512 !== sha512)
  })
  return { missing: [...new Set(missing.map(({ purl }) => purl))], extra: lines.filter((line) => !wanted.has(artifactKey(line))).map(({ purl }) => purl) }
}
