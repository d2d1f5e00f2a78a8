/**
 * A whole copy of one log, kept up to date from its origin or from others' copies. Clauses of spec/mirror.md are cited as [R1], [R2], …
 *
 * @packageDocumentation
 */
import {
  type Crypto, emptyRoot, equalBytes, formatMisbehavior, hexEncode, isVouchsafeError, type MisbehaviorProof, nodeReaderFromTiles, openCheckpoint,
  parseMisbehavior, type TileReader, tilePath, utf8Encode, type VerifierKey, verifyMisbehavior, VouchsafeError,
} from "@vouchsafe/core"
import { openLogReader } from "@vouchsafe/log"
import type { AbortSignalLike, LogReader, ServedFile, SignedHead } from "@vouchsafe/ports"
import { findFork } from "./compare.ts"
import { copyFull, readEdge } from "./copy.ts"
import { MIRROR_ENTRIES_MAX, READER_CACHE_BYTES, SOURCE_MS_MAX } from "./limits.ts"
import { withRoom } from "./room.ts"
import { readSource, type SourceReader } from "./source.ts"
import { type MirroredHead, type MirrorStore, openMirrorStore } from "./store.ts"
import type { Mirror, MirrorOptions, MirrorStatus, SourceFailure, SyncResult } from "./types.ts"

/** What no other source mends: this disk, or the log itself. */
const FINAL_CODES: ReadonlySet<string> = new Set(["LOG_FORKED", "DISK", "LOG_BROKEN", "STATE_UNSAFE"])

/** Folder name, and path below `/mirror/`, of a log's copy (C2SP tlog-mirror). */
export function mirrorName(crypto: Crypto, origin: string): string {
  return hexEncode(crypto.sha256(utf8Encode(origin)))
}

const MISSING: ServedFile = { status: 404, body: utf8Encode("not mirrored yet\n"), contentType: "text/plain; charset=utf-8", immutable: false }

class LogMirror implements Mirror {
  readonly origin: string
  readonly key: VerifierKey
  readonly #options: MirrorOptions
  readonly #store: MirrorStore
  #reader: LogReader | undefined
  #running: Promise<SyncResult> | undefined
  #seenMs: number | null = null
  #failures: readonly SourceFailure[] = []
  #proof: MisbehaviorProof | undefined
  #bundlesStored = 0

  constructor(options: MirrorOptions, store: MirrorStore) {
    this.origin = options.key.name
    this.key = options.key
    this.#options = options
    this.#store = store
  }

  /** [R8] also at start: what is stored is shown only after it was checked. */
  async start(): Promise<void> {
    const document = this.#store.proof()
    if (document !== undefined) {
      const proof = parseMisbehavior(document)
      if (!verifyMisbehavior(this.#options.crypto, proof, this.key)) throw new VouchsafeError("LOG_BROKEN", `the stored proof against ${this.origin} proves nothing`, { hint: "remove the mirror's folder; it is copied again" })
      this.#proof = proof
      this.#options.onProof?.(proof)
    }
    if (this.#store.stored() !== undefined) await this.#show()
  }

  async #show(): Promise<void> {
    if (this.#reader !== undefined) {
      await this.#reader.refresh()
      return
    }
    this.#reader = await openLogReader({
      storage: this.#store.snapshots(), verifier: this.key, crypto: this.#options.crypto, tileCacheBytes: READER_CACHE_BYTES, bundleCacheBytes: READER_CACHE_BYTES,
    })
  }

  head(): MirroredHead | undefined {
    return this.#store.stored()
  }

  newest(): MirroredHead | undefined {
    return this.#store.pending() ?? this.#store.stored()
  }

  reader(): LogReader | undefined {
    return this.#reader
  }

  proof(): MisbehaviorProof | undefined {
    return this.#proof
  }

  get bundlesStored(): number {
    return this.#bundlesStored
  }

  async serve(path: string): Promise<ServedFile> {
    return this.#reader === undefined ? MISSING : this.#reader.serve(path)
  }

  status(): MirrorStatus {
    const [stored, pending] = [this.#store.stored(), this.#store.pending()]
    return {
      origin: this.origin, size: stored?.size ?? null, pendingSize: pending?.size ?? null, headTime: stored?.timeSeconds ?? null, seenMs: this.#seenMs,
      forked: this.#proof !== undefined, failures: this.#failures,
    }
  }

  sync(signal?: AbortSignalLike): Promise<SyncResult> {
    this.#running ??= this.#round(signal).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #round(signal: AbortSignalLike | undefined): Promise<SyncResult> {
    const { transport, clock } = this.#options
    if (this.#proof !== undefined) throw this.#forked()
    const before = this.#store.stored()
    const failures: SourceFailure[] = []
    let first: VouchsafeError | undefined
    try {
      for (const [i, source] of this.#options.sources().entries()) {
        try {
          await this.#from(readSource(source, { transport, clock, deadlineMs: clock.nowMs() + SOURCE_MS_MAX, signal }))
          const { size, text } = this.#store.stored() as MirroredHead
          // A copy that shows what is known already says nothing about whether its log still lives.
          if (i === 0 || text !== before?.text) this.#seenMs = clock.nowMs()
          return { size, grewBy: size - (before?.size ?? 0), source: source.name }
        } catch (error) {
          if (!isVouchsafeError(error) || FINAL_CODES.has(error.code)) throw error
          failures.push({ source: source.name, code: error.code, message: error.message })
          first ??= error
          if (signal?.aborted === true) break
        }
      }
    } finally {
      this.#failures = failures
    }
    throw first ?? new VouchsafeError("UNREACHABLE", `nobody to copy ${this.origin} from`)
  }

  async #from(source: SourceReader): Promise<void> {
    const seen = this.#open(await source.checkpoint())
    const known = this.newest()
    if (known !== undefined && seen.size < known.size) return this.#behind(source, seen, known)
    const target = await this.#newer(source, seen, known)
    await this.#complete(source, target)
  }

  /** The log's own word, cosigned or not. @throws VouchsafeError NOTE_*, CHECKPOINT_MALFORMED. */
  #open(signed: string): SignedHead {
    const { checkpoint } = openCheckpoint(this.#options.crypto, signed, this.key)
    const { size, root, extensions } = checkpoint
    if (extensions.length > 0) throw new VouchsafeError("CHECKPOINT_MALFORMED", `checkpoint of ${this.origin} has extension lines, expected none`)
    if (size === 0 && !equalBytes(root, emptyRoot(this.#options.crypto))) throw new VouchsafeError("CHECKPOINT_MALFORMED", `checkpoint of ${this.origin} gives an empty tree another root than it has`)
    return { size, root, text: signed }
  }

  /** [R3] An older head: a prefix of what is known, or a fork. The source may still help to reach what is known. */
  async #behind(source: SourceReader, seen: SignedHead, known: MirroredHead): Promise<never> {
    let cause: unknown
    try {
      this.#refuseFork(await this.#compareOlder(source, seen, known))
      await this.#complete(source, known)
    } catch (error) {
      if (!isVouchsafeError(error) || FINAL_CODES.has(error.code)) throw error
      cause = error
    }
    throw new VouchsafeError("LOG_ROLLED_BACK", `${source.name} shows ${seen.size} entries of ${this.origin}, ${known.size} were seen before`, { cause })
  }

  async #compareOlder(source: SourceReader, seen: SignedHead, known: MirroredHead): Promise<MisbehaviorProof | undefined> {
    const stored = this.#store.stored()
    if (this.#reader !== undefined && stored !== undefined && seen.size <= stored.size) return this.#compareStored(seen, stored, this.#reader)
    return findFork(this.#options.crypto, this.key, seen, { ...known, nodes: nodeReaderFromTiles(this.#options.crypto, source, known.size) })
  }

  /** [R1], [R2], [R4] */
  async #newer(source: SourceReader, seen: SignedHead, known: MirroredHead | undefined): Promise<MirroredHead> {
    const { crypto, check } = this.#options
    if (known !== undefined) {
      const nodes = nodeReaderFromTiles(crypto, source, seen.size)
      this.#refuseFork(await findFork(crypto, this.key, known, { ...seen, nodes }))
    }
    const result = check(seen.text)
    if (!result.ok) throw new VouchsafeError("NOTE_UNVERIFIED", result.message)
    const head = { ...seen, timeSeconds: result.head.timeSeconds }
    const entriesMax = this.#options.entriesMax ?? MIRROR_ENTRIES_MAX
    if (head.size > entriesMax) throw new VouchsafeError("UPSTREAM_FAILED", `${this.origin} has ${head.size} entries, expected at most ${entriesMax}`)
    if (known !== undefined && head.size === known.size) {
      // Only newer cosignatures may replace a note of the same head.
      if (head.timeSeconds <= known.timeSeconds) return known
      if (this.#store.pending() === undefined) this.#store.renew(head)
      else this.#store.putPending(head)
      return head
    }
    this.#store.putPending(head)
    return head
  }

  /** [R5] to [R8] */
  async #complete(source: SourceReader, target: MirroredHead): Promise<void> {
    const { crypto } = this.#options
    const stored = this.#store.stored()
    if (stored === undefined || stored.size < target.size) {
      const edge = await readEdge({ crypto, source }, target)
      const onStored = (bundles: number): void => {
        this.#bundlesStored += bundles
      }
      await copyFull({ crypto, source, files: withRoom(this.#store.files, this.#options), onStored }, stored?.size ?? 0, target, edge)
      this.#store.commit(stored?.size, target, edge)
    }
    await this.#show()
  }

  #refuseFork(proof: MisbehaviorProof | undefined): void {
    if (proof === undefined) return
    this.#store.putProof(formatMisbehavior(proof))
    this.#proof = proof
    this.#options.onProof?.(proof)
    throw this.#forked()
  }

  #forked(): VouchsafeError {
    return new VouchsafeError("LOG_FORKED", `${this.origin} signed two histories; the older one is kept`, { details: { origin: this.origin }, hint: "the proof convicts it: `vouchsafe log verify PROOF`" })
  }

  #compareStored(seen: SignedHead, stored: MirroredHead, reader: LogReader): Promise<MisbehaviorProof | undefined> {
    return findFork(this.#options.crypto, this.key, seen, { ...stored, nodes: nodeReaderFromTiles(this.#options.crypto, tilesOf(reader), stored.size) })
  }

  async compare(signed: string): Promise<MisbehaviorProof | "consistent" | "unknown"> {
    const seen = this.#open(signed)
    const stored = this.#store.stored()
    if (this.#reader === undefined || stored === undefined || seen.size > stored.size) return "unknown"
    return await this.#compareStored(seen, stored, this.#reader) ?? "consistent"
  }

  async close(): Promise<void> {
    await this.#running?.catch(() => undefined)
    await this.#reader?.close()
    this.#store.close()
  }
}

/** A copy's tiles, as everybody is served them. */
function tilesOf(reader: LogReader): TileReader {
  return {
    async tile(level, index, width) {
      const path = tilePath(level, index, width)
      const { status, body } = await reader.serve(path)
      if (status !== 200) throw new VouchsafeError("LOG_BROKEN", `the mirror of ${reader.origin} lacks ${path}`)
      return body
    },
  }
}

/**
 * Opens a mirror, with what is stored shown.
 * @throws VouchsafeError STATE_UNSAFE when another process has the folder or it is another key's, LOG_BROKEN when what is stored is damaged, DISK.
 */
export async function openMirror(options: MirrorOptions): Promise<Mirror> {
  const store = await openMirrorStore(options.directory, options.disk)
  const mirror = new LogMirror(options, store)
  try {
    await mirror.start()
  } catch (error) {
    store.close()
    throw error
  }
  return mirror
}
