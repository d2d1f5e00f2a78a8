/**
 * What an attester asks of the world: the registry, a log for its observations, one for its notices, and a place for what is too
 * large for a log.
 *
 * @packageDocumentation
 */
import type { Bytes } from "@vouchsafe/core"
import type { AbortSignalLike } from "./http.ts"
import type { Log } from "./log.ts"

/** One version of one package of one registry. */
export interface VersionQuery {
  /** Full npm name with its scope: not yet percent-encoded. */
  readonly name: string
  readonly version: string
  /** Registry id: `scheme://host[:port]/path/`. */
  readonly registry: string
  readonly signal?: AbortSignalLike | undefined
}

/** What a registry says of a version. Foreign, unchecked values. */
export interface PackumentVersion {
  /** Member `versions[version]` of the full packument, as `JSON.parse` gave it. */
  readonly manifest: unknown
  /** Member `time[version]`; undefined where the packument has none. */
  readonly time: unknown
}

/** What a whole packument says of all its versions. Foreign, unchecked values. */
export interface PackumentOverview {
  /** Unix seconds at which the registry was last asked. */
  readonly readAt: number
  /** Member `_npmUser` of each version that the packument lists, as `JSON.parse` gave it; undefined where there is none. */
  readonly publishers: ReadonlyMap<string, unknown>
  /** Members of `time` by name, `created` among them. */
  readonly times: ReadonlyMap<string, unknown>
  /** Members of the packument itself, which are those of its newest version. */
  readonly maintainers: unknown
  readonly repository: unknown
}

/** A tarball on its way. */
export interface TarballDownload {
  /** Bytes announced (`content-length`), where the registry announces them and no content encoding applies. Not believed, only planned with. */
  readonly size: number | undefined
  /** The bytes as the registry stores them. Read to the end, or ended by the query's `signal`: one of the two always comes. */
  readonly chunks: AsyncIterable<Bytes>
}

/**
 * The registry, over TLS where it speaks TLS: never a mirror, a peer or a cache (THREATS A4), with the guards of THREATS A8 on every hop.
 *
 * Rejects with a VouchsafeError: UNREACHABLE, TIMEOUT (also when `signal` ends it), ADDRESS_REFUSED, UPSTREAM_FAILED (any other status,
 * a body over its limit), PACKUMENT_MALFORMED (no JSON object). The chunks of a download may reject with the same.
 */
export interface RegistrySource {
  /** The version's part of the full (not the abbreviated) packument. Resolves to undefined when the registry has no such package or version. */
  packumentVersion(query: VersionQuery): Promise<PackumentVersion | undefined>
  /** What the same packument says of all versions. Resolves to undefined when the registry has no such package. */
  packument(query: Omit<VersionQuery, "version">): Promise<PackumentOverview | undefined>
  /**
   * The registry's answer for the attestations of a version (`-/npm/v1/attestations/<name>@<version>`), as `JSON.parse` gave it.
   * Resolves to undefined where the registry answers that it has none. To be asked only for a version whose packument announces some.
   */
  attestations(query: VersionQuery): Promise<unknown>
  /** Fetches `url`, which a packument of `registry` named and nobody has checked. */
  tarball(query: { readonly url: string; readonly registry: string; readonly signal?: AbortSignalLike | undefined }): Promise<TarballDownload>
}

/** The part of a {@link Log} that an attester uses. */
export type StatementLog = Pick<Log, "origin" | "append" | "entry" | "indicesByKey">

/**
 * Documents by their SHA-256: file manifests, and statements too large for a log entry.
 * Whoever reads checks the digest; the store need not.
 */
export interface BlobStore {
  /** Resolves when the bytes are durable. Storing the same bytes again succeeds. Rejects with DISK. */
  put(sha256: string, bytes: Bytes): Promise<void>
  /** undefined when there is no such document. Rejects with DISK when the place cannot be read. */
  get(sha256: string): Promise<Bytes | undefined>
}
