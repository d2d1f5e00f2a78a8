import type { ArtifactRequest, Verdict } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createBatcher, HOOK_BUDGET_MS, HOOK_BUDGET_MS_MIN, ROUNDS_MAX, type Check } from "../src/batch.ts"
import { allowed, manualTurns, request } from "./support.ts"

/** pnpm 12 gives up on a hook after this long. */
const PNPM_HOOK_MS = 30_000

interface Round {
  readonly requests: readonly ArtifactRequest[]
  readonly budgetMs: number
  answer(verdicts?: readonly Verdict[]): void
  fail(error: unknown): void
}

function world() {
  const { defer, turn } = manualTurns()
  const rounds: Round[] = []
  const clock = { ms: 1_000 }
  const check: Check = (requests, { budgetMs }) => new Promise((resolve, reject) => {
    rounds.push({ requests, budgetMs, answer: (verdicts = requests.map((one) => allowed(one))) => resolve(verdicts), fail: reject })
  })
  return { rounds, clock, turn, batcher: createBatcher({ check, defer, nowMs: () => clock.ms }) }
}

const names = (round: Round | undefined) => round?.requests.map(({ purl }) => purl.slice("pkg:npm/".length, -"@1.0.0".length))

test("questions of one turn go as one round, each asked once, answered in order", async () => {
  const { batcher, rounds, turn } = world()
  const answers = ["a", "b", "a"].map((name) => batcher.ask(request(name)))
  await turn()
  expect(rounds.map(names)).toEqual([["a", "b"]])
  rounds[0]?.answer()
  expect((await Promise.all(answers)).map(({ purl }) => purl)).toEqual(["a", "b", "a"].map((name) => request(name).purl))
  await batcher.ask(request("a"))
  await turn()
  expect(rounds).toHaveLength(1)
})

test("other bytes of the same version are another question", async () => {
  const { batcher, rounds, turn } = world()
  void batcher.ask(request("a"))
  void batcher.ask(request("a", "f".repeat(128)))
  await turn()
  expect(rounds[0]?.requests).toHaveLength(2)
})

test("while all rounds are on their way, the next one grows", async () => {
  const { batcher, rounds, turn } = world()
  for (let i = 0; i < ROUNDS_MAX + 3; i++) {
    void batcher.ask(request(`p${i}`))
    await turn()
  }
  expect(rounds).toHaveLength(ROUNDS_MAX)
  rounds[0]?.answer()
  await turn()
  await turn()
  expect(rounds).toHaveLength(ROUNDS_MAX + 1)
  expect(rounds[ROUNDS_MAX]?.requests).toHaveLength(3)
})

test("a question that waited gets what is left, and never so much that pnpm would give up first", async () => {
  const { batcher, rounds, turn, clock } = world()
  for (let i = 0; i < ROUNDS_MAX; i++) {
    void batcher.ask(request(`first${i}`))
    await turn()
  }
  expect(rounds[0]?.budgetMs).toBe(HOOK_BUDGET_MS)
  void batcher.ask(request("late"))
  await turn()
  clock.ms += HOOK_BUDGET_MS - 5_000
  rounds[0]?.answer()
  await turn()
  await turn()
  expect(rounds[ROUNDS_MAX]?.budgetMs).toBe(5_000)
  void batcher.ask(request("later"))
  await turn()
  clock.ms += HOOK_BUDGET_MS
  rounds[1]?.answer()
  await turn()
  await turn()
  expect(rounds[ROUNDS_MAX + 1]?.budgetMs).toBe(HOOK_BUDGET_MS_MIN)
  expect(HOOK_BUDGET_MS + HOOK_BUDGET_MS_MIN).toBeLessThan(PNPM_HOOK_MS)
})

test("many at once are one round with their own budget, and answer later single questions", async () => {
  const { batcher, rounds, turn } = world()
  const all = batcher.askAll([request("a"), request("b"), request("a")], 123)
  const single = batcher.ask(request("b"))
  await turn()
  expect(rounds.map(names)).toEqual([["a", "b"]])
  expect(rounds[0]?.budgetMs).toBe(123)
  rounds[0]?.answer()
  expect(await all).toHaveLength(3)
  expect((await single).ok).toBe(true)
  expect(await batcher.askAll([], 1)).toEqual([])
  expect(rounds).toHaveLength(1)
})

describe("fails whoever asked", () => {
  test.each([
    { name: "a check that rejects", end: (round: Round) => round.fail(new Error("boom")), says: "boom" },
    { name: "too few answers", end: (round: Round) => round.answer([]), says: "answered about others" },
    { name: "answers about other packages", end: (round: Round) => round.answer([allowed(request("other"))]), says: "answered about others" },
    { name: "answers about other bytes", end: (round: Round) => round.answer([allowed(request("a", "f".repeat(128)))]), says: "answered about others" },
    { name: "answers about another registry", end: (round: Round) => round.answer([allowed({ ...request("a"), registry: "https://other.example/" })]), says: "answered about others" },
  ])("$name", async ({ end, says }) => {
    const single = world()
    const asked = single.batcher.ask(request("a"))
    await single.turn()
    end(single.rounds[0] as Round)
    await expect(asked).rejects.toThrow(says)
    const many = world()
    const all = many.batcher.askAll([request("a")], 1)
    end(many.rounds[0] as Round)
    await expect(all).rejects.toThrow(says)
    await expect(many.batcher.ask(request("a"))).rejects.toThrow(says)
  })
})
