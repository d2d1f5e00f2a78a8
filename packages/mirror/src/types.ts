/**
 * What a mirror is asked and told.
 *
 * @packageDocumentation
 */
import type { Crypto, HeadResult, MisbehaviorProof, VerifierKey } from "@vouchsafe/core"
import type { Disk } from "@vouchsafe/log"
import type { AbortSignalLike, Clock, HttpTransport, LogReader, ServedFile } from "@vouchsafe/ports"
import type { MirrorSource } from "./source.ts"
import type { MirroredHead } from "./store.ts"

/** How to mirror a log. */
export interface MirrorOptions {
  /** Where the copy is kept; created when missing. Nothing else may live there. */
  readonly directory: string
  /** The log's key; its name is the log's origin. */
  readonly key: VerifierKey
  /** The origin first, then others that may have a copy. Asked for at each round. */
  readonly sources: () => readonly MirrorSource[]
  readonly transport: HttpTransport
  readonly crypto: Crypto
  readonly clock: Clock
  /** Whether a signed head counts: who signed it, which witnesses cosigned it and when (core `headChecker`). */
  readonly check: (signed: string) => HeadResult
  /** Called once for each start that knows of a fork, and when one is found. */
  readonly onProof?: (proof: MisbehaviorProof) => void
  readonly entriesMax?: number
  readonly disk?: Disk
  /** Bytes that are free where the copy is kept; by default what the system says. */
  readonly freeBytes?: (directory: string) => Promise<number>
}

/** What one round did. */
export interface SyncResult {
  /** Entries of the stored copy. */
  readonly size: number
  readonly grewBy: number
  /** The source that showed the head. */
  readonly source: string
}

/** What a source last did wrong. */
export interface SourceFailure {
  readonly source: string
  readonly code: string
  readonly message: string
}

/** How a mirror is. */
export interface MirrorStatus {
  readonly origin: string
  /** Entries that are served; null before the first round that succeeded. */
  readonly size: number | null
  readonly pendingSize: number | null
  /** When a quorum had cosigned the stored head, Unix seconds. */
  readonly headTime: number | null
  /** When the first source last showed a head that counts and is not behind, or another one that was new, ms since the epoch. */
  readonly seenMs: number | null
  readonly forked: boolean
  /** Of the last round; empty when it went well with its first source. */
  readonly failures: readonly SourceFailure[]
}

/** A copy of one log. */
export interface Mirror {
  readonly origin: string
  readonly key: VerifierKey
  /**
   * Runs a round; calls during one share it. Resolves when the copy is durable and shown. Rejects with the code of the first source that
   * failed when none brought it there, or with LOG_FORKED; what was stored before stays.
   */
  sync(signal?: AbortSignalLike): Promise<SyncResult>
  /** The stored head; undefined before the first. */
  head(): MirroredHead | undefined
  /** The newest head that was verified, stored or not. */
  newest(): MirroredHead | undefined
  /** Reads and proves from the copy; undefined before the first round. */
  reader(): LogReader | undefined
  /** Answers a GET below the log's prefix (tlog-tiles). */
  serve(path: string): Promise<ServedFile>
  /** The proof that this log forked, once it did. */
  proof(): MisbehaviorProof | undefined
  /**
   * Compares a head that the log signed with the copy: the proof where the two contradict each other, `unknown` where the head is larger than what
   * is stored. @throws VouchsafeError NOTE_*, CHECKPOINT_MALFORMED when the log did not sign it.
   */
  compare(signed: string): Promise<MisbehaviorProof | "consistent" | "unknown">
  status(): MirrorStatus
  /** Bundles that rounds of this process made durable, whether or not they came to an end. */
  readonly bundlesStored: number
  /** Waits for a round that runs. */
  close(): Promise<void>
}
