/**
 * The registry of a simulated world: a host that serves versions, and may serve other bytes to some.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { npmPurl, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport, RegistrySource } from "@vouchsafe/ports"
import type { Simulation } from "@vouchsafe/testkit"
import { archive, entry, packageJson, tgz } from "@vouchsafe/testkit/tar"

export const REGISTRY = "https://registry.example/"
export const REGISTRY_HOST = "registry"
const TIMEOUT_MS = 10_000
const BYTES_MAX = 1_048_576
const PUBLISHED_AT = "2026-01-15T12:00:00.000Z"

/** A published version. */
export interface Published {
  readonly name: string
  readonly purl: string
  readonly registry: string
  /** What everybody gets who gets nothing else. */
  readonly sha512: string
  /** Other bytes for some hosts. */
  readonly other: Map<string, Uint8Array>
  /** Who was ever served which bytes, hex SHA-512. */
  readonly served: Map<string, Set<string>>
  /** Whether anybody was ever served other bytes. */
  wasTampered: boolean
}

/** What a liar makes of a version's bytes. */
export type Distort = (name: string, bytes: Uint8Array) => Uint8Array

export interface SimulatedRegistry {
  publish(name: string): Published
  readonly published: readonly Published[]
  /** From now on these hosts get other bytes, the same for all of them. */
  tamper(version: Published, hosts: readonly string[], content: string): string
  mend(version: Published): void
  /** What a host would get now, hex SHA-512: what its package manager is about to install. */
  sha512For(version: Published, host: string): string
  /** A way to it. `distortion` lets a liar pretend to have been served something else. */
  sourceFor(transport: HttpTransport, distortion: () => Distort | undefined): RegistrySource
}

export const sha512Of = (bytes: Uint8Array): string => createHash("sha512").update(bytes).digest("hex")

/** A package of one file. */
export function packageOf(name: string, content: string): Uint8Array {
  return new Uint8Array(tgz(archive(packageJson({ name, version: "1.0.0" }), entry("package/index.js", `module.exports = ${JSON.stringify(content)}\n`))))
}

function manifestOf(name: string, bytes: Uint8Array): unknown {
  const digest = (kind: string) => createHash(kind).update(bytes).digest()
  return {
    name, version: "1.0.0",
    dist: { tarball: `${REGISTRY}${name}/-/${name}-1.0.0.tgz`, integrity: `sha512-${digest("sha512").toString("base64")}`, shasum: digest("sha1").toString("hex") },
  }
}

/** Starts it. */
export function startRegistry(simulation: Simulation): SimulatedRegistry {
  const versions = new Map<string, Published & { readonly bytes: Uint8Array }>()
  const bytesFor = (version: Published, host: string): Uint8Array => version.other.get(host) ?? (versions.get(version.name) as { bytes: Uint8Array }).bytes
  const serve = (version: Published, host: string): Uint8Array => {
    const bytes = bytesFor(version, host)
    const served = version.served.get(host) ?? new Set()
    served.add(sha512Of(bytes))
    version.served.set(host, served)
    return bytes
  }
  const NOT_FOUND = { status: 404, headers: {}, body: new Uint8Array(0) }

  simulation.listen(REGISTRY_HOST, new URL(REGISTRY).origin, async ({ path, from }) => {
    const [, name = "", file] = path.split("/")
    const version = versions.get(name)
    if (version === undefined) return NOT_FOUND
    const bytes = serve(version, from)
    if (file === "-") return { status: 200, headers: {}, body: bytes }
    return { status: 200, headers: {}, body: utf8Encode(JSON.stringify(manifestOf(name, bytes))) }
  })

  const get = async (transport: HttpTransport, url: string): Promise<{ status: number; body: Uint8Array }> => {
    const answer = await transport.request({ method: "GET", url, timeoutMs: TIMEOUT_MS, maxBytes: BYTES_MAX })
    if (answer.status !== 200 && answer.status !== 404) throw new VouchsafeError("UPSTREAM_FAILED", `the registry answered ${answer.status}`)
    return answer
  }

  return {
    get published() {
      return [...versions.values()]
    },
    publish(name) {
      const bytes = packageOf(name, "honest")
      const version = { name, purl: npmPurl(name, "1.0.0"), registry: REGISTRY, sha512: sha512Of(bytes), bytes, other: new Map<string, Uint8Array>(), served: new Map<string, Set<string>>(), wasTampered: false }
      versions.set(name, version)
      return version
    },
    tamper(version, hosts, content) {
      const bytes = packageOf(version.name, content)
      for (const host of hosts) version.other.set(host, bytes)
      version.wasTampered = true
      return sha512Of(bytes)
    },
    mend: (version) => version.other.clear(),
    sha512For: (version, host) => sha512Of(bytesFor(version, host)),
    sourceFor(transport, distortion) {
      const told = new Map<string, Uint8Array>()
      const read = new Set<string>()
      return {
        async packumentVersion({ name }) {
          const { status, body } = await get(transport, `${REGISTRY}${name}`)
          if (status === 404) return undefined
          read.add(name)
          const manifest: unknown = JSON.parse(Buffer.from(body).toString("utf8"))
          const distort = distortion()
          told.delete(name)
          if (distort === undefined) return { manifest, time: PUBLISHED_AT }
          const file = await get(transport, `${REGISTRY}${name}/-/${name}-1.0.0.tgz`)
          const bytes = distort(name, file.body)
          told.set(name, bytes)
          return { manifest: manifestOf(name, bytes), time: PUBLISHED_AT }
        },
        // The packument that it has just read for the version: no question of its own.
        async packument({ name }) {
          if (!read.has(name)) return undefined
          return {
            readAt: Math.floor(simulation.time.nowMs() / 1000), maintainers: undefined, repository: undefined,
            publishers: new Map([["1.0.0", undefined]]), times: new Map([["created", PUBLISHED_AT], ["1.0.0", PUBLISHED_AT]]),
          }
        },
        attestations: async () => undefined,
        async tarball({ url, signal }) {
          const name = new URL(url).pathname.split("/")[1] ?? ""
          const lie = told.get(name)
          const { status, body } = lie === undefined ? await get(transport, url) : { status: 200, body: lie }
          if (status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", "no such tarball, expected 200")
          return {
            size: body.length,
            chunks: (async function* () {
              // Inflating is done by a thread: virtual time waits for it. Reading ends with the signal, however it ends.
              const release = simulation.time.hold()
              signal?.addEventListener("abort", release)
              yield body
            })(),
          }
        },
      }
    },
  }
}
