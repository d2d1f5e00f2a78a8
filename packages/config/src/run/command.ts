import { spawn, type ChildProcess } from "node:child_process"

/** A command with a time limit. */
export interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly limitMs: number
  /** Silence after which `onQuiet` is called, and then again after each such silence. */
  readonly quietMs: number
  readonly onQuiet: () => void
}

/** How a command ended. `timedOut` is never a success, whatever the exit status. */
export interface Ended {
  readonly ok: boolean
  readonly timedOut: boolean
  readonly reason: string
}

/** Time between asking a command's processes to end and ending them. */
const GRACE_MS = 10_000
/** Time for output that is still under way when a command has ended. */
const DRAIN_MS = 2_000

/**
 * Runs a command in a process group of its own, without input, and passes on what it prints.
 * At the time limit the whole group ends: a test runner leaves workers behind otherwise.
 */
export async function run(command: Command): Promise<Ended> {
  const [file, ...args] = command.argv
  const child = spawn(file, args, {
    cwd: command.cwd, env: command.env, detached: process.platform !== "win32", stdio: ["ignore", "pipe", "pipe"],
  })
  const interrupt = (): void => {
    endGroup(child, "SIGKILL")
    process.exit(1)
  }
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt)
  const quiet = setInterval(command.onQuiet, command.quietMs)
  for (const [from, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]] as const) {
    from.on("data", (chunk: Buffer) => {
      quiet.refresh()
      to.write(chunk)
    })
  }
  let timedOut = false
  const limit = setTimeout(() => {
    timedOut = true
    endGroup(child, "SIGTERM")
    setTimeout(() => endGroup(child, "SIGKILL"), GRACE_MS).unref()
  }, command.limitMs)
  try {
    const reason = await ending(child)
    if (timedOut) return { ok: false, timedOut, reason: `no end within ${command.limitMs / 1000} s` }
    return { ok: reason === EXIT_0, timedOut, reason }
  } finally {
    clearInterval(quiet)
    clearTimeout(limit)
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt)
    // What the command left running in its group would outlive the run.
    endGroup(child, "SIGKILL")
  }
}

const EXIT_0 = "exit status 0"

function ending(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("exit", (code, signal) => {
      const reason = signal === null ? `exit status ${code ?? "unknown"}` : `ended by ${signal}`
      child.once("close", () => resolve(reason))
      // A grandchild may hold the pipes open for as long as it lives.
      setTimeout(() => resolve(reason), DRAIN_MS).unref()
    })
  })
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, signal)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // No such process: the group is gone, which was the aim. EPERM is macOS's answer for a group of zombies.
    if (code !== "ESRCH" && code !== "EPERM") throw error
  }
}
