import { buildForkProof, checkFork, verifyMisbehavior } from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { MISBEHAVIOR_PER_LOG_MAX } from "../src/index.ts"
import { filled, logSigner, NOW, testLog } from "./helpers.ts"
import { atTen, fork, log, stranger } from "./logs.ts"

describe("a log that signs two histories", () => {
  test("THREATS log operator: two roots at one size are kept as evidence that stands alone, whatever the rest of the request says", async () => {
    for (const body of [fork.request(10, 10), fork.request(9, 10), fork.request(0, 10), fork.request(10, 10, { proof: [filled(1)] })]) {
      const world = await atTen()
      expect([409, 422]).toContain((await world.post(body)).status)
      const [evidence, ...more] = await world.witness.misbehavior()
      expect(more).toEqual([])
      expect(evidence).toMatchObject({ origin: "log.example/npm", newer: fork.checkpoint(10), consistency: [], seenAtSeconds: NOW })
      expectProof(evidence)
    }
  })

  test("THREATS log operator: a larger tree that provably rewrote what was cosigned is kept with its proof", async () => {
    const world = await atTen()
    expect((await world.post(fork.request(10, 12))).status).toBe(422)
    const [evidence] = await world.witness.misbehavior()
    expect(evidence).toMatchObject({ newer: fork.checkpoint(12), consistency: fork.proof(10, 12) })
    expect(checkFork(fastCrypto, { oldSize: 10, newSize: 12, oldRoot: log.root(10), newRoot: fork.root(12), proof: evidence?.consistency ?? [] })).toBe(true)
    expectProof(evidence)
  })

  test("nothing is kept of honest logs, of junk, and of what the log did not sign", async () => {
    const world = await atTen()
    const bodies = [
      log.request(9, 12), log.request(10, 10), log.request(10, 12, { proof: [filled(1)] }), log.request(9, 9), stranger.request(10, 10),
      fork.request(10, 12, { proof: log.proof(10, 12) }), fork.request(9, 9), fork.request(9, 12),
      fork.request(10, 10, { checkpoint: fork.checkpoint(10).replace("\n10\n", "\n11\n") }),
    ]
    for (const body of bodies) await world.post(body)
    expect(await world.witness.misbehavior()).toEqual([])
  })

  test("THREATS resource exhaustion: evidence is kept once and up to a limit", async () => {
    const world = await atTen()
    for (let i = 0; i < MISBEHAVIOR_PER_LOG_MAX + 5; i++) {
      const body = testLog(`branch ${i}`, 5).request(10, 10)
      expect((await world.post(body)).status).toBe(422)
      expect((await world.post(body)).status).toBe(422)
    }
    const kept = await world.witness.misbehavior()
    expect(kept.length).toBe(MISBEHAVIOR_PER_LOG_MAX)
    expect(kept[0]?.newer).toBe(testLog("branch 0", 5).checkpoint(10))
  })

  function expectProof(evidence: Awaited<ReturnType<Awaited<ReturnType<typeof atTen>>["witness"]["misbehavior"]>>[number] | undefined): void {
    if (evidence === undefined) throw new Error("no evidence")
    const proof = buildForkProof(fastCrypto, { ...evidence, key: logSigner.verifier })
    expect(proof).toBeDefined()
    if (proof !== undefined) expect(verifyMisbehavior(fastCrypto, proof, logSigner.verifier)).toBe(true)
  }
})
