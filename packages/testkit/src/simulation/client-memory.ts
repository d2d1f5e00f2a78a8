/**
 * A client's state and cache in memory. They outlive the client, as its disk would.
 *
 * @packageDocumentation
 */
import type { CachedStatement, EvidenceCache, MisbehaviorRecord, NoticesMirror, StateStore } from "@vouchsafe/ports"

/** Also shows what it holds, to tests. */
export interface MemoryState extends StateStore {
  readonly heads: ReadonlyMap<string, string>
  readonly mirrors: ReadonlyMap<string, NoticesMirror>
}

/** An empty memory that keeps the rules of the port. */
export function createMemoryState(): MemoryState {
  const heads = new Map<string, string>()
  const mirrors = new Map<string, NoticesMirror>()
  const proofs: MisbehaviorRecord[] = []
  const asked = new Map<string, number>()
  const sizeOf = (note: string): number => Number(note.split("\n", 2)[1])
  return {
    heads, mirrors,
    head: (log) => heads.get(log),
    async putHead(log, next, expected) {
      const current = heads.get(log)
      if (current !== expected) return { stored: false, current }
      if (current !== undefined && sizeOf(next) < sizeOf(current)) throw new TypeError(`a head of ${sizeOf(next)} entries in place of one of ${sizeOf(current)}`)
      heads.set(log, next)
      return { stored: true }
    },
    notices: (log) => mirrors.get(log),
    async putNotices(log, next, expected) {
      const current = mirrors.get(log)
      if (current?.checkpoint !== expected) return { stored: false, current }
      if (current !== undefined && next.entries.length < current.entries.length) throw new TypeError("a mirror of notices that lost entries")
      mirrors.set(log, next)
      return { stored: true }
    },
    misbehavior: () => [...proofs],
    async addMisbehavior(log, document) {
      const record = { log, document }
      if (!proofs.some((known) => known.log === log && known.document === document)) proofs.push(record)
      return record
    },
    asked: () => asked,
    async putAsked(times) {
      for (const [log, ms] of times) asked.set(log, ms)
    },
  }
}

/** An empty cache; `clear` forgets, which a cache may. */
export function createMemoryCache(): EvidenceCache & { clear(): void; readonly files: Map<string, readonly CachedStatement[]> } {
  const files = new Map<string, readonly CachedStatement[]>()
  const keyOf = (purl: string, registry: string): string => `${registry}\n${purl}`
  return {
    files,
    clear: () => files.clear(),
    read: (purl, registry) => files.get(keyOf(purl, registry)),
    write: (purl, registry, statements) => void files.set(keyOf(purl, registry), statements),
  }
}
