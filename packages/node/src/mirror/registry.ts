/**
 * The copies of other nodes' logs that this node holds, for the parts that read them: gossip, monitor.
 *
 * @packageDocumentation
 */
import type { MisbehaviorProof, VerifierKey } from "@vouchsafe/core"
import type { Mirror } from "@vouchsafe/mirror"
import type { MirrorMode } from "./mode.ts"

/** A log of another node, and its copy. */
export interface MirroredLog {
  readonly operator: string
  readonly role: "log" | "notices"
  readonly key: VerifierKey
  readonly mirror: Mirror
}

/** Told of a proof: which key it convicts, and where it came from. */
export type ProofListener = (key: VerifierKey, proof: MisbehaviorProof) => void

/** What `context.mirrors` holds. Listeners must not throw; they are kept as long as the node runs. */
export interface MirrorRegistry {
  readonly mode: MirrorMode
  readonly logs: readonly MirroredLog[]
  /** The copy of a log, by its origin. */
  of(origin: string): MirroredLog | undefined
  /** Somebody showed a new head of this log. Nothing is believed; the copy is brought up to date soon. Unknown origins are ignored. */
  noteHead(origin: string): void
  /** Calls `listener` with the first proof of each kind against each log that mirrors or the monitor found, those of earlier runs included. */
  onProof(listener: ProofListener): void
  /** Takes a proof from another part that reads copies, and hands it to all listeners. */
  reportProof: ProofListener
  /** Calls `listener` after every round of a log, whether or not it went well. */
  onRound(listener: (log: MirroredLog) => void): void
}

/** A registry whose mirrors are still to be opened: they report proofs while they open. */
export function createRegistry(mode: MirrorMode, logs: readonly MirroredLog[]) {
  const proofs: { readonly key: VerifierKey; readonly proof: MisbehaviorProof }[] = []
  const proofListeners: ProofListener[] = []
  const roundListeners: ((log: MirroredLog) => void)[] = []
  let note: (origin: string) => void = () => undefined
  const reportProof: ProofListener = (key, proof) => {
    // One proof of a kind convicts a log as well as a thousand.
    if (proofs.some((known) => known.key.vkey === key.vkey && known.proof.kind === proof.kind)) return
    proofs.push({ key, proof })
    for (const listener of proofListeners) listener(key, proof)
  }
  const registry: MirrorRegistry = {
    mode, logs, reportProof,
    of: (origin) => logs.find(({ key }) => key.name === origin),
    noteHead: (origin) => note(origin),
    onProof(listener) {
      proofListeners.push(listener)
      for (const { key, proof } of proofs) listener(key, proof)
    },
    onRound: (listener) => void roundListeners.push(listener),
  }
  return {
    registry,
    tellRound: (log: MirroredLog): void => {
      for (const listener of roundListeners) listener(log)
    },
    useNote(next: (origin: string) => void): void {
      note = next
    },
  }
}
