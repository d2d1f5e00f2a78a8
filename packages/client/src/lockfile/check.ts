import { type ArtifactRequest, type Claim, type Finding, isVouchsafeError, sha512OfSri, shown, type Verdict, type VerdictCode } from "@vouchsafe/core"
import { strictestKind } from "./kinds.ts"
import { isVersion, purlOf } from "./source.ts"
import type { Lockfile, LockfileEntry } from "./types.ts"

/** What the pre-check needs to know about the project. */
export interface LockfileContext {
  /** Registry id that the person's configuration gives for a package name. */
  readonly registryFor: (name: string) => string
  /**
   * Registry ids that npm replaces when a package-lock names them: its own default, unless the person has set
   * `replace-registry-host`. It puts the configured default registry there, never a scope's. No other manager does that.
   */
  readonly rewritten?: { readonly from: readonly string[]; readonly to: string }
}

/** A finding about one entry of a lockfile. */
export interface LockfileFinding extends Finding {
  readonly where: string
  readonly name: string
  /** Empty where the lockfile gives none. */
  readonly version: string
  /** Hex, where the entry has one. */
  readonly sha512?: string
  readonly optional: boolean
}

/**
 * Refuses what a package manager would fetch without a digest that can be compared, or from another host than the one
 * configured for its name (THREATS A6). Says nothing about entries that are registry packages with sha512: evidence does.
 */
export function checkLockfile(lockfile: Lockfile, context: LockfileContext): LockfileFinding[] {
  return lockfile.entries.flatMap((entry) => {
    const found = problemOf(lockfile, entry, context)
    if (found === undefined) return []
    const [code, message, hint] = found
    const sha512 = sha512Of(entry)
    return [{ ...(sha512 === undefined ? {} : { sha512 }), code, message, hint, severity: "deny" as const, saidBy: [], where: entry.where, name: entry.name, version: entry.version, optional: entry.optional }]
  })
}

type Problem = readonly [code: VerdictCode, message: string, hint: string]

function problemOf(lockfile: Lockfile, entry: LockfileEntry, context: LockfileContext): Problem | undefined {
  const at = shown(entry.where)
  switch (entry.kind) {
    case "workspace":
      return leavesRoot(entry.resolved ?? entry.where) ? ["EXOTIC_SOURCE", `${at} is a workspace outside the project`, "move it inside the project's root"] : undefined
    case "link":
    case "file": {
      const path = entry.resolved ?? entry.where
      const what = entry.kind === "link" ? "links to" : "is installed from"
      return leavesRoot(path) ? ["EXOTIC_SOURCE", `${at} ${what} ${shown(path)}, outside the project`, "use only files and folders inside the project's root"] : undefined
    }
    case "patch":
    case "bundled":
      return undefined
    case "git":
    case "url":
      if (isRegistryPackage(lockfile, entry, context)) return digestProblem(lockfile, entry)
      return ["EXOTIC_SOURCE", `${at} is fetched${entry.resolved === undefined ? "" : ` from ${shown(redactUrl(entry.resolved))}`}: no registry release that anybody attested`, "depend on a registry release of it, or record an exception"]
    case "registry":
      return hostProblem(lockfile, entry, context) ?? digestProblem(lockfile, entry)
  }
}

/**
 * Tells whether an entry is a version of a registry: by its kind, or because it lies under the registry that is
 * configured for its name. Not all registries name their tarballs alike.
 */
function isRegistryPackage(lockfile: Lockfile, entry: LockfileEntry, context: LockfileContext): boolean {
  if (entry.kind !== "url") return entry.kind === "registry"
  return isVersion(entry.version) && entry.integrity !== undefined && isFromRegistry(lockfile, entry, context)
}

function hostProblem(lockfile: Lockfile, entry: LockfileEntry, context: LockfileContext): Problem | undefined {
  if (entry.resolved === undefined || isFromRegistry(lockfile, entry, context)) return undefined
  return ["WRONG_REGISTRY", `${shown(entry.where)} is fetched from ${shown(redactUrl(entry.resolved))}, expected ${context.registryFor(entry.name)}`, "regenerate the entry, or configure that registry for its scope"]
}

function isFromRegistry(lockfile: Lockfile, entry: LockfileEntry, context: LockfileContext): boolean {
  const place = placeOf(entry.resolved ?? "")
  const configured = context.registryFor(entry.name)
  const rewritten = lockfile.format === "package-lock" && context.rewritten?.to === configured ? context.rewritten.from : []
  return place !== undefined && [configured, ...rewritten].some((registry) => place.startsWith(registry))
}

/** Where a request for this URL goes: dots resolved, without query and fragment. undefined for what is no plain http(s) URL. */
function placeOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, username, password, origin, pathname } = new URL(url)
  if ((protocol !== "https:" && protocol !== "http:") || username !== "" || password !== "") return undefined
  // A server that unescapes first would leave the registry's path.
  return /(?:%2f|%5c)\.\.|\.\.(?:%2f|%5c)/i.test(pathname) ? undefined : `${origin}${pathname}`
}

function digestProblem(lockfile: Lockfile, entry: LockfileEntry): Problem | undefined {
  // Yarn Berry records a checksum of its own archive; the plugin ties it to the attested tarball at install.
  if (lockfile.format === "yarn-berry") return undefined
  if (sha512Of(entry) !== undefined) return undefined
  const found = entry.integrity === undefined ? "no integrity" : "no sha512 integrity"
  return ["EXOTIC_SOURCE", `${shown(entry.where)} has ${found}: nothing ties what is installed to what was attested`, "refresh the entry with the package manager, so that it records sha512"]
}

/** Hex sha512 of an entry, from its integrity; undefined when it has none that can be read. */
export function sha512Of(entry: LockfileEntry): string | undefined {
  if (entry.integrity === undefined) return undefined
  try {
    return sha512OfSri(entry.integrity)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}

/** The artifacts to ask for, each once, with the lockfile's digests. Entries without one carry no sha512: `checkLockfile` refuses them, except Yarn's. */
export function toRequests(lockfile: Lockfile, context: LockfileContext): ArtifactRequest[] {
  const requests = new Map<string, ArtifactRequest>()
  for (const entry of lockfile.entries) {
    if (!isRegistryPackage(lockfile, entry, context)) continue
    const sha512 = sha512Of(entry)
    const purl = entry.purl ?? purlOf(entry.where, entry.name, entry.version)
    const key = `${purl}\n${sha512 ?? ""}`
    const other = requests.get(key)
    const dependency = other === undefined ? entry.dependency : strictestKind(other.dependency, entry.dependency)
    requests.set(key, { purl, registry: context.registryFor(entry.name), ...(sha512 === undefined ? {} : { sha512 }), ...(dependency === undefined ? {} : { dependency }) })
  }
  return [...requests.values()]
}

/**
 * Refuses bundled entries that the attested tarball of their parent does not hold: a lockfile's word for `inBundle` makes
 * npm fetch and run what it names (THREATS A6). `verdicts` answer `toRequests` of the same lockfile.
 */
export function checkBundled(lockfile: Lockfile, verdicts: readonly Verdict[]): LockfileFinding[] {
  const byPlace = new Map(lockfile.entries.map((entry) => [entry.where, entry]))
  const claimsByPurl = new Map<string, readonly Claim[]>()
  for (const verdict of verdicts) if (verdict.ok) claimsByPurl.set(verdict.purl, verdict.claims)
  return lockfile.entries.flatMap((entry): LockfileFinding[] => {
    if (entry.kind !== "bundled") return []
    const parent = parentOf(entry, byPlace)
    const claims = parent?.entry.purl === undefined ? [] : claimsByPurl.get(parent.entry.purl) ?? []
    if (parent !== undefined && claims.length > 0 && claims.every((claim) => claim.bundled.includes(parent.path))) return []
    return [{
      code: "EXOTIC_SOURCE", severity: "deny", saidBy: [], where: entry.where, name: entry.name, version: entry.version, optional: entry.optional,
      message: `${shown(entry.where)} claims to be bundled, and the attested tarball of ${shown(parent?.entry.where ?? "its parent")} does not hold it`,
      hint: "regenerate the lockfile with the package manager",
    }]
  })
}

/** The nearest package around a bundled entry that is fetched itself, and the entry's path within it. */
function parentOf(entry: LockfileEntry, byPlace: ReadonlyMap<string, LockfileEntry>): { readonly entry: LockfileEntry; readonly path: string } | undefined {
  const separator = "/node_modules/"
  for (let cut = entry.where.lastIndexOf(separator); cut > 0; cut = entry.where.lastIndexOf(separator, cut - 1)) {
    const parent = byPlace.get(entry.where.slice(0, cut))
    if (parent !== undefined && parent.kind !== "bundled") return { entry: parent, path: entry.where.slice(cut + 1) }
  }
  return undefined
}

/** Tells whether a path, taken from the project's root, may lead out of it. */
function leavesRoot(recorded: string): boolean {
  const path = recorded.replace(/^(link|portal|file|workspace):/, "")
  // Escaped dots and slashes: who unescapes them, and when, differs from reader to reader.
  if (/^([a-zA-Z]:|[\\/]|~)/.test(path) || /%(?:2e|2f|5c)/i.test(path)) return true
  let depth = 0
  for (const part of path.split(/[\\/]/)) {
    if (part === "..") depth -= 1
    else if (part !== "" && part !== ".") depth += 1
    if (depth < 0) return true
  }
  return false
}

/** A URL without its credentials and query, for messages. */
function redactUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//").replace(/\?.*$/s, "")
}
