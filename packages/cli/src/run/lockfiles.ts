import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { LOCKFILE_NAMES } from "@vouchsafe/client/lockfile"
import type { ManagerName } from "./command.ts"

const BY_MANAGER: Readonly<Record<ManagerName, readonly string[]>> = {
  npm: ["npm-shrinkwrap.json", "package-lock.json"], pnpm: ["pnpm-lock.yaml"], yarn: ["yarn.lock"], other: LOCKFILE_NAMES,
}

/** The lockfiles that a manager would install from in `dir`: those of the nearest folder that has any. npm reads only one. */
export function lockfilesFor(manager: ManagerName, dir: string): { readonly root: string; readonly paths: readonly string[] } {
  for (let folder = dir; ; folder = dirname(folder)) {
    const found = BY_MANAGER[manager].map((name) => join(folder, name)).filter((path) => existsSync(path))
    if (found.length > 0) return { root: folder, paths: manager === "npm" ? found.slice(0, 1) : found }
    if (dirname(folder) === folder) return { root: dir, paths: [] }
  }
}
