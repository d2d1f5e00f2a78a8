import { LOCKFILE_DEPTH_MAX, LOCKFILE_ENTRIES_MAX } from "./limits.ts"
import { isRegistryTarball, kindOfSource, malformed, type Members, membersOf, purlOf, textOf } from "./source.ts"
import type { Lockfile, LockfileEntry } from "./types.ts"

/**
 * Reads package-lock.json and npm-shrinkwrap.json, versions 1 to 3.
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function readPackageLock(text: string): Lockfile {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw malformed("package-lock.json", "is not JSON", cause)
  }
  const document = membersOf(parsed, "document")
  const version = document["lockfileVersion"] ?? 1
  if (version !== 1 && version !== 2 && version !== 3) throw malformed("lockfileVersion", `is ${String(version)}, expected 1, 2 or 3`)
  const entries = version === 1 ? readTree(document) : readPackages(document)
  return { format: "package-lock", version: String(version), entries }
}

/** Versions 2 and 3: a flat map from place to package. */
function readPackages(document: Members): LockfileEntry[] {
  const packages = membersOf(document["packages"] ?? {}, "packages")
  const places = Object.keys(packages)
  if (places.length > LOCKFILE_ENTRIES_MAX) throw malformed("packages", `has ${places.length} entries, expected at most ${LOCKFILE_ENTRIES_MAX}`)
  const entries: LockfileEntry[] = []
  for (const place of places) {
    if (place === "") continue
    const entry = membersOf(packages[place], place)
    const cut = place.lastIndexOf("node_modules/")
    const common = {
      where: place, dev: entry["dev"] === true || entry["devOptional"] === true, optional: entry["optional"] === true || entry["devOptional"] === true,
      name: optionalText(entry, "name", place) ?? (cut < 0 ? place : place.slice(cut + "node_modules/".length)),
      version: optionalText(entry, "version", place) ?? "",
    }
    const resolved = optionalText(entry, "resolved", place)
    const integrity = optionalText(entry, "integrity", place)
    const recorded = { ...common, ...(resolved === undefined ? {} : { resolved }), ...(integrity === undefined ? {} : { integrity }) }
    if (entry["link"] === true) entries.push({ ...recorded, kind: "link" })
    else if (cut < 0) entries.push({ ...recorded, kind: "workspace" })
    else if (entry["inBundle"] === true) entries.push({ ...recorded, kind: "bundled", purl: purlOf(place, common.name, common.version) })
    else entries.push(fetched(recorded))
  }
  return entries
}

/** Version 1: a tree of dependencies. */
function readTree(document: Members): LockfileEntry[] {
  const entries: LockfileEntry[] = []
  const visit = (dependencies: Members, prefix: string, depth: number): void => {
    if (depth > LOCKFILE_DEPTH_MAX) throw malformed(prefix, `is nested deeper than ${LOCKFILE_DEPTH_MAX} levels`)
    for (const alias of Object.keys(dependencies)) {
      const where = `${prefix}${alias}`
      const entry = membersOf(dependencies[alias], where)
      const spec = optionalText(entry, "version", where) ?? ""
      const real = /^npm:((?:@[^/]+\/)?[^@]+)@(.+)$/.exec(spec)
      const isVersion = real !== null || /^\d/.test(spec)
      const resolved = optionalText(entry, "resolved", where) ?? (isVersion ? undefined : spec)
      const integrity = optionalText(entry, "integrity", where)
      const recorded = {
        where, name: real?.[1] ?? alias, version: real?.[2] ?? (isVersion ? spec : ""), dev: entry["dev"] === true, optional: entry["optional"] === true,
        ...(resolved === undefined ? {} : { resolved }), ...(integrity === undefined ? {} : { integrity }),
      }
      if (entry["bundled"] === true) entries.push({ ...recorded, kind: "bundled", purl: purlOf(where, recorded.name, recorded.version) })
      else entries.push(fetched(recorded))
      if (entries.length > LOCKFILE_ENTRIES_MAX) throw malformed("dependencies", `has more than ${LOCKFILE_ENTRIES_MAX} entries`)
      visit(membersOf(entry["dependencies"] ?? {}, where), `${where}/`, depth + 1)
    }
  }
  visit(membersOf(document["dependencies"] ?? {}, "dependencies"), "", 0)
  return entries
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
function optionalText(entry: Members, key: string, where: string): string | undefined {
  return entry[key] === false ? undefined : textOf(entry, key, where)
}
