import type { Progress } from "@vouchsafe/client"
import type { CliIo } from "./io.ts"

/** Shows on a terminal's stderr how far a check is; silent elsewhere. */
export function progressOn(io: CliIo): (progress: Progress) => void {
  if (!io.isTty) return () => undefined
  return ({ allowed, artifacts, waitingFor }) => {
    const waiting = waitingFor.length === 0 ? "" : `, waiting for ${waitingFor.join(", ")}`
    io.stderr.write(`\r\u001b[K${allowed === artifacts ? "" : `vouchsafe: ${allowed} of ${artifacts} packages vouched for${waiting}`}`)
  }
}
