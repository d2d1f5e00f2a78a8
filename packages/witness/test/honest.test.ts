import { buildWitnessProof, formatNote, isVouchsafeError, parseNote, verifyCosignature } from "@vouchsafe/core"
import { createMemoryWitnessDisk, fastCrypto } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { REFRESH_SECONDS_MIN } from "../src/index.ts"
import { logSigner, newWorld, NOW, witnessSigner } from "./helpers.ts"
import { log } from "./logs.ts"

const key = witnessSigner.verifier

/** Whole numbers below a limit, the same ones for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed + 1
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

/** A head as the witness cosigned it, with nobody else's signature. */
const headOf = (size: number, line: string): string => formatNote(parseNote(log.checkpoint(size)).text, [line])

/** Every pair of cosigned heads, in both orders, with every proof that could be offered. */
function expectNoProof(heads: readonly { readonly size: number; readonly text: string }[]): void {
  for (const older of heads) {
    for (const newer of heads) {
      const hashes = older.size > 0 && older.size < newer.size ? log.proof(older.size, newer.size) : []
      for (const consistency of [undefined, [], hashes]) {
        expect(buildWitnessProof(fastCrypto, key, { origin: logSigner.verifier.name, older: older.text, newer: newer.text, consistency })).toBeUndefined()
      }
    }
  }
}

describe("an honest witness never proves anything against itself", () => {
  test.each(Array.from({ length: process.env["SLOW"] === "1" ? 1_000 : 12 }, (_, seed) => seed))("whatever is asked of it at once, and however its clock jumps (seed %i)", async (seed) => {
    const random = randomOf(seed)
    const world = await newWorld()
    const heads: { size: number; text: string }[] = []
    let known = 0
    let running: Promise<void>[] = []
    const ask = async (oldSize: number, size: number): Promise<void> => {
      try {
        const answer = await world.post(log.request(oldSize, size))
        if (answer.status !== 200) return
        heads.push({ size, text: headOf(size, answer.text) })
        known = Math.max(known, size)
      } catch (error) {
        if (!isVouchsafeError(error, "CLOCK_BEHIND")) throw error
      }
    }
    for (let i = 0; i < 12; i++) {
      world.clock.seconds += random(2) === 0 ? 0 : random(800) - 400
      running.push(ask(known, Math.max(known, random(12))))
      if (random(2) === 0) continue
      await Promise.all(running)
      running = []
    }
    await Promise.all(running)
    expect(heads.length).toBeGreaterThan(0)
    expectNoProof(heads)
  })

  test("a growth that was judged before a refresh is not stored after it", async () => {
    const store = await createMemoryWitnessDisk().open()
    let between: (() => Promise<unknown>) | undefined
    const world = await newWorld({ store: { ...store, compareAndSet: async (...args) => {
      const run = between
      between = undefined
      await run?.()
      return store.compareAndSet(...args)
    } } })
    const lines = [await world.post(log.request(0, 5))]
    between = async () => {
      world.clock.seconds += REFRESH_SECONDS_MIN
      lines.push(await world.post(log.request(5, 5)))
    }
    lines.push(await world.post(log.request(5, 7)))
    expect(lines.map(({ status }) => status)).toEqual([200, 200, 200])
    const times = [5, 5, 7].map((size, i) => verifyCosignature(fastCrypto, key, parseNote(headOf(size, lines[i]?.text ?? "")))?.timeSeconds)
    expect(times).toEqual([NOW, NOW + REFRESH_SECONDS_MIN, NOW + REFRESH_SECONDS_MIN])
    expectNoProof([5, 5, 7].map((size, i) => ({ size, text: headOf(size, lines[i]?.text ?? "") })))
  })
})
