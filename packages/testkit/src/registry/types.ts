import type { Buffer } from "node:buffer"
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"

/** Contents of one file of a fixture; `mode` is the permission bits that the tar header carries. */
export type FixtureFile = string | Uint8Array | { readonly content: string | Uint8Array; readonly mode?: number }

/** One package version made in memory. */
export interface FixturePackage {
  readonly name: string
  readonly version: string
  /** Paths inside the package, without the leading `package/`. A `package.json` is made when there is none. */
  readonly files?: Readonly<Record<string, FixtureFile>>
  /** Further fields of package.json: scripts, dependencies, bin, … Also copied into the packument. */
  readonly manifest?: Readonly<Record<string, unknown>>
  /** Further members of the packument's `dist`: signatures, attestations. */
  readonly dist?: Readonly<Record<string, unknown>>
  /** Fields that only the packument shows, over `manifest`: a registry that lies about its tarball. */
  readonly packument?: Readonly<Record<string, unknown>>
  /** Whole tarball, instead of one built from `files`: hostile archives. */
  readonly tarball?: Uint8Array
  /** ISO date. Default: a fixed day, so that packuments are the same in every run. */
  readonly publishedAt?: string
  /** npm user name. Default "fixture". */
  readonly publisher?: string
  /** Tags that point here. Default: `latest`, which the version published last keeps. */
  readonly tags?: readonly string[]
  readonly deprecated?: string
}

/** A request as a tamper rule and a test see it. */
export interface SeenRequest {
  readonly method: string
  /** Path and query as received. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly userAgent: string
}

/** A request as the registry recorded it, with what it answered. */
export interface RecordedRequest extends SeenRequest {
  readonly kind: "packument" | "version" | "tarball" | "publish" | "endpoint"
  /** Package that the path names, empty where it names none. */
  readonly name: string
  readonly status: number
}

/** Which requests a rule applies to: a function, or the part of it that fits into JSON. */
export type TamperWhen =
  | ((request: SeenRequest) => boolean)
  | { readonly userAgentIncludes?: string; readonly userAgentExcludes?: string }

/** Lies about attestations. */
export type AttestationLie = "drop-attestations" | "lose-attestations" | "swap-attestations" | "corrupt-attestations" | "cut-attestations"

/**
 * One lie of the registry.
 * - `swap-tarball`: other bytes, and a packument whose `dist` matches them
 * - `swap-bytes-only`: other bytes under an honest packument
 * - `truncate`: the right length is announced, half of the bytes come, then the connection is cut
 * - `hide`: the version is missing from the packument and its tarball answers 404
 * - `status`: the tarball answers `status` (default 500)
 * - `drop-attestations`: the packument announces none, and the endpoint has none
 * - `lose-attestations`: they are announced, and the endpoint has none
 * - `swap-attestations`: the endpoint answers those of `other` (`name@version`)
 * - `corrupt-attestations`: the endpoint answers them with every signature changed in one place
 * - `cut-attestations`: the endpoint answers half of the document
 */
export interface TamperRule {
  readonly name: string
  /** Exact version; absent: every version. */
  readonly version?: string
  readonly mode: "swap-tarball" | "swap-bytes-only" | "truncate" | "hide" | "status" | AttestationLie
  /** Absent: every request. */
  readonly when?: TamperWhen
  readonly status?: number
  /** `name@version` whose attestations are served instead. */
  readonly other?: string
  /** Bytes to serve instead. Default: the honest tarball plus a postinstall script that runs `command`. */
  readonly bytes?: Uint8Array
  /** Shell command of the added postinstall script. Default: writes a file `vouchsafe-tampered` into $INIT_CWD. */
  readonly command?: string
}

export interface RegistryOptions {
  readonly packages?: readonly FixturePackage[]
  readonly tamper?: readonly TamperRule[]
  /** Registry that answers for packages not held here; what it sends is kept. Absent: they answer 404. */
  readonly upstream?: string
  /** Folder that keeps upstream's answers between runs. Absent: memory only. */
  readonly cacheDir?: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Path prefix of the registry, e.g. "/npm/". Default "/". */
  readonly basePath?: string
  /** When set, every request needs `Authorization: Bearer <token>`; others get 401. */
  readonly token?: string
  /** Base of `dist.tarball` when it is not the registry itself (a CDN). */
  readonly tarballBase?: string
  /** Tarball requests are redirected (302) to this base plus the same path. */
  readonly redirectTarballs?: string
  /**
   * `<name>@<version>` to the JSON that the attestations endpoint answers. The packument announces them, as the public registry does,
   * also for versions of upstream.
   */
  readonly attestations?: Readonly<Record<string, unknown>>
  /** `<name>@<version>` to `dist.signatures`, also for versions of upstream. */
  readonly signatures?: Readonly<Record<string, unknown>>
  /** What the signing keys endpoint answers. */
  readonly keys?: unknown
  /** Sees each request first; true means that it answered by itself. For cut, slow and malformed answers. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>
}

/** A running fake registry. */
export interface FakeRegistry {
  /** Base URL with a trailing slash; also the registry id. */
  readonly url: string
  /** Everything asked so far, oldest first. */
  readonly requests: readonly RecordedRequest[]
  clearRequests(): void
  publish(fixture: FixturePackage): Built
  unpublish(name: string, version?: string): void
  setTag(name: string, tag: string, version: string): void
  /** Replaces all tamper rules. */
  tamper(rules: readonly TamperRule[]): void
  /** What is held for a fixture: its bytes and digests. Undefined for versions of upstream. */
  built(name: string, version: string): Built | undefined
  close(): Promise<void>
}

/** One version as held: honest bytes and what the packument says of them. */
export interface Built {
  readonly name: string
  readonly version: string
  readonly tarball: Buffer
  /** `sha512-<base64>`. */
  readonly integrity: string
  readonly shasum: string
  readonly sha512: string
  readonly unpackedSize: number
  readonly fileCount: number
  readonly manifest: Readonly<Record<string, unknown>>
  /** Further members of `dist`. */
  readonly dist: Readonly<Record<string, unknown>>
  readonly publishedAt: string
  readonly publisher: string
}
