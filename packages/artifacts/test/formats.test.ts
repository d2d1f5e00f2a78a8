import { describe, expect, test } from "vitest"
import { utf8Decode, utf8Encode } from "@vouchsafe/core"
import { ARTIFACT_PROTOCOL, CHUNK_BYTES, chunkCount, chunkRange, createBandwidth, formatChunkList, HAVE_MAX, hashArtifact, parseChunkList, serveArtifacts } from "../src/index.ts"
import { fakeOverlay, listOf, manualTime, noise, randomDigest, sha512 } from "./support.ts"

const BYTES = noise(CHUNK_BYTES + 5)
const DIGEST = sha512(BYTES)
const GOOD = { format: "vouchsafe-chunks/v1", sha512: DIGEST, size: BYTES.length, chunkBytes: CHUNK_BYTES, chunks: [...listOf(BYTES).chunks] }

describe("chunk lists", () => {
  test("come back as they were written", () => {
    expect(parseChunkList(formatChunkList(DIGEST, listOf(BYTES)), DIGEST)).toEqual(listOf(BYTES))
  })
  test.each<{ name: string; text: string; says: string }>([
    { name: "no JSON", text: "<html>", says: "not JSON" },
    { name: "an array", text: "[]", says: "expected an object" },
    { name: "another format", text: JSON.stringify({ ...GOOD, format: "vouchsafe-chunks/v2" }), says: "format" },
    { name: "another artifact", text: JSON.stringify({ ...GOOD, sha512: randomDigest() }), says: "the one that was asked for" },
    { name: "no size", text: JSON.stringify({ ...GOOD, size: undefined }), says: "size is missing" },
    { name: "size 0", text: JSON.stringify({ ...GOOD, size: 0 }), says: "a whole number from 1" },
    { name: "a size beyond any tarball", text: JSON.stringify({ ...GOOD, size: 513 * 1024 * 1024 }), says: "a whole number from 1" },
    { name: "a size with a fraction", text: JSON.stringify({ ...GOOD, size: 1.5 }), says: "a whole number" },
    { name: "other chunks than a MiB", text: JSON.stringify({ ...GOOD, chunkBytes: 1 }), says: "chunkBytes" },
    { name: "too few digests", text: JSON.stringify({ ...GOOD, chunks: GOOD.chunks.slice(1) }), says: "2 digests for" },
    { name: "too many digests", text: JSON.stringify({ ...GOOD, chunks: [...GOOD.chunks, GOOD.chunks[0]] }), says: "2 digests for" },
    { name: "a digest in capitals", text: JSON.stringify({ ...GOOD, chunks: GOOD.chunks.map((digest) => digest.toUpperCase()) }), says: "64 lower-case hex digits" },
    { name: "a further member", text: JSON.stringify({ ...GOOD, more: 1 }), says: "no such member" },
    { name: "a long text", text: " ".repeat(65_537), says: "at most 65536 characters" },
  ])("refused: $name", ({ text, says }) => {
    expect(() => parseChunkList(text, DIGEST)).toThrow(expect.objectContaining({ code: "UPSTREAM_FAILED", message: expect.stringContaining(says) }) as Error)
  })
  test.each([1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])("hashing in pieces is hashing at once: %i bytes", (size) => {
    const bytes = noise(size)
    const pieces = hashArtifact()
    for (let at = 0; at < size; at += 333_333) pieces.update(bytes.subarray(at, at + 333_333))
    expect(pieces.finish()).toEqual({ sha512: sha512(bytes), list: listOf(bytes) })
    expect(listOf(bytes).chunks).toHaveLength(chunkCount(size))
    expect(chunkRange({ size }, chunkCount(size) - 1).start + chunkRange({ size }, chunkCount(size) - 1).length).toBe(size)
  })
})

describe("the protocol of the overlay", () => {
  function served(budget: (from: string, bytes: number) => number = () => 0) {
    const overlay = fakeOverlay()
    serveArtifacts(overlay.peer("node"), {
      have: (digests) => digests.flatMap((digest, i) => (digest === DIGEST ? [i] : [])),
      chunks: (digest) => Promise.resolve(digest === DIGEST ? listOf(BYTES) : undefined),
      read: (digest, start, length) => Promise.resolve(digest === DIGEST ? BYTES.subarray(start, start + length) : undefined),
    }, budget)
    const ask = (body: string) => overlay.peer("me").request("node", ARTIFACT_PROTOCOL, utf8Encode(body), { bytesMax: 2 * CHUNK_BYTES, timeoutMs: 1_000 })
    return { overlay, ask }
  }
  test("answers who-has, chunks and bytes", async () => {
    const { ask } = served()
    const have = await ask(JSON.stringify({ op: "have", sha512: [randomDigest(), DIGEST] }))
    expect([have[0], utf8Decode(have.subarray(1))]).toEqual([1, "[1]"])
    expect(parseChunkList(utf8Decode((await ask(JSON.stringify({ op: "chunks", sha512: DIGEST }))).subarray(1)), DIGEST)).toEqual(listOf(BYTES))
    expect(Buffer.from((await ask(JSON.stringify({ op: "read", sha512: DIGEST, start: 5, length: 7 }))).subarray(1))).toEqual(BYTES.subarray(5, 12))
    expect([...await ask(JSON.stringify({ op: "chunks", sha512: randomDigest() }))]).toEqual([0])
    expect([...await ask(JSON.stringify({ op: "read", sha512: randomDigest(), start: 0, length: 1 }))]).toEqual([0])
  })
  test("says when it is busy", async () => {
    expect([...await served(() => 500).ask(JSON.stringify({ op: "chunks", sha512: DIGEST }))]).toEqual([2])
  })
  test.each<{ name: string; body: string }>([
    { name: "no JSON", body: "\u0000" },
    { name: "another operation", body: JSON.stringify({ op: "write", sha512: DIGEST }) },
    { name: "no digest", body: JSON.stringify({ op: "chunks", sha512: "../../etc" }) },
    { name: "a start where none belongs", body: JSON.stringify({ op: "chunks", sha512: DIGEST, start: 0 }) },
    { name: "no length", body: JSON.stringify({ op: "read", sha512: DIGEST, start: 0 }) },
    { name: "more than a chunk", body: JSON.stringify({ op: "read", sha512: DIGEST, start: 0, length: CHUNK_BYTES + 1 }) },
    { name: "a negative start", body: JSON.stringify({ op: "read", sha512: DIGEST, start: -1, length: 1 }) },
    { name: "too many digests", body: JSON.stringify({ op: "have", sha512: Array.from({ length: HAVE_MAX + 1 }, () => DIGEST) }) },
  ])("refused, and held against the peer: $name", async ({ body }) => {
    const { overlay, ask } = served()
    await expect(ask(body)).rejects.toMatchObject({ code: "UPSTREAM_FAILED" })
    expect(overlay.faults).toEqual([{ by: "node", peer: "me", fault: "malformed" }])
  })
})

describe("bandwidth", () => {
  test("gives what comes in a second, and no more", async () => {
    const time = manualTime()
    const bandwidth = createBandwidth({ bytesPerSecond: 1_000, clock: time.clock, timers: time.timers })
    const taken: number[] = []
    for (const n of [1, 2, 3]) void bandwidth.take(1_000).then(() => taken.push(n))
    await time.advance(0)
    expect(taken).toEqual([1])
    await time.advance(500)
    expect(taken).toEqual([1, 2])
    await time.advance(500)
    expect(taken).toEqual([1, 2])
    await time.advance(600)
    expect(taken).toEqual([1, 2, 3])
  })
  test("lets through what is larger than the bucket, and says when the next may come", async () => {
    const time = manualTime()
    const bandwidth = createBandwidth({ bytesPerSecond: 1_000, burst: 10, clock: time.clock, timers: time.timers })
    expect(bandwidth.tryTake(5_010)).toBe(0)
    const wait = bandwidth.tryTake(1)
    expect(wait).toBe(5_001)
    await time.advance(wait - 1)
    expect(bandwidth.tryTake(1)).toBeGreaterThan(0)
    await time.advance(2)
    expect(bandwidth.tryTake(1)).toBe(0)
  })
  test("whoever stops waiting does not hold up the next", async () => {
    const time = manualTime()
    const bandwidth = createBandwidth({ bytesPerSecond: 10, clock: time.clock, timers: time.timers })
    await bandwidth.take(100)
    const stop = new AbortController()
    const given = bandwidth.take(1, stop.signal)
    const next = bandwidth.take(1)
    stop.abort()
    await expect(given).rejects.toMatchObject({ code: "TIMEOUT" })
    await time.advance(10_000)
    await next
    expect(time.pending()).toBe(0)
  })
})
