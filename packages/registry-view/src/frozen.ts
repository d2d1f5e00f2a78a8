/**
 * A packument as it was at a time: what was published later is not in it, and neither is the version that is being rebuilt
 * (THREATS A10). Pure.
 *
 * What a packument does not date stays as it is today: deprecations, and tags whose version was there already.
 *
 * @packageDocumentation
 */
import { compareVersions, isPrerelease, VouchsafeError } from "@vouchsafe/core"
import { ABBREVIATED_VERSION_FIELDS, hasInstallScripts } from "./abbreviated.ts"
import { VERSIONS_MAX } from "./packument.ts"
import { isVersion, tarballPath } from "./tarball-name.ts"

export interface FreezeOptions {
  /** Name that was asked for; a document about another package is refused. */
  readonly name: string
  /** Unix seconds: what was published at this second is still there. */
  readonly frozenAt: number
  /** The one version that is never there. */
  readonly target: { readonly name: string; readonly version: string }
  /** What to do with a packument that has no times; default `refuse`. `keep` shows all versions but the target. */
  readonly withoutTimes?: "refuse" | "keep"
}

/** One version that was there. */
export interface FrozenVersion {
  readonly version: string
  /** As upstream wrote it. */
  readonly manifest: Readonly<Record<string, unknown>>
  /** Where upstream keeps its tarball; undefined where it does not say. */
  readonly tarball: string | undefined
  /** As upstream wrote it; undefined where there is none. */
  readonly integrity: string | undefined
}

/** A package as it was. */
export interface FrozenPackument {
  readonly name: string
  /** In the order of the document; empty where nothing was there yet. */
  readonly versions: ReadonlyMap<string, FrozenVersion>
  /** Each points to a version that is there. */
  readonly tags: ReadonlyMap<string, string>
  /** Publish times of the versions that are there, as upstream wrote them. */
  readonly times: ReadonlyMap<string, string>
}

/**
 * Cuts a full packument at a time.
 * @param document - as `JSON.parse` gave it
 * @throws VouchsafeError PACKUMENT_MALFORMED for no packument of this package, or one without times
 */
export function freezePackument(document: unknown, options: FreezeOptions): FrozenPackument {
  const { name, target } = options
  if (!isObject(document)) throw malformed(name, "is not a JSON object")
  if (document["name"] !== name) throw malformed(name, "is about another package")
  const all = isObject(document["versions"]) ? Object.entries(document["versions"]) : []
  if (all.length > VERSIONS_MAX) throw malformed(name, `has ${all.length} versions, expected at most ${VERSIONS_MAX}`)
  const allTimes = isObject(document["time"]) ? document["time"] : undefined
  if (allTimes === undefined && options.withoutTimes !== "keep") throw malformed(name, "has no publish times, so that nobody knows what was there")
  const versions = new Map<string, FrozenVersion>()
  const times = new Map<string, string>()
  for (const [version, manifest] of all) {
    // a manifest under another version's key would be that version by another way
    if (!isVersion(version) || !isObject(manifest) || manifest["version"] !== version || manifest["name"] !== name) continue
    if (name === target.name && compareVersions(version, target.version) === 0) continue
    if (allTimes !== undefined) {
      const time = publishedBy(Object.hasOwn(allTimes, version) ? allTimes[version] : undefined, options.frozenAt)
      if (time === undefined) continue
      times.set(version, time)
    }
    const dist = isObject(manifest["dist"]) ? manifest["dist"] : {}
    versions.set(version, { version, manifest, tarball: textOf(dist["tarball"]), integrity: textOf(dist["integrity"]) })
  }
  return { name, versions, tags: tagsOf(document["dist-tags"], [...versions.keys()]), times }
}

/**
 * The document that clients get.
 * @param base - base URL of the view as they see it, with a trailing slash; all tarballs lie below
 */
export function writeFrozenPackument(frozen: FrozenPackument, base: string, form: "full" | "abbreviated"): string {
  const versions = [...frozen.versions.values()].map((version) => [version.version, form === "full" ? writtenVersion(frozen, version, base) : abbreviated(writtenVersion(frozen, version, base))])
  const latest = [...frozen.times.values()].reduce((newest, time) => (Date.parse(time) > Date.parse(newest) ? time : newest), "1970-01-01T00:00:00.000Z")
  return JSON.stringify({
    ...(form === "full" ? { _id: frozen.name } : {}),
    name: frozen.name,
    "dist-tags": Object.fromEntries(frozen.tags),
    versions: Object.fromEntries(versions),
    ...(form === "full" ? { time: { modified: latest, ...Object.fromEntries(frozen.times) } } : {}),
    modified: latest,
  })
}

/** The document of one version, by version or tag; undefined where it was not there. */
export function writeFrozenVersion(frozen: FrozenPackument, selector: string, base: string): string | undefined {
  const version = frozen.versions.get(selector) ?? frozen.versions.get(frozen.tags.get(selector) ?? "")
  return version === undefined ? undefined : JSON.stringify(writtenVersion(frozen, version, base))
}

function writtenVersion({ name }: FrozenPackument, { version, manifest, integrity }: FrozenVersion, base: string): Record<string, unknown> {
  const dist = isObject(manifest["dist"]) ? manifest["dist"] : {}
  const shasum = textOf(dist["shasum"])
  // attestations and signatures have addresses of their own, or need the registry's keys: neither can be asked for here
  return { ...manifest, dist: { ...(shasum === undefined ? {} : { shasum }), ...(integrity === undefined ? {} : { integrity }), tarball: `${base}${tarballPath(name, version)}` } }
}

function abbreviated(manifest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.fromEntries(Object.entries(manifest).filter(([key]) => ABBREVIATED_VERSION_FIELDS.has(key)))
  return hasInstallScripts(manifest["scripts"]) ? { ...kept, hasInstallScript: true } : kept
}

/** Tags of versions that are there stay; `latest` moves to the highest release, or the highest prerelease where there is none. */
function tagsOf(tags: unknown, versions: readonly string[]): Map<string, string> {
  const held = new Set(versions)
  const kept = new Map(isObject(tags) ? Object.entries(tags).filter((entry): entry is [string, string] => typeof entry[1] === "string" && held.has(entry[1])) : [])
  const releases = versions.filter((version) => !isPrerelease(version))
  const latest = (releases.length > 0 ? releases : versions).reduce<string | undefined>((highest, version) => (highest === undefined || compareVersions(version, highest) > 0 ? version : highest), undefined)
  if (latest !== undefined && !kept.has("latest")) kept.set("latest", latest)
  return kept
}

/** RFC 3339: registries write UTC as Z, mirrors of them also as an offset. */
const RFC3339_TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/
const MS_PER_SECOND = 1000

/** The time as upstream wrote it, where it can be read and is not later. */
function publishedBy(time: unknown, frozenAt: number): string | undefined {
  if (typeof time !== "string" || !RFC3339_TIME.test(time)) return undefined
  const ms = Date.parse(time)
  return Number.isFinite(ms) && Math.floor(ms / MS_PER_SECOND) <= frozenAt ? time : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined
}

function malformed(name: string, what: string): VouchsafeError {
  return new VouchsafeError("PACKUMENT_MALFORMED", `packument of ${name} ${what}`, { hint: "the upstream registry sent it" })
}
