/**
 * The log: what other parts ask of one, and what it asks of the place where it is kept.
 * The order in which a log calls its storage is written in spec/log-storage.md.
 *
 * @packageDocumentation
 */
import type { Bytes, VerifierKey, VouchsafeError } from "@vouchsafe/core"

/** An entry to append. `bytes` must not change before the append has settled. */
export interface LogEntry {
  readonly bytes: Bytes
  /** Names under which the entry is found again: well-formed text without control characters. */
  readonly keys: readonly string[]
}

/** A tree: its size in entries and its root. */
export interface TreeHead {
  readonly size: number
  readonly root: Bytes
}

/** A tree head with the signed note (checkpoint text and signature lines) that says so. */
export interface SignedHead extends TreeHead {
  readonly text: string
}

/** An answer to a GET of a tlog-tiles path. `body` of another status than 200 is a line of prose. */
export interface ServedFile {
  readonly status: 200 | 404
  readonly body: Bytes
  readonly contentType: string
  /** True when the bytes of this path never change, so that caches may keep them for good. */
  readonly immutable: boolean
}

/**
 * One append-only log. A method that reads answers from the newest published tree, also while a commit runs.
 * Reads reject with LOG_BROKEN when what was stored is damaged and with DISK, UNREACHABLE, TIMEOUT or UPSTREAM_FAILED when it cannot be read.
 */
export interface Log {
  /** Line 1 of its checkpoints, also the name of its key. */
  readonly origin: string
  readonly verifier: VerifierKey
  /** Entries under the newest checkpoint that this log signed. */
  readonly size: number
  /** Set once a write failed with an unknown outcome: every later append rejects with it. Opening the log anew recovers. */
  readonly failure: VouchsafeError | undefined
  /**
   * Appends entries, in order and with consecutive indices. Resolves when they are durable, their tiles are durable, and the checkpoint that
   * covers them is signed, stored and published. Rejects with:
   * LOG_BROKEN, the outcome is unknown: the entries may be in the log once it is opened anew;
   * TIMEOUT, nothing was stored: too much is waiting, try later;
   * RangeError, nothing was stored: an entry, a key or the call is over its limit.
   */
  append(entries: readonly LogEntry[]): Promise<readonly { readonly index: number }[]>
  /** Newest checkpoint that this log signed, with its signature line only. */
  checkpoint(): string
  head(): SignedHead
  /** Newest checkpoint published with cosignatures; undefined before the first. Its size may be behind {@link Log.size}. */
  cosigned(): SignedHead | undefined
  /**
   * Stores a checkpoint of this log together with its cosignatures, durably, then publishes it. The cosignatures are the caller's to check.
   * Resolves to false, with nothing changed, when a larger one is already published. Rejects with NOTE_* or CHECKPOINT_MALFORMED when this log
   * did not sign it, with LOG_BROKEN when it is not this log's tree at that size.
   */
  publishCosigned(signedText: string): Promise<boolean>
  /** @throws RangeError for an index at or above {@link Log.size}. */
  entry(index: number): Promise<Bytes>
  /** As {@link Log.entry}, several at once, in the given order. */
  entries(indices: readonly number[]): Promise<Bytes[]>
  /** Indices of the entries appended under `key`, ascending; of very many, the newest. */
  indicesByKey(key: string): Promise<number[]>
  /** Proofs are lists of 32-byte hashes as in core. @throws RangeError for an index or size outside the tree. */
  proveInclusion(index: number, size: number): Promise<Bytes[]>
  proveMulti(indices: readonly number[], size: number): Promise<Bytes[]>
  proveConsistency(oldSize: number, newSize: number): Promise<Bytes[]>
  /** Answers a GET of `path` below the log's prefix (tlog-tiles): `checkpoint`, `tile/…`, `tile/entries/…`; only canonical spellings. */
  serve(path: string): Promise<ServedFile>
  /** Lets the running commit end, rejects what waits, and gives the storage's lock back. */
  close(): Promise<void>
}

/** A hash of the tree above the leaves that is not yet part of a full tile: number `index` of tile level `level` (1 and up). */
export interface EdgeHash {
  readonly level: number
  readonly index: number
  readonly hash: Bytes
}

/** Full tiles and full entry bundles by their tlog-tiles path. Partial ones are never files. */
export interface LogFile {
  readonly path: string
  readonly bytes: Bytes
}

/** One batch on its way into the log. */
export interface StagedBatch {
  /** Size of the tree that this batch extends. */
  readonly expectedSize: number
  readonly entries: readonly LogEntry[]
  /** The hashes of levels 1 and up that these entries complete. */
  readonly hashes: readonly EdgeHash[]
  /** The tree with these entries. */
  readonly head: TreeHead
}

/** What a log knows of itself when it starts. */
export interface LogState {
  /** Newest staged tree; undefined before the first batch. Never behind `signed`. */
  readonly staged: TreeHead | undefined
  /** Newest checkpoint that was signed and stored. */
  readonly signed: SignedHead | undefined
  /** Newest checkpoint stored with cosignatures. */
  readonly cosigned: SignedHead | undefined
  /** How many (key, index) pairs all batches together staged. */
  readonly keyCount: number
}

/** What only a driver can say about what it holds. For fsck. */
export interface LogStorageAudit {
  /** Damage that the driver itself sees, a line each. */
  readonly problems: readonly string[]
  /** Paths of all files stored. */
  readonly files: readonly string[]
  /** (key, index) pairs found, and the largest index among them plus one. */
  readonly keyCount: number
  readonly keyIndexEnd: number
}

/**
 * Where a log is kept: a small transactional part (batches, heads, key index) and write-once files (tiles and bundles).
 *
 * One holder at a time: opening a driver takes an exclusive lock that ends with the process, however it ends; while it is held, opening
 * rejects with STATE_UNSAFE.
 *
 * Of every method that writes: resolving means durable, and a power cut afterwards loses nothing of it. STATE_UNSAFE and LOG_BROKEN mean
 * refused, nothing changed (of `putFiles`: nothing at that path). Any other rejection (DISK; of a place on another machine also UNREACHABLE, TIMEOUT,
 * UPSTREAM_FAILED) means the outcome is unknown: all of it or nothing may be stored.
 * Of every method that reads: rejects with one of these when the place cannot be read, LOG_BROKEN when what it holds is damaged.
 */
export interface LogStorage {
  load(): Promise<LogState>
  /** Atomic. STATE_UNSAFE when the staged size (0 at first) is not `expectedSize`. Entries of a batch take the indices from there on. */
  stage(batch: StagedBatch): Promise<void>
  /** Entries held in the transactional part, from index `from` to the staged size. LOG_BROKEN when one is missing. */
  readStagedEntries(from: number): Promise<Bytes[]>
  /** Hashes held for `level` (1 and up), from index `from` on without gaps. LOG_BROKEN when one is missing. */
  readStagedHashes(level: number, from: number): Promise<Bytes[]>
  /**
   * Stores files. Each appears atomically, whole or not at all; not atomic together. Storing the same bytes again succeeds.
   * LOG_BROKEN when a path already holds other bytes: these stay.
   */
  putFiles(files: readonly LogFile[]): Promise<void>
  /** undefined when there is no such file. */
  readFile(path: string): Promise<Bytes | undefined>
  /**
   * Like `readFile`, for whoever needs the bytes no longer than `use` runs: a driver that has them in memory of its own lends it. What `use` throws is
   * what this rejects with. undefined when there is no such file.
   */
  lendFile?<T>(path: string, use: (bytes: Bytes) => T): Promise<{ readonly used: T } | undefined>
  /**
   * Atomic. Stores a signed head in place of the one of size `expectedSize` (undefined: of none); STATE_UNSAFE when that is not the stored one.
   * Then lets go of entries below `retainFrom[0]` and of hashes of level i below `retainFrom[i]`, whose tiles are files by now.
   */
  putSigned(expectedSize: number | undefined, head: SignedHead, retainFrom: readonly number[]): Promise<void>
  /** Atomic. Stores a cosigned head in place of the former. STATE_UNSAFE when that one is larger. */
  putCosigned(head: SignedHead): Promise<void>
  /** Indices under which `key` was staged, ascending; the newest `limit` of them. */
  indicesByKey(key: string, limit: number): Promise<number[]>
  audit(): Promise<LogStorageAudit>
  /** Gives the lock back. Nothing may be called afterwards. */
  close(): Promise<void>
}

/** The write-once part of a {@link LogStorage}, where it is kept apart from the rest. */
export interface LogFiles extends Pick<LogStorage, "putFiles" | "readFile" | "lendFile"> {
  /** Paths of all files stored, sorted. */
  listFiles(): Promise<string[]>
}

/** The transactional part of a {@link LogStorage}, where it is kept apart from the files. It holds the lock. */
export interface LogRecords extends Omit<LogStorage, "putFiles" | "readFile" | "lendFile" | "audit"> {
  audit(): Promise<Omit<LogStorageAudit, "files">>
}

/** What one reading of a log's state needs. */
export type LogStateReads = Pick<LogStorage, "load" | "readStagedEntries" | "readStagedHashes">

/** A log's storage for those who only read, while another process may hold it and write. Takes no lock. */
export interface LogSnapshots extends Pick<LogStorage, "readFile" | "lendFile" | "indicesByKey" | "close"> {
  /** Runs `read` over one state of the records: what it reads was all true at one moment. */
  snapshot<T>(read: (records: LogStateReads) => Promise<T>): Promise<T>
}

/** A log as a front end sees it that another process writes: its newest state as of the last refresh. Rejects as {@link Log}. */
export interface LogReader extends Omit<Log, "append" | "failure" | "publishCosigned"> {
  /**
   * Reads the log's state anew. True when there was something new. Rejects with LOG_BROKEN, and goes on answering from what it had, when the
   * stored log is not one that extends what was answered so far.
   */
  refresh(): Promise<boolean>
}
