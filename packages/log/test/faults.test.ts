import { checkConsistency, equalBytes, leafHash, openCheckpoint, parseCheckpoint, proveConsistency, rootOfLeaves, utf8Decode } from "@vouchsafe/core"
import type { Log } from "@vouchsafe/ports"
import { failingLogStorage, type Fault, FAULTS, fastCrypto, recordingSigner } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { auditLog } from "../src/index.ts"
import { DRIVERS, entriesOf, entryOf, FSCK, openOn, type Place, signer } from "./helpers.ts"

/** Sizes that end before, on and after tile borders. */
const BATCHES = [3, 253, 1, 520, 250]

/** Appends until something fails. Returns the first entries that were acknowledged, as their count. */
async function runScenario(log: Log): Promise<{ readonly acknowledged: number; readonly failed: boolean }> {
  let acknowledged = 0
  for (const [i, count] of BATCHES.entries()) {
    try {
      const given = await log.append(entriesOf(acknowledged, count))
      expect(given[0]?.index).toBe(acknowledged)
      acknowledged += count
    } catch (error) {
      expect(error).toMatchObject({ code: "LOG_BROKEN" })
      expect(log.failure).toBe(error)
      return { acknowledged, failed: true }
    }
    try {
      if (i % 2 === 1) await log.publishCosigned(log.checkpoint())
    } catch (error) {
      expect(error).toMatchObject({ code: "DISK" })
      return { acknowledged, failed: true }
    }
  }
  return { acknowledged, failed: false }
}

async function expectClean(place: Place): Promise<void> {
  const storage = await place.open()
  expect(await auditLog(storage, FSCK)).toEqual([])
  await storage.close()
}

/** Every message ever signed is the head of the one final tree. */
function expectOneHistory(messages: readonly string[], size: number): void {
  expect(messages.map((message) => parseCheckpoint(message)).filter((head) => head.size > size || !equalBytes(head.root, rootAt(head.size)))).toEqual([])
}

/** Root of the first `size` entries of the tests. */
function rootAt(size: number): Uint8Array {
  const known = roots.get(size) ?? rootOfLeaves(fastCrypto, entriesOf(0, size).map(({ bytes }) => leafHash(fastCrypto, bytes)))
  roots.set(size, known)
  return known
}
const roots = new Map<number, Uint8Array>()

async function runWithFault(place: Place, failAt: number, fault: Fault): Promise<void> {
  const { signer: recording, messages } = recordingSigner(signer)
  const failing = failingLogStorage(await place.open(), failAt, fault)
  let acknowledged = 0
  try {
    const log = await openOn(failing.storage, { signer: recording })
    const outcome = await runScenario(log)
    expect(outcome.failed).toBe(true)
    acknowledged = outcome.acknowledged
    expect(failing.writes.length, "a log that stopped writes nothing more").toBe(failAt)
    if (log.failure !== undefined) await expect(log.append([entryOf(0)])).rejects.toBe(log.failure)
    await log.close()
  } catch (error) {
    // Only the first write happens while the log opens.
    if (failAt !== 1) throw error
    expect(error).toMatchObject({ code: "DISK" })
  }
  await expectClean(place)

  const log = await openOn(await place.open(), { signer: recording })
  // Each acknowledged entry is there, and what else is there is the batch whose outcome was unknown, whole.
  const kept = log.size
  expect([acknowledged, acknowledged + (BATCHES.find((_, i) => sum(BATCHES.slice(0, i)) === acknowledged) ?? 0)]).toContain(kept)
  const found = await log.entries(Array.from({ length: kept }, (_, index) => index))
  expect(found.map(utf8Decode)).toEqual(found.map((_, index) => `entry ${index}`))
  await log.append(entriesOf(kept, 300))
  expect(openCheckpoint(fastCrypto, log.checkpoint(), signer.verifier).checkpoint.size).toBe(kept + 300)
  await log.close()
  await expectClean(place)
  expectOneHistory(messages, kept + 300)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

describe.each(DRIVERS)("every write fails, on $driver", ({ newPlace }) => {
  test.each(FAULTS)("%s: fsck is clean, no acknowledged entry is lost, one history is signed", async (fault) => {
    const place = await newPlace()
    const counted = failingLogStorage(await place.open(), 0, fault)
    const log = await openOn(counted.storage)
    expect(await runScenario(log)).toEqual({ acknowledged: sum(BATCHES), failed: false })
    await log.close()
    await expectClean(place)
    // open; per batch: stage, files where a tile fills up, checkpoint; two cosigned checkpoints
    expect(counted.writes).toEqual([
      "putSigned", "stage", "putSigned", "stage", "putFiles", "putSigned", "putCosigned", "stage", "putSigned",
      "stage", "putFiles", "putSigned", "putCosigned", "stage", "putFiles", "putSigned",
    ])
    for (let failAt = 1; failAt <= counted.writes.length; failAt++) await runWithFault(await newPlace(), failAt, fault)
  })
})

describe("every write fails twice in a row", () => {
  test("a recovery that is interrupted is recovered in turn", async () => {
    for (const fault of FAULTS) {
      for (let failAt = 2; failAt <= 12; failAt++) {
        for (let again = 1; again <= 3; again++) {
          const place = await (DRIVERS[0] as (typeof DRIVERS)[number]).newPlace()
          const { signer: recording, messages } = recordingSigner(signer)
          const log = await openOn(failingLogStorage(await place.open(), failAt, fault).storage, { signer: recording })
          const { acknowledged } = await runScenario(log)
          await log.close()
          const second = failingLogStorage(await place.open(), again, fault)
          try {
            await (await openOn(second.storage, { signer: recording })).close()
          } catch (error) {
            expect(error).toMatchObject({ code: "DISK" })
          }
          await expectClean(place)
          const third = await openOn(await place.open(), { signer: recording })
          expect(third.size).toBeGreaterThanOrEqual(acknowledged)
          await third.append(entriesOf(third.size, 10))
          await third.close()
          await expectClean(place)
          expectOneHistory(messages, third.size)
        }
      }
    }
  })
})

test("the judge of this file sees a second history", () => {
  const leaves = entriesOf(0, 5).map(({ bytes }) => leafHash(fastCrypto, bytes))
  const other = entriesOf(1, 4).map(({ bytes }) => leafHash(fastCrypto, bytes))
  const text = (hashes: Uint8Array[]) => `log.example/npm\n${hashes.length}\n${Buffer.from(rootOfLeaves(fastCrypto, hashes)).toString("base64")}\n`
  expect(() => expectOneHistory([text(leaves.slice(0, 4)), text(leaves)], 5)).not.toThrow()
  expect(() => expectOneHistory([text(other), text(leaves)], 5)).toThrow()
  expect(checkConsistency(fastCrypto, {
    oldSize: 4, newSize: 5, oldRoot: rootOfLeaves(fastCrypto, other), newRoot: rootOfLeaves(fastCrypto, leaves),
    proof: proveConsistency(fastCrypto, leaves, { oldSize: 4, newSize: 5 }),
  })).not.toBe("consistent")
})
