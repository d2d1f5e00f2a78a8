/**
 * Which registry a name belongs to, and which credentials belong to a registry, for settings read from wherever.
 *
 * @packageDocumentation
 */

/** Registry ids by scope (`@` included) and for everything else. */
export interface RegistryMap {
  readonly default: string
  readonly scopes: Readonly<Record<string, string>>
}

/** Answers which registry a package name belongs to. Scopes compare by letter case too, as the package managers do it. */
export function registryLookup(map: RegistryMap): (name: string) => string {
  const byScope = new Map(Object.entries(map.scopes))
  return (name) => {
    const slash = name.startsWith("@") ? name.indexOf("/") : -1
    const scope = slash < 0 ? undefined : name.slice(0, slash)
    return (scope === undefined ? undefined : byScope.get(scope)) ?? map.default
  }
}

/** `..` beside an escaped slash: URL resolves only plain ones, and a server that unescapes first would leave the registry's path. */
const CLIMBS = /(?:%2f|%5c)\.\.|\.\.(?:%2f|%5c)/i

/** What to send along with a request. Secret. */
export interface Credentials {
  /** Value of the `authorization` header. */
  readonly header: string
}

/**
 * The credentials for `url`, if it lies under one of `registries` (scheme, host, port and path prefix) and npm's keys hold some for that
 * place: `//host/path/:_authToken`, then `username` with `_password`, then `_auth`, the longest path first.
 *
 * npm's keys say nothing about the scheme, so a token for an https registry would go out in clear text to `http://` of the same host; the
 * list of configured registries does. Never the other way round: a key whose path does not cover `url` gives nothing.
 */
export function credentialsUnder(registries: readonly string[], url: string, read: (key: string) => string | undefined): Credentials | undefined {
  const target = canonicalUrl(url)
  if (target === undefined || !registries.some((registry) => target.startsWith(registry))) return undefined
  let place = target.slice(target.indexOf("//"))
  place = place.slice(0, place.lastIndexOf("/") + 1)
  while (place.length > "//".length) {
    const header = headerAt(place, read)
    if (header !== undefined) return { header }
    place = place.slice(0, place.lastIndexOf("/", place.length - 2) + 1)
  }
  return undefined
}

/** The URL as registry ids are spelled, without query and fragment; undefined for what is no plain http(s) URL. */
function canonicalUrl(url: string): string | undefined {
  try {
    const { protocol, username, password, origin, pathname } = new URL(url)
    if ((protocol !== "https:" && protocol !== "http:") || username !== "" || password !== "" || CLIMBS.test(pathname)) return undefined
    return `${origin}${pathname}`
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function headerAt(place: string, read: (key: string) => string | undefined): string | undefined {
  const token = read(`${place}:_authToken`)
  if (token !== undefined) return `Bearer ${token}`
  const user = read(`${place}:username`)
  const password = read(`${place}:_password`)
  if (user !== undefined && password !== undefined) {
    return `Basic ${Buffer.from(`${user}:${Buffer.from(password, "base64").toString("utf8")}`, "utf8").toString("base64")}`
  }
  const basic = read(`${place}:_auth`)
  return basic === undefined ? undefined : `Basic ${basic}`
}
