import { shown, VouchsafeError } from "@vouchsafe/core"
import { LOCKFILE_LENGTH_MAX } from "./limits.ts"
import { readPackageLock } from "./npm.ts"
import { readPnpmLock } from "./pnpm.ts"
import type { Lockfile } from "./types.ts"
import { readYarnLock } from "./yarn.ts"

/** Lockfiles that are looked for in a project, by file name. */
export const LOCKFILE_NAMES = ["npm-shrinkwrap.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock"] as const

/**
 * Reads a lockfile's text; its file name says which package manager wrote it.
 * @throws VouchsafeError LOCKFILE_MALFORMED that names the entry.
 */
export function parseLockfile(fileName: string, text: string): Lockfile {
  if (text.length > LOCKFILE_LENGTH_MAX) {
    throw new VouchsafeError("LOCKFILE_MALFORMED", `lockfile: has ${text.length} characters, expected at most ${LOCKFILE_LENGTH_MAX}`)
  }
  const base = fileName.slice(Math.max(fileName.lastIndexOf("/"), fileName.lastIndexOf("\\")) + 1)
  if (base.endsWith(".json")) return readPackageLock(text)
  if (/pnpm-lock.*\.ya?ml$/.test(base)) return readPnpmLock(text)
  if (base.endsWith(".lock")) return readYarnLock(text)
  throw new VouchsafeError("LOCKFILE_MALFORMED", `lockfile: ${shown(base)} is no file name that is known, expected ${LOCKFILE_NAMES.join(", ")}`, {
    hint: "name a lockfile of npm, pnpm or Yarn",
  })
}
