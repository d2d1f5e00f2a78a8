import { KEY_TYPE, leafHash, openCheckpoint, parseEntryBundle, rootOfLeaves, signerFromSeed, tilePath, utf8Decode } from "@vouchsafe/core"
import type { Log } from "@vouchsafe/ports"
import { createMemoryLogDisk, failingLogStorage, fastCrypto, recordingSigner, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { auditLog, BATCH_ENTRIES_MAX, KEY_BYTES_MAX, KEYS_PER_ENTRY_MAX, openLog } from "../src/index.ts"
import { DRIVERS, entriesOf, entryOf, FSCK, newDirectory, openOn, ORIGIN, signer } from "./helpers.ts"

const headIn = (text: string) => openCheckpoint(fastCrypto, text, signer.verifier).checkpoint
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(1)

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

describe("partial tiles", () => {
  test("for every published size, all tiles that it implies are served and hold the right hashes", async () => {
    const log = await openOn(await createMemoryLogDisk().open())
    for (const count of [1, 2, 252, 1, 1, 254, 3]) {
      await log.append(entriesOf(log.size, count))
      const full = Math.floor(log.size / 256)
      for (let index = 0; index < full; index++) {
        expect(await log.serve(tilePath(0, index))).toMatchObject({ status: 200 })
        expect(parseEntryBundle((await log.serve(tilePath("entries", index))).body).length).toBe(256)
      }
      const width = log.size % 256
      if (width > 0) {
        expect((await log.serve(tilePath(0, full, width))).body.length).toBe(32 * width)
        expect(parseEntryBundle((await log.serve(tilePath("entries", full, width))).body, width).map(utf8Decode))
          .toEqual(Array.from({ length: width }, (_, i) => `entry ${256 * full + i}`))
      }
      if (full > 0) expect((await log.serve(tilePath(1, 0, full))).body.length).toBe(32 * full)
    }
    // Sizes published on the way stay fetchable after the full tile exists: the first was 1.
    const whole = (await log.serve("tile/0/000")).body
    expect((await log.serve("tile/0/000.p/1")).body).toEqual(whole.slice(0, 32))
    expect(parseEntryBundle((await log.serve("tile/entries/000.p/3")).body).map(utf8Decode)).toEqual(["entry 0", "entry 1", "entry 2"])
    await log.close()
  })

  test.each([
    "", "/", "checkpoint/", "/checkpoint", "tile", "tile/", "tile/0", "tile/0/", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/01/000", "tile/64/000",
    "tile/0/x000/000", "tile/0/x000/005", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/-1", "tile/0/000.p",
    "tile/0/000.p/1/", "tile/0/000/1", "tile/data/000", "tile/entries/00", "tile/entries/000.p/256", "tile/-1/000", "tile/0/-01", "tile/0/x001",
    "tile/0/../0/000", "tile/0/000?x", "tile/0/000#", "tile/0/%30%30%30", "tile//000", "TILE/0/000", "log.sqlite", "../log.sqlite", "tile/0/000\n",
    // canonical, but beyond the 700 entries
    "tile/0/003", "tile/0/002", "tile/0/002.p/189", "tile/entries/002", "tile/entries/002.p/189", "tile/1/000", "tile/1/000.p/3", "tile/2/000.p/1", "tile/63/000",
    "tile/0/x999/x999/999",
  ])("serves nothing for %j", async (path) => {
    const log = await sharedLog()
    expect(await log.serve(path)).toMatchObject({ status: 404, immutable: false, contentType: "text/plain; charset=utf-8" })
  })

  test("serves what lies next to those", async () => {
    const log = await sharedLog()
    for (const path of ["tile/0/001", "tile/0/002.p/188", "tile/entries/002.p/188", "tile/entries/001", "tile/1/000.p/2", "tile/0/000.p/255"]) {
      expect(await log.serve(path), path).toMatchObject({ status: 200, immutable: true })
    }
    expect(await log.serve("checkpoint")).toMatchObject({ status: 200, immutable: false, contentType: "text/plain; charset=utf-8" })
  })
})

let shared: Promise<Log> | undefined
function sharedLog(): Promise<Log> {
  shared ??= (async () => {
    const log = await openOn(await createMemoryLogDisk().open())
    await log.append(entriesOf(0, 700))
    return log
  })()
  return shared
}

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

describe("a directory belongs to one log, one process, one history", () => {
  test("another key is refused", async () => {
    const directory = await newDirectory()
    await (await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })).close()
    const other = signerFromSeed(ORIGIN, KEY_TYPE.ed25519, new Uint8Array(32).fill(2))
    await refuses(() => openLog({ directory, origin: ORIGIN, signer: other, crypto: fastCrypto }), "STATE_UNSAFE")
    await (await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })).close()
  })

  test("a second opening is refused while the first lasts", async () => {
    const directory = await newDirectory()
    const log = await openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto })
    await refuses(() => openLog({ directory, origin: ORIGIN, signer, crypto: fastCrypto }), "STATE_UNSAFE")
    await log.append([entryOf(0)])
    await log.close()
    await refuses(() => log.append([entryOf(1)]), "STATE_UNSAFE")
  })

  test("THREATS log operator: a database older than its tiles is not continued, for that would sign a second history", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 200))
    const backup = disk.fork()
    await log.append(entriesOf(200, 100))
    await log.close()
    for (const [path, bytes] of disk.kept.files) backup.kept.files.set(path, bytes)
    const { signer: recording, messages } = recordingSigner(signer)
    await refuses(async () => openOn(await backup.open(), { signer: recording }), "STATE_UNSAFE")
    expect(messages).toEqual([])
  })

  test.each([
    { name: "another root", damage: { root: new Uint8Array(32) }, code: "LOG_BROKEN" as const },
    { name: "another size", damage: { size: 3 }, code: "LOG_BROKEN" as const },
    { name: "another text", damage: { text: "gone\n" }, code: "STATE_UNSAFE" as const },
  ])("a stored checkpoint with $name is refused and nothing is signed", async ({ damage, code }) => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 5))
    await log.publishCosigned(log.checkpoint())
    await log.close()
    for (const kind of ["signed", "cosigned"] as const) {
      const broken = disk.fork()
      const head = broken.kept[kind]
      if (head === undefined) throw new Error(`no ${kind} head`)
      broken.kept[kind] = { ...head, ...damage }
      const { signer: recording, messages } = recordingSigner(signer)
      await refuses(async () => openOn(await broken.open(), { signer: recording }), code)
      expect(messages).toEqual([])
    }
  })

  test("THREATS log operator: tiles without their database are not begun anew", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 256))
    await log.close()
    const emptied = createMemoryLogDisk()
    for (const [path, bytes] of disk.kept.files) emptied.kept.files.set(path, bytes)
    await refuses(async () => openOn(await emptied.open()), "STATE_UNSAFE")
    emptied.kept.files.delete("tile/entries/000")
    await refuses(async () => openOn(await emptied.open()), "STATE_UNSAFE")
  })

  test("entries and staged root that changed together are refused against what was signed", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 5))
    await log.close()
    const changed = { ...entryOf(4), bytes: bytes(3) }
    disk.kept.entries.set(4, changed.bytes)
    const leaves = [...entriesOf(0, 4), changed].map((entry) => leafHash(fastCrypto, entry.bytes))
    disk.kept.staged = { size: 5, root: rootOfLeaves(fastCrypto, leaves) }
    const { signer: recording, messages } = recordingSigner(signer)
    await refuses(async () => openOn(await disk.open(), { signer: recording }), "LOG_BROKEN")
    // The same, with an entry more that was staged when the process died.
    disk.kept.entries.set(5, entryOf(5).bytes)
    disk.kept.staged = { size: 6, root: rootOfLeaves(fastCrypto, [...leaves, leafHash(fastCrypto, entryOf(5).bytes)]) }
    await refuses(async () => openOn(await disk.open(), { signer: recording }), "LOG_BROKEN")
    expect(messages).toEqual([])
  })

  test("a staged entry that changed is refused and nothing is signed", async () => {
    const disk = createMemoryLogDisk()
    const log = await openOn(await disk.open())
    await log.append(entriesOf(0, 300))
    await log.close()
    disk.kept.entries.set(299, bytes(3))
    await refuses(async () => openOn(await disk.open()), "LOG_BROKEN")
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
