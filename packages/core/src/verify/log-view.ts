import { type Bytes, equalBytes, hexEncode, isWellFormed, utf8Encode } from "../bytes.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError } from "../errors.ts"
import { checkInclusion, leafHashOfText, rootOfLeaves } from "../merkle.ts"
import { checkMulti } from "../multiproof.ts"
import { parseOwnEntry, resolveObservation } from "./entry.ts"
import { artifactKey } from "./evidence.ts"
import type { HeadChecker, HeadResult } from "./head.ts"
import type { EntryBatch, LogEvidence } from "./input.ts"
import { type Notice, parseNotice } from "./notice.ts"
import type { Observation } from "./observation.ts"
import type { RosterNode } from "./roster.ts"

/** One checked statement: included in its attester's log under a cosigned head. */
export interface SeenObservation {
  readonly index: number
  readonly observation: Observation
  readonly checkpointTime: number
}

/** What one node's evidence amounts to once everything in it is checked. */
export interface LogView {
  readonly node: RosterNode
  readonly reached: boolean
  readonly failure?: { readonly code: string; readonly message: string }
  /** Why some or all of the evidence did not verify; empty when it did. */
  readonly problems: readonly string[]
  readonly misbehavior?: string
  readonly observations: ReadonlyMap<string, SeenObservation>
  /** undefined when the notices log could not be checked whole. */
  readonly notices?: { readonly entries: readonly Notice[]; readonly timeSeconds: number }
  /** The newest verified time in this evidence, and the newest that is ahead of the local clock. */
  readonly newestTime: number
  readonly aheadTime: number
  readonly statuses: ReadonlyMap<string, LogEvidence["statuses"][number]>
}

/** Checks one node's evidence. Never throws on wrong evidence: what does not verify becomes a problem and counts for nothing. */
export function viewLog(crypto: Crypto, heads: HeadChecker, node: RosterNode, evidence: LogEvidence | undefined): LogView {
  const problems: string[] = []
  const observations = new Map<string, SeenObservation>()
  let newestTime = 0
  let aheadTime = 0
  let misbehavior = evidence?.misbehaved
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
    const head = open(heads.check(node, node.log, batch.checkpoint))
    if (head === undefined) continue
    if (![...batch.entries, ...batch.bodies].every(isWellFormed)) {
      problems.push(`an entry of ${node.log.name} has a lone surrogate, expected text that UTF-8 can carry`)
      continue
    }
    const hashed = batch.entries.map((entry) => leafHashOfText(crypto, entry))
    if (!isIncluded(crypto, batch, hashed, head)) {
      problems.push(`inclusion proof of ${batch.indices.length} entries under size ${head.size} of ${node.log.name} does not verify`)
      continue
    }
    for (const seen of readEntries(crypto, node, batch, head.timeSeconds, problems)) {
      const key = artifactKey(seen.observation)
      const other = observations.get(key)
      if (other !== undefined && other.observation.sha512 !== seen.observation.sha512) {
        misbehavior ??= `entries ${other.index} and ${seen.index} of ${node.log.name} observe different bytes for ${seen.observation.purl}`
      }
      if (other === undefined || seen.checkpointTime < other.checkpointTime) observations.set(key, seen)
    }
  }
  const notices = evidence?.notices === undefined ? undefined : viewNotices(crypto, node, evidence.notices.entries, open(heads.check(node, node.notices, evidence.notices.checkpoint)), problems)
  return {
    node, problems, observations, newestTime, aheadTime,
    reached: evidence?.reached ?? false,
    statuses: new Map((evidence?.statuses ?? []).map((status) => [artifactKey(status), status])),
    ...(evidence?.failure === undefined ? {} : { failure: evidence.failure }),
    ...(misbehavior === undefined ? {} : { misbehavior }),
    ...(notices === undefined ? {} : { notices }),
  }
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

/** Reads the entries of a proven batch. An entry that is not this attester's own observation in this log makes no claim (THREATS A1). */
function readEntries(crypto: Crypto, node: RosterNode, batch: EntryBatch, checkpointTime: number, problems: string[]): SeenObservation[] {
  const bodies = new Map(batch.bodies.map((body) => [hexEncode(crypto.sha256(utf8Encode(body))), body]))
  const seen: SeenObservation[] = []
  for (const [i, text] of batch.entries.entries()) {
    const index = batch.indices[i] as number
    try {
      const observation = resolveObservation(parseOwnEntry(text), bodies)
      if (observation.log === node.log.name) seen.push({ index, observation, checkpointTime })
      else problems.push(`entry ${index} of ${node.log.name} is a statement bound to another log`)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      problems.push(`entry ${index} of ${node.log.name}: ${error.message}`)
    }
  }
  return seen
}

/** Recomputes the root from all entries, so that no notice can be left out (THREATS A3). */
function viewNotices(
  crypto: Crypto, node: RosterNode, entries: readonly string[], head: { readonly size: number; readonly root: Bytes; readonly timeSeconds: number } | undefined, problems: string[],
): LogView["notices"] {
  if (head === undefined) return undefined
  if (!entries.every(isWellFormed)) {
    problems.push(`a notice of ${node.notices.name} has a lone surrogate, expected text that UTF-8 can carry`)
    return undefined
  }
  if (entries.length !== head.size || !equalBytes(rootOfLeaves(crypto, entries.map((entry) => leafHashOfText(crypto, entry))), head.root)) {
    problems.push(`${entries.length} notices of ${node.notices.name} are not the ${head.size} under its signed head`)
    return undefined
  }
  const notices: Notice[] = []
  for (const [index, entry] of entries.entries()) {
    try {
      const notice = parseNotice(entry)
      if (notice.log === node.notices.name) {
        notices.push(notice)
        continue
      }
      problems.push(`notice ${index} of ${node.notices.name} is bound to another log`)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      problems.push(`notice ${index} of ${node.notices.name}: ${error.message}`)
    }
    // An entry that cannot be read may be a withdrawal: this notices log cannot be relied on.
    return undefined
  }
  return { entries: notices, timeSeconds: head.timeSeconds }
}
