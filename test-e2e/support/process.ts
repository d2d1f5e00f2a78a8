import { spawn } from "node:child_process"

/** How a command ended, with everything it printed. */
export interface Ran {
  readonly argv: readonly string[]
  /** Exit status; null when a signal ended it. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** Both, in the order of arrival. */
  readonly output: string
  readonly ms: number
}

export interface RunOptions {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Against hanging only. */
  readonly limitMs?: number
}

const LIMIT_MS = 180_000
const GRACE_MS = 5_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** Runs a command in a process group of its own, without input. Its exit status is the caller's to judge; not to end in time is an error. */
export function run(argv: readonly string[], { cwd, env, limitMs = LIMIT_MS }: RunOptions): Promise<Ran> {
  const [file = "", ...args] = argv
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    let stdout = ""
    let stderr = ""
    let late = false
    child.stdout.setEncoding("utf8").on("data", (text: string) => { stdout += text; output += text; limitOutput() })
    child.stderr.setEncoding("utf8").on("data", (text: string) => { stderr += text; output += text; limitOutput() })
    const limitOutput = (): void => { if (output.length > OUTPUT_BYTES_MAX) endGroup(child.pid, "SIGKILL") }
    const timer = setTimeout(() => {
      late = true
      endGroup(child.pid, "SIGTERM")
      setTimeout(() => endGroup(child.pid, "SIGKILL"), GRACE_MS).unref()
    }, limitMs)
    child.once("error", (error) => { clearTimeout(timer); reject(error) })
    child.once("close", (status) => {
      clearTimeout(timer)
      const ran = { argv, status, stdout, stderr, output, ms: Math.round(performance.now() - started) }
      if (late) reject(new Error(`no end within ${limitMs} ms\n${describeRun(ran)}`))
      else resolve(ran)
    })
  })
}

/** Runs a command that has to end with 0. */
export async function runOk(argv: readonly string[], options: RunOptions): Promise<Ran> {
  const ran = await run(argv, options)
  if (ran.status !== 0) throw new Error(describeRun(ran))
  return ran
}

/** A run as a failed test shows it. */
export function describeRun(ran: Ran): string {
  return `${ran.argv.join(" ")}\nexit status ${String(ran.status)} after ${ran.ms} ms\n${ran.output}`
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // no such process: the group has ended by itself
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}
