/**
 * One command behind a shim of its own.
 *
 * Order: judge pnpm's config dependencies; judge the lockfile; start the shim; write the configuration; let pnpm resolve without installing, and judge that; run the command;
 * put the registry's addresses back into what it wrote; judge a lockfile that it changed; bring the project's lock up to it; say what was refused.
 *
 * @packageDocumentation
 */
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { escapeForDisplay } from "@vouchsafe/core"
import { type CliIo, EXIT } from "../io.ts"
import { say } from "../output.ts"
import { clearProgress, progressOn } from "../progress.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import { runChild } from "./child.ts"
import { type GuardedCommand, readCommand } from "./command.ts"
import { inherited, runArguments, runEnvironment } from "./environment.ts"
import { judgeLockfiles, judgeText, judgeWritten, refuseFindings } from "./judging.ts"
import { keepLock } from "./keep-lock.ts"
import { backUp, lockfileOnlyArguments } from "./lockfile-first.ts"
import { lockfilesFor } from "./lockfiles.ts"
import { runNpmrc } from "./npmrc.ts"
import { maySomeUseGit, writeRefusingGit } from "./no-git.ts"
import { otherSources, sourcesInManifest } from "./other-sources.ts"
import { elsewhereArguments, hasOwnGuard, refuseOutvoted } from "./pnpm.ts"
import { isUnfrozen, pinnedConfigDependencies, pnpmSettings, type PnpmSettings, refuseOtherLockfiles } from "./pnpm-settings.ts"
import { readIfThere, registriesFor } from "./registries.ts"
import { restoreAddresses } from "./restore.ts"
import { makeRunDir } from "./run-dir.ts"
import { exitOf, result, type RunParts, type RunResult, type Session, take } from "./session.ts"
import { type RunningShim, startShimProcess } from "./shim-process.ts"
import { wayOut } from "./summary.ts"
import { askVersion } from "./version.ts"
import { yarnGuard, type YarnGuard } from "./yarn.ts"

export interface RunOptions {
  /** The command's stdout goes to ours unless that is kept for a document. */
  readonly stdout: "inherit" | "stderr"
}

const OWN_FILE_MODE = 0o600

/**
 * Runs a command.
 * @throws VouchsafeError for everything that fails before the command starts
 */
export async function run(argv: readonly string[], io: CliIo, options: RunOptions, parts: RunParts = { startShim: startShimProcess, runChild }): Promise<RunResult> {
  const command = readCommand(argv, io.cwd)
  const project = await openFreshProject(io, { dir: command.dir, env: io.env, onProgress: progressOn(io), registries: await registriesFor(command.manager, command.dir, io.env) })
  const session: Session = { io, parts, command, project, denied: new Map(), misbehavior: [], addresses: new Map(), judged: new Map(), allowed: 0 }
  try {
    if (refuseFindings(session, otherSources(command), "the command line names what nobody attests; nothing was started")) return result(session, undefined, EXIT.refused)
    const pinned = command.manager === "pnpm" ? pinnedConfigDependencies(command.dir) : undefined
    if (pinned !== undefined) {
      const exit = await judgeText(session, "pnpm-lock.yaml", pinned, "configDependencies of pnpm-workspace.yaml were refused before pnpm was started")
      if (exit !== EXIT.done) return result(session, undefined, exit)
    }
    if (readsLockfile(command)) {
      if (command.manager === "pnpm") refuseOtherLockfiles(settingsFor(session), hasOwnGuard(command, lockfilesFor("pnpm", command.dir).root))
      const exit = await judgeLockfiles(session, "was refused before anything was installed")
      if (exit !== EXIT.done) {
        const way = wayOut(command.manager, [...session.denied.values()].map(({ code }) => code))
        if (way !== undefined) say(io, way)
        return result(session, undefined, exit)
      }
    }
    if (readsLockfile(command) && refuseFindings(session, sourcesInManifest(command), "package.json names what nobody attests; nothing was started")) return result(session, undefined, EXIT.refused)
    const version = (): Promise<string> => askVersion(command, io, parts.runChild)
    const yarn = command.manager === "yarn" ? await yarnGuard(version) : undefined
    await refuseOutvoted(command, version)
    const shim = await parts.startShim(io, { dir: command.dir, registries: project.registries, onLine: (line) => take(session, line) })
    try {
      return await runBehind(session, shim, yarn, options)
    } finally {
      await shim.stop()
    }
  } finally {
    project.close()
  }
}

async function runBehind(session: Session, shim: RunningShim, yarn: YarnGuard | undefined, { stdout }: RunOptions): Promise<RunResult> {
  const { io, parts, command, project } = session
  const { root } = lockfilesFor(command.manager, command.dir)
  const runDir = makeRunDir(project.cacheDir, Date.now())
  try {
    const scopes = Object.keys(project.registries.scopes)
    const userConfig = join(runDir, "npmrc")
    writeFileSync(userConfig, runNpmrc(readIfThere(project.registries.userConfigPath), [project.registries.default, ...Object.values(project.registries.scopes)], scopes, shim), { mode: OWN_FILE_MODE })
    const cache = project.registries.raw("cache")
    const env = runEnvironment({
      env: io.env, command, shim, scopes, runDir, userConfig, logsDir: typeof cache === "string" ? join(cache, "_logs") : undefined, yarn: yarn?.kind, yarnPlugin: yarn?.plugin, noProxy: project.registries.raw("noproxy"),
      git: command.manager === "npm" && !command.isHarmless && !maySomeUseGit(project.policy) ? writeRefusingGit(runDir) : undefined,
    })
    const start: Start = hasOwnGuard(command, root) ? { env: inherited(io.env), args: (args) => args } : { env, args: (args) => [...elsewhereArguments(command, root), ...runArguments({ ...command, args }, scopes, shim)] }
    const refused = await judgeResolution(session, shim, start, root)
    if (refused !== undefined) return result(session, refused.status, refused.exit)
    clearProgress(io)
    const status = await parts.runChild(command.program, start.args(command.args), { cwd: io.cwd, env: start.env, stdio: ["inherit", stdout === "inherit" ? "inherit" : 2, "inherit"] })
    await shim.stop()
    restore(session, shim, [root, command.dir])
    const after = readsLockfile(command) ? await judgeWritten(session) : EXIT.done
    const exit = after === EXIT.done ? exitOf(session, status) : after
    const [written] = exit === EXIT.done && readsLockfile(command) ? lockfilesFor(command.manager, command.dir).paths : []
    if (written !== undefined) await keepLock(io, project, written)
    return result(session, status, exit)
  } finally {
    // the configuration with the token goes first and in any case
    rmSync(runDir, { recursive: true, force: true })
    restore(session, shim, [root, command.dir])
  }
}

/** How the command is started. */
interface Start {
  readonly env: Record<string, string>
  readonly args: (args: readonly string[]) => readonly string[]
}

function readsLockfile({ isElsewhere, isHarmless, isGlobal }: GuardedCommand): boolean {
  return !isElsewhere && !isHarmless && !isGlobal
}

function settingsFor({ command, io, project }: Session): PnpmSettings {
  return pnpmSettings({ command, env: io.env, raw: (name) => project.registries.raw(name) })
}

/** pnpm only: resolves, judges what it resolved to, and undoes that when it is refused. */
async function judgeResolution(session: Session, shim: RunningShim, start: Start, root: string): Promise<{ status: number | undefined; exit: number } | undefined> {
  const { io, parts, command } = session
  const before = lockfilesFor(command.manager, command.dir)
  const args = lockfileOnlyArguments(command, io.env, before.paths.length > 0 && !isUnfrozen(settingsFor(session)))
  if (args === undefined) return undefined
  const backup = backUp([root, command.dir])
  let output = ""
  const status = await parts.runChild(command.program, start.args(args), { cwd: io.cwd, env: start.env, stdio: ["ignore", "pipe", "pipe"], onOutput: (text) => { output += text } })
  restore(session, shim, [root, command.dir])
  if (status !== 0) {
    backup.restore()
    io.stderr.write(output)
    return { status, exit: exitOf(session, status) }
  }
  const exit = await judgeLockfiles(session, "as it would become was refused before anything was installed")
  if (exit === EXIT.done) return undefined
  backup.restore()
  return { status: undefined, exit }
}

function restore({ io, project, addresses }: Session, shim: RunningShim, dirs: readonly string[]): void {
  for (const dir of new Set(dirs)) {
    try {
      restoreAddresses(dir, { url: shim.url, registryFor: (name) => project.registries.registryFor(name), addresses })
    } catch (error) {
      say(io, `vouchsafe: a lockfile in ${escapeForDisplay(dir)} still names the shim: ${error instanceof Error ? escapeForDisplay(error.message) : "unknown error"}`)
    }
  }
}
