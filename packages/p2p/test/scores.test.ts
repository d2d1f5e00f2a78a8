import type { PeerFault } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { createBudget } from "../src/budget.ts"
import { SCORES_MAX } from "../src/limits.ts"
import { createScores, FAULT_COST } from "../src/score.ts"

const MINUTE = 60_000
const LIMITS = { deniedMs: 15 * MINUTE, deniedMsMax: 60 * MINUTE }

function world() {
  const clock = { ms: 1_000_000, nowMs: () => clock.ms }
  return { clock, scores: createScores(clock, LIMITS) }
}

describe("scores", () => {
  test.each<[PeerFault, number]>([["lied", 1], ["malformed", 5], ["flooded", 10], ["failed", 50]])("%s is too much after %i", (fault, count) => {
    const { scores } = world()
    for (let i = 1; i < count; i++) expect([i, scores.fault("a", fault), scores.isDenied("a")]).toEqual([i, false, false])
    expect([scores.fault("a", fault), scores.isDenied("a"), scores.isDenied("b")]).toEqual([true, true, false])
  })
  test("half is forgiven in ten minutes, and faults that are far apart never add up", () => {
    const { clock, scores } = world()
    scores.fault("a", "malformed")
    expect(scores.score("a")).toBe(-FAULT_COST.malformed)
    clock.ms += 10 * MINUTE
    expect(scores.score("a")).toBe(-FAULT_COST.malformed / 2)
    for (let i = 0; i < 50; i++) {
      clock.ms += 20 * MINUTE
      expect(scores.fault("a", "malformed")).toBe(false)
    }
  })
  test("each denial is longer, up to a bound; who comes back may do half as much", () => {
    const { clock, scores } = world()
    for (const minutes of [15, 30, 60, 60]) {
      expect(scores.fault("a", "lied")).toBe(true)
      clock.ms += minutes * MINUTE - 1
      expect(scores.isDenied("a")).toBe(true)
      clock.ms += 1
      expect(scores.isDenied("a")).toBe(false)
    }
    scores.fault("b", "lied")
    expect(scores.score("b")).toBe(-50)
  })
  test("a clock that goes back forgives nothing and condemns nobody", () => {
    const { clock, scores } = world()
    scores.fault("a", "malformed")
    clock.ms -= 500_000
    expect(scores.score("a")).toBe(-20)
  })
  test("ten thousand new names do not wash a denied one clean", () => {
    const { scores } = world()
    scores.fault("bad", "lied")
    for (let i = 0; i <= SCORES_MAX; i++) scores.fault(`new ${i}`, "failed")
    expect(scores.isDenied("bad")).toBe(true)
  })
})

describe("budgets", () => {
  test("so many at once, so many a second, each name its own", () => {
    const clock = { ms: 0, nowMs: () => clock.ms }
    const budget = createBudget(clock, 10, 3)
    const took = (name: string, times: number) => Array.from({ length: times }, () => budget.take(name))
    expect(took("a", 4)).toEqual([true, true, true, false])
    expect(took("b", 1)).toEqual([true])
    clock.ms = 100
    expect(took("a", 2)).toEqual([true, false])
    clock.ms = 10_000
    expect(took("a", 4)).toEqual([true, true, true, false])
  })
  test("when there are too many names, the new ones wait", () => {
    const clock = { ms: 0, nowMs: () => clock.ms }
    const budget = createBudget(clock, 1, 1)
    const names = Array.from({ length: 4_096 }, (_, i) => `n${i}`)
    expect(names.every((name) => budget.take(name))).toBe(true)
    expect(budget.take("one more")).toBe(false)
    clock.ms = 1_000
    expect(budget.take("one more")).toBe(true)
  })
})
