import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import type { Runtime } from "./runtimes.ts"
import type { Tool } from "./tool.ts"

/** One process of `vouchsafe-node`, as it was installed. */
export interface Daemon {
  readonly child: ChildProcess
  /** Settles with the ready line, or rejects when the process ends before. */
  readonly ready: Promise<{ readonly url: string; readonly roster: string; readonly data: string }>
  /** Settles when a line on standard error holds this text. */
  says(text: string): Promise<void>
  readonly log: () => string
  /** Exit status, or the signal's name. */
  readonly ended: Promise<number | string>
  /** Ends it, and waits. */
  end(signal: NodeJS.Signals): Promise<number | string>
}

/** Starts the installed node. Whoever starts it ends it. */
export function startDaemon(tool: Tool, runtime: Runtime, args: readonly string[], options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }): Daemon {
  const child = spawn(runtime.node, [join(tool.modules, "@vouchsafe/node/bin/vouchsafe-node.js"), ...args], { ...options, stdio: ["ignore", "pipe", "pipe"] })
  let out = ""
  let log = ""
  const waiting = new Set<() => void>()
  const ended = new Promise<number | string>((resolve) => child.once("close", (status, signal) => {
    resolve(signal ?? status ?? "unknown")
    for (const look of waiting) look()
  }))
  const until = (isTrue: () => boolean, what: string): Promise<void> => new Promise((resolve, reject) => {
    const look = (): void => {
      if (isTrue()) resolve()
      else if (child.exitCode === null && child.signalCode === null) return
      else reject(new Error(`the node ended (${child.signalCode ?? child.exitCode}) before it ${what}:\n${log}`))
      waiting.delete(look)
    }
    waiting.add(look)
    look()
  })
  child.stdout.setEncoding("utf8").on("data", (text: string) => { out += text; for (const look of waiting) look() })
  child.stderr.setEncoding("utf8").on("data", (text: string) => { log += text; for (const look of waiting) look() })
  const ready = until(() => out.includes("\n"), "was ready").then(() => JSON.parse(out) as { url: string; roster: string; data: string })
  ready.catch(() => undefined)
  return {
    child, ready, ended, log: () => log,
    says: (text) => until(() => log.includes(text), `said ${text}`),
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return await ended
    },
  }
}
