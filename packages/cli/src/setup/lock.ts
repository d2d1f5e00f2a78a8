import { DAY_SECONDS } from "@vouchsafe/core"
import { LOCK_NAME, type Project } from "@vouchsafe/client/node"
import { existsSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { LOCKFILE_NAMES } from "@vouchsafe/client/lockfile"
import { registriesOf } from "../check/registries.ts"
import { readLockfile } from "../commands/lockfile.ts"
import { standingOf } from "../lock/current.ts"
import type { Finding } from "./finding.ts"

/** Whether the project's lock is what its lockfile needs. Asks nobody. @throws VouchsafeError as reading a lockfile does. */
export async function checkLock(root: string, project: Project, env: Readonly<Record<string, string | undefined>>): Promise<Finding[]> {
  const path = LOCKFILE_NAMES.map((name) => join(root, name)).find((candidate) => existsSync(candidate))
  if (path === undefined) return []
  const { lockFile } = project
  if (lockFile === undefined) return [{ check: LOCK_NAME, state: "ok", detail: "there is none: every install asks the nodes; `npx vouchsafe lock` writes one" }]
  const lockfile = readLockfile(path)
  const registries = await registriesOf(lockfile.format, dirname(path), env)
  const { ageSeconds = 0, extra, isCurrent, missing, refused, stale } = await standingOf({ ...project, registries }, lockFile, lockfile)
  const age = `made ${Math.floor(ageSeconds / DAY_SECONDS)} days ago`
  if (isCurrent && stale.length === 0) return [{ check: LOCK_NAME, state: "ok", detail: `${lockFile.lock.lines.texts.length} packages for ${relative(root, path)}, ${age}` }]
  const why = isCurrent ? `older than the policy wants: ${age}` : `${missing.length} entries of ${relative(root, path)} have no line, ${extra.length} lines have no entry, ${refused.length} packages are not allowed by it alone`
  return [{ check: LOCK_NAME, state: "warning", detail: why, hint: "npx vouchsafe lock" }]
}
