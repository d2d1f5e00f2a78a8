import { type ArtifactName, artifactKey, type Bytes, type Crypto, type EvidenceAnswer, type KnownHead, leafHash, type LogEvidence, splitMulti, utf8Encode } from "@vouchsafe/core"
import type { CachedStatement } from "@vouchsafe/ports"
import type { LogMemory } from "./memory.ts"
import type { Failure } from "./types.ts"

/** A cached statement with the artifact whose file it stood in. */
export interface KeptStatement {
  readonly artifact: ArtifactName
  readonly statement: CachedStatement
}

/** An answer, or a part of one, whose head fits the known one; its entries are still unproven. */
export interface AcceptedAnswer {
  readonly head: KnownHead
  readonly log: Omit<EvidenceAnswer["log"], "consistency">
  readonly artifacts: EvidenceAnswer["artifacts"]
}

/** The proofs of an answer's entries, each by itself; undefined when the joint proof does not verify. */
export function pathsOf(crypto: Crypto, { head, log }: AcceptedAnswer): readonly Bytes[][] | undefined {
  const leafHashes = log.entries.map((entry) => leafHash(crypto, utf8Encode(entry)))
  return splitMulti(crypto, { indices: log.indices, size: head.size, leafHashes, proof: log.proof, root: head.root })
}

/** A failure, and whether the node said anything at all. */
export interface ContactFailure extends Failure {
  readonly answered: boolean
  /** Asking again within the same check may help. */
  readonly retryable: boolean
}

/** What one check knows about one node. Mutable; the check owns it. */
export interface LogBook {
  readonly memory: LogMemory
  cached: readonly KeptStatement[]
  readonly answers: AcceptedAnswer[]
  readonly statuses: Map<string, LogEvidence["statuses"][number]>
  wasAsked: boolean
  wasReachedByDaemon: boolean
  /** The notices were read anew during this check. */
  noticesRead: boolean
  /** Why the last request to this node brought nothing. */
  failure: ContactFailure | undefined
  retries: number
  /** Why nothing of this log counts in this check. */
  distrust: Failure | undefined
}

export function openBook(memory: LogMemory): LogBook {
  return {
    memory, cached: [], answers: [], statuses: new Map(), wasAsked: false, wasReachedByDaemon: false, noticesRead: false, failure: undefined,
    retries: 0, distrust: memory.damage,
  }
}

/** What an exchange came to, for one of the checks that took part in it. */
export interface Told {
  readonly failure?: ContactFailure
  readonly distrust?: Failure
  readonly noticesRead: boolean
  readonly answer?: AcceptedAnswer
  readonly notes: readonly Failure[]
}

/** Enters what was told. */
export function enter(book: LogBook, told: Told): void {
  book.failure = told.failure
  book.distrust ??= told.distrust
  book.noticesRead ||= told.noticesRead
  if (told.answer === undefined) return
  // What a node says of packages is worth nothing without its withdrawals; but its statements are proven, so a later check may use them.
  for (const artifact of told.answer.artifacts) book.statuses.set(artifactKey(artifact), artifact)
  if (told.answer.log.indices.length > 0) book.answers.push(told.answer)
}

/** True when nothing is left to ask this node about an artifact. */
export function hasAnswered(book: LogBook, key: string): boolean {
  const status = book.statuses.get(key)?.status
  return status !== undefined && status !== "pending"
}

export function isUsable(book: LogBook): boolean {
  return book.memory.misbehaved === undefined && book.distrust === undefined
}
