import { isNativeError } from "node:util/types"
import { readFileSync } from "node:fs"
import type { LocalNode } from "./local.ts"

const STOP_MS_MAX = 15_000
const POLL_MS = 50

/** Whether a node's process runs, and is that node: a pid may have gone to somebody else since. */
export function isRunning(node: LocalNode): boolean {
  try {
    process.kill(node.pid, 0)
  } catch (error) {
    // ESRCH: gone; EPERM: somebody else's. Neither is our node.
    if (isNativeError(error)) return false
    throw error
  }
  return commandLine(node.pid)?.includes(node.data) ?? true
}

/** Ends a node: asks, waits, and kills what does not go. Gives how it ended. */
export async function stopNode(node: LocalNode): Promise<"stopped" | "killed" | "was not running"> {
  if (!isRunning(node)) return "was not running"
  process.kill(node.pid, "SIGTERM")
  for (let waited = 0; waited < STOP_MS_MAX; waited += POLL_MS) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    if (!isRunning(node)) return "stopped"
  }
  process.kill(node.pid, "SIGKILL")
  return "killed"
}

/** undefined where the system does not tell (no /proc). */
function commandLine(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch (error) {
    if (isNativeError(error)) return undefined
    throw error
  }
}
