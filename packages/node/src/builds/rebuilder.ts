/**
 * Whether this machine can rebuild, and with which program.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { accessSync, constants, existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { delimiter, dirname, isAbsolute, join } from "node:path"

const PACKAGE = "@vouchsafe/rebuilder"
const COMMAND = "vouchsafe-rebuilder"
/** What builds run in. Without it nothing is built: there is no weaker way (THREATS A10). */
const SANDBOX = "bwrap"
/** What clones. */
const GIT = "git"

/** @throws VouchsafeError CONFIG_MALFORMED where a program that every build needs is missing. */
export function requireSandbox(path: string): void {
  for (const [program, packageName] of [[SANDBOX, "bubblewrap"], [GIT, "git"]] as const) {
    if (isOnPath(program, path)) continue
    throw new VouchsafeError("CONFIG_MALFORMED", `--rebuild needs ${program}, which is not on the PATH of this node`, {
      hint: `install ${packageName} (on Debian and Ubuntu: apt install ${packageName}), or start the node without --rebuild`,
    })
  }
}

function isOnPath(program: string, path: string): boolean {
  return path.split(delimiter).some((folder) => isAbsolute(folder) && isExecutable(join(folder, program)))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    return false
  }
}

/** Program and arguments of the rebuilder that is installed beside this node. @throws VouchsafeError CONFIG_MALFORMED. */
export function findRebuilder(): readonly string[] {
  let manifestPath: string
  try {
    manifestPath = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`)
  } catch (cause) {
    throw missing(`${PACKAGE} is not installed beside this node`, cause)
  }
  const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as { bin?: Record<string, string> }
  const script = join(dirname(manifestPath), manifest.bin?.[COMMAND] ?? COMMAND)
  if (!existsSync(script)) throw missing(`${PACKAGE} has no ${COMMAND}`)
  return [process.execPath, script]
}

function missing(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("CONFIG_MALFORMED", `--rebuild: ${why}`, { hint: `install ${PACKAGE}, or start the node without --rebuild`, cause })
}
