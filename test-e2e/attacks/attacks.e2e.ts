// Twenty attacks and their benign twins (shared/reference/ATTACKS.md), each with one manager in rotation. `npm run attacks` plays all.
import { beforeAll, describe, expect, test } from "vitest"
import { describeRun } from "../support/index.ts"
import { CORPUS, EXPECTED } from "./corpus.ts"
import { alone } from "./models.ts"
import type { Played } from "./play.ts"
import { inOrder, type Play, playOne, prepare, type Prepared, withdrawAll } from "./replay.ts"
import { ROWS } from "./rows/index.ts"
import { arrangeCorpus, askGuards, withdrawOfCorpus } from "./same-verdicts.ts"
import { MANAGERS, type ReplayManager } from "./stage.ts"
import { inTurns } from "./turns.ts"
import type { Row } from "./types.ts"
import { openAttackWorld } from "./world.ts"

const managerOf = ({ number }: Row): ReplayManager => MANAGERS[number % MANAGERS.length] as ReplayManager
const nameOf = ({ row, manager, kind, guarding }: Play): string => `row ${row.number} ${kind} ${guarding} ${manager}`

/** What is tried here: each attack with the age rule off, each twin under the policy as shipped, and the controls of npm, which are quick. */
function playsOf(row: Row): Play[] {
  const manager = managerOf(row)
  return [
    ...(row.isWithdrawn === true ? [{ row, manager, kind: "attack", guarding: "shipped" } as const] : []), { row, manager, kind: "attack", guarding: "off" }, { row, manager, kind: "twin", guarding: "shipped" },
    ...(manager === "npm11" ? [{ row, manager, kind: "control", guarding: "none" } as const] : []),
  ]
}

/** A row that waits for a withdrawal waits for all the others. */
const IN_ORDER = inOrder(ROWS).sort((a, b) => Number(a.isWithdrawn === true) - Number(b.isWithdrawn === true))
const PLAYS = IN_ORDER.flatMap(playsOf)
const played = new Map<string, Promise<Played>>()
let prepared: Prepared

/** Starts all plays, a few at once; each test waits for its own. What has to happen after a withdrawal comes last. */
function startAll(): Promise<unknown> {
  const later = (play: Play): boolean => play.row.isWithdrawn === true && play.guarding === "off"
  const settle = new Map<string, (outcome: Promise<Played>) => void>()
  for (const play of PLAYS) played.set(nameOf(play), new Promise<Played>((resolve) => settle.set(nameOf(play), resolve)))
  const go = (plays: readonly Play[]): Promise<unknown> => inTurns(plays, async (play) => {
    const outcome = playOne(prepared, play)
    outcome.catch(() => undefined)
    settle.get(nameOf(play))?.(outcome)
    await outcome.catch(() => undefined)
  })
  return go(PLAYS.filter((play) => !later(play))).then(() => withdrawAll(prepared, ROWS)).then(() => go(PLAYS.filter(later)))
}

beforeAll(async () => {
  const world = await openAttackWorld([CORPUS, ...ROWS])
  let ended: Promise<unknown> = Promise.resolve()
  try {
    arrangeCorpus(world)
    await withdrawOfCorpus(world)
    prepared = await prepare(world, ROWS, (row) => [managerOf(row)])
    ended = startAll()
    ended.catch(() => undefined)
  } catch (error) {
    await world.close()
    throw error
  }
  return async () => {
    await ended
    await world.close()
  }
})

async function expectClean(play: Play): Promise<void> {
  const { faults, seen } = await (played.get(nameOf(play)) as Promise<Played>)
  expect(faults, describeRun(seen.ran)).toEqual([])
}

describe.each(IN_ORDER.map((row) => ({ row, name: `row ${row.number}, ${row.title}` })))("$name", ({ row }) => {
  test.each(playsOf(row).map((play) => ({ play, name: nameOf(play) })))("$name", ({ play }) => expectClean(play))
})

test("one corpus, the same verdicts and codes: npm's guard, the plugins of pnpm and Yarn, and `check`", async () => {
  const said = await inTurns(MANAGERS, async (manager) => ({ manager, ...await askGuards(prepared.world, prepared.guards, manager) }))
  for (const { manager, guard, check, ran } of said) expect({ manager, guard, check }, describeRun(ran)).toEqual({ manager, guard: EXPECTED, check: EXPECTED })
})

test("provenance alone would have missed what it did not expose: the rows that carry it, and those that never had any", () => {
  const missed = ROWS.filter((row) => row.payload !== "absence" && alone(row).provenance !== "stops").map(({ number }) => number)
  expect(missed).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 18, 19, 20])
})
