/**
 * What every driver of `WitnessStore` must do.
 *
 * @packageDocumentation
 */
import assert from "node:assert/strict"
import type { Bytes } from "@vouchsafe/core"
import type { WitnessedHead, WitnessedMisbehavior, WitnessStore } from "@vouchsafe/ports"
import type { DriverCase } from "./driver-case.ts"

/** A place that keeps what a store wrote, for as long as one case runs. Stores opened on it see each other's writes. */
export interface WitnessStorePlace {
  open(): Promise<WitnessStore>
}

const A = "a".repeat(64)
const B = "b".repeat(64)
const rootOf = (seed: number): Bytes => new Uint8Array(32).fill(seed)

function headOf(size: number, seed = size % 256, timeSeconds = 1_700_000_000): WitnessedHead {
  return { origin: "log.example/é", size, root: rootOf(seed), text: `log.example/é\n${size}\n\n\u2014 line ${seed}\n`, timeSeconds }
}

function evidenceOf(number: number): WitnessedMisbehavior {
  return {
    origin: "log.example/é", older: `older ${number}\n`, newer: `newer ${number}\n`, consistency: [rootOf(number), rootOf(number + 1)],
    seenAtSeconds: 1_700_000_000 + number,
  }
}

/** The published suite of `WitnessStore`. */
export const witnessStoreCases: readonly DriverCase<WitnessStorePlace>[] = [
  {
    name: "an unknown log has no head",
    async run(place) {
      const store = await place.open()
      assert.equal(await store.read(A), undefined)
      assert.deepEqual(await store.misbehavior(), [])
    },
  },
  {
    name: "a head is stored, and read back after reopening",
    async run(place) {
      const store = await place.open()
      for (const [hash, head] of [[A, headOf(0)], [B, headOf(Number.MAX_SAFE_INTEGER, 9)]] as const) {
        assert.equal(await store.compareAndSet(hash, undefined, head), true)
        assert.deepEqual(await store.read(hash), head)
      }
      await store.close()
      const again = await place.open()
      assert.deepEqual(await again.read(A), headOf(0))
      assert.deepEqual(await again.read(B), headOf(Number.MAX_SAFE_INTEGER, 9))
    },
  },
  {
    name: "a head replaces only the one it expects",
    async run(place) {
      const store = await place.open()
      assert.equal(await store.compareAndSet(A, headOf(3), headOf(4)), false)
      assert.equal(await store.read(A), undefined)
      assert.equal(await store.compareAndSet(A, undefined, headOf(5, 1)), true)
      const wrong = [undefined, headOf(4, 1), headOf(5, 2), headOf(6, 1), headOf(5, 1, 1)]
      for (const expected of wrong) assert.equal(await store.compareAndSet(A, expected, headOf(9)), false)
      assert.deepEqual(await store.read(A), headOf(5, 1))
      assert.equal(await store.compareAndSet(A, headOf(5, 1), headOf(7)), true)
      assert.deepEqual(await store.read(A), headOf(7))
    },
  },
  {
    name: "of two that expect the same head one wins, also through two stores",
    async run(place) {
      const first = await place.open()
      const second = await place.open()
      for (const expected of [undefined, headOf(1)]) {
        const size = expected === undefined ? 1 : 2
        const results = await Promise.all([first, second, first].map((store) => store.compareAndSet(A, expected, headOf(size))))
        assert.equal(results.filter((won) => won).length, 1)
      }
      assert.deepEqual(await first.read(A), headOf(2))
      assert.deepEqual(await second.read(A), headOf(2))
    },
  },
  {
    name: "logs do not touch each other",
    async run(place) {
      const store = await place.open()
      await store.compareAndSet(A, undefined, headOf(1))
      assert.equal(await store.read(B), undefined)
      assert.equal(await store.compareAndSet(B, headOf(1), headOf(2)), false)
    },
  },
  {
    name: "what was given may change afterwards, what is given out too",
    async run(place) {
      const store = await place.open()
      const head = headOf(1)
      const evidence = evidenceOf(1)
      await store.compareAndSet(A, undefined, head)
      await store.addMisbehavior(A, evidence, 9)
      head.root.fill(9)
      evidence.consistency[0]?.fill(9);
      (await store.read(A))?.root.fill(9);
      (await store.misbehavior())[0]?.consistency[0]?.fill(9)
      assert.deepEqual(await store.read(A), headOf(1))
      assert.deepEqual(await store.misbehavior(), [evidenceOf(1)])
    },
  },
  {
    name: "evidence is kept in order, once, and up to the limit of its log",
    async run(place) {
      const store = await place.open()
      for (const number of [1, 2, 1, 3]) await store.addMisbehavior(A, evidenceOf(number), 2)
      await store.addMisbehavior(B, { ...evidenceOf(4), consistency: [] }, 2)
      const expected = [evidenceOf(1), evidenceOf(2), { ...evidenceOf(4), consistency: [] }]
      assert.deepEqual(await store.misbehavior(), expected)
      await store.close()
      assert.deepEqual(await (await place.open()).misbehavior(), expected)
    },
  },
]
