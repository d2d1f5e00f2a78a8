import { parseCheckpoint, parseNote } from "@vouchsafe/core"
import type { CachedStatement, EvidenceCache, MisbehaviorRecord, NoticesMirror, StateStore } from "@vouchsafe/ports"

const sizeOf = (signed: string): number => parseCheckpoint(parseNote(signed).text).size

/** A state in memory; passes the same suite as the one on disk. */
export function memoryState(): StateStore & { readonly heads: Map<string, string>; readonly mirrors: Map<string, NoticesMirror> } {
  const heads = new Map<string, string>()
  const mirrors = new Map<string, NoticesMirror>()
  const proofs: MisbehaviorRecord[] = []
  const asked = new Map<string, number>()
  return {
    heads, mirrors,
    head: (log) => heads.get(log),
    async putHead(log, next, expected) {
      const current = heads.get(log)
      if (current !== expected) return { stored: false, current }
      if (current !== undefined && sizeOf(next) < sizeOf(current)) throw new TypeError("a remembered head cannot be replaced by one of a smaller tree")
      heads.set(log, next)
      return { stored: true }
    },
    notices: (log) => mirrors.get(log),
    async putNotices(log, next, expected) {
      const current = mirrors.get(log)
      if (current?.checkpoint !== expected) return { stored: false, current }
      if (current !== undefined && next.entries.length < current.entries.length) throw new TypeError("a mirror of notices cannot lose entries")
      mirrors.set(log, next)
      return { stored: true }
    },
    misbehavior: () => proofs,
    async addMisbehavior(log, document) {
      const record = { log, document }
      proofs.push(record)
      return record
    },
    asked: () => asked,
    async putAsked(times) {
      for (const [log, ms] of times) asked.set(log, ms)
    },
  }
}

/** A cache in memory whose content tests may spoil. */
export function memoryCache(): EvidenceCache & { readonly files: Map<string, readonly CachedStatement[]> } {
  const files = new Map<string, readonly CachedStatement[]>()
  return {
    files,
    read: (purl, registry) => files.get(`${registry}\n${purl}`),
    write: (purl, registry, statements) => void files.set(`${registry}\n${purl}`, statements),
  }
}
