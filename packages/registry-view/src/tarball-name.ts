// The version grammar is semver 2.0.0 with npm's lengths, so that "x-1.0.0-1.tgz" has one reading for the package "x".
const NUMBER = "(?:0|[1-9][0-9]{0,15})"
const PRERELEASE_PART = `(?:${NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`
const VERSION = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-${PRERELEASE_PART}(?:\\.${PRERELEASE_PART})*)?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`)
const VERSION_LENGTH_MAX = 256

/** Tells whether a text is a version as semver 2.0.0 writes it, without a leading `v`. */
export function isVersion(text: string): boolean {
  return text.length <= VERSION_LENGTH_MAX && VERSION.test(text)
}

/** The name without its scope. */
export function bareName(name: string): string {
  return name.startsWith("@") ? name.slice(name.indexOf("/") + 1) : name
}

/** File name of a version's tarball, as every registry and the shim spell it. */
export function tarballFile(name: string, version: string): string {
  return `${bareName(name)}-${version}.tgz`
}

/** Path of a version's tarball below a registry's base. The scope's slash stays: all clients and registries take it so. */
export function tarballPath(name: string, version: string): string {
  return `${name}/-/${encodeURIComponent(tarballFile(name, version))}`
}

/** The version that a tarball's file name says; undefined when it is no tarball of that package. */
export function tarballVersion(name: string, file: string): string | undefined {
  const start = `${bareName(name)}-`
  if (!file.startsWith(start) || !file.endsWith(".tgz")) return undefined
  const version = file.slice(start.length, -".tgz".length)
  return isVersion(version) ? version : undefined
}
