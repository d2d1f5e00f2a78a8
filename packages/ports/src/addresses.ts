/**
 * Which addresses a service may connect to when somebody else chose the host name (THREATS A8, server-side request forgery).
 *
 * An allow list of what the Internet routes: everything that IANA's special-purpose registries set apart is refused.
 * Nodes and rebuilders share it; reading addresses is the runtime's part.
 *
 * @packageDocumentation
 */

/** IPv4 ranges that are not on the public Internet. */
const REFUSED_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8], // this network; reaches the host itself on Linux
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier-grade NAT; some clouds put their metadata here
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local, where clouds serve metadata and credentials
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.31.196.0", 24], // AS112
  ["192.52.193.0", 24], // AMT
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["192.175.48.0", 24], // AS112
  ["198.18.0.0", 15], // benchmarking
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
]

/** Inside 2000::/3, the only IPv6 range that is routed. */
const REFUSED_V6: readonly (readonly [string, number])[] = [
  ["2001::", 23], // protocol assignments, Teredo among them
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4 hides an IPv4 address
  ["3fff::", 20], // documentation
]

/** A set of networks, as `node:net`'s BlockList is one. */
export interface NetworkSet {
  addSubnet(network: string, prefix: number, family: "ipv4" | "ipv6"): void
  check(address: string, family: "ipv4" | "ipv6"): boolean
}

/** What the runtime knows of addresses. */
export interface AddressTools {
  /** 4 or 6, and 0 for anything that is no address. */
  readonly family: (text: string) => number
  readonly createSet: () => NetworkSet
  /** An IPv6 address in the form that URLs have: groups in hexadecimal, no dotted tail. */
  readonly canonical: (address: string) => string
}

/**
 * Makes the question whether an IP address in text form lies on the public Internet. The answer is false for anything that is no address.
 */
export function createAddressCheck(tools: AddressTools): (address: string) => boolean {
  const refusedV4 = setOf(tools, REFUSED_V4, "ipv4")
  const refusedV6 = setOf(tools, REFUSED_V6, "ipv6")
  const routedV6 = setOf(tools, [["2000::", 3]], "ipv6")
  const nat64 = setOf(tools, [["64:ff9b::", 96]], "ipv6")
  const isPublic = (address: string): boolean => {
    const family = tools.family(address)
    if (family === 4) return !refusedV4.check(address, "ipv4")
    if (family !== 6 || address.includes("%")) return false
    // DNS64 gives an IPv6-only host this form of a public IPv4 address; what it hides decides
    if (nat64.check(address, "ipv6")) return isPublic(lastFourBytes(tools, address))
    return routedV6.check(address, "ipv6") && !refusedV6.check(address, "ipv6")
  }
  return isPublic
}

function setOf(tools: AddressTools, networks: readonly (readonly [string, number])[], family: "ipv4" | "ipv6"): NetworkSet {
  const set = tools.createSet()
  for (const [network, prefix] of networks) set.addSubnet(network, prefix, family)
  return set
}

/** The last 32 bits of an IPv6 address as an IPv4 address. */
function lastFourBytes(tools: AddressTools, address: string): string {
  const tail = address.slice(address.lastIndexOf(":") + 1)
  if (tail.includes(".")) return tail
  const groups = tools.canonical(address).split(":")
  const low = Number.parseInt(groups.at(-1) || "0", 16)
  const high = groups.at(-2) === "" ? 0 : Number.parseInt(groups.at(-2) || "0", 16)
  return `${high >>> 8}.${high & 255}.${low >>> 8}.${low & 255}`
}
