/**
 * A victim's project, with its guard or without, and what happened in it.
 *
 * @packageDocumentation
 */
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { commandOf, type Guarded, guardManager } from "../matrix/guards.ts"
import { getManager, type ManagerId, policyFiles, type Ran, run, type Sandbox } from "../support/index.ts"
import type { Case } from "./types.ts"
import { type AttackWorld, GYP_STUB } from "./world.ts"

/** The managers of the replay, and the guard that their users have. */
export const MANAGERS = ["npm11", "pnpm10", "yarn4"] as const satisfies readonly ManagerId[]
export type ReplayManager = (typeof MANAGERS)[number]

/** `off`: the same policy without the age rule. `none`: no guard at all. */
export type Guarding = "shipped" | "off" | "none"

/** A project and its machine. */
export interface Stage {
  readonly sandbox: Sandbox
  readonly project: string
  readonly manager: ReplayManager
  readonly guarding: Guarding
  run(argv: readonly string[]): Promise<Ran>
  /** What ran of a payload, and whether node-gyp was called. */
  marks(): { readonly payload: string; readonly gyp: string }
}

/** Guards set up once for each manager, and copied into every project. */
export type Guards = (manager: ReplayManager) => Promise<Guarded>

export function setUpGuards(world: AttackWorld): Guards {
  const known = new Map<ReplayManager, Promise<Guarded>>()
  return (id) => {
    const found = known.get(id) ?? getManager(id).then((manager) => guardManager({ world: world.base, sandbox: world.base.sandbox(`guard-${id}`), manager, runtime: world.base.runtime, guard: id === "npm11" ? "run" : "plugin" }))
    known.set(id, found)
    return found
  }
}

let stages = 0

/** @param isBehindShim - the project has no plugin of its own */
export async function openStage(world: AttackWorld, guards: Guards, what: Case, manager: ReplayManager, guarding: Guarding, isBehindShim = false): Promise<Stage> {
  const guarded = await guards(manager)
  const { family } = guarded.manager
  const scope = what.privateScope
  // Yarn's own age gate of a day would pass over most of what is attacked here, and Yarn takes nothing from git by itself: it is our policy that is tried.
  const sandbox = world.base.sandbox(`s${stages++}`, { npmrc: ["fetch-retries=0"], yarnrc: ["npmMinimalAgeGate: 0", "approvedGitRepositories: [\"**\"]"] })
  const policy = { ...policyOf(world), ...(guarding === "off" ? { minimumAge: "0s" } : {}), ...what.policy?.(world.policyWorld) }
  const project = sandbox.project("project", {
    "package.json": { name: "project", version: "1.0.0", private: true, dependencies: what.dependencies }, ...(family === "yarn" ? { "yarn.lock": "" } : {}),
    ...(scope === undefined ? {} : { ".npmrc": `${scope}:registry=${world.privateRegistry.url}\n` }),
    ...(guarding === "none" ? {} : { ...policyFiles(world.base), "vouchsafe.json": policy }),
  })
  if (guarding !== "none" && !isBehindShim) guarded.prepare(project)
  // Without this pnpm runs no package's scripts, which would hide what an attack does.
  if (family === "pnpm") appendFileSync(join(project, "pnpm-workspace.yaml"), "dangerouslyAllowAllBuilds: true\nblockExoticSubdeps: false\n")
  if (family === "yarn" && scope !== undefined) appendFileSync(join(project, ".yarnrc.yml"), `npmScopes:\n  ${scope.slice(1)}:\n    npmRegistryServer: ${JSON.stringify(world.privateRegistry.url)}\n`)
  const stub = join(sandbox.dir, "node-gyp.js")
  writeFileSync(stub, GYP_STUB)
  chmodSync(stub, 0o755)
  const [payload, gyp] = [join(sandbox.dir, "replay-marker"), join(sandbox.dir, "replay-gyp")]
  const env = sandbox.env({ runtime: world.base.runtime, manager: guarded.manager, path: [world.base.tool.binDir], more: { REPLAY_MARKER: payload, REPLAY_GYP: gyp, npm_config_node_gyp: stub } })
  const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "")
  return {
    sandbox, project, manager, guarding,
    run: (argv) => run(argv, { cwd: project, env }),
    marks: () => ({ payload: textOf(payload), gyp: textOf(gyp) }),
  }
}

function policyOf(world: AttackWorld): object {
  const config = policyFiles(world.base)["vouchsafe.json"]
  return (typeof config === "string" ? JSON.parse(config) : config) as object
}

/** The command of a person who has this project: guarded, or as it always was. */
export async function installCommand(guards: Guards, { manager, guarding }: Stage, situation: "cold" | "frozen" = "cold"): Promise<readonly string[]> {
  const guarded = await guards(manager)
  return guarding === "none" ? commandOf(guarded.manager, situation, "") : guarded.argv(situation, "")
}
