import { entriesPath, hexEncode, leafHash, nodeHash, nodeReaderFromLeaves, proveMulti, rootOfLeaves, tileCounts, tilePath } from "@vouchsafe/core"
import { createMemoryLogDisk, fastCrypto } from "@vouchsafe/testkit"
import fc from "fast-check"
import { expect, test } from "vitest"
import { createByteCache } from "../src/cache.ts"
import { createRootStack } from "../src/root-stack.ts"
import { edgeStarts, EMPTY_TREE, growTree, hashCount, rootOfTree } from "../src/tree.ts"
import { benchAppend } from "../bench/append.ts"
import { entriesOf, openOn } from "./helpers.ts"

const RUNS = process.env["SLOW"] === "1" ? 500 : 40
const MANY = entriesOf(0, 3000).map(({ bytes }) => bytes)
const LEAVES = MANY.map((bytes) => leafHash(fastCrypto, bytes))
const batches = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 5 })

test("however a tree grows, root, edge, files and staged hashes are the same", () => {
  fc.assert(fc.property(batches, (counts) => {
    let tree = EMPTY_TREE
    const files = new Map<string, string>()
    const hashes: string[] = []
    for (const count of counts) {
      const growth = growTree(fastCrypto, tree, MANY.slice(tree.size, Math.min(MANY.length, tree.size + count)))
      tree = growth.tree
      for (const { path, bytes } of growth.files) {
        expect(files.has(path)).toBe(false)
        files.set(path, hexEncode(fastCrypto.sha256(bytes)))
      }
      hashes.push(...growth.hashes.map(({ level, index, hash }) => `${level} ${index} ${hexEncode(hash)}`))
      expect(rootOfTree(fastCrypto, tree)).toEqual(rootOfLeaves(fastCrypto, LEAVES.slice(0, tree.size)))
    }
    const whole = growTree(fastCrypto, EMPTY_TREE, MANY.slice(0, tree.size))
    expect(tree).toEqual(whole.tree)
    expect(hashes).toEqual(whole.hashes.map(({ level, index, hash }) => `${level} ${index} ${hexEncode(hash)}`))
    expect([...files.keys()].sort()).toEqual(whole.files.map(({ path }) => path).sort())
    tileCounts(tree.size).forEach(({ full, partial }, level) => {
      expect(files.has(tilePath(level, full))).toBe(false)
      expect(full === 0 || files.has(tilePath(level, full - 1))).toBe(true)
      expect(tree.edge[level]?.length ?? 0).toBe(partial)
    })
  }), { numRuns: RUNS })
})

test("what must be retained is what lies after the last full tile of each level", () => {
  expect(edgeStarts(0)).toEqual([0])
  expect(edgeStarts(255)).toEqual([0])
  expect(edgeStarts(256)).toEqual([256, 0])
  expect(edgeStarts(70_000)).toEqual([69_888, 256, 0])
  expect(edgeStarts(2 ** 52)).toEqual([2 ** 52, 2 ** 44, 2 ** 36, 2 ** 28, 2 ** 20, 2 ** 12, 0])
  expect(hashCount(2, 2 ** 40 + 5)).toBe(2 ** 24)
})

test("indices beyond 32 bits", () => {
  const top = new Uint8Array(32).fill(5)
  const { tree, files, hashes } = growTree(fastCrypto, { size: 2 ** 40, edge: [[], [], [], [], [], [top]], tail: [] }, MANY.slice(0, 300))
  expect(files.map(({ path }) => path)).toEqual([entriesPath(2 ** 32), tilePath(0, 2 ** 32)])
  expect(hashes.map(({ level, index }) => [level, index])).toEqual([[1, 2 ** 32]])
  expect(tree).toMatchObject({ size: 2 ** 40 + 300, edge: [{ length: 44 }, { length: 1 }, [], [], [], [top]] })
  const right = rootOfLeaves(fastCrypto, LEAVES.slice(0, 300))
  expect(rootOfTree(fastCrypto, tree)).toEqual(nodeHash(fastCrypto, top, right))
})

test("the root stack of fsck, which knows no tiles, agrees with core at every size", () => {
  const stack = createRootStack(fastCrypto)
  for (let size = 0; size <= 600; size++) {
    expect(stack.root()).toEqual(rootOfLeaves(fastCrypto, LEAVES.slice(0, size)))
    stack.push(LEAVES[size] as Uint8Array)
  }
})

test("multi-inclusion proofs from tiles equal those from leaves, through caches of any size", async () => {
  for (const tileCacheBytes of [0, 20_000, 1_000_000]) {
    const log = await openOn(await createMemoryLogDisk().open(), { tileCacheBytes, bundleCacheBytes: tileCacheBytes })
    for (let from = 0; from < 3000; from += 1000) await log.append(entriesOf(from, 1000))
    const reader = nodeReaderFromLeaves(fastCrypto, LEAVES)
    await fc.assert(fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 0, max: 2999 }), { minLength: 1, maxLength: 60 }), async (picked) => {
      const indices = picked.sort((a, b) => a - b)
      expect(await log.proveMulti(indices, 3000)).toEqual(proveMulti(reader, { indices, size: 3000 }, fastCrypto))
      expect(await log.entries(indices)).toEqual(indices.map((index) => MANY[index]))
    }), { numRuns: RUNS })
    await log.close()
  }
})

test("a cache keeps what fits, drops what was unused for longest, shares loads and forgets failures", async () => {
  const cache = createByteCache<string>(10, (text) => text.length)
  const loads: string[] = []
  const get = (key: string, value = key.repeat(4)) => cache.get(key, async () => {
    loads.push(key)
    if (value === "fail") throw new Error("fail")
    return value
  })
  expect(await Promise.all([get("a"), get("a")])).toEqual(["aaaa", "aaaa"])
  expect(await get("b")).toBe("bbbb")
  expect(get("a")).toBe("aaaa")
  await get("c")
  expect(loads).toEqual(["a", "b", "c"])
  // "b" was unused for longest and had to go.
  expect(get("a")).toBe("aaaa")
  await get("b")
  expect(loads).toEqual(["a", "b", "c", "b"])
  await expect(get("d", "fail")).rejects.toThrow("fail")
  expect(await get("d", "d")).toBe("d")
  // Larger than the whole cache: answered, not kept.
  expect(await get("e", "e".repeat(11))).toBe("e".repeat(11))
  await get("e", "e".repeat(11))
  expect(loads.filter((key) => key === "e").length).toBe(2)
})

test("the bench runs and counts what it did", async () => {
  const result = await benchAppend({ entries: 600 })
  expect(result).toMatchObject({ entries: 600, entryBytes: 1500, callers: 256, provedIndices: 500 })
  expect(result.appendsPerSecond).toBeGreaterThan(0)
  expect(result.multiProofMs).toBeGreaterThan(0)
})
