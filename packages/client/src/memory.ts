/**
 * What a client remembers of one node's logs: the state on disk, and ahead of it what is being read right now.
 *
 * One per node and client, shared by all checks that run at once, so that heads follow each other in one line however many checks there are.
 *
 * @packageDocumentation
 */
import {
  type Crypto, isVouchsafeError, type KnownHead, openHead, parseMisbehavior, type RosterNode, unlessRefused, verifyMisbehavior,
} from "@vouchsafe/core"
import type { MisbehaviorRecord, NoticesMirror, StateStore } from "@vouchsafe/ports"
import type { Failure, FoundMisbehavior } from "./types.ts"

/** Mutable; the client owns it. */
export interface LogMemory {
  readonly node: RosterNode
  /** Newest head of the observations log, and the text that the state is known to hold: what a swap expects. */
  head: KnownHead | undefined
  storedHead: string | undefined
  /** The notices log, whole, and what the state is known to hold. */
  mirror: NoticesMirror | undefined
  storedMirror: NoticesMirror | undefined
  /** Why what the state holds cannot be used. Forgetting is what an attacker wants, so the log does not count then. */
  damage: Failure | undefined
  /** Why nothing of this node's log ever counts again. */
  misbehaved: string | undefined
  /** Why nothing that this node's witness cosigned ever counts again. */
  witnessLied: string | undefined
  /** Verifier keys of retired logs that a proof convicts: whoever has an old key must not be able to convict the present log by it. */
  readonly lied: Set<string>
  /** Proofs known against the node's logs. */
  convictions: FoundMisbehavior[]
  /** Signed heads of the lock that the log has shown to be beginnings of what it holds now. */
  readonly tied: Set<string>
  /** Exchanges under way. The state is read again only between them. */
  users: number
  /** Runs actions one after the other. */
  exclusive<T>(action: () => Promise<T>): Promise<T>
}

/** An empty memory; {@link refreshMemory} fills it. */
export function createMemory(node: RosterNode): LogMemory {
  let last: Promise<unknown> = Promise.resolve()
  return {
    node, head: undefined, storedHead: undefined, mirror: undefined, storedMirror: undefined, damage: undefined, misbehaved: undefined, witnessLied: undefined, lied: new Set(), tied: new Set(), convictions: [], users: 0,
    exclusive(action) {
      const next = last.then(action, action)
      last = next
      return next
    },
  }
}

/**
 * Brings a memory up to what the state holds, which other processes may have changed. Left alone while an exchange is under way.
 * @returns what to tell about proofs that prove nothing
 */
export function refreshMemory(crypto: Crypto, state: StateStore, memory: LogMemory, records: readonly MisbehaviorRecord[]): Failure[] {
  if (memory.users > 0) return []
  readLogs(crypto, state, memory)
  return readProofs(crypto, memory, records)
}

function readLogs(crypto: Crypto, state: StateStore, memory: LogMemory): void {
  const { log, notices } = memory.node
  memory.damage = undefined
  try {
    memory.storedHead = state.head(log.vkey)
    memory.head = memory.storedHead === undefined ? undefined : openHead(crypto, log, memory.storedHead)
    memory.storedMirror = state.notices(notices.vkey)
    memory.mirror = memory.storedMirror
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    memory.damage = { code: error.code, message: `what this machine remembers of ${log.name} cannot be used: ${error.message}` }
  }
}

/** Applies the stored proofs that convict one of the node's logs, or its witness, under its present key. */
function readProofs(crypto: Crypto, memory: LogMemory, records: readonly MisbehaviorRecord[]): Failure[] {
  const notes: Failure[] = []
  const { log, notices, witness, operator, retired = [] } = memory.node
  for (const record of records) {
    const key = [log, notices, witness, ...retired.map((one) => one.log)].find(({ vkey }) => vkey === record.log)
    if (key === undefined || memory.convictions.some(({ document }) => document === record.document)) continue
    const proof = parseProof(record.document)
    if (proof === undefined || !verifyMisbehavior(crypto, proof, key)) {
      notes.push({ code: "MISBEHAVIOR_MALFORMED", message: `${record.path ?? "a stored proof"} about ${key.name} proves nothing and is ignored` })
      continue
    }
    if (key !== log && key !== notices && key !== witness) {
      memory.lied.add(key.vkey)
      continue
    }
    noteConviction(memory, { operator, origin: key.name, proof, document: record.document, ...(record.path === undefined ? {} : { path: record.path }) })
  }
  return notes
}

function parseProof(document: string): ReturnType<typeof parseMisbehavior> | undefined {
  return unlessRefused(() => parseMisbehavior(document))
}

/** Makes the node's log, or its witness, stop counting for good. */
export function noteConviction(memory: LogMemory, conviction: LogMemory["convictions"][number]): void {
  const { proof, origin, path } = conviction
  memory["witness" in proof ? "witnessLied" : "misbehaved"] = `${proof.kind} of ${origin}${path === undefined ? "" : ` (proof: ${path})`}`
  memory.convictions.push(conviction)
}
