import { existsSync, realpathSync } from "node:fs"
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path"
import { CONFIG_NAME } from "@vouchsafe/client/node"

/** Marks the root of a workspace. */
const WORKSPACE_NAME = "pnpm-workspace.yaml"

/** `pnpm dlx` works in a folder of its own below the cache: then the folder that it is called in counts. */
export function policyFolder(lockfileDir: string | undefined, cwd: string): string {
  return lockfileDir !== undefined && upwards(lockfileDir, CONFIG_NAME) !== undefined ? lockfileDir : cwd
}

function workspaceRoot(dir: string): string {
  return upwards(dir, WORKSPACE_NAME) ?? dir
}

function upwards(from: string, name: string): string | undefined {
  for (let dir = resolve(from); ; dir = dirname(dir)) {
    if (existsSync(join(dir, name))) return dir
    if (dir === dirname(dir)) return undefined
  }
}

/** Follows links, so that one in the repository does not lead out of it. */
export function isInside(lockfileDir: string, from: string, path: string): boolean {
  const target = resolve(lockfileDir, from, path)
  const way = relative(workspaceRoot(lockfileDir), existsSync(target) ? realpathSync(target) : target)
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}
