/**
 * Popular names, arranged for looking up (spec/names.md, "How names are compared").
 *
 * @packageDocumentation
 */
import { NAME_LENGTH_MAX } from "./limits.ts"
import type { PopularName } from "./list.ts"
import { type NearIndex, nearIndex } from "./near.ts"
import { foldings, partsOf, wordsOf } from "./text.ts"

/** A name, or several that differ in separators only: the most popular of them stands for all. */
export interface Target {
  readonly name: string
  readonly level: number
  readonly key: string
  readonly scope: string | null
  readonly words: readonly string[]
}

export interface Catalog {
  readonly names: ReadonlySet<string>
  readonly targets: readonly Target[]
  byKey(key: string): Target | undefined
  /** By a key in which look-alikes of letters are letters. */
  byFolding(key: string): Target | undefined
  /** By the tail of a scoped name, where a scope with a family has it. */
  byTail(tail: string): Target | undefined
  /** By the words in the order of the alphabet, joined by spaces. */
  byWords(words: string): Target | undefined
  /** By what is left of a name such as `discord.js` without its empty word. */
  byStem(key: string): Target | undefined
  near: NearIndex["near"]
  nearScope: NearIndex["near"]
  /** Scopes with a family, by the position that `nearScope` gives. */
  readonly scopes: readonly { readonly scope: string; readonly target: Target }[]
  isWord(word: string): boolean
  isScope(scope: string): boolean
}

/** Names of one scope that make a family. */
const FAMILY_MIN = 5
/** Letters of a word, and names that use it, before it counts as one that people choose. */
const WORD_LENGTH_MIN = 4
const WORD_USES_MIN = 2
const STEM_WORDS: ReadonlySet<string> = new Set(["js", "node"])
const STEM_LENGTH_MIN = 4

/** Arranges a list. */
export function catalogOf(list: readonly PopularName[]): Catalog {
  const targets: Target[] = []
  const positions = new Map<string, number>()
  const uses = new Map<string, number>()
  const families = new Map<string, Target[]>()
  for (const { name, level } of list) {
    const { key, scope, words } = partsOf(name)
    const target = { name, level, key, scope, words }
    for (const word of new Set(words)) if (word.length >= WORD_LENGTH_MIN) uses.set(word, (uses.get(word) ?? 0) + 1)
    const position = positions.get(key)
    if (position === undefined) positions.set(key, targets.push(target) - 1)
    else if ((targets[position] as Target).level < level) targets[position] = target
    if (scope !== null) families.set(scope, [...(families.get(scope)?.slice(0, FAMILY_MIN) ?? []), target])
  }
  const big = new Set([...families].filter(([, family]) => family.length >= FAMILY_MIN).map(([scope]) => scope))
  const { folded, tails, ordered, stems } = sideways(targets, big)
  const top = new Map<string, Target>()
  for (const target of targets) if (target.scope !== null && big.has(target.scope)) keepHigher(top, target.scope, target)
  const scopes = [...top].map(([scope, target]) => ({ scope, target }))
  return {
    names: new Set(list.map(({ name }) => name)), targets, scopes,
    byKey: (key) => targets[positions.get(key) ?? -1],
    byFolding: (key) => folded.get(key), byTail: (tail) => tails.get(tail), byWords: (words) => ordered.get(words), byStem: (key) => stems.get(key),
    near: nearIndex(targets.map(({ key }) => key), NAME_LENGTH_MAX).near,
    nearScope: nearIndex(scopes.map(({ scope }) => scope), NAME_LENGTH_MAX).near,
    isWord: (word) => word.length >= WORD_LENGTH_MIN && (uses.get(word) ?? 0) >= WORD_USES_MIN,
    isScope: (scope) => families.has(scope),
  }
}

function sideways(targets: readonly Target[], big: ReadonlySet<string>) {
  const [folded, tails, ordered, stems] = [new Map<string, Target>(), new Map<string, Target>(), new Map<string, Target>(), new Map<string, Target>()]
  for (const target of targets) {
    const { key, scope, words } = target
    for (const folding of foldings(key)) keepHigher(folded, folding, target)
    keepHigher(folded, key, target)
    if (scope !== null) {
      if (big.has(scope)) keepHigher(tails, words.join("-"), target)
      continue
    }
    if (words.length > 1) keepHigher(ordered, orderless(words), target)
    if (words.length > 1 && STEM_WORDS.has(words.at(-1) as string)) keepHigher(stems, words.slice(0, -1).join(""), target)
  }
  for (const stem of stems.keys()) if (stem.length < STEM_LENGTH_MIN) stems.delete(stem)
  return { folded, tails, ordered, stems }
}

/** Words of a name, whatever their order. */
export function orderless(words: readonly string[]): string {
  return [...words].sort().join(" ")
}

function keepHigher(map: Map<string, Target>, key: string, target: Target): void {
  const held = map.get(key)
  if (held === undefined || held.level < target.level) map.set(key, target)
}

/** The words of a scope and a tail, as a name without scope would have them. */
export function flatWords({ scope, words }: Target): readonly string[] {
  return scope === null ? words : [...wordsOf(scope), ...words]
}
