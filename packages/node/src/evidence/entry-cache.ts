/**
 * Entries as the answer carries them: JSON strings in UTF-8, made once. An entry never changes, so neither does its spelling.
 *
 * @packageDocumentation
 */
import { BY_DIGEST_TYPE, type Bytes, isVouchsafeError, parseOwnEntry, utf8Decode } from "@vouchsafe/core"
import type { BlobStore, Log } from "@vouchsafe/ports"
import { ENTRY_CACHE_LENGTH_MAX } from "../limits.ts"

/** One entry, ready to be put into an answer. */
export interface ReadyEntry {
  /** The entry's text as a JSON string, quotes included, in UTF-8. */
  readonly json: Bytes
  /** The full statement of a by-digest entry, likewise. */
  readonly bodyJson: Bytes | undefined
  /** Length of both, in bytes. */
  readonly bytes: number
}

/** @see createEntryCache */
export interface EntryCache {
  /** Entries at these indices, in order. @throws VouchsafeError LOG_BROKEN, DISK. */
  ready(indices: readonly number[]): Promise<ReadyEntry[]>
}

/** Keeps the entries asked for last. */
export function createEntryCache(log: Pick<Log, "entries">, blobs: BlobStore, lengthMax = ENTRY_CACHE_LENGTH_MAX): EntryCache {
  const kept = new Map<number, ReadyEntry>()
  let length = 0

  const keep = (index: number, entry: ReadyEntry): void => {
    // One giant would push out everything that small answers are made of.
    if (kept.has(index) || entry.bytes > lengthMax / 16) return
    kept.set(index, entry)
    length += entry.bytes
    for (const [oldest, { bytes }] of kept) {
      if (length <= lengthMax) return
      kept.delete(oldest)
      length -= bytes
    }
  }

  return {
    async ready(indices) {
      const missing = indices.filter((index) => !kept.has(index))
      const found = new Map<number, ReadyEntry>()
      for (const index of indices) {
        const entry = kept.get(index)
        if (entry === undefined) continue
        // Read again: young again.
        kept.delete(index)
        kept.set(index, entry)
        found.set(index, entry)
      }
      const texts = missing.length === 0 ? [] : await log.entries(missing)
      for (const [i, index] of missing.entries()) {
        const entry = await makeReady(utf8Decode(texts[i] as Uint8Array), blobs)
        found.set(index, entry)
        keep(index, entry)
      }
      return indices.map((index) => found.get(index) as ReadyEntry)
    },
  }
}

async function makeReady(text: string, blobs: BlobStore): Promise<ReadyEntry> {
  const json = jsonBytes(text)
  const digest = bodyDigestOf(text)
  const body = digest === undefined ? undefined : await blobs.get(digest)
  const bodyJson = body === undefined ? undefined : jsonBytes(utf8Decode(body))
  return { json, bodyJson, bytes: json.length + (bodyJson?.length ?? 0) }
}

/** Memory of its own: a part of Node's pool would keep its neighbours alive. */
function jsonBytes(text: string): Bytes {
  return new Uint8Array(Buffer.from(JSON.stringify(text)))
}

/** The digest under which a by-digest entry's statement is kept. What is no statement of this log's kinds carries none. */
function bodyDigestOf(text: string): string | undefined {
  if (!text.includes(BY_DIGEST_TYPE)) return undefined
  try {
    const entry = parseOwnEntry(text)
    return entry.kind === "by-digest" ? entry.sha256 : undefined
  } catch (error) {
    if (isVouchsafeError(error)) return undefined
    throw error
  }
}
