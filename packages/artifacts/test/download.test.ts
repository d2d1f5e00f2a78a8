// Bytes come from strangers; what is given out has the digest that was asked for, or nothing is.
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { VouchsafeError } from "@vouchsafe/core"
import { CHUNK_BYTES, type ChunkSource, createSourceBook, downloadArtifact, type DownloadOptions, httpSource, type Lie, peerSource, serveArtifacts } from "../src/index.ts"
import { fakeNode, fakeOverlay, listOf, type Manners, manualTime, memorySource, noise, randomDigest, sha512, tempFolder, transport } from "./support.ts"

const BYTES = noise(3 * CHUNK_BYTES + 1234)
const OTHER = (() => { const copy = Buffer.from(BYTES); copy[CHUNK_BYTES + 5] = (copy[CHUNK_BYTES + 5] as number) ^ 1; return copy })()
const DIGEST = sha512(BYTES)
const LARGE = noise(20 * 1024 * 1024, "large")
const never = <T>(): Promise<T> => new Promise(() => undefined)

function options(sources: readonly ChunkSource[], more: Partial<DownloadOptions> = {}) {
  const lies: Lie[] = []
  const path = join(tempFolder(), "part")
  return { path, lies, given: { sha512: DIGEST, sources, path, onLie: (lie: Lie) => lies.push(lie), ...more } }
}

describe("nothing is given out", () => {
  const dead = (name: string): ChunkSource => memorySource(name, BYTES, { chunks: () => Promise.reject(new VouchsafeError("UNREACHABLE", "refused")) })
  test.each<{ name: string; sources: ChunkSource[]; code: string; says: string; lies?: string[] }>([
    { name: "nobody to ask", sources: [], code: "NOT_FOUND", says: "there is nobody to ask" },
    { name: "nobody has it", sources: [memorySource("a", undefined), memorySource("b", undefined)], code: "NOT_FOUND", says: "a: has it not; b: has it not" },
    { name: "nobody answers", sources: [dead("a")], code: "UNREACHABLE", says: "a: UNREACHABLE (refused)" },
    { name: "one is dead and one has it not", sources: [dead("a"), memorySource("b", undefined)], code: "UNREACHABLE", says: "b: has it not" },
    { name: "a lone liar with a list to match", sources: [memorySource("liar", OTHER)], code: "UNREACHABLE", says: "liar: lied: its chunk list makes up other bytes", lies: ["liar"] },
    { name: "two liars who agree", sources: [memorySource("l1", OTHER), memorySource("l2", OTHER)], code: "UNREACHABLE", says: "l2: lied", lies: ["l1", "l2"] },
    { name: "an honest list and other bytes", sources: [memorySource("liar", BYTES, { sends: OTHER })], code: "UNREACHABLE", says: "other bytes than its own list says" },
    { name: "too few bytes", sources: [memorySource("short", BYTES, { sends: BYTES.subarray(0, 100) })], code: "UNREACHABLE", says: "bytes of chunk" },
    { name: "the beginning of the artifact as the whole", sources: [memorySource("cut", BYTES.subarray(0, CHUNK_BYTES))], code: "UNREACHABLE", says: "cut: lied", lies: ["cut"] },
    { name: "the artifact with a tail", sources: [memorySource("long", Buffer.concat([BYTES, Buffer.from("x")]))], code: "UNREACHABLE", says: "long: lied", lies: ["long"] },
    { name: "an artifact over the limit", sources: [memorySource("huge", BYTES, { list: { size: 513 * 1024 * 1024, chunks: [] } })], code: "UNREACHABLE", says: "expected at most" },
  ])("$name", async ({ sources, code, says, lies = [] }) => {
    const { given, lies: told, path } = options(sources)
    await expect(downloadArtifact(given)).rejects.toMatchObject({ code, message: expect.stringContaining(says) })
    expect(told.map(({ source }) => source).sort()).toEqual(lies)
    // A part that lies about is never under its digest, and what is wrong in it is not used.
    if (existsSync(path)) expect(sha512(readFileSync(path))).not.toBe(DIGEST)
  })
  test("a digest that is none is a caller's mistake", async () => {
    await expect(downloadArtifact({ ...options([]).given, sha512: "00" })).rejects.toBeInstanceOf(TypeError)
  })
  test("where there is no room: before a byte is written", async () => {
    const { given, path } = options([memorySource("a", BYTES)], { admit: () => Promise.reject(new VouchsafeError("DISK", "full")) })
    await expect(downloadArtifact(given)).rejects.toMatchObject({ code: "DISK" })
    expect(statSync(path).size).toBe(0)
  })
  test("when it is stopped, and what had come stays for the next try", async () => {
    const stop = new AbortController()
    const slow = memorySource("slow", BYTES, { read: (_, start, length) => {
      if (start === 0) return Promise.resolve(BYTES.subarray(0, length))
      // The first chunk is on disk when the third is asked for; the second never comes.
      if (start === 2 * CHUNK_BYTES) stop.abort()
      return never<Uint8Array>()
    } })
    const { given, path } = options([slow], { signal: stop.signal })
    await expect(downloadArtifact(given)).rejects.toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("stopped") })
    const rest = memorySource("rest", BYTES)
    await downloadArtifact({ ...given, sources: [rest], signal: new AbortController().signal })
    expect(rest.reads.sort()).toEqual([1, 2, 3])
    expect(sha512(readFileSync(path))).toBe(DIGEST)
  })
})

describe("whoever lies, the bytes are right and the liar is named", () => {
  const honest = (name = "honest"): ChunkSource => memorySource(name, BYTES)
  test.each<{ name: string; sources: ChunkSource[]; lies: string[] }>([
    { name: "other bytes under the honest list", sources: [memorySource("liar", BYTES, { sends: OTHER }), honest()], lies: ["liar"] },
    { name: "a list of its own", sources: [memorySource("liar", OTHER), honest()], lies: ["liar"] },
    { name: "a list of its own, given first by two", sources: [memorySource("l1", OTHER), memorySource("l2", OTHER), honest()], lies: ["l1", "l2"] },
    { name: "a list of another length", sources: [memorySource("liar", BYTES.subarray(0, 10)), honest(), honest("too")], lies: ["liar"] },
    { name: "three liars with three lists", sources: [memorySource("l1", OTHER), memorySource("l2", noise(10)), memorySource("l3", noise(CHUNK_BYTES + 1)), honest()], lies: ["l1", "l2", "l3"] },
  ])("$name", async ({ sources, lies }) => {
    const { given, lies: told, path } = options(sources)
    const done = await downloadArtifact(given)
    expect(sha512(readFileSync(path))).toBe(DIGEST)
    expect(done.list).toEqual(listOf(BYTES))
    expect(done.from.every((name) => name.startsWith("honest") || name === "too" || lies.includes(name))).toBe(true)
    expect(told.map(({ source }) => source).sort()).toEqual(lies)
  })
  test("a source whose first word was wrong in length or late is no liar", async () => {
    let isFirst = true
    const clumsy = memorySource("clumsy", BYTES, { read: (_, start, length) => {
      const cut = isFirst ? 1 : 0
      isFirst = false
      return Promise.resolve(BYTES.subarray(start, start + length - cut))
    } })
    const { given, lies, path } = options([clumsy])
    await downloadArtifact(given)
    expect(sha512(readFileSync(path))).toBe(DIGEST)
    expect(lies).toEqual([])
  })
})

describe("a part from before", () => {
  test.each<{ name: string; part: Buffer; reads: number[] }>([
    { name: "is used where it is right", part: BYTES.subarray(0, 2 * CHUNK_BYTES + 7), reads: [2, 3] },
    { name: "is fetched again where it is damaged", part: OTHER, reads: [1] },
    { name: "of something else is written over", part: noise(2 * CHUNK_BYTES, "x"), reads: [0, 1, 2, 3] },
    { name: "that is too long is cut", part: Buffer.concat([BYTES, noise(100)]), reads: [] },
  ])("$name", async ({ part, reads }) => {
    const source = memorySource("a", BYTES)
    const { given, path } = options([source])
    writeFileSync(path, part)
    await downloadArtifact(given)
    expect(source.reads.sort()).toEqual(reads)
    expect(sha512(readFileSync(path))).toBe(DIGEST)
  })
})

describe("slow and dead sources are passed by", () => {
  test("a chunk that does not come is asked of another", async () => {
    const time = manualTime()
    const stuck = memorySource("stuck", BYTES, { read: () => never<Uint8Array>() })
    const { given, path } = options([stuck, memorySource("quick", BYTES)], { timers: time.timers })
    expect((await time.drive(downloadArtifact(given), 5)).from).toEqual(["quick"])
    expect(time.clock.nowMs()).toBeLessThan(1_700_000_000_000 + 30_000)
    expect(sha512(readFileSync(path))).toBe(DIGEST)
    expect(time.pending()).toBe(0)
  })
  test("a source that gives no list is not waited for", async () => {
    const time = manualTime()
    const mute = memorySource("mute", BYTES, { chunks: () => never() })
    const { given } = options([mute, memorySource("quick", BYTES)], { timers: time.timers })
    expect((await time.drive(downloadArtifact(given), 5)).from).toEqual(["quick"])
    expect(time.clock.nowMs()).toBeLessThan(1_700_000_000_000 + 10_000)
  })
  test("one that answers late helps out where the first has died", async () => {
    let answer: (() => void) | undefined
    const late = memorySource("late", BYTES, { chunks: () => new Promise((resolve) => { answer = () => resolve(listOf(BYTES)) }) })
    const dies = memorySource("dies", BYTES, { read: (_, start, length) => (start === 0 ? Promise.resolve(BYTES.subarray(0, length)) : (answer?.(), Promise.reject(new VouchsafeError("UNREACHABLE", "cut")))) })
    const { given, path } = options([dies, late])
    expect((await downloadArtifact(given)).from).toEqual(["dies", "late"])
    expect(sha512(readFileSync(path))).toBe(DIGEST)
  })
  test("all of them silent: the time is over, and no timer is left", async () => {
    const time = manualTime()
    const { given } = options([memorySource("a", BYTES, { read: () => never<Uint8Array>() })], { timers: time.timers })
    await expect(time.drive(downloadArtifact(given))).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("did not come within 30000 ms") })
    expect(time.pending()).toBe(0)
  })
})

test("a source that was unreachable is left alone for a while, one that lied for good", async () => {
  const time = manualTime()
  const book = createSourceBook(time.clock)
  let asked = 0
  const source = book.remember(memorySource("a", BYTES, { chunks: () => { asked += 1; return Promise.reject(new VouchsafeError("UNREACHABLE", "x")) } }))
  const ask = () => source.chunks(DIGEST, new AbortController().signal).catch((error: VouchsafeError) => error.code)
  expect([await ask(), await ask(), asked]).toEqual(["UNREACHABLE", "UNREACHABLE", 1])
  await time.advance(30_001)
  expect([await ask(), asked]).toEqual(["UNREACHABLE", 2])
  book.lied("a")
  await time.advance(10 * 30_001)
  expect([await ask(), asked, book.liars()]).toEqual(["UPSTREAM_FAILED", 2, 1])
})

describe("20 MB from three, one of which lies, one of which is cut half-way", () => {
  const digest = sha512(LARGE)
  const evil = Buffer.from(LARGE)
  for (let at = 0; at < evil.length; at += CHUNK_BYTES) evil[at] = (evil[at] as number) ^ 0xff

  test.each<{ name: string; liar: Manners }>([
    { name: "with a list of its own", liar: { bytes: evil } },
    { name: "under the honest list", liar: { bytes: LARGE, sends: evil } },
  ])("over HTTP, $name", async ({ liar }) => {
    const nodes = { liar: await fakeNode(digest, liar), cut: await fakeNode(digest, { bytes: LARGE, cutAfter: 5 }), honest: await fakeNode(digest, { bytes: LARGE }) }
    const sources = Object.entries(nodes).map(([name, { url }]) => httpSource({ name, url, transport }))
    const { given, lies, path } = options(sources, { sha512: digest })
    const done = await downloadArtifact(given)
    expect(sha512(readFileSync(path))).toBe(digest)
    expect(lies.map(({ source }) => source)).toEqual(["liar"])
    expect(done.from).toEqual(["cut", "honest"])
    expect(nodes.cut.asked.filter((line) => line.includes("bytes=")).length).toBeGreaterThanOrEqual(5)
  })

  test("over the overlay", async () => {
    const overlay = fakeOverlay()
    const serve = (id: string, list: Buffer, sends: Buffer, cutAfter = Infinity): void => {
      let sent = 0
      serveArtifacts(overlay.peer(id), {
        have: () => [0], chunks: () => Promise.resolve(listOf(list)),
        read: (_sha512, start, length) => (sent++ < cutAfter ? Promise.resolve(sends.subarray(start, start + length)) : Promise.reject(new Error("cut"))),
      }, () => 0)
    }
    serve("liar", LARGE, evil)
    serve("cut", LARGE, LARGE, 5)
    serve("honest", LARGE, LARGE)
    const me = overlay.peer("me")
    const { given, lies, path } = options(["liar", "cut", "honest"].map((id) => peerSource(me, id)), { sha512: digest })
    const done = await downloadArtifact(given)
    expect(sha512(readFileSync(path))).toBe(digest)
    expect(lies).toMatchObject([{ source: "liar" }])
    expect(done.from).toEqual(["cut", "honest"])
  })
})

describe("over HTTP, what is no answer is passed by", () => {
  test.each<{ name: string; manners: Manners; says: string }>([
    { name: "status 500", manners: { bytes: BYTES, status: 500 }, says: "answered 500" },
    { name: "status 429", manners: { bytes: BYTES, status: 429 }, says: "answered 429" },
    { name: "a list that is none", manners: { bytes: BYTES, list: "<html>" }, says: "not JSON" },
    { name: "a list of another artifact", manners: { bytes: BYTES, list: JSON.stringify({ format: "vouchsafe-chunks/v1", sha512: randomDigest(), size: 1, chunkBytes: CHUNK_BYTES, chunks: ["00".repeat(32)] }) }, says: "expected the one that was asked for" },
    { name: "a list that is too long", manners: { bytes: BYTES, list: "x".repeat(70_000) }, says: "too large" },
    { name: "every answer cut", manners: { bytes: BYTES, cutAfter: 0 }, says: "UNREACHABLE" },
  ])("$name", async ({ manners, says }) => {
    const { url } = await fakeNode(DIGEST, manners)
    const { given, lies } = options([httpSource({ name: "a", url, transport })])
    await expect(downloadArtifact(given)).rejects.toMatchObject({ message: expect.stringContaining(says) })
    expect(lies).toEqual([])
  })
})
