import type { DependencyKind } from "@vouchsafe/core"
import { LOCKFILE_DEPTH_MAX, LOCKFILE_ENTRIES_MAX } from "./limits.ts"
import { parseStrictJson } from "./json.ts"
import { flagOf, isRegistryTarball, kindOfSource, malformed, type Members, membersOf, purlOf, textOf } from "./source.ts"
import type { Lockfile, LockfileEntry } from "./types.ts"

const PLACE = "node_modules/"

/**
 * Reads package-lock.json and npm-shrinkwrap.json, versions 1 to 3.
 *
 * npm goes by what is there, not by the version: it takes `packages` if there is one, else `dependencies`. A file where
 * the two disagree would be read here as one thing and installed as another, so it is refused.
 *
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function readPackageLock(text: string): Lockfile {
  const document = membersOf(parseStrictJson(text, "package-lock.json"), "document")
  const version = document["lockfileVersion"] ?? 1
  if (version !== 1 && version !== 2 && version !== 3) throw malformed("lockfileVersion", `is ${typeof version === "number" ? String(version) : "no number"}, expected 1, 2 or 3`)
  const hasPackages = Object.hasOwn(document, "packages")
  if (version === 1 && hasPackages) throw malformed("packages", "is there in a lockfile of version 1, which npm would install from instead of its dependencies")
  if (version > 1 && !hasPackages) throw malformed("packages", `is missing from a lockfile of version ${version}, expected a map`)
  const entries = version === 1 ? readTree(document) : readPackages(membersOf(document["packages"], "packages"))
  return { format: "package-lock", version: String(version), entries }
}

/** Versions 2 and 3: a flat map from place to package. */
function readPackages(packages: Members): LockfileEntry[] {
  const places = Object.keys(packages)
  if (places.length > LOCKFILE_ENTRIES_MAX) throw malformed("packages", `has ${places.length} entries, expected at most ${LOCKFILE_ENTRIES_MAX}`)
  return places.filter((place) => place !== "").map((place) => {
    const entry = membersOf(packages[place], place)
    if (place.split(PLACE, LOCKFILE_DEPTH_MAX + 2).length > LOCKFILE_DEPTH_MAX + 1) throw malformed(place, `is nested deeper than ${LOCKFILE_DEPTH_MAX} levels`)
    const cut = place.lastIndexOf(PLACE)
    const devOptional = flagOf(entry, "devOptional", place)
    const recorded = {
      where: place, dev: flagOf(entry, "dev", place) || devOptional, optional: flagOf(entry, "optional", place) || devOptional,
      name: recordedText(entry, "name", place) ?? (cut < 0 ? place : place.slice(cut + PLACE.length)),
      version: recordedText(entry, "version", place) ?? "",
      ...sourceOf(entry, place), dependency: dependencyOf(entry, place),
    }
    if (flagOf(entry, "link", place)) return { ...recorded, kind: "link" }
    if (flagOf(entry, "inBundle", place) && liesInFetched(packages, place)) return { ...recorded, kind: "bundled" }
    // A workspace is where it is; one that is fetched from somewhere is none.
    if (cut < 0 && recorded.resolved === undefined && recorded.integrity === undefined) return { ...recorded, kind: "workspace" }
    return fetched(recorded)
  })
}

/**
 * Tells whether a place lies inside a package that npm fetches. What the project itself bundles is marked like what a
 * dependency bundles, and npm fetches it as any other package.
 */
function liesInFetched(packages: Members, place: string): boolean {
  for (let cut = place.lastIndexOf(`/${PLACE}`); cut > 0; cut = place.lastIndexOf(`/${PLACE}`, cut - 1)) {
    const around = place.slice(0, cut)
    if (!Object.hasOwn(packages, around)) continue
    const entry = membersOf(packages[around], around)
    if (flagOf(entry, "inBundle", around)) continue
    return !flagOf(entry, "link", around) && around.includes(PLACE)
  }
  return false
}

/** Version 1: a tree of dependencies. Places are written as version 2 would. */
function readTree(document: Members): LockfileEntry[] {
  const entries: LockfileEntry[] = []
  const visit = (dependencies: Members, prefix: string, depth: number): void => {
    if (depth > LOCKFILE_DEPTH_MAX) throw malformed(prefix, `is nested deeper than ${LOCKFILE_DEPTH_MAX} levels`)
    for (const alias of Object.keys(dependencies)) {
      const where = `${prefix}${PLACE}${alias}`
      const entry = membersOf(dependencies[alias], where)
      const spec = recordedText(entry, "version", where) ?? ""
      const real = /^npm:((?:@[^/]+\/)?[^@]+)@(.+)$/.exec(spec)
      const isVersion = real !== null || /^\d/.test(spec)
      const source = sourceOf(entry, where)
      const recorded = {
        where, name: real?.[1] ?? alias, version: real?.[2] ?? (isVersion ? spec : ""), dev: flagOf(entry, "dev", where), optional: flagOf(entry, "optional", where), dependency: dependencyOf(entry, where),
        ...(isVersion || source.resolved !== undefined ? {} : { resolved: spec }), ...source,
      }
      entries.push(flagOf(entry, "bundled", where) && depth > 0 ? { ...recorded, kind: "bundled" } : fetched(recorded))
      if (entries.length > LOCKFILE_ENTRIES_MAX) throw malformed("dependencies", `has more than ${LOCKFILE_ENTRIES_MAX} entries`)
      if (entry["dependencies"] !== undefined) visit(membersOf(entry["dependencies"], where), `${where}/`, depth + 1)
    }
  }
  if (document["dependencies"] !== undefined) visit(membersOf(document["dependencies"], "dependencies"), "", 0)
  return entries
}

/** What development needs is no production's, even where it is optional to that; `devOptional` may be installed in production. */
function dependencyOf(entry: Members, where: string): DependencyKind {
  if (flagOf(entry, "dev", where)) return "dev"
  return flagOf(entry, "optional", where) || flagOf(entry, "devOptional", where) ? "optional" : "prod"
}

function sourceOf(entry: Members, where: string): { resolved?: string; integrity?: string } {
  const resolved = recordedText(entry, "resolved", where)
  const integrity = recordedText(entry, "integrity", where)
  return { ...(resolved === undefined ? {} : { resolved }), ...(integrity === undefined ? {} : { integrity }) }
}

function fetched(recorded: Omit<LockfileEntry, "kind" | "purl">): LockfileEntry {
  const { name, version, resolved, where } = recorded
  const kind = kindOfSource(resolved)
  const isRegistry = kind === "registry" || (kind === "url" && isRegistryTarball(resolved ?? "", name, version))
  if (!isRegistry) return { ...recorded, kind }
  if (version === "") throw malformed(where, "has no version")
  return { ...recorded, kind: "registry", purl: purlOf(where, name, version) }
}

/** npm writes `"resolved": false` for packages that it never fetched. */
function recordedText(entry: Members, key: string, where: string): string | undefined {
  return entry[key] === false ? undefined : textOf(entry, key, where)
}
