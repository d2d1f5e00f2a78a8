import { parseTrailingCommas } from "./jsonc.ts"
import { type Edge, kindsOf, type Root } from "./kinds.ts"
import { LOCKFILE_ENTRIES_MAX } from "./limits.ts"
import { isRegistryTarball, isVersion, kindOfSource, malformed, type Members, membersOf, purlOf, textOf } from "./source.ts"
import type { Lockfile, LockfileEntry } from "./types.ts"
import { wiringByNames, wiringOnce } from "./wiring.ts"

const FILE = "bun.lock"
/** Names in a key; that of a scoped package has a slash of its own. */
const NAMES = /(?:@[^/]*\/)?[^/]+/g
/** Most components of a key: packages inside of packages. */
const KEY_DEPTH_MAX = 64

/**
 * Reads bun.lock, versions 0 to 2: `packages` maps a place (`left`, `a/left`) to a list whose first member says what it is.
 *
 * What Bun marks as bundled has a registry's address and digest all the same, and is judged as what the registry has.
 *
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function readBunLock(text: string): Lockfile {
  const document = membersOf(parseTrailingCommas(text, FILE), "document")
  const version = document["lockfileVersion"]
  if (version !== 0 && version !== 1 && version !== 2) throw malformed("lockfileVersion", `is ${typeof version === "number" ? String(version) : "no number"}, expected 0, 1 or 2`)
  const packages = membersOf(document["packages"] ?? {}, "packages")
  const keys = Object.keys(packages)
  if (keys.length > LOCKFILE_ENTRIES_MAX) throw malformed("packages", `has ${keys.length} entries, expected at most ${LOCKFILE_ENTRIES_MAX}`)
  const kinds = kindsOf(rootsOf(document, packages), (key) => edgesOf(packages, key))
  const entries = keys.map((key) => {
    const kind = kinds.get(key)
    return { ...entryOf(key, packages[key], kind === "optional"), ...(kind === undefined ? {} : { dependency: kind, dev: kind === "dev" }) }
  })
  return { format: "bun-lock", version: String(version), entries, wiring: wiringOnce(() => wiringByNames(entries.map((entry) => [entry, (entry.where.match(NAMES) ?? []).slice(-1)]))) }
}

function entryOf(key: string, value: unknown, optional: boolean): LockfileEntry {
  const [spec, second, ...rest] = tupleOf(key, value)
  if (typeof spec !== "string") throw malformed(key, "does not say what it is")
  const at = spec.indexOf("@", 1)
  const name = at < 0 ? spec : spec.slice(0, at)
  const reference = at < 0 ? "" : spec.slice(at + 1)
  const integrity = rest.concat(second).find((member): member is string => typeof member === "string" && /^sha\d+-/.test(member))
  const common = { name, where: key, dev: false, optional, ...(integrity === undefined ? {} : { integrity }) }
  if (isVersion(reference)) {
    if (typeof second !== "string") throw malformed(key, "has no registry, expected an address or an empty text")
    const isElsewhere = second !== "" && !isRegistryTarball(second, name, reference)
    const resolved = second === "" ? {} : { resolved: second }
    if (isElsewhere) return { ...common, ...resolved, version: reference, kind: "url" }
    return { ...common, ...resolved, version: reference, kind: "registry", purl: purlOf(key, name, reference) }
  }
  if (reference === "root:") return { ...common, version: "", kind: "workspace", resolved: "." }
  const kind = kindOfSource(reference)
  // What nobody knows, and a range where a version is expected, is no release.
  return { ...common, version: "", resolved: reference, kind: kind === "registry" ? "url" : kind }
}

function tupleOf(key: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > 4) throw malformed(key, "is no list of one to four members")
  return value
}

/** Dependencies of an entry: of the map in its list, which each kind of entry has in another place. */
function edgesOf(packages: Members, key: string): Edge[] {
  const info = tupleOf(key, packages[key]).find((member) => typeof member === "object" && member !== null && !Array.isArray(member))
  if (info === undefined) return []
  const members = membersOf(info, key)
  const optionalPeers = Array.isArray(members["optionalPeers"]) ? new Set(members["optionalPeers"]) : new Set()
  return [["dependencies", false], ["optionalDependencies", true], ["peerDependencies", false]].flatMap(([field, isOptional]) =>
    Object.keys(membersOf(members[field as string] ?? {}, `${key}: ${String(field)}`)).flatMap((name) => {
      const to = placeOf(packages, key, name)
      return to === undefined ? [] : [{ to, isOptional: isOptional === true || (field === "peerDependencies" && optionalPeers.has(name)) }]
    }))
}

function rootsOf(document: Members, packages: Members): Root[] {
  const fields = [["dependencies", "prod"], ["optionalDependencies", "optional"], ["peerDependencies", "prod"], ["devDependencies", "dev"]] as const
  return Object.entries(membersOf(document["workspaces"] ?? {}, "workspaces")).flatMap(([folder, value]) => {
    const workspace = membersOf(value, `workspaces: ${folder}`)
    const inside = folder === "" ? "" : textOf(workspace, "name", folder) ?? ""
    return fields.flatMap(([field, kind]) => Object.keys(membersOf(workspace[field] ?? {}, `${folder}: ${field}`)).flatMap((name) => {
      const to = placeOf(packages, inside, name)
      return to === undefined ? [] : [{ to, kind }]
    }))
  })
}

/** Where a name is found from a place: inside of it, then inside of each place around it, as Node looks it up. */
function placeOf(packages: Members, from: string, name: string): string | undefined {
  const parts = from.match(NAMES) ?? []
  if (parts.length > KEY_DEPTH_MAX) throw malformed(from, `is nested deeper than ${KEY_DEPTH_MAX} levels`)
  for (let depth = parts.length; depth >= 0; depth--) {
    const key = [...parts.slice(0, depth), name].join("/")
    if (Object.hasOwn(packages, key)) return key
  }
  return undefined
}
