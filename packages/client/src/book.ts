/**
 * What one check knows about one node: what was remembered, what was cached, what it answered.
 *
 * @packageDocumentation
 */
import {
  type ArtifactName, type Bytes, type Crypto, type EvidenceAnswer, isVouchsafeError, type LogEvidence, openCheckpoint, parseMisbehavior,
  type RosterNode, verifyMisbehavior, type VerifierKey,
} from "@vouchsafe/core"
import type { CachedStatement, MisbehaviorRecord, NoticesMirror, StateStore } from "@vouchsafe/ports"
import type { Failure, FoundMisbehavior } from "./types.ts"

/** A signed head, opened. */
export interface KnownHead {
  readonly signed: string
  readonly size: number
  readonly root: Bytes
}

/** A cached statement with the artifact whose file it stood in. */
export interface KeptStatement {
  readonly artifact: ArtifactName
  readonly statement: CachedStatement
}

/** An answer whose head fits the known one; its entries are still unproven. */
export interface AcceptedAnswer {
  readonly head: KnownHead
  readonly log: EvidenceAnswer["log"]
  readonly artifacts: EvidenceAnswer["artifacts"]
}

/** A failure, and whether the node said anything at all. */
export interface ContactFailure extends Failure {
  readonly answered: boolean
  /** Asking again within the same check may help. */
  readonly retryable: boolean
}

/** Mutable; one check owns it. */
export interface LogBook {
  readonly node: RosterNode
  head: KnownHead | undefined
  /** Signed head in the state when the check began: what a swap expects. */
  readonly storedHead: string | undefined
  mirror: NoticesMirror | undefined
  readonly storedMirror: NoticesMirror | undefined
  cached: readonly KeptStatement[]
  readonly answers: AcceptedAnswer[]
  readonly statuses: Map<string, LogEvidence["statuses"][number]>
  wasAsked: boolean
  wasReachedByDaemon: boolean
  /** The notices were read anew in this check. */
  noticesRead: boolean
  /** Why the last request to this node brought nothing. */
  failure: ContactFailure | undefined
  retries: number
  /** Why nothing of this log counts in this check. */
  distrust: Failure | undefined
  /** Why nothing of this log ever counts again. */
  misbehaved: string | undefined
}

/** Opens a head signed by `key`. @throws VouchsafeError NOTE_*, CHECKPOINT_MALFORMED. */
export function openHead(crypto: Crypto, key: VerifierKey, signed: string): KnownHead {
  const { checkpoint } = openCheckpoint(crypto, signed, key)
  return { signed, size: checkpoint.size, root: checkpoint.root }
}

/** Reads what the state holds about a node. A state that cannot be read makes this log not count: forgetting is what an attacker wants. */
export function openBook(crypto: Crypto, state: StateStore, node: RosterNode): LogBook {
  const empty = {
    node, cached: [], answers: [], statuses: new Map<string, LogEvidence["statuses"][number]>(), wasAsked: false, wasReachedByDaemon: false, noticesRead: false, failure: undefined,
    retries: 0, misbehaved: undefined,
  }
  try {
    const storedHead = state.head(node.log.vkey)
    const storedMirror = state.notices(node.notices.vkey)
    const head = storedHead === undefined ? undefined : openHead(crypto, node.log, storedHead)
    return { ...empty, head, storedHead, mirror: storedMirror, storedMirror, distrust: undefined }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    const distrust = { code: error.code, message: `what this machine remembers of ${node.log.name} cannot be used: ${error.message}` }
    return { ...empty, head: undefined, storedHead: undefined, mirror: undefined, storedMirror: undefined, distrust }
  }
}

/** Applies the stored proofs that convict one of the node's logs under its present key. A proof file that proves nothing is reported. */
export function applyProofs(crypto: Crypto, book: LogBook, records: readonly MisbehaviorRecord[]): { found: FoundMisbehavior[]; notes: Failure[] } {
  const found: FoundMisbehavior[] = []
  const notes: Failure[] = []
  for (const record of records) {
    const key = [book.node.log, book.node.notices].find(({ vkey }) => vkey === record.log)
    if (key === undefined) continue
    const proof = parseProof(record.document)
    if (proof === undefined || !verifyMisbehavior(crypto, proof, key)) {
      notes.push({ code: "MISBEHAVIOR_MALFORMED", message: `${record.path ?? "a stored proof"} about ${key.name} proves nothing and is ignored` })
      continue
    }
    book.misbehaved = `${proof.kind} of ${key.name}${record.path === undefined ? "" : ` (proof: ${record.path})`}`
    found.push({ operator: book.node.operator, origin: key.name, proof, isNew: false, ...(record.path === undefined ? {} : { path: record.path }) })
  }
  return { found, notes }
}

function parseProof(document: string): ReturnType<typeof parseMisbehavior> | undefined {
  try {
    return parseMisbehavior(document)
  } catch (error) {
    if (isVouchsafeError(error)) return undefined
    throw error
  }
}

/** What this log says of an artifact, without its proofs. */
export function hasAnswered(book: LogBook, key: string): boolean {
  const status = book.statuses.get(key)?.status
  return status !== undefined && status !== "pending"
}
