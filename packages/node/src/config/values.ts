/**
 * Values of the configuration that need more than a look: hosts, keys, pairs.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, KEY_TYPE, parseVerifierKey, registryIdOf, shown, VouchsafeError } from "@vouchsafe/core"
import { isIP } from "node:net"

/** Where sources are cloned from unless the configuration says otherwise. */
export const GIT_HOSTS_DEFAULT = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"] as const

/** A host name or address, perhaps with a port, as it stands in a URL. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?$/

/** @throws VouchsafeError CONFIG_MALFORMED. */
export function checkGitHosts(hosts: readonly string[]): readonly string[] {
  for (const host of hosts) {
    if (!HOST.test(host)) throw new VouchsafeError("CONFIG_MALFORMED", `git host is ${shown(host)}, expected a host in lower case, perhaps with a port, such as ${GIT_HOSTS_DEFAULT[0]}`)
  }
  return [...new Set(hosts)]
}

/** An address, perhaps with a port; one with colons stands in brackets then. @throws VouchsafeError CONFIG_MALFORMED. */
export function checkDnsServers(servers: readonly string[]): readonly string[] {
  for (const server of servers) {
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+|[^[\]]*:[^[\]]*:[^[\]]*))(?::([1-9][0-9]{0,4}))?$/.exec(server) ?? []
    if (isIP(bracketed ?? plain ?? "") === 0 || Number(port ?? 1) > 65_535) throw new VouchsafeError("CONFIG_MALFORMED", `DNS server is ${shown(server)}, expected an address such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353`)
  }
  return [...new Set(servers)]
}

/** @throws VouchsafeError CONFIG_MALFORMED for what is no Ed25519 verifier key, or a key under two names. */
export function checkPublisherKeys(vkeys: readonly string[]): readonly string[] {
  const nameOfKey = new Map<string, string>()
  for (const vkey of vkeys) {
    const { name, type, publicKey } = parseKey(vkey)
    if (type !== KEY_TYPE.ed25519) throw new VouchsafeError("CONFIG_MALFORMED", `publisher key ${shown(name)} has type ${type}, expected ${KEY_TYPE.ed25519} (Ed25519)`)
    const bytes = publicKey.join(",")
    const other = nameOfKey.get(bytes)
    if (other !== undefined && other !== name) throw new VouchsafeError("CONFIG_MALFORMED", `publisher keys ${shown(other)} and ${shown(name)} are one key, expected a name each`)
    nameOfKey.set(bytes, name)
  }
  return [...new Set(vkeys)]
}

function parseKey(vkey: string) {
  try {
    return parseVerifierKey(vkey)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("CONFIG_MALFORMED", `publisher key: ${cause.message}`, { hint: "`vouchsafe keys show FILE` prints a publisher's key", cause })
  }
}

/** Reads `REGISTRY=FILE` pairs. @throws VouchsafeError CONFIG_MALFORMED. */
export function parseRegistryKeys(pairs: readonly string[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.lastIndexOf("=")
    if (at <= 0 || at === pair.length - 1) throw new VouchsafeError("CONFIG_MALFORMED", `registry keys are ${shown(pair)}, expected REGISTRY=FILE`)
    const registry = registryIdOf(pair.slice(0, at))
    if (files.has(registry)) throw new VouchsafeError("CONFIG_MALFORMED", `registry keys name ${registry} twice, expected one file a registry`)
    files.set(registry, pair.slice(at + 1))
  }
  return files
}
