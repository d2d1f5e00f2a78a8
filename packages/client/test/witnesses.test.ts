import { cosign, formatMisbehavior, type MisbehaviorProof, parseMisbehavior, type Signer, verifyMisbehavior } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { nodeCrypto } from "../src/node/crypto.ts"
import { NOTICES_RECHECK_MS } from "../src/limits.ts"
import { testSigner } from "./support/fake-log.ts"
import { notice, observation, purlOf, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, said, type World } from "./support/world.ts"

const NAMES = ["alpha", "bravo", "charlie", "delta"]
/** The witnesses of the world's nodes, whose keys follow from their places. */
const witnessOf = (operator: string): Signer => testSigner(`${operator}.example/witness`, 4, 3 * NAMES.indexOf(operator) + 2)

async function grown(size: number): Promise<World> {
  const world = makeWorld()
  await world.check(...Array.from({ length: size }, (_, i) => world.publish(`old${i}`)))
  world.time.advance(NOTICES_RECHECK_MS)
  return world
}

/** The log of an operator goes another way from `from` on, and `witnesses` follow it. */
function forkLog(world: World, operator: string, from: number, witnesses: readonly string[]): void {
  const node = world.network.node(operator)
  const other = node.log.fork(witnesses.map(witnessOf))
  other.entries = node.log.entries.map((entry, i) => (i < from ? entry : observation(node.place.log.name, purlOf(`rewritten${i}`), sha512Of(`rewritten ${i}`))))
  node.log = other
}

/** A proof that convicts the witness of `operator`, made from nothing but its key. */
function proofAgainst(operator: string): MisbehaviorProof {
  const witness = witnessOf(operator)
  const [older, newer] = [1, 2].map((byte) => {
    const text = `any.example/log\n5\n${Buffer.alloc(32, byte).toString("base64")}\n`
    return `${text}\n${cosign(witness, text, 1_700_000_000)}`
  })
  return { kind: "witness-fork", origin: "any.example/log", witness: witness.verifier.name, older: older ?? "", newer: newer ?? "", consistency: [] }
}

async function remember(world: World, operator: string, proof = proofAgainst(operator)): Promise<void> {
  await world.state.addMisbehavior(world.network.node(operator).place.witness.vkey, formatMisbehavior(proof))
}

describe("a witness that was convicted counts in no quorum", () => {
  test.each([
    { convicted: ["alpha"], says: "allowed" },
    { convicted: ["alpha", "bravo"], says: "PROOF_INVALID" },
    { convicted: ["alpha", "bravo", "charlie", "delta"], says: "PROOF_INVALID" },
  ])("of four, $convicted: $says", async ({ convicted, says }) => {
    const world = makeWorld()
    for (const operator of convicted) await remember(world, operator)
    const { verdicts, misbehavior } = await world.check(world.publish("left-pad"))
    expect(verdicts.map(outcome)).toEqual([says])
    expect(misbehavior.map(({ operator, isNew }) => ({ operator, isNew }))).toEqual(convicted.map((operator) => ({ operator, isNew: false })))
    for (const operator of convicted) expect(said(verdicts[0])).toContain(`warn LOG_MISBEHAVED: the witness of ${operator} misbehaved and no longer counts: witness-fork of ${operator}.example/witness`)
    if (says !== "allowed") {
      expect(said(verdicts[0])).toContain("fewer than the witness quorum")
      expect(verdicts[0]?.findings.flatMap(({ hint }) => hint ?? [])).toEqual(expect.arrayContaining([expect.stringContaining("log verify"), expect.stringContaining("replace it")]))
    }
  })
  test("nor for evidence that was cached before, without a request", async () => {
    const world = makeWorld()
    const request = world.publish("left-pad")
    await world.check(request)
    for (const operator of ["alpha", "bravo"]) await remember(world, operator)
    const { verdicts } = await world.client.check([request], { budgetMs: 0 })
    expect(verdicts.map(outcome)).toEqual(["PROOF_INVALID"])
  })
  test("its own log goes on counting", async () => {
    const world = makeWorld()
    await remember(world, "alpha")
    const { verdicts } = await world.check(world.publish("left-pad"))
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(NAMES)
  })
  test.each<[string, (proof: MisbehaviorProof) => MisbehaviorProof]>([
    ["another witness's", () => proofAgainst("bravo")],
    ["one whose heads are the same", (proof) => ({ ...proof, newer: "older" in proof ? proof.older : "" }) as MisbehaviorProof],
    ["one about a log of another name", (proof) => ({ ...proof, origin: "other.example/log" })],
  ])("a stored proof that is %s convicts nobody, and is told", async (_, change) => {
    const world = makeWorld()
    for (const operator of ["alpha", "charlie"]) await remember(world, operator, change(proofAgainst(operator)))
    const { verdicts, misbehavior, notes } = await world.check(world.publish("left-pad"))
    expect(verdicts.map(outcome)).toEqual(["allowed"])
    expect(misbehavior).toEqual([])
    expect(notes.map(({ code }) => code)).toEqual(["MISBEHAVIOR_MALFORMED", "MISBEHAVIOR_MALFORMED"])
  })
})

describe("a witness that cosigns what it must not is convicted by the client that sees it", () => {
  test("a fork of a log convicts the log and the witnesses that followed both ways, and nobody else", async () => {
    const world = await grown(5)
    forkLog(world, "delta", 3, ["charlie"])
    const { verdicts, misbehavior } = await world.check(world.publish("new"))
    expect(verdicts.map(outcome)).toEqual(["allowed"])
    expect(misbehavior.map(({ operator, origin, isNew, proof }) => [operator, origin, isNew, proof.kind])).toEqual([
      ["charlie", "charlie.example/witness", true, "witness-fork"], ["delta", "delta.example/log", true, "fork"],
    ])
    for (const { log, document } of world.state.misbehavior()) {
      const guilty = world.network.nodes.flatMap(({ place }) => [place.log, place.notices, place.witness]).filter((key) => verifyMisbehavior(nodeCrypto, parseMisbehavior(document), key))
      expect(guilty.map(({ vkey }) => vkey)).toEqual([log])
    }
    const again = await world.check(world.publish("newer"))
    expect(again.misbehavior.map(({ isNew }) => isNew)).toEqual([false, false])
  })
  test("a quorum that followed both ways is gone at once: refused, with what to do", async () => {
    const world = await grown(5)
    forkLog(world, "delta", 3, ["alpha", "bravo", "charlie"])
    const { verdicts, misbehavior } = await world.check(world.publish("new"))
    expect(verdicts[0]?.ok).toBe(false)
    expect(misbehavior.filter(({ proof }) => proof.kind === "witness-fork").map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    expect(verdicts[0]?.findings.map(({ hint }) => hint)).toContain("tell the roster's keyholders, who have to replace it")
  })
  test("a smaller head of a log cosigned anew convicts the witness, not the log", async () => {
    const world = await grown(6)
    const delta = world.network.node("delta")
    const { entries } = delta.log
    delta.log = delta.log.fork([witnessOf("bravo")])
    delta.log.entries = entries.slice(0, 4)
    delta.shownSize = 4
    const { misbehavior, verdicts } = await world.check(world.publish("old0"))
    expect(misbehavior.map(({ origin, proof }) => [origin, proof.kind])).toEqual([["bravo.example/witness", "witness-rollback"]])
    expect(verdicts.map(outcome)).toEqual(["allowed"])
    expect(said(verdicts[0])).toContain("delta.example/log showed a log of 4 entries after it had signed 6")
  })
  test("a smaller head of a notices log cosigned anew, too", async () => {
    const world = makeWorld()
    const delta = world.network.node("delta")
    delta.notices.entries = [1, 2].map((i) => notice(delta.place.notices.name, purlOf(`bad${i}`), sha512Of("x")))
    await world.check(world.publish("old0"))
    world.time.advance(NOTICES_RECHECK_MS)
    const { entries } = delta.notices
    delta.notices = delta.notices.fork([witnessOf("bravo")])
    delta.notices.entries = entries.slice(0, 1)
    const { misbehavior, failures } = await world.check(world.publish("old0"))
    expect(misbehavior.map(({ origin, proof }) => [origin, proof.kind, proof.origin])).toEqual([["bravo.example/witness", "witness-rollback", "delta.example/notices"]])
    expect(failures.map(({ code }) => code)).toEqual(["LOG_ROLLED_BACK"])
  })
  test("an old head shown again convicts nobody", async () => {
    const world = await grown(6)
    const delta = world.network.node("delta")
    delta.shownSize = 4
    delta.cosignedSecondsAgo = 3_600
    const { misbehavior } = await world.check(world.publish("old0"))
    expect(misbehavior).toEqual([])
  })
})
