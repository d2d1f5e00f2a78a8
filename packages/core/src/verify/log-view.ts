import { type Bytes, isWellFormed, utf8Encode } from "../bytes.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError } from "../errors.ts"
import { checkInclusion, leafHashOfText } from "../merkle.ts"
import { checkMulti } from "../multiproof.ts"
import { type ArtifactFacts, factsOf } from "./artifact-facts.ts"
import { observationResolver, parseEntry } from "./entry.ts"
import { artifactKey } from "./evidence.ts"
import type { HeadChecker, HeadResult } from "./head.ts"
import type { EntryBatch, LogEvidence } from "./input.ts"
import { type ViewedNotices, viewNotices } from "./notices-view.ts"
import type { Observation } from "./observation.ts"
import type { Rebuild } from "./rebuild.ts"
import type { ForeignEntry } from "./release.ts"
import type { RetiredLog, RosterNode } from "./roster.ts"

/** What one attester says of one artifact, checked: its statement is in its log under a cosigned head, or a lockset of it covers a line of the lock. */
export interface SeenArtifact {
  /** Log that the statement stands in: the node's present one, or one that it retired. */
  readonly origin: string
  readonly index: number
  readonly facts: ArtifactFacts
  readonly checkpointTime: number
  /** Unix seconds, the attester's own clock. */
  readonly observedAt: number
  /** Directories of other packages inside the tarball (THREATS A6). */
  readonly bundled: readonly string[]
  /** Hex SHA-256 of the inflated tar; null where only a lock speaks. */
  readonly tarSha256: string | null
  /** Version that it was compared with; null where there is none, or where only a lock speaks. */
  readonly previous: string | null
}

function seenIn(observation: Observation, origin: string, index: number, checkpointTime: number): SeenArtifact {
  const { observedAt, contents, history, package: own } = observation
  return { origin, index, facts: factsOf(observation), checkpointTime, observedAt, bundled: own.bundled, tarSha256: contents.tarSha256, previous: history.previous?.version ?? null }
}

/** One checked rebuild statement. */
export interface SeenRebuild {
  readonly index: number
  readonly rebuild: Rebuild
}

/** One foreign entry that is in the log. That says nothing about who signed what it holds. */
export interface SeenForeign {
  readonly index: number
  readonly foreign: ForeignEntry
}

/** What one node's evidence amounts to once everything in it is checked. */
export interface LogView {
  readonly node: RosterNode
  readonly reached: boolean
  readonly failure?: { readonly code: string; readonly message: string }
  /** Why some or all of the evidence did not verify; empty when it did. */
  readonly problems: readonly string[]
  readonly misbehavior?: string
  /** By {@link artifactKey}. */
  readonly observations: ReadonlyMap<string, SeenArtifact>
  /** By {@link artifactKey}, each entry once. */
  readonly rebuilds: ReadonlyMap<string, readonly SeenRebuild[]>
  /** By purl, each entry once: a release names no registry. */
  readonly foreign: ReadonlyMap<string, readonly SeenForeign[]>
  /** undefined when the notices log could not be checked whole. */
  readonly notices?: ViewedNotices
  /** The newest verified time in this evidence, and the newest that is ahead of the local clock. */
  readonly newestTime: number
  readonly aheadTime: number
  readonly statuses: ReadonlyMap<string, LogEvidence["statuses"][number]>
}

/** Checks one node's evidence. Never throws on wrong evidence: what does not verify becomes a problem and counts for nothing. */
export function viewLog(crypto: Crypto, heads: HeadChecker, node: RosterNode, evidence: LogEvidence | undefined): LogView {
  const problems: string[] = []
  const statements = createStatements(node)
  let newestTime = 0
  let aheadTime = 0
  const open = (result: HeadResult): (HeadResult & { ok: true })["head"] | undefined => {
    if (result.ok) {
      newestTime = Math.max(newestTime, result.head.timeSeconds)
      return result.head
    }
    if (result.reason === "ahead") aheadTime = Math.max(aheadTime, result.timeSeconds ?? 0)
    problems.push(result.message)
    return undefined
  }
  for (const batch of evidence?.batches ?? []) {
    if (batch.indices.length === 0) continue
    const retired = retiredLogOf(node, batch)
    const { name } = (retired ?? node).log
    const head = open(heads.check(node, (retired ?? node).log, batch.checkpoint))
    if (head === undefined) continue
    if (retired !== undefined && head.size > retired.size) {
      problems.push(`a head of ${name} has size ${head.size}, expected at most ${retired.size}, at which the log was handed over`)
      continue
    }
    if (![...batch.entries, ...batch.bodies].every(isWellFormed)) {
      problems.push(`an entry of ${name} has a lone surrogate, expected text that UTF-8 can carry`)
      continue
    }
    const hashed = batch.entries.map((entry) => leafHashOfText(crypto, entry))
    if (!isIncluded(crypto, batch, hashed, head)) {
      problems.push(`inclusion proof of ${batch.indices.length} entries under size ${head.size} of ${name} does not verify`)
      continue
    }
    readEntries(crypto, batch, { name, isRetired: retired !== undefined, checkpointTime: head.timeSeconds }, statements, problems)
  }
  const notices = evidence?.notices === undefined ? undefined : viewNotices(crypto, node, evidence.notices.entries, open(heads.check(node, node.notices, evidence.notices.checkpoint)), problems)
  const misbehavior = evidence?.misbehaved ?? statements.misbehavior
  return {
    node, problems, newestTime, aheadTime, observations: statements.observations, rebuilds: statements.rebuilds, foreign: statements.foreign,
    reached: evidence?.reached ?? false,
    statuses: new Map((evidence?.statuses ?? []).map((status) => [artifactKey(status), status])),
    ...(evidence?.failure === undefined ? {} : { failure: evidence.failure }),
    ...(misbehavior === undefined ? {} : { misbehavior }),
    ...(notices === undefined ? {} : { notices }),
  }
}

/** The retired log that a batch is of; undefined for the node's present one, and for strangers, whose signature then is missed. */
function retiredLogOf({ retired = [] }: RosterNode, { checkpoint }: EntryBatch): RetiredLog | undefined {
  return retired.find(({ log }) => checkpoint.startsWith(`${log.name}\n`))
}

interface SizedRoot {
  readonly size: number
  readonly root: Bytes
}

function isIncluded(crypto: Crypto, batch: EntryBatch, leafHashes: readonly Bytes[], head: SizedRoot): boolean {
  const { indices, proof, paths } = batch
  if (indices.length !== leafHashes.length || (proof === undefined) === (paths === undefined)) return false
  if (proof !== undefined) return checkMulti(crypto, { indices, leafHashes, proof, size: head.size, root: head.root })
  return paths?.length === indices.length && indices.every((index, i) =>
    checkInclusion(crypto, { index, size: head.size, leafHash: leafHashes[i] as Bytes, proof: paths[i] ?? [], root: head.root }))
}

/** The checked statements of one log, as they are collected. */
interface Statements {
  readonly node: RosterNode
  readonly observations: Map<string, SeenArtifact>
  readonly rebuilds: Map<string, SeenRebuild[]>
  readonly foreign: Map<string, SeenForeign[]>
  misbehavior: string | undefined
}

function createStatements(node: RosterNode): Statements {
  return { node, observations: new Map(), rebuilds: new Map(), foreign: new Map(), misbehavior: undefined }
}

/** The log that a proven batch is of. Of a retired one only observations count: rebuilds and releases can be had again. */
interface BatchLog {
  readonly name: string
  readonly isRetired: boolean
  readonly checkpointTime: number
}

/**
 * Reads the entries of a proven batch. What an entry is, its type says; one that is bound to another log is worth nothing here, and a
 * foreign one goes where no attester's claim is ever looked for (THREATS A1).
 */
function readEntries(crypto: Crypto, batch: EntryBatch, log: BatchLog, statements: Statements, problems: string[]): void {
  const { name, isRetired, checkpointTime } = log
  const resolve = observationResolver(crypto, batch.bodies)
  for (const [i, text] of batch.entries.entries()) {
    const index = batch.indices[i] as number
    try {
      const entry = parseEntry(text)
      // A lockset is about a lock, not about an artifact; a lock brings its own.
      if (entry.kind === "lockset" || (isRetired && (entry.kind === "rebuild" || entry.kind === "foreign"))) continue
      if (entry.kind === "rebuild" && entry.rebuild.log === name) addOnce(statements.rebuilds, artifactKey(entry.rebuild), { index, rebuild: entry.rebuild })
      else if (entry.kind === "foreign" && entry.foreign.log === name) addOnce(statements.foreign, entry.foreign.purl, { index, foreign: entry.foreign })
      else if (entry.kind === "observation" || entry.kind === "by-digest") {
        const observation = resolve(entry)
        if (observation.log === name) addObservation(statements, seenIn(observation, name, index, checkpointTime))
        else problems.push(`entry ${index} of ${name} is a statement bound to another log`)
      } else problems.push(`entry ${index} of ${name} is a statement bound to another log`)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      problems.push(`entry ${index} of ${name}: ${error.message}`)
    }
  }
}

function addObservation(statements: Statements, seen: SeenArtifact): void {
  const key = artifactKey(seen.facts)
  const other = statements.observations.get(key)
  if (other !== undefined && other.facts.sha512 !== seen.facts.sha512) {
    // A log cannot be wrong about what the one before it said; the operator's present word stands.
    if (other.origin !== seen.origin) return void (seen.origin === statements.node.log.name && statements.observations.set(key, seen))
    statements.misbehavior ??= `entries ${other.index} and ${seen.index} of ${seen.origin} observe different bytes for ${seen.facts.purl}`
  }
  if (other === undefined || seen.checkpointTime < other.checkpointTime) statements.observations.set(key, seen)
}

/** Cached and fresh evidence may bring the same entry. */
function addOnce<T extends { readonly index: number }>(map: Map<string, T[]>, key: string, seen: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [seen])
  else if (!list.some(({ index }) => index === seen.index)) list.push(seen)
}
