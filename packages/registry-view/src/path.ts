/**
 * What a request to an npm registry asks for, read from method and path. Clients spell one thing in several ways
 * (`@s%2fx`, `@s%2Fx`, `@s/x`, `/@s%2fx/-/x-1.0.0.tgz`): all spellings come out as one.
 *
 * @packageDocumentation
 */
import { isVersion, tarballFile, tarballPath, tarballVersion } from "./tarball-name.ts"

/** Longest request target accepted, in UTF-16 units. */
export const TARGET_LENGTH_MAX = 8192
/** Path that a denied version's `dist.tarball` points to; what follows is the code, then a file name. */
export const DENIED_PREFIX = "-/DENIED-"

/** One request, understood. */
export type RegistryRequest =
  /** All versions of a package. `write`: asked for to be sent back changed, so nobody may rewrite it. */
  | { readonly kind: "packument"; readonly name: string; readonly write: boolean }
  /** One version, by version or tag. */
  | { readonly kind: "manifest"; readonly name: string; readonly selector: string }
  /** A tarball; `version` is what the file name says. */
  | { readonly kind: "tarball"; readonly name: string; readonly version: string; readonly file: string }
  /** The address that {@link deniedPath} makes of a version. */
  | { readonly kind: "denied"; readonly code: string; readonly name: string; readonly version: string }
  /** The address that {@link deniedPath} makes of a dependency that no registry holds. */
  | { readonly kind: "denied-source"; readonly code: string; readonly name: string }
  /** Publish, unpublish, deprecate. */
  | { readonly kind: "write"; readonly name: string }
  /** `/-/…`; `name` where the path tells which package it is about. */
  | { readonly kind: "endpoint"; readonly path: string; readonly name?: string }
  /** The registry's root document. */
  | { readonly kind: "root" }
  /** Nothing a registry answers, or spelled so that two readers could disagree. */
  | { readonly kind: "unknown"; readonly why: string }

const READS = new Set(["GET", "HEAD"])
const NAME = String.raw`(?:@[^/@\s]+/)?[^/@\s]+`
const ATTESTATIONS = new RegExp(`^-/npm/v1/attestations/(${NAME})@[^/@]+$`)
const PACKAGE_ENDPOINT = new RegExp(`^-/(?:package|collaborators)/(${NAME})(?:/|$)`)
const DENIED = new RegExp(`^-/DENIED-([A-Za-z0-9_-]{1,64})/(${NAME})(?:/-/([^/]+))?$`)
/** Where some registries keep tarballs; lockfiles made from them record it. */
const DOWNLOAD = new RegExp(`^download/(${NAME})/([^/]+)/[0-9a-f]{40,128}$`)
const PACKAGE = new RegExp(`^(${NAME})(?:/(.*))?$`, "s")
/** Names that no package may have: they are read as paths or belong to JavaScript. */
const NEVER_NAMES = /(^|\/)(\.{1,2}|node_modules|favicon\.ico)$|^[._-]|^@[^/]*\/[.]/i
const NAME_LENGTH_MAX = 214

/**
 * Reads a request line.
 *
 * @param method - upper case, as received
 * @param target - path and query as received, below the registry's base
 */
export function parseRegistryRequest(method: string, target: string): RegistryRequest {
  if (target.length > TARGET_LENGTH_MAX) return unknown(`target of ${target.length} characters, expected at most ${TARGET_LENGTH_MAX}`)
  const mark = target.indexOf("?")
  const query = mark < 0 ? "" : target.slice(mark + 1)
  const path = decodePath(mark < 0 ? target : target.slice(0, mark))
  if (path === undefined) return unknown("path with a broken or doubled escape, a dot segment, a backslash or a control character")
  if (path === "") return { kind: "root" }
  if (path.startsWith("-/")) return parseEndpoint(path)
  return parsePackagePath(method, path, query)
}

/** Decoded once, without the leading slash; undefined where another reader might see another path. */
function decodePath(raw: string): string | undefined {
  if (!raw.startsWith("/")) return undefined
  let decoded: string
  try {
    // one trailing slash is how some clients end a package path
    decoded = decodeURIComponent(raw.slice(1).replace(/\/$/, ""))
  } catch {
    return undefined
  }
  // a second round of decoding must change nothing, else somebody behind us might take it
  if (/%[0-9a-f]{2}/i.test(decoded) || /[\\\p{Cc}#?]/u.test(decoded)) return undefined
  const segments = decoded.split("/")
  if (decoded !== "" && segments.some((segment) => segment === "" || segment === "." || segment === "..")) return undefined
  return decoded
}

function parseEndpoint(path: string): RegistryRequest {
  const [, code, deniedName, file] = DENIED.exec(path) ?? []
  if (code !== undefined && deniedName !== undefined) return parseDenied(code, deniedName, file)
  const name = ATTESTATIONS.exec(path)?.[1] ?? PACKAGE_ENDPOINT.exec(path)?.[1]
  return { kind: "endpoint", path, ...(name === undefined ? {} : { name }) }
}

function parseDenied(code: string, name: string, file: string | undefined): RegistryRequest {
  if (!isPackageName(name.replace(/\.tgz$/, ""))) return unknown("denied address that names no package")
  if (file === undefined) return { kind: "denied-source", code, name: name.replace(/\.tgz$/, "") }
  const version = tarballVersion(name, file)
  return version === undefined ? unknown(`file name that is not a tarball of ${name}`) : { kind: "denied", code, name, version }
}

function parsePackagePath(method: string, path: string, query: string): RegistryRequest {
  const [, name, rest] = PACKAGE.exec(path) ?? []
  if (name === undefined || !isPackageName(name)) return unknown("path that names no package")
  if (!READS.has(method)) return { kind: "write", name }
  const download = DOWNLOAD.exec(path)
  if (download && isPackageName(download[1] as string) && isVersion(download[2] as string)) {
    return { kind: "tarball", name: download[1] as string, version: download[2] as string, file: tarballFile(download[1] as string, download[2] as string) }
  }
  if (rest === undefined) return { kind: "packument", name, write: new URLSearchParams(query).get("write") === "true" }
  const file = /^-\/([^/]+)$/.exec(rest)?.[1] ?? /^-\/@[^/]+\/([^/]+)$/.exec(rest)?.[1]
  if (file !== undefined) {
    const version = tarballVersion(name, file)
    return version === undefined ? unknown(`file name that is not a tarball of ${name}`) : { kind: "tarball", name, version, file }
  }
  return rest.includes("/") || rest === "-" ? unknown("path below a package that is neither a version nor a tarball") : { kind: "manifest", name, selector: rest }
}

/** Tells whether a text can be a package's name, also one of the old kind with upper case. */
export function isPackageName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && !NEVER_NAMES.test(name) && /^(?:@[A-Za-z0-9._~!'()*-]+\/)?[A-Za-z0-9._~!'()*-]+$/.test(name)
}

/**
 * Path below the registry's base at which a denied version is shown to lie: some clients print nothing but the address.
 * Without a version: a dependency that comes from elsewhere.
 */
export function deniedPath(code: string, name: string, version?: string): string {
  const shown = `${DENIED_PREFIX}${code.replace(/[^A-Za-z0-9_-]/g, "-").slice(0, 64)}`
  return version === undefined ? `${shown}/${name}.tgz` : `${shown}/${tarballPath(name, version)}`
}

function unknown(why: string): RegistryRequest {
  return { kind: "unknown", why }
}
