/**
 * Which addresses a node may connect to when somebody else chose the host name (THREATS A8, server-side request forgery).
 *
 * An allow list of what the Internet routes: everything that IANA's special-purpose registries set apart is refused.
 *
 * @packageDocumentation
 */
import { BlockList, isIP } from "node:net"

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

const refusedV4 = new BlockList()
for (const [network, prefix] of REFUSED_V4) refusedV4.addSubnet(network, prefix, "ipv4")
const refusedV6 = new BlockList()
for (const [network, prefix] of REFUSED_V6) refusedV6.addSubnet(network, prefix, "ipv6")
const routedV6 = new BlockList()
routedV6.addSubnet("2000::", 3, "ipv6")
const nat64 = new BlockList()
nat64.addSubnet("64:ff9b::", 96, "ipv6")

/** Tells whether an IP address in text form lies on the public Internet. False for anything that is no address. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !refusedV4.check(address, "ipv4")
  if (family !== 6 || address.includes("%")) return false
  // DNS64 gives an IPv6-only host this form of a public IPv4 address; what it hides decides.
  if (nat64.check(address, "ipv6")) return isPublicAddress(lastFourBytes(address))
  return routedV6.check(address, "ipv6") && !refusedV6.check(address, "ipv6")
}

/** The last 32 bits of an IPv6 address as an IPv4 address. */
function lastFourBytes(address: string): string {
  const tail = address.slice(address.lastIndexOf(":") + 1)
  if (tail.includes(".")) return tail
  // The URL parser writes an address in its one canonical form, without dotted tails; two last groups hold the 32 bits.
  const groups = new URL(`http://[${address}]/`).hostname.slice(1, -1).split(":")
  const low = Number.parseInt(groups.at(-1) || "0", 16)
  const high = groups.at(-2) === "" ? 0 : Number.parseInt(groups.at(-2) || "0", 16)
  return `${high >>> 8}.${high & 255}.${low >>> 8}.${low & 255}`
}
