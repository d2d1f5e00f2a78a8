import { join } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"
import type { GuardedCommand } from "./command.ts"
import { setsRegistries } from "./pnpm-settings.ts"
import { readIfThere } from "./registries.ts"

const HOOK_FILES = [".pnpmfile.cjs", ".pnpmfile.mjs", "pnpm-workspace.yaml"]
/** The last pnpm whose own settings outvote arguments and environment. */
const OUTVOTED_MAJOR_MAX = 10

/**
 * Whether the project seems to have pnpm's plugin. Its verdicts are about the configured registry, so pnpm must see that one and not the
 * shim. Nothing rests on this being right: either way the whole lockfile is judged before anything is linked, and pnpm takes no bytes but
 * those that the lockfile's digests name.
 */
export function hasOwnGuard({ manager, isElsewhere, isGlobal }: GuardedCommand, root: string): boolean {
  return manager === "pnpm" && !isElsewhere && !isGlobal && mentionsGuard(root)
}

/**
 * Arguments for a pnpm that works in a throwaway place: pnpm 10 and 11 load the project's hooks there too, which would ask about the shim's
 * address. The shim alone decides, from an empty store.
 */
export function elsewhereArguments({ manager, isElsewhere, isGlobal }: GuardedCommand, root: string): readonly string[] {
  return manager === "pnpm" && (isElsewhere || isGlobal) && mentionsGuard(root) ? ["--config.ignore-pnpmfile=true"] : []
}

/**
 * Refuses what cannot be led to the shim: pnpm 10 puts `registries` of pnpm-workspace.yaml before everything that a run can set.
 *
 * @param version - asks pnpm for its version; called only where it matters
 * @throws VouchsafeError CONFIG_MALFORMED
 */
export async function refuseOutvoted({ manager, dir, isElsewhere, isGlobal }: GuardedCommand, version: () => Promise<string>): Promise<void> {
  if (manager !== "pnpm" || (!isElsewhere && !isGlobal) || !setsRegistries(dir)) return
  const major = Number(/^(\d+)\./.exec(await version())?.[1] ?? Number.NaN)
  if (major > OUTVOTED_MAJOR_MAX) return
  throw new VouchsafeError("CONFIG_MALFORMED", "pnpm-workspace.yaml sets registries, which this pnpm puts before the shim's address", { hint: "set them in .npmrc, or use pnpm 11 or newer" })
}

function mentionsGuard(root: string): boolean {
  return HOOK_FILES.some((file) => readIfThere(join(root, file)).includes("vouchsafe"))
}
