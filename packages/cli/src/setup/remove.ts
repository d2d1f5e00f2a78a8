import { isVouchsafeError } from "@vouchsafe/core"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { type PlannedFile, readIfPresent, removeFiles, writeFiles } from "./files.ts"
import { pnpmFiles, policyFile, ROSTER_NAME, rosterFile, rosterPath, schemaFile, type Shipped, shipped, yarnFiles } from "./plan.ts"
import { withoutPlugin } from "./yarnrc.ts"

export interface Removed {
  readonly removed: readonly string[]
  readonly edited: readonly string[]
  /** Files that were changed since and stay. */
  readonly left: readonly string[]
  readonly notes: readonly string[]
}

/** Undoes `init` in a folder. @throws VouchsafeError CONFIG_MALFORMED for a .yarnrc.yml that cannot be read, or links. */
export function removeProject(root: string, read: Shipped = shipped): Removed {
  const roster = rosterOf(root)
  const pnpmHook = join(root, ".pnpmfile.cjs")
  const yarnrc = removeFromYarnrc(root)
  const files = [policyFile(root), schemaFile(root), ...(roster === undefined ? [] : [roster]), ...pnpmFiles(root, read), ...yarnFiles(root, read).filter((file) => file.place === "own")]
  const { removed, left } = removeFiles(root, files)
  return {
    removed: [...yarnrc.removed, ...removed], edited: yarnrc.edited, left,
    notes: removed.includes(pnpmHook) && existsSync(join(root, "pnpm-lock.yaml")) ? ["pnpm: run `pnpm install` once, so that the lockfile forgets the hook"] : [],
  }
}

/** The roster goes with the policy, whatever it holds: it was never the person's text. One outside of the folder is not ours. */
function rosterOf(root: string): PlannedFile | undefined {
  const path = rosterPathOrDefault(root)
  const text = path.startsWith(join(root, "/")) ? readIfPresent(path) : undefined
  return text === undefined ? undefined : rosterFile(path, text)
}

/** A policy that cannot be read must not keep the rest from being undone. */
function rosterPathOrDefault(root: string): string {
  try {
    return rosterPath(root)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return join(root, ROSTER_NAME)
  }
}

function removeFromYarnrc(root: string): { removed: string[]; edited: string[] } {
  const path = join(root, ".yarnrc.yml")
  const text = readIfPresent(path)
  const rest = text === undefined ? undefined : withoutPlugin(text)
  if (text === undefined || rest === text) return { removed: [], edited: [] }
  if (rest !== undefined) return { removed: [], edited: writeFiles(root, [{ path, content: rest, why: "", place: "edited" }]) }
  return { removed: removeFiles(root, [{ path, content: text, why: "", place: "edited" }]).removed, edited: [] }
}
