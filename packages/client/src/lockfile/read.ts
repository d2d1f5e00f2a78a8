import { shown, VouchsafeError } from "@vouchsafe/core"
import { readBunLock } from "./bun.ts"
import { LOCKFILE_LENGTH_MAX } from "./limits.ts"
import { readPackageLock } from "./npm.ts"
import { readPnpmLock } from "./pnpm.ts"
import { malformed } from "./source.ts"
import { twoReadings } from "../two-readings.ts"
import type { Lockfile } from "./types.ts"
import { readYarnLock } from "./yarn.ts"

/** Lockfiles that are looked for in a project, by file name. */
export const LOCKFILE_NAMES = ["npm-shrinkwrap.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"] as const

/** What git leaves in a file that two sides changed. */
const CONFLICT = /^(?:<{7}|>{7}|={7}|\|{7})(?: .*)?$/m

/**
 * Reads a lockfile's text; its file name says which package manager wrote it.
 * @throws VouchsafeError LOCKFILE_MALFORMED that names the entry.
 */
export function parseLockfile(fileName: string, text: string): Lockfile {
  if (text.length > LOCKFILE_LENGTH_MAX) {
    throw new VouchsafeError("LOCKFILE_MALFORMED", `lockfile: has ${text.length} characters, expected at most ${LOCKFILE_LENGTH_MAX}`)
  }
  const base = fileName.slice(Math.max(fileName.lastIndexOf("/"), fileName.lastIndexOf("\\")) + 1)
  const conflict = CONFLICT.exec(text)
  if (conflict !== null) throw malformed(base, `has a merge conflict in line ${text.slice(0, conflict.index).split("\n").length}`)
  if (base.endsWith(".json")) return readPackageLock(text)
  const doubt = twoReadings(text, base.endsWith(".lock") ? "lines" : "yaml")
  if (doubt !== undefined) throw malformed(base, `has ${doubt}`)
  if (/pnpm-lock.*\.ya?ml$/.test(base)) return readPnpmLock(text)
  if (/^bun\b.*\.lock$/.test(base)) return readBunLock(text)
  if (base.endsWith(".lock")) return readYarnLock(text)
  throw new VouchsafeError("LOCKFILE_MALFORMED", `lockfile: ${shown(base)} is no file name that is known, expected ${LOCKFILE_NAMES.join(", ")}`, {
    hint: base.endsWith(".lockb") ? "let Bun write it as text: `bun install --save-text-lockfile`" : "name a lockfile of npm, pnpm, Yarn or Bun",
  })
}
