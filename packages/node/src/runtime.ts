/**
 * Which Node runs a node. Imported before anything else and by itself: it must load on Nodes that are too old for the rest.
 *
 * @packageDocumentation
 */

/** Oldest Node with node:sqlite and no flag for it. */
export const RUNTIME_MIN = { major: 22, minor: 13 } as const

/** Why this Node cannot run a node, as text for people; undefined when it can. */
export function whyTooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major > RUNTIME_MIN.major || (major === RUNTIME_MIN.major && minor >= RUNTIME_MIN.minor)) return undefined
  return `RUNTIME_TOO_OLD: vouchsafe-node needs Node ${RUNTIME_MIN.major}.${RUNTIME_MIN.minor} or newer, this is ${version}\n` +
    "  install a newer Node for the node; guarded installs work with this one\n"
}

/** A warning of the runtime as a log line. Its text is Node's or a library's own. */
export function warningLine(name: string, message: string, time: string): string {
  return `${JSON.stringify({ level: "warn", time, warning: name, msg: message })}\n`
}
