import { LOCK_NAME, openProject, type Project, readLockFile, writeLockFile } from "@vouchsafe/client/node"
import { DAY_SECONDS, displayName, escapeForDisplay } from "@vouchsafe/core"
import { dirname, join, resolve } from "node:path"
import { findLockfile, formatLockfileReport } from "../check/lockfile.ts"
import { registriesOf } from "../check/registries.ts"
import { parseSpec } from "../check/registry.ts"
import { type CliIo, EXIT } from "../io.ts"
import { type Standing, standingOf } from "../lock/current.ts"
import { type Made, makeLock } from "../lock/make.ts"
import { coverageOf, formatChanges, formatSum } from "../lock/report.ts"
import { printJson, printLines, say } from "../output.ts"
import { progressOn } from "../progress.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { usage } from "../usage.ts"
import { readLockfile } from "./lockfile.ts"
import type { Register } from "./types.ts"

interface Flags {
  readonly wait?: boolean
  readonly accept?: readonly string[]
  readonly check?: boolean
  readonly json?: boolean
}

/** Longest time that `--wait` goes on asking, in ms. */
const WAIT_MS_MAX = 1_800_000
/** Names listed before the rest is only counted. */
const NAMES_SHOWN_MAX = 10

/** `lock [LOCKFILE]`: writes or refreshes `vouchsafe.lock`. */
export const registerLock: Register = (program, io, done) => {
  program.command("lock").description("write or refresh vouchsafe.lock: what lets `check` and every guarded install decide with no network")
    .argument("[lockfile]", "of npm, pnpm or Yarn (default: the project's own)")
    .option("--wait", "go on asking while nodes are still observing")
    .option("--accept <spec>", "record that name@version may be by others than the locked version; may be given again", (spec: string, all: readonly string[] | undefined) => [...all ?? [], spec])
    .option("--check", "only say whether the lock is what the lockfile needs; asks nobody")
    .option("--json", "one JSON document on stdout")
    .action(async (file: string | undefined, flags: Flags) => {
      const path = file === undefined ? findLockfile(io.cwd) : resolve(io.cwd, file)
      if (path === undefined) throw usage("no lockfile here or above", "run this in a project, or name a lockfile")
      if (flags.check === true && (flags.wait === true || flags.accept !== undefined)) throw usage("--check asks nobody and writes nothing: --wait and --accept have no meaning with it")
      done(flags.check === true ? await check(io, path, flags.json === true) : await write(io, path, flags))
    })
}

async function write(io: CliIo, path: string, { accept = [], json, wait }: Flags): Promise<number> {
  const lockfile = readLockfile(path)
  const dir = dirname(path)
  const lockPath = join(dir, LOCK_NAME)
  const accepted = accept.map(parseSpec)
  for (const { name, version } of accepted) if (!lockfile.entries.some((entry) => entry.name === name && entry.version === version)) throw usage(`--accept names ${name}@${version}, which ${path} does not have`)
  // Before anything is asked: a lock that does not parse is somebody's to look at, and stays.
  const before = readLockFile(lockPath)
  const project = await openFreshProject(io, {
    dir: io.cwd, env: io.env, onProgress: progressOn(io), registries: await registriesOf(lockfile.format, dir, io.env), lockDir: dir, lockUse: "pins",
    unpinned: new Set(accepted.map(({ purl }) => purl)),
  })
  try {
    const made = await makeLock(project, lockfile, { waitMs: wait === true ? WAIT_MS_MAX : 0, onWaiting: (pending) => say(io, `vouchsafe: ${pending} packages are still being observed; asking again`) })
    if (made.lock !== undefined) writeLockFile(lockPath, made.lock.text, before?.text)
    if (json === true) printJson(io, documentOf(lockPath, made, project))
    else printMade(io, project, lockPath, made, before === undefined)
    return made.report.exit
  } finally {
    project.close()
  }
}

function printMade(io: CliIo, { roster }: Project, path: string, { changes, failures, lock, report, without }: Made, isNew: boolean): void {
  for (const { code, message, operator } of failures) say(io, `vouchsafe: warning: the node of ${operator} derived nothing: ${code}: ${escapeForDisplay(message)}`)
  if (lock === undefined) {
    printLines(io, formatLockfileReport(report))
    say(io, `vouchsafe: ${escapeForDisplay(path)} ${isNew ? "was not written" : "is as it was"}: what is refused is not locked`)
    return
  }
  for (const line of formatLockfileReport(report).slice(0, -1)) say(io, line)
  if (without.length > 0) say(io, `vouchsafe: ${without.length} packages pass by an exception alone and have no line: ${namesOf(without)}`)
  printLines(io, [...formatChanges(changes, isNew), `${isNew ? "wrote" : "refreshed"} ${escapeForDisplay(path)}: ${formatSum(lock.lock, roster, lock.text.length)}`])
}

function documentOf(path: string, { changes, failures, lock, report, without }: Made, { roster }: Project): object {
  return {
    lock: path, written: lock !== undefined, packages: lock?.lock.lines.texts.length ?? 0, bytes: lock?.text.length ?? 0, changes, without, failures,
    operators: lock === undefined ? [] : coverageOf(lock.lock, roster), findings: report.findings, refused: report.result.verdicts.filter((verdict) => !verdict.ok),
  }
}

async function check(io: CliIo, path: string, json: boolean): Promise<number> {
  const lockfile = readLockfile(path)
  const dir = dirname(path)
  const project = await openProject({ dir: io.cwd, env: io.env, registries: await registriesOf(lockfile.format, dir, io.env), lockDir: dir })
  try {
    const { lockFile } = project
    const standing = lockFile === undefined ? undefined : await standingOf(project, lockFile, lockfile)
    if (json) printJson(io, { lock: lockFile?.path ?? null, current: standing?.isCurrent ?? false, ...standing })
    else printLines(io, standing === undefined ? [`no ${LOCK_NAME} beside ${escapeForDisplay(path)}`, NEXT] : formatStanding(standing))
    return standing?.isCurrent === true ? EXIT.done : EXIT.refused
  } finally {
    project.close()
  }
}

const NEXT = "  next  npx vouchsafe lock"

function formatStanding({ ageSeconds, excepted, extra, isCurrent, missing, refused, stale }: Standing): string[] {
  const age = ageSeconds === undefined ? "" : `, made ${Math.floor(ageSeconds / DAY_SECONDS)} days ago`
  if (isCurrent) return [`${LOCK_NAME} is what the lockfile needs${age}`, ...(excepted.length === 0 ? [] : [`  ${excepted.length} pass by an exception alone and have no line: ${namesOf(excepted)}`]), ...(stale.length === 0 ? [] : [`  warning LOCK_STALE: it is older than the policy wants`, NEXT])]
  return [
    `LOCK_STALE: ${LOCK_NAME} is not what the lockfile needs${age}`,
    ...(missing.length === 0 ? [] : [`  entries that have no line with their bytes, ${missing.length}: ${namesOf(missing)}`]),
    ...(extra.length === 0 ? [] : [`  lines about packages that the lockfile does not have, ${extra.length}: ${namesOf(extra)}`]),
    ...(refused.length === 0 ? [] : [`  packages that the lock alone does not allow, ${refused.length}: ${namesOf(refused.map(({ purl }) => purl))}`, ...reasons(refused)]),
    NEXT,
  ]
}

function reasons(refused: Standing["refused"]): string[] {
  const said = new Set(refused.flatMap((verdict) => (verdict.ok ? [] : verdict.findings.filter(({ code }) => code === verdict.code).map(({ code, message }) => `    ${code}: ${escapeForDisplay(message)}`))))
  return [...said].slice(0, NAMES_SHOWN_MAX)
}

function namesOf(purls: readonly string[]): string {
  const names = purls.slice(0, NAMES_SHOWN_MAX).map((purl) => (purl.startsWith("pkg:npm/") ? displayName(purl) : escapeForDisplay(purl)))
  return `${names.join(", ")}${purls.length > NAMES_SHOWN_MAX ? ` and ${purls.length - NAMES_SHOWN_MAX} more` : ""}`
}
