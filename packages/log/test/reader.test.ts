import { checkConsistency, checkInclusion, leafHash, openCheckpoint, signerFromSeed, KEY_TYPE, tilePath, entriesPath } from "@vouchsafe/core"
import { createMemoryLogDisk, fastCrypto, logSnapshotsCases, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { openLogReader } from "../src/index.ts"
import { entriesOf, openOn, ORIGIN, signer } from "./helpers.ts"

test.each(logSnapshotsCases)("snapshots in memory: $name", async ({ run }) => {
  await run(createMemoryLogDisk())
})

const { verifier } = signer
const openReader = async (disk: ReturnType<typeof createMemoryLogDisk>) =>
  openLogReader({ storage: await disk.openSnapshots(), verifier, crypto: fastCrypto })

describe("a reader", () => {
  test("answers as the log does, at every size", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    const reader = await openReader(disk)
    expect(reader.size).toBe(0)
    for (const count of [1, 254, 1, 300, 5]) {
      const before = reader.head()
      await log.append(entriesOf(log.size, count))
      if (count === 300) await log.publishCosigned(log.checkpoint())
      expect(reader.size).toBe(before.size)
      expect(await reader.refresh()).toBe(true)
      expect(await reader.refresh()).toBe(false)
      expect(reader.head()).toEqual(log.head())
      expect(reader.cosigned()).toEqual(log.cosigned())
      for (const path of ["checkpoint", tilePath(0, 0), entriesPath(0), "tile/0/000.p/1", `tile/0/002.p/${log.size % 256}`, "tile/9/000", "nothing"]) {
        expect(await reader.serve(path)).toEqual(await log.serve(path))
      }
      const index = log.size - 1
      const [entry] = await reader.entries([index])
      const proof = await reader.proveInclusion(index, log.size)
      const leafHashOfEntry = leafHash(fastCrypto, entry as Uint8Array)
      expect(checkInclusion(fastCrypto, { index, size: log.size, root: log.head().root, leafHash: leafHashOfEntry, proof })).toBe(true)
      expect(await reader.indicesByKey(`entry ${index}`)).toEqual([index])
      const consistency = await reader.proveConsistency(before.size, log.size)
      expect(checkConsistency(fastCrypto, { oldSize: before.size, newSize: log.size, oldRoot: before.root, newRoot: log.head().root, proof: consistency })).toBe("consistent")
      expect(openCheckpoint(fastCrypto, reader.checkpoint(), verifier).checkpoint.size).toBe(log.size)
    }
    await reader.close()
    await log.close()
  })

  test("refuses a place without a log, and one of another key", async () => {
    const disk = createMemoryLogDisk()
    await refuses(() => openReader(disk), "NOT_FOUND")
    await (await openOn(await disk.open())).close()
    const other = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(2)).verifier
    const snapshots = await disk.openSnapshots()
    await refuses(() => openLogReader({ storage: snapshots, verifier: other, crypto: fastCrypto }), "STATE_UNSAFE")
    await refuses(() => snapshots.indicesByKey("k", 1), "DISK")
    const cosigner = signerFromSeed(ORIGIN, KEY_TYPE.cosignatureEd25519, new Uint8Array(32).fill(2)).verifier
    await expect(openLogReader({ storage: await disk.openSnapshots(), verifier: cosigner, crypto: fastCrypto })).rejects.toThrow(TypeError)
  })
})

describe("a reader goes on with what it had", () => {
  type Kept = ReturnType<typeof createMemoryLogDisk>["kept"]
  test.each<{ readonly name: string; readonly damage: (kept: Kept, older: Kept) => void }>([
    { name: "the records went back in time", damage: (kept, older) => Object.assign(kept, { staged: older.staged, signed: older.signed, entries: older.entries }) },
    { name: "an entry of the edge is another", damage: (kept) => kept.entries.get(299)?.fill(0) },
    { name: "an entry of the edge is missing", damage: (kept) => kept.entries.delete(299) },
    { name: "a tile is another", damage: (kept) => kept.files.get(tilePath(0, 0))?.fill(0) },
    { name: "a tile is missing", damage: (kept) => kept.files.delete(tilePath(0, 0)) },
    { name: "the root beside the checkpoint is another", damage: (kept) => kept.signed?.root.fill(0) },
    { name: "the cosigned checkpoint is of another tree", damage: (kept) => { kept.cosigned = { ...(kept.signed as NonNullable<Kept["signed"]>), size: 299 } } },
  ])("when $name", async ({ damage }) => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 10))
    const older = disk.fork().kept
    await log.append(entriesOf(10, 190))
    const reader = await openReader(disk)
    const before = reader.head()
    await log.append(entriesOf(200, 100))
    damage(disk.kept, older)
    await refuses(() => reader.refresh(), "LOG_BROKEN")
    expect(reader.head()).toEqual(before)
    expect(reader.checkpoint()).toBe(before.text)
    await reader.close()
  })

  test("when somebody rewrote history with the log's own key", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 10))
    const reader = await openReader(disk)
    const other = createMemoryLogDisk()
    const forked = await openOn(await other.open())
    await forked.append(entriesOf(5, 20))
    Object.assign(disk.kept, { staged: other.kept.staged, signed: other.kept.signed, entries: other.kept.entries })
    await refuses(() => reader.refresh(), "LOG_BROKEN")
    expect(reader.size).toBe(10)
  })
})
