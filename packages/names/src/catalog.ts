/**
 * Popular names, arranged for looking up (spec/names.md, "How names are compared").
 *
 * @packageDocumentation
 */
import { NAME_LENGTH_MAX } from "./limits.ts"
import type { PopularName } from "./list.ts"
import { type NearIndex, nearIndex } from "./near.ts"
import { foldings, keyOf, scopeOf, wordsOf } from "./text.ts"

/** A name, or several that differ in separators only: the most popular of them stands for all. */
export interface Target extends PopularName {
  readonly key: string
}

export interface Catalog {
  readonly names: ReadonlySet<string>
  readonly targets: readonly Target[]
  byKey(key: string): Target | undefined
  /** By a key that reads like the target's where look-alikes are letters. */
  byFolding(key: string): Target | undefined
  /** By the key of a scoped name's tail, where a scope with a family has it. */
  byTail(key: string): Target | undefined
  /** By what is left of a name such as `discord.js` without its empty word. */
  byStem(key: string): Target | undefined
  readonly near: NearIndex["near"]
  readonly nearScope: NearIndex["near"]
  /** Scopes with a family and the most popular name of each, by the position that `nearScope` gives. */
  readonly scopes: readonly (readonly [scope: string, target: Target])[]
  /** Whether popular names use a word often enough that somebody may have chosen it. */
  isWord(word: string): boolean
  isScope(scope: string): boolean
}

/** Names of one scope that make a family. */
const FAMILY_MIN = 5
/** Letters of a word, and names that use it, before it counts as one that people choose. */
const WORD_LENGTH_MIN = 4
const WORD_USES_MIN = 2
/** Its names are those of the packages that they describe. */
const TYPES = "types"
const STEM = /^(.{4,})[._-](?:js|node)$/

/** Arranges a list. */
export function catalogOf(list: readonly PopularName[]): Catalog {
  const targets: Target[] = []
  const positions = new Map<string, number>()
  for (const { name, level } of list) {
    const key = keyOf(name.toLowerCase())
    const position = positions.get(key)
    if (position === undefined) positions.set(key, targets.push({ name, level, key }) - 1)
    else if ((targets[position] as Target).level < level) targets[position] = { name, level, key }
  }
  const folded = new Map<string, Target>()
  const stems = new Map<string, Target>()
  for (const target of targets) {
    for (const folding of foldings(target.key)) keepHigher(folded, folding, target)
    const stem = STEM.exec(target.name)?.[1]
    if (stem !== undefined && !stem.startsWith("@")) keepHigher(stems, keyOf(stem), target)
  }
  const { count, scopes, tails } = families(targets)
  let words: ReadonlySet<string> | undefined
  const byKey = (key: string): Target | undefined => targets[positions.get(key) ?? -1]
  return {
    names: new Set(list.map(({ name }) => name)), targets, scopes, byKey,
    byFolding: (key) => higher(byKey(key), folded.get(key)), byTail: (key) => tails.get(key), byStem: (key) => stems.get(key),
    near: nearIndex(targets.map(({ key }) => key), NAME_LENGTH_MAX).near,
    nearScope: nearIndex(scopes.map(([scope]) => keyOf(scope)), NAME_LENGTH_MAX).near,
    isWord: (word) => word.length >= WORD_LENGTH_MIN && (words ??= wordsInUse(list)).has(word),
    isScope: (scope) => count.has(scope),
  }
}

function families(targets: readonly Target[]) {
  const count = new Map<string, number>()
  const top = new Map<string, Target>()
  const tails = new Map<string, Target>()
  const scoped: (readonly [scope: string, target: Target])[] = []
  for (const target of targets) {
    const scope = scopeOf(target.name.toLowerCase())
    if (scope === null) continue
    scoped.push([scope, target])
    count.set(scope, (count.get(scope) ?? 0) + 1)
    keepHigher(top, scope, target)
  }
  const isFamily = (scope: string): boolean => (count.get(scope) ?? 0) >= FAMILY_MIN
  for (const [scope, target] of scoped) if (scope !== TYPES && isFamily(scope)) keepHigher(tails, keyOf(target.name.toLowerCase().slice(scope.length + 2)), target)
  return { count, tails, scopes: [...top].filter(([scope]) => isFamily(scope)) }
}

/** Words that several names have. */
function wordsInUse(list: readonly PopularName[]): ReadonlySet<string> {
  const uses = new Map<string, number>()
  for (const { name } of list) {
    for (const word of wordsOf(name.toLowerCase().slice(name.indexOf("/") + 1))) {
      if (word.length >= WORD_LENGTH_MIN) uses.set(word, (uses.get(word) ?? 0) + 1)
    }
  }
  return new Set([...uses].filter(([, count]) => count >= WORD_USES_MIN).map(([word]) => word))
}

function keepHigher(map: Map<string, Target>, key: string, target: Target): void {
  map.set(key, higher(map.get(key), target) as Target)
}

function higher(one: Target | undefined, other: Target | undefined): Target | undefined {
  return one === undefined || (other !== undefined && other.level > one.level) ? other : one
}
