import { type Bytes, equalBytes, VouchsafeError } from "@vouchsafe/core"
import type { WitnessedHead, WitnessedMisbehavior, WitnessStore } from "@vouchsafe/ports"

/** Where a {@link WitnessStore} in memory keeps its heads: survives the store, can be forked and damaged. */
export interface MemoryWitnessDisk {
  open(): Promise<WitnessStore>
  fork(): MemoryWitnessDisk
  readonly heads: Map<string, WitnessedHead>
  readonly evidence: { readonly originHash: string; readonly found: WitnessedMisbehavior }[]
}

const copy = (bytes: Bytes): Bytes => Uint8Array.from(bytes)
const copyHead = (head: WitnessedHead): WitnessedHead => ({ ...head, root: copy(head.root) })
const copyEvidence = (found: WitnessedMisbehavior): WitnessedMisbehavior => ({ ...found, consistency: found.consistency.map(copy) })

function diskOf(heads: MemoryWitnessDisk["heads"], evidence: MemoryWitnessDisk["evidence"]): MemoryWitnessDisk {
  const open = async (): Promise<WitnessStore> => {
    let closed = false
    const run = async <T>(work: () => T): Promise<T> => {
      if (closed) throw new VouchsafeError("DISK", "this store is closed")
      return work()
    }
    return {
      read: (originHash) => run(() => {
        const head = heads.get(originHash)
        return head === undefined ? undefined : copyHead(head)
      }),
      compareAndSet: (originHash, expected, next) => run(() => {
        const found = heads.get(originHash)
        const same = expected === undefined || found === undefined
          ? expected === undefined && found === undefined
          : found.size === expected.size && found.timeSeconds === expected.timeSeconds && equalBytes(found.root, expected.root)
        if (same) heads.set(originHash, copyHead(next))
        return same
      }),
      addMisbehavior: (originHash, found, limit) => run(() => {
        const own = evidence.filter((one) => one.originHash === originHash)
        const isKnown = own.some((one) => one.found.older === found.older && one.found.newer === found.newer)
        if (!isKnown && own.length < limit) evidence.push({ originHash, found: copyEvidence(found) })
      }),
      misbehavior: () => run(() => evidence.map(({ found }) => copyEvidence(found))),
      close: () => run(() => {
        closed = true
      }),
    }
  }
  return { open, heads, evidence, fork: () => diskOf(new Map(heads), [...evidence]) }
}

/** An empty disk. */
export function createMemoryWitnessDisk(): MemoryWitnessDisk {
  return diskOf(new Map(), [])
}

/** As {@link WitnessStore}, but write number `failAt` (from 1) fails: lost, or kept though reported failed. */
export function failingWitnessStore(inner: WitnessStore, failAt: number, fault: "lost" | "kept"): WitnessStore {
  let writes = 0
  const write = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    writes++
    if (writes !== failAt) return work()
    if (fault === "kept") await work()
    throw new VouchsafeError("DISK", `injected: ${name} ${fault}`)
  }
  return {
    ...inner,
    compareAndSet: (originHash, expected, next) => write("compareAndSet", () => inner.compareAndSet(originHash, expected, next)),
    addMisbehavior: (originHash, found, limit) => write("addMisbehavior", () => inner.addMisbehavior(originHash, found, limit)),
  }
}
