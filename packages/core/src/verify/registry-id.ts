import { VouchsafeError } from "../errors.ts"

const REGISTRY_ID = /^(https?):\/\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?((?:\/[A-Za-z0-9._~%@+-]+)*)\/$/
const REGISTRY_ID_LENGTH_MAX = 512
/** Most registries: a host and nothing else. Each statement names one, and most need no closer look. */
const PLAIN_ID = /^https:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/$/

/**
 * Tells whether a text is the one spelling of a registry: `scheme://host[:port]/[path/]`, lower-case host, no default
 * port, no credentials, query or fragment, one trailing slash.
 */
export function isRegistryId(text: string): boolean {
  if (text.length > REGISTRY_ID_LENGTH_MAX) return false
  if (PLAIN_ID.test(text)) return true
  const match = REGISTRY_ID.exec(text)
  if (match === null) return false
  const [, scheme, , port, path] = match
  if (port !== undefined && (Number(port) > 65535 || Number(port) === (scheme === "https" ? 443 : 80))) return false
  return !/\/\.{1,2}(\/|$)/.test(path ?? "")
}

/**
 * Brings a registry's URL, as people configure it, into its one spelling.
 * @throws VouchsafeError CONFIG_MALFORMED where there is none (credentials, query, other schemes).
 */
export function registryIdOf(url: string): string {
  const match = /^(https?):\/\/([^/?#@\s]+)(\/[^?#\s]*)?$/i.exec(url)
  if (match !== null) {
    const scheme = (match[1] ?? "").toLowerCase()
    const host = (match[2] ?? "").toLowerCase().replace(scheme === "https" ? /:443$/ : /:80$/, "")
    const path = (match[3] ?? "").replace(/\/+$/, "")
    const id = `${scheme}://${host}${path}/`
    if (isRegistryId(id)) return id
  }
  throw new VouchsafeError("CONFIG_MALFORMED", "registry URL is not of the form scheme://host[:port]/path/ without credentials or query", {
    hint: "check `npm config get registry`",
  })
}
