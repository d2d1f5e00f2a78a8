import type { DependencyKind } from "@vouchsafe/core"
import { type Edge, kindsOf, type Root } from "./kinds.ts"
import { type Members, membersOf } from "./source.ts"

export const DEPENDENCY_BY_FIELD = { dependencies: "prod", devDependencies: "dev", optionalDependencies: "optional" } as const satisfies Readonly<Record<string, DependencyKind>>
export const DEPENDENCY_FIELDS = ["dependencies", "devDependencies", "optionalDependencies"] as const

/**
 * How the project depends on each key of `packages`. Up to version 6 the entries say so themselves; from 9 on it follows
 * from the importers and from `snapshots`, which has one entry for each set of peers.
 */
export function pnpmKinds(lock: Members): ReadonlyMap<string, DependencyKind> {
  const packages = membersOf(lock["packages"] ?? {}, "packages")
  if (lock["snapshots"] === undefined) return new Map(Object.entries(packages).map(([key, entry]) => [key, kindByFlags(membersOf(entry, key))]))
  const snapshots = membersOf(lock["snapshots"] ?? {}, "snapshots")
  const found = kindsOf(rootsOf(lock, snapshots), (key) => edgesOf(snapshots, key))
  const kinds = new Map<string, DependencyKind>()
  for (const kind of ["dev", "optional", "prod"] as const) for (const [key, own] of found) if (own === kind) kinds.set(withoutPeers(key), kind)
  return kinds
}

/** A package without `dev` is needed by both. */
function kindByFlags(entry: Members): DependencyKind {
  if (entry["dev"] === true) return "dev"
  return entry["optional"] === true ? "optional" : "prod"
}

function rootsOf(lock: Members, snapshots: Members): Root[] {
  return Object.entries(membersOf(lock["importers"] ?? { ".": lock }, "importers")).flatMap(([folder, value]) => {
    const importer = membersOf(value, folder)
    const own = DEPENDENCY_FIELDS.flatMap((field) => referencesIn(importer, field, folder).flatMap(([name, reference]): Root[] => {
      const to = keyOf(snapshots, name, reference)
      return to === undefined ? [] : [{ to, kind: DEPENDENCY_BY_FIELD[field] }]
    }))
    // Config dependencies and the package manager itself: they run before anything else.
    const before = ["configDependencies", "packageManagerDependencies"].flatMap((field) => referencesIn(importer, field, folder).flatMap(([name, reference]): Root[] => {
      const to = keyOf(snapshots, name, reference)
      return to === undefined ? [] : [{ to, kind: "prod" }]
    }))
    return [...own, ...before]
  })
}

function edgesOf(snapshots: Members, key: string): Edge[] {
  const snapshot = membersOf(snapshots[key] ?? {}, `snapshots: ${key}`)
  return (["dependencies", "optionalDependencies"] as const).flatMap((field) => referencesIn(snapshot, field, key).flatMap(([name, reference]): Edge[] => {
    const to = keyOf(snapshots, name, reference)
    return to === undefined ? [] : [{ to, isOptional: field === "optionalDependencies" }]
  }))
}

/** What a field of an importer or a package asks for: each name, and what it was resolved to. */
export function referencesIn(members: Members, field: string, where: string): (readonly [name: string, reference: string])[] {
  return Object.entries(membersOf(members[field] ?? {}, `${where}: ${field}`)).flatMap(([name, dependency]) => {
    const reference = typeof dependency === "object" && dependency !== null ? (dependency as Members)["version"] : dependency
    return typeof reference === "string" ? [[name, reference] as const] : []
  })
}

/** A reference is a version, or for an alias the whole key. */
function keyOf(snapshots: Members, name: string, reference: string): string | undefined {
  return [`${name}@${reference}`, reference].find((key) => Object.hasOwn(snapshots, key))
}

/** A key without the peers behind it: `x@1.0.0(y@2.0.0)`. */
export function withoutPeers(key: string): string {
  const open = key.endsWith(")") ? key.indexOf("(") : -1
  return open < 0 ? key : key.slice(0, open)
}
