import { type Bytes, equalBytes, isWellFormed } from "../bytes.ts"
import type { Crypto } from "../crypto.ts"
import { isVouchsafeError } from "../errors.ts"
import { leafHashOfText, rootOfLeaves } from "../merkle.ts"
import { type Notice, parseNotice } from "./notice.ts"
import type { RosterNode } from "./roster.ts"

/** A whole notices log under a cosigned head. */
export interface ViewedNotices {
  readonly entries: readonly Notice[]
  /** When a quorum of witnesses had cosigned the head, Unix seconds. */
  readonly timeSeconds: number
}

/** Recomputes the root from all entries, so that no notice can be left out (THREATS A3). */
export function viewNotices(
  crypto: Crypto, node: RosterNode, entries: readonly string[], head: { readonly size: number; readonly root: Bytes; readonly timeSeconds: number } | undefined, problems: string[],
): ViewedNotices | undefined {
  if (head === undefined) return undefined
  if (!entries.every(isWellFormed)) {
    problems.push(`a notice of ${node.notices.name} has a lone surrogate, expected text that UTF-8 can carry`)
    return undefined
  }
  if (entries.length !== head.size || !equalBytes(rootOfLeaves(crypto, entries.map((entry) => leafHashOfText(crypto, entry))), head.root)) {
    problems.push(`${entries.length} notices of ${node.notices.name} are not the ${head.size} under its signed head`)
    return undefined
  }
  const notices: Notice[] = []
  for (const [index, entry] of entries.entries()) {
    try {
      const notice = parseNotice(entry)
      if (notice.log === node.notices.name) {
        notices.push(notice)
        continue
      }
      problems.push(`notice ${index} of ${node.notices.name} is bound to another log`)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      problems.push(`notice ${index} of ${node.notices.name}: ${error.message}`)
    }
    // An entry that cannot be read may be a withdrawal: this notices log cannot be relied on.
    return undefined
  }
  return { entries: notices, timeSeconds: head.timeSeconds }
}
