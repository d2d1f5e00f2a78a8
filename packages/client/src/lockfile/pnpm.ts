import { isVouchsafeError } from "@vouchsafe/core"
import { posix } from "node:path"
import { isScalar, parseAllDocuments, visit } from "yaml"
import { LOCKFILE_ENTRIES_MAX } from "./limits.ts"
import { DEPENDENCY_BY_FIELD, DEPENDENCY_FIELDS, pnpmKinds, withoutPeers } from "./pnpm-kinds.ts"
import { isRegistryTarball, kindOfSource, malformed, type Members, membersOf, purlOf, textOf } from "./source.ts"
import type { Lockfile, LockfileEntry, LockfileKind } from "./types.ts"
import { pnpmWiring, wiringOnce } from "./wiring.ts"
import { readYamlSubset } from "./yaml-subset.ts"

/** pnpm merges what stands under this key into the map around it, however the key is written; this reader would take it for a member. */
const MERGE_KEY = "<<"
const LINK = "link:"

/**
 * Reads pnpm-lock.yaml, versions 5.3 to 9, with the config dependencies that pnpm 11 and 12 keep in a document of their own.
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function readPnpmLock(text: string): Lockfile {
  const entries: LockfileEntry[] = []
  const documents: Members[] = []
  let version = ""
  for (const value of parseYaml(text)) {
    if (value === null) continue
    const lock = membersOf(value, "document")
    version = String(lock["lockfileVersion"] ?? "")
    if (!/^(?:5\.[34]|[6-9](?:\.\d+)?)$/.test(version)) throw malformed("lockfileVersion", `is ${version === "" ? "missing" : version}, expected 5.3, 5.4 or 6 to 9`)
    documents.push(lock)
    const optional = optionalKeys(lock)
    const kinds = pnpmKinds(lock)
    for (const [key, entry] of Object.entries(membersOf(lock["packages"] ?? {}, "packages"))) {
      const dependency = kinds.get(key)
      add(entries, { ...packageEntry(key, membersOf(entry, key), optional, version.startsWith("5.")), ...(dependency === undefined ? {} : { dependency }) })
    }
    // A project without workspaces has its dependencies at the top, up to version 6.
    const importers = membersOf(lock["importers"] ?? { ".": lock }, "importers")
    for (const [folder, importer] of Object.entries(importers)) for (const link of linksOf(folder, membersOf(importer, folder))) add(entries, link)
    for (const link of strayLinks(lock)) add(entries, link)
  }
  if (version === "") throw malformed("pnpm-lock.yaml", "is empty")
  return { format: "pnpm-lock", version, entries, wiring: wiringOnce(() => pnpmWiring(documents, entries)) }
}

function parseYaml(text: string): unknown[] {
  const known = readYamlSubset(text)
  if (known !== undefined) return known
  try {
    // The parser's own search for equal keys compares each with each.
    return parseAllDocuments(text, { uniqueKeys: false, prettyErrors: false }).map((document) => {
      const [error] = [...document.errors, ...document.warnings]
      if (error !== undefined) throw error
      visit(document, { Map: (_, { items }) => refuseEqualKeys(items.map(({ key }) => key)) })
      return document.toJS({ maxAliasCount: 0 }) as unknown
    })
  } catch (cause) {
    if (isVouchsafeError(cause)) throw cause
    throw malformed("pnpm-lock.yaml", "is not YAML that can be read", cause)
  }
}

function refuseEqualKeys(keys: readonly unknown[]): void {
  const seen = new Set<string>()
  for (const key of keys) {
    if (!isScalar(key)) throw malformed("pnpm-lock.yaml", "has a key that is no text")
    const text = String(key.value)
    if (text === MERGE_KEY) throw malformed("pnpm-lock.yaml", "has a merge key, which pnpm never writes")
    if (seen.has(text)) throw malformed(text, "stands twice in one map")
    seen.add(text)
  }
}

function add(entries: LockfileEntry[], entry: LockfileEntry): void {
  if (entries.length >= LOCKFILE_ENTRIES_MAX) throw malformed("pnpm-lock.yaml", `has more than ${LOCKFILE_ENTRIES_MAX} entries`)
  entries.push(entry)
}

/** Keys of packages that only optional dependencies need. Versions 7 to 9 say so in `snapshots`, one for each set of peers. */
function optionalKeys(lock: Members): ReadonlySet<string> {
  const optional = new Set<string>()
  const needed = new Set<string>()
  for (const [key, snapshot] of Object.entries(membersOf(lock["snapshots"] ?? {}, "snapshots"))) {
    const isOptional = membersOf(snapshot ?? {}, `snapshots: ${key}`)["optional"] === true
    ;(isOptional ? optional : needed).add(withoutPeers(key))
  }
  return new Set([...optional].filter((key) => !needed.has(key)))
}

function packageEntry(key: string, entry: Members, optional: ReadonlySet<string>, isOld: boolean): LockfileEntry {
  const resolution = membersOf(entry["resolution"] ?? {}, `${key}: resolution`)
  const { name, version, source } = isOld ? parseOldKey(key) : parseKey(key)
  const recorded = { name: textOf(entry, "name", key) ?? name, version: textOf(entry, "version", key) ?? version }
  const integrity = textOf(resolution, "integrity", key)
  const tarball = textOf(resolution, "tarball", key)
  const resolved = tarball ?? textOf(resolution, "directory", key) ?? source
  const kind = kindOf(resolution, source, tarball, recorded, key)
  if (kind === "registry" && (recorded.name !== name || recorded.version !== version)) throw malformed(key, `names another package, ${recorded.name} at ${recorded.version}`)
  return {
    ...recorded, kind, where: key, dev: entry["dev"] === true, optional: entry["optional"] === true || optional.has(key),
    ...(kind === "registry" ? { purl: purlOf(key, name, version) } : {}),
    ...(integrity === undefined ? {} : { integrity }), ...(resolved === undefined ? {} : { resolved }),
  }
}

/** `/name@1.0.0(peers)` (6), `name@1.0.0` (7 to 9), `name@https://…`, `name@file:…`, `name@git+…`. */
function parseKey(key: string): { name: string; version: string; source?: string } {
  const spec = withoutPeers(key.replace(/^\//, ""))
  const at = spec.indexOf("@", 1)
  const name = at < 0 ? spec : spec.slice(0, at)
  const version = at < 0 ? "" : spec.slice(at + 1)
  return /^\d/.test(version) ? { name, version } : { name, version: "", source: version === "" ? spec : version }
}

/** `/name/1.0.0`, `/@scope/name/1.0.0_peers` (5); what begins without a slash comes from elsewhere: `host/name/1.0.0`, `file:…`. */
function parseOldKey(key: string): { name: string; version: string; source?: string } {
  const match = /^\/((?:@[^/]+\/)?[^/]+)\/(\d[^_/]*)(?:_.*)?$/.exec(key)
  return match === null ? { name: key, version: "", source: key } : { name: match[1] as string, version: match[2] as string }
}

function kindOf(resolution: Members, source: string | undefined, tarball: string | undefined, { name, version }: { name: string; version: string }, key: string): LockfileKind {
  const type = textOf(resolution, "type", key)
  if (type === "git" || resolution["commit"] !== undefined) return "git"
  if (type === "directory") return "link"
  if (type !== undefined || resolution["gitHosted"] === true) return "url"
  // A local tarball is one only where both the key and the resolution say so.
  if (source !== undefined) return unlessRegistry(kindOfSource(source) === kindOfSource(tarball) ? source : tarball ?? source)
  if (tarball === undefined || isRegistryTarball(tarball, name, version)) return "registry"
  return unlessRegistry(tarball)
}

function unlessRegistry(source: string): LockfileKind {
  const kind = kindOfSource(source)
  return kind === "registry" ? "url" : kind
}

/** Dependencies of a workspace's member that are folders: pnpm links them and lists them nowhere else. */
/** A path that leaves the folder that it starts in. */
const STRAY = /^(?:\.\.(?:\/|$)|[a-zA-Z]:|[\\/~])/

/** Links of locked packages, which start at the lockfile's folder, as far as they leave it: pnpm writes none, and follows them. */
function strayLinks(lock: Members): LockfileEntry[] {
  return ["packages", "snapshots"].flatMap((part) => Object.entries(membersOf(lock[part] ?? {}, part)).flatMap(([key, entry]) =>
    linksOf(".", membersOf(entry, key)).filter(({ resolved = "" }) => STRAY.test(resolved)).map((link) => ({ ...link, where: `${key}: ${link.name}` }))))
}

function linksOf(folder: string, importer: Members): LockfileEntry[] {
  return DEPENDENCY_FIELDS.flatMap((field) => Object.entries(membersOf(importer[field] ?? {}, `${folder}: ${field}`)).flatMap(([name, dependency]): LockfileEntry[] => {
    const version = typeof dependency === "object" && dependency !== null ? textOf(dependency as Members, "version", `${folder}: ${name}`) : dependency
    if (typeof version !== "string" || !version.startsWith(LINK)) return []
    const path = version.slice(LINK.length)
    const resolved = /^([a-zA-Z]:|[\\/~])/.test(path) ? path : posix.normalize(`${folder}/${path}`)
    return [{ name, version: "", kind: "link", where: `${folder}: ${name}`, resolved, dev: field === "devDependencies", optional: field === "optionalDependencies", dependency: DEPENDENCY_BY_FIELD[field] }]
  }))
}
