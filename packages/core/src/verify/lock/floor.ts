import { equalBytes } from "../../bytes.ts"
import type { Crypto } from "../../crypto.ts"
import type { LogEvidence } from "../input.ts"
import type { LogView } from "../log-view.ts"
import { rootOfNotices } from "../notices-view.ts"
import type { NoticesFloor } from "./open.ts"

/**
 * A node's view without notices that cannot be those which the lock's attesters knew: fewer under a later head, or others. Where a client's own
 * memory is missing, the lock so takes its place (THREATS, row "poisoned caches").
 */
export function aboveFloor(crypto: Crypto, view: LogView, evidence: LogEvidence | undefined, floor: NoticesFloor | undefined): LogView {
  const { notices, ...rest } = view
  if (floor === undefined || notices === undefined || evidence?.notices === undefined) return view
  const { entries } = evidence.notices
  const isShort = entries.length < floor.size
  // A mirror from before the lock may be shorter.
  if (isShort && notices.timeSeconds <= floor.timeSeconds) return view
  if (!isShort && equalBytes(rootOfNotices(crypto, entries, floor.size), floor.root)) return view
  const message = `the notices of ${view.node.operator} are not those that the lock's attesters knew: ${entries.length} now, ${floor.size} then`
  return { ...rest, problems: [...view.problems, message] }
}
