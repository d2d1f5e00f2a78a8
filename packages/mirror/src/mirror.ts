/**
 * A whole copy of one log, kept up to date from its origin or from others' copies. Clauses of spec/mirror.md are cited as [R1], [R2], …
 *
 * @packageDocumentation
 */
import {
  type Crypto, hexEncode, isVouchsafeError, type MisbehaviorProof, nodeReaderFromTiles, utf8Encode, type VerifierKey, VouchsafeError,
} from "@vouchsafe/core"
import type { AbortSignalLike, LogReader, ServedFile, SignedHead } from "@vouchsafe/ports"
import { findFork } from "./compare.ts"
import { copyFull, readEdge } from "./copy.ts"
import { HeldCopy } from "./held.ts"
import { MIRROR_ENTRIES_MAX, SOURCE_MS_MAX } from "./limits.ts"
import { withRoom } from "./room.ts"
import { readSource, type SourceReader } from "./source.ts"
import { type MirroredHead, openMirrorStore } from "./store.ts"
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
  readonly #held: HeldCopy
  #running: Promise<SyncResult> | undefined
  #seenMs: number | null = null
  #failures: readonly SourceFailure[] = []
  #bundlesStored = 0

  constructor(options: MirrorOptions, held: HeldCopy) {
    this.origin = options.key.name
    this.key = options.key
    this.#options = options
    this.#held = held
  }

  head(): MirroredHead | undefined {
    return this.#held.store.stored()
  }

  newest(): MirroredHead | undefined {
    return this.#held.newest()
  }

  reader(): LogReader | undefined {
    return this.#held.reader()
  }

  proof(): MisbehaviorProof | undefined {
    return this.#held.proof()
  }

  get bundlesStored(): number {
    return this.#bundlesStored
  }

  async serve(path: string): Promise<ServedFile> {
    return this.#held.reader()?.serve(path) ?? MISSING
  }

  status(): MirrorStatus {
    const [stored, pending] = [this.#held.store.stored(), this.#held.store.pending()]
    return {
      origin: this.origin, size: stored?.size ?? null, pendingSize: pending?.size ?? null, headTime: stored?.timeSeconds ?? null, seenMs: this.#seenMs,
      forked: this.#held.proof() !== undefined, failures: this.#failures,
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
    if (this.#held.proof() !== undefined) throw this.#held.forked()
    const before = this.#held.store.stored()
    const failures: SourceFailure[] = []
    let first: VouchsafeError | undefined
    try {
      for (const [i, source] of this.#options.sources().entries()) {
        try {
          await this.#from(readSource(source, { transport, clock, deadlineMs: clock.nowMs() + SOURCE_MS_MAX, signal }))
          const { size, text } = this.#held.store.stored() as MirroredHead
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
    const seen = this.#held.open(await source.checkpoint())
    const known = this.newest()
    if (known !== undefined && seen.size < known.size) return this.#behind(source, seen, known)
    const target = await this.#newer(source, seen, known)
    await this.#complete(source, target)
  }

  /** [R3] An older head: a prefix of what is known, or a fork. The source may still help to reach what is known. */
  async #behind(source: SourceReader, seen: SignedHead, known: MirroredHead): Promise<never> {
    let cause: unknown
    try {
      this.#held.refuseFork(await this.#held.compareOlder(source, seen, known))
      await this.#complete(source, known)
    } catch (error) {
      if (!isVouchsafeError(error) || FINAL_CODES.has(error.code)) throw error
      cause = error
    }
    throw new VouchsafeError("LOG_ROLLED_BACK", `${source.name} shows ${seen.size} entries of ${this.origin}, ${known.size} were seen before`, { cause })
  }

  /** [R1], [R2], [R4] */
  async #newer(source: SourceReader, seen: SignedHead, known: MirroredHead | undefined): Promise<MirroredHead> {
    const { crypto, check } = this.#options
    if (known !== undefined) {
      const nodes = nodeReaderFromTiles(crypto, source, seen.size)
      this.#held.refuseFork(await findFork(crypto, this.key, known, { ...seen, nodes }))
    }
    const result = check(seen.text)
    if (!result.ok) throw new VouchsafeError("NOTE_UNVERIFIED", result.message)
    const head = { ...seen, timeSeconds: result.head.timeSeconds }
    const entriesMax = this.#options.entriesMax ?? MIRROR_ENTRIES_MAX
    if (head.size > entriesMax) throw new VouchsafeError("UPSTREAM_FAILED", `${this.origin} has ${head.size} entries, expected at most ${entriesMax}`)
    if (known !== undefined && head.size === known.size) {
      // Only newer cosignatures may replace a note of the same head.
      if (head.timeSeconds <= known.timeSeconds) return known
      if (this.#held.store.pending() === undefined) this.#held.store.renew(head)
      else this.#held.store.putPending(head)
      return head
    }
    this.#held.store.putPending(head)
    return head
  }

  /** [R5] to [R8] */
  async #complete(source: SourceReader, target: MirroredHead): Promise<void> {
    const { crypto } = this.#options
    const stored = this.#held.store.stored()
    if (stored === undefined || stored.size < target.size) {
      const edge = await readEdge({ crypto, source }, target)
      const onStored = (bundles: number): void => {
        this.#bundlesStored += bundles
      }
      await copyFull({ crypto, source, files: withRoom(this.#held.store.files, this.#options), onStored }, stored?.size ?? 0, target, edge)
      this.#held.store.commit(stored?.size, target, edge)
    }
    await this.#held.show()
  }

  compare(signed: string): Promise<MisbehaviorProof | "consistent" | "unknown"> {
    return this.#held.compare(signed)
  }

  async close(): Promise<void> {
    await this.#running?.catch(() => undefined)
    await this.#held.close()
  }
}

/**
 * Opens a mirror, with what is stored shown.
 * @throws VouchsafeError STATE_UNSAFE when another process has the folder or it is another key's, LOG_BROKEN when what is stored is damaged, DISK.
 */
export async function openMirror(options: MirrorOptions): Promise<Mirror> {
  const store = await openMirrorStore(options.directory, options.disk)
  const held = new HeldCopy(options, store)
  try {
    await held.start()
  } catch (error) {
    store.close()
    throw error
  }
  return new LogMirror(options, held)
}
