import { escapeForDisplay, type Lock, type Roster } from "@vouchsafe/core"
import { type Change, type Difference } from "./changes.ts"

/** Changes listed before the rest is only counted. */
const CHANGES_SHOWN_MAX = 50
const LABEL_WIDTH = 11

/** How many lines each operator derived, of all. */
export function coverageOf(lock: Lock, roster: Roster): { readonly operator: string; readonly lines: number }[] {
  return roster.nodes.map(({ log, operator }) => ({ operator, lines: lock.locksets.find((lockset) => lockset.log === log.name)?.bits.filter(Boolean).length ?? 0 }))
}

/** What changed, for a person: who made the code comes first. */
export function formatChanges(changes: readonly Change[], isNew: boolean): string[] {
  if (isNew) return []
  const remarkable = changes.filter(({ differences }) => differences.length > 0)
  const plain = changes.filter(({ differences }) => differences.length === 0)
  const shown = [...remarkable, ...plain]
  const lines = shown.slice(0, CHANGES_SHOWN_MAX).flatMap((change) => [`  ${escapeForDisplay(titleOf(change))}`, ...change.differences.map(formatDifference)])
  return shown.length > CHANGES_SHOWN_MAX ? [...lines, `  and ${shown.length - CHANGES_SHOWN_MAX} more`] : lines
}

function titleOf({ after, before, name }: Change): string {
  if (before === null) return `+ ${name}@${after ?? ""}`
  if (after === null) return `- ${name}@${before}`
  return before === after ? `${name}@${after}` : `${name} ${before} → ${after}`
}

function formatDifference({ after, before, what }: Difference): string {
  return `    ${what.padEnd(LABEL_WIDTH)} ${escapeForDisplay(before ?? "none")} → ${escapeForDisplay(after ?? "none")}`
}

/** The last line: what the lock holds. */
export function formatSum(lock: Lock, roster: Roster, bytes: number): string {
  const { lines: { texts }, proofs } = lock
  const derived = coverageOf(lock, roster).map(({ lines, operator }) => `${operator} ${lines}`).join(", ")
  const own = proofs.length === 0 ? "" : `; ${proofs.length} statements with proofs of their own`
  return `${texts.length} packages locked, ${bytes} bytes; derived by ${derived}${own}`
}
