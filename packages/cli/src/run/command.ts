/**
 * What a command line is about to do, as far as a guard must know: which manager, where, and whether from the lockfile.
 *
 * @packageDocumentation
 */
import { basename, resolve } from "node:path"
import { usage } from "../usage.ts"

export type ManagerName = "npm" | "pnpm" | "yarn" | "other"

export interface GuardedCommand {
  readonly manager: ManagerName
  readonly program: string
  readonly args: readonly string[]
  /** Folder that the manager works in. */
  readonly dir: string
  /** First word that is no flag, empty when there is none. */
  readonly verb: string
  /** Runs or makes something in a throwaway place: the project's lockfile has no say. */
  readonly isElsewhere: boolean
  /** Neither fetches nor links packages. */
  readonly isHarmless: boolean
  readonly isGlobal: boolean
}

const PROGRAMS: Readonly<Record<string, ManagerName>> = { npm: "npm", npx: "npm", pnpm: "pnpm", pnpx: "pnpm", pn: "pnpm", pnx: "pnpm", yarn: "yarn", yarnpkg: "yarn" }
const RUNNERS = new Set(["npx", "pnpx", "pnx"])
const ELSEWHERE: Readonly<Record<ManagerName, ReadonlySet<string>>> = {
  npm: new Set(["exec", "x", "init", "create", "innit"]), pnpm: new Set(["dlx", "create"]), yarn: new Set(["dlx", "create", "init"]), other: new Set(),
}
/** Words that start scripts of the project. pnpm may install before it does (`verifyDepsBeforeRun`, the default of pnpm 11 and 12). */
const SCRIPTS = new Set(["run", "run-script", "test", "t", "start", "stop", "restart"])
const HARMLESS = new Set(["publish", "unpublish", "deprecate", "dist-tag", "dist-tags", "owner", "access", "team", "org", "token", "profile", "login", "logout", "adduser", "whoami", "ping",
  "view", "info", "show", "search", "outdated", "pack", "version", "config", "help", "docs", "bugs", "repo", "root", "prefix", "bin", "npm", "why", "ls", "list", "explain"])
/** Flags that would take the command past the shim. npm takes any number of dashes. */
const BYPASSES = /^-+(?:no-)*(?:config\.)?(?:reg|registry|@[^=]+:registry|userconfig|globalconfig|replace-registry-host|prefer-online|cache|cache-dir|store-dir|git|registries\.[^=]+|npmrc-auth-file|no-?proxy)(?:=|$)/i
/** npm 10 and 11 take shortened flags: these that are no others, and whatever of them is written. */
const SHORTENED = /^-+(?:no-)*(?:regi|userc|globalc|replace-|prefer-on|nopr)[^=]*(?:=|$)/i
/** Flags of each manager that name the folder to work in. */
const DIR_FLAGS: Readonly<Record<ManagerName, readonly string[]>> = { npm: ["--prefix", "-C"], pnpm: ["--dir", "-C"], yarn: ["--cwd"], other: [] }
/** Words of pnpm that change the lockfile; none at all prints help. */
export const CHANGES_LOCKFILE: ReadonlySet<string> = new Set(["install", "i", "add", "update", "up", "upgrade", "remove", "rm", "uninstall", "un", "dedupe", "install-test", "it"])
/** Flags of pnpm that stand before the verb and take no value. */
const BARE_FLAGS = new Set(["-w", "--workspace-root", "--workspace", "-r", "--recursive", "-s", "--silent", "--parallel", "--stream", "--aggregate-output", "--color", "--no-color", "--if-present", "--bail", "--no-bail", "--ignore-workspace"])
/** Flags before the verb whose next word is their value. */
const VALUE_FLAGS = new Set(["--prefix", "-C", "--dir", "--cwd", "--filter", "-F", "--workspace", "-w", "--loglevel", "--reporter", "--package", "-p"])

/**
 * Reads a command line.
 * @throws VouchsafeError USAGE when it is empty or names a registry of its own
 */
export function readCommand(argv: readonly string[], cwd: string): GuardedCommand {
  const [program, ...args] = argv
  if (program === undefined) throw usage("no command to run", "for example: vouchsafe run -- npm ci")
  const name = basename(program).replace(/\.(?:cmd|exe|ps1|c?js)$/i, "").toLowerCase()
  const manager = PROGRAMS[name] ?? "other"
  // what comes after `--` belongs to what the manager starts
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args
  const bypass = manager === "other" ? undefined : own.find((arg) => BYPASSES.test(arg) || (manager === "npm" && SHORTENED.test(arg)))
  if (bypass !== undefined) throw usage(`${bypass.replace(/=.*$/s, "")} would take the command past the shim`, "set it in the configuration: `run` reads it there")
  const verb = RUNNERS.has(name) ? "exec" : firstWord(own, manager)
  if (manager === "pnpm") refuseUnclear(own, verb)
  return {
    manager, program, args, verb,
    dir: resolve(cwd, dirFlag(own, DIR_FLAGS[manager]) ?? "."),
    isElsewhere: RUNNERS.has(name) || ELSEWHERE[manager].has(verb),
    isHarmless: manager !== "other" && (HARMLESS.has(verb) || (manager !== "pnpm" && SCRIPTS.has(verb))),
    isGlobal: own.some((arg) => arg === "-g" || arg === "--global" || arg === "--location=global"),
  }
}

function firstWord(args: readonly string[], manager: ManagerName): string {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string
    if (!arg.startsWith("-")) return arg
    if (takesValue(arg, manager)) i++
  }
  return ""
}

/** Whether the word after a flag is known to be its value. pnpm's `-w` is another flag than npm's. */
export function takesValue(flag: string, manager: ManagerName): boolean {
  return VALUE_FLAGS.has(flag) && !(manager === "pnpm" && BARE_FLAGS.has(flag))
}

/**
 * A word after a flag may be its value or the verb. pnpm has a hundred flags; where the guess would skip resolving first, nothing is guessed.
 * @throws VouchsafeError USAGE
 */
function refuseUnclear(args: readonly string[], verb: string): void {
  const at = args.indexOf(verb)
  const flag = args[at - 1] ?? ""
  if (CHANGES_LOCKFILE.has(verb) || !flag.startsWith("-") || flag.includes("=") || BARE_FLAGS.has(flag)) return
  if (args.slice(at + 1).some((arg) => CHANGES_LOCKFILE.has(arg))) throw usage(`${flag} ${verb} could be a flag and its value, or a flag and a command`, `write ${flag}=${verb}, or put the flag behind the command`)
}

function dirFlag(args: readonly string[], flags: readonly string[]): string | undefined {
  for (const [i, arg] of args.entries()) {
    if (flags.includes(arg)) return args[i + 1]
    const flag = flags.find((candidate) => candidate.startsWith("--") && arg.startsWith(`${candidate}=`))
    if (flag !== undefined) return arg.slice(flag.length + 1)
  }
  return undefined
}
