/**
 * Keeps an existing `vouchsafe.lock` up to what a command has just installed.
 *
 * @packageDocumentation
 */
import { parseLockfile, toRequests } from "@vouchsafe/client/lockfile"
import { openProject, type Project, systemClock, writeLockFile } from "@vouchsafe/client/node"
import { escapeForDisplay, isVouchsafeError } from "@vouchsafe/core"
import { dirname } from "node:path"
import { formatLockfileReport } from "../check/lockfile.ts"
import { registriesOf } from "../check/registries.ts"
import { EXIT, type CliIo } from "../io.ts"
import { compareLines, exceptedAmong } from "../lock/current.ts"
import { makeLock } from "../lock/make.ts"
import { formatChanges, formatSum } from "../lock/report.ts"
import { say } from "../output.ts"
import { readIfThere } from "./registries.ts"

/** How long nodes that are still observing are waited for, in ms: the command itself is done. */
const WAIT_MS_MAX = 30_000

/**
 * Makes the lock anew where its lockfile changed. The command has ended well by then and stays so: what goes wrong here is a warning that names
 * what to do.
 *
 * @param project - that the command ran in
 * @returns whether the lock was written
 */
export async function keepLock(io: CliIo, project: Project, lockfilePath: string): Promise<boolean> {
  const { lockFile } = project
  const dir = dirname(lockfilePath)
  if (lockFile === undefined || dirname(lockFile.path) !== dir) return false
  try {
    const lockfile = parseLockfile(lockfilePath, readIfThere(lockfilePath))
    // As `lock` reads them: Yarn does not go by npm's configuration.
    const registries = await registriesOf(lockfile.format, dir, io.env)
    const requests = toRequests(lockfile, { registryFor: (name) => registries.registryFor(name) })
    const { extra, missing } = compareLines(lockFile.lock.lines.artifacts.map(({ facts }) => facts), requests)
    const excepted = exceptedAmong(missing, requests, project.policy, Math.floor(systemClock.nowMs() / 1_000))
    if (extra.length + missing.length === excepted.length) return false
    // Opened anew: a lock that only pins vouches for nothing.
    const own = await openProject({ dir, env: io.env, registries, lockDir: dir, lockUse: "pins" })
    try {
      const made = await makeLock(own, lockfile, { waitMs: WAIT_MS_MAX })
      if (made.lock === undefined) {
        say(io, ["vouchsafe: warning LOCK_STALE: vouchsafe.lock is as it was: what is refused is not locked", ...made.report.exit === EXIT.done ? [] : formatLockfileReport(made.report), NEXT].join("\n"))
        return false
      }
      writeLockFile(lockFile.path, made.lock.text, lockFile.text)
      say(io, [`vouchsafe: refreshed ${escapeForDisplay(lockFile.path)}: ${formatSum(made.lock.lock, own.roster, made.lock.text.length)}`, ...formatChanges(made.changes, false)].join("\n"))
      return true
    } finally {
      own.close()
    }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    say(io, `vouchsafe: warning LOCK_STALE: vouchsafe.lock is as it was: ${error.code}: ${escapeForDisplay(error.message)}\n${NEXT}`)
    return false
  }
}

const NEXT = "  next  npx vouchsafe lock"
