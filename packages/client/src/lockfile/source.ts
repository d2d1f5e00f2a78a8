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

/** Sorts a source by its spelling, as lockfiles record it. `undefined` stands for the configured registry. */
export function kindOfSource(source: string | undefined): LockfileKind {
  if (source === undefined || source === "") return "registry"
  if (/^(git\+|git:|git@|ssh:|github:|gitlab:|bitbucket:|gist:)/.test(source) || /\.git(#.*)?$/.test(source)) return "git"
  if (source.startsWith("file:")) return "file"
  if (source.startsWith("link:") || source.startsWith("portal:")) return "link"
  if (source.startsWith("workspace:")) return "workspace"
  if (source.startsWith("patch:")) return "patch"
  if (/^https?:\/\//.test(source)) return "url"
  return "file"
}

/** Tells whether a URL is the tarball of this name and version in some registry: `…/<name>/-/<file>.tgz`. */
export function isRegistryTarball(url: string, name: string, version: string): boolean {
  const match = /^https?:\/\/[^?#]+?\/((?:@|%40)[^/]+(?:\/|%2f)[^/]+|[^/@]+)\/-\/(?:@[^/]+\/)?([^/?#]+)\.tgz(?:[?#].*)?$/i.exec(url)
  if (match === null) return false
  let spelled: string
  try {
    spelled = decodeURIComponent(match[1] ?? "")
  } catch (error) {
    if (error instanceof URIError) return false
    throw error
  }
  const bare = name.slice(name.indexOf("/") + 1)
  return spelled === name && match[2] === `${bare}-${version.replace(/\+.*$/, "")}` || (spelled === name && match[2] === `${bare}-${version}`)
}

/** The purl of a registry package. @throws VouchsafeError LOCKFILE_MALFORMED for impossible names. */
export function purlOf(where: string, name: string, version: string): string {
  try {
    return npmPurl(name, version)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw malformed(where, `${shown(name)} at ${shown(version)} is no package version`, cause)
  }
}
