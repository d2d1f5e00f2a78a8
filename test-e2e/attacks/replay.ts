/** Plays rows in their world: what the network does before, then all installs. @packageDocumentation */
import { lockBefore, playAttack, playControl, type Played, playTwin, takeAway } from "./play.ts"
import { observeAll, rebuildAll, type Rebuilt } from "./prepare.ts"
import { type Guarding, type Guards, MANAGERS, type ReplayManager, setUpGuards } from "./stage.ts"
import type { Result } from "./table.ts"
import { inTurns } from "./turns.ts"
import type { Case, Row } from "./types.ts"
import type { AttackWorld } from "./world.ts"

/** A world in which everything that happened before the victims is done. */
export interface Prepared {
  readonly world: AttackWorld
  readonly guards: Guards
  /** Goes on while rows are played that need none; see {@link inOrder}. */
  readonly rebuilt: Promise<Rebuilt>
}

/** @param managersOf - with which managers a row will be played */
export async function prepare(world: AttackWorld, rows: readonly Row[], managersOf: (row: Row) => readonly ReplayManager[]): Promise<Prepared> {
  const guards = setUpGuards(world)
  const cases = rows.flatMap(({ attack, twin }) => [attack, twin])
  const all = (pick: (what: Case) => readonly string[] | undefined): string[] => [...new Set(cases.flatMap((what) => pick(what) ?? []))]
  // One family after the other: what was published together is seen as that.
  for (const what of cases) await observeAll(world, what.seenBefore ?? [])
  const rebuilding = rebuildAll(world, all(({ rebuilt }) => rebuilt))
  rebuilding.catch(() => undefined)
  for (const row of rows.filter(({ payload }) => payload === "absence")) {
    await lockBefore(world, guards, row, managersOf(row))
    takeAway(world, row)
  }
  return { world, guards, rebuilt: rebuilding }
}

/** Tells of each play once it is over. */
export type Told = (result: Result) => void

export interface Play { readonly row: Row; readonly manager: ReplayManager; readonly kind: Result["kind"]; readonly guarding: Guarding }

const isRebuilt = ({ attack, twin }: Row): boolean => attack.rebuilt !== undefined || twin.rebuilt !== undefined

/** Rows that need rebuilds last: they take as long as all else. */
export function inOrder(rows: readonly Row[]): Row[] {
  return [...rows.filter((row) => !isRebuilt(row)), ...rows.filter(isRebuilt)]
}

/** One play. */
export async function playOne({ world, guards, rebuilt }: Prepared, { row, manager, kind, guarding }: Play): Promise<Played> {
  if (isRebuilt(row)) await rebuilt
  if (kind === "control") return playControl(world, guards, row, manager)
  if (kind === "twin") return playTwin(world, guards, row, manager)
  return playAttack(world, guards, row, manager, guarding as Exclude<Guarding, "none">)
}

/** One operator says of every row that only a word can stop that it must not be installed any more. */
export async function withdrawAll({ world }: Prepared, rows: readonly Row[]): Promise<void> {
  for (const row of rows.filter(({ isWithdrawn }) => isWithdrawn === true)) {
    for (const spec of row.attack.judged) {
      const { release, sha512 } = world.made(spec)
      await world.base.network.withdraw("gamma", { purl: `pkg:npm/${release.name.replace("@", "%40")}@${release.version}`, registry: world.base.registry.url, sha512, reason: "its maintainer sabotaged it" })
    }
  }
}

/** All plays: controls, attacks as shipped, twins; then attacks with the age rule off. */
export async function replayAll(prepared: Prepared, rows: readonly Row[], told: Told, managers: readonly ReplayManager[] = MANAGERS): Promise<Result[]> {
  const kinds = [["control", "none"], ["attack", "shipped"], ["twin", "shipped"]] as const
  const cells = (of: readonly (readonly [Result["kind"], Guarding])[]): Play[] => inOrder(rows).flatMap((row) => managers.flatMap((manager) => of.map(([kind, guarding]) => ({ row, manager, kind, guarding }))))
  const play = async (one: Play): Promise<Result> => {
    const result = { ...one, played: await playOne(prepared, one) }
    told(result)
    return result
  }
  const first = await inTurns(cells(kinds), play)
  await withdrawAll(prepared, rows)
  return [...first, ...await inTurns(cells([["attack", "off"]]), play)]
}
