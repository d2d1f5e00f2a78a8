/** What a witness remembers of a log never goes back, nor does its time. */
import { join } from "node:path"
import { parseNote, utf8Encode, verifyCosignature } from "@vouchsafe/core"
import type { WitnessStore } from "@vouchsafe/ports"
import { createMemoryWitnessDisk, failingWitnessStore, fastCrypto, refuses } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { openSqliteWitnessStore } from "../src/index.ts"
import { newDirectory, newWorld, NOW, witnessSigner } from "./helpers.ts"
import { atTen, fork, log, originHash } from "./logs.ts"

describe("one head a log, whatever happens at once or fails", () => {
  const open: readonly { readonly driver: string; newStore(): Promise<WitnessStore> }[] = [
    { driver: "memory", newStore: () => createMemoryWitnessDisk().open() },
    { driver: "sqlite", newStore: async () => openSqliteWitnessStore(join(await newDirectory(), "witness.sqlite")) },
  ]

  test.each(open)("THREATS split view: of two forks that arrive at once, one is cosigned ($driver)", async ({ newStore }) => {
    const store = await newStore()
    // A store that answers reads late, so that both requests see the same head.
    let waiting: (() => void)[] = []
    const slow: WitnessStore = {
      ...store,
      async read(name) {
        const head = await store.read(name)
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          if (waiting.length < 2) return
          for (const one of waiting) one()
          waiting = []
        })
        return head
      },
    }
    const world = await newWorld({ store: slow })
    const answers = Promise.all([world.post(log.request(0, 10)), world.post(fork.request(0, 10))])
    // The loser reads once more, alone.
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    for (const one of waiting) one()
    const [first, second] = await answers
    expect([first.status, second.status].sort()).toEqual([200, 409])
    const winner = first.status === 200 ? log : fork
    expect(await store.read(originHash)).toMatchObject({ size: 10, root: winner.root(10) })
    expect((await store.misbehavior()).length).toBe(1)
  })

  test.each(["lost", "kept"] as const)("a write that is %s and reported failed answers nothing, and the next request finds a head that was asked for", async (fault) => {
    for (const { newStore } of open) {
      const store = await newStore()
      const world = await newWorld({ store: failingWitnessStore(store, 2, fault) })
      expect((await world.post(log.request(0, 10))).status).toBe(200)
      await refuses(() => world.witness.addCheckpoint(utf8Encode(log.request(10, 12))), "DISK")
      const known = fault === "kept" ? 12 : 10
      expect(await world.post(log.request(3, 13))).toMatchObject({ status: 409, text: `${known}\n` })
      expect((await world.post(fork.request(known, 13))).status).toBe(422)
      expect((await world.post(log.request(known, 13))).status).toBe(200)
    }
  })

  test("evidence that cannot be kept stops the request", async () => {
    const world = await atTen({ store: failingWitnessStore(await createMemoryWitnessDisk().open(), 2, "lost") })
    await refuses(() => world.witness.addCheckpoint(utf8Encode(fork.request(10, 10))), "DISK")
    expect((await world.post(fork.request(10, 10))).status).toBe(422)
    expect((await world.witness.misbehavior()).length).toBe(1)
  })

  test("a head that moves at every try ends in 409", async () => {
    const store = await createMemoryWitnessDisk().open()
    let tries = 0
    const world = await newWorld({ store: { ...store, compareAndSet: async () => (tries++, false) } })
    expect(await world.post(log.request(0, 10))).toMatchObject({ status: 409, text: "0\n" })
    expect(tries).toBeLessThan(20)
  })
})

describe("THREATS A9 time", () => {
  test("a clock that steps back a little does not make a later cosignature earlier", async () => {
    const world = await atTen()
    world.clock.seconds -= 300
    expect(await timeOf(world, 10, 11)).toBe(NOW)
    world.clock.seconds += 301
    expect(await timeOf(world, 11, 12)).toBe(NOW + 1)
  })

  test("after a long step back nothing is cosigned until the clock has caught up: an earlier time would convict the witness", async () => {
    const world = await atTen()
    world.clock.seconds -= 301
    await refuses(() => world.witness.addCheckpoint(utf8Encode(log.request(10, 11))), "CLOCK_BEHIND")
    await refuses(() => world.witness.addCheckpoint(utf8Encode(log.request(10, 10))), "CLOCK_BEHIND")
    world.clock.seconds += 1
    expect(await timeOf(world, 10, 11)).toBe(NOW)
  })

  test.each([0, -1, -NOW])("a clock at %i s cosigns nothing: time 0 claims nothing", async (seconds) => {
    const world = await newWorld()
    world.clock.seconds = seconds
    await refuses(() => world.witness.addCheckpoint(utf8Encode(log.request(0, 10))), "CLOCK_BEHIND")
    expect(await world.witness.checkpoint(originHash)).toBeUndefined()
  })

  async function timeOf(world: Awaited<ReturnType<typeof newWorld>>, oldSize: number, size: number): Promise<number | undefined> {
    const { text } = await world.post(log.request(oldSize, size))
    return verifyCosignature(fastCrypto, witnessSigner.verifier, parseNote(log.checkpoint(size) + text))?.timeSeconds
  }
})
