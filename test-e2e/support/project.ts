import { readFileSync } from "node:fs"
import type { Manager } from "./managers.ts"
import { run, type Ran } from "./process.ts"
import type { Sandbox } from "./sandbox.ts"
import type { World } from "./world.ts"

/** `vouchsafe.json` and the roster, as `vouchsafe init` writes them. */
export function policyFiles(world: World, preset?: "observe", roster: string = readFileSync(world.network.roster, "utf8")): Record<string, unknown> {
  return {
    "vouchsafe.json": { format: "vouchsafe-policy/v1", ...(preset === undefined ? {} : { preset }), roster: "./vouchsafe.roster.json" },
    "vouchsafe.roster.json": roster,
  }
}

/** Runs commands in a folder as the owner of an account, with Vouchsafe and one package manager on the PATH. */
export function commandIn(world: World, sandbox: Sandbox, manager: Manager, folder: string, more: Readonly<Record<string, string>> = {}): (...argv: string[]) => Promise<Ran> {
  return (...argv) => run(argv, { cwd: folder, env: sandbox.env({ runtime: world.runtime, manager, path: [world.tool.binDir], more }) })
}
