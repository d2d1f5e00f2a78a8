import { describe, expect, test } from "vitest"
import type { StateStore } from "@vouchsafe/ports"
import { fakeLog, testSigner } from "./fake-log.ts"

const SIGNER = testSigner("log.example/a", 1, 1)
const LOG = SIGNER.verifier.vkey
const OTHER = testSigner("log.example/a", 1, 2).verifier.vkey

/** A head of so many entries. */
export function headOf(size: number, story = "s"): string {
  return fakeLog(SIGNER, [], Array.from({ length: size }, (_, i) => `${story}${i}`)).head(1)
}

/** What every state store must do. `open` gives a store that sees what an earlier one of the same test stored. */
export function stateSuite(name: string, open: () => { readonly reopen: () => StateStore }): void {
  describe(`state: ${name}`, () => {
    test("remembers nothing at first", () => {
      const state = open().reopen()
      expect([state.head(LOG), state.notices(LOG), state.misbehavior(), [...state.asked()]]).toEqual([undefined, undefined, [], []])
    })

    test("remembers heads by key, not by name", async () => {
      const { reopen } = open()
      expect(await reopen().putHead(LOG, headOf(3), undefined)).toEqual({ stored: true })
      expect(reopen().head(LOG)).toBe(headOf(3))
      expect(reopen().head(OTHER)).toBeUndefined()
    })

    test("stores a head only in place of the one expected", async () => {
      const state = open().reopen()
      await state.putHead(LOG, headOf(3), undefined)
      expect(await state.putHead(LOG, headOf(5), undefined)).toEqual({ stored: false, current: headOf(3) })
      expect(await state.putHead(LOG, headOf(5), headOf(4))).toEqual({ stored: false, current: headOf(3) })
      expect(state.head(LOG)).toBe(headOf(3))
      expect(await state.putHead(LOG, headOf(5), headOf(3))).toEqual({ stored: true })
      expect(state.head(LOG)).toBe(headOf(5))
    })

    test("never goes back to a smaller tree", async () => {
      const state = open().reopen()
      await state.putHead(LOG, headOf(5), undefined)
      await expect(state.putHead(LOG, headOf(4), headOf(5))).rejects.toBeInstanceOf(TypeError)
      expect(state.head(LOG)).toBe(headOf(5))
    })

    test("remembers notices whole, in place of the ones expected, and never fewer", async () => {
      const { reopen } = open()
      const state = reopen()
      const mirror = (count: number) => ({ checkpoint: headOf(count), entries: Array.from({ length: count }, (_, i) => `notice ${i} "\\ \u{1f600}`) })
      expect(await state.putNotices(LOG, mirror(2), undefined)).toEqual({ stored: true })
      expect(await state.putNotices(LOG, mirror(3), undefined)).toEqual({ stored: false, current: mirror(2) })
      expect(await state.putNotices(LOG, mirror(3), headOf(2))).toEqual({ stored: true })
      await expect(state.putNotices(LOG, mirror(2), headOf(3))).rejects.toBeInstanceOf(TypeError)
      expect(reopen().notices(LOG)).toEqual(mirror(3))
      expect(reopen().notices(OTHER)).toBeUndefined()
    })

    test("keeps proofs, all of them", async () => {
      const { reopen } = open()
      await reopen().addMisbehavior(LOG, "one")
      await reopen().addMisbehavior(LOG, "two")
      await reopen().addMisbehavior(OTHER, "one")
      expect(reopen().misbehavior().map(({ log, document }) => [log, document]).sort()).toEqual([[LOG, "one"], [LOG, "two"], [OTHER, "one"]].sort())
    })

    test("adds up when nodes were asked", async () => {
      const { reopen } = open()
      await reopen().putAsked(new Map([[LOG, 1], [OTHER, 2]]))
      await reopen().putAsked(new Map([[LOG, 3]]))
      expect(reopen().asked()).toEqual(new Map([[LOG, 3], [OTHER, 2]]))
    })
  })
}

export { LOG as STATE_LOG }
