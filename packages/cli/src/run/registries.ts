import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Env, loadNpmConfig, type NpmRegistries, pnpmRegistries, registryLookup, yarnRegistries } from "@vouchsafe/client/node"
import type { ManagerName } from "./command.ts"
import { lockfilesFor } from "./lockfiles.ts"

const SETTINGS = {
  pnpm: { file: "pnpm-workspace.yaml", read: pnpmRegistries },
  yarn: { file: ".yarnrc.yml", read: yarnRegistries },
} as const

/** The registries that a manager uses in `dir`: npm's configuration, and over it what the manager's own settings say. */
export async function registriesFor(manager: ManagerName, dir: string, env: Env): Promise<NpmRegistries> {
  const npm = await loadNpmConfig({ dir, env })
  const settings = manager === "pnpm" || manager === "yarn" ? SETTINGS[manager] : undefined
  const text = settings === undefined ? "" : readIfThere(join(lockfilesFor(manager, dir).root, settings.file))
  if (settings === undefined || text === "") return npm
  const map = settings.read(text, npm)
  return { ...npm, ...map, registryFor: registryLookup(map) }
}

/** A file's text, empty when there is none. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ""
    throw error
  }
}
