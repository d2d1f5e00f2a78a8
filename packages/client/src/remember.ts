/**
 * Writing what was learned into the state, before anything is decided on it (spec/client.md, "State").
 *
 * Several processes check at once. Each proved that its head extends the one it found in the state when it began; when another one has
 * stored its own meanwhile, the two must be tied together before either is believed: both may extend the old head and contradict each other.
 *
 * @packageDocumentation
 */
import type { NoticesMirror } from "@vouchsafe/ports"
import { type KnownHead, type LogBook, openHead } from "./book.ts"
import { type CheckContext, convict, distrust, failureOf } from "./context.ts"
import { relateByTiles, relateHeads } from "./heads.ts"
import { SWAP_ATTEMPTS_MAX } from "./limits.ts"
import { mirrorsAgree } from "./notices.ts"
import { httpTiles } from "./tiles.ts"

/** Stores the new head and the new mirror of a log. A log whose news cannot be stored does not count: the next run would not know of it. */
export async function remember(context: CheckContext, book: LogBook): Promise<void> {
  if (book.misbehaved !== undefined || book.distrust !== undefined) return
  try {
    if (book.head !== undefined && book.head.signed !== book.storedHead) await rememberHead(context, book, book.head)
    if (book.mirror !== undefined && book.mirror !== book.storedMirror) await rememberNotices(context, book, book.mirror)
  } catch (error) {
    const { code, message } = failureOf(error)
    distrust(book, code, `what ${book.node.operator} showed could not be remembered: ${message}`)
  }
}

async function rememberHead(context: CheckContext, book: LogBook, head: KnownHead): Promise<void> {
  const { state } = context.options
  const key = book.node.log
  let expected = book.storedHead
  for (let attempt = 0; attempt < SWAP_ATTEMPTS_MAX; attempt++) {
    const swap = await state.putHead(key.vkey, head.signed, expected)
    if (swap.stored) return
    if (swap.current === undefined) {
      expected = undefined
      continue
    }
    const other = openHead(context.crypto, key, swap.current)
    if (!await tie(context, book, head, other)) return
    if (other.size >= head.size) return
    expected = swap.current
  }
  distrust(book, "DISK", `the head of ${key.name} could not be stored: other processes changed it ${SWAP_ATTEMPTS_MAX} times meanwhile`)
}

/** True when the smaller head is proven to be the beginning of the larger. Otherwise the log is convicted, or does not count in this check. */
async function tie(context: CheckContext, book: LogBook, a: KnownHead, b: KnownHead): Promise<boolean> {
  const [older, newer] = a.size <= b.size ? [a, b] : [b, a]
  const key = book.node.log
  const relation = older.size === newer.size
    ? relateHeads(context.crypto, key, older, newer, { from: older.size, hashes: [] })
    : await relateByTiles(context.crypto, key, older, newer, httpTiles(context, `${book.node.url}log/`))
  if (relation.kind === "extends") return true
  if (relation.kind === "forked") await convict(context, book, key, relation.proof)
  else distrust(book, "PROOF_INVALID", `${key.name} could not show that its heads of ${older.size} and ${newer.size} entries, seen by two processes, agree`)
  return false
}

async function rememberNotices(context: CheckContext, book: LogBook, mirror: NoticesMirror): Promise<void> {
  const { state } = context.options
  let expected = book.storedMirror?.checkpoint
  for (let attempt = 0; attempt < SWAP_ATTEMPTS_MAX; attempt++) {
    const swap = await state.putNotices(book.node.notices.vkey, mirror, expected)
    if (swap.stored) return
    const other = swap.current
    if (other !== undefined) {
      if (!await mirrorsAgree(context, book, mirror, other)) {
        if (book.misbehaved === undefined) distrust(book, "STATE_UNSAFE", `two processes read different notices of ${book.node.notices.name}, which its heads do not explain`)
        return
      }
      // The other process saw more: its notices are judged, too.
      if (other.entries.length > mirror.entries.length) {
        book.mirror = other
        return
      }
    }
    expected = other?.checkpoint
  }
  distrust(book, "DISK", `the notices of ${book.node.notices.name} could not be stored: other processes changed them ${SWAP_ATTEMPTS_MAX} times meanwhile`)
}
