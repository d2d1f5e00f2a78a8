/**
 * What `vouchsafe.lock` brings to a check (spec/client.md, "Lock").
 *
 * @packageDocumentation
 */
import {
  type ArtifactFacts, artifactKey, type ArtifactName, type ArtifactRequest, compareVersions, type Crypto, type KnownHead, npmNameOf, openHead, openLock, type OpenedLock, type Roster, unlessRefused, type Verdict,
} from "@vouchsafe/core"
import type { KeptStatement, LogBook } from "./book.ts"
import { type Budget, startBudget } from "./budget.ts"
import { logsOf } from "./cached.ts"
import { type Context, failureOf } from "./context.ts"
import { openArtifacts } from "./gather.ts"
import { LOCK_REFRESH_MS } from "./limits.ts"
import type { LogMemory } from "./memory.ts"
import { tie } from "./remember.ts"
import type { LockCoverage, LockUse } from "./types.ts"

/** A lock as the checks of one client use it. */
export interface Locked {
  /** False where it only pins. */
  readonly vouches: boolean
  /**
   * What an artifact is compared with: the highest locked version of its package that is below it. Nothing for what is locked itself, what was
   * accepted, and what is older than all that is locked: a tree holds old versions of packages that found other makers since.
   */
  pinOf(request: ArtifactRequest): ArtifactFacts | undefined
  /** The lock as it stands now: opened anew when a log or a witness stopped counting. */
  open(roster: Roster, books: readonly LogBook[], nowSeconds: number): OpenedLock
  /** Statements that the lock holds with their own proofs, of this log. */
  proofsOf(book: LogBook): readonly KeptStatement[]
  /** The request with the digest that the lock has for it, where it has none of its own. */
  completed(request: ArtifactRequest): ArtifactRequest
  /** Whether the lock has a line about an artifact, with the digest that is asked for. */
  covers(request: ArtifactRequest): boolean
  factsOf(artifact: ArtifactName): ArtifactFacts | undefined
  /** Heads of a node's present log, each signed by it. */
  headsOf(memory: LogMemory): readonly KnownHead[]
}

/** Prepares a lock for the checks of a client. */
export function useLock(crypto: Crypto, { as, lock, network, unpinned = new Set() }: LockUse): Locked {
  // By purl, whose hash the engine keeps with the text: a key put together for each of 1,300 look-ups shows.
  const facts = new Map(lock.lines.artifacts.map((line) => [line.facts.purl, line.facts]))
  const signed = new Set([...lock.locksets, ...lock.proofs].map(({ checkpoint }) => checkpoint))
  const heads = new Map<string, readonly KnownHead[]>()
  const proofs = lock.proofs.flatMap(({ origin, ...proof }): KeptStatement[] => {
    const artifact = nameIn(proof.entry)
    return artifact === undefined ? [] : [{ artifact, statement: { origin, ...proof } }]
  })
  const factsOf = ({ purl, registry }: ArtifactName): ArtifactFacts | undefined => {
    const known = facts.get(purl)
    return known?.registry === registry ? known : undefined
  }
  const covers = (request: ArtifactRequest): boolean => {
    const known = factsOf(request)
    return known !== undefined && (request.sha512 === undefined || request.sha512 === known.sha512)
  }
  let versions: Versions | undefined
  let opened: { readonly roster: Roster; readonly lied: string; readonly nowSeconds: number; readonly lock: OpenedLock } | undefined
  return {
    vouches: as === "evidence",
    pinOf: (request) => (unpinned.has(request.purl) || covers(request) ? undefined : highestBelow(versions ??= versionsOf(facts.values()), request.purl)),
    open(roster, books, nowSeconds) {
      const without = books.filter(({ distrust, memory }) => distrust !== undefined || memory.misbehaved !== undefined).flatMap(({ memory: { node } }) => [node.log, ...(node.retired ?? []).map((one) => one.log)])
      const lied = new Set([...without.map(({ vkey }) => vkey), ...books.flatMap(({ memory }) => [...memory.lied])])
      const key = [...lied].sort().join("\n")
      // A roster without a convicted witness is another object.
      const isSame = opened !== undefined && opened.lied === key && opened.nowSeconds === nowSeconds && opened.roster.policy.witnesses.length === roster.policy.witnesses.length
      if (!isSame || opened === undefined) opened = { roster, lied: key, nowSeconds, lock: openLock({ crypto, roster, now: nowSeconds, lied, ...(network === undefined ? {} : { network }) }, lock) }
      return opened.lock
    },
    proofsOf: (book) => {
      const names = new Set(logsOf(book).map(({ name }) => name))
      return proofs.filter(({ statement }) => names.has(statement.origin))
    },
    completed(request) {
      const sha512 = request.sha512 === undefined ? factsOf(request)?.sha512 : undefined
      return sha512 === undefined ? request : { ...request, sha512 }
    },
    covers,
    factsOf,
    headsOf({ node: { log } }) {
      const known = heads.get(log.vkey) ?? [...signed].filter((text) => text.startsWith(`${log.name}\n`)).flatMap((text) => unlessRefused(() => openHead(crypto, log, text)) ?? [])
      heads.set(log.vkey, known)
      return known
    },
  }
}

const SUBJECT = /"name":"(pkg:npm\/[!-~]+?)"/
const REGISTRY = /"registry":"([!-~]+?)"/

/** What an entry is about, for the book-keeping alone: core reads it properly. */
function nameIn(entry: string): ArtifactName | undefined {
  const purl = SUBJECT.exec(entry)?.[1]
  return purl === undefined ? undefined : { purl, registry: REGISTRY.exec(entry)?.[1] ?? "" }
}

type Versions = ReadonlyMap<string, readonly { readonly version: string; readonly facts: ArtifactFacts }[]>

/** By package name. */
function versionsOf(all: Iterable<ArtifactFacts>): Versions {
  const versions = new Map<string, { readonly version: string; readonly facts: ArtifactFacts }[]>()
  for (const facts of all) {
    const { name, version } = npmNameOf(facts.purl)
    const known = versions.get(name)
    if (known === undefined) versions.set(name, [{ version, facts }])
    else known.push({ version, facts })
  }
  return versions
}

function highestBelow(versions: Versions, purl: string): ArtifactFacts | undefined {
  const asked = unlessRefused(() => npmNameOf(purl))
  const below = (asked === undefined ? undefined : versions.get(asked.name) ?? [])?.filter(({ version }) => compareVersions(version, asked?.version ?? "") < 0) ?? []
  const [first, ...others] = below
  return first === undefined ? undefined : others.reduce((highest, one) => (compareVersions(one.version, highest.version) > 0 ? one : highest), first).facts
}

/** Requests that are judged together: none of a group is compared with another version of its package than the rest. */
export interface PinGroup {
  readonly pins: Map<string, ArtifactFacts>
  readonly places: number[]
}

/** Sorts requests so that one pin a package name is enough in each group. */
export function pinGroups(locked: Locked, requests: readonly ArtifactRequest[]): readonly PinGroup[] {
  const free: PinGroup = { pins: new Map(), places: [] }
  const groups = [free]
  for (const [place, request] of requests.entries()) {
    const pin = locked.pinOf(request)
    if (pin === undefined) {
      free.places.push(place)
      continue
    }
    const { name } = npmNameOf(pin.purl)
    const fitting = groups.find((group) => group !== free && (group.pins.get(name) ?? pin) === pin) ?? { pins: new Map<string, ArtifactFacts>(), places: [] }
    if (!groups.includes(fitting)) groups.push(fitting)
    fitting.pins.set(name, pin)
    fitting.places.push(place)
  }
  return groups.filter(({ places }) => places.length > 0)
}

/** Puts the lock's own proofs into the books, and judges by the lock alone. undefined without a lock that vouches. */
export function readLock(locked: Locked | undefined, books: readonly LogBook[], artifacts: readonly ArtifactName[], judge: () => readonly Verdict[]): { readonly verdicts: readonly Verdict[]; readonly open: readonly ArtifactName[] } | undefined {
  if (locked?.vouches !== true) return undefined
  for (const book of books) book.cached = lockProofs(locked, book, artifacts)
  const verdicts = judge()
  return { verdicts, open: openArtifacts(artifacts, verdicts) }
}

/** The lock's own proofs about these artifacts. */
export function lockProofs(locked: Locked | undefined, book: LogBook, artifacts: readonly ArtifactName[]): readonly KeptStatement[] {
  const proofs = locked?.vouches === true ? locked.proofsOf(book) : []
  if (proofs.length === 0) return proofs
  const purls = new Set(artifacts.map(({ purl }) => purl))
  return proofs.filter(({ artifact }) => purls.has(artifact.purl))
}

/** Nobody waits long for notices alone: the lock has settled the rest. */
export function refreshBudget({ budget, options }: Context): Budget {
  return startBudget(options.clock, Math.min(LOCK_REFRESH_MS, budget.leftMs()), budget.signal)
}

/** What the lock did for the requests of a check. */
export function coverageOf({ options }: Context, locked: Locked, books: readonly LogBook[], requests: readonly ArtifactRequest[]): LockCoverage {
  const facts = new Map(requests.flatMap((request) => {
    const known = locked.factsOf(request)
    return known === undefined ? [] : [[artifactKey(request), known] as const]
  }))
  const missing = new Map(requests.filter((request) => !locked.covers(request)).map(({ purl, registry }) => [artifactKey({ purl, registry }), { purl, registry }]))
  const { problems } = locked.open(options.roster, books, Math.max(0, Math.floor(options.clock.nowMs() / 1_000)))
  return { facts, missing: [...missing.values()], problems: problems.map(({ message }) => message) }
}

/** Where nothing is remembered of a log, the largest head that the lock holds of it is what an answer must extend. */
export function takeFloor(locked: Locked, memory: LogMemory): void {
  if (memory.head !== undefined || memory.damage !== undefined || memory.users > 0) return
  memory.head = locked.headsOf(memory).reduce<KnownHead | undefined>((largest, head) => (largest === undefined || head.size > largest.size ? head : largest), undefined)
}

/**
 * Demands of each log that answered that every head in the lock is the beginning of what it shows now. One that contradicts it convicts; one
 * that cannot be compared makes the log not count in this check.
 */
export async function tieHeads(context: Context, locked: Locked, books: readonly LogBook[]): Promise<void> {
  await Promise.all(books.map(async (book) => {
    const { memory } = book
    const hasAnswered = book.noticesRead || book.wasReachedByDaemon
    if (!hasAnswered || memory.misbehaved !== undefined || book.distrust !== undefined) return
    await memory.exclusive(async () => {
      for (const head of locked.headsOf(memory)) await tieOne(context, book, head)
    })
  }))
}

async function tieOne(context: Context, book: LogBook, head: KnownHead): Promise<void> {
  const { memory } = book
  if (memory.head === undefined || head.size === 0 || memory.tied.has(head.signed) || memory.misbehaved !== undefined) return
  try {
    const failure = await tie(context, memory, head, memory.head)
    if (failure === undefined) memory.tied.add(head.signed)
    // Without time there was nothing to read it with: the next check asks again.
    else if (context.budget.leftMs() > 0) book.distrust ??= { code: failure.code, message: `${failure.message}; one of them stands in vouchsafe.lock` }
  } catch (error) {
    context.notes.push(failureOf(error))
  }
}
