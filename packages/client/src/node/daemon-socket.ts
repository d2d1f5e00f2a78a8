import { lstatSync, statSync } from "node:fs"
import { join } from "node:path"
import { systemCode, whyUnsafe } from "./files.ts"
import { type Env, runtimeDirectory } from "./paths.ts"

const SOCKET_NAME = "node.sock"

/** Where the person's own node listens, or why a socket that is there is not used. Neither when there is none. */
export interface DaemonSocket {
  readonly path?: string
  readonly skipped?: string
}

/**
 * Looks for `$XDG_RUNTIME_DIR/vouchsafe/node.sock`. It is used only where nobody else could have put it: own folder with mode 0700, own socket
 * (THREATS, row "another local user"). Whoever answers there is believed no more than any node, but learns the names of packages.
 */
export function findDaemonSocket(env: Env): DaemonSocket {
  const folder = runtimeDirectory(env)
  if (folder === undefined) return {}
  const path = join(folder, SOCKET_NAME)
  try {
    // After `su` this may be another person's, where nothing can be looked at.
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return {}
    const why = whyUnsafe(folder)
    if (why !== undefined) return { skipped: `folder ${folder} ${why}` }
    // The node keeps its socket in its data folder and links it here.
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return {}
    if (!stats.isSocket()) return { skipped: `${path} is no socket` }
    const own = process.getuid?.()
    if (own !== undefined && stats.uid !== own) return { skipped: `${path} belongs to user ${stats.uid}, expected ${own}` }
    return { path }
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    return { skipped: `${path} cannot be examined (${code})` }
  }
}
