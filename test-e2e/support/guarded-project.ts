import { appendFileSync } from "node:fs"
import { join } from "node:path"
import { getManager, type Manager, type ManagerId } from "./managers.ts"
import { runOk, type Ran } from "./process.ts"
import { commandIn, policyFiles } from "./project.ts"
import type { Sandbox } from "./sandbox.ts"
import type { World } from "./world.ts"

/** A project with its guard set up as its owner would: pnpm's config dependency, Yarn's imported plugin; npm needs none. */
export interface GuardedProject {
  readonly manager: Manager
  readonly sandbox: Sandbox
  readonly project: string
  command(...argv: string[]): Promise<Ran>
}

export interface GuardedProjectOptions {
  readonly account: string
  readonly manager: ManagerId
  readonly dependencies?: Readonly<Record<string, string>>
  /** Further files of the project. */
  readonly files?: Readonly<Record<string, unknown>>
  /** Lines for pnpm-workspace.yaml, or for .yarnrc.yml. */
  readonly settings?: readonly string[]
}

const SETTINGS = { pnpm: "pnpm-workspace.yaml", yarn: ".yarnrc.yml" } as const

export async function guardedProject(world: World, { account, manager: id, dependencies = {}, files = {}, settings = [] }: GuardedProjectOptions): Promise<GuardedProject> {
  const manager = await getManager(id)
  const sandbox = world.sandbox(account)
  const project = sandbox.project("project", {
    "package.json": { name: "project", version: "1.0.0", private: true, dependencies }, ...(manager.family === "yarn" ? { "yarn.lock": "" } : {}), ...policyFiles(world), ...files,
  })
  const options = { cwd: project, env: sandbox.env({ runtime: world.runtime, manager }) }
  if (manager.family === "pnpm") await runOk(["pnpm", "add", "--config", "pnpm-plugin-vouchsafe"], options)
  if (manager.family === "yarn") await runOk(["yarn", "plugin", "import", join(world.tool.modules, "@vouchsafe/yarn-plugin/dist/yarn-plugin.cjs")], options)
  // Without this pnpm runs no package's scripts, which would hide what an attack does.
  const lines = [...(manager.family === "pnpm" ? ["dangerouslyAllowAllBuilds: true"] : []), ...settings]
  if (manager.family !== "npm" && lines.length > 0) appendFileSync(join(project, SETTINGS[manager.family]), `${lines.join("\n")}\n`)
  return { manager, sandbox, project, command: commandIn(world, sandbox, manager, project) }
}
