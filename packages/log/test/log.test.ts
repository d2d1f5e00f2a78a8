import { openCheckpoint, utf8Decode } from "@vouchsafe/core"
import { createMemoryLogDisk, failingLogStorage, fastCrypto, recordingSigner, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { auditLog } from "../src/index.ts"
import { DRIVERS, entriesOf, entryOf, FSCK, openOn, ORIGIN, signer } from "./helpers.ts"

const headIn = (text: string) => openCheckpoint(fastCrypto, text, signer.verifier).checkpoint

describe.each(DRIVERS)("a log on $driver", ({ newPlace }) => {
  test("starts with a signed empty tree, and gives entries, index and checkpoint back after reopening", async () => {
    const place = await newPlace()
    let log = await openOn(await place.open())
    expect(headIn(log.checkpoint())).toMatchObject({ origin: ORIGIN, size: 0 })
    expect(log.cosigned()).toBeUndefined()
    const given = await log.append(entriesOf(0, 600))
    expect(given.map(({ index }) => index)).toEqual(Array.from({ length: 600 }, (_, i) => i))
    const checkpoint = log.checkpoint()
    expect(headIn(checkpoint).size).toBe(600)
    await log.close()

    log = await openOn(await place.open())
    expect(log.checkpoint()).toBe(checkpoint)
    for (const index of [0, 255, 256, 511, 512, 599]) expect(utf8Decode(await log.entry(index))).toBe(`entry ${index}`)
    expect((await log.entries([599, 0])).map(utf8Decode)).toEqual(["entry 599", "entry 0"])
    expect(await log.indicesByKey("entry 300")).toEqual([300])
    expect(await log.indicesByKey("remainder 3")).toEqual([3, 100, 197, 294, 391, 488, 585])
    expect(await log.append([entryOf(600)])).toEqual([{ index: 600 }])
    await log.close()
    const storage = await place.open()
    expect(await auditLog(storage, FSCK)).toEqual([])
    await storage.close()
  })

  test("callers of one turn share one commit and one signature", async () => {
    const { signer: recording, messages } = recordingSigner(signer)
    const log = await openOn(await (await newPlace()).open(), { signer: recording })
    messages.length = 0
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => log.append([entryOf(2 * i), entryOf(2 * i + 1)])))
    expect(results.flat().map(({ index }) => index)).toEqual(Array.from({ length: 200 }, (_, i) => i))
    expect(messages.length).toBe(1)
    await log.close()
  })

  test("an entry acknowledged is under the published checkpoint at that moment", async () => {
    const log = await openOn(await (await newPlace()).open())
    for (let i = 0; i < 5; i++) {
      const [given] = await log.append([entryOf(i)])
      expect(headIn(utf8Decode((await log.serve("checkpoint")).body)).size).toBeGreaterThan(given?.index ?? Number.NaN)
    }
    await log.close()
  })
})

describe("cosigned checkpoints", () => {
  test("are published only when they are this log's, and never go back", async () => {
    const disk = createMemoryLogDisk()
    let log = await openOn(await disk.open())
    await log.append(entriesOf(0, 3))
    const three = log.checkpoint()
    await log.append(entriesOf(3, 300))
    const newest = log.checkpoint()
    expect(await log.publishCosigned(three)).toBe(true)
    expect(log.cosigned()).toMatchObject({ size: 3, text: three })
    expect(utf8Decode((await log.serve("checkpoint")).body)).toBe(three)
    expect(await log.publishCosigned(newest)).toBe(true)
    expect(await log.publishCosigned(three)).toBe(false)
    expect(log.cosigned()?.text).toBe(newest)
    await log.close()
    log = await openOn(await disk.open())
    expect(log.cosigned()?.text).toBe(newest)
    await log.close()
  })

  test("of another tree, size or key are refused", async () => {
    const log = await openOn(await createMemoryLogDisk().open())
    const twin = await openOn(await createMemoryLogDisk().open())
    await log.append(entriesOf(0, 5))
    await twin.append(entriesOf(1, 5))
    await refuses(() => log.publishCosigned(twin.checkpoint()), "LOG_BROKEN")
    await twin.append(entriesOf(1, 5))
    await refuses(() => log.publishCosigned(twin.checkpoint()), "LOG_BROKEN")
    await refuses(() => log.publishCosigned(log.checkpoint().replace("\n5\n", "\n4\n")), "NOTE_UNVERIFIED")
    await refuses(() => log.publishCosigned("five"), "NOTE_MALFORMED")
    expect(log.cosigned()).toBeUndefined()
    expect(await log.publishCosigned(log.checkpoint())).toBe(true)
    await Promise.all([log.close(), twin.close()])
  })
})

test("[S7] readers see an entry, its key and its checkpoint at one moment, after all of it is durable", async () => {
  const storage = await createMemoryLogDisk().open()
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let arrived = (): void => undefined
  const signing = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const log = await openOn({
    ...storage,
    async putSigned(...given) {
      await storage.putSigned(...given)
      if (given[1].size === 0) return
      arrived()
      await gate
    },
  })
  const appending = log.append([entryOf(0)])
  await signing
  expect(log.size).toBe(0)
  expect(await log.indicesByKey("entry 0")).toEqual([])
  await expect(log.entry(0)).rejects.toBeInstanceOf(RangeError)
  expect((await log.serve("tile/0/000.p/1")).status).toBe(404)
  release()
  await appending
  expect(await log.indicesByKey("entry 0")).toEqual([0])
  expect((await log.serve("tile/0/000.p/1")).status).toBe(200)
  await log.close()
})

test("[S9] after a failed write what waited is refused, and the storage is not touched again", async () => {
  const failing = failingLogStorage(await createMemoryLogDisk().open(), 2, "lost")
  const log = await openOn(failing.storage, { batchEntriesMax: 2 })
  const settled = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => log.append([entryOf(2 * i), entryOf(2 * i + 1)])))
  for (const one of settled) expect(one).toMatchObject({ status: "rejected", reason: { code: "LOG_BROKEN" } })
  expect(failing.writes).toEqual(["putSigned", "stage"])
  await log.close()
})

test("closing lets the running commit end, refuses what waits, and commits nothing more", async () => {
  const inner = await createMemoryLogDisk().open()
  let staged = (): void => undefined
  const staging = new Promise<void>((resolve) => {
    staged = resolve
  })
  const { storage, writes } = failingLogStorage(inner, 0, "lost", (moment) => {
    if (moment === "after stage") staged()
  })
  const log = await openOn(storage, { batchEntriesMax: 1 })
  const settled = Promise.allSettled([log.append([entryOf(0)]), log.append([entryOf(1)])])
  await staging
  await log.close()
  expect(await settled).toMatchObject([{ status: "fulfilled" }, { status: "rejected", reason: { code: "STATE_UNSAFE" } }])
  expect(writes).toEqual(["putSigned", "stage", "putSigned"])

  const idle = failingLogStorage(await createMemoryLogDisk().open(), 0, "lost")
  const closedAtOnce = await openOn(idle.storage)
  const refused = Promise.allSettled([closedAtOnce.append([entryOf(0)])])
  await closedAtOnce.close()
  expect(await refused).toMatchObject([{ status: "rejected", reason: { code: "STATE_UNSAFE" } }])
  expect(idle.writes).toEqual(["putSigned"])
})

test("[S4] tiles that do not read back as they were written: nothing is signed over them", async () => {
  const disk = createMemoryLogDisk()
  const { signer: recording, messages } = recordingSigner(signer)
  const storage = await disk.open()
  const readFile = async (path: string): Promise<Uint8Array | undefined> => {
    const bytes = await storage.readFile(path)
    if (bytes !== undefined && path === "tile/0/001") bytes[32 * 44] = (bytes[32 * 44] as number) ^ 1
    return bytes
  }
  const log = await openOn({ ...storage, readFile }, { signer: recording })
  await log.append(entriesOf(0, 300))
  messages.length = 0
  await refuses(() => log.append(entriesOf(300, 300)), "LOG_BROKEN")
  expect(messages).toEqual([])
  expect(log.size).toBe(300)
  await log.close()
})

test("a signer that signs something else is found out before anything is published", async () => {
  const disk = createMemoryLogDisk()
  await (await openOn(await disk.open())).close()
  let lies = false
  const liar = { verifier: signer.verifier, sign: (message: Uint8Array) => signer.sign(lies ? message.slice(1) : message) }
  const log = await openOn(await disk.open(), { signer: liar })
  lies = true
  await refuses(() => log.append([entryOf(0)]), "LOG_BROKEN")
  expect(headIn(log.checkpoint()).size).toBe(0)
  expect(log.failure).toMatchObject({ code: "LOG_BROKEN" })
  await refuses(() => log.append([entryOf(1)]), "LOG_BROKEN")
  await log.close()
})
