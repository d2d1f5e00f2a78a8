import { parseAllDocuments } from "yaml"
import { LOCKFILE_ENTRIES_MAX } from "./limits.ts"
import { isRegistryTarball, kindOfSource, malformed, type Members, membersOf, purlOf, textOf } from "./source.ts"
import type { Lockfile, LockfileEntry, LockfileKind } from "./types.ts"

/**
 * Reads pnpm-lock.yaml, versions 6 to 9, with the config dependencies that pnpm 11 and 12 keep in a document of their own.
 * @throws VouchsafeError LOCKFILE_MALFORMED.
 */
export function readPnpmLock(text: string): Lockfile {
  const documents = parseAllDocuments(text, { uniqueKeys: true })
  if (!Array.isArray(documents)) return { format: "pnpm-lock", version: "", entries: [] }
  const entries: LockfileEntry[] = []
  let version = ""
  for (const document of documents) {
    const [error] = document.errors
    if (error !== undefined) throw malformed("pnpm-lock.yaml", "is not YAML that can be read", error)
    const value: unknown = document.toJS({ maxAliasCount: 0 })
    if (value === null) continue
    const lock = membersOf(value, "document")
    version = String(lock["lockfileVersion"] ?? "")
    if (!/^([6-9])(\.\d+)?$/.test(version)) throw malformed("lockfileVersion", `is ${version === "" ? "missing" : version}, expected 6 to 9`)
    readPackages(lock, entries)
  }
  if (version === "") throw malformed("pnpm-lock.yaml", "is empty")
  return { format: "pnpm-lock", version, entries }
}

function readPackages(lock: Members, entries: LockfileEntry[]): void {
  const packages = membersOf(lock["packages"] ?? {}, "packages")
  for (const key of Object.keys(packages)) {
    if (entries.length >= LOCKFILE_ENTRIES_MAX) throw malformed("packages", `has more than ${LOCKFILE_ENTRIES_MAX} entries`)
    const entry = membersOf(packages[key], key)
    const resolution = membersOf(entry["resolution"] ?? {}, `${key}: resolution`)
    const { name, version, source } = parseKey(key)
    const integrity = textOf(resolution, "integrity", key)
    const tarball = textOf(resolution, "tarball", key)
    const resolved = tarball ?? source
    const kind = kindOf(resolution, source, tarball, name, version, key)
    entries.push({
      name: textOf(entry, "name", key) ?? name, version: textOf(entry, "version", key) ?? version, kind, where: key,
      dev: entry["dev"] === true, optional: entry["optional"] === true,
      ...(kind === "registry" ? { purl: purlOf(key, name, version) } : {}),
      ...(integrity === undefined ? {} : { integrity }), ...(resolved === undefined ? {} : { resolved }),
    })
  }
}

/** `/name@1.0.0(peers)` (6), `name@1.0.0` (7 to 9), `name@https://…`, `name@file:…`, `name@git+…`. */
function parseKey(key: string): { name: string; version: string; source?: string } {
  const spec = key.replace(/^\//, "").replace(/\(.*\)$/, "")
  const at = spec.indexOf("@", 1)
  const name = at < 0 ? spec : spec.slice(0, at)
  const version = at < 0 ? "" : spec.slice(at + 1)
  return /^\d/.test(version) ? { name, version } : { name, version: "", source: version === "" ? spec : version }
}

function kindOf(resolution: Members, source: string | undefined, tarball: string | undefined, name: string, version: string, key: string): LockfileKind {
  const type = textOf(resolution, "type", key)
  if (type === "git" || resolution["commit"] !== undefined) return "git"
  if (type === "directory") return "link"
  if (type !== undefined) return "url"
  if (source !== undefined) return kindOfSource(source) === "registry" ? "file" : kindOfSource(source)
  if (tarball === undefined) return "registry"
  if (isRegistryTarball(tarball, name, version)) return "registry"
  return kindOfSource(tarball) === "registry" ? "url" : kindOfSource(tarball)
}
