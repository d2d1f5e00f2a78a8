import { type ArtifactRequest, type Claim, type Finding, isVouchsafeError, parseSri, registryIdOf, sha512OfSri, shown, type Verdict, type VerdictCode } from "@vouchsafe/core"
import type { Lockfile, LockfileEntry } from "./types.ts"

/** What the pre-check needs to know about the project. */
export interface LockfileContext {
  /** Registry id that the person's configuration gives for a package name. */
  readonly registryFor: (name: string) => string
  /** Registry ids that every client rewrites to the configured one: npm's own default. */
  readonly rewritten?: readonly string[]
}

/** A finding about one entry of a lockfile. */
export interface LockfileFinding extends Finding {
  readonly where: string
  readonly name: string
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
    return [{ code, message, hint, severity: "deny" as const, saidBy: [], where: entry.where, name: entry.name, optional: entry.optional }]
  })
}

type Problem = readonly [code: VerdictCode, message: string, hint: string]

function problemOf(lockfile: Lockfile, entry: LockfileEntry, context: LockfileContext): Problem | undefined {
  const at = shown(entry.where)
  const from = entry.resolved === undefined ? "" : ` from ${shown(redactUrl(entry.resolved))}`
  switch (entry.kind) {
    case "workspace":
      return leavesRoot(entry.where) && lockfile.format === "package-lock" ? ["EXOTIC_SOURCE", `${at} is a workspace outside the project`, "move it inside the project's root"] : undefined
    case "link":
      return entry.resolved !== undefined && leavesRoot(entry.resolved.replace(/^(link|portal|file):/, ""))
        ? ["EXOTIC_SOURCE", `${at} links to ${shown(entry.resolved)}, outside the project`, "link only to workspaces inside the project's root"] : undefined
    case "patch":
    case "bundled":
      return undefined
    case "git":
    case "url":
    case "file":
      return ["EXOTIC_SOURCE", `${at} is fetched${from}: no registry release that anybody attested`, "depend on a registry release of it, or record an exception"]
    case "registry":
      return hostProblem(entry, context) ?? digestProblem(lockfile, entry)
  }
}

function hostProblem(entry: LockfileEntry, context: LockfileContext): Problem | undefined {
  if (entry.resolved === undefined) return undefined
  const configured = context.registryFor(entry.name)
  const allowed = [configured, ...(context.rewritten ?? [])]
  let spelled: string
  try {
    spelled = registryIdOf(entry.resolved.replace(/[?#].*$/, ""))
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    spelled = ""
  }
  if (allowed.some((registry) => spelled.startsWith(registry))) return undefined
  return ["WRONG_REGISTRY", `${shown(entry.where)} is fetched from ${shown(redactUrl(entry.resolved))}, expected ${configured}`, "regenerate the entry, or configure that registry for its scope"]
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
    parseSri(entry.integrity)
    return sha512OfSri(entry.integrity)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}

/** The artifacts to ask for, each once, with the lockfile's digests. Entries that `checkLockfile` refuses are left out. */
export function toRequests(lockfile: Lockfile, context: LockfileContext): ArtifactRequest[] {
  const requests = new Map<string, ArtifactRequest>()
  for (const entry of lockfile.entries) {
    if (entry.kind !== "registry" || entry.purl === undefined) continue
    const sha512 = sha512Of(entry)
    const request = { purl: entry.purl, registry: context.registryFor(entry.name), ...(sha512 === undefined ? {} : { sha512 }) }
    requests.set(`${request.purl}\n${sha512 ?? ""}`, request)
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
      code: "EXOTIC_SOURCE", severity: "deny", saidBy: [], where: entry.where, name: entry.name, optional: entry.optional,
      message: `${shown(entry.where)} claims to be bundled, and the attested tarball of ${shown(parent?.entry.where ?? "its parent")} does not hold it`,
      hint: "regenerate the lockfile with the package manager",
    }]
  })
}

/** The nearest package around a bundled entry that is fetched itself, and the entry's path within it. */
function parentOf(entry: LockfileEntry, byPlace: ReadonlyMap<string, LockfileEntry>): { readonly entry: LockfileEntry; readonly path: string } | undefined {
  const separator = entry.where.includes("node_modules/") ? "/node_modules/" : "/"
  for (let cut = entry.where.lastIndexOf(separator); cut > 0; cut = entry.where.lastIndexOf(separator, cut - 1)) {
    const parent = byPlace.get(entry.where.slice(0, cut))
    if (parent === undefined || parent.kind === "bundled") continue
    const rest = entry.where.slice(cut + 1)
    return { entry: parent, path: separator === "/" ? rest.split(/\/(?!(?<=@[^/]*\/))/).map((name) => `node_modules/${name}`).join("/") : rest }
  }
  return undefined
}

function leavesRoot(path: string): boolean {
  if (/^([a-zA-Z]:|[\\/]|~)/.test(path)) return true
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
  return url.replace(/\/\/[^/@]*@/, "//").replace(/\?.*$/, "")
}
