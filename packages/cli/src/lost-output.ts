import { EXIT } from "./io.ts"

interface Output {
  on(event: "error", listener: (error: Error & { code?: string }) => void): unknown
}

/** A process, as far as its output and its end go. */
export interface OutputHost {
  readonly stdout: Output
  readonly stderr: Output & { write(text: string): unknown }
  exitCode?: number | string | null | undefined
}

/**
 * Sees to output that cannot be written. A reader that went away (`| head`) has what it wanted: the exit status stays what was decided. Anything else, a full
 * disk for example, leaves half of an answer behind: it is said, and never ends with status 0.
 * @returns sets the status that a command came to
 */
export function watchOutput(host: OutputHost): (status: number) => void {
  let isLost = false
  const settle = (status: number): void => {
    host.exitCode = isLost && status === EXIT.done ? EXIT.world : status
  }
  host.stdout.on("error", (error) => {
    if (error.code === "EPIPE") return
    isLost = true
    host.stderr.write(`vouchsafe: DISK: the output cannot be written: ${error.code ?? error.message}\n  next: check that the place is there and has room\n`)
    settle(typeof host.exitCode === "number" ? host.exitCode : EXIT.done)
  })
  // Nobody is left to be told.
  host.stderr.on("error", (error) => {
    if (error.code !== "EPIPE") isLost = true
  })
  return settle
}
