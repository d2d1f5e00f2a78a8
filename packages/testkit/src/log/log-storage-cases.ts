/**
 * What every driver of `LogStorage` must do. A driver's whole test is: open places, run each case in a new one.
 *
 * @packageDocumentation
 */
import assert from "node:assert/strict"
import { type Bytes, entriesPath, tilePath } from "@vouchsafe/core"
import type { LogEntry, LogStorage, SignedHead } from "@vouchsafe/ports"
import { type DriverCase, refuses } from "./driver-case.ts"

/** A place that keeps what a storage wrote, for as long as one case runs. */
export interface LogStoragePlace {
  open(): Promise<LogStorage>
}

const hashOf = (seed: number): Bytes => new Uint8Array(32).fill(seed)
const bytesOf = (...values: number[]): Bytes => Uint8Array.from(values)
const headOf = (size: number, seed = size): SignedHead => ({ size, root: hashOf(seed % 256), text: `head ${size} ${seed}\n\n\u2014 é 𝄞\n` })
const entryOf = (value: number, ...keys: string[]): LogEntry => ({ bytes: bytesOf(value), keys })

function batchOf(expectedSize: number, entries: readonly LogEntry[]) {
  const size = expectedSize + entries.length
  return { expectedSize, entries, hashes: [], head: { size, root: hashOf(size % 256) } }
}

async function reopened(storage: LogStorage, place: LogStoragePlace): Promise<LogStorage> {
  await storage.close()
  return place.open()
}

const staging: DriverCase<LogStoragePlace>[] = [
  {
    name: "a new place holds nothing",
    async run(place) {
      const storage = await place.open()
      assert.deepEqual(await storage.load(), { staged: undefined, signed: undefined, cosigned: undefined, keyCount: 0 })
      assert.deepEqual(await storage.readStagedEntries(0), [])
      assert.deepEqual(await storage.readStagedHashes(1, 0), [])
      assert.deepEqual(await storage.indicesByKey("a", 10), [])
      assert.equal(await storage.readFile(tilePath(0, 0)), undefined)
    },
  },
  {
    name: "a staged batch is read back, also after reopening",
    async run(place) {
      let storage = await place.open()
      const long = new Uint8Array(65_535).fill(7)
      const entries = [{ bytes: new Uint8Array(0), keys: [] }, { bytes: long, keys: ["long"] }, entryOf(3, "a", "b")]
      const hashes = [{ level: 1, index: 0, hash: hashOf(1) }, { level: 1, index: 1, hash: hashOf(2) }, { level: 2, index: 0, hash: hashOf(3) }]
      await storage.stage({ ...batchOf(0, entries), hashes })
      for (let pass = 1; pass <= 2; pass++) {
        assert.deepEqual(await storage.load(), { staged: { size: 3, root: hashOf(3) }, signed: undefined, cosigned: undefined, keyCount: 3 })
        assert.deepEqual((await storage.readStagedEntries(0)).map((entry) => Uint8Array.from(entry)), [new Uint8Array(0), long, bytesOf(3)])
        assert.deepEqual((await storage.readStagedEntries(2)).length, 1)
        assert.deepEqual(await storage.readStagedEntries(3), [])
        assert.deepEqual(await storage.readStagedHashes(1, 1), [hashOf(2)])
        assert.deepEqual(await storage.readStagedHashes(2, 0), [hashOf(3)])
        assert.deepEqual(await storage.indicesByKey("b", 10), [2])
        storage = await reopened(storage, place)
      }
    },
  },
  {
    name: "a batch for another size is refused whole",
    async run(place) {
      const storage = await place.open()
      await storage.stage(batchOf(0, [entryOf(1, "a")]))
      const before = await storage.load()
      for (const wrong of [0, 2]) await refuses(() => storage.stage(batchOf(wrong, [entryOf(2, "b")])), "STATE_UNSAFE")
      assert.deepEqual(await storage.load(), before)
      assert.deepEqual(await storage.readStagedEntries(0), [bytesOf(1)])
      assert.deepEqual(await storage.indicesByKey("b", 10), [])
      await storage.stage(batchOf(1, [entryOf(2, "a")]))
      assert.deepEqual(await storage.indicesByKey("a", 10), [0, 1])
    },
  },
  {
    name: "what was given may change afterwards, what is given out too",
    async run(place) {
      const storage = await place.open()
      const bytes = bytesOf(1)
      const root = hashOf(1)
      await storage.stage({ expectedSize: 0, entries: [{ bytes, keys: [] }], hashes: [], head: { size: 1, root } })
      await storage.putFiles([{ path: tilePath(0, 0), bytes }])
      bytes[0] = 9
      root[0] = 9;
      (await storage.readStagedEntries(0))[0]?.fill(9);
      (await storage.readFile(tilePath(0, 0)))?.fill(9)
      assert.deepEqual((await storage.load()).staged?.root, hashOf(1))
      assert.deepEqual(await storage.readStagedEntries(0), [bytesOf(1)])
      assert.deepEqual(await storage.readFile(tilePath(0, 0)), bytesOf(1))
    },
  },
  {
    name: "keys are plain bytes: no patterns, no folding, no prototypes",
    async run(place) {
      const storage = await place.open()
      const keys = ["__proto__", "constructor", "%", "_", "a%", "A", "a", "é", "e\u0301", "pkg:npm/%40x/y@1.0.0", "a b", "x".repeat(1024)]
      await storage.stage(batchOf(0, keys.map((key, i) => entryOf(i, key))))
      for (const [index, key] of keys.entries()) assert.deepEqual(await storage.indicesByKey(key, 10), [index], key)
      for (const absent of ["toString", "hasOwnProperty", "", "É", "x".repeat(1023)]) assert.deepEqual(await storage.indicesByKey(absent, 10), [], absent)
    },
  },
  {
    name: "a key given twice with one entry counts once; the newest indices come first into the limit, in ascending order",
    async run(place) {
      const storage = await place.open()
      await storage.stage(batchOf(0, [entryOf(0, "k", "k"), entryOf(1), entryOf(2, "k"), entryOf(3, "k")]))
      assert.equal((await storage.load()).keyCount, 3)
      assert.deepEqual(await storage.indicesByKey("k", 10), [0, 2, 3])
      assert.deepEqual(await storage.indicesByKey("k", 2), [2, 3])
    },
  },
]

const heads: DriverCase<LogStoragePlace>[] = [
  {
    name: "a signed head replaces only the one it expects, and lets go of what is below",
    async run(place) {
      const storage = await place.open()
      await refuses(() => storage.putSigned(0, headOf(0), []), "STATE_UNSAFE")
      await storage.putSigned(undefined, headOf(0), [0])
      await refuses(() => storage.putSigned(undefined, headOf(0), []), "STATE_UNSAFE")
      const hashes = [0, 1, 2].flatMap((index) => [1, 2].map((level) => ({ level, index, hash: hashOf(10 * level + index) })))
      await storage.stage({ ...batchOf(0, [1, 2, 3, 4].map((value) => entryOf(value, "k"))), hashes })
      await refuses(() => storage.putSigned(1, headOf(4), [4, 3, 3]), "STATE_UNSAFE")
      assert.deepEqual((await storage.load()).signed, headOf(0))
      assert.equal((await storage.readStagedEntries(0)).length, 4)
      await storage.putSigned(0, headOf(4), [2, 2, 1])
      const again = await reopened(storage, place)
      assert.deepEqual((await again.load()).signed, headOf(4))
      assert.deepEqual(await again.readStagedEntries(2), [bytesOf(3), bytesOf(4)])
      assert.deepEqual(await again.readStagedHashes(1, 2), [hashOf(12)])
      assert.deepEqual(await again.readStagedHashes(2, 1), [hashOf(21), hashOf(22)])
      await refuses(() => again.readStagedEntries(1), "LOG_BROKEN")
      await refuses(() => again.readStagedHashes(1, 1), "LOG_BROKEN")
      assert.deepEqual(await again.indicesByKey("k", 10), [0, 1, 2, 3])
    },
  },
  {
    name: "a cosigned head is replaced by a later text of its size and by a larger one, never by a smaller",
    async run(place) {
      const storage = await place.open()
      for (const next of [headOf(0), headOf(5), headOf(5, 6), headOf(7)]) {
        await storage.putCosigned(next)
        assert.deepEqual((await storage.load()).cosigned, next)
      }
      await refuses(() => storage.putCosigned(headOf(6)), "STATE_UNSAFE")
      assert.deepEqual((await (await reopened(storage, place)).load()).cosigned, headOf(7))
    },
  },
]

const files: DriverCase<LogStoragePlace>[] = [
  {
    name: "files are read back, also after reopening, and listed",
    async run(place) {
      const storage = await place.open()
      const paths = [tilePath(0, 0), tilePath(1, 0), entriesPath(0), entriesPath(1_234_067), tilePath(63, 999)]
      await storage.putFiles(paths.map((path, i) => ({ path, bytes: bytesOf(i) })))
      await storage.putFiles([])
      const again = await reopened(storage, place)
      for (const [i, path] of paths.entries()) assert.deepEqual(await again.readFile(path), bytesOf(i), path)
      assert.equal(await again.readFile(tilePath(0, 1)), undefined)
      assert.deepEqual((await again.audit()).files, [...paths].sort())
    },
  },
  {
    name: "the same bytes again succeed, other bytes are refused and the first stay",
    async run(place) {
      const storage = await place.open()
      const path = entriesPath(3)
      await storage.putFiles([{ path, bytes: bytesOf(1, 2) }])
      await storage.putFiles([{ path, bytes: bytesOf(1, 2) }])
      for (const other of [bytesOf(), bytesOf(1), bytesOf(1, 3), bytesOf(1, 2, 3)]) {
        await refuses(() => storage.putFiles([{ path, bytes: other }]), "LOG_BROKEN")
      }
      assert.deepEqual(await storage.readFile(path), bytesOf(1, 2))
    },
  },
]

const holders: DriverCase<LogStoragePlace>[] = [
  {
    name: "one holder at a time",
    async run(place) {
      const storage = await place.open()
      await refuses(() => place.open(), "STATE_UNSAFE")
      await storage.stage(batchOf(0, [entryOf(1)]))
      const again = await reopened(storage, place)
      assert.equal((await again.load()).staged?.size, 1)
    },
  },
  {
    name: "an audit counts the index and finds nothing wrong",
    async run(place) {
      const storage = await place.open()
      await storage.stage(batchOf(0, [entryOf(0, "a", "b"), entryOf(1), entryOf(2, "a")]))
      assert.deepEqual(await storage.audit(), { problems: [], files: [], keyCount: 3, keyIndexEnd: 3 })
    },
  },
]

/** The published suite of `LogStorage`. */
export const logStorageCases: readonly DriverCase<LogStoragePlace>[] = [...staging, ...heads, ...files, ...holders]
