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

/** A list of notices, hashed and read. */
interface NoticeList {
  readonly leafHashes: readonly Bytes[]
  readonly root: Bytes
  /** All of them, or those before the first that cannot be read. */
  readonly notices: readonly Notice[]
  /** Why that one cannot. */
  readonly broken?: string
}

/** By the list itself, which nobody changes: a check judges several times, and lists grow for years. */
const lists = new WeakMap<readonly string[], NoticeList>()

function listOf(crypto: Crypto, entries: readonly string[]): NoticeList {
  const known = lists.get(entries)
  if (known !== undefined) return known
  const leafHashes = entries.map((entry) => leafHashOfText(crypto, entry))
  const list = { leafHashes, root: rootOfLeaves(crypto, leafHashes), ...read(entries) }
  lists.set(entries, list)
  return list
}

function read(entries: readonly string[]): Pick<NoticeList, "notices" | "broken"> {
  const notices: Notice[] = []
  for (const entry of entries) {
    try {
      notices.push(parseNotice(entry))
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      return { notices, broken: error.message }
    }
  }
  return { notices }
}

/** Root of the first `size` entries of a list that {@link viewNotices} found whole. */
export function rootOfNotices(crypto: Crypto, entries: readonly string[], size: number): Bytes {
  return rootOfLeaves(crypto, listOf(crypto, entries).leafHashes.slice(0, size))
}

/** Recomputes the root from all entries, so that no notice can be left out (THREATS A3). */
export function viewNotices(
  crypto: Crypto, node: RosterNode, entries: readonly string[], head: { readonly size: number; readonly root: Bytes; readonly timeSeconds: number } | undefined, problems: string[],
): ViewedNotices | undefined {
  if (head === undefined) return undefined
  const { name } = node.notices
  if (!entries.every(isWellFormed)) {
    problems.push(`a notice of ${name} has a lone surrogate, expected text that UTF-8 can carry`)
    return undefined
  }
  if (entries.length !== head.size || !equalBytes(listOf(crypto, entries).root, head.root)) {
    problems.push(`${entries.length} notices of ${name} are not the ${head.size} under its signed head`)
    return undefined
  }
  const { notices, broken } = listOf(crypto, entries)
  const elsewhere = notices.findIndex(({ log }) => log !== name)
  // An entry that cannot be read may be a withdrawal: this notices log cannot be relied on.
  if (elsewhere < 0 && broken === undefined) return { entries: notices, timeSeconds: head.timeSeconds }
  problems.push(elsewhere < 0 ? `notice ${notices.length} of ${name}: ${broken ?? ""}` : `notice ${elsewhere} of ${name} is bound to another log`)
  return undefined
}
