import { createRequire } from "node:module"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"
import type { CliIo } from "../io.ts"
import type { RunChild } from "./child.ts"
import type { GuardedCommand } from "./command.ts"

/** How this Yarn is guarded. */
export interface YarnGuard {
  readonly kind: "plugin" | "shim" | undefined
  readonly plugin: string | undefined
}

const PLUGIN_MAJOR = 4
const CLASSIC_MAJOR = 1
const VERSION_OUTPUT_LENGTH_MAX = 4096

/**
 * Asks Yarn for its version. Yarn 4 is guarded by the plugin, which ties warm caches to attested tarballs; Yarn 1 reads npm's variables;
 * any other one goes to the shim with an empty global folder.
 *
 * @throws VouchsafeError UPSTREAM_FAILED when Yarn does not tell: then nobody knows what guards it
 */
export async function yarnGuard(command: GuardedCommand, io: CliIo, runChild: RunChild): Promise<YarnGuard> {
  let output = ""
  const env = Object.fromEntries(Object.entries(io.env).filter((entry): entry is [string, string] => entry[1] !== undefined))
  const status = await runChild(command.program, ["--version"], { cwd: command.dir, env, stdio: ["ignore", "pipe", "ignore"], onOutput: (text) => { output = `${output}${text}`.slice(0, VERSION_OUTPUT_LENGTH_MAX) } })
  const major = Number(/^(\d+)\.\d+\.\d+/m.exec(output)?.[1] ?? Number.NaN)
  if (status !== 0 || Number.isNaN(major)) throw new VouchsafeError("UPSTREAM_FAILED", `\`${command.program} --version\` did not tell a version (status ${status})`, { hint: "does Yarn work here?" })
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
