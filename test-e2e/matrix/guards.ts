import { cpSync, existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { runOk, type Manager, type Runtime, type Sandbox, type World } from "../support/index.ts"
import type { GuardName, Situation } from "./cells.ts"

/** A manager made to refuse: files of a project, and command lines. */
export interface Guarded {
  readonly manager: Manager
  readonly runtime: Runtime
  readonly guard: GuardName
  /** Puts the hook into a project, as its owner would commit it. */
  prepare(project: string): void
  argv(situation: Situation, spec: string): string[]
}

/** The same manager without any guard: what an attacker meets today. */
export function commandOf({ family }: Manager, situation: Situation, spec: string): string[] {
  switch (situation) {
    case "frozen": return { npm: ["npm", "ci"], pnpm: ["pnpm", "install", "--frozen-lockfile"], yarn: ["yarn", "install", "--immutable", "--immutable-cache"] }[family]
    case "add": return family === "npm" ? ["npm", "install", spec] : [family, "add", spec]
    case "dlx": return { npm: ["npx", "--yes", spec], pnpm: ["pnpm", "dlx", spec], yarn: ["yarn", "dlx", spec] }[family]
    default: return [family, "install"]
  }
}

/** Sets a manager's guard up once, as a person does, in a folder whose files every project then copies. */
export async function guardManager(given: { readonly world: World; readonly sandbox: Sandbox; readonly manager: Manager; readonly runtime: Runtime; readonly guard: GuardName }): Promise<Guarded> {
  const { world, sandbox, manager, runtime, guard } = given
  const template = sandbox.project("template", { "package.json": { name: "template", private: true } })
  const options = { cwd: template, env: sandbox.env({ runtime, manager, path: [world.tool.binDir] }) }
  if (guard === "plugin" && manager.family === "pnpm") await runOk(["pnpm", "add", "--config", "pnpm-plugin-vouchsafe"], options)
  if (guard === "plugin" && manager.family === "yarn") {
    sandbox.project("template", { "yarn.lock": "" })
    await runOk(["yarn", "plugin", "import", join(world.tool.modules, "@vouchsafe/yarn-plugin/dist/yarn-plugin.cjs")], options)
  }
  const kept = ["pnpm-workspace.yaml", "pnpm-lock.yaml", ".yarnrc.yml", ".yarn/plugins"].filter((name) => existsSync(join(template, name)))
  return {
    manager, runtime, guard,
    prepare(project) {
      for (const name of kept) {
        mkdirSync(join(project, name, ".."), { recursive: true })
        cpSync(join(template, name), join(project, name), { recursive: true })
      }
    },
    argv: (situation, spec) => [...(guard === "run" ? ["vouchsafe", "run", "--"] : []), ...commandOf(manager, situation, spec)],
  }
}
