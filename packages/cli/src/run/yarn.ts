import { createRequire } from "node:module"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"

/** How this Yarn is guarded. */
export interface YarnGuard {
  readonly kind: "plugin" | "shim" | undefined
  readonly plugin: string | undefined
}

const PLUGIN_MAJOR = 4
const CLASSIC_MAJOR = 1

/**
 * Asks Yarn for its version. Yarn 4 is guarded by the plugin, which ties warm caches to attested tarballs; Yarn 1 reads npm's variables;
 * any other one goes to the shim with an empty global folder.
 *
 * @throws VouchsafeError UPSTREAM_FAILED, NOT_FOUND
 */
export async function yarnGuard(version: () => Promise<string>): Promise<YarnGuard> {
  const major = Number(/^\d+/.exec(await version())?.[0])
  if (major === PLUGIN_MAJOR) return { kind: "plugin", plugin: shippedPlugin() }
  return { kind: major === CLASSIC_MAJOR ? undefined : "shim", plugin: undefined }
}

function shippedPlugin(): string {
  let path: string
  try {
    path = join(dirname(createRequire(import.meta.url).resolve("@vouchsafe/yarn-plugin/package.json")), "dist", "yarn-plugin.cjs")
  } catch (cause) {
    throw new VouchsafeError("NOT_FOUND", "@vouchsafe/yarn-plugin is not installed beside vouchsafe", { cause, hint: "install vouchsafe again, with its dependencies" })
  }
  if (!existsSync(path)) throw new VouchsafeError("NOT_FOUND", "@vouchsafe/yarn-plugin has no dist/yarn-plugin.cjs", { hint: "install vouchsafe again" })
  return path
}
