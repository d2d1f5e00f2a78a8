import { isVouchsafeError, npmPurl, registryIdOf, sha512OfSri, type ArtifactRequest } from "@vouchsafe/core"
import type { LocalFinding } from "@vouchsafe/client"
import type { Importer, Lockfile, Resolution } from "./types.ts"

/** What is known of the project while its packages are mapped. */
export interface MappingContext {
  /** Registry URL that the project configures for a package name. `tarball`: where pnpm is about to fetch that version from. */
  readonly registryFor: (name: string, version: string, tarball: string | undefined) => string
  /** Tells whether `path`, seen from the folder `from` below the lockfile's own, lies inside the workspace. */
  readonly isInside: (from: string, path: string) => boolean
}

/** What to do about one package of a lockfile. */
export type Mapped =
  /** Ask the network. */
  | { readonly kind: "ask", readonly request: ArtifactRequest }
  /** The project's own files: nothing was fetched. */
  | { readonly kind: "own" }
  /** No evidence could cover this: the policy decides. */
  | LocalFinding & { readonly kind: "finding" }

/** An exact version; whatever else stands behind the `@` (URL, git, file, runtime) is no registry version. */
const VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/
/** From this character on, pnpm appends the peers that a package was resolved with. */
const PEERS = "("

/**
 * Maps an entry of a pnpm lockfile, or what a fetcher was about to get, to the question to ask.
 *
 * @param id - `name@version`, `name@file:…`, `name@https://…`, or bare for local folders (`file:…`)
 */
export function mapPackage(id: string, resolution: Resolution | undefined, context: MappingContext): Mapped {
  if (typeof resolution !== "object" || resolution === null) return exotic(id, "the lockfile does not say where it comes from")
  const { type, tarball, directory } = resolution
  if (type === "directory") {
    return typeof directory === "string" && context.isInside(".", directory) ? { kind: "own" } : exotic(id, "a folder outside the workspace", String(directory))
  }
  if (type !== undefined) return exotic(id, `a source of type ${String(type)}, which no node observes`)
  if (tarball !== undefined && typeof tarball !== "string") return exotic(id, "the tarball's address is not text")
  if (tarball?.startsWith("file:") === true) {
    return context.isInside(".", tarball.slice("file:".length)) ? { kind: "own" } : exotic(id, "a tarball outside the workspace", tarball)
  }
  const named = splitId(id)
  if (named === undefined || resolution.gitHosted === true) return exotic(id, "a URL or repository instead of a version of a registry", tarball)
  return mapVersion(id, named, resolution.integrity, tarball, context)
}

function mapVersion(id: string, named: { name: string, version: string }, integrity: unknown, tarball: string | undefined, context: MappingContext): Mapped {
  const registry = registryIdOf(context.registryFor(named.name, named.version, tarball))
  const sha512 = sha512Of(integrity)
  const request = { purl: npmPurl(named.name, named.version), registry, ...(sha512 === undefined ? {} : { sha512 }) }
  if (sha512 === undefined) {
    return { ...exotic(id, "no sha512 integrity: nothing ties what is installed to what was attested", typeof integrity === "string" ? integrity : "none"), request }
  }
  if (tarball !== undefined && !isOnHost(tarball, registry)) {
    return {
      kind: "finding", code: "WRONG_REGISTRY", id, request,
      message: "its tarball lies on another host than the registry that is configured for it", expected: registry, found: tarball,
    }
  }
  return { kind: "ask", request }
}

function exotic(id: string, message: string, found?: string): Mapped & { readonly kind: "finding" } {
  return { kind: "finding", code: "EXOTIC_SOURCE", id, message, ...(found === undefined ? {} : { found }) }
}

/** Takes `name@1.0.0` or `@scope/name@1.0.0(peer@2.0.0)` apart; undefined for everything that is no version of a registry. */
export function splitId(id: string): { name: string, version: string } | undefined {
  const at = id.indexOf("@", 1)
  if (at < 0) return undefined
  const rest = id.slice(at + 1)
  const peers = rest.indexOf(PEERS)
  const version = peers < 0 ? rest : rest.slice(0, peers)
  return VERSION.test(version) ? { name: id.slice(0, at), version } : undefined
}

function sha512Of(integrity: unknown): string | undefined {
  if (typeof integrity !== "string") return undefined
  try {
    return sha512OfSri(integrity)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return undefined
  }
}

/** A path without host is taken from the registry itself. */
function isOnHost(tarball: string, registry: string): boolean {
  if (!URL.canParse(tarball, registry)) return false
  const url = new URL(tarball, registry)
  return (url.protocol === "https:" || url.protocol === "http:") && url.host === new URL(registry).host
}

/** Registry URL for a package name out of pnpm's own map. */
export function registryIn(registries: Readonly<Record<string, string>>, name: string): string | undefined {
  const scope = name.startsWith("@") ? name.slice(0, name.indexOf("/")) : undefined
  return (scope === undefined ? undefined : registries[scope]) ?? registries["default"]
}

/** The registry out of `registries` in which a tarball lies under the address that a registry gives to this name and version; undefined for any other one. */
export function registryOfTarball(registries: readonly string[], name: string, version: string, tarball: string | undefined): string | undefined {
  return registries.find((registry) => tarball === `${registry}${name}/-/${name.slice(name.indexOf("/") + 1)}-${version}.tgz`)
}

const IMPORTER_FIELDS = ["dependencies", "devDependencies", "optionalDependencies"] as const
const LINK = "link:"

/** Findings about links to folders outside of the workspace: of its packages, and of what a lockfile says that a locked package links to (THREATS A6). */
export function linksOf(lockfile: Lockfile | undefined, context: MappingContext): Mapped[] {
  const found: Mapped[] = []
  // links of locked packages start at the lockfile's folder
  const locked = [lockfile?.packages, lockfile?.snapshots].flatMap((packages) => Object.values(packages ?? {})).map((fields): [string, Importer] => [".", fields])
  for (const [importer, fields] of [...Object.entries(lockfile?.importers ?? {}), ...locked]) {
    for (const [name, target] of IMPORTER_FIELDS.flatMap((field) => Object.entries(fields[field] ?? {}))) {
      const version = typeof target === "object" && target !== null && "version" in target ? target.version : target
      if (typeof version !== "string" || !version.startsWith(LINK)) continue
      const path = version.slice(LINK.length)
      if (!context.isInside(importer, path)) found.push(exotic(`${name}@${version}`, "a link to a folder outside the workspace", path))
    }
  }
  return found
}
