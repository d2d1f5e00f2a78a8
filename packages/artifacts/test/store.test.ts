import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs"
import { open, rename } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { VouchsafeError } from "@vouchsafe/core"
import { type ArtifactStore, type Audience, CHUNK_BYTES, openArtifactStore } from "../src/index.ts"
import { type Files, systemFiles } from "../src/files.ts"
import { listOf, manualTime, memorySource, noise, randomDigest, sha512, tempFolder } from "./support.ts"

const MIB = 1024 * 1024
const A = noise(300_000, "a")
const B = noise(300_000, "b")
const C = noise(300_000, "c")
const BIG = noise(2 * MIB + 77, "big")
const PIN = { purl: "pkg:npm/a@1.0.0", registry: "https://registry.example/" }

async function opened(more: { directory?: string; quotaBytes?: number; files?: Files } = {}) {
  const directory = more.directory ?? join(tempFolder(), "artifacts")
  const time = manualTime(Date.now())
  return { directory, time, store: await openArtifactStore({ quotaBytes: 64 * MIB, clock: time.clock, ...more, directory }) }
}

async function put(store: ArtifactStore, bytes: Buffer, audience: Audience = "everybody"): Promise<string> {
  const writer = await store.writer(audience)
  for (let at = 0; at < bytes.length; at += 70_000) await writer.write(bytes.subarray(at, at + 70_000))
  return (await writer.commit()).sha512
}

async function whole(store: ArtifactStore, digest: string, audience: Audience = "everybody"): Promise<Buffer | undefined> {
  const reader = store.reader(audience)
  const parts: Uint8Array[] = []
  const size = store.size(digest, audience) ?? 0
  for (let at = 0; at < size; at += CHUNK_BYTES) parts.push(await reader.read(digest, at, Math.min(CHUNK_BYTES, size - at)) ?? Buffer.alloc(0))
  return size === 0 ? undefined : Buffer.concat(parts)
}

const fileOf = (directory: string, digest: string, folder = "shared", suffix = "tgz"): string => join(directory, folder, digest.slice(0, 2), `${digest}.${suffix}`)
const spooled = (directory: string): string[] => readdirSync(join(directory, "spool"))
const filesIn = (directory: string): string[] => readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => /\.(?:tgz|chunks|new|part)$/.test(name))

/** A disk whose writes fail once they have come so far. */
function fullDisk(bytesMax: number): Files {
  let written = 0
  return {
    ...systemFiles,
    open: async (...args: Parameters<typeof open>) => {
      const handle = await open(...args)
      const write = handle.write.bind(handle) as (...given: unknown[]) => Promise<{ bytesWritten: number; buffer: Uint8Array }>
      handle.write = (async (buffer: Uint8Array, offset: number, length: number, position: number) => {
        if (written + length > bytesMax) throw Object.assign(new Error("no space"), { code: "ENOSPC" })
        written += length
        return write(buffer, offset, length, position)
      }) as unknown as typeof handle.write
      return handle
    },
  }
}

describe("keeps", () => {
  test("bytes under the digest of them, readable by nobody else, with a list of their chunks", async () => {
    const { store, directory } = await opened()
    const digest = await put(store, BIG)
    expect(digest).toBe(sha512(BIG))
    expect(await whole(store, digest)).toEqual(BIG)
    expect(await store.reader("everybody").chunks(digest)).toEqual(listOf(BIG))
    expect(Buffer.from(await store.reader("everybody").read(digest, CHUNK_BYTES - 3, 10) ?? [])).toEqual(BIG.subarray(CHUNK_BYTES - 3, CHUNK_BYTES + 7))
    expect(statSync(fileOf(directory, digest)).mode & 0o777).toBe(0o600)
    for (const folder of ["", "shared", "own", "spool"]) expect(statSync(join(directory, folder)).mode & 0o777).toBe(0o700)
    expect(spooled(directory)).toEqual([])
    expect(store.status()).toMatchObject({ bytes: BIG.length, count: 1, evictions: 0, damaged: 0 })
    await put(store, BIG)
    expect(store.status()).toMatchObject({ bytes: BIG.length, count: 1 })
  })
  test("what it held over a restart, in the order of last use", async () => {
    const { store, directory } = await opened()
    const digests = [await put(store, A), await put(store, B), await put(store, C)]
    digests.forEach((digest, i) => utimesSync(fileOf(directory, digest), i + 1, [30, 10, 20][i] as number))
    const again = await opened({ directory, quotaBytes: 700_000 })
    expect(again.store.reader("everybody").have(digests)).toEqual([0, 2])
    expect(again.store.status()).toMatchObject({ bytes: 600_000, count: 2 })
    expect(again.store.reader("everybody").have([randomDigest(), digests[0] as string, "no digest"])).toEqual([1])
  })
})

describe("gives nothing out", () => {
  test.each<{ name: string; change: (path: string) => void }>([
    { name: "a flipped byte", change: (path) => { const bytes = readFileSync(path); bytes[CHUNK_BYTES + 9] = (bytes[CHUNK_BYTES + 9] as number) ^ 1; writeFileSync(path, bytes) } },
    { name: "a cut file", change: (path) => { truncateSync(path, CHUNK_BYTES + 1) } },
    { name: "an empty file", change: (path) => { truncateSync(path, 0) } },
    { name: "a chunk list of other bytes", change: (path) => { writeFileSync(path.replace(".tgz", ".chunks"), readFileSync(path.replace(".tgz", ".chunks"), "utf8").replace(/"[0-9a-f]{64}"\]/, `"${"00".repeat(32)}"]`).replace(/\["[0-9a-f]{64}"/, `["${"00".repeat(32)}"`).replace(/,"[0-9a-f]{64}",/, `,"${"00".repeat(32)}",`)) } },
    { name: "a chunk list that is none", change: (path) => { writeFileSync(path.replace(".tgz", ".chunks"), "{") } },
  ])("from $name, and it is removed", async ({ change }) => {
    const { store, directory } = await opened()
    const digest = await put(store, BIG)
    change(fileOf(directory, digest))
    const fresh = (await opened({ directory })).store
    expect(await fresh.reader("everybody").read(digest, CHUNK_BYTES, CHUNK_BYTES)).toBeUndefined()
    expect(fresh.size(digest, "owner")).toBeUndefined()
    expect(filesIn(directory)).toEqual([])
    expect(fresh.status()).toMatchObject({ damaged: 1, count: 0, bytes: 0 })
  })
  test.each([[0, BIG.length], [BIG.length, 1], [BIG.length - 1, 2], [0, CHUNK_BYTES + 1]])("outside of an artifact, or more than a chunk: %i, %i", async (start, length) => {
    const { store } = await opened()
    expect(await store.reader("everybody").read(await put(store, BIG), start, length)).toBeUndefined()
    expect(store.status().damaged).toBe(0)
  })
  test("a file that somebody removed", async () => {
    const { store, directory } = await opened()
    const digest = await put(store, A)
    rmSync(fileOf(directory, digest))
    expect(await store.reader("everybody").read(digest, 0, 10)).toBeUndefined()
    expect(store.status()).toMatchObject({ damaged: 1, count: 0 })
  })
})

describe("A8: what was fetched with a credential", () => {
  test("is the owner's: nobody else reads it, sees its chunks or is told of it, also after a restart", async () => {
    const { store, directory } = await opened()
    const digest = await put(store, A, "owner")
    for (const each of [store, (await opened({ directory })).store]) {
      const strangers = each.reader("everybody")
      expect([each.size(digest, "everybody"), strangers.have([digest]), await strangers.chunks(digest), await strangers.read(digest, 0, 10)]).toEqual([undefined, [], undefined, undefined])
      expect(await whole(each, digest, "owner")).toEqual(A)
    }
    expect(existsSync(fileOf(directory, digest, "own"))).toBe(true)
  })
  test("is everybody's once the same bytes came without one, and stays so", async () => {
    const { store, directory } = await opened()
    const digest = await put(store, A, "owner")
    await put(store, A, "everybody")
    await put(store, A, "owner")
    expect(await whole(store, digest)).toEqual(A)
    expect(filesIn(directory)).toHaveLength(2)
    expect(store.status()).toMatchObject({ count: 1, bytes: A.length })
  })
  test("a process that died in between leaves one of both", async () => {
    const { store, directory } = await opened()
    const digest = await put(store, A, "owner")
    mkdirSync(join(directory, "shared", digest.slice(0, 2)), { mode: 0o700 })
    for (const suffix of ["tgz", "chunks"]) writeFileSync(fileOf(directory, digest, "shared", suffix), readFileSync(fileOf(directory, digest, "own", suffix)))
    const again = (await opened({ directory })).store
    expect([await whole(again, digest), again.status().count, filesIn(directory).length]).toEqual([A, 1, 2])
  })
})

describe("quota", () => {
  test("what was used longest ago makes room, what is pinned does not", async () => {
    const { store, directory } = await opened({ quotaBytes: 700_000 })
    const [a, b] = [await put(store, A), await put(store, B)]
    await store.pin({ ...PIN, sha512: b })
    await store.reader("everybody").read(a, 0, 1)
    const c = await put(store, C)
    expect(store.reader("everybody").have([a, b, c])).toEqual([1, 2])
    expect(store.status()).toMatchObject({ evictions: 1, pinned: 1, pinnedBytes: B.length, bytes: 600_000 })
    expect(filesIn(directory)).toHaveLength(4)
    expect(await store.unpin([{ ...PIN, sha512: b }])).toBe(1)
    await store.reader("everybody").read(c, 0, 1)
    await put(store, A)
    expect(store.reader("everybody").have([a, b, c])).toEqual([0, 2])
  })
  test.each([
    { name: "larger than the quota", pins: 0, bytes: noise(800_000), says: "no room for" },
    { name: "where pins have taken the room", pins: 2, bytes: C, says: "600000 of 700000 are pinned" },
  ])("refuses with DISK what is $name, and nothing stays of it", async ({ pins, bytes, says }) => {
    const { store, directory } = await opened({ quotaBytes: 700_000 })
    for (const each of [A, B].slice(0, pins)) await store.pin({ ...PIN, sha512: await put(store, each) })
    await expect(put(store, bytes)).rejects.toMatchObject({ code: "DISK", message: expect.stringContaining(says) })
    expect(spooled(directory)).toEqual([])
    expect(store.status()).toMatchObject({ count: pins })
    // The room that it had taken is free again.
    if (pins === 0) expect(await put(store, A)).toBe(sha512(A))
  })
  test("several at once do not take the same room twice", async () => {
    const { store, directory } = await opened({ quotaBytes: 700_000 })
    const results = await Promise.allSettled([A, B, C].map((bytes) => put(store, bytes)))
    expect(store.status().bytes).toBeLessThanOrEqual(700_000)
    for (const result of results) if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "DISK" })
    expect(spooled(directory)).toEqual([])
    expect(await put(store, A)).toBe(sha512(A))
  })
  test("an announced size beyond any tarball is not begun", async () => {
    const { store } = await opened()
    await expect(store.writer("everybody", 600 * MIB)).rejects.toMatchObject({ code: "DISK" })
  })
})

describe("a disk that fails: DISK, and nothing half-written", () => {
  test("full while bytes are written", async () => {
    const { store, directory } = await opened({ files: fullDisk(100_000) })
    await expect(put(store, A)).rejects.toMatchObject({ code: "DISK", message: expect.stringContaining("ENOSPC") })
    expect([filesIn(directory), store.status().bytes, store.status().count]).toEqual([[], 0, 0])
  })
  test("full while a download is written", async () => {
    const { store, directory } = await opened({ files: fullDisk(CHUNK_BYTES + 10) })
    await expect(store.fetch({ sha512: sha512(BIG), sources: [memorySource("a", BIG)] }, "everybody")).rejects.toMatchObject({ code: "DISK" })
    expect([store.size(sha512(BIG), "owner"), filesIn(directory).filter((name) => !name.endsWith(".part"))]).toEqual([undefined, []])
  })
  test("a rename that fails", async () => {
    let fails = true
    const { store, directory } = await opened({ files: { ...systemFiles, rename: (from, to) => (fails && String(to).endsWith(".tgz") ? Promise.reject(Object.assign(new Error("x"), { code: "EIO" })) : rename(from, to)) } })
    await expect(put(store, A)).rejects.toMatchObject({ code: "DISK" })
    expect([spooled(directory), store.status().count]).toEqual([[], 0])
    fails = false
    await put(store, A)
    expect(await whole((await opened({ directory })).store, sha512(A))).toEqual(A)
  })
  test("pins that cannot be written are not acknowledged", async () => {
    const { store, directory } = await opened({ files: { ...systemFiles, rename: (from, to) => (String(to).endsWith("pins.json") ? Promise.reject(Object.assign(new Error("x"), { code: "EIO" })) : rename(from, to)) } })
    const digest = await put(store, A)
    const all = await Promise.allSettled([1, 2, 3].map((n) => store.pin({ ...PIN, purl: `pkg:npm/a@${n}.0.0`, sha512: digest })))
    expect(all.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"])
    expect([store.pins(), existsSync(join(directory, "pins.json")), store.status().pinnedBytes]).toEqual([[], false, 0])
  })
})

describe("a process that died", () => {
  test("leaves spools that are removed, parts of downloads that are used, and halves that are removed", async () => {
    const { store, directory } = await opened()
    const digest = await put(store, A)
    writeFileSync(join(directory, "spool", "0123.new"), "x")
    writeFileSync(join(directory, "spool", `${sha512(BIG)}.part`), BIG.subarray(0, CHUNK_BYTES))
    writeFileSync(join(directory, "spool", `${sha512(B)}.part`), "old")
    utimesSync(join(directory, "spool", `${sha512(B)}.part`), 1, 1)
    writeFileSync(fileOf(directory, digest, "shared", "chunks.new"), "half")
    const lone = `${digest.slice(0, 2)}${"0".repeat(126)}`
    writeFileSync(fileOf(directory, lone), "no list")
    const again = (await opened({ directory })).store
    expect(spooled(directory)).toEqual([`${sha512(BIG)}.part`])
    expect(filesIn(directory).filter((name) => name.startsWith("shared")).sort()).toEqual([`shared/${digest.slice(0, 2)}/${digest}.chunks`, `shared/${digest.slice(0, 2)}/${digest}.tgz`])
    const source = memorySource("a", BIG)
    expect(await again.fetch({ sha512: sha512(BIG), sources: [source] }, "everybody")).toEqual(["a"])
    expect(source.reads.sort()).toEqual([1, 2])
    expect(await whole(again, sha512(BIG))).toEqual(BIG)
    expect(spooled(directory)).toEqual([])
  })
})

describe("pins", () => {
  test("are there after a restart, and what they name is not evicted", async () => {
    const { store, directory, time } = await opened()
    const digest = await put(store, A)
    const pinned = await store.pin({ ...PIN, sha512: digest })
    expect(pinned).toEqual({ ...PIN, sha512: digest, size: A.length, pinnedAt: Math.floor(time.clock.nowMs() / 1000), isHeld: true })
    const again = (await opened({ directory, quotaBytes: 350_000 })).store
    expect(again.pins()).toEqual([pinned])
    await expect(put(again, B)).rejects.toMatchObject({ code: "DISK" })
    expect(await whole(again, digest)).toEqual(A)
    expect(statSync(join(directory, "pins.json")).mode & 0o777).toBe(0o600)
  })
  test("two names of one artifact are two pins", async () => {
    const { store } = await opened()
    const digest = await put(store, A)
    const names = ["a", "b"].map((name) => ({ ...PIN, purl: `pkg:npm/${name}@1.0.0`, sha512: digest }))
    await Promise.all(names.map((pin) => store.pin(pin)))
    expect(await store.unpin(names.slice(0, 1))).toBe(1)
    expect(store.status()).toMatchObject({ pinned: 1, pinnedBytes: A.length })
    expect(await store.unpin(names)).toBe(1)
    expect(store.status()).toMatchObject({ pinned: 0, pinnedBytes: 0, count: 1 })
  })
  test("of what is not held, or is damaged, are refused", async () => {
    const { store, directory } = await opened()
    await expect(store.pin({ ...PIN, sha512: randomDigest() })).rejects.toMatchObject({ code: "NOT_FOUND" })
    const digest = await put(store, A)
    writeFileSync(fileOf(directory, digest), B)
    await expect(store.pin({ ...PIN, sha512: digest })).rejects.toMatchObject({ code: "NOT_FOUND" })
    expect([store.pins(), store.status().damaged]).toEqual([[], 1])
  })
  test.each(["{", '{"format":"vouchsafe-pins/v2","pins":[]}', '{"format":"vouchsafe-pins/v1","pins":[{"purl":1}]}'])("a file that is none of ours stops the start: %s", async (text) => {
    const { directory } = await opened()
    writeFileSync(join(directory, "pins.json"), text)
    await expect(opened({ directory })).rejects.toMatchObject({ code: "STATE_UNSAFE" })
  })
})

describe("fetch", () => {
  test("asks nobody for what is held, and once for what two ask for at once", async () => {
    const { store } = await opened()
    await put(store, A)
    const source = memorySource("s", BIG)
    expect(await store.fetch({ sha512: sha512(A), sources: [source] }, "everybody")).toEqual([])
    const both = await Promise.all([1, 2].map(() => store.fetch({ sha512: sha512(BIG), sources: [source] }, "everybody")))
    expect([both, source.reads.length]).toEqual([[["s"], ["s"]], 3])
  })
  test("what the owner alone may have and what is everybody's are not one download, and everybody's wins", async () => {
    for (const order of [["owner", "everybody"], ["everybody", "owner"]] as const) {
      const { store } = await opened()
      await Promise.all(order.map((audience) => store.fetch({ sha512: sha512(BIG), sources: [memorySource("s", BIG)] }, audience)))
      expect([store.size(sha512(BIG), "everybody"), store.size(sha512(BIG), "owner"), store.status().count]).toEqual([BIG.length, BIG.length, 1])
    }
  })
  test("keeps nothing of a liar's", async () => {
    const { store, directory } = await opened()
    await expect(store.fetch({ sha512: sha512(A), sources: [memorySource("liar", B)] }, "everybody")).rejects.toBeInstanceOf(VouchsafeError)
    expect([store.status().count, filesIn(directory).filter((name) => name.endsWith(".tgz"))]).toEqual([0, []])
  })
})

test("a folder that others can enter is closed to them", async () => {
  const directory = join(tempFolder(), "artifacts")
  mkdirSync(directory, { mode: 0o755 })
  chmodSync(directory, 0o755)
  await opened({ directory })
  expect(statSync(directory).mode & 0o777).toBe(0o700)
})
