import { posix } from "node:path"
import { parseSyml } from "@yarnpkg/parsers"
import { LOCKFILE_ENTRIES_MAX } from "./limits.ts"
import { isRegistryTarball, kindOfSource, malformed, type Members, membersOf, purlOf, textOf } from "./source.ts"
import type { Lockfile, LockfileEntry } from "./types.ts"
import { wiringByNames, wiringOnce } from "./wiring.ts"

/** What names a member in a line of either spelling, without its indentation: `version: 1`, `version "1"`, `"@a/b" "^1"`. */
const KEY = /^(?:"([^"]*)"|([^\s"#:?][^:]*?))(?::(?:[ \t].*)?|[ \t]+\S.*)$/s

/**
 * Reads yarn.lock: classic (1) and Berry (4 to 10).
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function readYarnLock(text: string): Lockfile {
  refuseAmbiguous(text)
  let document: Members
  try {
    document = parseSyml(text) as Members
  } catch (cause) {
    throw malformed("yarn.lock", "cannot be read", cause)
  }
  const keys = Object.keys(document).filter((key) => key !== "__metadata")
  if (keys.length > LOCKFILE_ENTRIES_MAX) throw malformed("yarn.lock", `has ${keys.length} entries, expected at most ${LOCKFILE_ENTRIES_MAX}`)
  if (!Object.hasOwn(document, "__metadata")) {
    const ranges = [...rangesByEntry(document, keys).values()]
    const entries = ranges.map(([key = ""]) => classicEntry(key, membersOf(document[key], key)))
    return { format: "yarn-classic", version: "1", entries, wiring: wiringOnce(() => wiringByNames(entries.map((entry, i) => [entry, (ranges[i] ?? []).map(nameIn)]))) }
  }
  const version = String(membersOf(document["__metadata"], "__metadata")["version"] ?? "")
  if (!/^([4-9]|10)$/.test(version)) throw malformed("__metadata.version", `is ${version === "" ? "missing" : version}, expected 4 to 10`)
  const entries = keys.map((key) => berryEntry(key, membersOf(document[key], key)))
  return { format: "yarn-berry", version, entries, wiring: wiringOnce(() => wiringByNames(entries.map((entry) => [entry, entry.where.split(/, ?/).map(nameIn)]))) }
}

/** The name by which one range asks: `a` of `a@npm:b@^1`. */
function nameIn(range: string): string {
  const at = range.indexOf("@", 1)
  return at < 0 ? range : range.slice(0, at)
}

/** The parser gives the entry of `a@^1, a@~1` twice, once a range: the ranges of each. */
function rangesByEntry(document: Members, keys: readonly string[]): Map<unknown, string[]> {
  const ranges = new Map<unknown, string[]>()
  for (const key of keys) {
    const known = ranges.get(document[key])
    if (known === undefined) ranges.set(document[key], [key])
    else known.push(key)
  }
  return ranges
}

/** Yarn's parser lets the last of two equal keys win, and drops one that is named like an object's prototype. */
function refuseAmbiguous(text: string): void {
  const open: { readonly indent: number; readonly keys: Set<string> }[] = []
  for (const [i, line] of text.split("\n").entries()) {
    const trimmed = line.trim()
    if (trimmed === "" || trimmed.startsWith("#")) continue
    const indent = line.search(/\S/)
    while ((open[open.length - 1]?.indent ?? -1) > indent) open.pop()
    const names = indent === 0 ? rangesOf(trimmed) : memberOf(trimmed)
    if (names.length > 0 && open[open.length - 1]?.indent !== indent) open.push({ indent, keys: new Set() })
    const keys = open[open.length - 1]?.keys
    for (const name of names) {
      if (keys?.has(name) === true) throw malformed(name, `stands twice, again in line ${i + 1}`)
      if (name === "__proto__") throw malformed(name, `is no package, in line ${i + 1}`)
      keys?.add(name)
    }
  }
}

/** Names of an entry: `a@^1, a@~1:`, `"@a/b@^1", "@a/b@~1":`, `"a@npm:^1, a@npm:~1":`, `? "…"`. */
function rangesOf(line: string): string[] {
  if (line === ":" || line.startsWith("- ")) return []
  return line.replace(/^\? /, "").replace(/:(?:[ \t].*)?$/s, "").split(/, ?/).map((name) => name.replace(/^["']|["']$/g, ""))
}

function memberOf(line: string): string[] {
  const match = KEY.exec(line)
  return match === null ? [] : [match[1] ?? match[2] ?? ""]
}

function classicEntry(key: string, entry: Members): LockfileEntry {
  const first = key.split(/, ?/)[0] ?? key
  const at = first.indexOf("@", 1)
  const range = at < 0 ? "" : first.slice(at + 1)
  const name = /^npm:((?:@[^/]+\/)?[^@]+)/.exec(range)?.[1] ?? (at < 0 ? first : first.slice(0, at))
  const version = textOf(entry, "version", key) ?? ""
  const recorded = textOf(entry, "resolved", key)
  const integrity = textOf(entry, "integrity", key)
  const rangeKind = /^[a-z+]+:|^[./~\\]/.test(range) && !range.startsWith("npm:") ? kindOfSource(range) : "registry"
  const resolved = recorded ?? (rangeKind === "registry" ? undefined : range)
  const isRegistry = recorded === undefined ? rangeKind === "registry" : isRegistryTarball(recorded, name, version)
  const kind = isRegistry ? "registry" : kindOfSource(resolved)
  return {
    name, version, kind: kind === "registry" && !isRegistry ? "url" : kind, where: first, dev: false, optional: false,
    ...(isRegistry ? { purl: purlOf(key, name, version) } : {}), ...(resolved === undefined ? {} : { resolved }), ...(integrity === undefined ? {} : { integrity }),
  }
}

/** `resolution` is `name@npm:1.0.0`, `name@workspace:.`, `name@patch:…`, `name@https://…`; a registry may follow as `::__archiveUrl=`. */
function berryEntry(key: string, entry: Members): LockfileEntry {
  const resolution = textOf(entry, "resolution", key)
  if (resolution === undefined) throw malformed(key, "has no resolution")
  const at = resolution.indexOf("@", 1)
  const name = at < 0 ? resolution : resolution.slice(0, at)
  // Yarn takes all behind the first pair of colons for bindings, further pairs too.
  const [, reference = "", bindings = ""] = /^((?:(?!::).)*)(?:::(.*))?$/s.exec(at < 0 ? "" : resolution.slice(at + 1)) ?? []
  const version = textOf(entry, "version", key) ?? ""
  const checksum = textOf(entry, "checksum", key)
  const common = { name, version, where: key, dev: false, optional: false, ...(checksum === undefined ? {} : { checksum }) }
  const npm = /^npm:(\d.*)$/.exec(reference)
  if (npm === null) return { ...common, ...localOrRemote(reference, new URLSearchParams(bindings).get("locator") ?? "") }
  const archive = new URLSearchParams(bindings).get("__archiveUrl")
  const exact = npm[1] as string
  if (archive !== null && !isRegistryTarball(archive, name, exact)) return { ...common, version: exact, resolved: archive, kind: "url" }
  return { ...common, version: exact, kind: "registry", purl: purlOf(key, name, exact), ...(archive === null ? {} : { resolved: archive }) }
}

/** Paths of links are relative to the workspace that `locator` names: here they are written relative to the project. */
function localOrRemote(reference: string, locator: string): Pick<LockfileEntry, "kind" | "resolved"> {
  const kind = kindOfSource(reference)
  if (kind === "registry") return { kind: "url", resolved: reference }
  if (kind !== "link" && kind !== "file") return { kind, resolved: reference }
  const path = reference.replace(/^[a-z]+:/, "").replace(/#.*$/s, "")
  const folder = /@workspace:(.*)$/s.exec(locator)?.[1] ?? "."
  return { kind, resolved: /^([a-zA-Z]:|[\\/~])/.test(path) ? path : posix.normalize(`${folder}/${path}`) }
}
