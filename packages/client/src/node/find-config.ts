import { dirname, isAbsolute, join, resolve } from "node:path"
import { statSync } from "node:fs"
import { VouchsafeError } from "@vouchsafe/core"
import { diskError, systemCode } from "./files.ts"
import { type Env, userConfigPath } from "./paths.ts"

export const CONFIG_NAME = "vouchsafe.json"
/** Folders looked at on the way up; deeper trees are a loop or a mistake. */
const LEVELS_MAX = 256

/** Where the policy was found. */
export interface ConfigLocation {
  /** The file. */
  readonly path: string
  /** Its folder, which relative paths in it refer to. */
  readonly dir: string
}

/**
 * Finds the policy that rules a folder: the nearest `vouchsafe.json` upwards, else the file that `VOUCHSAFE_CONFIG` names, else the user's
 * own. A project's file comes first, so that a stray variable cannot weaken a project.
 *
 * @throws VouchsafeError CONFIG_MALFORMED when there is none, DISK when one cannot be examined.
 */
export function findConfig(startDir: string, env: Env): ConfigLocation {
  let dir = resolve(startDir)
  for (let level = 0; level < LEVELS_MAX; level++) {
    const path = join(dir, CONFIG_NAME)
    if (isFile(path)) return { path, dir }
    if (dirname(dir) === dir) break
    dir = dirname(dir)
  }
  const named = env["VOUCHSAFE_CONFIG"]
  if (named !== undefined && named !== "") {
    if (!isAbsolute(named) || !isFile(named)) {
      throw new VouchsafeError("CONFIG_MALFORMED", "VOUCHSAFE_CONFIG names no file, expected the absolute path of a vouchsafe.json", { details: { path: named } })
    }
    return { path: named, dir: dirname(named) }
  }
  const own = userConfigPath(env)
  if (isFile(own)) return { path: own, dir: dirname(own) }
  throw new VouchsafeError("CONFIG_MALFORMED", `no ${CONFIG_NAME} found in ${resolve(startDir)} or above it`, { hint: "run `npx vouchsafe init`" })
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true
  } catch (error) {
    if (systemCode(error) === "ENOTDIR") return false
    throw diskError(`looking for ${path}`, error)
  }
}
