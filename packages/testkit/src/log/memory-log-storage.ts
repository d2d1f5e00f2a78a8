/**
 * A log's storage in memory. What a real disk keeps, a {@link MemoryLogDisk} keeps: it survives its holder and can be forked and damaged.
 *
 * @packageDocumentation
 */
import { type Bytes, equalBytes, VouchsafeError } from "@vouchsafe/core"
import type { LogSnapshots, LogState, LogStorage, SignedHead, StagedBatch, TreeHead } from "@vouchsafe/ports"

interface Kept {
  staged: TreeHead | undefined
  signed: SignedHead | undefined
  cosigned: SignedHead | undefined
  readonly entries: Map<number, Bytes>
  readonly hashes: Map<string, Bytes>
  readonly keys: Map<string, number[]>
  readonly files: Map<string, Bytes>
  keyCount: number
}

/** The disk below. */
export interface MemoryLogDisk {
  /** Takes the lock. Rejects with STATE_UNSAFE while somebody has it. */
  open(): Promise<LogStorage>
  /** Takes no lock. */
  openSnapshots(): Promise<LogSnapshots>
  /** The holder dies: the lock is free, what was written stays, the dead storage refuses everything. */
  crash(): void
  /** Another disk with the same content, held by nobody. */
  fork(): MemoryLogDisk
  /** What is kept, to be damaged by tests. */
  readonly kept: Kept
}

const copy = (bytes: Bytes): Bytes => Uint8Array.from(bytes)
const hashName = (level: number, index: number): string => `${level}/${index}`

function broken(why: string): VouchsafeError {
  return new VouchsafeError("LOG_BROKEN", why)
}

function unsafe(why: string): VouchsafeError {
  return new VouchsafeError("STATE_UNSAFE", why)
}

function stage(kept: Kept, batch: StagedBatch): void {
  const size = kept.staged?.size ?? 0
  if (size !== batch.expectedSize) throw unsafe(`the log has ${size} staged entries, expected ${batch.expectedSize}`)
  batch.entries.forEach(({ bytes, keys }, i) => {
    kept.entries.set(size + i, copy(bytes))
    for (const key of new Set(keys)) {
      kept.keys.set(key, [...kept.keys.get(key) ?? [], size + i])
      kept.keyCount++
    }
  })
  for (const { level, index, hash } of batch.hashes) kept.hashes.set(hashName(level, index), copy(hash))
  kept.staged = { size: batch.head.size, root: copy(batch.head.root) }
}

function readStagedEntries(kept: Kept, from: number): Bytes[] {
  const entries: Bytes[] = []
  for (let index = from; index < (kept.staged?.size ?? 0); index++) {
    const entry = kept.entries.get(index)
    if (entry === undefined) throw broken(`entry ${index} is missing`)
    entries.push(copy(entry))
  }
  return entries
}

function readStagedHashes(kept: Kept, level: number, from: number): Bytes[] {
  const indices = [...kept.hashes.keys()].map((name) => name.split("/").map(Number) as [number, number])
    .filter(([at, index]) => at === level && index >= from).map(([, index]) => index).sort((a, b) => a - b)
  return indices.map((index, i) => {
    if (index !== from + i) throw broken(`hash ${from + i} of level ${level} is missing`)
    return copy(kept.hashes.get(hashName(level, index)) as Bytes)
  })
}

function putSigned(kept: Kept, expectedSize: number | undefined, head: SignedHead, retainFrom: readonly number[]): void {
  if (kept.signed?.size !== expectedSize) throw unsafe(`the stored checkpoint has size ${kept.signed?.size}, expected ${expectedSize}`)
  kept.signed = { ...head, root: copy(head.root) }
  for (const index of kept.entries.keys()) if (index < (retainFrom[0] ?? 0)) kept.entries.delete(index)
  for (const name of kept.hashes.keys()) {
    const [level, index] = name.split("/").map(Number) as [number, number]
    if (index < (retainFrom[level] ?? 0)) kept.hashes.delete(name)
  }
}

function putFile(kept: Kept, path: string, bytes: Bytes): void {
  const there = kept.files.get(path)
  if (there !== undefined && !equalBytes(there, bytes)) throw broken(`${path} already holds other bytes`)
  kept.files.set(path, copy(bytes))
}

function storageOver(kept: Kept, isAlive: () => boolean, release: () => void): LogStorage {
  const run = async <T>(work: () => T): Promise<T> => {
    if (!isAlive()) throw new VouchsafeError("DISK", "this storage is closed")
    return work()
  }
  return {
    load: () => run((): LogState => ({ staged: kept.staged, signed: kept.signed, cosigned: kept.cosigned, keyCount: kept.keyCount })),
    stage: (batch) => run(() => stage(kept, batch)),
    readStagedEntries: (from) => run(() => readStagedEntries(kept, from)),
    readStagedHashes: (level, from) => run(() => readStagedHashes(kept, level, from)),
    putFiles: (files) => run(() => files.forEach(({ path, bytes }) => putFile(kept, path, bytes))),
    readFile: (path) => run(() => {
      const bytes = kept.files.get(path)
      return bytes === undefined ? undefined : copy(bytes)
    }),
    putSigned: (expectedSize, head, retainFrom) => run(() => putSigned(kept, expectedSize, head, retainFrom)),
    putCosigned: (head) => run(() => {
      if ((kept.cosigned?.size ?? 0) > head.size) throw unsafe(`the stored cosigned checkpoint has size ${kept.cosigned?.size}`)
      kept.cosigned = { ...head, root: copy(head.root) }
    }),
    indicesByKey: (key, limit) => run(() => (kept.keys.get(key) ?? []).slice(-limit)),
    audit: () => run(() => ({
      problems: [], files: [...kept.files.keys()].sort(),
      keyCount: [...kept.keys.values()].reduce((sum, indices) => sum + indices.length, 0),
      keyIndexEnd: [...kept.keys.values()].flat().reduce((end, index) => Math.max(end, index + 1), 0),
    })),
    close: () => run(release),
  }
}

function copyOf(kept: Kept): Kept {
  return {
    ...kept, entries: new Map(kept.entries), hashes: new Map(kept.hashes), files: new Map(kept.files),
    keys: new Map([...kept.keys].map(([key, indices]) => [key, [...indices]])),
  }
}

function diskOf(kept: Kept): MemoryLogDisk {
  let holder = 0
  let held = false
  return {
    kept,
    async open() {
      if (held) throw unsafe("the log is open already")
      held = true
      const own = ++holder
      return storageOver(kept, () => held && holder === own, () => {
        held = false
      })
    },
    async openSnapshots() {
      let closed = false
      const storage = storageOver(kept, () => !closed, () => {
        closed = true
      })
      return {
        readFile: storage.readFile, indicesByKey: storage.indicesByKey, close: storage.close,
        // A copy, so that `read` may take its time.
        snapshot: async (read) => read(storageOver(copyOf(kept), () => !closed, () => undefined)),
      }
    },
    crash() {
      held = false
    },
    fork: () => diskOf(copyOf(kept)),
  }
}

/** An empty disk. */
export function createMemoryLogDisk(): MemoryLogDisk {
  return diskOf({
    staged: undefined, signed: undefined, cosigned: undefined, entries: new Map(), hashes: new Map(), keys: new Map(), files: new Map(), keyCount: 0,
  })
}
