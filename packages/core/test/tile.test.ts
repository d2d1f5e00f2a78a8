import fc from "fast-check"
import { expect, test } from "vitest"
import {
  type Bytes, checkMulti, concatBytes, emptyRoot, entriesPath, entryOfBundle, formatEntryBundle, nodeReaderFromLeaves, nodeReaderFromTiles, parseEntryBundle, parseTilePath,
  proveConsistency, proveConsistencyAsync, proveInclusion, proveInclusionAsync, proveMultiAsync, rootFromTiles, tileCounts, tilePath, type TileReader, tilesBetween,
  tilesForSize, tileWidth,
} from "../src/index.ts"
import { allowOnly, decimalLeaves, expectRefusal, naiveRoot, nodeCrypto, PROPERTY_RUNS } from "./support.ts"

test.each([
  "", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/01/000", "tile/64/000", "tile/-1/000",
  "tile/0/x000/005", "tile/0/x000/x000/005", "tile/0/001/000", "tile/0/x001", "tile/0/x001/x000", "tile/0/X001/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/257",
  "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/1/", "tile/0/000.p/-1", "tile/data/000", "tile/Entries/000", "tile/8/0/000", "tile/0/\u0660\u0660\u0660",
  "tile/0/x009/x007/x199/x254/x740/992", "tile/0/x001/x000/x000/x000/x000/x000/000", "tile/0/000\n", "tile/0/000?x=1", "tile/0/../0/000", "tile/0/%30%30%30", "checkpoint",
])("tile path refuses %j", (path) => {
  expectRefusal(() => parseTilePath(path), "TILE_PATH_MALFORMED")
})

test("tile paths write back, and nothing else is a tile path", () => {
  const place = fc.record({ level: fc.oneof(fc.constant("entries" as const), fc.integer({ min: 0, max: 63 })), index: fc.nat(Number.MAX_SAFE_INTEGER), width: fc.integer({ min: 1, max: 256 }) })
  fc.assert(fc.property(place, ({ level, index, width }) => {
    expect(parseTilePath(tilePath(level, index, width))).toEqual({ level, index, width })
  }), { numRuns: PROPERTY_RUNS })
  const pieces = fc.string({ unit: fc.constantFrom("tile/", "0", "63", "/", "x001", "000", ".p/", "256", "1", "entries"), maxLength: 7 })
  fc.assert(fc.property(pieces, (path) => {
    allowOnly(() => {
      const { level, index, width } = parseTilePath(path)
      expect(tilePath(level, index, width)).toBe(path)
    }, "TILE_PATH_MALFORMED")
  }), { numRuns: PROPERTY_RUNS * 5 })
  expect(entriesPath(1234067, 5)).toBe("tile/entries/x001/x234/067.p/5")
  expect(tilePath(0, Number.MAX_SAFE_INTEGER)).toBe("tile/0/x009/x007/x199/x254/x740/991")
})

test.each<[number | "entries", number, number]>([[64, 0, 1], [-1, 0, 1], [0.5, 0, 1], [0, -1, 1], [0, 2 ** 53, 1], [0, 0, 0], [0, 0, 257], [0, 0, 1.5], ["entries", Number.NaN, 1]])("no path for level %s, index %s, width %s", (level, index, width) => {
  expect(() => tilePath(level, index, width)).toThrow(RangeError)
})

const bundle = formatEntryBundle([Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4)])

test.each([
  { name: "nothing", bytes: new Uint8Array(0), width: undefined, says: "empty" },
  { name: "half a length", bytes: Uint8Array.of(0), width: undefined, says: "beyond the end" },
  { name: "a length and no entry", bytes: Uint8Array.of(0, 1), width: undefined, says: "beyond the end" },
  { name: "the last byte cut", bytes: bundle.subarray(0, -1), width: 3, says: "beyond the end" },
  { name: "one byte too many", bytes: concatBytes(bundle, Uint8Array.of(0)), width: 3, says: "beyond the end" },
  { name: "fewer entries than expected", bytes: bundle, width: 4, says: "3 entries, expected 4" },
  { name: "more entries than expected", bytes: bundle, width: 2, says: "3 entries, expected 2" },
  { name: "257 entries", bytes: new Uint8Array(257 * 2), width: undefined, says: "more than 256" },
])("entry bundle refuses: $name", ({ bytes, width, says }) => {
  expectRefusal(() => parseEntryBundle(bytes, width), "TILE_MALFORMED", says)
})

const full = formatEntryBundle(Array.from({ length: 256 }, (_, i) => new Uint8Array(i).fill(i)))

test.each([
  { name: "nothing", bytes: new Uint8Array(0), says: "beyond the end" },
  { name: "a bundle that is not full", bytes: bundle, says: "beyond the end" },
  { name: "the last byte cut", bytes: full.subarray(0, -1), says: "entry 255 goes beyond the end" },
  { name: "one byte too many", bytes: concatBytes(full, Uint8Array.of(0)), says: "more than 256" },
  { name: "257 entries", bytes: new Uint8Array(257 * 2), says: "more than 256" },
])("one entry of a full bundle refuses, also where the entry itself is whole: $name", ({ bytes, says }) => {
  expectRefusal(() => entryOfBundle(bytes, 0), "TILE_MALFORMED", says)
})

test("one entry of a full bundle is the one that taking it apart gives", () => {
  for (const [i, entry] of parseEntryBundle(full).entries()) expect(entryOfBundle(full, i)).toEqual(entry)
  for (const position of [-1, 256, 0.5, Number.NaN]) expect(() => entryOfBundle(full, position)).toThrow(RangeError)
})

test("entry bundles write back", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 20 }), (entries) => {
    expect(parseEntryBundle(formatEntryBundle(entries), entries.length)).toEqual(entries)
  }), { numRuns: PROPERTY_RUNS })
  const largest = [new Uint8Array(65_535), ...Array.from({ length: 255 }, () => new Uint8Array(0))]
  expect(parseEntryBundle(formatEntryBundle(largest))).toEqual(largest)
  expect(() => formatEntryBundle([new Uint8Array(65_536)])).toThrow(RangeError)
  expect(() => formatEntryBundle(Array.from({ length: 257 }, () => new Uint8Array(0)))).toThrow(RangeError)
})

/** Tiles of a tree, as a log would write them while it grows through `sizes`. */
function grow(leaves: readonly Bytes[], sizes: readonly number[]): Map<string, Bytes> {
  const nodes = nodeReaderFromLeaves(nodeCrypto, leaves)
  const store = new Map<string, Bytes>()
  let before = 0
  for (const size of sizes) {
    for (const { level, index, width } of tilesBetween(before, size)) {
      const tile = Array.from({ length: width }, (_, i) => nodes.node(8 * (level as number), index * 256 + i))
      store.set(tilePath(level, index, width), concatBytes(...tile))
    }
    before = size
  }
  return store
}

const LEAVES = decimalLeaves(1000)

test("growing step by step writes every tile that any size on the way needs", async () => {
  const sizes = [1, 2, 255, 256, 257, 511, 512, 513, 700, 1000]
  const store = grow(LEAVES, sizes)
  const reader: TileReader = { tile: (level, index, width) => store.get(tilePath(level, index, width)) as Bytes }
  for (const size of sizes) {
    for (const { level, index, width } of tilesForSize(size)) {
      expect(store.has(tilePath(level, index, width)), `size ${size}: ${tilePath(level, index, width)}`).toBe(true)
      expect(tileWidth(level, index, size)).toBe(width)
    }
    const root = naiveRoot(LEAVES.slice(0, size))
    expect(await rootFromTiles(nodeCrypto, reader, size)).toEqual(root)
    const nodes = nodeReaderFromTiles(nodeCrypto, reader, size)
    const indices = [0, 1, 254, 255, 256, 300, 699, 999].filter((index) => index < size)
    for (const index of indices) {
      expect(await proveInclusionAsync(nodeCrypto, nodes, { index, size })).toEqual(proveInclusion(nodeCrypto, LEAVES.slice(0, size), { index, size }))
    }
    for (const oldSize of sizes.filter((old) => old <= size)) {
      const of = { oldSize, newSize: size }
      expect(await proveConsistencyAsync(nodeCrypto, nodes, of)).toEqual(proveConsistency(nodeCrypto, LEAVES.slice(0, size), of))
    }
    const proof = await proveMultiAsync(nodes, { indices, size }, nodeCrypto)
    expect(checkMulti(nodeCrypto, { indices, size, proof, root, leafHashes: indices.map((index) => LEAVES[index] as Bytes) })).toBe(true)
  }
  expect(await rootFromTiles(nodeCrypto, reader, 0)).toEqual(emptyRoot(nodeCrypto))
})

test("a full tile stands in for the partial one that it replaced", async () => {
  const store = grow(LEAVES, [700, 1000])
  store.delete(tilePath(0, 2, 188))
  const full: TileReader = { tile: (level, index, width) => store.get(tilePath(level, index, width)) ?? (store.get(tilePath(level, index)) as Bytes) }
  expect(await rootFromTiles(nodeCrypto, full, 700)).toEqual(naiveRoot(LEAVES.slice(0, 700)))
})

test("counts and widths", () => {
  expect(tileCounts(0)).toEqual([])
  expect(tileCounts(256)).toEqual([{ full: 1, partial: 0 }, { full: 0, partial: 1 }])
  expect(tileCounts(Number.MAX_SAFE_INTEGER)).toHaveLength(7)
  expect(tileWidth(0, 3, 1000)).toBe(232)
  expect(tileWidth(0, 4, 1000)).toBe(0)
  expect(tileWidth(2, 0, 1000)).toBe(0)
  expect(tileWidth("entries", 3, 1000)).toBe(232)
  expect(tilesBetween(5, 5)).toEqual([])
  expect(() => tilesBetween(6, 5)).toThrow(RangeError)
  expect(() => tileCounts(-1)).toThrow(RangeError)
})

test("tiles of a wrong length are refused, reader errors pass through, and a failed tile is asked for again", async () => {
  for (const length of [0, 31, 33, 99 * 32, 101 * 32, 8191]) {
    const nodes = nodeReaderFromTiles(nodeCrypto, { tile: () => new Uint8Array(length) }, 100)
    await expect(nodes.node(0, 0)).rejects.toMatchObject({ code: "TILE_MALFORMED", message: expect.stringContaining("expected 3200") as string })
  }
  const store = grow(LEAVES, [100])
  let failures = 1
  const flaky = nodeReaderFromTiles(nodeCrypto, {
    tile: async (level, index, width) => {
      if (failures-- > 0) throw new Error("out of reach")
      return store.get(tilePath(level, index, width)) as Bytes
    },
  }, 100)
  await expect(flaky.node(0, 0)).rejects.toThrow("out of reach")
  expect(await flaky.node(0, 0)).toEqual(LEAVES[0])
})

test("nodes outside the tree are the caller's mistake", async () => {
  const store = grow(LEAVES, [100])
  const nodes = nodeReaderFromTiles(nodeCrypto, { tile: (level, index, width) => store.get(tilePath(level, index, width)) as Bytes }, 100)
  for (const [level, index] of [[0, 100], [0, 256], [1, 50], [7, 0], [8, 0]] as const) await expect(nodes.node(level, index), `${level}/${index}`).rejects.toThrow(RangeError)
  expect(await nodes.node(6, 0)).toEqual(naiveRoot(LEAVES.slice(0, 64)))
})
