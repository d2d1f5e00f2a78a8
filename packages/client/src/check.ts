/**
 * One check: gather, then decide (spec/client.md).
 *
 * Everything that waits happens before `core.verify`, which alone decides; what goes wrong on the way makes evidence missing, never a verdict
 * better. Order of side effects: state (heads, notices, proofs) before the final verdicts, cache after them.
 *
 * @packageDocumentation
 */
import {
  type ArtifactName, artifactKey, artifactPurl, type ArtifactRequest, type Finding, isMisplaced, isVouchsafeError, shapeReader, type Verdict, verify,
} from "@vouchsafe/core"
import { enter, type LogBook, openBook, type Told } from "./book.ts"
import { isScattered, readCache, screenCache, writeCache } from "./cached.ts"
import { type Context, failureOf } from "./context.ts"
import { convictEquivocator } from "./equivocation.ts"
import { toEvidence } from "./evidence.ts"
import { gatherFromNodes, openArtifacts, report, staleBooks } from "./gather.ts"
import type { DaemonTold, Lane } from "./lanes.ts"
import { coverageOf, type Locked, lockProofs, pinGroups, readLock, refreshBudget, takeFloor, tieHeads } from "./locked.ts"
import { type LogMemory, refreshMemory } from "./memory.ts"
import type { CheckResult, ClientOptions, NodeFailure, Sleep } from "./types.ts"

const readName = shapeReader("REQUEST_MALFORMED", "request")

/** What one check works with, beside what is its own. */
export interface CheckEngine {
  readonly sleep: Sleep
  /** One per roster node, in the roster's order; shared by all checks of a client, as the lanes are. */
  readonly memories: readonly LogMemory[]
  readonly lanes: ReadonlyMap<LogMemory, Lane<Told>>
  readonly daemon: Lane<DaemonTold> | undefined
  readonly locked: Locked | undefined
}

/** Runs a check. Throws only what nothing else has foreseen; the client turns it into refusals. */
export async function runCheck(engine: CheckEngine, context: Context, requests: readonly ArtifactRequest[]): Promise<CheckResult> {
  const { options, crypto } = context
  const { state } = options
  const { locked } = engine
  const books = openBooks(engine, context)
  const known = new Set(books.flatMap(({ memory }) => memory.convictions))
  // What the lock knows the digest of need not be asked for to learn it.
  const judge = (): Verdict[] => judgeNow(context, locked, books, locked?.vouches === true ? requests.map(locked.completed) : requests)
  const all = askable(options, requests)
  const byLock = readLock(locked, books, all, judge)
  const artifacts = byLock?.open ?? all
  if (byLock === undefined || artifacts.length > 0) {
    readCache(options.cache, books, artifacts)
    for (const book of books) book.cached = [...lockProofs(locked, book, all), ...book.cached]
  }
  let verdicts = byLock === undefined || artifacts.length > 0 ? judge() : byLock.verdicts
  const damaged = books.some((book) => book.cached.length > 0) && verdicts.some(hasTrouble) ? screenCache(crypto, books) : new Set<string>()
  if (damaged.size > 0) verdicts = judge()
  const fromCache = countAllowed(verdicts)
  let fromDaemon = 0
  const stale = all.length === 0 ? [] : staleBooks(books, state.asked(), options.clock.nowMs())
  const wanted = wantedArtifacts(books, artifacts, verdicts, damaged, stale.length > 0)
  const asking = wanted.length === 0 && locked?.vouches === true ? { ...context, budget: refreshBudget(context) } : context
  if ((wanted.length > 0 || stale.length > 0) && context.budget.leftMs() > 0 && !verdicts.some(isClockBehind)) {
    if (engine.daemon !== undefined) {
      report(asking, "daemon", wanted.length, verdicts, ["local node"], 0)
      await askDaemon(engine.daemon, asking, books, wanted)
      fromDaemon = Math.max(0, countAllowed(judge()) - fromCache)
    }
    await gatherFromNodes({ context: asking, judge, sleep: engine.sleep, laneOf: ({ memory }) => engine.lanes.get(memory) as Lane<Told> }, books, wanted, stale)
    if (locked !== undefined) await tieHeads(asking, locked, books)
    await noteAsked(context, books)
    await convictEquivocators(context, books, judge())
    verdicts = judge()
    writeCache(context, books)
  }
  const own = locked?.vouches === true && requests.some(({ sha512 }) => sha512 === undefined) ? judgeNow(context, locked, books, requests) : verdicts
  return {
    verdicts: withNodeFindings(own, books),
    misbehavior: books.flatMap(({ memory }) => memory.convictions.map((conviction) => ({ ...conviction, isNew: !known.has(conviction) }))),
    stats: {
      fromCache, fromDaemon, fromNodes: Math.max(0, countAllowed(verdicts) - fromCache - fromDaemon),
      nodesReached: books.filter(isReached).length, nodesTotal: books.length,
    },
    failures: books.flatMap(nodeFailure),
    notes: context.notes,
    ...(locked?.vouches === true ? { lock: coverageOf(context, locked, books, requests) } : {}),
    evidence: books.map(toEvidence),
  }
}

/** Asks core about all that is at hand now. */
function judgeNow({ crypto, options }: Context, locked: Locked | undefined, books: readonly LogBook[], requests: readonly ArtifactRequest[]): Verdict[] {
  const { clock, policy, roster } = options
  const now = Math.max(0, Math.floor(clock.nowMs() / 1_000))
  const input = { crypto, roster, policy, now, evidence: books.map(toEvidence), ...(options.lists === undefined ? {} : { lists: options.lists(now) }), ...(locked?.vouches === true ? { lock: locked.open(roster, books, now) } : {}) }
  if (locked === undefined) return verify({ ...input, requests })
  const verdicts: Verdict[] = []
  for (const { pins, places } of pinGroups(locked, requests)) {
    const judged = verify({ ...input, pins, requests: places.map((place) => requests[place] as ArtifactRequest) })
    for (const [i, place] of places.entries()) verdicts[place] = judged[i] as Verdict
  }
  return verdicts
}

function openBooks(engine: CheckEngine, context: Context): LogBook[] {
  const { state } = context.options
  const records = state.misbehavior()
  return engine.memories.map((memory) => {
    context.notes.push(...refreshMemory(context.crypto, state, memory, records))
    if (engine.locked !== undefined) takeFloor(engine.locked, memory)
    return openBook(memory)
  })
}

/** Enters what the person's own node brought. What it did not bring is asked for directly. */
async function askDaemon(daemon: Lane<DaemonTold>, context: Context, books: readonly LogBook[], wanted: readonly ArtifactName[]): Promise<void> {
  await daemon.ask(wanted, context.budget, ({ byNode, notes }) => {
    context.notes.push(...notes)
    for (const book of books) {
      const told = byNode.get(book.memory)
      if (told === undefined) continue
      book.wasReachedByDaemon = true
      enter(book, told)
    }
    return byNode.size > 0
  })
}

/**
 * The distinct artifacts that nodes may be asked about. Names from registries that the roster does not list never leave the machine, nor does
 * anything that is no npm package name and version, or a name that the policy says belongs to another registry (THREATS A8).
 */
function askable({ roster, policy, clock }: Pick<ClientOptions, "roster" | "policy" | "clock">, requests: readonly ArtifactRequest[]): ArtifactName[] {
  const names = new Map<string, ArtifactName>()
  const now = Math.floor(clock.nowMs() / 1_000)
  for (const request of requests) {
    const { purl, registry } = request
    if (roster.registries.includes(registry) && isArtifactPurl(purl) && !isMisplaced(policy, request, now)) names.set(artifactKey({ purl, registry }), { purl, registry })
  }
  return [...names.values()]
}

function isArtifactPurl(purl: string): boolean {
  try {
    artifactPurl(purl, "purl", readName)
    return true
  } catch (error) {
    if (isVouchsafeError(error)) return false
    throw error
  }
}

/** What the network is asked for: what is not allowed, what was damaged on disk, and everything if that is cheaper to judge afterwards. */
function wantedArtifacts(books: readonly LogBook[], artifacts: readonly ArtifactName[], verdicts: readonly Verdict[], damaged: ReadonlySet<string>, isAskingAnyway: boolean): readonly ArtifactName[] {
  const open = new Set(openArtifacts(artifacts, verdicts).map(artifactKey))
  const wanted = artifacts.filter((artifact) => open.has(artifactKey(artifact)) || damaged.has(artifactKey(artifact)))
  return (wanted.length > 0 || isAskingAnyway) && isScattered(books) ? artifacts : wanted
}

const hasTrouble = (verdict: Verdict): boolean => !verdict.ok || verdict.findings.some((finding) => finding.code === "PROOF_INVALID")
const isClockBehind = (verdict: Verdict): boolean => !verdict.ok && verdict.code === "CLOCK_BEHIND"
const isReached = (book: LogBook): boolean => book.wasReachedByDaemon || (book.wasAsked && (book.failure === undefined || book.failure.answered))

function countAllowed(verdicts: readonly Verdict[]): number {
  return new Set(verdicts.filter((verdict) => verdict.ok).map(artifactKey)).size
}

async function convictEquivocators(context: Context, books: readonly LogBook[], verdicts: readonly Verdict[]): Promise<void> {
  const accused = new Set(verdicts[0]?.findings.filter((finding) => finding.code === "LOG_MISBEHAVED").flatMap((finding) => finding.saidBy))
  for (const book of books) {
    if (!accused.has(book.memory.node.operator)) continue
    await book.memory.exclusive(async () => {
      if (book.memory.misbehaved === undefined) await convictEquivocator(context, book)
    })
  }
}

/** Remembers when nodes were asked, whether or not they answered: a dead one is not waited for at every install of the next minutes. */
async function noteAsked(context: Context, books: readonly LogBook[]): Promise<void> {
  const nowMs = context.options.clock.nowMs()
  const asked = books.filter((book) => book.wasAsked || book.noticesRead)
  try {
    await context.options.state.putAsked(new Map(asked.map((book) => [book.memory.node.notices.vkey, nowMs])))
  } catch (error) {
    context.notes.push(failureOf(error))
  }
}

function nodeFailure(book: LogBook): NodeFailure[] {
  const why = book.distrust ?? book.failure
  return why === undefined ? [] : [{ operator: book.memory.node.operator, origin: book.memory.node.log.name, code: why.code, message: why.message }]
}

/** Names, beside every verdict, the nodes whose answers were unusable: a warning where the others sufficed. */
function withNodeFindings(verdicts: readonly Verdict[], books: readonly LogBook[]): readonly Verdict[] {
  const findings = books.flatMap((book): Finding[] => {
    const { witnessLied, node: { operator } } = book.memory
    const convicted: Finding[] = witnessLied === undefined ? [] : [{
      code: "LOG_MISBEHAVED", severity: "warn", saidBy: [operator], message: `the witness of ${operator} misbehaved and no longer counts: ${witnessLied}`,
      hint: "tell the roster's keyholders, who have to replace it",
    }]
    const why = book.distrust ?? (book.failure?.answered === true ? book.failure : undefined)
    if (why === undefined || book.memory.misbehaved !== undefined) return convicted
    const isOwnTrouble = why.code === "STATE_UNSAFE" || why.code === "DISK"
    return [...convicted, {
      code: isOwnTrouble ? "CONFIG_INVALID" : "PROOF_INVALID", severity: "warn", saidBy: isOwnTrouble ? [] : [operator],
      message: `the ${isOwnTrouble ? "log" : "node"} of ${operator} does not count: ${why.message}`,
    }]
  })
  return findings.length === 0 ? verdicts : verdicts.map((verdict) => ({ ...verdict, findings: [...verdict.findings, ...findings] }))
}
