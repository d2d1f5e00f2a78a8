/**
 * Where the client keeps its files and finds its own node (XDG base directories; packages/spec/client.md).
 *
 * @packageDocumentation
 */
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>

const LINEAGE_LENGTH = 16

/** A variable that names a folder. XDG says that a relative one must be ignored. */
function directoryFrom(env: Env, name: string): string | undefined {
  const value = env[name]
  return value !== undefined && isAbsolute(value) ? value : undefined
}

function home(env: Env): string {
  return directoryFrom(env, "HOME") ?? homedir()
}

/** Evidence kept for one network, by its roster's lineage: `$VOUCHSAFE_HOME/cache/…`, else `$XDG_CACHE_HOME/vouchsafe/…`. */
export function cacheDirectory(env: Env, lineage: string): string {
  const own = directoryFrom(env, "VOUCHSAFE_HOME")
  const base = own === undefined ? join(directoryFrom(env, "XDG_CACHE_HOME") ?? join(home(env), ".cache"), "vouchsafe") : join(own, "cache")
  return join(base, lineage.slice(0, LINEAGE_LENGTH))
}

/** Memory of logs, shared by all projects and rosters: a changed roster must not make the client forget what a log has signed. */
export function stateDirectory(env: Env): string {
  const own = directoryFrom(env, "VOUCHSAFE_HOME")
  return own === undefined ? join(directoryFrom(env, "XDG_STATE_HOME") ?? join(home(env), ".local", "state"), "vouchsafe", "logs") : join(own, "state")
}

/** The person's own configuration, used where no project has one. */
export function userConfigPath(env: Env): string {
  return join(directoryFrom(env, "XDG_CONFIG_HOME") ?? join(home(env), ".config"), "vouchsafe", "vouchsafe.json")
}

/** Folder of the daemon's socket, or undefined where the session has none. */
export function runtimeDirectory(env: Env): string | undefined {
  const base = directoryFrom(env, "XDG_RUNTIME_DIR")
  return base === undefined ? undefined : join(base, "vouchsafe")
}
