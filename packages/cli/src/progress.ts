import type { Progress } from "@vouchsafe/client"
import type { CliIo } from "./io.ts"

/** A longer line would wrap, and only its last part could be taken back. */
const LINE_LENGTH_MAX = 79
const CLEAR_LINE = "\r\u001b[K"

const shownOn = new WeakSet<CliIo>()

/** Shows on a terminal's stderr how far a check is; silent elsewhere. */
export function progressOn(io: CliIo): (progress: Progress) => void {
  if (!io.isTty) return () => undefined
  return ({ allowed, artifacts, waitingFor }) => {
    const waiting = waitingFor.length === 0 ? "" : `, waiting for ${waitingFor.join(", ")}`
    const line = allowed === artifacts ? "" : `vouchsafe: ${allowed} of ${artifacts} packages vouched for${waiting}`
    io.stderr.write(`${CLEAR_LINE}${line.length > LINE_LENGTH_MAX ? `${line.slice(0, LINE_LENGTH_MAX - 1)}…` : line}`)
    shownOn.add(io)
  }
}

/** Takes the line of progress back before anything else is printed. */
export function clearProgress(io: CliIo): void {
  if (shownOn.delete(io)) io.stderr.write(CLEAR_LINE)
}
