/**
 * Checks what a lock proves (packages/spec/lock.md, "Opening").
 *
 * @packageDocumentation
 */
import { type Bytes, equalBytes } from "../../bytes.ts"
import type { Crypto } from "../../crypto.ts"
import { isVouchsafeError, shown } from "../../errors.ts"
import { checkInclusion, leafHashOfText } from "../../merkle.ts"
import type { ArtifactFacts } from "../artifact-facts.ts"
import type { ArtifactName } from "../evidence.ts"
import { type Head, headChecker } from "../head.ts"
import type { Roster, RosterNode } from "../roster.ts"
import { type Lock, lockRoot } from "./lock.ts"
import { formatLockset, type NoticesHead } from "./lockset.ts"
import type { LockedLockset } from "./proofs.ts"

/** One operator's lockset that holds: its statement is about exactly these lines and stands in its log under a cosigned head. */
export interface LockWord {
  readonly operator: string
  /** Log that the statement stands in: the node's present one, or one that it retired. */
  readonly origin: string
  /** The node's present log. */
  readonly log: string
  readonly index: number
  /** Time of the cosigned head, Unix seconds. */
  readonly checkpointTime: number
  /** When the attester knew no withdrawal that the lock does not know of: its own clock, and no later than the head. */
  readonly timeSeconds: number
  readonly bits: readonly boolean[]
}

/** What a lock says about one artifact, and who derived it. */
export interface LockedArtifact {
  /** Its line among those of the lock, from 0: the place of its bit. */
  readonly line: number
  readonly facts: ArtifactFacts
  /** Directories of other packages inside the tarball. */
  readonly bundled: readonly string[]
  readonly words: readonly LockWord[]
  /** Operators of `words`. */
  readonly operators: readonly string[]
  /** The oldest time of `words`; 0 without any. */
  readonly timeSeconds: number
}

/** Why a part of a lock counts for nothing. */
export interface LockProblem {
  /** The operator whose lockset it is; absent where the whole lock is concerned. */
  readonly operator?: string
  readonly message: string
}

/** How far a notices log had come when a lock was made: a mirror that is shorter, or that begins otherwise, hides something. */
export interface NoticesFloor {
  readonly size: number
  readonly root: Bytes
  /** When that was, Unix seconds. */
  readonly timeSeconds: number
}

/** A lock whose proofs were checked against a roster at a time. */
export interface OpenedLock {
  /** By purl, of which a lock has each once. {@link lockedOf} asks for the registry too. */
  readonly artifacts: ReadonlyMap<string, LockedArtifact>
  readonly words: readonly LockWord[]
  /** The same by the origin of the node's present log. */
  readonly wordByLog: ReadonlyMap<string, LockWord>
  readonly problems: readonly LockProblem[]
  /** By the origin of the notices log. */
  readonly notices: ReadonlyMap<string, NoticesFloor>
  /** The newest verified time in the lock, and the newest that is ahead of the local clock. */
  readonly newestTime: number
  readonly aheadTime: number
}

/** What a lock is opened against. */
export interface OpenLockInput {
  readonly crypto: Crypto
  readonly roster: Roster
  /** Hex digest of the network that the roster belongs to: of its genesis, or the roster's lineage, which is the default. */
  readonly network?: string
  /** Unix seconds of the local clock. */
  readonly now: number
  /** Verifier keys of logs that are proven to have lied. */
  readonly lied?: ReadonlySet<string>
}

/** Opens a lock. Never throws on wrong proofs: what does not verify becomes a problem and counts for nothing. */
export function openLock(input: OpenLockInput, lock: Lock): OpenedLock {
  const opening: Opening = { input, lock, root: lockRoot(input.crypto, lock.lines), heads: headChecker(input.crypto, input.roster, input.now), problems: [], newestTime: 0, aheadTime: 0 }
  const network = input.network ?? input.roster.lineage
  const held: Held[] = []
  if (lock.network === network) {
    for (const lockset of lock.locksets) {
      const word = check(opening, lockset)
      if (word !== undefined) held.push({ word, lockset })
    }
  } else opening.problems.push({ message: `the lock is of the network ${lock.network.slice(0, 16)}…, expected ${network.slice(0, 16)}…: it belongs to another project, or the roster does` })
  const floor = rosterFloor(opening, held)
  if (floor > input.roster.version) {
    opening.problems.push({ message: `the lock was made under version ${floor} of the roster and this is version ${input.roster.version}: an older one can bring back whom a newer one removed` })
    held.length = 0
  }
  const words = held.map(({ word }) => word)
  return {
    artifacts: artifactsOf(lock, words), words, wordByLog: new Map(words.map((word) => [word.log, word])), problems: opening.problems, newestTime: opening.newestTime, aheadTime: opening.aheadTime,
    notices: noticesFloors(input.roster, held),
  }
}

interface Opening {
  readonly input: OpenLockInput
  readonly lock: Lock
  readonly root: Bytes
  readonly heads: ReturnType<typeof headChecker>
  readonly problems: LockProblem[]
  newestTime: number
  aheadTime: number
}

interface Held {
  readonly word: LockWord
  readonly lockset: LockedLockset
}

function check(opening: Opening, lockset: LockedLockset): LockWord | undefined {
  const { input: { crypto, roster, lied }, lock, root } = opening
  const { log, index, proof, bits, time } = lockset
  const owner = ownerOf(roster, log)
  if (owner === undefined) return problem(opening, undefined, `the roster has no log ${shown(log)}, whose lockset the lock holds`)
  const { node, key, sizeMax } = owner
  const { operator } = node
  if (lied?.has(key.vkey) === true || lied?.has(node.log.vkey) === true) return problem(opening, operator, `the log ${log} misbehaved and no longer counts`)
  const result = opening.heads.check(node, key, lockset.checkpoint)
  if (!result.ok) {
    if (result.reason === "ahead") opening.aheadTime = Math.max(opening.aheadTime, result.timeSeconds ?? 0)
    return problem(opening, operator, result.message)
  }
  const { head } = result
  opening.newestTime = Math.max(opening.newestTime, head.timeSeconds)
  if (head.size > sizeMax) return problem(opening, operator, `a head of ${log} has size ${head.size}, expected at most ${sizeMax}, at which the log was handed over`)
  const isIncluded = includes(crypto, head, index, proof, () => formatLockset({ log, registry: lock.registry, root, count: bits.length, bits, roster: lockset.roster, notices: lockset.notices, time }))
  if (!isIncluded) return problem(opening, operator, `the lines are not those that ${operator} derived them from: they were changed or merged after its lockset, or it is of another lock`)
  return { operator, origin: log, log: node.log.name, index, checkpointTime: head.timeSeconds, timeSeconds: Math.min(time, head.timeSeconds), bits }
}

function includes(crypto: Crypto, head: Head, index: number, proof: readonly Bytes[], entry: () => string): boolean {
  try {
    return checkInclusion(crypto, { index, size: head.size, leafHash: leafHashOfText(crypto, entry()), proof, root: head.root })
  } catch (error) {
    // What does not make a statement stands in no log.
    if (!isVouchsafeError(error)) throw error
    return false
  }
}

/** The node behind a log, its key, and the last size at which its entries count. */
function ownerOf(roster: Roster, log: string): { readonly node: RosterNode; readonly key: RosterNode["log"]; readonly sizeMax: number } | undefined {
  for (const node of roster.nodes) {
    if (node.log.name === log) return { node, key: node.log, sizeMax: Number.MAX_SAFE_INTEGER }
    const retired = node.retired?.find((one) => one.log.name === log)
    if (retired !== undefined) return { node, key: retired.log, sizeMax: retired.size }
  }
  return undefined
}

function problem({ problems }: Opening, operator: string | undefined, message: string): undefined {
  problems.push({ ...(operator === undefined ? {} : { operator }), message })
}

/** The version that the lock names, or a higher one that as many operators as the threshold bound in their locksets (one alone could shut everybody out). */
function rosterFloor({ lock, input: { roster } }: Opening, held: readonly Held[]): number {
  const byOperator = new Map<string, number>()
  for (const { word: { operator }, lockset } of held) byOperator.set(operator, Math.max(lockset.roster, byOperator.get(operator) ?? 0))
  return Math.max(lock.roster, agreed([...byOperator.values()], roster.threshold))
}

/** The highest number that at least `threshold` of the numbers reach; 0 where there are fewer. */
function agreed(numbers: readonly number[], threshold: number): number {
  return [...numbers].sort((a, b) => b - a)[threshold - 1] ?? 0
}

/** Of each notices log the newest head that its own operator bound, or one that as many operators as the threshold did. */
function noticesFloors({ nodes, threshold }: Roster, held: readonly Held[]): ReadonlyMap<string, NoticesFloor> {
  const floors = new Map<string, NoticesFloor>()
  for (const { operator, notices } of nodes) {
    const claims = held.flatMap(({ word, lockset }) => lockset.notices.filter(({ log }) => log === notices.name).map((head) => ({ operator: word.operator, head, timeSeconds: word.timeSeconds })))
    const own = claims.find((claim) => claim.operator === operator)
    const shared = claims.find(({ head }) => new Set(claims.filter((claim) => isSame(claim.head, head)).map((claim) => claim.operator)).size >= threshold)
    const floor = own === undefined || (shared !== undefined && shared.head.size > own.head.size) ? shared : own
    if (floor !== undefined) floors.set(notices.name, { size: floor.head.size, root: floor.head.root, timeSeconds: floor.timeSeconds })
  }
  return floors
}

function isSame(a: NoticesHead, b: NoticesHead): boolean {
  return a.size === b.size && equalBytes(a.root, b.root)
}

function artifactsOf({ lines }: Lock, words: readonly LockWord[]): ReadonlyMap<string, LockedArtifact> {
  // Most lines have the word of all: one list for each set of operators.
  const all = wordSet(words)
  const sets = new Map<string, WordSet>()
  const artifacts = new Map<string, LockedArtifact>()
  for (const [line, { facts, bundled }] of lines.artifacts.entries()) {
    const { words: own, operators, timeSeconds } = words.every(({ bits }) => bits[line] === true) ? all : partOf(words, line, sets)
    artifacts.set(facts.purl, { line, facts, bundled, words: own, operators, timeSeconds })
  }
  return artifacts
}

/** What a lock says of an artifact. A purl is a text with its hash at hand, where a key would be put together for each question. */
export function lockedOf(lock: OpenedLock | undefined, { purl, registry }: ArtifactName): LockedArtifact | undefined {
  const found = lock?.artifacts.get(purl)
  return found?.facts.registry === registry ? found : undefined
}

type WordSet = Pick<LockedArtifact, "words" | "operators" | "timeSeconds">

function wordSet(words: readonly LockWord[]): WordSet {
  return { words, operators: [...new Set(words.map(({ operator }) => operator))], timeSeconds: words.length === 0 ? 0 : Math.min(...words.map(({ timeSeconds }) => timeSeconds)) }
}

function partOf(words: readonly LockWord[], line: number, sets: Map<string, WordSet>): WordSet {
  const which = words.map(({ bits }) => (bits[line] === true ? "1" : "0")).join("")
  const known = sets.get(which) ?? wordSet(words.filter(({ bits }) => bits[line] === true))
  sets.set(which, known)
  return known
}
