import { KEY_TYPE, signerFromSeed } from "@vouchsafe/core"
import { createMemoryLogDisk, fastCrypto, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { BATCH_ENTRIES_MAX, KEY_BYTES_MAX, KEYS_PER_ENTRY_MAX, openLog } from "../src/index.ts"
import { bytes, entriesOf, entryOf, newDirectory, openOn, ORIGIN, sharedLog } from "./helpers.ts"

describe("refusals", () => {
  test.each([
    { name: "an entry of 65,536 bytes", entries: [{ bytes: bytes(65_536), keys: [] }] },
    { name: "too many keys", entries: [{ bytes: bytes(1), keys: Array.from({ length: KEYS_PER_ENTRY_MAX + 1 }, (_, i) => `k${i}`) }] },
    { name: "an empty key", entries: [{ bytes: bytes(1), keys: [""] }] },
    { name: "a key that is too long in bytes", entries: [{ bytes: bytes(1), keys: ["é".repeat(KEY_BYTES_MAX / 2 + 1)] }] },
    { name: "a key with a NUL", entries: [{ bytes: bytes(1), keys: ["a\0b"] }] },
    { name: "a key with a newline", entries: [{ bytes: bytes(1), keys: ["a\n"] }] },
    { name: "too many entries in one call", entries: entriesOf(0, BATCH_ENTRIES_MAX + 1) },
    { name: "a good entry beside a bad one", entries: [entryOf(0), { bytes: bytes(70_000), keys: [] }] },
  ])("append refuses $name and stores nothing", async ({ entries }) => {
    const log = await openOn(await createMemoryLogDisk().open())
    await expect(log.append(entries)).rejects.toBeInstanceOf(RangeError)
    expect(await log.append([entryOf(0)])).toEqual([{ index: 0 }])
    await log.close()
  })

  test("append refuses a key that is no Unicode", async () => {
    const log = await openOn(await createMemoryLogDisk().open())
    await refuses(() => log.append([{ bytes: bytes(1), keys: ["\ud800"] }]), "UTF8_MALFORMED")
    expect(log.size).toBe(0)
    await log.close()
  })

  test("an append of nothing changes nothing; one of the largest entry and of empty ones works", async () => {
    const log = await openOn(await createMemoryLogDisk().open())
    expect(await log.append([])).toEqual([])
    expect(await log.append([{ bytes: bytes(65_535), keys: [] }, { bytes: bytes(0), keys: [] }])).toEqual([{ index: 0 }, { index: 1 }])
    expect((await log.entry(0)).length).toBe(65_535)
    expect((await log.entry(1)).length).toBe(0)
    await log.close()
  })

  test("THREATS resource exhaustion: what may wait is bounded in entries and in bytes, the rest is refused at once", async () => {
    for (const limits of [{ queueEntriesMax: 10 }, { queueBytesMax: 80 }]) {
      const log = await openOn(await createMemoryLogDisk().open(), limits)
      const waiting = Array.from({ length: 20 }, (_, i) => log.append([{ bytes: bytes(8), keys: [`${i}`] }]))
      const settled = await Promise.allSettled(waiting)
      expect(settled.filter(({ status }) => status === "fulfilled").length).toBe(10)
      for (const one of settled.slice(10)) expect(one).toMatchObject({ status: "rejected", reason: { code: "TIMEOUT" } })
      // What was refused is not in the log, and there is room again.
      expect(log.size).toBe(10)
      expect(await log.append([entryOf(0)])).toEqual([{ index: 10 }])
      await log.close()
    }
  })

  test("reads outside the tree are the caller's bug", async () => {
    const log = await sharedLog()
    for (const index of [-1, 700, 1.5, Number.NaN, 2 ** 53]) await expect(log.entry(index)).rejects.toBeInstanceOf(RangeError)
    const outside = [
      () => log.proveInclusion(0, 701), () => log.proveInclusion(700, 700), () => log.proveInclusion(-1, 5), () => log.proveInclusion(0, 0),
      () => log.proveConsistency(5, 701), () => log.proveConsistency(5, 4), () => log.proveConsistency(-1, 4),
      () => log.proveMulti([], 700), () => log.proveMulti([1, 1], 700), () => log.proveMulti([2, 1], 700), () => log.proveMulti([700], 700),
    ]
    for (const prove of outside) await expect(prove()).rejects.toBeInstanceOf(RangeError)
  })

  test("a signer with another name or of another type is the caller's bug", async () => {
    const seed = new Uint8Array(32).fill(1)
    for (const wrong of [signerFromSeed("other.example/log", KEY_TYPE.ed25519, seed), signerFromSeed(ORIGIN, KEY_TYPE.cosignatureEd25519, seed)]) {
      await expect(openLog({ directory: await newDirectory(), origin: ORIGIN, signer: wrong, crypto: fastCrypto })).rejects.toBeInstanceOf(TypeError)
    }
  })
})
