/**
 * The user configuration of one run: the person's own, less what names or opens the registries that the shim stands for, plus the shim.
 *
 * @packageDocumentation
 */

/** Unscoped credentials and registries of old npm versions; they would go to whatever the registry is. */
const UNSCOPED = /^(?:registry|_auth|_authToken|_password|username|email|always-auth)$/
const SCOPE_REGISTRY = /^@[^:]+:registry$/
const CREDENTIAL = /^(\/\/.+?):(?:_authToken|_auth|_password|username|email|certfile|keyfile|always-auth)$/
const SETTINGS_OF_RUN = new Set(["replace-registry-host", "prefer-online", "prefer-offline", "offline", "cache", "userconfig", "globalconfig"])

/** What the shim is reached by. */
export interface ShimAddress {
  /** Base URL with a trailing slash. */
  readonly url: string
  readonly token: string
}

/**
 * Writes the configuration.
 *
 * @param personal - text of the person's file
 * @param registries - registry ids that the shim stands for
 * @param scopes - scopes with a registry of their own, `@` included
 */
export function runNpmrc(personal: string, registries: readonly string[], scopes: readonly string[], shim: ShimAddress): string {
  const kept = personal.split(/\r?\n/).filter((line) => keeps(line, registries))
  const place = shim.url.replace(/^https?:/, "")
  return [
    ...kept.filter((line) => line.trim() !== ""),
    `registry=${shim.url}`, ...scopes.map((scope) => `${scope}:registry=${shim.url}`), `${place}:_authToken=${shim.token}`,
    // lockfiles name hosts; all of them lead here
    "replace-registry-host=always",
    // a warm cache answers nobody
    "prefer-online=true",
    "",
  ].join("\n")
}

function keeps(line: string, registries: readonly string[]): boolean {
  const equals = line.indexOf("=")
  const key = unquoted((equals < 0 ? line : line.slice(0, equals)).trim())
  if (key === "" || /^[;#]/.test(key)) return false
  if (UNSCOPED.test(key) || SCOPE_REGISTRY.test(key) || SETTINGS_OF_RUN.has(key)) return false
  const place = CREDENTIAL.exec(key)?.[1]
  return place === undefined || !registries.some((registry) => isAtOrAbove(place, registry.replace(/^https?:/, "")))
}

/** A credential's place covers a registry when it is the registry's address or one that it starts with. */
function isAtOrAbove(place: string, registry: string): boolean {
  const slashed = place.endsWith("/") ? place : `${place}/`
  return registry.startsWith(slashed.toLowerCase()) || slashed.toLowerCase().startsWith(registry)
}

function unquoted(key: string): string {
  return /^(["']).*\1$/.test(key) ? key.slice(1, -1) : key
}
