import fc from "fast-check"
import { leafHash, nodeReaderFromLeaves, proveInclusion, proveMulti, rootOfLeaves, splitMulti, utf8Encode } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { mergeProofs } from "../src/merge-proofs.ts"
import { nodeCrypto } from "../src/node/crypto.ts"

const leaves = Array.from({ length: 70 }, (_, i) => leafHash(nodeCrypto, utf8Encode(`leaf ${i}`)))
const pathOf = (index: number, size: number) => ({ index, proof: proveInclusion(nodeCrypto, leaves.slice(0, size), { index, size }) })

const sizesAndIndices = fc.integer({ min: 1, max: 70 }).chain((size) => fc.record({
  size: fc.constant(size), indices: fc.uniqueArray(fc.integer({ min: 0, max: size - 1 }), { minLength: 1 }).map((indices) => indices.sort((a, b) => a - b)),
}))

test("single paths join into exactly the multi-inclusion proof", () => {
  fc.assert(fc.property(sizesAndIndices, ({ size, indices }) => {
    const merged = mergeProofs(size, indices.map((index) => pathOf(index, size)))
    expect(merged).toEqual(proveMulti(nodeReaderFromLeaves(nodeCrypto, leaves.slice(0, size)), { indices, size }, nodeCrypto))
  }), { numRuns: 300 })
})

test("is the inverse of core's splitMulti", () => {
  fc.assert(fc.property(sizesAndIndices, ({ size, indices }) => {
    const proof = proveMulti(nodeReaderFromLeaves(nodeCrypto, leaves.slice(0, size)), { indices, size }, nodeCrypto)
    const root = rootOfLeaves(nodeCrypto, leaves.slice(0, size))
    const paths = splitMulti(nodeCrypto, { indices, size, leafHashes: indices.map((index) => leaves[index] as Uint8Array), proof, root })
    expect(paths).toBeDefined()
    expect(mergeProofs(size, indices.map((index, i) => ({ index, proof: paths?.[i] ?? [] })))).toEqual(proof)
  }), { numRuns: 100 })
})

describe("gives nothing for paths that do not fit", () => {
  const good = [pathOf(2, 11), pathOf(7, 11)]
  test.each([
    { name: "none", size: 11, paths: [] },
    { name: "a hash too few", size: 11, paths: [{ index: 2, proof: good[0]?.proof.slice(1) ?? [] }] },
    { name: "a hash too many", size: 11, paths: [{ index: 2, proof: [...good[0]?.proof ?? [], new Uint8Array(32)] }] },
    { name: "a hash too many under a neighbour", size: 11, paths: [good[0], { index: 3, proof: [...pathOf(3, 11).proof, new Uint8Array(32)] }] },
    { name: "another size", size: 3, paths: [pathOf(2, 11)] },
    { name: "the same index twice", size: 11, paths: [good[0], good[0]] },
    { name: "descending indices", size: 11, paths: [good[1], good[0]] },
    { name: "an index beyond the size", size: 11, paths: [{ index: 11, proof: pathOf(10, 11).proof }] },
    { name: "size 0", size: 0, paths: [{ index: 0, proof: [] }] },
  ])("$name", ({ size, paths }) => {
    expect(mergeProofs(size, paths as never)).toBeUndefined()
  })
})
