import type { Resolve, UpstreamFetch } from "./guarded.ts"

/** Registries as an npm configuration gives them, without credentials. URLs end in a slash. */
export interface ViewUpstream {
  readonly registry: string
  /** By scope, `@acme`. */
  readonly scopes?: Readonly<Record<string, string>>
}

export interface FrozenViewOptions {
  /** Path of the unix socket to make; its folder must exist. */
  readonly socket: string
  /** Unix seconds. */
  readonly frozenAt: number
  /** The version that is never served. `sha512` (lower-case hex): nor these bytes under any other name. */
  readonly target: { readonly name: string; readonly version: string; readonly sha512?: string }
  readonly upstream: ViewUpstream
  /** Default `refuse`: a package whose packument has no times is not there. */
  readonly withoutTimes?: "refuse" | "keep"
  /** Whether tarballs may lie on hosts in private networks other than the registry's own. Default false. */
  readonly allowPrivateAddresses?: boolean
  /** Gets a line for each request. */
  readonly log?: (line: string) => void
  /** Default: over the network, with the guards of THREATS A8. */
  readonly fetch?: UpstreamFetch
  readonly resolve?: Resolve
}

/** One request to a view, and what became of it. */
export interface ViewRequest {
  readonly method: string
  /** As received, cut to a bounded length. */
  readonly target: string
  readonly outcome: "served" | "missing" | "refused" | "failed"
  readonly status: number
}

/** A tarball that a build was given. */
export interface ServedTarball {
  readonly name: string
  readonly version: string
  readonly integrity: string
}

/** A running view. */
export interface FrozenView {
  /** Oldest first, at most {@link REQUESTS_KEPT_MAX}; `requestCount` counts them all. */
  readonly requests: readonly ViewRequest[]
  requestCount(): number
  /** What the build was given, each once, sorted by name and version. */
  served(): readonly ServedTarball[]
  /** Ends all connections, removes socket and spooled files. */
  close(): Promise<void>
}

export const REQUESTS_KEPT_MAX = 50_000
