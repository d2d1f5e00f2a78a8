/**
 * The disks of a simulated node: what was durable survives a crash, and the next write may be told to fail.
 *
 * @packageDocumentation
 */
import { type Bytes, VouchsafeError } from "@vouchsafe/core"
import type { GossipStore } from "@vouchsafe/gossip"
import type { BlobStore, LogStorage, WitnessStore } from "@vouchsafe/ports"
import { createMemoryLogDisk, createMemoryWitnessDisk, type Fault, type MemoryLogDisk, type MemoryWitnessDisk } from "@vouchsafe/testkit"

export type Store = "log" | "notices" | "witness" | "blobs" | "gossip"
export const STORES: readonly Store[] = ["log", "notices", "witness", "blobs", "gossip"]

export interface NodeDisks {
  readonly log: MemoryLogDisk
  readonly notices: MemoryLogDisk
  readonly witness: MemoryWitnessDisk
  readonly documents: Map<string, Bytes>
  /** What gossip keeps: newest heads, and proofs, by verifier key. */
  readonly heads: Map<string, string>
  readonly proofs: Map<string, string>
  /** Faults that the next write of a store will have. */
  readonly faults: Map<Store, Fault>
}

export function createDisks(): NodeDisks {
  return { log: createMemoryLogDisk(), notices: createMemoryLogDisk(), witness: createMemoryWitnessDisk(), documents: new Map(), heads: new Map(), proofs: new Map(), faults: new Map() }
}

/** A copy that goes its own way: what a dishonest operator makes of its disks. */
export function forkDisks(disks: NodeDisks): NodeDisks {
  return { log: disks.log.fork(), notices: disks.notices.fork(), witness: disks.witness.fork(), documents: new Map(disks.documents), heads: new Map(disks.heads), proofs: new Map(disks.proofs), faults: new Map() }
}

/** The stores of one life of a node. */
export function openStores(disks: NodeDisks, isAlive: () => boolean, onFault: (store: Store, fault: Fault) => void) {
  const write = async <T>(store: Store, whole: () => Promise<T>, half: () => Promise<unknown> = async () => undefined): Promise<T> => {
    if (!isAlive()) throw new VouchsafeError("DISK", "the machine is off")
    const fault = disks.faults.get(store)
    if (fault === undefined) return whole()
    disks.faults.delete(store)
    onFault(store, fault)
    if (fault === "kept") await whole()
    else if (fault === "torn") await half()
    throw new VouchsafeError("DISK", `injected: a write of ${store} ${fault}`)
  }
  const failing = (store: "log" | "notices", inner: LogStorage): LogStorage => ({
    ...inner,
    stage: (batch) => write(store, () => inner.stage(batch)),
    putFiles: (files) => (files.length === 0 ? inner.putFiles(files) : write(store, () => inner.putFiles(files), () => inner.putFiles(files.slice(0, Math.floor(files.length / 2))))),
    putSigned: (expected, head, retain) => write(store, () => inner.putSigned(expected, head, retain)),
    putCosigned: (head) => write(store, () => inner.putCosigned(head)),
  })
  const blobs: BlobStore = {
    put: (sha256, bytes) => write("blobs", async () => void disks.documents.set(sha256, Uint8Array.from(bytes))),
    get: async (sha256) => disks.documents.get(sha256),
  }
  const gossip: GossipStore = {
    heads: async () => [...disks.heads].map(([vkey, checkpoint]) => ({ vkey, checkpoint })),
    putHead: (vkey, checkpoint) => write("gossip", async () => void disks.heads.set(vkey, checkpoint)),
    proofs: async () => [...disks.proofs].map(([vkey, document]) => ({ vkey, document })),
    addProof: (vkey, document) => write("gossip", async () => void disks.proofs.set(vkey, document)),
  }
  return {
    blobs, gossip,
    openLogStorage: async (role: "log" | "notices"): Promise<LogStorage> => failing(role, await disks[role].open()),
    async openWitnessStore(): Promise<WitnessStore> {
      const inner = await disks.witness.open()
      return { ...inner, compareAndSet: (hash, expected, next) => write("witness", () => inner.compareAndSet(hash, expected, next)) }
    },
  }
}
