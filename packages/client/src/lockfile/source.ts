import { isVouchsafeError, npmPurl, shown, VouchsafeError } from "@vouchsafe/core"
import type { LockfileKind } from "./types.ts"

/** What every reader refuses with: the file, the entry and what is wrong with it. */
export function malformed(where: string, why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("LOCKFILE_MALFORMED", `lockfile: ${shown(where)}: ${why}`, {
    cause, hint: "regenerate the lockfile with its package manager",
  })
}

export type Members = Readonly<Record<string, unknown>>

/** A member that must be a map. */
export function membersOf(value: unknown, where: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(where, "is no map")
  return value as Members
}

/** A member that is a text, or absent. */
export function textOf(entry: Members, key: string, where: string): string | undefined {
  const value = entry[key]
  if (value === undefined) return undefined
  if (typeof value !== "string") throw malformed(where, `has a ${key} that is no text`)
  return value
}

/** A member that is true, false or absent. Package managers take anything that is not empty for true. */
export function flagOf(entry: Members, key: string, where: string): boolean {
  const value = entry[key]
  if (value !== undefined && typeof value !== "boolean") throw malformed(where, `has a ${key} that is neither true nor false`)
  return value === true
}

/** Sorts a source by its spelling, as lockfiles record it. `undefined` stands for the configured registry; what nobody knows is `url`. */
export function kindOfSource(source: string | undefined): LockfileKind {
  if (source === undefined || source === "") return "registry"
  if (/^(git\+|git:|git@|ssh:|github:|gitlab:|bitbucket:|gist:)/.test(source) || (/^[a-z+]+:/.test(source) && /\.git(?:#|$)/.test(source))) return "git"
  if (source.startsWith("file:")) return isTarballPath(source) ? "file" : "link"
  if (source.startsWith("link:") || source.startsWith("portal:")) return "link"
  if (source.startsWith("workspace:")) return "workspace"
  if (source.startsWith("patch:")) return "patch"
  if (/^(\.{0,2}[\\/]|~[\\/]|[a-zA-Z]:[\\/])/.test(source)) return isTarballPath(source) ? "file" : "link"
  return "url"
}

/** A local path is a tarball by its ending, as npm, pnpm and Yarn tell it; anything else is a folder. */
function isTarballPath(path: string): boolean {
  return /\.(?:tgz|tar|tar\.gz)(?:#|$)/i.test(path)
}

/** Tells whether a URL is the tarball of this name and version in some registry: `…/<name>/-/<file>.tgz`, or with the scope before the file. */
export function isRegistryTarball(url: string, name: string, version: string): boolean {
  if (/[\n\r\u2028\u2029]/.test(url)) return false
  const [scheme = "", empty, host, ...path] = (url.split(/[?#]/, 1)[0] ?? "").split("/")
  if (!/^https?:$/i.test(scheme) || empty !== "" || host === undefined || host === "") return false
  const file = path.pop() ?? ""
  if (path.at(-1) !== "-" && path.at(-1)?.startsWith("@") === true) path.pop()
  if (path.pop() !== "-") return false
  // The slash of a scoped name is often escaped.
  const isNamed = [path.slice(-1), path.slice(-2)].some((segments) => segments.length > 0 && unescaped(segments.join("/")) === name)
  const bare = name.slice(name.indexOf("/") + 1)
  const isFile = /\.tgz$/i.test(file) && [version, version.replace(/\+.*$/, "")].includes(file.slice(bare.length + 1, -".tgz".length)) && file.startsWith(`${bare}-`)
  return isNamed && isFile
}

/** undefined for escapes that spell no text. */
function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** An exact version, as registries have them. */
const VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/

export function isVersion(text: string): boolean {
  return VERSION.test(text)
}

/** The purl of a registry package. @throws VouchsafeError LOCKFILE_MALFORMED for impossible names. */
export function purlOf(where: string, name: string, version: string): string {
  const refuse = (cause?: unknown): VouchsafeError => malformed(where, `${shown(name)} at ${shown(version)} is no package version`, cause)
  if (!isVersion(version)) throw refuse()
  try {
    return npmPurl(name, version)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuse(cause)
  }
}
