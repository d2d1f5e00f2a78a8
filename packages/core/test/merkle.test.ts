import fc from "fast-check"
import { expect, test } from "vitest"
import {
  type Bytes, checkConsistency, checkFork, checkInclusion, checkSubtreeConsistency, checkSubtreeInclusion, coveringSubtrees, emptyRoot, isPowerOfTwo, isSubtree, leafHash, leafHashOfText, nodeHash,
  nodeReaderFromLeaves, proveConsistency, proveConsistencyAsync, proveFork, proveInclusion, proveInclusionAsync, proveSubtreeConsistency, proveSubtreeInclusion,
  rootOfLeaves, splitPoint, subtreeHash, utf8Encode,
} from "../src/index.ts"
import { decimalLeaves, expectRefusal, hex, naiveRoot, nodeCrypto, PROPERTY_RUNS } from "./support.ts"

const SIZE_MAX = 70
const LEAVES = decimalLeaves(SIZE_MAX)
/** The same log, except that entry 2 was another one: a fork from size 3 on. */
const FORKED = LEAVES.map((hash, i) => (i === 2 ? (LEAVES[60] as Bytes) : hash))
const ROOTS = Array.from({ length: SIZE_MAX + 1 }, (_, size) => naiveRoot(LEAVES.slice(0, size)))
const FORKED_ROOTS = Array.from({ length: SIZE_MAX + 1 }, (_, size) => naiveRoot(FORKED.slice(0, size)))
const rootAt = (size: number): Bytes => ROOTS[size] as Bytes

test("the leaf of a text is that of its bytes, whatever was hashed before", () => {
  const texts = ["", "a", "\u{10ffff}".repeat(8_191), "\uffff".repeat(16_384), "x".repeat(16_384), "x".repeat(16_385), "é".repeat(40_000), "b"]
  for (const text of texts) expect(leafHashOfText(nodeCrypto, text)).toEqual(leafHash(nodeCrypto, utf8Encode(text)))
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => { expect(leafHashOfText(nodeCrypto, text)).toEqual(leafHash(nodeCrypto, utf8Encode(text))) }), { numRuns: PROPERTY_RUNS })
  for (const text of ["\ud800", `${"x".repeat(20_000)}\udc00`, "a\ud800b"]) expectRefusal(() => leafHashOfText(nodeCrypto, text), "UTF8_MALFORMED")
})

test.each([[31, 32], [32, 31], [33, 32], [32, 33], [0, 32], [32, 0]])("no node over hashes of %i and %i bytes", (left, right) => {
  expect(() => nodeHash(nodeCrypto, new Uint8Array(left), new Uint8Array(right))).toThrow(TypeError)
})

test("roots of every size agree with the recursive definition", () => {
  for (let size = 0; size <= SIZE_MAX; size++) expect(rootOfLeaves(nodeCrypto, LEAVES.slice(0, size)), `size ${size}`).toEqual(rootAt(size))
})

test("every inclusion proof of every size checks, and for no other leaf or index", () => {
  for (let size = 1; size <= SIZE_MAX; size++) {
    const reader = nodeReaderFromLeaves(nodeCrypto, LEAVES.slice(0, size))
    for (let index = 0; index < size; index++) {
      const claim = { index, size, leafHash: LEAVES[index] as Bytes, proof: proveInclusion(nodeCrypto, reader, { index, size }), root: rootAt(size) }
      expect(checkInclusion(nodeCrypto, claim)).toBe(true)
      const other = (index + 1) % size
      if (other !== index) {
        expect(checkInclusion(nodeCrypto, { ...claim, index: other })).toBe(false)
        expect(checkInclusion(nodeCrypto, { ...claim, leafHash: LEAVES[other] as Bytes })).toBe(false)
      }
    }
  }
})

test("every consistency proof checks; a fork is told from junk", async () => {
  for (let newSize = 1; newSize <= SIZE_MAX; newSize++) {
    const reader = nodeReaderFromLeaves(nodeCrypto, LEAVES.slice(0, newSize))
    for (let oldSize = 1; oldSize <= newSize; oldSize++) {
      const proof = proveConsistency(nodeCrypto, reader, { oldSize, newSize })
      const claim = { oldSize, newSize, oldRoot: rootAt(oldSize), newRoot: rootAt(newSize), proof }
      expect(checkConsistency(nodeCrypto, claim)).toBe("consistent")
      const explicit = await proveFork(nodeCrypto, reader, { oldSize, newSize })
      expect(checkFork(nodeCrypto, { ...claim, proof: explicit }), "an honest log is no fork").toBe(false)
      if (oldSize < 3) continue
      const forked = { ...claim, oldRoot: FORKED_ROOTS[oldSize] as Bytes }
      // A power of two leaves the old root out of the proof, so only the explicit form can show the fork.
      expect(checkConsistency(nodeCrypto, forked)).toBe(isPowerOfTwo(oldSize) && oldSize !== newSize ? "invalid" : "fork")
      expect(checkFork(nodeCrypto, { ...forked, proof: explicit })).toBe(true)
      expect(checkConsistency(nodeCrypto, { ...forked, newRoot: LEAVES[0] as Bytes })).not.toBe("consistent")
      if (oldSize < newSize) expect(checkFork(nodeCrypto, { ...forked, newRoot: LEAVES[0] as Bytes, proof: explicit })).toBe(false)
    }
  }
})

test("from nothing everything grows, with an empty proof only", () => {
  const empty = emptyRoot(nodeCrypto)
  const claim = { oldSize: 0, newSize: 5, oldRoot: empty, newRoot: rootAt(5), proof: [] }
  expect(proveConsistency(nodeCrypto, LEAVES, { oldSize: 0, newSize: 5 })).toEqual([])
  expect(checkConsistency(nodeCrypto, claim)).toBe("consistent")
  expect(checkConsistency(nodeCrypto, { ...claim, newSize: 0, newRoot: empty })).toBe("consistent")
  expect(checkConsistency(nodeCrypto, { ...claim, newSize: 0 })).toBe("invalid")
  expect(checkConsistency(nodeCrypto, { ...claim, oldRoot: rootAt(1) })).toBe("invalid")
  expect(checkConsistency(nodeCrypto, { ...claim, proof: [rootAt(1)] })).toBe("invalid")
  expect(checkFork(nodeCrypto, { ...claim, oldRoot: rootAt(1) })).toBe(false)
  expect(checkFork(nodeCrypto, { ...claim, newSize: 0 }), "size 0 has one root only: a wrong one is malformed, not a fork").toBe(false)
})

const CONSISTENT = {
  oldSize: 11, newSize: 29, oldRoot: rootAt(11), newRoot: rootAt(29), proof: proveConsistency(nodeCrypto, LEAVES.slice(0, 29), { oldSize: 11, newSize: 29 }),
}
const INCLUDED = { index: 21, size: 29, leafHash: LEAVES[21] as Bytes, root: rootAt(29), proof: proveInclusion(nodeCrypto, LEAVES.slice(0, 29), { index: 21, size: 29 }) }

test.each<{ name: string; change: Partial<typeof CONSISTENT> }>([
  { name: "sizes exchanged", change: { oldSize: 29, newSize: 11 } },
  { name: "a negative size", change: { oldSize: -11 } },
  { name: "a size that is no number", change: { oldSize: Number.NaN } },
  { name: "an infinite size", change: { newSize: Number.POSITIVE_INFINITY } },
  { name: "a size beyond 2^53", change: { newSize: 2 ** 64 } },
  { name: "a fractional size", change: { oldSize: 11.5 } },
  { name: "no proof", change: { proof: [] } },
  { name: "another new root", change: { newRoot: rootAt(28) } },
  { name: "a short new root", change: { newRoot: rootAt(29).subarray(1) } },
  { name: "a short old root", change: { oldRoot: rootAt(11).subarray(1) } },
  { name: "one hash too few", change: { proof: CONSISTENT.proof.slice(1) } },
  { name: "one hash too many", change: { proof: [...CONSISTENT.proof, rootAt(1)] } },
  { name: "a hash of 31 bytes", change: { proof: [...CONSISTENT.proof.slice(1), rootAt(1).subarray(1)] } },
  { name: "equal sizes with a proof", change: { oldSize: 29, oldRoot: rootAt(29) } },
])("consistency refuses: $name", ({ change }) => {
  expect(checkConsistency(nodeCrypto, CONSISTENT)).toBe("consistent")
  expect(checkConsistency(nodeCrypto, { ...CONSISTENT, ...change })).toBe("invalid")
  expect(checkFork(nodeCrypto, { ...CONSISTENT, ...change })).toBe(false)
})

test.each<{ name: string; change: Partial<typeof INCLUDED> }>([
  { name: "index at the size", change: { index: 29 } },
  { name: "a negative index", change: { index: -1 } },
  { name: "an index 2^32 too large", change: { index: 21 + 2 ** 32 } },
  { name: "an index beyond 2^53", change: { index: 2 ** 60, size: 2 ** 62 } },
  { name: "index and size 2^32 too large", change: { index: 21 + 2 ** 32, size: 29 + 2 ** 32 } },
  { name: "size 0", change: { size: 0 } },
  { name: "no proof", change: { proof: [] } },
  { name: "a proof for a tree of one", change: { index: 0, size: 1 } },
  { name: "one hash too many", change: { proof: [...INCLUDED.proof, rootAt(1)] } },
  { name: "the proof reversed", change: { proof: [...INCLUDED.proof].reverse() } },
  { name: "a short leaf hash", change: { leafHash: INCLUDED.leafHash.subarray(1) } },
  { name: "another root", change: { root: rootAt(30) } },
])("inclusion refuses: $name", ({ change }) => {
  expect(checkInclusion(nodeCrypto, INCLUDED)).toBe(true)
  expect(checkInclusion(nodeCrypto, { ...INCLUDED, ...change })).toBe(false)
})

test("a fraction is not rounded to an index or a size", () => {
  const even = { ...INCLUDED, index: 20, leafHash: LEAVES[20] as Bytes, proof: proveInclusion(nodeCrypto, LEAVES.slice(0, 29), { index: 20, size: 29 }) }
  expect(checkInclusion(nodeCrypto, even)).toBe(true)
  expect(checkInclusion(nodeCrypto, { ...even, index: 20.5 })).toBe(false)
  expect(checkInclusion(nodeCrypto, { ...even, size: 29.5 })).toBe(false)
  expect(checkConsistency(nodeCrypto, { ...CONSISTENT, newSize: 29.5 })).toBe("invalid")
})

test("a log cannot put its tree below one more level: proofs end where the sizes say", () => {
  const extra = LEAVES[60] as Bytes
  const above = (root: Bytes): Bytes => nodeHash(nodeCrypto, extra, root)
  expect(checkInclusion(nodeCrypto, { ...INCLUDED, proof: [...INCLUDED.proof, extra], root: above(INCLUDED.root) })).toBe(false)
  const deeper = { ...CONSISTENT, proof: [...CONSISTENT.proof, extra], oldRoot: above(CONSISTENT.oldRoot), newRoot: above(CONSISTENT.newRoot) }
  expect(checkConsistency(nodeCrypto, deeper)).toBe("invalid")
  expect(checkFork(nodeCrypto, { ...deeper, oldRoot: rootAt(12) })).toBe(false)
})

test("each changed byte of a proof is refused", () => {
  for (const [claim, check] of [
    [CONSISTENT, (proof: Bytes[]) => checkConsistency(nodeCrypto, { ...CONSISTENT, proof }) === "consistent"],
    [INCLUDED, (proof: Bytes[]) => checkInclusion(nodeCrypto, { ...INCLUDED, proof })],
  ] as const) {
    claim.proof.forEach((_, at) => {
      for (let byte = 0; byte < 32; byte++) {
        const proof = claim.proof.map((hash) => Uint8Array.from(hash))
        const changed = proof[at] as Uint8Array
        changed[byte] = ((changed[byte] as number) + 1) % 256
        expect(check(proof)).toBe(false)
      }
    })
  }
})

test("trees beyond 32 bits: the arithmetic is exact", () => {
  // All leaves equal, so a node's hash depends on its level only and a tree of 2^52 + 3 leaves needs no more than 53 of them.
  const size = 2 ** 52 + 3
  const levels: Bytes[] = [LEAVES[0] as Bytes]
  for (let level = 1; level <= 52; level++) levels.push(naiveRoot([levels[level - 1] as Bytes, levels[level - 1] as Bytes]))
  const reader = { node: (level: number) => levels[level] as Bytes }
  const root = subtreeHash(nodeCrypto, reader, { start: 0, end: size })
  for (const index of [0, 2 ** 32, 2 ** 51 + 12345, 2 ** 52 - 1, 2 ** 52, size - 1]) {
    const proof = proveInclusion(nodeCrypto, reader, { index, size })
    expect(checkInclusion(nodeCrypto, { index, size, leafHash: LEAVES[0] as Bytes, proof, root }), `index ${index}`).toBe(true)
  }
  for (const oldSize of [1, 2 ** 31 + 1, 2 ** 32, 2 ** 51 + 5, 2 ** 52, 2 ** 52 + 2]) {
    const oldRoot = subtreeHash(nodeCrypto, reader, { start: 0, end: oldSize })
    const proof = proveConsistency(nodeCrypto, reader, { oldSize, newSize: size })
    expect(checkConsistency(nodeCrypto, { oldSize, newSize: size, oldRoot, newRoot: root, proof }), `from ${oldSize}`).toBe("consistent")
  }
  expect(splitPoint(2 ** 53 - 1)).toBe(2 ** 52)
  expect(splitPoint(2 ** 52)).toBe(2 ** 51)
  expect(splitPoint(2 ** 52 + 1)).toBe(2 ** 52)
  expect([1, 2, 2 ** 40, 2 ** 52].every(isPowerOfTwo)).toBe(true)
  expect([0, 3, 2 ** 40 + 1, 2 ** 53 - 1].some(isPowerOfTwo)).toBe(false)
})

test("subtrees: every proof up to 40 checks, also against the whole tree's own consistency proof", () => {
  const reader = nodeReaderFromLeaves(nodeCrypto, LEAVES)
  for (let end = 1; end <= 40; end++) for (let start = 0; start < end; start++) {
    if (!isSubtree(start, end)) continue
    const root = subtreeHash(nodeCrypto, reader, { start, end })
    expect(root).toEqual(naiveRoot(LEAVES.slice(start, end)))
    for (const index of new Set([start, end - 1])) {
      const proof = proveSubtreeInclusion(nodeCrypto, reader, { index, start, end })
      const claim = { index, start, end, proof, root, leafHash: LEAVES[index] as Bytes }
      expect(checkSubtreeInclusion(nodeCrypto, claim)).toBe(true)
      expect(checkSubtreeInclusion(nodeCrypto, { ...claim, leafHash: LEAVES[60] as Bytes })).toBe(false)
    }
    for (const size of [end, end + 1, 64, 70]) {
      const proof = proveSubtreeConsistency(nodeCrypto, reader, { start, end, size })
      const claim = { start, end, size, proof, subtreeRoot: root, root: rootAt(size) }
      expect(checkSubtreeConsistency(nodeCrypto, claim), `[${start}, ${end}) of ${size}`).toBe(true)
      expect(checkSubtreeConsistency(nodeCrypto, { ...claim, subtreeRoot: LEAVES[60] as Bytes })).toBe(false)
      expect(checkSubtreeConsistency(nodeCrypto, { ...claim, root: LEAVES[60] as Bytes })).toBe(false)
      if (start === 0) expect(proof).toEqual(proveConsistency(nodeCrypto, reader, { oldSize: end, newSize: size }))
    }
  }
  expect(coveringSubtrees(3, 4)).toEqual([{ start: 3, end: 4 }, { start: 4, end: 4 }])
})

test("what cannot be proved is the caller's mistake", () => {
  const reader = nodeReaderFromLeaves(nodeCrypto, LEAVES)
  const acts = [
    () => proveInclusion(nodeCrypto, reader, { index: 5, size: 5 }),
    () => proveInclusion(nodeCrypto, LEAVES.slice(0, 4), { index: 0, size: 5 }),
    () => proveConsistency(nodeCrypto, reader, { oldSize: 6, newSize: 5 }),
    () => proveConsistency(nodeCrypto, reader, { oldSize: 0.5, newSize: 5 }),
    () => proveSubtreeInclusion(nodeCrypto, reader, { index: 4, start: 0, end: 4 }),
    () => proveSubtreeConsistency(nodeCrypto, reader, { start: 1, end: 3, size: 9 }),
    () => subtreeHash(nodeCrypto, reader, { start: 1, end: 3 }),
    () => coveringSubtrees(4, 3),
  ]
  for (const act of acts) expect(act).toThrow(RangeError)
})

test("readers that wait give the same proofs", async () => {
  const reader = nodeReaderFromLeaves(nodeCrypto, LEAVES)
  const waiting = { node: async (level: number, index: number) => reader.node(level, index) }
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: SIZE_MAX }), fc.nat(), async (size, seed) => {
    const index = seed % size
    expect(await proveInclusionAsync(nodeCrypto, waiting, { index, size })).toEqual(proveInclusion(nodeCrypto, reader, { index, size }))
    const sizes = { oldSize: index, newSize: size }
    expect(await proveConsistencyAsync(nodeCrypto, waiting, sizes)).toEqual(proveConsistency(nodeCrypto, reader, sizes))
  }), { numRuns: PROPERTY_RUNS / 4 })
  await expect(proveInclusionAsync(nodeCrypto, waiting, { index: 3, size: 3 })).rejects.toThrow(RangeError)
})

test("arbitrary values never throw", () => {
  const number = fc.oneof(fc.maxSafeInteger(), fc.double(), fc.nat(9))
  const hash = fc.uint8Array({ minLength: 31, maxLength: 33 })
  fc.assert(fc.property(number, number, hash, hash, fc.array(hash), (a, b, first, second, proof) => {
    checkInclusion(nodeCrypto, { index: a, size: b, leafHash: first, root: second, proof })
    checkConsistency(nodeCrypto, { oldSize: a, newSize: b, oldRoot: first, newRoot: second, proof })
    checkFork(nodeCrypto, { oldSize: a, newSize: b, oldRoot: first, newRoot: second, proof })
    checkSubtreeInclusion(nodeCrypto, { index: a, start: a, end: b, leafHash: first, root: second, proof })
    checkSubtreeConsistency(nodeCrypto, { start: a, end: b, size: b, subtreeRoot: first, root: second, proof })
  }), { numRuns: PROPERTY_RUNS })
  expect(emptyRoot(nodeCrypto)).toEqual(hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
})
