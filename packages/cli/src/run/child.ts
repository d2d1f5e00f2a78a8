import { spawn, type StdioOptions } from "node:child_process"
import { constants } from "node:os"
import { VouchsafeError } from "@vouchsafe/core"

const SIGNAL_STATUS_BASE = 128
const FORWARDED = ["SIGTERM", "SIGHUP"] as const

export interface ChildOptions {
  readonly cwd: string
  readonly env: Record<string, string>
  readonly stdio: StdioOptions
  /** What the child prints, where `stdio` has pipes. */
  readonly onOutput?: (text: string) => void
}

/** Runs a command in place of this process: signals reach it, its status is the result. @throws VouchsafeError NOT_FOUND */
export type RunChild = (program: string, args: readonly string[], options: ChildOptions) => Promise<number>

export const runChild: RunChild = (program, args, { cwd, env, stdio, onOutput }) => new Promise((resolve, reject) => {
  // on Windows package managers are .cmd files, which only a shell starts
  const child = spawn(program, [...args], { cwd, env, stdio, shell: process.platform === "win32" })
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => onOutput?.(chunk.toString("utf8")))
  // an interrupt at the terminal reaches the child by itself; this process stays to say what was refused
  const stay = (): void => undefined
  const forward = (signal: NodeJS.Signals): void => { child.kill(signal) }
  process.on("SIGINT", stay)
  for (const signal of FORWARDED) process.on(signal, forward)
  const done = (): void => {
    process.off("SIGINT", stay)
    for (const signal of FORWARDED) process.off(signal, forward)
  }
  child.once("error", (cause) => { done(); reject(new VouchsafeError("NOT_FOUND", `${program} cannot be started`, { cause, hint: "is it installed?" })) })
  child.once("close", (code, signal) => { done(); resolve(code ?? SIGNAL_STATUS_BASE + (signal === null ? 0 : constants.signals[signal])) })
})
