import type { ChildProcess } from "node:child_process"
import { setTimeout as wait } from "node:timers/promises"
import type { SandboxOutcome } from "./executor.ts"
import type { Output, Status } from "./launch.ts"
import { readProcess } from "./processes.ts"
import { WATCH_INTERVAL_MS, type Watchdog } from "./watchdog.ts"

/** How long the kernel may take to end all processes of a run, and how often it is asked. */
const GONE_MS_MAX = 30_000
const GONE_PAUSE_MS = 5

export interface Supervised {
  readonly child: ChildProcess
  readonly status: Status
  readonly output: Output
  readonly watchdog: Watchdog
  readonly timeMs: number
}

/**
 * Waits for a run, ends it when it goes over a limit, and resolves when no process of it is left.
 * @returns how we ended it; undefined when it ended by itself.
 */
export async function superviseRun({ child, status, output, watchdog, timeMs }: Supervised): Promise<SandboxOutcome | undefined> {
  let ended: SandboxOutcome | undefined
  let failure: unknown
  let first: { readonly pid: number; readonly startTicks: string } | undefined
  const find = (): void => {
    const pid = first === undefined ? status.firstPid() : undefined
    const startTicks = pid === undefined ? undefined : readProcess(pid)?.startTicks
    if (pid !== undefined && startTicks !== undefined) first = { pid, startTicks }
  }
  const end = (outcome: SandboxOutcome): void => {
    ended ??= outcome
    find()
    // the kernel ends a PID namespace with its first process; bubblewrap sees that and ends
    if (first === undefined || !isSame(first) || !kill(first.pid)) child.kill("SIGKILL")
  }
  const look = (): void => {
    find()
    if (first === undefined || ended !== undefined) return
    try {
      const excess = watchdog.look(first.pid, performance.now())
      if (excess !== undefined) end(excess)
    } catch (error) {
      // what cannot be watched does not go on
      failure ??= error
      end({ status: "unavailable", detail: "the watchdog failed" })
    }
  }
  output.onOver(() => end({ status: "output", detail: "more output than the limit allows" }))
  const timer = setTimeout(() => end({ status: "timeout", detail: `not done after ${timeMs} ms` }), timeMs)
  const interval = setInterval(look, WATCH_INTERVAL_MS)
  try {
    const error = await closed(child, find)
    find()
    if (first !== undefined) await gone(first)
    await output.ended
    if (failure !== undefined) throw failure
    return error === undefined ? ended : { status: "unavailable", detail: `a shell to start bubblewrap from does not start: ${error.message}` }
  } finally {
    clearTimeout(timer)
    clearInterval(interval)
  }
}

/** Resolves when bubblewrap has ended, or did not start. */
function closed(child: ChildProcess, onExit: () => void): Promise<Error | undefined> {
  return new Promise((resolve) => {
    child.on("error", resolve)
    child.on("exit", onExit)
    child.on("close", () => resolve(undefined))
  })
}

/** What the command left running ends with the namespace's first process, which may outlive bubblewrap for a moment. */
async function gone(first: { readonly pid: number; readonly startTicks: string }): Promise<void> {
  const startedMs = performance.now()
  while (isSame(first)) {
    if (performance.now() - startedMs > GONE_MS_MAX) throw new Error(`process ${first.pid} of a sandbox is still there ${GONE_MS_MAX} ms after its end`)
    await wait(GONE_PAUSE_MS)
    if (isSame(first)) kill(first.pid)
  }
}

/** A first process that is dead but not yet collected has outlived all others of its namespace. */
function isSame({ pid, startTicks }: { readonly pid: number; readonly startTicks: string }): boolean {
  const now = readProcess(pid)
  return now !== undefined && now.startTicks === startTicks && now.state !== "Z" && now.state !== "X"
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL")
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ESRCH" || code === "EPERM") return false
    throw error
  }
}
