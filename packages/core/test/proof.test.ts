import { expect, test } from "vitest"
import {
  base64Encode, type Bytes, checkTlogProof, cosign, formatCheckpoint, formatTlogProof, parseTlogPolicy, parseTlogProof, proveInclusion, rootOfLeaves, signerFromSeed,
  signNote, utf8Decode,
} from "../src/index.ts"
import { allowOnly, decimalLeaves, expectRefusal, mangledTexts, nodeCrypto } from "./support.ts"

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const log = signerFromSeed("log.example/npm", 1, seed(1))
const stranger = signerFromSeed("stranger.example", 1, seed(8))
const [w1, w2] = [signerFromSeed("w.example/1", 4, seed(2)), signerFromSeed("w.example/2", 4, seed(3))]
const LEAVES = decimalLeaves(7)
const HEAD = formatCheckpoint({ origin: "log.example/npm", size: 7, root: rootOfLeaves(nodeCrypto, LEAVES) })
const CHECKPOINT = signNote(log, HEAD) + cosign(w1, HEAD, 1_700_000_000) + cosign(w2, HEAD, 1_700_000_001)
const PROOF = { index: 5, hashes: proveInclusion(nodeCrypto, LEAVES, { index: 5, size: 7 }), checkpoint: CHECKPOINT }
const GOOD = formatTlogProof(PROOF)
const LEAF = LEAVES[5] as Bytes
const POLICY = parseTlogPolicy(`log ${log.verifier.vkey}\nwitness w1 ${w1.verifier.vkey}\nwitness w2 ${w2.verifier.vkey}\ngroup g all w1 w2\nquorum g\n`)

test("a good proof checks, with and without application data", () => {
  for (const text of [GOOD, formatTlogProof({ ...PROOF, extra: seed(7) }), formatTlogProof({ ...PROOF, extra: new Uint8Array(0) })]) {
    const proof = parseTlogProof(text)
    expect(formatTlogProof(proof)).toBe(text)
    expect(checkTlogProof(nodeCrypto, proof, LEAF, POLICY)).toMatchObject({ ok: true, checkpoint: { size: 7 }, log: log.verifier, witnesses: [{ name: "w1" }, { name: "w2" }] })
  }
})

test.each([
  { name: "nothing", text: "", says: "no empty line" },
  { name: "another version", text: GOOD.replace("@v1", "@v2"), says: "line 1" },
  { name: "a space after the header", text: GOOD.replace("@v1", "@v1 "), says: "line 1" },
  { name: "carriage returns", text: GOOD.replaceAll("\n", "\r\n"), says: "no empty line" },
  { name: "no index", text: GOOD.replace("index 5\n", ""), says: "expected" },
  { name: "extra after the index", text: GOOD.replace("index 5\n", "index 5\nextra QQ==\n"), says: "hash 1" },
  { name: "extra twice", text: GOOD.replace("index 5\n", "extra QQ==\nextra QQ==\nindex 5\n"), says: "index" },
  { name: "extra not base64", text: GOOD.replace("index 5\n", "extra QQ\nindex 5\n"), says: "extra" },
  { name: "index in hex", text: GOOD.replace("index 5", "index 0x5"), says: "index" },
  { name: "index with a leading zero", text: GOOD.replace("index 5", "index 05"), says: "index" },
  { name: "index beyond 2^53", text: GOOD.replace("index 5", "index 9007199254740993"), says: "index" },
  { name: "a hash of 31 bytes", text: GOOD.replace("index 5\n", `index 5\n${base64Encode(seed(1).subarray(1))}\n`), says: "32 bytes" },
  { name: "a hash that is not base64", text: GOOD.replace("index 5\n", "index 5\n????\n"), says: "hash 1" },
  { name: "64 hashes", text: GOOD.replace("index 5\n", `index 5\n${`${base64Encode(seed(1))}\n`.repeat(61)}`), says: "at most 63" },
  { name: "no checkpoint", text: GOOD.slice(0, GOOD.indexOf("\n\n") + 2), says: "checkpoint" },
  { name: "a checkpoint without signatures", text: GOOD.slice(0, GOOD.indexOf("\n\n") + 2) + HEAD, says: "checkpoint" },
  { name: "a signed text that is no checkpoint", text: GOOD.slice(0, GOOD.indexOf("\n\n") + 2) + signNote(log, "hello\n"), says: "checkpoint" },
  { name: "too long", text: "a".repeat(1_000_001), says: "at most" },
])("proof refuses: $name", ({ text, says }) => {
  expectRefusal(() => parseTlogProof(text), "PROOF_MALFORMED", says)
})

test.each([
  { name: "another leaf", leaf: LEAVES[4] as Bytes, proof: PROOF, reason: "inclusion" },
  { name: "a short leaf hash", leaf: LEAF.subarray(1), proof: PROOF, reason: "inclusion" },
  { name: "another index", leaf: LEAF, proof: { ...PROOF, index: 4 }, reason: "inclusion" },
  { name: "an index at the size", leaf: LEAF, proof: { ...PROOF, index: 7 }, reason: "inclusion" },
  { name: "no hashes", leaf: LEAF, proof: { ...PROOF, hashes: [] }, reason: "inclusion" },
  { name: "a log not in the policy", leaf: LEAF, proof: { ...PROOF, checkpoint: signNote(stranger, HEAD) }, reason: "log" },
  { name: "only witnesses signed", leaf: LEAF, proof: { ...PROOF, checkpoint: `${HEAD}\n${cosign(w1, HEAD, 1)}${cosign(w2, HEAD, 1)}` }, reason: "log" },
  { name: "another log's origin under this log's key", leaf: LEAF, proof: { ...PROOF, checkpoint: signNote(log, HEAD.replace("log.example/npm", "stranger.example")) }, reason: "log" },
  { name: "no witness", leaf: LEAF, proof: { ...PROOF, checkpoint: signNote(log, HEAD) }, reason: "quorum" },
  { name: "one witness of two", leaf: LEAF, proof: { ...PROOF, checkpoint: signNote(log, HEAD) + cosign(w1, HEAD, 1) }, reason: "quorum" },
  { name: "one witness twice", leaf: LEAF, proof: { ...PROOF, checkpoint: signNote(log, HEAD) + cosign(w1, HEAD, 1) + cosign(w1, HEAD, 2) }, reason: "quorum" },
  { name: "a witness that cosigned another head", leaf: LEAF, proof: { ...PROOF, checkpoint: signNote(log, HEAD) + cosign(w1, HEAD, 1) + cosign(w2, HEAD.replace("\n7\n", "\n8\n"), 1) }, reason: "quorum" },
])("checking refuses: $name", ({ leaf, proof, reason }) => {
  expect(checkTlogProof(nodeCrypto, PROOF, LEAF, POLICY).ok).toBe(true)
  expect(checkTlogProof(nodeCrypto, proof, leaf, POLICY)).toMatchObject({ ok: false, reason })
})

test("every mangled byte of a proof is refused", () => {
  let mangled = 0
  for (const { how, bytes } of mangledTexts(GOOD)) {
    mangled++
    allowOnly(() => {
      expect(checkTlogProof(nodeCrypto, parseTlogProof(utf8Decode(bytes)), LEAF, POLICY).ok, how).toBe(false)
    }, "UTF8_MALFORMED", "PROOF_MALFORMED")
  }
  expect(mangled).toBeGreaterThan(2500)
})

test("what would not read back is not written", () => {
  expectRefusal(() => formatTlogProof({ ...PROOF, checkpoint: "hello\n" }), "PROOF_MALFORMED")
  expectRefusal(() => formatTlogProof({ ...PROOF, hashes: Array.from({ length: 64 }, () => LEAF) }), "PROOF_MALFORMED")
  expectRefusal(() => formatTlogProof({ ...PROOF, extra: new Uint8Array(65_537) }), "PROOF_MALFORMED")
  expect(() => formatTlogProof({ ...PROOF, index: -1 })).toThrow(TypeError)
  expect(() => formatTlogProof({ ...PROOF, hashes: [LEAF.subarray(1)] })).toThrow(TypeError)
})
