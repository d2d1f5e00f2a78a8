/**
 * What every driver of `LogSnapshots` must do: read what a `LogStorage` on the same place wrote, without its lock.
 *
 * @packageDocumentation
 */
import assert from "node:assert/strict"
import { type Bytes, tilePath } from "@vouchsafe/core"
import type { LogSnapshots, SignedHead } from "@vouchsafe/ports"
import { type DriverCase, refuses } from "./driver-case.ts"
import type { LogStoragePlace } from "./log-storage-cases.ts"

/** A place that one storage writes and any number of readers read. */
export interface LogSnapshotsPlace extends LogStoragePlace {
  openSnapshots(): Promise<LogSnapshots>
}

const hashOf = (seed: number): Bytes => new Uint8Array(32).fill(seed)
const headOf = (size: number): SignedHead => ({ size, root: hashOf(size), text: `head ${size}\n\n\u2014 é 𝄞\n` })
const batchOf = (expectedSize: number, ...values: number[]) => ({
  expectedSize,
  entries: values.map((value) => ({ bytes: Uint8Array.of(value), keys: ["k"] })),
  hashes: [],
  head: { size: expectedSize + values.length, root: hashOf(expectedSize + values.length) },
})

/** The published suite of `LogSnapshots`. */
export const logSnapshotsCases: readonly DriverCase<LogSnapshotsPlace>[] = [
  {
    name: "a reader sees what is stored, while the storage is held",
    async run(place) {
      const storage = await place.open()
      const reader = await place.openSnapshots()
      assert.deepEqual(await reader.snapshot((records) => records.load()), { staged: undefined, signed: undefined, cosigned: undefined, keyCount: 0 })
      assert.equal(await reader.readFile(tilePath(0, 0)), undefined)
      await storage.putSigned(undefined, headOf(0), [])
      await storage.stage({ ...batchOf(0, 1, 2, 3), hashes: [{ level: 1, index: 0, hash: hashOf(7) }] })
      await storage.putFiles([{ path: tilePath(0, 0), bytes: Uint8Array.of(9) }])
      await storage.putSigned(0, headOf(3), [0, 0])
      await storage.putCosigned(headOf(3))
      assert.deepEqual(await reader.snapshot((records) => records.load()), await storage.load())
      assert.deepEqual(await reader.snapshot((records) => records.readStagedEntries(1)), [Uint8Array.of(2), Uint8Array.of(3)])
      assert.deepEqual(await reader.snapshot((records) => records.readStagedHashes(1, 0)), [hashOf(7)])
      assert.deepEqual(await reader.indicesByKey("k", 2), [1, 2])
      assert.deepEqual(await reader.readFile(tilePath(0, 0)), Uint8Array.of(9))
    },
  },
  {
    name: "what a reader reads in one snapshot was true at one moment",
    async run(place) {
      const storage = await place.open()
      const reader = await place.openSnapshots()
      await storage.putSigned(undefined, headOf(0), [])
      await storage.stage(batchOf(0, 1, 2))
      await storage.putSigned(0, headOf(2), [0])
      await reader.snapshot(async (records) => {
        const before = await records.load()
        await storage.stage(batchOf(2, 3))
        await storage.putSigned(2, headOf(3), [3])
        assert.deepEqual(await records.load(), before)
        assert.deepEqual(await records.readStagedEntries(0), [Uint8Array.of(1), Uint8Array.of(2)])
      })
      assert.equal((await reader.snapshot((records) => records.load())).signed?.size, 3)
      await refuses(() => reader.snapshot((records) => records.readStagedEntries(0)), "LOG_BROKEN")
    },
  },
  {
    name: "a reading that fails leaves the reader usable, and readers do not wait for each other",
    async run(place) {
      const storage = await place.open()
      await storage.putSigned(undefined, headOf(0), [])
      const [first, second] = [await place.openSnapshots(), await place.openSnapshots()]
      const reason = new RangeError("the reader's own")
      await assert.rejects(first.snapshot(async () => Promise.reject(reason)), reason)
      await first.snapshot(async () => {
        assert.equal((await second.snapshot((records) => records.load())).signed?.size, 0)
      })
      await second.close()
      await storage.close()
      assert.equal((await first.snapshot((records) => records.load())).signed?.size, 0)
      await (await place.open()).close()
    },
  },
]
