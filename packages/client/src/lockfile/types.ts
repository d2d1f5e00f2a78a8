import type { DependencyKind } from "@vouchsafe/core"

/** Where the bytes of a lockfile entry come from. */
export type LockfileKind = "registry" | "git" | "url" | "file" | "link" | "workspace" | "bundled" | "patch"

/** One package that a lockfile makes a package manager fetch or link. */
export interface LockfileEntry {
  /** Name in the registry, behind any alias. */
  readonly name: string
  /** Exact version; empty where the source has none (git, links). */
  readonly version: string
  /** `pkg:npm/…`, for registry packages. */
  readonly purl?: string
  /** SRI text as recorded. */
  readonly integrity?: string
  /** Where the lockfile says that the bytes are: an address as recorded; a local path relative to the lockfile, or absolute. */
  readonly resolved?: string
  /** Yarn Berry: `<cache key>/<hex sha512 of the zip>`. */
  readonly checksum?: string
  readonly kind: LockfileKind
  readonly optional: boolean
  readonly dev: boolean
  /** How the project depends on it, where the format says so: the strictest of all ways to it. */
  readonly dependency?: DependencyKind
  /** Key of the entry in its lockfile, for messages. */
  readonly where: string
}

export type LockfileFormat = "package-lock" | "pnpm-lock" | "yarn-classic" | "yarn-berry" | "bun-lock"

/** A lockfile, read. */
export interface Lockfile {
  readonly format: LockfileFormat
  /** The format's own version, as recorded. */
  readonly version: string
  readonly entries: readonly LockfileEntry[]
  /** By which names what is found, made when it is asked for; absent where entries are places themselves. */
  readonly wiring?: () => Wiring
}

/** What an entry is: `name@version`. */
export type Wired = string

/** By which names programs find what a lockfile lists. */
export interface Wiring {
  /** What is asked for by another name than its own, by that name. */
  readonly aliases: ReadonlyMap<string, ReadonlySet<Wired>>
  /** pnpm: what each importer, by its folder, and each entry finds by a name; one entry may have several sets of peers. */
  readonly links?: {
    readonly importers: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<Wired>>>
    readonly packages: ReadonlyMap<Wired, ReadonlyMap<string, ReadonlySet<Wired>>>
  }
}
