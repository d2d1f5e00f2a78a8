import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import {
  type Bytes, checkConsistency, checkInclusion, checkSubtreeConsistency, checkSubtreeInclusion, coveringSubtrees, hexEncode, isSubtree, leafHash,
  nodeReaderFromLeaves, proveSubtreeConsistency, proveSubtreeInclusion, subtreeHash,
} from "../src/index.ts"
import { nodeCrypto, readVectorJson, runVectors } from "./support.ts"

interface Expectation { readonly wantErr: boolean; readonly file: string; readonly desc: string; readonly proof: readonly string[] | null }

// Hostile cases hold hashes of every length, so these bytes go to the checks as they are.
const bytes = (text: string | null | undefined): Bytes => new Uint8Array(Buffer.from(text ?? "", "base64"))
const proofOf = (item: Expectation): Bytes[] => (item.proof ?? []).map(bytes)

test("merkle: inclusion proofs", () => {
  type Case = Expectation & { readonly leafIdx: number; readonly treeSize: number; readonly root: string; readonly leafHash: string }
  runVectors("merkle/inclusion", 98, readVectorJson<Case[]>("merkle", "inclusion.json"), (item) => {
    const claim = { index: item.leafIdx, size: item.treeSize, leafHash: bytes(item.leafHash), proof: proofOf(item), root: bytes(item.root) }
    expect(checkInclusion(nodeCrypto, claim), item.file).toBe(!item.wantErr)
  })
})

test("merkle: consistency proofs", () => {
  type Case = Expectation & { readonly size1: number; readonly size2: number; readonly root1: string; readonly root2: string }
  runVectors("merkle/consistency", 98, readVectorJson<Case[]>("merkle", "consistency.json"), (item) => {
    const claim = { oldSize: item.size1, newSize: item.size2, oldRoot: bytes(item.root1), newRoot: bytes(item.root2), proof: proofOf(item) }
    expect(checkConsistency(nodeCrypto, claim) === "consistent", item.file).toBe(!item.wantErr)
  })
})

test("merkle: inclusion in subtrees", () => {
  type Case = Expectation & { readonly leafIdx: number; readonly start: number; readonly end: number; readonly root: string; readonly leafHash: string }
  runVectors("merkle/subtreeinclusion", 204, readVectorJson<Case[]>("merkle", "subtreeinclusion.json"), (item) => {
    const { leafIdx: index, start, end } = item
    const claim = { index, start, end, leafHash: bytes(item.leafHash), proof: proofOf(item), root: bytes(item.root) }
    expect(checkSubtreeInclusion(nodeCrypto, claim), item.file).toBe(!item.wantErr)
  })
})

test("merkle: consistency of subtrees", () => {
  type Case = Expectation & { readonly start: number; readonly end: number; readonly size: number; readonly root1: string; readonly root2: string }
  runVectors("merkle/subtreeconsistency", 118, readVectorJson<Case[]>("merkle", "subtreeconsistency.json"), (item) => {
    const { start, end, size } = item
    const claim = { start, end, size, subtreeRoot: bytes(item.root1), root: bytes(item.root2), proof: proofOf(item) }
    expect(checkSubtreeConsistency(nodeCrypto, claim), item.file).toBe(!item.wantErr)
  })
})

test("mtc-subtree: the four accumulated digests of the draft", () => {
  const leaves = Array.from({ length: 130 }, (_, i) => leafHash(nodeCrypto, Uint8Array.of(i)))
  const reader = nodeReaderFromLeaves(nodeCrypto, leaves)
  const words = (proof: readonly Bytes[]): string => proof.map((hash) => ` ${hexEncode(hash)}`).join("")
  const digests: Record<string, () => Generator<string>> = {
    *subtreeHash() {
      for (let end = 0; end <= 130; end++) for (let start = 0; start <= end; start++) {
        if (isSubtree(start, end)) yield `[${start}, ${end}) ${hexEncode(subtreeHash(nodeCrypto, reader, { start, end }))}\n`
      }
    },
    *subtreeInclusion() {
      for (let end = 0; end <= 130; end++) for (let start = 0; start <= end; start++) {
        if (!isSubtree(start, end)) continue
        for (let index = start; index < end; index++) {
          yield `${index} [${start}, ${end})${words(proveSubtreeInclusion(nodeCrypto, reader, { index, start, end }))}\n`
        }
      }
    },
    *subtreeConsistency() {
      for (let size = 0; size <= 130; size++) for (let end = 0; end <= size; end++) for (let start = 0; start <= end; start++) {
        if (isSubtree(start, end)) yield `[${start}, ${end}) ${size}${words(proveSubtreeConsistency(nodeCrypto, reader, { start, end, size }))}\n`
      }
    },
    *covering() {
      for (let end = 0; end <= 130; end++) for (let start = 0; start <= end; start++) {
        const [left, right] = coveringSubtrees(start, end)
        yield `[${left.start}, ${left.end}) [${right.start}, ${right.end})\n`
      }
    },
  }
  const expected = readVectorJson<Record<string, { readonly sha256: string }>>("mtc-subtree", "accumulated.json")
  runVectors("mtc-subtree/accumulated", 4, Object.entries(digests), ([name, lines]) => {
    const rolling = createHash("sha256")
    for (const line of lines()) rolling.update(line)
    expect(rolling.digest("hex"), name).toBe(expected[name]?.sha256)
  })
})
