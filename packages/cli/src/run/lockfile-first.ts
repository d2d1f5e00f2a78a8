/**
 * pnpm's store may be warm: then nothing that the shim could refuse is asked for. So a command that changes the lockfile is run for the
 * lockfile alone first, that is judged whole, and only then anything is linked.
 *
 * @packageDocumentation
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CHANGES_LOCKFILE, type GuardedCommand } from "./command.ts"

const IS_FROZEN = /^--frozen-lockfile(?:=true)?$/
const LOCKFILE_ONLY = ["--lockfile-only", "--ignore-scripts"]
const FILES = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"]

/**
 * The arguments that resolve without installing; undefined when the command installs from the lockfile as it is, or not at all.
 *
 * @param hasLockfile - whether there is one that nobody said is not frozen: in CI pnpm takes it as it is
 */
export function lockfileOnlyArguments(command: GuardedCommand, env: Readonly<Record<string, string | undefined>>, hasLockfile: boolean): string[] | undefined {
  if (command.manager !== "pnpm" || command.isElsewhere || command.isGlobal || !CHANGES_LOCKFILE.has(command.verb)) return undefined
  const installs = command.verb === "install" || command.verb === "i"
  if (installs && command.args.some((arg) => IS_FROZEN.test(arg))) return undefined
  if (installs && hasLockfile && isCi(env) && !command.args.some((arg) => /^--(?:no-frozen-lockfile|frozen-lockfile=false|fix-lockfile)$/.test(arg))) return undefined
  return [...command.args, ...LOCKFILE_ONLY]
}

function isCi(env: Readonly<Record<string, string | undefined>>): boolean {
  return env["CI"] !== undefined && env["CI"] !== "" && env["CI"] !== "false"
}

/** Files that resolving may change, as they were. */
export interface Backup {
  /** Puts them back; a file that was not there is removed. */
  restore(): void
}

/** @param dirs - the folder of the command and the root of its workspace */
export function backUp(dirs: readonly string[]): Backup {
  const paths = [...new Set(dirs)].flatMap((dir) => FILES.map((file) => join(dir, file)))
  const contents = new Map(paths.map((path) => [path, existsSync(path) ? readFileSync(path) : undefined]))
  return {
    restore() {
      for (const [path, content] of contents) {
        if (content === undefined) rmSync(path, { force: true })
        else writeFileSync(path, content)
      }
    },
  }
}
