/**
 * The comparison itself: every way in which a name can resemble one of the catalog, the likeliest first (spec/names.md, "How names are compared").
 *
 * @packageDocumentation
 */
import type { LookalikeKind } from "@vouchsafe/core"
import { isEmptyWord, unglued, withoutAffixes } from "./affixes.ts"
import type { Catalog, Target } from "./catalog.ts"
import { isSlipOfTheHand } from "./keyboard.ts"
import { slipBetween, type SlipFound } from "./near.ts"
import { asAscii, foldings, keyOf, type Parts, partsOf, wordsOf } from "./text.ts"

/** A million downloads a month: what is less known is worth no attacker's while where a name is the same but for its separators. */
const KNOWN_LEVEL = 600
/** Ten million: words in another order often are another thing. */
const ORDER_LEVEL = 700
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

const RANK = { same: 0, letters: 1, affix: 2, slip: 3, shuffle: 4, order: 5, flat: 6, glued: 7, scope: 8, stem: 9 } as const

/** A name that another could be taken for, and in which way. */
interface Found {
  readonly target: string
  readonly kind: LookalikeKind
}

/** The name that `name` could be taken for. The catalog's own names are the caller's to leave out. */
export function resemblance(catalog: Catalog, name: string): Found | null {
  const lower = name.toLowerCase()
  const ascii = asAscii(lower)
  const plain = ascii ?? lower
  if (plain !== name && catalog.names.has(plain)) return { target: plain, kind: "homoglyph" }
  const found = nearest(catalog, plain)
  return found === null || ascii === null ? found : { target: found.target, kind: "homoglyph" }
}

function nearest(catalog: Catalog, name: string): Found | null {
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
  if (same !== undefined && same.level >= KNOWN_LEVEL && isElsewhere(parts, same)) finds.push({ target: same, kind: "separator", rank: RANK.same })
  if (key.length < EDIT_LENGTH_MIN) return finds
  for (const folding of [key, ...foldings(key)]) {
    const target = catalog.byFolding(folding)
    if (target !== undefined && target.key !== key && isElsewhere(parts, target)) finds.push({ target, kind: /[0-9]/.test(key) ? "digit" : "homoglyph", rank: RANK.letters })
  }
  catalog.near(key, (id) => {
    const target = catalog.targets[id] as Target
    const slip = target.key.length < EDIT_LENGTH_MIN || !isElsewhere(parts, target) ? null : slipBetween(key, target.key)
    if (slip !== null) finds.push(...bySlip(catalog, parts, target, slip))
  })
  return finds
}

/** Within a scope nobody but its owner publishes, so that its names resemble each other as the owner likes. */
function isElsewhere({ scope }: Parts, target: Target): boolean {
  return scope === null || !target.name.toLowerCase().startsWith(`@${scope}/`)
}

function bySlip(catalog: Catalog, parts: Parts, target: Target, found: SlipFound): readonly Find[] {
  const { key } = parts
  if (isPlural(key, target.key)) return target.level >= KNOWN_LEVEL ? [{ target, kind: "plural", rank: RANK.slip }] : []
  const { words } = partsOf(target.name)
  const others = parts.words.filter((word) => !words.includes(word))
  if (others.length > 0 && others.every((word) => catalog.isWord(word))) return []
  if (parts.words.length >= FAMILY_WORDS_MIN && others.some((word) => word.length <= SHORT_WORD_MAX)) return []
  // A letter that is a word of its own begins another name: `y-websocket`.
  if (found.slip === "addition" && parts.words.includes(found.has)) return []
  const isAnchored = parts.words.length > 1 || words.length > 1 || parts.scope !== null
  if (!isAnchored && !isSlipOfTheHand(key, found)) return []
  const isDigit = /[0-9]/.test(found.has) && found.slip !== "transposition"
  return [{ target, kind: isDigit ? "digit" : "edit", rank: found.slip === "shuffle" ? RANK.shuffle : RANK.slip }]
}

function isPlural(one: string, other: string): boolean {
  return one === `${other}s` || other === `${one}s`
}

/** Words: another order, empty words added, a scope left out. */
function byWords(catalog: Catalog, { words, tail, key }: Parts): readonly Find[] {
  const finds: Find[] = []
  for (const order of otherOrders(words)) {
    const target = catalog.byKey(order.join(""))
    if (target !== undefined && target.level >= ORDER_LEVEL && hasWords(target, words)) finds.push({ target, kind: "order", rank: RANK.order })
  }
  const flat = words.length === 2 ? catalog.byKey(`@${words[0]}/${words[1]}`) : undefined
  if (flat !== undefined && flat.level >= KNOWN_LEVEL) finds.push({ target: flat, kind: "scope", rank: RANK.flat })
  const dropped = words.length >= TAIL_WORDS_MIN ? catalog.byTail(key) : undefined
  if (dropped !== undefined) finds.push({ target: dropped, kind: "scope", rank: RANK.scope })
  const affixed = (left: readonly string[], rank: number): void => {
    const key = left.join("")
    const target = catalog.byKey(key)
    const stem = target === undefined ? catalog.byStem(key) : undefined
    if (target !== undefined && isKnown(target)) finds.push({ target, kind: "affix", rank })
    if (stem !== undefined && isKnown(stem)) finds.push({ target: stem, kind: "affix", rank: RANK.stem })
  }
  for (const left of withoutAffixes(words, tail)) affixed(left, RANK.affix)
  for (const left of unglued(words)) affixed(left, RANK.glued)
  return finds
}

/** Two or three words in each other order. More are no slip of anybody's memory. */
function otherOrders(words: readonly string[]): readonly (readonly string[])[] {
  const [a, b, c] = words as [string, string, string]
  if (words.length === 2) return [[b, a]]
  return words.length === 3 ? [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] : []
}

/** Whether a target has the same words, whatever their order: a key says nothing about where words end. */
function hasWords({ name }: Target, words: readonly string[]): boolean {
  return [...wordsOf(name)].sort().join(" ") === [...words].sort().join(" ")
}

function isKnown(target: Target): boolean {
  return target.level >= KNOWN_LEVEL && !wordsOf(target.name).every(isEmptyWord)
}

/** Scopes: a family's, one slip away; or the name of a package that has none. */
function byScope(catalog: Catalog, { scope, tail }: Parts): readonly Find[] {
  if (scope === null || catalog.isScope(scope)) return []
  const finds: Find[] = []
  const plain = keyOf(scope)
  if (plain.length >= SCOPE_LENGTH_MIN) {
    catalog.nearScope(plain, (id) => {
      const [other, target] = catalog.scopes[id] as Catalog["scopes"][number]
      const slip = slipBetween(plain, keyOf(other))
      if (slip === null && plain !== keyOf(other)) return
      const twin = catalog.byKey(`@${keyOf(other)}/${keyOf(tail)}`)
      if (twin === undefined && slip !== null && !isSlipOfTheHand(plain, slip)) return
      finds.push({ target: twin ?? target, kind: "scope", rank: RANK.scope })
    })
  }
  const own = plain === keyOf(tail) ? catalog.byKey(plain) : undefined
  if (own !== undefined && own.level >= KNOWN_LEVEL) finds.push({ target: own, kind: "scope", rank: RANK.scope })
  return finds
}
