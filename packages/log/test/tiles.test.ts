import { readFileSync } from "node:fs"
import { sharedPath } from "@vouchsafe/config/shared"
import {
  checkConsistency, checkInclusion, checkMulti, hexEncode, leafHash, openCheckpoint, proveConsistency, proveInclusion, proveMulti,
  nodeReaderFromLeaves, rootOfLeaves, utf8Encode,
} from "@vouchsafe/core"
import type { Log } from "@vouchsafe/ports"
import { createMemoryLogDisk, fastCrypto } from "@vouchsafe/testkit"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openOn, signer } from "./helpers.ts"

interface Worked {
  readonly tiles: {
    readonly size: number
    readonly root: string
    readonly tiles: Record<string, { readonly bytes: number; readonly sha256: string; readonly firstBytesHex?: string }>
    readonly inclusion69999: string[]
  }
}

const worked = JSON.parse(readFileSync(sharedPath("vectors", "own", "worked-vectors.json"), "utf8")) as Worked
const { size, root, tiles, inclusion69999 } = worked.tiles
const leaves = Array.from({ length: size }, (_, i) => utf8Encode(String(i)))
const leafHashes = leaves.map((leaf) => leafHash(fastCrypto, leaf))

describe("the 70,000-leaf tree of the worked vectors, appended in uneven calls", () => {
  let log: Log

  beforeAll(async () => {
    log = await openOn(await createMemoryLogDisk().open())
    const calls: Promise<unknown>[] = []
    for (let from = 0, count = 1; from < size; from += count, count = (count * 7 + 3) % 1000 + 1) {
      calls.push(log.append(leaves.slice(from, from + count).map((bytes) => ({ bytes, keys: [] }))))
      // Let some calls share a commit and others not, below the limit of what may wait.
      if (calls.length % 7 === 0) await calls.at(-1)
    }
    await Promise.all(calls)
  })
  afterAll(() => log.close())

  test("has the root", () => {
    expect(log.size).toBe(size)
    expect(hexEncode(openCheckpoint(fastCrypto, log.checkpoint(), signer.verifier).checkpoint.root)).toBe(root)
  })

  test.each(Object.entries(tiles))("%s byte for byte", async (path, { bytes, sha256, firstBytesHex }) => {
    const { status, body, immutable, contentType } = await log.serve(path)
    expect({ status, immutable, contentType, bytes: body.length }).toEqual({ status: 200, immutable: true, contentType: "application/octet-stream", bytes })
    expect(hexEncode(fastCrypto.sha256(body))).toBe(sha256)
    if (firstBytesHex !== undefined) expect(hexEncode(body).startsWith(firstBytesHex)).toBe(true)
  })

  test("proofs are those of the vectors and of the leaves in memory", async () => {
    expect((await log.proveInclusion(69_999, size)).map(hexEncode)).toEqual(inclusion69999)
    const head = log.head()
    for (const index of [0, 255, 256, 12_345, 65_535, 65_536, 69_887, 69_888, 69_999]) {
      const proof = await log.proveInclusion(index, size)
      expect(checkInclusion(fastCrypto, { index, size, leafHash: leafHashes[index] as Uint8Array, proof, root: head.root })).toBe(true)
    }
    for (const oldSize of [1, 255, 256, 257, 65_536, 69_999, size]) {
      const oldRoot = rootOfLeaves(fastCrypto, leafHashes.slice(0, oldSize))
      const proof = await log.proveConsistency(oldSize, size)
      expect(checkConsistency(fastCrypto, { oldSize, newSize: size, oldRoot, newRoot: head.root, proof })).toBe("consistent")
    }
  })

  test("proofs at an older size are those that the log gave when it had that size", async () => {
    const older = 66_000
    const reader = nodeReaderFromLeaves(fastCrypto, leafHashes.slice(0, older))
    const indices = [0, 1, 700, 65_535, 65_999]
    expect(await log.proveMulti(indices, older)).toEqual(proveMulti(reader, { indices, size: older }, fastCrypto))
    expect(await log.proveInclusion(700, older)).toEqual(proveInclusion(fastCrypto, reader, { index: 700, size: older }))
    expect(await log.proveConsistency(300, older)).toEqual(proveConsistency(fastCrypto, reader, { oldSize: 300, newSize: older }))
    const claim = { indices, size, leafHashes: indices.map((index) => leafHashes[index] as Uint8Array), proof: await log.proveMulti(indices, size), root: log.head().root }
    expect(checkMulti(fastCrypto, claim)).toBe(true)
  })
})

test("vectors run", () => {
  console.log(`log: ${Object.keys(tiles).length} tiles and bundles of the 70,000-leaf tree, its root and 1 inclusion proof`)
  expect(Object.keys(tiles).length).toBe(9)
})
