import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { getManager } from "./managers.ts"
import { runOk } from "./process.ts"
import type { Runtime } from "./runtimes.ts"
import type { Sandbox } from "./sandbox.ts"

/** Vouchsafe as a person has it: installed from a registry. */
export interface Tool {
  /** Folder with `vouchsafe`, for the PATH. */
  readonly binDir: string
  readonly vouchsafe: string
  /** Folder with the installed packages. */
  readonly modules: string
}

/** Installs `vouchsafe` with npm from the sandbox's registry into a folder of its own. */
export async function installTool(sandbox: Sandbox, runtime: Runtime): Promise<Tool> {
  const prefix = join(sandbox.dir, "tool")
  mkdirSync(prefix)
  const env = sandbox.env({ runtime, manager: await getManager("npm11") })
  await runOk(["npm", "install", "--prefix", prefix, "vouchsafe"], { cwd: prefix, env })
  const modules = join(prefix, "node_modules")
  return { binDir: join(modules, ".bin"), vouchsafe: join(modules, ".bin/vouchsafe"), modules }
}
