import { DEPENDENCY_FIELDS, referencesIn, withoutPeers } from "./pnpm-kinds.ts"
import { type Members, membersOf } from "./source.ts"
import type { LockfileEntry, Wired, Wiring } from "./types.ts"

/** Release by release and folder by folder, what stands under each name. */
type Ways = Map<string, Map<string, Set<string>>>

/** What an entry is, as a {@link Wired} text. */
export function wiredTo({ name, version }: Pick<LockfileEntry, "name" | "version">): Wired {
  return `${name}@${version}`
}

/** Makes it when it is first asked for. */
export function wiringOnce(make: () => Wiring): () => Wiring {
  let made: Wiring | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** For formats that say in an entry's key by which names it is asked for. */
export function wiringByNames(entries: readonly (readonly [entry: LockfileEntry, names: readonly string[]])[]): Wiring {
  const aliases = new Map<string, Set<Wired>>()
  for (const [entry, names] of entries) for (const alias of names) if (alias !== entry.name) addTo(aliases, alias, wiredTo(entry))
  return { aliases }
}

/** pnpm's documents: who finds which release by which name. What is no entry, as a link to a folder, is not in the answer. */
export function pnpmWiring(documents: readonly Members[], entries: readonly LockfileEntry[]): Wiring {
  const byKey = new Map(entries.map((entry) => [entry.where, entry]))
  const aliases = new Map<string, Set<Wired>>()
  const importers: Ways = new Map()
  const packages: Ways = new Map()
  const addAll = (ways: Ways, from: string, members: Members, fields: readonly string[]): void => {
    const own = ways.get(from) ?? new Map<string, Set<Wired>>()
    ways.set(from, own)
    for (const field of fields) {
      for (const [alias, reference] of referencesIn(members, field, from)) {
        const entry = keysOf(alias, reference).flatMap((key) => byKey.get(key) ?? [])[0]
        if (entry === undefined) continue
        addTo(own, alias, wiredTo(entry))
        if (alias !== entry.name) addTo(aliases, alias, wiredTo(entry))
      }
    }
  }
  for (const lock of documents) {
    for (const [folder, importer] of Object.entries(membersOf(lock["importers"] ?? { ".": lock }, "importers"))) addAll(importers, folder, membersOf(importer, folder), DEPENDENCY_FIELDS)
    // From version 7 on in `snapshots`, one for each set of peers; before, in the packages themselves.
    for (const [key, members] of Object.entries(membersOf(lock["snapshots"] ?? lock["packages"] ?? {}, "packages"))) {
      const entry = byKey.get(key) ?? byKey.get(withoutPeers(key))
      if (entry !== undefined) addAll(packages, wiredTo(entry), membersOf(members ?? {}, key), ["dependencies", "optionalDependencies"])
    }
  }
  return { aliases, links: { importers, packages } }
}

/** A reference is a version, or the whole key of what has another name: with a slash before it up to version 6, and up to 5 one within. */
function keysOf(alias: string, reference: string): string[] {
  return [reference, `${alias}@${reference}`, `/${alias}@${reference}`, `/${alias}/${reference}`].flatMap((key) => [key, withoutPeers(key)])
}

function addTo(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, new Set([value]))
  else known.add(value)
}
