// Waits for the end of its parent, which is the end of its input, and then ends the nodes of a network: `node watch.mjs FOLDER`.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** `network up` may be under way when its caller dies: it writes this file last. */
const FILE = join(process.argv[2] ?? "", "network.json")
const TRIES_MAX = 100
const PAUSE_MS = 300

process.stdin.resume().on("end", () => { end(TRIES_MAX) })

/** @param {number} triesLeft */
function end(triesLeft) {
  if (!existsSync(FILE)) {
    if (triesLeft > 0) setTimeout(() => end(triesLeft - 1), PAUSE_MS)
    return
  }
  for (const { pid } of JSON.parse(readFileSync(FILE, "utf8")).nodes) {
    try {
      process.kill(pid, "SIGKILL")
    } catch (error) {
      if (error.code !== "ESRCH") throw error
    }
  }
}
