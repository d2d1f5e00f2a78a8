/**
 * Makes a lock for a lockfile: judges every entry, writes its line, has the attesters derive the lines, and judges once more by the lock alone
 * (spec/lock.md). What is refused is not locked.
 *
 * @packageDocumentation
 */
import type { NodeFailure } from "@vouchsafe/client"
import type { Lockfile } from "@vouchsafe/client/lockfile"
import { nodeCrypto, type Project, systemClock } from "@vouchsafe/client/node"
import {
  artifactKey, type ArtifactRequest, compactHead, formatLock, type HeadChecker, headChecker, type Lock, type LockedLockset, lockLines, lockRoot, type LockProof, type Roster, type Verdict, VouchsafeError,
} from "@vouchsafe/core"
import { judgeLockfile, type LockfileReport } from "../check/lockfile.ts"
import { EXIT } from "../io.ts"
import { type Change, changesBetween } from "./changes.ts"
import { commonestRegistry, linesOf } from "./lines.ts"
import { askLocksets } from "./locksets.ts"
import { type Statements, statementsIn } from "./statements.ts"

/** Lines that a lock may prove by statements of their own; with more, it is locksets that are missing. */
const OWN_PROOFS_MAX = 200
/** Pause before nodes that are still observing are asked again, in ms. */
const WAIT_PAUSE_MS = 2_000

export interface MakeOptions {
  /** How long to go on asking while nodes are observing, in ms. */
  readonly waitMs: number
  /** Told before each pause. */
  readonly onWaiting?: (pending: number) => void
}

/** A lock that holds, or why there is none. */
export interface Made {
  readonly report: LockfileReport
  /** Absent when something was refused. */
  readonly lock?: { readonly lock: Lock; readonly text: string }
  /** Against the lock that was there. */
  readonly changes: readonly Change[]
  /** Packages that only an exception lets pass: nobody's words about them could be locked. */
  readonly without: readonly string[]
  readonly failures: readonly NodeFailure[]
}

/**
 * Makes a lock. Writes nothing.
 *
 * @param project - opened with the lock that is there as pins
 * @throws VouchsafeError LOCK_MALFORMED for what fits into no lock; UNREACHABLE, UPSTREAM_FAILED where too few nodes gave a lockset.
 */
export async function makeLock(project: Project, lockfile: Lockfile, options: MakeOptions): Promise<Made> {
  const report = await judgeAll(project, lockfile, options)
  if (report.exit !== EXIT.done) return { report, changes: [], without: [], failures: [] }
  const { evidence, verdicts } = report.result
  const statements = statementsIn(evidence)
  const registry = commonestRegistry(verdicts, project.registries.default)
  const { lines: unsorted, without } = linesOf(verdicts, statements, registry)
  const lines = lockLines(nodeCrypto, unsorted, registry)
  const base = { network: project.network, roster: project.roster.version, registry, lines }
  const { failures, locksets } = unsorted.length === 0 ? { failures: [], locksets: [] } : await askLocksets(project.roster, project.transport, { registry, lines: lines.texts }, lockRoot(nodeCrypto, lines))
  const heads = headChecker(nodeCrypto, project.roster, Math.floor(systemClock.nowMs() / 1_000))
  const compact = locksets.map((lockset) => ({ ...lockset, checkpoint: smaller(project.roster, heads, lockset.log, lockset.checkpoint) }))
  const locked = new Set(without.map(artifactKey))
  const wanted = new Map(report.requests.map((request) => [artifactKey(request), request]))
  const judged = verdicts.filter((verdict) => !locked.has(artifactKey(verdict)))
  const lock = await completed({ project, wanted, verdicts: judged, statements, failures, heads }, { ...base, locksets: compact, proofs: [] })
  return {
    report, failures, lock: { lock, text: formatLock(lock) }, without: without.map(({ purl }) => purl),
    changes: changesBetween(project.lockFile?.lock.lines.artifacts ?? [], lines.artifacts),
  }
}

async function judgeAll(project: Project, lockfile: Lockfile, { onWaiting, waitMs }: MakeOptions): Promise<LockfileReport> {
  const untilMs = systemClock.nowMs() + waitMs
  for (;;) {
    const report = await judgeLockfile(project, lockfile, { versions: true })
    const pending = report.result.verdicts.filter((verdict) => !verdict.ok && verdict.code === "PENDING").length
    if (pending === 0 || systemClock.nowMs() + WAIT_PAUSE_MS > untilMs) return report
    onWaiting?.(pending)
    await new Promise((resolve) => { setTimeout(resolve, WAIT_PAUSE_MS) })
  }
}

/** What a lock is completed from. */
interface Making {
  readonly project: Project
  /** What the lockfile asks for, by `artifactKey`. */
  readonly wanted: ReadonlyMap<string, ArtifactRequest>
  readonly verdicts: readonly Verdict[]
  readonly statements: Statements
  readonly failures: readonly NodeFailure[]
  readonly heads: HeadChecker
}

/** Adds own proofs of what the locksets leave open, until the lock alone allows everything. @throws VouchsafeError when it cannot. */
async function completed(making: Making, lock: Lock): Promise<Lock> {
  const { failures, heads, project, statements, verdicts } = making
  const open = await refusedBy(making, lock)
  if (open.length === 0) return lock
  if (open.length > OWN_PROOFS_MAX) throw tooFew(project.roster, lock.locksets, failures, open)
  const refused = new Set(open.map(artifactKey))
  const proofs = new Map<string, LockProof>()
  for (const verdict of verdicts) {
    if (!refused.has(artifactKey(verdict))) continue
    for (const place of [...verdict.claims, ...verdict.rebuilds ?? [], ...verdict.releases ?? []]) {
      const proof = statements.proof(place)
      if (proof !== undefined) proofs.set(`${place.origin}\n${place.index}`, { ...proof, checkpoint: smaller(project.roster, heads, place.origin, proof.checkpoint) })
    }
  }
  const whole = { ...lock, proofs: [...proofs.values()] }
  const left = await refusedBy(making, whole)
  if (left.length > 0) throw tooFew(project.roster, lock.locksets, failures, left)
  return whole
}

/** What the lock alone does not allow. */
async function refusedBy({ project, verdicts, wanted }: Making, lock: Lock): Promise<readonly Verdict[]> {
  const requests = verdicts.map(({ purl, registry, sha512 }): ArtifactRequest => ({ ...wanted.get(artifactKey({ purl, registry })), purl, registry, ...(sha512 === undefined ? {} : { sha512 }) }))
  const result = await project.clientOf(lock).check(requests, { budgetMs: 0 })
  return result.verdicts.filter((verdict) => !verdict.ok)
}

function tooFew(roster: Roster, locksets: readonly LockedLockset[], failures: readonly NodeFailure[], open: readonly Verdict[]): VouchsafeError {
  const [first] = open
  const why = first === undefined || first.ok ? "" : `; ${first.purl}: ${first.findings.find(({ code }) => code === first.code)?.message ?? first.code}`
  const said = failures.map(({ message, operator }) => `; ${operator}: ${message}`).join("")
  const code = failures.some((failure) => failure.code === "UNREACHABLE" || failure.code === "TIMEOUT") ? "UNREACHABLE" : "UPSTREAM_FAILED"
  return new VouchsafeError(code, `the lock does not hold: ${locksets.length} of ${roster.nodes.length} nodes derived its lines, and ${open.length} packages are left without enough of them${why}${said}`, {
    hint: "run `npx vouchsafe doctor`, then try again; the old lock is as it was",
  })
}

/** A head without the cosignatures that nobody needs. */
function smaller(roster: Roster, heads: HeadChecker, origin: string, signed: string): string {
  for (const node of roster.nodes) {
    const key = [node.log, ...(node.retired ?? []).map((retired) => retired.log)].find(({ name }) => name === origin)
    if (key !== undefined) return compactHead(heads, node, key, signed)
  }
  return signed
}
