/**
 * What a client keeps between runs. Two stores with opposite natures: the cache may lose or invent anything, since all of it is verified
 * again on reading; the state is the client's memory of what logs have signed, and forgetting is what an attacker would want.
 *
 * @packageDocumentation
 */

/** One statement about an artifact as it stands in one log, with all that proves it. Unproven until `verify` has checked it. */
export interface CachedStatement {
  /** Origin of the log. */
  readonly origin: string
  /** Signed note: the log's signature and the witnesses' cosignatures. */
  readonly checkpoint: string
  readonly index: number
  /** Text of the log entry. */
  readonly entry: string
  /** Inclusion proof of this one entry under `checkpoint`, sibling hashes from the leaf upward. */
  readonly proof: readonly Uint8Array[]
  /** Full statement, where the entry is by digest. */
  readonly body?: string
}

/**
 * Evidence kept per artifact. Holds claims and proofs, never verdicts: a policy or roster change needs no flush.
 * Bounded; may forget anything at any time. Writes are atomic per artifact and need not be durable.
 */
export interface EvidenceCache {
  /** undefined when nothing usable is there, whatever the reason. Never throws. */
  read(purl: string, registry: string): readonly CachedStatement[] | undefined
  /** Replaces what is kept for the artifact. @throws VouchsafeError DISK; the caller may go on without a cache. */
  write(purl: string, registry: string, statements: readonly CachedStatement[]): void
}

/** A notices log, held whole. */
export interface NoticesMirror {
  /** Signed note over exactly `entries`. */
  readonly checkpoint: string
  readonly entries: readonly string[]
}

/** What a compare-and-swap came to: `stored`, or the value found instead of the expected one. */
export type Swap<T> = { readonly stored: true } | { readonly stored: false; readonly current: T | undefined }

/** A stored proof that a log lied. */
export interface MisbehaviorRecord {
  /** Verifier key of the log. */
  readonly log: string
  /** The proof document (`vouchsafe-misbehavior/v1`); verify it before believing it. */
  readonly document: string
  /** Where a person finds it, if it is a file. */
  readonly path?: string
}

/**
 * What the client remembers of each log, keyed by the log's verifier key (`name+keyid+key`), so that two networks which
 * happen to use one origin never mix. Shared by all processes of a user: every change is a compare-and-swap, atomic and durable.
 *
 * @throws VouchsafeError STATE_UNSAFE (damaged, or open to others), DISK. A log whose state cannot be read must not count.
 */
export interface StateStore {
  /** Newest head remembered, as signed text. */
  head(log: string): string | undefined
  /** Stores `next` if `expected` is still what is remembered. Refuses a smaller tree than the remembered one: TypeError. */
  putHead(log: string, next: string, expected: string | undefined): Promise<Swap<string>>
  notices(log: string): NoticesMirror | undefined
  /** Stores `next` if the remembered mirror's checkpoint is still `expected`. Refuses fewer entries: TypeError. */
  putNotices(log: string, next: NoticesMirror, expected: string | undefined): Promise<Swap<NoticesMirror>>
  /** All proofs, in no particular order. There is no way to take one back. */
  misbehavior(): readonly MisbehaviorRecord[]
  addMisbehavior(log: string, document: string): Promise<MisbehaviorRecord>
  /** When each log's node was last asked, in ms since the epoch. Only saves requests: may be lost. Never throws. */
  asked(): ReadonlyMap<string, number>
  putAsked(times: ReadonlyMap<string, number>): Promise<void>
}
