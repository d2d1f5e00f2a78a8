/**
 * The part of pnpm's hook payloads that is read here. No published package types all of 10, 11 and 12, so they are
 * declared as what they are on arrival: somebody's JSON.
 *
 * @packageDocumentation
 */

/** How pnpm gets a package. `type` is absent for tarballs. */
export interface Resolution {
  readonly integrity?: unknown
  readonly tarball?: unknown
  /** "directory", "git", "binary", "variations", "custom:…". */
  readonly type?: unknown
  readonly directory?: unknown
  readonly gitHosted?: unknown
  /** Of type "git": where the repository lies. */
  readonly repo?: unknown
}

/** A package as a fetcher is told of it: pnpm's own id, or (pnpm 10) its name and version. */
export type PackageId = string | { readonly name?: unknown, readonly version?: unknown } | undefined

export interface LockedPackage extends Importer {
  readonly resolution?: Resolution
}

/** `packages` maps `name@version` (10 and 11 append resolved peers in parentheses) to what is locked. */
export interface Lockfile {
  readonly packages?: Readonly<Record<string, LockedPackage>>
  readonly importers?: Readonly<Record<string, Importer>>
  /** What each package depends on, which 10 and 11 hand out with the package itself. */
  readonly snapshots?: Readonly<Record<string, Importer>>
}

/** 10 and 11 hand out `name: version`, 12 `name: {specifier, version}`. */
export interface Importer {
  readonly dependencies?: Readonly<Record<string, unknown>>
  readonly devDependencies?: Readonly<Record<string, unknown>>
  readonly optionalDependencies?: Readonly<Record<string, unknown>>
}

/** Argument of `preResolution`. */
export interface ResolutionContext {
  readonly wantedLockfile?: Lockfile
  readonly lockfileDir?: string
  /** URLs by scope (`@scope`), and `default`. */
  readonly registries?: Readonly<Record<string, string>>
}

/** Argument of `readPackage`. `dist` is there for versions that were just resolved from a registry. */
export interface PackageManifest {
  readonly name?: unknown
  readonly version?: unknown
  readonly dist?: Resolution
}

/** The part of pnpm's settings that `updateConfig` hands out. `registries` in 10, `registriesByScope` in 11 and 12. */
export interface PnpmSettings {
  readonly registries?: Readonly<Record<string, string>>
  readonly registriesByScope?: Readonly<Record<string, string>>
  readonly dir?: string
  readonly lockfileDir?: string
  readonly workspaceDir?: string
  readonly sharedWorkspaceLockfile?: boolean
}

/** Argument of a resolver's `canResolve`: what a manifest asks for, after overrides and catalogs. */
export interface WantedDependency {
  readonly alias?: unknown
  readonly bareSpecifier?: unknown
}
