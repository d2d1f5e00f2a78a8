import { describe, expect, test } from "vitest"
import { createCandidates } from "../src/candidates.ts"
import { ADDRESSES_MAX, CANDIDATES_MAX } from "../src/limits.ts"

function world(random: () => number = () => 0.5) {
  const clock = { ms: 0, nowMs: () => clock.ms }
  const candidates = createCandidates(clock, random, { backoffMs: 1_000, backoffMsMax: 8_000 })
  return { clock, candidates, due: () => candidates.due(() => true).map(({ id }) => id) }
}

describe("candidates", () => {
  test("told ones first, then known, then found", () => {
    const { candidates, due } = world()
    candidates.offer("f", ["/f"], "found")
    candidates.offer("k", ["/k"], "known")
    candidates.offer("t", ["/t"], "told")
    expect(due()).toEqual(["t", "k", "f"])
  })
  test("waits twice as long after each failure, up to a bound, and not at all after an answer", () => {
    const { clock, candidates, due } = world()
    candidates.offer("t", ["/t"], "told")
    for (const wait of [1_000, 2_000, 4_000, 8_000, 8_000]) {
      expect(due()).toEqual(["t"])
      candidates.failed("t")
      clock.ms += wait - 1
      expect([wait, due()]).toEqual([wait, []])
      clock.ms += 1
    }
    candidates.connected("t")
    expect(due()).toEqual(["t"])
    candidates.failed("t")
    clock.ms += 1_000
    expect(due()).toEqual(["t"])
  })
  test.each([[0, 500], [0.999_999, 1_500]])("jitter: chance %d waits %d ms", (chance, wait) => {
    const { clock, candidates, due } = world(() => chance)
    candidates.offer("t", ["/t"], "told")
    candidates.failed("t")
    clock.ms = wait - 1
    expect(due()).toEqual([])
    clock.ms = wait
    expect(due()).toEqual(["t"])
  })
  test("hurry: when nobody is left, nobody is waited for longer than a little", () => {
    const { clock, candidates, due } = world()
    candidates.offer("t", ["/t"], "told")
    for (let i = 0; i < 10; i++) candidates.failed("t")
    candidates.hurry()
    clock.ms = 2_000
    expect(due()).toEqual(["t"])
  })
  test("who was only heard of is forgotten after eight failures, who was told of never", () => {
    const { clock, candidates, due } = world()
    candidates.offer("f", ["/f"], "found")
    candidates.offer("t", ["/t"], "told")
    for (let i = 0; i < 8; i++) for (const id of ["f", "t"]) candidates.failed(id)
    clock.ms = 1e9
    expect(due()).toEqual(["t"])
  })
  test("new addresses come first and are bounded; told of once is told of for ever", () => {
    const { candidates } = world()
    candidates.offer("a", ["/old"], "told")
    candidates.offer("a", ["/new"], "found")
    expect(candidates.all()).toEqual([{ id: "a", addresses: ["/new", "/old"], origin: "told", failures: 0 }])
    candidates.offer("a", Array.from({ length: 40 }, (_, i) => `/${i}`), "known")
    expect(candidates.all()[0]?.addresses).toHaveLength(ADDRESSES_MAX)
    candidates.offer("none", [], "told")
    expect(candidates.all()).toHaveLength(1)
  })
  test("thousands that somebody names push out neither who was told of nor who once answered", () => {
    const { candidates } = world()
    candidates.offer("told", ["/t"], "told")
    candidates.offer("friend", ["/f"], "found")
    candidates.connected("friend")
    for (let i = 0; i < 5_000; i++) candidates.offer(`sybil ${i}`, ["/s"], "found")
    const all = candidates.all().map(({ id }) => id)
    expect(all).toHaveLength(CANDIDATES_MAX)
    expect(all).toContain("told")
    expect(all).toContain("friend")
  })
})
