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
const HARMLESS = new Set(["publish", "unpublish", "deprecate", "dist-tag", "dist-tags", "owner", "access", "team", "org", "token", "profile", "login", "logout", "adduser", "whoami", "ping",
  "view", "info", "show", "search", "outdated", "pack", "version", "config", "help", "docs", "bugs", "repo", "root", "prefix", "bin", "run", "run-script", "test", "t", "start", "stop", "restart", "npm", "why", "ls", "list", "explain"])
/** Flags that would take the command past the shim. */
const BYPASSES = /^--(?:no-)?(?:config\.)?(?:registry|@[^=]+:registry|userconfig|globalconfig|replace-registry-host|prefer-online|cache|cache-dir|store-dir|registries\.[^=]+|npmrc-auth-file)(?:=|$)/
/** Flags of each manager that name the folder to work in. */
const DIR_FLAGS: Readonly<Record<ManagerName, readonly string[]>> = { npm: ["--prefix", "-C"], pnpm: ["--dir", "-C"], yarn: ["--cwd"], other: [] }
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
  const bypass = manager === "other" ? undefined : own.find((arg) => BYPASSES.test(arg))
  if (bypass !== undefined) throw usage(`${bypass.replace(/=.*$/s, "")} would take the command past the shim`, "set it in the configuration: `run` reads it there")
  const verb = RUNNERS.has(name) ? "exec" : firstWord(own)
  return {
    manager, program, args, verb,
    dir: resolve(cwd, dirFlag(own, DIR_FLAGS[manager]) ?? "."),
    isElsewhere: RUNNERS.has(name) || ELSEWHERE[manager].has(verb),
    isHarmless: manager !== "other" && HARMLESS.has(verb),
    isGlobal: own.some((arg) => arg === "-g" || arg === "--global" || arg === "--location=global"),
  }
}

function firstWord(args: readonly string[]): string {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string
    if (!arg.startsWith("-")) return arg
    if (VALUE_FLAGS.has(arg)) i++
  }
  return ""
}

function dirFlag(args: readonly string[], flags: readonly string[]): string | undefined {
  for (const [i, arg] of args.entries()) {
    if (flags.includes(arg)) return args[i + 1]
    const flag = flags.find((candidate) => candidate.startsWith("--") && arg.startsWith(`${candidate}=`))
    if (flag !== undefined) return arg.slice(flag.length + 1)
  }
  return undefined
}
