import { parseSyml } from "@yarnpkg/parsers"
import { LOCKFILE_ENTRIES_MAX } from "./limits.ts"
import { isRegistryTarball, kindOfSource, malformed, type Members, membersOf, purlOf, textOf } from "./source.ts"
import type { Lockfile, LockfileEntry } from "./types.ts"

/**
 * Reads yarn.lock: classic (1) and Berry (4 to 10).
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function readYarnLock(text: string): Lockfile {
  let document: Members
  try {
    document = parseSyml(text) as Members
  } catch (cause) {
    throw malformed("yarn.lock", "cannot be read", cause)
  }
  const keys = Object.keys(document)
  if (keys.length > LOCKFILE_ENTRIES_MAX) throw malformed("yarn.lock", `has ${keys.length} entries, expected at most ${LOCKFILE_ENTRIES_MAX}`)
  const metadata = document["__metadata"]
  if (metadata === undefined) {
    return { format: "yarn-classic", version: "1", entries: keys.map((key) => classicEntry(key, membersOf(document[key], key))) }
  }
  const version = String(membersOf(metadata, "__metadata")["version"] ?? "")
  if (!/^([4-9]|10)$/.test(version)) throw malformed("__metadata.version", `is ${version === "" ? "missing" : version}, expected 4 to 10`)
  return { format: "yarn-berry", version, entries: keys.filter((key) => key !== "__metadata").map((key) => berryEntry(key, membersOf(document[key], key))) }
}

function classicEntry(key: string, entry: Members): LockfileEntry {
  const first = key.split(/, ?/)[0] ?? key
  const at = first.indexOf("@", 1)
  const range = at < 0 ? "" : first.slice(at + 1)
  const name = /^npm:((?:@[^/]+\/)?[^@]+)/.exec(range)?.[1] ?? (at < 0 ? first : first.slice(0, at))
  const version = textOf(entry, "version", key) ?? ""
  const resolved = textOf(entry, "resolved", key)
  const integrity = textOf(entry, "integrity", key)
  const isRegistry = resolved === undefined ? kindOfSource(/^[a-z]+:/.test(range) && !range.startsWith("npm:") ? range : undefined) === "registry" : isRegistryTarball(resolved, name, version)
  const kind = isRegistry ? "registry" : kindOfSource(resolved ?? range)
  return {
    name, version, kind, where: first, dev: false, optional: false,
    ...(isRegistry ? { purl: purlOf(key, name, version) } : {}), ...(resolved === undefined ? {} : { resolved }), ...(integrity === undefined ? {} : { integrity }),
  }
}

/** `resolution` is `name@npm:1.0.0`, `name@workspace:.`, `name@patch:…`, `name@https://…`; a registry may follow as `::__archiveUrl=`. */
function berryEntry(key: string, entry: Members): LockfileEntry {
  const resolution = textOf(entry, "resolution", key)
  if (resolution === undefined) throw malformed(key, "has no resolution")
  const at = resolution.indexOf("@", 1)
  const name = at < 0 ? resolution : resolution.slice(0, at)
  const [reference = "", bindings = ""] = (at < 0 ? "" : resolution.slice(at + 1)).split("::")
  const version = textOf(entry, "version", key) ?? ""
  const checksum = textOf(entry, "checksum", key)
  const common = { name, version, where: key, dev: false, optional: false, ...(checksum === undefined ? {} : { checksum }) }
  const npm = /^npm:(\d.*)$/.exec(reference)
  if (npm === null) return { ...common, resolved: reference, kind: kindOfSource(reference) === "registry" ? "url" : kindOfSource(reference) }
  const archive = new URLSearchParams(bindings).get("__archiveUrl")
  const exact = npm[1] as string
  if (archive !== null && !isRegistryTarball(archive, name, exact)) return { ...common, resolved: archive, kind: "url" }
  return { ...common, version: exact, kind: "registry", purl: purlOf(key, name, exact), ...(archive === null ? {} : { resolved: archive }) }
}
