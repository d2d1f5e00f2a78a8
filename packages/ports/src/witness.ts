/**
 * Where a witness remembers what it has cosigned.
 *
 * @packageDocumentation
 */
import type { Bytes } from "@vouchsafe/core"

/** The newest checkpoint that the witness cosigned for one log. */
export interface WitnessedHead {
  readonly origin: string
  readonly size: number
  readonly root: Bytes
  /** The checkpoint with the log's and the witness's signature lines. */
  readonly text: string
  /** Time of that cosignature, POSIX seconds. */
  readonly timeSeconds: number
}

/** Two checkpoints signed by one log that cannot both be true. */
export interface WitnessedMisbehavior {
  readonly origin: string
  /** The signed checkpoint that the witness had cosigned. */
  readonly older: string
  /** The signed checkpoint that contradicts it. */
  readonly newer: string
  /** Empty for two roots at one size; else a consistency proof that rebuilds the newer root but another older one. */
  readonly consistency: readonly Bytes[]
  readonly seenAtSeconds: number
}

/**
 * Heads by `originHash`, the lower-case hexadecimal SHA-256 of the log's origin.
 *
 * Of every method that writes: resolving means durable. A rejection (DISK) means the outcome is unknown: all of it or nothing may be stored.
 */
export interface WitnessStore {
  /** undefined when no checkpoint of that log was ever stored. */
  read(originHash: string): Promise<WitnessedHead | undefined>
  /**
   * Atomic per log, also between processes: stores `next` when the stored head has size, root and time of `expected` (undefined: when there is
   * none). Resolves to false, with nothing changed, when it has not. The time is compared so that two that cosign at once can never name times
   * that contradict the order of their heads, which would convict the witness (spec/misbehavior.md).
   */
  compareAndSet(originHash: string, expected: Pick<WitnessedHead, "size" | "root" | "timeSeconds"> | undefined, next: WitnessedHead): Promise<boolean>
  /** Keeps evidence unless this log already has `limit` pieces, or the same pair of checkpoints is kept. */
  addMisbehavior(originHash: string, evidence: WitnessedMisbehavior, limit: number): Promise<void>
  /** All evidence kept, oldest first. */
  misbehavior(): Promise<WitnessedMisbehavior[]>
  close(): Promise<void>
}
