import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  buildForkProof, buildWitnessProof, type Bytes, cosign, formatCheckpoint, formatMisbehavior, formatNote, formatSignatureLine, leafHash, type MisbehaviorProof,
  nodeReaderFromLeaves, parseMisbehavior, parseVerifierKey, proveFork, rootOfLeaves, type Signer, signNote, unlessRefused, utf8Encode, verifierKeyOf, verifyMisbehavior,
} from "../../src/index.ts"
import { crypto, makeWorld, NOW } from "./world.ts"

const world = makeWorld()
const [alpha, beta] = world.nodes
if (alpha === undefined || beta === undefined) throw new TypeError("world is empty")
const log = alpha.log
const origin = log.verifier.name
const { witness } = beta
const key = witness.verifier

const leavesOf = (history: string, size: number): Bytes[] => Array.from({ length: size }, (_, i) => leafHash(crypto, utf8Encode(`${history} ${i}`)))
const textOf = (history: string, size: number, name = origin): string => formatCheckpoint({ origin: name, size, root: rootOfLeaves(crypto, leavesOf(history, size)) })
/** A head that the witness cosigned, signed by the log too unless told otherwise. */
const cosigned = (history: string, size: number, time: number, more: { readonly by?: Signer; readonly name?: string; readonly log?: Signer | null } = {}): string => {
  const text = textOf(history, size, more.name)
  const line = cosign(more.by ?? witness, text, time)
  return more.log === null ? formatNote(text, [line]) : signNote(more.log ?? log, text) + line
}
const forkHashes = async (history: string, oldSize: number, newSize: number): Promise<Bytes[]> =>
  oldSize === newSize ? [] : await proveFork(crypto, nodeReaderFromLeaves(crypto, leavesOf(history, newSize)), { oldSize, newSize })
const reread = (proof: MisbehaviorProof | undefined): MisbehaviorProof => {
  if (proof === undefined) throw new TypeError("no proof")
  return parseMisbehavior(formatMisbehavior(proof))
}

describe("witness-fork", () => {
  test.each([[3, 7], [4, 7], [1, 2], [5, 5]])("a witness that cosigned heads of %i and %i entries of two histories is convicted, the log alone by its own signatures", async (oldSize, newSize) => {
    const heads = { older: cosigned("first", oldSize, NOW), newer: cosigned("second", newSize, NOW), consistency: await forkHashes("second", oldSize, newSize) }
    const proof = reread(buildWitnessProof(crypto, key, { origin, ...heads }))
    expect(proof.kind).toBe("witness-fork")
    expect(verifyMisbehavior(crypto, proof, key)).toBe(true)
    expect(world.nodes.flatMap(({ node }) => [node.log, node.notices, node.witness]).filter((other) => verifyMisbehavior(crypto, proof, other))).toEqual([key])
    const ofLog = reread(buildForkProof(crypto, { key: log.verifier, ...heads }))
    expect(world.nodes.flatMap(({ node }) => [node.log, node.notices, node.witness]).filter((other) => verifyMisbehavior(crypto, ofLog, other))).toEqual([log.verifier])
  })
  test("heads that the log never signed convict the witness, and nobody else", () => {
    const heads = { older: cosigned("first", 5, NOW, { log: null }), newer: cosigned("second", 5, NOW, { log: null }), consistency: [] }
    expect(verifyMisbehavior(crypto, reread(buildWitnessProof(crypto, key, { origin, ...heads })), key)).toBe(true)
    expect(buildForkProof(crypto, { key: log.verifier, ...heads })).toBeUndefined()
  })
  const strange = signNote(log, textOf("second", 5))
  test.each<[string, string, string]>([
    ["two times of one head", cosigned("first", 5, NOW), cosigned("first", 5, NOW + 9)],
    ["a head that only the log signed", cosigned("first", 5, NOW), strange],
    ["a head that another witness cosigned", cosigned("first", 5, NOW), cosigned("second", 5, NOW, { by: alpha.witness })],
    ["two logs", cosigned("first", 5, NOW), cosigned("second", 5, NOW, { name: beta.log.verifier.name, log: beta.log })],
    ["cosignatures that claim no time", cosigned("first", 5, 0), cosigned("second", 5, 0)],
    ["one cosignature that claims no time", cosigned("first", 5, NOW), cosigned("second", 5, 0)],
    ["empty trees", cosigned("first", 0, NOW), cosigned("second", 0, NOW)],
    ["no note", cosigned("first", 5, NOW), "rumor"],
  ])("%s: nobody is convicted", (_, older, newer) => {
    expect(buildWitnessProof(crypto, key, { origin, older, newer, consistency: [] })).toBeUndefined()
    expect(buildWitnessProof(crypto, key, { origin, older: newer, newer: older, consistency: [] })).toBeUndefined()
  })
  test("a cosignature moved to another time, head or key name convicts nobody", () => {
    const real = cosigned("first", 5, NOW)
    const line = cosign(witness, textOf("first", 5), NOW)
    const moved = [
      formatNote(textOf("second", 5), [line]),
      formatNote(textOf("second", 5), [cosign(witness, textOf("second", 5), NOW).replace("witness", "witnesz")]),
      formatNote(textOf("second", 5), [formatSignatureLine(key.name, key.keyId, new Uint8Array(72).fill(1))]),
    ]
    for (const newer of moved) expect(buildWitnessProof(crypto, key, { origin, older: real, newer, consistency: [] })).toBeUndefined()
  })
})

describe("witness-rollback", () => {
  const proofOf = (older: string, newer: string, from = origin) => buildWitnessProof(crypto, key, { origin: from, older, newer })
  test("a smaller head cosigned at a later time convicts the witness", () => {
    const proof = reread(proofOf(cosigned("first", 7, NOW), cosigned("first", 5, NOW + 1)))
    expect(proof.kind).toBe("witness-rollback")
    expect(world.nodes.flatMap(({ node }) => [node.log, node.notices, node.witness]).filter((other) => verifyMisbehavior(crypto, proof, other))).toEqual([key])
  })
  test.each<[string, string, string]>([
    ["the order in which they came", cosigned("first", 5, NOW), cosigned("first", 7, NOW + 1)],
    ["one second", cosigned("first", 7, NOW), cosigned("first", 5, NOW)],
    ["an earlier time", cosigned("first", 7, NOW), cosigned("first", 5, NOW - 1)],
    ["the same size, refreshed", cosigned("first", 7, NOW), cosigned("first", 7, NOW + 1)],
    ["a larger head without a time", cosigned("first", 7, 0), cosigned("first", 5, NOW)],
    ["two logs", cosigned("first", 7, NOW), cosigned("first", 5, NOW + 1, { name: beta.log.verifier.name, log: beta.log })],
    ["another witness", cosigned("first", 7, NOW), cosigned("first", 5, NOW + 1, { by: alpha.witness })],
    ["a log's own signature", cosigned("first", 7, NOW), signNote(log, textOf("first", 5))],
  ])("%s: nobody is convicted", (_, older, newer) => expect(proofOf(older, newer)).toBeUndefined())
  test("another origin than the heads' convicts nobody", () => {
    expect(proofOf(cosigned("first", 7, NOW), cosigned("first", 5, NOW + 1), "other.example/log")).toBeUndefined()
  })
  test("a log is not convicted by what its witness says, nor a witness by a log's kind of proof", () => {
    const heads = { older: cosigned("first", 7, NOW), newer: cosigned("first", 5, NOW + 1) }
    const disguised: MisbehaviorProof = { kind: "witness-rollback", origin, witness: log.verifier.name, ...heads }
    expect(verifyMisbehavior(crypto, disguised, log.verifier)).toBe(false)
    // One name for a log's key and a witness's key: the type decides.
    const twin = verifierKeyOf(origin, key.type, key.publicKey)
    expect(verifyMisbehavior(crypto, { kind: "fork", origin, older: cosigned("first", 5, NOW), newer: cosigned("second", 5, NOW), consistency: [] }, twin)).toBe(false)
    expect(verifyMisbehavior(crypto, { kind: "witness-fork", origin, witness: origin, older: cosigned("first", 5, NOW), newer: cosigned("second", 5, NOW), consistency: [] }, log.verifier)).toBe(false)
  })
})

describe("no honest witness is ever convicted", () => {
  const step = fc.record({ grow: fc.nat({ max: 3 }), seconds: fc.nat({ max: 2 }), log: fc.nat({ max: 1 }) })
  test("any two cosignatures of a history that only grows, for several logs, in any order", async () => {
    const logs = [log, alpha.notices]
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      const sizes = [0, 0]
      let time = NOW
      const heads = steps.map(({ grow, seconds, log: which }) => {
        time += seconds
        sizes[which] = (sizes[which] ?? 0) + grow
        const signer = logs[which] as Signer
        return { size: sizes[which] ?? 0, text: cosigned("only", sizes[which] ?? 0, time, { name: signer.verifier.name, log: signer }) }
      })
      for (const a of heads) {
        for (const b of heads) {
          const hashes = a.size < b.size && a.size > 0 ? await forkHashes("only", a.size, b.size) : []
          for (const signer of logs) {
            for (const consistency of [undefined, [], hashes]) {
              expect(buildWitnessProof(crypto, key, { origin: signer.verifier.name, older: a.text, newer: b.text, consistency })).toBeUndefined()
            }
          }
        }
      }
    }), { numRuns: process.env["SLOW"] === "1" ? 500 : 25 })
  })
})

describe("one spelling", () => {
  const proof: MisbehaviorProof = { kind: "witness-fork", origin, witness: key.name, older: "o", newer: "n", consistency: [new Uint8Array(32)] }
  const text = formatMisbehavior(proof)
  test("what is written is read", () => expect(parseMisbehavior(text)).toEqual(proof))
  test("whatever kind of byte array a hash is", () => expect(formatMisbehavior({ ...proof, consistency: [Buffer.alloc(32)] })).toBe(text))
  test.each<[string, string]>([
    ["compact", JSON.stringify(JSON.parse(text))],
    ["without the last newline", text.trimEnd()],
    ["other order", text.replace(/( {2}"kind".*\n)( {2}"origin".*\n)/, "$2$1")],
  ["a needless escape", text.replace('"o"', '"\\u006f"')],
    ["a member twice", text.replace('"older"', '"older": "o",\n  "older"')],
    ["hashes that are no canonical base64", text.replace(/A{42}A=/, `${"A".repeat(42)}B=`)],
    ["an unknown member", text.replace('"older"', '"extra": 1,\n  "older"')],
    ["a missing member", text.replace(/ {2}"witness".*\n/, "")],
    ["a member of another kind", text.replace("witness-fork", "witness-rollback")],
    ["a number for a text", text.replace('"o"', "1")],
  ])("refused: %s", (_, other) => {
    expect(other).not.toBe(text)
    expect(() => parseMisbehavior(other)).toThrow(expect.objectContaining({ code: "MISBEHAVIOR_MALFORMED" }))
  })
  test("every character of a proof that convicts, changed, convicts nobody", async () => {
    // Without the log's own signatures, of which a witness's conviction does not depend.
    const heads = { older: cosigned("first", 2, NOW, { log: null }), newer: cosigned("second", 3, NOW, { log: null }), consistency: await forkHashes("second", 2, 3) }
    const real = formatMisbehavior(reread(buildWitnessProof(crypto, key, { origin, ...heads })))
    let read = 0
    for (let i = 0; i < real.length; i++) {
      const other = real.slice(0, i) + (real[i] === "A" ? "B" : "A") + real.slice(i + 1)
      const parsed = unlessRefused(() => parseMisbehavior(other))
      if (parsed === undefined) continue
      read += 1
      expect(verifyMisbehavior(crypto, parsed, key), `position ${i}`).toBe(false)
    }
    expect(read).toBeGreaterThan(500)
  })
})

describe("vectors", () => {
  const { keys, cases } = JSON.parse(readFileSync(new URL("../../../spec/vectors/own/misbehavior.json", import.meta.url), "utf8")) as {
    readonly keys: readonly string[]
    readonly cases: readonly { readonly name: string; readonly document: string; readonly expect: string }[]
  }
  test.each(cases)("$name", ({ document, expect: says }) => {
    const proof = unlessRefused(() => parseMisbehavior(document))
    const guilty = proof === undefined ? ["malformed"] : keys.filter((vkey) => verifyMisbehavior(crypto, proof, parseVerifierKey(vkey)))
    expect(guilty).toEqual(says === "nobody" ? [] : [says])
    if (proof !== undefined) expect(formatMisbehavior(proof)).toBe(document)
  })
})
