/**
 * Where a log is copied from, and what is said about a source that fails (spec/mirror.md, "Sources").
 *
 * Nothing that comes from here is believed: sizes are bounded, contents are checked by whoever asked.
 *
 * @packageDocumentation
 */
import {
  type Bytes, entriesPath, HASH_BYTES, isVouchsafeError, parseEntryBundle, shown, TILE_WIDTH, type TileReader, tilePath, utf8Decode, VouchsafeError,
} from "@vouchsafe/core"
import type { AbortSignalLike, Clock, HttpTransport } from "@vouchsafe/ports"
import { BUNDLE_BYTES_MAX, CHECKPOINT_BYTES_MAX, REQUEST_MS_MAX, TILE_BYTES_MAX } from "./limits.ts"

/** One place that serves a log's tiles. */
export interface MirrorSource {
  /** Who it is, for people and figures. */
  readonly name: string
  /** Prefix of the log's files, with a trailing slash. */
  readonly url: string
}

/** A source while one round reads it. */
export interface SourceReader extends TileReader {
  readonly name: string
  checkpoint(): Promise<string>
  /** A hash tile, cut to `width` hashes. */
  tile(level: number, index: number, width: number): Promise<Bytes>
  /** A bundle of `width` entries. `bytes` are those that came: of a full bundle, the one spelling that these entries have. */
  bundle(index: number, width: number): Promise<{ readonly bytes: Bytes; readonly entries: Bytes[] }>
}

/** What reading a source needs. */
export interface ReadSource {
  readonly transport: HttpTransport
  readonly clock: Clock
  /** When this source's time is over, in ms since the epoch. */
  readonly deadlineMs: number
  readonly signal?: AbortSignalLike | undefined
}

const CUT_HINT = "what was verified is kept; the next round goes on from there"

/** Opens a source for one round. Its methods reject with the codes of spec/mirror.md. */
export function readSource(source: MirrorSource, { transport, clock, deadlineMs, signal }: ReadSource): SourceReader {
  const get = async (path: string, maxBytes: number): Promise<Bytes> => {
    const leftMs = deadlineMs - clock.nowMs()
    if (leftMs <= 0 || signal?.aborted === true) {
      throw new VouchsafeError("TIMEOUT", `${source.name} took longer than one round may`, { hint: CUT_HINT })
    }
    const { status, body } = await transport.request({
      method: "GET", url: `${source.url}${path}`, timeoutMs: Math.min(REQUEST_MS_MAX, leftMs), maxBytes, ...(signal === undefined ? {} : { signal }),
    })
    if (status === 200 && body.length <= maxBytes) return body
    if (status === 200) throw new VouchsafeError("UPSTREAM_FAILED", `${source.name} answered ${path} with ${body.length} bytes, expected at most ${maxBytes}`)
    throw new VouchsafeError(status === 404 ? "NOT_FOUND" : "UPSTREAM_FAILED", `${source.name} answered ${path} with ${status}, expected 200`)
  }
  /** Partial tiles may be gone once the full one exists (C2SP tlog-tiles). */
  const getOrFull = async (path: string, full: string, maxBytes: number): Promise<Bytes> => {
    try {
      return await get(path, maxBytes)
    } catch (error) {
      if (path === full || !isVouchsafeError(error, "NOT_FOUND")) throw error
      return get(full, maxBytes)
    }
  }
  return {
    name: source.name,
    async checkpoint() {
      return utf8Decode(await get("checkpoint", CHECKPOINT_BYTES_MAX))
    },
    async tile(level, index, width) {
      const path = tilePath(level, index, width)
      const bytes = await getOrFull(path, tilePath(level, index), TILE_BYTES_MAX)
      if (bytes.length !== width * HASH_BYTES && bytes.length !== TILE_BYTES_MAX) throw wrongTile(source.name, path, `has ${bytes.length} bytes, expected ${width * HASH_BYTES}`)
      return bytes.subarray(0, width * HASH_BYTES)
    },
    async bundle(index, width) {
      const path = entriesPath(index, width)
      const bytes = await getOrFull(path, entriesPath(index), BUNDLE_BYTES_MAX)
      let entries: Bytes[]
      try {
        entries = parseEntryBundle(bytes)
      } catch (cause) {
        if (!isVouchsafeError(cause)) throw cause
        throw wrongTile(source.name, path, cause.message, cause)
      }
      if (entries.length !== width && entries.length !== TILE_WIDTH) throw wrongTile(source.name, path, `holds ${entries.length} entries, expected ${width}`)
      return { bytes, entries: entries.slice(0, width) }
    },
  }
}

/** What a source sent is not what its log's signed head stands for. */
export function wrongTile(name: string, path: string, why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("TILE_MALFORMED", `${path} of ${shown(name)} ${why}`, { details: { path, source: name }, cause })
}
