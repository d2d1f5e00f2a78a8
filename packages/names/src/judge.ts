/**
 * The comparison itself: every way in which a name can resemble one of the catalog, the likeliest first (spec/names.md, "How names are compared").
 *
 * @packageDocumentation
 */
import type { LookalikeKind } from "@vouchsafe/core"
import { isEmptyWord, unglued, withoutAffixes } from "./affixes.ts"
import { type Catalog, orderless, type Target } from "./catalog.ts"
import { isSlipOfTheHand } from "./keyboard.ts"
import { slipBetween, type SlipFound } from "./near.ts"
import { asAscii, foldings, type Parts, partsOf, wordsOf } from "./text.ts"

/** A million downloads a month: what is less known is worth no attacker's while where a name is the same but for its separators. */
const KNOWN_LEVEL = 600
/** Letters of a key below which a changed letter says nothing. */
const EDIT_LENGTH_MIN = 4
/** Words of a name from which on a short word is one of a family's, not a slip. */
const FAMILY_WORDS_MIN = 3
const SHORT_WORD_MAX = 3
/** Words of a scoped name's tail before it can be told from any other word. */
const TAIL_WORDS_MIN = 2
/** Letters of a scope before another is taken for it. */
const SCOPE_LENGTH_MIN = 4

/** The likeliest find of one comparison, and how it compares with others: lower ranks are nearer. */
interface Find {
  readonly target: Target
  readonly kind: LookalikeKind
  readonly rank: number
}

const RANK = { same: 0, letters: 1, affix: 2, slip: 3, plural: 4, shuffle: 5, order: 6, flat: 7, glued: 8, scope: 9, stem: 10 } as const

/** The name that `name` could be taken for. The catalog's own names are the caller's to leave out. */
export function resemblance(catalog: Catalog, name: string): { readonly target: string; readonly kind: LookalikeKind } | null {
  const lower = name.toLowerCase()
  const ascii = asAscii(lower)
  if (ascii !== null || lower !== name) {
    const plain = ascii ?? lower
    if (catalog.names.has(plain)) return { target: plain, kind: "homoglyph" }
    const like = ascii === null ? null : resemblance(catalog, ascii)
    return like === null ? (ascii === null ? resemblance(catalog, lower) : null) : { target: like.target, kind: "homoglyph" }
  }
  const parts = partsOf(name)
  const finds = parts.scope === null ? [...byLetters(catalog, parts), ...byWords(catalog, parts)] : [...byLetters(catalog, parts), ...byScope(catalog, parts)]
  let best: Find | undefined
  for (const find of finds) if (best === undefined || find.rank < best.rank || (find.rank === best.rank && find.target.level > best.target.level)) best = find
  return best === undefined ? null : { target: best.target.name, kind: best.kind }
}

/** The whole key: the same but for separators, look-alikes of letters, one slip. */
function byLetters(catalog: Catalog, parts: Parts): readonly Find[] {
  const finds: Find[] = []
  const { key } = parts
  const same = catalog.byKey(key)
  if (same !== undefined && same.level >= KNOWN_LEVEL) finds.push({ target: same, kind: "separator", rank: RANK.same })
  for (const folding of [key, ...foldings(key)]) {
    const target = catalog.byFolding(folding)
    if (target !== undefined && target.key !== key) finds.push({ target, kind: /[0-9]/.test(key) ? "digit" : "homoglyph", rank: RANK.letters })
  }
  if (key.length < EDIT_LENGTH_MIN) return finds
  catalog.near(key, (id) => {
    const target = catalog.targets[id] as Target
    const slip = target.key.length < EDIT_LENGTH_MIN ? null : slipBetween(key, target.key)
    if (slip !== null) finds.push(...bySlip(catalog, parts, target, slip))
  })
  return finds
}

function bySlip(catalog: Catalog, parts: Parts, target: Target, found: SlipFound): readonly Find[] {
  const { key } = parts
  if (isPlural(key, target.key)) return target.level >= KNOWN_LEVEL ? [{ target, kind: "plural", rank: RANK.plural }] : []
  const others = parts.words.filter((word) => !target.words.includes(word))
  if (others.length > 0 && others.every((word) => catalog.isWord(word))) return []
  if (parts.words.length >= FAMILY_WORDS_MIN && others.some((word) => word.length <= SHORT_WORD_MAX)) return []
  const isAnchored = parts.words.length > 1 || target.words.length > 1 || parts.scope !== null
  if (!isAnchored && !isSlipOfTheHand(key, found)) return []
  const isDigit = /[0-9]/.test(found.has) && found.slip !== "transposition"
  return [{ target, kind: isDigit ? "digit" : "edit", rank: found.slip === "shuffle" ? RANK.shuffle : RANK.slip }]
}

function isPlural(one: string, other: string): boolean {
  return one === `${other}s` || other === `${one}s`
}

/** Words: another order, empty words added, a scope left out. */
function byWords(catalog: Catalog, { words, tail }: Parts): readonly Find[] {
  const finds: Find[] = []
  if (words.length > 1) {
    const reordered = catalog.byWords(orderless(words))
    if (reordered !== undefined && reordered.level >= KNOWN_LEVEL) finds.push({ target: reordered, kind: "order", rank: RANK.order })
  }
  const flat = words.length === 2 ? catalog.byKey(`@${words[0]}/${words[1]}`) : undefined
  if (flat !== undefined && flat.level >= KNOWN_LEVEL) finds.push({ target: flat, kind: "scope", rank: RANK.flat })
  const dropped = words.length >= TAIL_WORDS_MIN ? catalog.byTail(words.join("-")) : undefined
  if (dropped !== undefined) finds.push({ target: dropped, kind: "scope", rank: RANK.scope })
  const affixed = (left: readonly string[], rank: number): void => {
    const key = left.join("")
    const target = catalog.byKey(key)
    const stem = target === undefined ? catalog.byStem(key) : undefined
    if (target !== undefined && isKnown(target)) finds.push({ target, kind: "affix", rank })
    if (stem !== undefined && isKnown(stem)) finds.push({ target: stem, kind: "affix", rank: RANK.stem })
  }
  for (const left of withoutAffixes(words)) affixed(left, RANK.affix)
  for (const left of unglued(words)) affixed(left, RANK.glued)
  return tail === "" ? [] : finds
}

function isKnown(target: Target): boolean {
  return target.level >= KNOWN_LEVEL && !target.words.every(isEmptyWord)
}

/** Scopes: a family's, one slip away; or the name of a package that has none. */
function byScope(catalog: Catalog, { scope, tail, key }: Parts): readonly Find[] {
  if (scope === null || catalog.isScope(scope)) return []
  const finds: Find[] = []
  const plain = wordsOf(scope).join("")
  if (plain.length >= SCOPE_LENGTH_MIN) {
    catalog.nearScope(plain, (id) => {
      const { scope: other, target } = catalog.scopes[id] as Catalog["scopes"][number]
      const slip = slipBetween(plain, other)
      if (slip === null && plain !== other) return
      finds.push({ target: catalog.byKey(`@${other}/${wordsOf(tail).join("")}`) ?? target, kind: "scope", rank: RANK.scope })
    })
  }
  const own = plain === wordsOf(tail).join("") ? catalog.byKey(plain) : undefined
  if (own !== undefined && own.level >= KNOWN_LEVEL && key !== "") finds.push({ target: own, kind: "scope", rank: RANK.scope })
  return finds
}
