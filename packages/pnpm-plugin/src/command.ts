import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

/** Longest that `ps` may take, in ms. */
const PS_TIMEOUT_MS = 5_000

/** Words that make pnpm put packages into place. Everything else that does so calls the other hooks. */
const INSTALLING: ReadonlySet<string> = new Set([
  "install", "i", "ci", "add", "update", "up", "upgrade", "remove", "rm", "uninstall", "un", "fetch", "dedupe", "import", "link", "ln", "unlink",
  "prune", "rebuild", "rb", "deploy", "patch-commit", "patch-remove", "recursive",
])

/** pnpm 12 is no JavaScript: it runs hooks in workers, which have no script. 10 and 11 run them in their own process. */
export function isWorker(argv: readonly string[]): boolean {
  return argv[1] === undefined
}

/**
 * Arguments of the pnpm that a worker belongs to.
 * @returns undefined where the system does not tell
 */
export function argumentsOfParent(ppid: number, platform: NodeJS.Platform): readonly string[] | undefined {
  try {
    if (platform === "linux") return readFileSync(`/proc/${ppid}/cmdline`, "utf8").split("\0").slice(1)
    if (platform === "win32") return undefined
    return execFileSync("ps", ["-o", "args=", "-p", String(ppid)], { encoding: "utf8", timeout: PS_TIMEOUT_MS }).trim().split(/\s+/).slice(1)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return undefined
  }
}

/** `pnpm fetch` of pnpm 12 calls no hook with a lockfile, and with a warm store none at all. When in doubt, yes. */
export function mayFetch(args: readonly string[] | undefined): boolean {
  return args === undefined || args.includes("fetch")
}

export function mayInstall(args: readonly string[]): boolean {
  return args.some((arg) => INSTALLING.has(arg))
}
