/**
 * What a mirror holds of its log: the copy and its reader, and the proof once the log forked. Clauses of spec/mirror.md are cited as [R2], [R8].
 *
 * @packageDocumentation
 */
import {
  emptyRoot, equalBytes, formatMisbehavior, type MisbehaviorProof, nodeReaderFromTiles, openCheckpoint, parseMisbehavior, type TileReader, tilePath,
  type VerifierKey, verifyMisbehavior, VouchsafeError,
} from "@vouchsafe/core"
import { openLogReader } from "@vouchsafe/log"
import type { LogReader, SignedHead } from "@vouchsafe/ports"
import { findFork } from "./compare.ts"
import { READER_CACHE_BYTES } from "./limits.ts"
import type { MirroredHead, MirrorStore } from "./store.ts"
import type { MirrorOptions } from "./types.ts"

/** The copy of one log, with what its heads are compared by. */
export class HeldCopy {
  readonly key: VerifierKey
  readonly store: MirrorStore
  readonly #options: MirrorOptions
  #reader: LogReader | undefined
  #proof: MisbehaviorProof | undefined

  constructor(options: MirrorOptions, store: MirrorStore) {
    this.key = options.key
    this.store = store
    this.#options = options
  }

  /** [R8] also at start: what is stored is shown only after it was checked. */
  async start(): Promise<void> {
    const document = this.store.proof()
    if (document !== undefined) {
      const proof = parseMisbehavior(document)
      if (!verifyMisbehavior(this.#options.crypto, proof, this.key)) throw new VouchsafeError("LOG_BROKEN", `the stored proof against ${this.key.name} proves nothing`, { hint: "remove the mirror's folder; it is copied again" })
      this.#proof = proof
      this.#options.onProof?.(proof)
    }
    if (this.store.stored() !== undefined) await this.show()
  }

  /** Opens the copy for reading, or has its reader see what was committed since [R8]. */
  async show(): Promise<void> {
    if (this.#reader !== undefined) {
      await this.#reader.refresh()
      return
    }
    this.#reader = await openLogReader({
      storage: this.store.snapshots(), verifier: this.key, crypto: this.#options.crypto, tileCacheBytes: READER_CACHE_BYTES, bundleCacheBytes: READER_CACHE_BYTES,
    })
  }

  /** The newest head that was verified, stored or not. */
  newest(): MirroredHead | undefined {
    return this.store.pending() ?? this.store.stored()
  }

  reader(): LogReader | undefined {
    return this.#reader
  }

  proof(): MisbehaviorProof | undefined {
    return this.#proof
  }

  /** The log's own word, cosigned or not. @throws VouchsafeError NOTE_*, CHECKPOINT_MALFORMED. */
  open(signed: string): SignedHead {
    const { checkpoint } = openCheckpoint(this.#options.crypto, signed, this.key)
    const { size, root, extensions } = checkpoint
    if (extensions.length > 0) throw new VouchsafeError("CHECKPOINT_MALFORMED", `checkpoint of ${this.key.name} has extension lines, expected none`)
    if (size === 0 && !equalBytes(root, emptyRoot(this.#options.crypto))) throw new VouchsafeError("CHECKPOINT_MALFORMED", `checkpoint of ${this.key.name} gives an empty tree another root than it has`)
    return { size, root, text: signed }
  }

  /** @see Mirror */
  async compare(signed: string): Promise<MisbehaviorProof | "consistent" | "unknown"> {
    const seen = this.open(signed)
    const stored = this.store.stored()
    if (this.#reader === undefined || stored === undefined || seen.size > stored.size) return "unknown"
    return await this.#compareStored(seen, stored, this.#reader) ?? "consistent"
  }

  /** Compares an older head with the copy, or by the source's tiles where the copy does not reach so far. undefined: it is a prefix of what is known. */
  async compareOlder(source: TileReader, seen: SignedHead, known: MirroredHead): Promise<MisbehaviorProof | undefined> {
    const stored = this.store.stored()
    if (this.#reader !== undefined && stored !== undefined && seen.size <= stored.size) return this.#compareStored(seen, stored, this.#reader)
    return findFork(this.#options.crypto, this.key, seen, { ...known, nodes: nodeReaderFromTiles(this.#options.crypto, source, known.size) })
  }

  /** Compares with the copy a head that is not larger. undefined: it is a prefix of what is stored. */
  #compareStored(seen: SignedHead, stored: MirroredHead, reader: LogReader): Promise<MisbehaviorProof | undefined> {
    return findFork(this.#options.crypto, this.key, seen, { ...stored, nodes: nodeReaderFromTiles(this.#options.crypto, tilesOf(reader), stored.size) })
  }

  /** Keeps a proof and hands it out. @throws VouchsafeError LOG_FORKED unless there is none. */
  refuseFork(proof: MisbehaviorProof | undefined): void {
    if (proof === undefined) return
    this.store.putProof(formatMisbehavior(proof))
    this.#proof = proof
    this.#options.onProof?.(proof)
    throw this.forked()
  }

  forked(): VouchsafeError {
    return new VouchsafeError("LOG_FORKED", `${this.key.name} signed two histories; the older one is kept`, { details: { origin: this.key.name }, hint: "the proof convicts it: `vouchsafe log verify PROOF`" })
  }

  async close(): Promise<void> {
    await this.#reader?.close()
    this.store.close()
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
