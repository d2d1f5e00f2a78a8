/**
 * Packuments made to point at us: parsed and written once per upstream version, never per request.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { abbreviateManifest, ABBREVIATED_TOP_FIELDS } from "./abbreviated.ts"
import { exoticDependencies } from "./exotic.ts"
import { deniedPath } from "./path.ts"
import { isVersion, tarballPath } from "./tarball-name.ts"

/** Longest packument accepted, in bytes. The largest of well-known packages are near 100 MB in full form. */
export const PACKUMENT_BYTES_MAX = 192 * 1024 * 1024
export const VERSIONS_MAX = 100_000

/** What is known against one version: a code and a line for people. */
export interface Denial { readonly code: string; readonly reason: string }

/** Where upstream keeps a version, and what it says its bytes are. */
export interface DistEntry {
  /** Absolute URL as upstream wrote it; undefined where it wrote none. */
  readonly tarball?: string
  /** As upstream wrote it. */
  readonly integrity?: string
}

export interface RewriteOptions {
  /** Name that was asked for; a document about another package is refused. */
  readonly name: string
  /** Base URL of the server that answers, with a trailing slash. */
  readonly base: string
  /** Versions known to be denied. */
  readonly denied?: ReadonlyMap<string, Denial>
  /** Versions to leave out; tags that point to one move to the newest version that stays. */
  readonly omit?: (version: string) => boolean
  /** Code that dependencies from git, URLs and files are denied with; absent: they stay as written. */
  readonly exoticCode?: string
}

/** A packument in both forms, and the way back to upstream's addresses. */
export interface Rewritten {
  /** JSON text of the document as upstream gave it (full or abbreviated), rewritten. */
  readonly json: string
  /** JSON text of the abbreviated form; the same as `json` when upstream gave that. */
  readonly abbreviatedJson: string
  readonly dist: ReadonlyMap<string, DistEntry>
}

type Json = Record<string, unknown>

/** @throws VouchsafeError PACKUMENT_MALFORMED */
export function rewritePackument(bytes: Uint8Array, options: RewriteOptions, form: "full" | "abbreviated"): Rewritten {
  const doc = parseDocument(bytes, options.name)
  const versions = isObject(doc["versions"]) ? doc["versions"] : {}
  const entries = Object.entries(versions)
  if (entries.length > VERSIONS_MAX) throw malformed(options.name, `has ${entries.length} versions, expected at most ${VERSIONS_MAX}`)
  const dist = new Map<string, DistEntry>()
  const kept: [string, Json][] = []
  for (const [version, manifest] of entries) {
    // what semver cannot read no client can install; left out, so that no address of it reaches anybody
    if (!isVersion(version) || !isObject(manifest) || options.omit?.(version) === true) continue
    dist.set(version, distOf(manifest))
    kept.push([version, rewriteManifest(manifest, version, options)])
  }
  const tags = retarget(isObject(doc["dist-tags"]) ? doc["dist-tags"] : {}, kept.map(([version]) => version))
  const rewritten: Json = { ...doc, "dist-tags": tags, versions: Object.fromEntries(kept) }
  delete rewritten["_attachments"]
  const json = JSON.stringify(rewritten)
  if (form === "abbreviated" && !("time" in doc)) return { json, abbreviatedJson: json, dist }
  const short: Json = {}
  for (const field of ABBREVIATED_TOP_FIELDS) if (rewritten[field] !== undefined) short[field] = rewritten[field]
  const modified = isObject(doc["time"]) ? doc["time"]["modified"] : undefined
  if (short["modified"] === undefined && typeof modified === "string") short["modified"] = modified
  short["versions"] = Object.fromEntries(kept.map(([version, manifest]) => [version, abbreviateManifest(manifest)]))
  return { json, abbreviatedJson: JSON.stringify(short), dist }
}

/**
 * Rewrites the document of one version (`/<name>/<version>`).
 * @throws VouchsafeError PACKUMENT_MALFORMED
 */
export function rewriteVersion(bytes: Uint8Array, options: RewriteOptions): { readonly json: string; readonly version: string; readonly dist: DistEntry } {
  const doc = parseDocument(bytes, options.name)
  const version = doc["version"]
  if (typeof version !== "string" || !isVersion(version)) throw malformed(options.name, "names no version")
  return { json: JSON.stringify(rewriteManifest(doc, version, options)), version, dist: distOf(doc) }
}

/** Tags whose target is gone move to the newest version left (by order of the document); with none left there are no tags. */
export function retarget(tags: Json, versions: readonly string[]): Record<string, string> {
  const held = new Set(versions)
  const stable = versions.filter((version) => !version.includes("-"))
  const fallback = stable.at(-1) ?? versions.at(-1)
  const moved: [string, string][] = []
  for (const [tag, target] of Object.entries(tags)) {
    if (typeof target !== "string") continue
    if (held.has(target)) moved.push([tag, target])
    else if (fallback !== undefined && tag === "latest") moved.push([tag, fallback])
  }
  if (fallback !== undefined && !moved.some(([tag]) => tag === "latest")) moved.push(["latest", fallback])
  return Object.fromEntries(moved)
}

function rewriteManifest(manifest: Json, version: string, { name, base, denied, exoticCode }: RewriteOptions): Json {
  const denial = denied?.get(version)
  const dist: Json = { ...(isObject(manifest["dist"]) ? manifest["dist"] : {}) }
  dist["tarball"] = `${base}${denial ? deniedPath(denial.code, name, version) : tarballPath(name, version)}`
  const exotic = exoticCode === undefined ? {} : exoticDependencies(manifest, (dependency) => `${base}${deniedPath(exoticCode, dependency)}`)
  return { ...manifest, ...exotic, dist, ...(denial ? { deprecated: denial.reason } : {}) }
}

function distOf(manifest: Json): DistEntry {
  const dist = isObject(manifest["dist"]) ? manifest["dist"] : {}
  const { tarball, integrity } = dist
  return { ...(typeof tarball === "string" ? { tarball } : {}), ...(typeof integrity === "string" ? { integrity } : {}) }
}

function parseDocument(bytes: Uint8Array, name: string): Json {
  if (bytes.length > PACKUMENT_BYTES_MAX) throw malformed(name, `has ${bytes.length} bytes, expected at most ${PACKUMENT_BYTES_MAX}`)
  let doc: unknown
  try {
    doc = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch (cause) {
    throw malformed(name, "is not JSON", cause)
  }
  if (!isObject(doc)) throw malformed(name, "is not a JSON object")
  if (doc["name"] !== undefined && doc["name"] !== name) throw malformed(name, `names ${JSON.stringify(doc["name"]).slice(0, 80)}, expected ${JSON.stringify(name)}`)
  return doc
}

function malformed(name: string, what: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("PACKUMENT_MALFORMED", `packument of ${name} ${what}`, { cause, hint: "the upstream registry sent it" })
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
