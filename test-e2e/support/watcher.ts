import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

/**
 * Nodes are processes of their own and would outlive a run that is cut off. A process of its own ends those of a folder when this one is
 * gone, however that came about.
 */
export function endWithThisProcess(folder: string): { forget(): void } {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./watch.mjs", import.meta.url)), folder], { detached: true, stdio: ["pipe", "ignore", "ignore"] })
  child.unref()
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref()
  // its only sense is to be there when this process is not: when it is told to go, the pipe breaks
  child.stdin.on("error", () => child.kill("SIGKILL"))
  return { forget: () => { child.kill("SIGKILL") } }
}
