/**
 * What goes into the rebuilder's process and what comes out of it (packages/spec/rebuilding.md).
 *
 * @packageDocumentation
 */
import type { SignatureFact } from "./git/signature.ts"
import type { Recipe } from "./recipe/recipe.ts"

export const REQUEST_FORMAT = "vouchsafe-rebuild-request/v1"

/** How the commit was found. `given`: whoever asked named it. */
export type FoundBy = "given" | "provenance" | "gitHead" | "tag" | "history"

/** How far two tarballs are the same: the .tgz, the inflated tar, paths with contents and executable bits, or not. */
export type Match = "tgz" | "tar" | "contents" | "none"

/** Bounds of one rebuild; what is not given has its default of `REBUILD_LIMITS`. */
export interface RebuildLimits {
  /** Wall-clock milliseconds of one step of the build. */
  readonly stepTimeMs: number
  /** Wall-clock milliseconds of the clone. */
  readonly cloneTimeMs: number
  readonly memoryBytes: number
  readonly processes: number
  /** Bytes that clone and build may write, each. */
  readonly diskBytes: number
  /** Bytes of standard output and error of one step. */
  readonly outputBytes: number
  readonly openFiles: number
}

/** Registries as an npm configuration gives them, without credentials. */
export interface RegistriesConfig {
  /** Default registry, an URL with a slash at its end. */
  readonly registry: string
  /** Registry by scope, `@acme`. */
  readonly scopes?: Readonly<Record<string, string>>
}

/** One document on standard input. */
export interface RebuildRequest {
  readonly format: typeof REQUEST_FORMAT
  readonly purl: string
  /** Registry id: `scheme://host[:port]/path/`. */
  readonly registry: string
  /** Path of the published .tgz, which has `sha512`; it is never shown to a build. */
  readonly tarball: string
  /** Lower-case hexadecimal. */
  readonly sha512: string
  /** The version's manifest as the packument has it; null where none is known. */
  readonly manifest: unknown
  /** Unix seconds, as the registry claims. */
  readonly publishedAt: number | null
  /** Unix seconds: the build sees what the registry had then. */
  readonly frozenAt: number
  readonly source?: { readonly repository: string, readonly commit: string, readonly directory?: string } | undefined
  /** From verified provenance. */
  readonly provenance?: { readonly repository: string, readonly commit: string } | undefined
  /** Instead of the one that is chosen; counts as an override. */
  readonly recipe?: Recipe | undefined
  /** Text of an allowed_signers file. */
  readonly allowedSigners?: string | undefined
  /** An empty folder of the caller's, which the caller removes. */
  readonly workspace: string
  /** A folder that package managers of given versions are kept in from one rebuild to the next. */
  readonly toolchains?: string | undefined
  readonly upstream: RegistriesConfig
  readonly gitProtocols: readonly ("https" | "http" | "file")[]
  /** Hosts, with `:port` where it is not the protocol's own. */
  readonly gitHosts: readonly string[]
  readonly allowPrivateAddresses: boolean
  readonly limits?: Partial<RebuildLimits> | undefined
}

/** Why there is no comparison. */
export type FailureCode =
  | "SOURCE_NOT_FOUND" | "COMMIT_UNREACHABLE" | "CLONE_FAILED" | "RECIPE_INVALID" | "BUILD_FAILED" | "BUILD_TIMEOUT" | "BUILD_LIMIT"
  | "SANDBOX_UNAVAILABLE" | "TARBALL_HOSTILE" | "TOOLCHAIN_FAILED"

/** Where the source came from. */
export interface SourceFact {
  /** Git URL. */
  readonly repository: string
  readonly commit: string
  /** Branch or tag, in full, that the commit is reachable from. */
  readonly ref: string
  readonly foundBy: readonly FoundBy[]
  /** Folder of the package in the repository; empty for its root. */
  readonly directory: string
  readonly signature: SignatureFact
}

/** Digests of a tarball, all lower-case hexadecimal but `h1`. */
export interface TarballFact {
  readonly sha512: string
  readonly tarSha256: string
  readonly h1: string
  readonly size: number
  readonly files: number
}

/** Where the build ran. */
export interface EnvironmentFact {
  /** Unix seconds. */
  readonly frozenAt: number
  /** Version without `v`. */
  readonly node: string
  /** What packed: `npm@10.9.9`. */
  readonly manager: string
  /** `linux-x64`. */
  readonly platform: string
  /** `bubblewrap 0.8.0`. */
  readonly sandbox: string
}

/** A rebuild that came to its comparison. */
export interface ComparedResult {
  readonly status: "compared"
  readonly match: Match
  readonly source: SourceFact
  /** `document` is the canonical JSON that `sha256` is of. */
  readonly recipe: { readonly sha256: string, readonly override: boolean, readonly document: string }
  readonly environment: EnvironmentFact
  readonly rebuilt: TarballFact
  /** `document`: canonical JSON `vouchsafe-differences/v1`. `diff`: for people, bounded. */
  readonly differences: { readonly count: number, readonly classes: Readonly<Record<string, number>>, readonly document: string, readonly diff: string }
  /** Unix seconds. */
  readonly startedAt: number
  readonly finishedAt: number
}

/** A rebuild that did not. */
export interface FailedResult {
  readonly status: "failed"
  readonly step: string
  readonly code: FailureCode
  /** One line and, where a command failed, the last lines of its output; printable. */
  readonly detail: string
}

export type RebuildResult = ComparedResult | FailedResult

/** One line on standard output. The last one is the result. */
export type RebuildEvent =
  | { readonly type: "step", readonly name: string }
  | { readonly type: "log", readonly text: string }
  | { readonly type: "result", readonly result: RebuildResult }
