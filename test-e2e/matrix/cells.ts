import { familyOf, type ManagerId } from "../support/index.ts"

/**
 * What somebody does. `optional`: the refused package is an optional dependency, whose absence managers take for no failure.
 */
export const SITUATIONS = ["cold", "warm", "frozen", "add", "dlx", "workspaces", "optional"] as const
export type Situation = (typeof SITUATIONS)[number]

/** What has to come of it, and why. */
export const OUTCOMES = ["allowed", "tampered", "withdrawn"] as const
export type Outcome = (typeof OUTCOMES)[number]

/** `plugin`: the manager's own hook. `run`: behind `vouchsafe run --`. */
export type GuardName = "plugin" | "run"

export interface Cell {
  readonly manager: ManagerId
  readonly guard: GuardName
  readonly situation: Situation
  readonly outcome: Outcome
}

export function nameOf({ manager, guard, situation, outcome }: Cell): string {
  return `${manager} ${guard} ${situation}: ${outcome}`
}

/** The whole product instead of the part that fits into `npm test`; soak sets it. */
export const FULL = process.env["VOUCHSAFE_E2E_FULL"] === "1"

/** Which guards a cell is tried with. npm has no hooks; pnpm's dlx loads no plugin of a project. */
function guardsOf(manager: ManagerId, situation: Situation): readonly GuardName[] {
  if (familyOf(manager) === "npm") return ["run"]
  if (situation === "dlx") return familyOf(manager) === "yarn" ? ["plugin", "run"] : ["run"]
  return ["plugin", "run"]
}

/**
 * What is tried of a situation. Denied by digest is tried everywhere. Denied by an operator's withdrawal is tried where the bytes are the
 * honest ones and in the manager's own cache, so that nothing but the guard could stop them.
 */
function outcomesOf(manager: ManagerId, guard: GuardName, situation: Situation): readonly Outcome[] {
  if (situation === "optional") return ["tampered"]
  if (FULL) return OUTCOMES
  const isMain = guard === "plugin" || familyOf(manager) === "npm" || situation === "dlx"
  if (!isMain) return situation === "warm" || situation === "frozen" ? ["tampered"] : []
  return situation === "warm" || situation === "frozen" ? OUTCOMES : ["allowed", "tampered"]
}

/** The cells of a manager. */
export function cellsOf(manager: ManagerId): Cell[] {
  return SITUATIONS.flatMap((situation) => guardsOf(manager, situation)
    .flatMap((guard) => outcomesOf(manager, guard, situation).map((outcome) => ({ manager, guard, situation, outcome }))))
}

/** What each outcome asks for: a package with a command, and one that depends on what is judged. */
export const SUBJECTS: Readonly<Record<Outcome, { readonly judged: string; readonly parent: string; readonly code: string }>> = {
  allowed: { judged: "zz-good", parent: "zz-good", code: "" },
  tampered: { judged: "zz-evil", parent: "zz-parent", code: "NOT_VOUCHED" },
  withdrawn: { judged: "zz-gone", parent: "zz-gone-parent", code: "WITHDRAWN" },
}
