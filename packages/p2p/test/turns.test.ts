import { describe, expect, test } from "vitest"
import type { PeerFault } from "@vouchsafe/ports"
import { createOverflow } from "../src/overflow.ts"
import { createTurns } from "../src/turns.ts"

const never = new AbortController().signal

describe("turns", () => {
  test("so many at a time under one name, in the order in which they came; other names do not wait", async () => {
    const turns = createTurns(2)
    const order: number[] = []
    const ends: (() => void)[] = []
    const all = [0, 1, 2, 3].map(async (i) => { ends[i] = await turns.take("a", never); order.push(i) })
    await turns.take("b", never)
    expect(order).toEqual([0, 1])
    ends[1]?.()
    await all[2]
    expect(order).toEqual([0, 1, 2])
    ends[0]?.()
    ends[2]?.()
    await Promise.all(all)
    expect(order).toEqual([0, 1, 2, 3])
  })
  test("who does not want to wait any more leaves, and holds nobody up", async () => {
    const turns = createTurns(1)
    const first = await turns.take("a", never)
    const leaving = new AbortController()
    const second = turns.take("a", leaving.signal)
    const third = turns.take("a", never)
    leaving.abort()
    await expect(second).rejects.toThrow("in time")
    first()
    expect(await third).toBeTypeOf("function")
    await expect(turns.take("a", AbortSignal.abort())).rejects.toThrow()
  })
  test("a turn that nobody waits for is forgotten", async () => {
    const turns = createTurns(1)
    for (let i = 0; i < 3; i++) (await turns.take("a", never))()
    expect(await turns.take("a", never)).toBeTypeOf("function")
  })
})

describe("what goes beyond a budget", () => {
  test("is a fault each hundred times, of the peer that did it", () => {
    const faults: [string, PeerFault][] = []
    const overflow = createOverflow((peer, fault) => void faults.push([peer, fault]))
    for (let i = 0; i < 99; i++) overflow("a")
    overflow("b")
    expect(faults).toEqual([])
    overflow("a")
    expect(faults).toEqual([["a", "flooded"]])
    for (let i = 0; i < 200; i++) overflow("a")
    expect(faults).toHaveLength(3)
  })
})
