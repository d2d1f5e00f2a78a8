/** An attester in a world of memory: a registry to change, logs to read, a clock to move. */
import { createHash } from "node:crypto"
import { type Bytes, nobleCrypto, npmPurl, parseNotice, parseOwnEntry, resolveObservation, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import type { BlobStore, RegistrySource, StatementLog } from "@vouchsafe/ports"
import { type Attester, type AttesterOptions, createAttester } from "../../src/index.ts"
import { createUpstreamVerifier, loadTrust } from "@vouchsafe/sigstore"
import { sharedPath } from "@vouchsafe/config/shared"
import { readFileSync } from "node:fs"
import { entry, MANIFEST, packageJson, archive, tgz } from "@vouchsafe/testkit/tar"

export const REGISTRY = "https://registry.example/"
export const ORIGIN = "alpha.vouchsafe.example/log"
/** Sigstore's public authorities, and the keys of the registry as the recorded data has them. */
export const UPSTREAM = createUpstreamVerifier(loadTrust({
  trustedRootJson: readFileSync(sharedPath("data", "npm-attestations", "trust", "trusted_root.public-good.json"), "utf8"),
  registryKeysByRegistry: new Map([[REGISTRY, readFileSync(sharedPath("data", "npm-registry", "keys.tuf.json"), "utf8")]]),
}))
export const NOTICES_ORIGIN = "alpha.vouchsafe.example/notices"

/** A log that keeps the rules which the real one enforces on keys. */
export interface MemoryLog extends StatementLog {
  readonly entries: { readonly bytes: Bytes, readonly keys: readonly string[] }[]
  /** Runs before each append; may throw. */
  beforeAppend: () => Promise<void>
}

export function memoryLog(origin: string): MemoryLog {
  const log: MemoryLog = {
    origin, entries: [], beforeAppend: async () => undefined,
    async append(entries) {
      await log.beforeAppend()
      return entries.map(({ bytes, keys }) => {
        for (const key of keys) if (key === "" || key.length > 1024 || /\p{Cc}/u.test(key)) throw new RangeError(`key ${JSON.stringify(key)} is malformed`)
        log.entries.push({ bytes, keys })
        return { index: log.entries.length - 1 }
      })
    },
    async entry(index) {
      const found = log.entries[index]
      if (found === undefined) throw new RangeError(`no entry ${index}`)
      return found.bytes
    },
    async indicesByKey(key) {
      return log.entries.flatMap(({ keys }, index) => (keys.includes(key) ? [index] : []))
    },
  }
  return log
}

/** A version in the fake registry. */
export interface Published {
  manifest: Record<string, unknown>
  time: unknown
  bytes: Uint8Array
  /** What `content-length` says; by default the truth. */
  announced: number | undefined
}

export interface Registry extends RegistrySource {
  readonly versions: Map<string, Published>
  /** Answers for attestations by `name@version`. */
  readonly attested: Map<string, unknown>
  /** Queries as they came, `packument name@version` and `tarball url`. */
  readonly asked: string[]
  /** Unix seconds at which packuments are read. */
  now: () => number
  /** Runs before each answer; may throw or wait. */
  before: (what: string) => Promise<void>
  /** Bytes per chunk. */
  chunkBytes: number
  /** Tarballs being read: now, and the most there ever were at a time. */
  readonly reading: { now: number, most: number }
}

export function digestsOf(bytes: Uint8Array): { readonly integrity: string, readonly shasum: string, readonly sha512: string } {
  const sha512 = createHash("sha512").update(bytes).digest()
  return { integrity: `sha512-${sha512.toString("base64")}`, shasum: createHash("sha1").update(bytes).digest("hex"), sha512: sha512.toString("hex") }
}

/** The parts of a packument that say what bytes are served. */
export function distOf(bytes: Uint8Array): { readonly tarball: string, readonly integrity: string, readonly shasum: string } {
  const { integrity, shasum } = digestsOf(bytes)
  return { tarball: `${REGISTRY}fixture/-/fixture-1.0.0.tgz`, integrity, shasum }
}

export function memoryRegistry(): Registry {
  const registry: Registry = {
    versions: new Map(), attested: new Map(), asked: [], now: () => 1_770_000_000, before: async () => undefined, chunkBytes: 100, reading: { now: 0, most: 0 },
    async packumentVersion({ name, version, registry: id }) {
      registry.asked.push(`packument ${name}@${version}`)
      await registry.before("packument")
      const found = id === REGISTRY ? registry.versions.get(`${name}@${version}`) : undefined
      return found === undefined ? undefined : { manifest: found.manifest, time: found.time }
    },
    async packument({ name, registry: id }) {
      // A real source reads the packument that it has fetched for a version already, so this is no asking of its own.
      await registry.before("overview")
      const versions = id === REGISTRY ? [...registry.versions].filter(([spec]) => spec.startsWith(`${name}@`)) : []
      const newest = versions.at(-1)?.[1]
      if (newest === undefined) return undefined
      return {
        readAt: registry.now(), maintainers: newest.manifest["maintainers"], repository: newest.manifest["repository"],
        publishers: new Map(versions.map(([spec, { manifest }]) => [spec.slice(name.length + 1), manifest["_npmUser"]])),
        times: new Map(versions.map(([spec, { time }]) => [spec.slice(name.length + 1), time])),
      }
    },
    async attestations({ name, version }) {
      registry.asked.push(`attestations ${name}@${version}`)
      await registry.before("attestations")
      return registry.attested.get(`${name}@${version}`)
    },
    async tarball({ url, signal }) {
      registry.asked.push(`tarball ${url}`)
      await registry.before("tarball")
      const found = [...registry.versions.values()].find(({ manifest }) => (manifest["dist"] as { tarball: string } | undefined)?.tarball === url)
      if (found === undefined) throw new VouchsafeError("UPSTREAM_FAILED", "no such tarball, expected 200")
      const { bytes, announced } = found
      return {
        size: announced,
        chunks: (async function* () {
          const { reading } = registry
          reading.most = Math.max(reading.most, ++reading.now)
          try {
            for (let at = 0; at < bytes.length; at += registry.chunkBytes) {
              await new Promise<void>((resolve) => setImmediate(resolve))
              if (signal?.aborted === true) throw new VouchsafeError("TIMEOUT", "the download was ended")
              yield bytes.subarray(at, at + registry.chunkBytes)
            }
          } finally {
            reading.now -= 1
          }
        })(),
      }
    },
  }
  return registry
}

export interface MemoryBlobs extends BlobStore { readonly blobs: Map<string, Bytes> }

export function memoryBlobs(): MemoryBlobs {
  const blobs = new Map<string, Bytes>()
  return {
    blobs,
    async put(sha256, bytes) { blobs.set(sha256, bytes) },
    async get(sha256) { return blobs.get(sha256) },
  }
}

export interface World {
  readonly registry: Registry
  readonly log: MemoryLog
  readonly notices: MemoryLog
  readonly blobs: MemoryBlobs
  readonly clock: { now: number, nowMs(): number }
  readonly attester: Attester
  /** Puts a version into the registry, by default an honest one. */
  publish(change?: PublishChange): Published
  observation(index: number): ReturnType<typeof resolveObservation>
  notice(index: number): ReturnType<typeof parseNotice>
}

export interface PublishChange {
  readonly name?: string
  readonly version?: string
  readonly bytes?: Uint8Array
  readonly manifest?: Record<string, unknown>
  readonly time?: unknown
  readonly announced?: number | undefined
}

/** A package with one file and the manifest. */
export function fixtureTgz(manifest: object = MANIFEST, content = "module.exports = 1\n"): Buffer {
  return tgz(archive(packageJson(manifest), entry("package/index.js", content)))
}

export const ARTIFACT = { purl: npmPurl("fixture", "1.0.0"), registry: REGISTRY }

export function createWorld(options: Partial<AttesterOptions> & { readonly origin?: string } = {}): World {
  const registry = memoryRegistry()
  const log = memoryLog(options.origin ?? ORIGIN)
  const notices = memoryLog(NOTICES_ORIGIN)
  const blobs = memoryBlobs()
  const clock = { now: 1_770_000_000_000, nowMs: () => clock.now }
  registry.now = () => Math.floor(clock.now / 1000)
  const attester = createAttester({ source: registry, log, notices, blobs, clock, crypto: nobleCrypto, registries: [REGISTRY], upstream: UPSTREAM, ...options })
  return {
    registry, log, notices, blobs, clock, attester,
    publish(change = {}) {
      const { name = "fixture", version = "1.0.0" } = change
      const own = { name, version }
      const bytes = change.bytes ?? fixtureTgz({ ...own, ...change.manifest })
      const published = {
        manifest: { ...own, _npmUser: { name: "ann" }, repository: { type: "git", url: "git+https://git.example/ann/fixture.git" }, dist: { ...distOf(bytes), tarball: `${REGISTRY}${name}/-/${version}.tgz` }, ...change.manifest },
        time: "time" in change ? change.time : "2026-01-15T12:00:00.000Z", bytes, announced: "announced" in change ? change.announced : bytes.length,
      }
      registry.versions.set(`${name}@${version}`, published)
      return published
    },
    observation(index) {
      const parsed = parseOwnEntry(utf8Decode(log.entries[index]?.bytes as Bytes))
      return resolveObservation(parsed, new Map([...blobs.blobs].map(([sha256, bytes]) => [sha256, Buffer.from(bytes).toString("utf8")])))
    },
    notice: (index) => parseNotice(utf8Decode(notices.entries[index]?.bytes as Bytes)),
  }
}
