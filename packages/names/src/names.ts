/**
 * Tells which popular name another could be taken for (spec/names.md).
 *
 * Pure, and says nothing about whether a name is honest: that takes its standing, which rules judge.
 *
 * @packageDocumentation
 */
import type { LookalikeKind } from "@vouchsafe/core"
import popular from "./data/popular.json" with { type: "json" }
import { type Catalog, catalogOf } from "./catalog.ts"
import { resemblance } from "./judge.ts"
import { NAME_LENGTH_MAX, USED_NAMES_MAX } from "./limits.ts"
import { type NameList, parseNameList, type PopularName } from "./list.ts"

/** The name that another could be taken for, and in which way. */
export interface Resemblance {
  readonly target: string
  readonly kind: LookalikeKind
}

/** What compares names. */
export interface Names {
  /** Null for a popular name, for one in use, and for one that resembles none. Never throws: a text that is no name resembles nothing, or what it looks like. */
  lookalike(name: string): Resemblance | null
  isPopular(name: string): boolean
}

/** Where the names to compare with come from. */
export interface NamesOptions {
  /** Default: the list that comes with this package. */
  readonly list?: NameList | undefined
  /** Names that a project uses already: never lookalikes themselves, and what new ones are compared with besides the list. */
  readonly used?: Iterable<string> | undefined
}

/** A name in use counts like one of ten million downloads a month: who uses it types it. */
const USED_LEVEL = 700

/** Makes a comparison. Nothing is read before the first question. @throws RangeError for more than {@link USED_NAMES_MAX} names in use. */
export function createNames({ list, used = [] }: NamesOptions = {}): Names {
  const inUse = new Set(used)
  if (inUse.size > USED_NAMES_MAX) throw new RangeError(`${inUse.size} names in use, expected at most ${USED_NAMES_MAX}`)
  let catalog: Catalog | undefined
  const held = (): Catalog => catalog ??= list === undefined && inUse.size === 0 ? shippedCatalog() : catalogOf(withUsed((list ?? shippedNames()).names, inUse))
  return {
    lookalike: (name) => (name.length === 0 || name.length > NAME_LENGTH_MAX || held().names.has(name) ? null : resemblance(held(), name)),
    isPopular: (name) => held().names.has(name) && !(inUse.has(name) && !shippedHas(list, name)),
  }
}

let shipped: NameList | undefined
let shippedIndex: Catalog | undefined

/** The list that comes with this package. */
export function shippedNames(): NameList {
  return shipped ??= parseNameList(popular.join("\n"))
}

/** Made once in a process: it takes some tenths of a second. */
function shippedCatalog(): Catalog {
  return shippedIndex ??= catalogOf(shippedNames().names)
}

function shippedHas(list: NameList | undefined, name: string): boolean {
  if (list !== undefined) return list.names.some((one) => one.name === name)
  return shippedCatalog().names.has(name)
}

function withUsed(names: readonly PopularName[], inUse: ReadonlySet<string>): readonly PopularName[] {
  if (inUse.size === 0) return names
  const known = new Set(names.map(({ name }) => name))
  const more = [...inUse].filter((name) => !known.has(name) && name.length > 0 && name.length <= NAME_LENGTH_MAX)
  return [...names, ...more.map((name) => ({ name, level: USED_LEVEL }))]
}
