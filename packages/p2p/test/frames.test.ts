import type { Stream } from "@libp2p/interface"
import { describe, expect, test } from "vitest"
import { readFrame, writeFrame } from "../src/frames.ts"

/** A stream that gives these pieces and ends, as one that was cut does too. */
function streamOf(...pieces: readonly (readonly number[])[]): Stream {
  return { async *[Symbol.asyncIterator]() { for (const piece of pieces) yield await Promise.resolve(Uint8Array.from(piece)) } } as unknown as Stream
}

describe("frames", () => {
  test.each([
    { name: "in one piece", pieces: [[0, 0, 0, 2, 7, 8]] }, { name: "byte by byte", pieces: [[0], [0], [0], [2], [7], [8]] }, { name: "length and body apart", pieces: [[0, 0, 0, 2], [7, 8]] }, { name: "cut anywhere", pieces: [[0, 0, 0], [2, 7], [], [8]] },
  ])("are read $name", async ({ pieces }) => {
    expect(await readFrame(streamOf(...pieces), 2)).toEqual(Uint8Array.of(7, 8))
  })
  test("an empty one is a frame too", async () => {
    expect(await readFrame(streamOf([0, 0, 0, 0]), 0)).toEqual(new Uint8Array())
  })
  test.each([
    { name: "one that is too large, before any of it comes", pieces: [[0, 0, 0, 3]], says: "announces 3 bytes, expected at most 2" },
    { name: "one of four gigabytes", pieces: [[255, 255, 255, 255]], says: "announces 4294967295" },
    { name: "one that ends early", pieces: [[0, 0, 0, 2, 7]], says: "end after 1 of 2" },
    { name: "one without a body", pieces: [[0, 0, 0, 2]], says: "end after 0 of 2" },
    { name: "one that ends in its length", pieces: [[0, 0]], says: "without an answer" },
    { name: "none at all", pieces: [], says: "without an answer" },
    { name: "more than was announced", pieces: [[0, 0, 0, 1, 7, 8]], says: "more than the 1" },
  ])("refuses $name", async ({ pieces, says }) => {
    await expect(readFrame(streamOf(...pieces), 2)).rejects.toMatchObject({ code: "UPSTREAM_FAILED", message: expect.stringContaining(says) })
  })
  test("are written in pieces, waiting wherever the other side is slow", async () => {
    const sent: number[] = []
    let waited = 0
    const stream = { send: (bytes: Uint8Array) => { sent.push(bytes.length); return sent.length % 2 === 1 }, onDrain: () => { waited += 1; return Promise.resolve() } } as unknown as Stream
    await writeFrame(stream, new Uint8Array(200_000), new AbortController().signal)
    expect([sent, waited]).toEqual([[4, 65_536, 65_536, 65_536, 3_392], 2])
  })
})
