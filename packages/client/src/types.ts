import type { ArtifactFacts, ArtifactName, ArtifactRequest, Crypto, Lock, LogEvidence, MaliciousList, MisbehaviorProof, Policy, Roster, Verdict } from "@vouchsafe/core"
import type { AbortSignalLike, Clock, EvidenceCache, HttpTransport, StateStore } from "@vouchsafe/ports"

/** How far a check is. Sent when something changed; cheap to ignore. */
export interface Progress {
  readonly stage: "daemon" | "nodes" | "waiting"
  /** Distinct artifacts that the check is about, and those that are allowed so far. */
  readonly artifacts: number
  readonly allowed: number
  /** Nodes that have answered in this round, of those asked. */
  readonly nodesAnswered: number
  readonly nodesAsked: number
  /** Operators whose nodes are being waited for. */
  readonly waitingFor: readonly string[]
  /** What is left of the budget, in ms. */
  readonly leftMs: number
}

export type Sleep = (ms: number, signal?: AbortSignalLike) => Promise<void>

export interface ClientOptions {
  readonly roster: Roster
  readonly policy: Policy
  readonly crypto: Crypto
  readonly clock: Clock
  readonly transport: HttpTransport
  readonly cache: EvidenceCache
  readonly state: StateStore
  /** Lists of known-malicious packages as they are at a time, in Unix seconds. */
  readonly lists?: (nowSeconds: number) => readonly MaliciousList[]
  readonly lock?: LockUse
  /** Called with progress; what it throws ends the check. */
  readonly onProgress?: (progress: Progress) => void
  /** Socket of the person's own node, if one runs. */
  readonly daemonSocket?: string
  /** Waits, at most until `signal` aborts. Tests inject one that moves their clock. */
  readonly sleep?: Sleep
}

/** A project's lock, and what it may do. */
export interface LockUse {
  readonly lock: Lock
  /** Digest of the genesis, where the roster is governed; the roster's lineage otherwise. */
  readonly network?: string
  /** `evidence`: it vouches and pins. `pins`: it is what a new one is compared with, and vouches for nothing. */
  readonly as: "evidence" | "pins"
  /** Purls that are not compared with the locked version: somebody accepted them. */
  readonly unpinned?: ReadonlySet<string>
}

/** What the lock did for a check. */
export interface LockCoverage {
  /** Facts of the lock's lines about artifacts of this check, by `artifactKey`. */
  readonly facts: ReadonlyMap<string, ArtifactFacts>
  /** Artifacts of this check without a line that has the digest asked for. */
  readonly missing: readonly ArtifactName[]
  /** Why a part of the lock counts for nothing. */
  readonly problems: readonly string[]
}

export interface CheckOptions {
  /** Time for all gathering together, in ms; the policy's `budget` by default. 0: decide from what is at hand. */
  readonly budgetMs?: number
  /** Ends gathering; what was gathered by then decides. */
  readonly signal?: AbortSignalLike
}

/** A log that lied, with the proof. Exit status 4. */
export interface FoundMisbehavior {
  readonly operator: string
  /** Origin of the log, which may be the node's notices log. */
  readonly origin: string
  /** Where the proof is kept. */
  readonly path?: string
  readonly proof: MisbehaviorProof
  /** The proof as a document that stands alone. */
  readonly document: string
}

/** What went wrong with one node, or around the client, without being a verdict. */
export interface Failure {
  /** A code of core's errors, or one that a node gave. */
  readonly code: string
  readonly message: string
}

export interface NodeFailure extends Failure {
  readonly operator: string
  readonly origin: string
}

export interface CheckStats {
  /** Distinct artifacts allowed by what was in the cache, with what the daemon brought, with what the nodes brought. */
  readonly fromCache: number
  readonly fromDaemon: number
  readonly fromNodes: number
  /** Nodes that answered, by themselves or through the daemon; nodes of the roster. */
  readonly nodesReached: number
  readonly nodesTotal: number
}

export interface CheckResult {
  /** In the order of the requests. */
  readonly verdicts: readonly Verdict[]
  /** All proofs known against logs of the roster; those that were not known before this check say so. */
  readonly misbehavior: readonly (FoundMisbehavior & { readonly isNew: boolean })[]
  readonly stats: CheckStats
  /** Nodes that could not be asked or whose answers were unusable, also when the verdicts needed them not. */
  readonly failures: readonly NodeFailure[]
  /** Troubles of the client's own that cost nothing but time: a cache that cannot be written, a socket that is not used. */
  readonly notes: readonly Failure[]
  /** Present where the project has a lock that vouches. */
  readonly lock?: LockCoverage
  /** What was judged, for whoever explains. */
  readonly evidence: readonly LogEvidence[]
}

/** Gathers evidence and asks core. */
export interface Client {
  /**
   * Decides about artifacts. Every failure of the world, of a node or of the disk is part of the result and never lets anything pass.
   * @throws TypeError for requests that are not of their type. Nothing else.
   */
  check(requests: readonly ArtifactRequest[], options?: CheckOptions): Promise<CheckResult>
}
