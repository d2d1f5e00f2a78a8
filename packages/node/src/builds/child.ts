/**
 * The rebuilder as a process of its own: no keys, no credentials, and an end, whatever it does.
 *
 * @packageDocumentation
 */
import { isVouchsafeError } from "@vouchsafe/core"
import { type ChildProcess, spawn } from "node:child_process"
import type { Timers } from "@vouchsafe/ports"
import { BUILD_DIAGNOSTICS_LENGTH_MAX, BUILD_LINE_BYTES_MAX, BUILD_OUTPUT_BYTES_MAX, BUILD_STOP_MS } from "../limits.ts"
import { readEvent, type RebuilderEvent } from "./result.ts"

/** One run of a rebuilder. */
export interface ChildRun {
  /** Program and arguments. */
  readonly command: readonly string[]
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Goes to its standard input. */
  readonly request: string
  readonly timeoutMs: number
  readonly timers: Timers
  /** Ends it early. */
  readonly signal: AbortSignal
  readonly onEvent: (event: Exclude<RebuilderEvent, { type: "result" }>) => void
}

/** How it ended. A `result` is still to be judged. */
export type ChildOutcome =
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "stopped" }
  | { readonly kind: "timeout" }
  /** It said something else than a rebuilder says, or nothing. */
  | { readonly kind: "broken"; readonly detail: string }

/** Runs a rebuilder to its end, and everything that it started with it. Never rejects. */
export function runRebuilder(run: ChildRun): Promise<ChildOutcome> {
  const [program = "", ...args] = run.command
  // A group of its own, so that what it leaves behind ends too.
  const child = spawn(program, args, { cwd: run.cwd, env: { ...run.env }, stdio: ["pipe", "pipe", "pipe"], detached: true })
  return new Promise((resolve) => {
    let why: ChildOutcome | undefined
    let result: { readonly value: unknown } | undefined
    let diagnostics = ""
    const stop = (outcome: ChildOutcome): void => {
      if (why !== undefined) return
      why = outcome
      endGroup(child, "SIGTERM")
      cancelKill = run.timers.after(BUILD_STOP_MS, () => endGroup(child, "SIGKILL"))
    }
    let cancelKill = (): void => undefined
    const cancelTimeout = run.timers.after(run.timeoutMs, () => stop({ kind: "timeout" }))
    const abort = (): void => stop({ kind: "stopped" })
    if (run.signal.aborted) abort()
    run.signal.addEventListener("abort", abort)
    const lines = lineReader((line) => {
      if (result !== undefined) throw new TypeError("a line after the result")
      const event = readEvent(line)
      if (event.type === "result") result = { value: event.result }
      else run.onEvent(event)
    }, (detail) => stop({ kind: "broken", detail }))
    child.stdout.on("data", lines)
    child.stderr.on("data", (chunk: Buffer) => {
      diagnostics = `${diagnostics}${chunk.toString("utf8")}`.slice(-BUILD_DIAGNOSTICS_LENGTH_MAX)
    })
    // A process that ends before it has read its request says so by its end, not by the pipe.
    child.stdin.on("error", () => undefined)
    child.stdin.end(run.request)
    const settle = (ended: string): void => {
      cancelTimeout()
      cancelKill()
      run.signal.removeEventListener("abort", abort)
      endGroup(child, "SIGKILL")
      if (why !== undefined) resolve(why)
      else if (result !== undefined && ended === "0") resolve({ kind: "result", result: result.value })
      else resolve({ kind: "broken", detail: `the rebuilder ended with ${ended}${result === undefined ? " and no result" : ""}${diagnostics === "" ? "" : `: ${diagnostics.trim()}`}` })
    }
    // What it left behind would hold its output open.
    child.once("exit", () => endGroup(child, "SIGKILL"))
    child.once("error", (error) => {
      why ??= { kind: "broken", detail: `the rebuilder cannot be started: ${error.message}` }
      settle("an error")
    })
    child.once("close", (code, signal) => settle(String(code ?? signal)))
  })
}

/** Cuts a stream into lines, within limits; the first that is too long or unreadable ends it. */
function lineReader(onLine: (line: string) => void, onBroken: (detail: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = []
  let length = 0
  let total = 0
  let broken = false
  const fail = (detail: string): void => {
    broken = true
    parts = []
    onBroken(detail)
  }
  return (chunk) => {
    if (broken) return
    total += chunk.length
    if (total > BUILD_OUTPUT_BYTES_MAX) return fail(`the rebuilder wrote more than ${BUILD_OUTPUT_BYTES_MAX} bytes`)
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]).toString("utf8")
      parts = []
      length = 0
      from = end + 1
      try {
        onLine(line)
      } catch (error) {
        if (!isVouchsafeError(error) && !(error instanceof TypeError)) throw error
        return fail(`the rebuilder wrote what is none of its lines: ${error.message}`)
      }
    }
    const rest = chunk.subarray(from)
    length += rest.length
    if (length > BUILD_LINE_BYTES_MAX) return fail(`the rebuilder wrote a line of more than ${BUILD_LINE_BYTES_MAX} bytes`)
    if (rest.length > 0) parts.push(rest)
    return undefined
  }
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // Nobody of the group is left.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}
