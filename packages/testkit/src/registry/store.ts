import { createHash } from "node:crypto"
import { buildFixture } from "./tarball.ts"
import type { Built, FixturePackage } from "./types.ts"

/** A packument as JSON. */
export interface PackumentDoc {
  name: string
  "dist-tags": Record<string, string>
  versions: Record<string, Record<string, unknown> & { dist?: Record<string, unknown> }>
  time?: Record<string, string>
  [field: string]: unknown
}

interface Held { readonly versions: Map<string, Built>; readonly tags: Map<string, string> }

/** The packages a registry holds itself. */
export interface Store {
  publish(fixture: FixturePackage): Built
  unpublish(name: string, version?: string): void
  setTag(name: string, tag: string, version: string | undefined): void
  built(name: string, version: string): Built | undefined
  tags(name: string): Record<string, string> | undefined
  names(): string[]
  /** Full packument with tarball URLs under `base`; undefined when nothing of that name is held. */
  packument(name: string, base: string): PackumentDoc | undefined
}

/** Fields that the abbreviated form keeps of a version. */
const ABBREVIATED_FIELDS = ["name", "version", "dependencies", "optionalDependencies", "devDependencies", "bundleDependencies", "bundledDependencies",
  "peerDependencies", "peerDependenciesMeta", "acceptDependencies", "bin", "directories", "dist", "engines", "cpu", "os", "libc", "funding", "deprecated", "_hasShrinkwrap"]
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"]

export function createStore(): Store {
  const packages = new Map<string, Held>()
  const store: Store = {
    publish(fixture) {
      const built = buildFixture(fixture)
      const held = packages.get(fixture.name) ?? { versions: new Map(), tags: new Map() }
      packages.set(fixture.name, held)
      held.versions.set(fixture.version, built)
      for (const tag of fixture.tags ?? ["latest"]) held.tags.set(tag, fixture.version)
      if (!held.tags.has("latest")) held.tags.set("latest", fixture.version)
      return built
    },
    unpublish(name, version) {
      const held = packages.get(name)
      if (version === undefined || held === undefined) { packages.delete(name); return }
      held.versions.delete(version)
      for (const [tag, target] of held.tags) if (target === version) held.tags.delete(tag)
      const newest = [...held.versions.keys()].at(-1)
      if (newest === undefined) packages.delete(name)
      else if (!held.tags.has("latest")) held.tags.set("latest", newest)
    },
    setTag(name, tag, version) {
      const held = packages.get(name)
      if (version === undefined) held?.tags.delete(tag)
      else held?.tags.set(tag, version)
    },
    built: (name, version) => packages.get(name)?.versions.get(version),
    tags: (name) => { const held = packages.get(name); return held && Object.fromEntries(held.tags) },
    names: () => [...packages.keys()],
    packument(name, base) {
      const held = packages.get(name)
      return held && packumentOf(name, held, base)
    },
  }
  return store
}

function packumentOf(name: string, held: Held, base: string): PackumentDoc {
  const first = [...held.versions.values()].map(({ publishedAt }) => publishedAt).reduce((a, b) => (Date.parse(b) < Date.parse(a) ? b : a))
  const time: Record<string, string> = { created: first, modified: "2026-01-16T00:00:00.000Z" }
  const versions: PackumentDoc["versions"] = {}
  for (const [version, built] of held.versions) {
    time[version] = built.publishedAt
    versions[version] = {
      _npmUser: { name: built.publisher, email: `${built.publisher}@example.com` }, ...built.manifest, name, version, _id: `${name}@${version}`,
      dist: { integrity: built.integrity, shasum: built.shasum, tarball: `${base}${tarballPath(name, version)}`, fileCount: built.fileCount, unpackedSize: built.unpackedSize, ...built.dist },
    }
  }
  return { _id: name, _rev: "1-0", name, "dist-tags": Object.fromEntries(held.tags), versions, time, maintainers: maintainersOf(held) }
}

/** Those of the version that `latest` points to, as the public registry shows them. */
function maintainersOf({ versions, tags }: Held): unknown {
  return versions.get(tags.get("latest") ?? "")?.manifest["maintainers"] ?? [{ name: "fixture", email: "fixture@example.com" }]
}

/** `x/-/x-1.0.0.tgz`, `@s/x/-/x-1.0.0.tgz`. */
export function tarballPath(name: string, version: string): string {
  return `${name}/-/${name.replace(/^@[^/]+\//, "")}-${version}.tgz`
}

/** The abbreviated form (`application/vnd.npm.install-v1+json`) of a full packument. */
export function abbreviate(full: PackumentDoc): PackumentDoc {
  const versions: PackumentDoc["versions"] = {}
  for (const [version, manifest] of Object.entries(full.versions)) {
    const short: Record<string, unknown> = {}
    for (const field of ABBREVIATED_FIELDS) if (manifest[field] !== undefined) short[field] = manifest[field]
    const scripts = manifest["scripts"] as Record<string, string> | undefined
    if (INSTALL_SCRIPTS.some((script) => scripts?.[script] !== undefined)) short["hasInstallScript"] = true
    versions[version] = short
  }
  return { name: full.name, modified: full.time?.["modified"] ?? "2026-01-16T00:00:00.000Z", "dist-tags": full["dist-tags"], versions }
}

export function etagOf(body: Uint8Array): string {
  return `"${createHash("sha256").update(body).digest("hex").slice(0, 32)}"`
}
