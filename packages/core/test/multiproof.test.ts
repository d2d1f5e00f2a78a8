import { readFileSync } from "node:fs"
import fc from "fast-check"
import { expect, test } from "vitest"
import {
  type Bytes, checkInclusion, checkMulti, equalBytes, hexEncode, leafHash, type MultiClaim, nobleCrypto, nodeReaderFromLeaves, proveInclusion, proveMulti, proveMultiAsync,
  splitMulti,
} from "../src/index.ts"
import { decimalLeaves, hex, naiveRoot, nodeCrypto, PROPERTY_RUNS, readVectorJson } from "./support.ts"

const LEAVES = decimalLeaves(70)

function claimOf(size: number, indices: readonly number[]): MultiClaim {
  const leaves = LEAVES.slice(0, size)
  const proof = proveMulti(nodeReaderFromLeaves(nodeCrypto, leaves), { indices, size }, nodeCrypto)
  return { indices, size, leafHashes: indices.map((index) => leaves[index] as Bytes), proof, root: naiveRoot(leaves) }
}

/** The set of subtree roots that a verifier lacks, by brute force over the recursive definition. */
function naiveProof(start: number, end: number, indices: readonly number[]): Bytes[] {
  if (!indices.some((index) => index >= start && index < end)) return [naiveRoot(LEAVES.slice(start, end))]
  if (end - start === 1) return []
  let split = 1
  while (split * 2 < end - start) split *= 2
  return [...naiveProof(start, start + split, indices), ...naiveProof(start + split, end, indices)]
}

const sizeAndIndices = fc.integer({ min: 1, max: 70 }).chain((size) =>
  fc.tuple(fc.constant(size), fc.uniqueArray(fc.integer({ min: 0, max: size - 1 }), { minLength: 1 }).map((list) => list.sort((a, b) => a - b))))

test("the proof is the minimal one, checks, and splits into the single proofs", () => {
  fc.assert(fc.property(sizeAndIndices, ([size, indices]) => {
    const claim = claimOf(size, indices)
    expect(claim.proof).toEqual(naiveProof(0, size, indices))
    expect(checkMulti(nodeCrypto, claim)).toBe(true)
    const paths = splitMulti(nodeCrypto, claim)
    const leaves = LEAVES.slice(0, size)
    expect(paths).toEqual(indices.map((index) => proveInclusion(nodeCrypto, leaves, { index, size })))
    indices.forEach((index, i) => {
      expect(checkInclusion(nodeCrypto, { index, size, root: claim.root, leafHash: leaves[index] as Bytes, proof: paths?.[i] as Bytes[] })).toBe(true)
    })
  }), { numRuns: PROPERTY_RUNS })
})

test("every size up to 70: all leaves need no hash, one leaf needs its inclusion proof's hashes", () => {
  for (let size = 1; size <= 70; size++) {
    const all = claimOf(size, Array.from({ length: size }, (_, i) => i))
    expect(all.proof, `size ${size}`).toEqual([])
    expect(checkMulti(nodeCrypto, all), `size ${size}`).toBe(true)
    for (let index = 0; index < size; index++) {
      const single = claimOf(size, [index])
      expect(checkMulti(nodeCrypto, single)).toBe(true)
      expect(splitMulti(nodeCrypto, single)).toEqual([proveInclusion(nodeCrypto, LEAVES.slice(0, size), { index, size })])
    }
  }
})

test("reading nodes asynchronously gives the same proof", async () => {
  const reader = nodeReaderFromLeaves(nodeCrypto, LEAVES)
  const indices = [0, 3, 17, 18, 69]
  const waiting = { node: async (level: number, index: number) => reader.node(level, index) }
  expect(await proveMultiAsync(waiting, { indices, size: 70 })).toEqual(claimOf(70, indices).proof)
})

test("the worked example of spec/multi-inclusion.md, over the reference leaves", () => {
  const { tree: { leafHashes, roots } } = readVectorJson<{ readonly tree: Record<"leafHashes" | "roots", readonly string[]> }>("own", "worked-vectors.json")
  const leaves = leafHashes.slice(0, 7).map(hex)
  const claim = {
    indices: [2, 5], size: 7, root: hex(roots[7] as string), leafHashes: [leaves[2] as Bytes, leaves[5] as Bytes],
    proof: proveMulti(nodeReaderFromLeaves(nodeCrypto, leaves), { indices: [2, 5], size: 7 }),
  }
  const document = readFileSync(new URL("../../spec/multi-inclusion.md", import.meta.url), "utf8")
  const written = [...document.matchAll(/^    proof\[\d\] +[^ ]+ +([0-9a-f]{64})$/gm)].map(([, hash]) => hash)
  expect(claim.proof.map(hexEncode)).toEqual(written)
  expect(checkMulti(nobleCrypto, claim)).toBe(true)
  const at = (start: number, end: number): Bytes => naiveRoot(leaves.slice(start, end))
  expect(splitMulti(nobleCrypto, claim)).toEqual([[at(3, 4), at(0, 2), at(4, 7)], [at(4, 5), at(6, 7), at(0, 4)]])
})

const GOOD = claimOf(53, [0, 7, 8, 20, 21, 52])
const OTHER = leafHash(nodeCrypto, Uint8Array.of(1, 2, 3))

test.each<{ name: string; claim: MultiClaim }>([
  { name: "no indices", claim: { ...GOOD, indices: [], leafHashes: [], proof: [GOOD.root] } },
  { name: "indices descending", claim: { ...GOOD, indices: [...GOOD.indices].reverse(), leafHashes: [...GOOD.leafHashes].reverse() } },
  { name: "an index twice", claim: { ...GOOD, indices: [0, 7, 7, 20, 21, 52] } },
  { name: "an index at the size", claim: { ...GOOD, indices: [0, 7, 8, 20, 21, 53] } },
  { name: "a negative index", claim: { ...GOOD, indices: [-1, 7, 8, 20, 21, 52] } },
  { name: "a fractional index", claim: { ...GOOD, indices: [0.5, 7, 8, 20, 21, 52] } },
  { name: "an index that is not a number", claim: { ...GOOD, indices: [Number.NaN, 7, 8, 20, 21, 52] } },
  { name: "an index beyond 2^53", claim: { ...GOOD, size: 2 ** 63, indices: [0, 7, 8, 20, 21, 2 ** 60] } },
  { name: "an infinite size", claim: { ...GOOD, size: Number.POSITIVE_INFINITY } },
  { name: "size 0", claim: { ...GOOD, size: 0 } },
  { name: "the largest size with a short proof", claim: { ...GOOD, size: Number.MAX_SAFE_INTEGER } },
  { name: "another index", claim: { ...GOOD, indices: [0, 6, 8, 20, 21, 52] } },
  { name: "two leaves exchanged", claim: { ...GOOD, leafHashes: [1, 0, 2, 3, 4, 5].map((i) => GOOD.leafHashes[i] as Bytes) } },
  { name: "a leaf hash too few", claim: { ...GOOD, leafHashes: GOOD.leafHashes.slice(1) } },
  { name: "a leaf hash too many", claim: { ...GOOD, leafHashes: [...GOOD.leafHashes, OTHER] } },
  { name: "a leaf hash of 31 bytes", claim: { ...GOOD, leafHashes: [OTHER.subarray(1), ...GOOD.leafHashes.slice(1)] } },
  { name: "a proof hash of 33 bytes", claim: { ...GOOD, proof: [Uint8Array.from([...GOOD.proof[0] as Bytes, 0]), ...GOOD.proof.slice(1)] } },
  { name: "an empty proof", claim: { ...GOOD, proof: [] } },
  { name: "a hash after the last", claim: { ...GOOD, proof: [...GOOD.proof, OTHER] } },
  { name: "a hash before the first", claim: { ...GOOD, proof: [OTHER, ...GOOD.proof] } },
  { name: "the first two hashes exchanged", claim: { ...GOOD, proof: [GOOD.proof[1] as Bytes, GOOD.proof[0] as Bytes, ...GOOD.proof.slice(2)] } },
  { name: "another root", claim: { ...GOOD, root: OTHER } },
  { name: "an empty root", claim: { ...GOOD, root: new Uint8Array(0) } },
  { name: "an inner node passed off as a leaf", claim: { ...GOOD, indices: [0], size: 1, leafHashes: [OTHER], proof: [] } },
])("refuses: $name", ({ claim }) => {
  expect(checkMulti(nodeCrypto, GOOD)).toBe(true)
  expect(checkMulti(nodeCrypto, claim)).toBe(false)
  expect(splitMulti(nodeCrypto, claim)).toBeUndefined()
})

test("each dropped hash and each changed byte of proof, leaves and root is refused", () => {
  let changes = 0
  const refuse = (claim: MultiClaim): void => {
    changes++
    expect(checkMulti(nodeCrypto, claim)).toBe(false)
  }
  const change = (list: readonly Bytes[], at: number, byte: number): Bytes[] => list.map((hash, i) => {
    const copy = Uint8Array.from(hash)
    if (i === at) copy[byte] = ((copy[byte] as number) + 1) % 256
    return copy
  })
  GOOD.proof.forEach((_, at) => {
    refuse({ ...GOOD, proof: GOOD.proof.filter((_hash, i) => i !== at) })
    for (let byte = 0; byte < 32; byte++) refuse({ ...GOOD, proof: change(GOOD.proof, at, byte) })
  })
  GOOD.leafHashes.forEach((_, at) => {
    for (let byte = 0; byte < 32; byte++) refuse({ ...GOOD, leafHashes: change(GOOD.leafHashes, at, byte) })
  })
  for (let byte = 0; byte < 32; byte++) refuse({ ...GOOD, root: change([GOOD.root], 0, byte)[0] as Bytes })
  expect(changes).toBe(GOOD.proof.length * 33 + GOOD.leafHashes.length * 32 + 32)
})

test("no other subset of leaves passes with somebody else's proof", () => {
  fc.assert(fc.property(sizeAndIndices, sizeAndIndices, ([size, indices], [, others]) => {
    const claim = claimOf(size, indices)
    const forged = others.filter((index) => index < size)
    fc.pre(forged.length > 0 && forged.join() !== indices.join())
    const leafHashes = forged.map(() => OTHER)
    expect(checkMulti(nodeCrypto, { ...claim, indices: forged, leafHashes })).toBe(false)
  }), { numRuns: PROPERTY_RUNS })
})

test("arbitrary values never throw", () => {
  const hash = fc.uint8Array({ minLength: 31, maxLength: 33 })
  const claim = fc.record({ indices: fc.array(fc.oneof(fc.maxSafeInteger(), fc.double())), size: fc.oneof(fc.maxSafeInteger(), fc.double()), leafHashes: fc.array(hash), proof: fc.array(hash), root: hash })
  fc.assert(fc.property(claim, (arbitrary) => {
    expect(checkMulti(nodeCrypto, arbitrary)).toBe(false)
    expect(splitMulti(nodeCrypto, arbitrary)).toBeUndefined()
  }), { numRuns: PROPERTY_RUNS })
})

test.each([
  { name: "no indices", indices: [], size: 4 },
  { name: "descending", indices: [2, 1], size: 4 },
  { name: "repeated", indices: [1, 1], size: 4 },
  { name: "beyond the size", indices: [4], size: 4 },
  { name: "size 0", indices: [0], size: 0 },
])("proveMulti refuses: $name", ({ indices, size }) => {
  expect(() => proveMulti(nodeReaderFromLeaves(nodeCrypto, LEAVES), { indices, size })).toThrow(RangeError)
})

test("in a large tree the proof of 500 leaves is far shorter than 500 proofs", () => {
  const size = 100_003
  const leaves = decimalLeaves(size)
  const reader = nodeReaderFromLeaves(nodeCrypto, leaves)
  const indices = Array.from({ length: 500 }, (_, i) => i * 200 + (i % 7))
  const proof = proveMulti(reader, { indices, size }, nodeCrypto)
  const root = naiveRoot(leaves)
  const claim = { indices, size, proof, root, leafHashes: indices.map((index) => leaves[index] as Bytes) }
  expect(checkMulti(nodeCrypto, claim)).toBe(true)
  const paths = splitMulti(nodeCrypto, claim) as Bytes[][]
  const singles = paths.reduce((total, path) => total + path.length, 0)
  expect(proof.length).toBeLessThan(singles / 2)
  for (const i of [0, 250, 499]) {
    const index = indices[i] as number
    const single = { index, size, root, leafHash: leaves[index] as Bytes, proof: paths[i] as Bytes[] }
    expect(checkInclusion(nobleCrypto, single)).toBe(true)
  }
  expect(equalBytes(paths[0]?.at(-1) as Bytes, paths[1]?.at(-1) as Bytes)).toBe(true)
})
