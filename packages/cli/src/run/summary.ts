import { displayName, escapeForDisplay, shellWord } from "@vouchsafe/core"
import type { ManagerName } from "./command.ts"
import type { RunResult } from "./session.ts"

const REFUSALS_SHOWN_MAX = 20

/**
 * What a person can do about a version that the lockfile holds, since every other command is refused with it. What is named here changes the
 * lockfile and installs nothing, so that the next run judges it whole. Yarn's lockfile holds no digests: the plugin judges what `yarn up` gives.
 */
const WAYS_OUT: Readonly<Partial<Record<ManagerName, string>>> = {
  npm: "`npm install NAME@VERSION --package-lock-only --ignore-scripts` (or `npm update NAME`, `npm uninstall NAME` with the same two flags)",
  pnpm: "`pnpm update NAME@VERSION --lockfile-only --config.ignore-pnpmfile=true` (or `pnpm remove NAME` with the same two flags)",
}
/** Refusals that say nothing against a version: another one would not fare better. */
const NOT_ABOUT_VERSIONS: ReadonlySet<string> = new Set(["CONFIG_INVALID", "CLOCK_BEHIND", "LOG_MISBEHAVED", "PROOF_INVALID", "LOCK_STALE", "NOTICES_STALE", "UNREACHABLE", "PENDING"])

/** How a lockfile gets rid of a version that is refused; undefined where that is not what stands in the way. */
export function wayOut(manager: ManagerName, codes: readonly string[]): string | undefined {
  const way = WAYS_OUT[manager]
  return way === undefined || codes.every((code) => NOT_ABOUT_VERSIONS.has(code)) ? undefined : `to leave a refused version: ${way}, which installs nothing; then this command again`
}

/** What was refused, for a person; empty when nothing was. */
export function formatRunSummary({ denied, commandStatus, exit }: RunResult): string {
  if (denied.length === 0) return ""
  const lines = [`vouchsafe: ${denied.length} ${denied.length === 1 ? "package was" : "packages were"} refused`]
  for (const { purl, code } of denied.slice(0, REFUSALS_SHOWN_MAX)) lines.push(`  ${purl.startsWith("pkg:npm/") ? displayName(purl) : escapeForDisplay(purl)}  ${code}`)
  if (denied.length > REFUSALS_SHOWN_MAX) lines.push(`  and ${denied.length - REFUSALS_SHOWN_MAX} more`)
  if (commandStatus === 0 && exit !== 0) lines.push("the command itself ended well: it did without what was refused")
  if (commandStatus === undefined) lines.push("the command was not run")
  const named = denied.find(({ purl }) => purl.startsWith("pkg:npm/"))
  if (named !== undefined) lines.push(`run \`npx vouchsafe explain ${shellWord(displayName(named.purl))}\` for everything the network knows`)
  return lines.join("\n")
}
