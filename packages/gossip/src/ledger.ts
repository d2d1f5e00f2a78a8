/**
 * What is known of one log's heads: the newest that counts, those that were tied to it, and those that still have to be.
 *
 * @packageDocumentation
 */
import { buildForkProof, buildWitnessProof, type Bytes, type Crypto, equalBytes, type MisbehaviorProof, type Roster, type VerifierKey } from "@vouchsafe/core"
import { mergeHeads } from "./head.ts"
import { HEADS_REMEMBERED_MAX, HEADS_UNTIED_MAX } from "./limits.ts"
import type { GossipHead } from "./types.ts"

/** What a head is to those known before. */
export type Placed = "newer" | "refreshed" | "known" | "older"

/** Heads of one log. Mutable. */
export interface Ledger {
  readonly key: VerifierKey
  /** Newest head that a quorum cosigned. */
  readonly newest: () => GossipHead | undefined
  /** Heads that nothing ties to the newest one yet. */
  readonly untied: () => readonly GossipHead[]
  /** Whether exactly this text is the newest head or tied to it: its signatures need no second look. One that waits may count by now. */
  has(signed: string): boolean
  /** What a head shows together with one of those known: against the log, against witnesses. */
  proofs(head: GossipHead): MisbehaviorProof[]
  /** Takes in a head that its log signed. One that does not count is compared and waits to be tied, and never becomes the newest. */
  place(head: GossipHead, counts: boolean): Placed
  /** A head was shown to be the newest one's beginning, or the other way round. */
  tied(head: GossipHead): void
}

/** An empty ledger, or one that knows the head which was newest before a restart. */
export function createLedger(crypto: Crypto, roster: () => Roster, key: VerifierKey, start?: GossipHead): Ledger {
  let newest = start
  const remembered = new Map<number, GossipHead>()
  let untied: GossipHead[] = []

  const remember = (head: GossipHead): void => {
    remembered.delete(head.size)
    remembered.set(head.size, head)
    if (remembered.size > HEADS_REMEMBERED_MAX) remembered.delete(remembered.keys().next().value as number)
  }
  const wait = (head: GossipHead): void => {
    untied.push(head)
    // The first ones are what the log began with, the last ones what it says now.
    if (untied.length > HEADS_UNTIED_MAX) untied.splice(HEADS_UNTIED_MAX / 2, 1)
  }
  const all = (): GossipHead[] => [...newest === undefined ? [] : [newest], ...remembered.values(), ...untied]

  return {
    key,
    newest: () => newest,
    untied: () => untied,
    has: (signed) => newest?.signed === signed || [...remembered.values()].some((other) => other.signed === signed),
    proofs: (head) => all().flatMap((other) => [
      ...other.size === head.size && !equalBytes(other.root, head.root) ? forkProofs(crypto, roster(), key, other, head, []) : [],
      ...rollbackProofs(crypto, roster(), key, other, head),
    ]),
    place(head, counts) {
      const isSame = (other: GossipHead): boolean => other.size === head.size && equalBytes(other.root, head.root)
      if (newest !== undefined && isSame(newest)) {
        const merged = counts ? mergeHeads(newest, head) : newest
        if (merged.signed === newest.signed) return "known"
        newest = merged
        return "refreshed"
      }
      const isKnown = all().some(isSame)
      if (counts && (newest === undefined || head.size > newest.size)) {
        untied = untied.filter((other) => !isSame(other))
        if (newest !== undefined && newest.size > 0) wait(newest)
        newest = head
        return "newer"
      }
      if (isKnown) return "known"
      // With another root at the same size the proof is made: there is nothing left to tie.
      if (head.size > 0 && head.size !== newest?.size) wait(head)
      return "older"
    },
    tied(head) {
      untied = untied.filter((other) => other !== head)
      remember(head)
    },
  }
}

/** What two heads prove against their log and against each witness that cosigned both. `older` is of the smaller tree, or as large. */
export function forkProofs(crypto: Crypto, roster: Roster, key: VerifierKey, older: GossipHead, newer: GossipHead, consistency: readonly Bytes[]): MisbehaviorProof[] {
  const heads = { older: older.signed, newer: newer.signed, consistency }
  const ofLog = buildForkProof(crypto, { key, ...heads })
  if (ofLog === undefined) return []
  const both = roster.nodes.filter(({ witness }) => older.times.has(witness.vkey) && newer.times.has(witness.vkey))
  return [ofLog, ...both.flatMap(({ witness }) => buildWitnessProof(crypto, witness, { origin: key.name, ...heads }) ?? [])]
}

/** What two heads of different sizes prove against witnesses that cosigned the smaller one later. */
function rollbackProofs(crypto: Crypto, roster: Roster, key: VerifierKey, a: GossipHead, b: GossipHead): MisbehaviorProof[] {
  const [larger, smaller] = a.size > b.size ? [a, b] : [b, a]
  if (larger.size === smaller.size) return []
  return roster.nodes.flatMap(({ witness }) => {
    const isLater = (smaller.times.get(witness.vkey) ?? 0) > (larger.times.get(witness.vkey) ?? Number.POSITIVE_INFINITY)
    return isLater ? buildWitnessProof(crypto, witness, { origin: key.name, older: larger.signed, newer: smaller.signed }) ?? [] : []
  })
}
