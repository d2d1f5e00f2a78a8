import { describe, expect, test } from "vitest"
import {
  buildForkProof, formatCheckpoint, formatMisbehavior, formatObservation, leafHash, type MisbehaviorProof, nodeReaderFromLeaves, parseMisbehavior, proveFork,
  proveInclusion, rootOfLeaves, signNote, utf8Encode, verifyMisbehavior,
} from "../../src/index.ts"
import { crypto, EVIL, formatForeignEntry, formatRebuild, makeWorld, observation, publisher, rebuild, releaseBy } from "./world.ts"

const world = makeWorld()
const [alpha, beta] = world.nodes
if (alpha === undefined || beta === undefined) throw new TypeError("world is empty")
const key = alpha.log.verifier
const history = (name: string, size: number) => Array.from({ length: size }, (_, i) => utf8Encode(`${name} ${i}`))
const leaves = (entries: readonly Uint8Array[]) => entries.map((entry) => leafHash(crypto, entry))
const head = (entries: readonly Uint8Array[], signer = alpha.log) => signNote(signer, formatCheckpoint({ origin: signer.verifier.name, size: entries.length, root: rootOfLeaves(crypto, leaves(entries)) }))

describe("fork", () => {
  test.each([[3, 7], [4, 7], [1, 2], [8, 13], [5, 5]])("heads of %i and %i entries of two histories convict the log", async (oldSize, newSize) => {
    const older = head(history("first", oldSize))
    const rewritten = history("second", newSize)
    const consistency = oldSize === newSize ? [] : await proveFork(crypto, nodeReaderFromLeaves(crypto, leaves(rewritten)), { oldSize, newSize })
    const proof = buildForkProof(crypto, { key, older, newer: head(rewritten), consistency })
    if (proof === undefined) throw new TypeError("no proof")
    expect(verifyMisbehavior(crypto, parseMisbehavior(formatMisbehavior(proof)), key)).toBe(true)
    expect(verifyMisbehavior(crypto, proof, beta.log.verifier)).toBe(false)
  })
  test.each([[3, 7], [4, 7], [5, 5]])("heads of %i and %i entries of one history convict nobody", async (oldSize, newSize) => {
    const whole = history("first", newSize)
    const consistency = oldSize === newSize ? [] : await proveFork(crypto, nodeReaderFromLeaves(crypto, leaves(whole)), { oldSize, newSize })
    expect(buildForkProof(crypto, { key, older: head(whole.slice(0, oldSize)), newer: head(whole), consistency })).toBeUndefined()
  })
  test("heads signed by somebody else convict nobody", async () => {
    const rewritten = history("second", 7)
    const consistency = await proveFork(crypto, nodeReaderFromLeaves(crypto, leaves(rewritten)), { oldSize: 3, newSize: 7 })
    expect(buildForkProof(crypto, { key, older: head(history("first", 3), beta.log), newer: head(rewritten), consistency })).toBeUndefined()
    expect(buildForkProof(crypto, { key, older: head(history("first", 3)), newer: head(rewritten), consistency: consistency.slice(1) })).toBeUndefined()
  })
})

describe("equivocation", () => {
  const text = (more: object, log = key.name) => formatObservation(observation(log, more))
  const proofOf = (first: string, second: string, secondIndex = 1): MisbehaviorProof => {
    const entries = [first, second].map(utf8Encode)
    const reader = nodeReaderFromLeaves(crypto, leaves(entries))
    const proven = (index: number) => ({ index, entry: [first, second][index] as string, proof: proveInclusion(crypto, reader, { index, size: 2 }) })
    return { kind: "equivocation", origin: key.name, checkpoint: head(entries), first: proven(0), second: proven(secondIndex) }
  }
  test("two observations of one artifact with different bytes convict the log", () => {
    const proof = proofOf(text({}), text({ sha512: EVIL }))
    expect(verifyMisbehavior(crypto, parseMisbehavior(formatMisbehavior(proof)), key)).toBe(true)
  })
  test.each<[string, MisbehaviorProof]>([
    ["the same entry twice", proofOf(text({}), text({ sha512: EVIL }), 0)],
    ["the same bytes twice", proofOf(text({}), text({ observedAt: 1 }))],
    ["two artifacts", proofOf(text({}), text({ sha512: EVIL, purl: "pkg:npm/other@1.0.0" }))],
    ["two registries", proofOf(text({}), text({ sha512: EVIL, registry: "https://other.example/" }))],
    ["a statement bound to another log", proofOf(text({}), text({ sha512: EVIL }, "beta.example/log"))],
    ["two rebuilds", proofOf(formatRebuild(rebuild(key.name)), formatRebuild(rebuild(key.name, { sha512: EVIL })))],
    ["an observation and a rebuild", proofOf(text({}), formatRebuild(rebuild(key.name, { sha512: EVIL })))],
    ["an observation and a release", proofOf(text({}), formatForeignEntry(key.name, releaseBy(publisher(1), { sha512: EVIL })))],
    ["an entry that is no observation", proofOf(text({}), "{}")],
  ])("%s convicts nobody", (_, proof) => expect(verifyMisbehavior(crypto, proof, key)).toBe(false))
})

test.each([
  ["{}", "kind"], ['{"format":"vouchsafe-misbehavior/v1","kind":"rumor"}', "kind"], ['{"format":"vouchsafe-misbehavior/v1","kind":"toString"}', "kind"], ["[]", "kind"], ["null", "kind"], ["", "not JSON"],
  ['{"kind":"fork","origin":"a","older":"b","newer":"c","consistency":[]}', "format"], ['{"format":"vouchsafe-misbehavior/v1","kind":"fork"}', "missing"],
])(
  "refuses the document %s", (text, says) => {
    expect(() => parseMisbehavior(text)).toThrow(expect.objectContaining({ code: "MISBEHAVIOR_MALFORMED", message: expect.stringContaining(says) }))
  })
