import { displayName, escapeForDisplay } from "@vouchsafe/core"
import type { RunResult } from "./run.ts"

const REFUSALS_SHOWN_MAX = 20

/** What was refused, for a person; empty when nothing was. */
export function formatRunSummary({ denied, commandStatus, exit }: RunResult): string {
  if (denied.length === 0) return ""
  const lines = [`vouchsafe: ${denied.length} ${denied.length === 1 ? "package was" : "packages were"} refused`]
  for (const { purl, code } of denied.slice(0, REFUSALS_SHOWN_MAX)) lines.push(`  ${purl.startsWith("pkg:npm/") ? displayName(purl) : escapeForDisplay(purl)}  ${code}`)
  if (denied.length > REFUSALS_SHOWN_MAX) lines.push(`  and ${denied.length - REFUSALS_SHOWN_MAX} more`)
  if (commandStatus === 0 && exit !== 0) lines.push("the command itself ended well: it did without what was refused")
  if (commandStatus === undefined) lines.push("the command was not run")
  return lines.join("\n")
}
