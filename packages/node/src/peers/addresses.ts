/**
 * Addresses of peers as a configuration writes them (spec/peers.md, "Configuration"). What they mean is p2p's; this is their spelling.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"

/** Longest address, in characters: a relayed one with a long host name is below. */
export const ADDRESS_LENGTH_MAX = 512
/** Asks for relays: the node has no address that others can dial. */
export const RELAYED = "/p2p-circuit"

const HOST = "/(?:ip4/[0-9.]{7,15}|ip6/[0-9a-f:.]{2,45}|dns[46]?/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)"
const PORT = "/tcp/(?:0|[1-9][0-9]{0,4})"
const PEER = "/p2p/[1-9A-HJ-NP-Za-km-z]{46,64}"
const LISTEN = new RegExp(`^(?:${HOST}${PORT}(?:/ws)?|${RELAYED})$`)
const ANNOUNCE = new RegExp(`^${HOST}${PORT}(?:/ws|/wss|/tls/ws)?$`)
const DIAL = new RegExp(`^${HOST}${PORT}(?:/ws|/wss|/tls/ws)?${PEER}$`)
const DIAL_RELAYED = new RegExp(`${DIAL.source.slice(0, -1)}${RELAYED}${PEER}$`)

/** Where to listen. @throws VouchsafeError CONFIG_MALFORMED. */
export function checkPeerListen(addresses: readonly string[]): readonly string[] {
  return checked(addresses, LISTEN, "listening address of peers", `/ip4/HOST/tcp/PORT, perhaps with /ws, or ${RELAYED}`)
}

/** Addresses that others shall dial. @throws VouchsafeError CONFIG_MALFORMED. */
export function checkPeerAnnounce(addresses: readonly string[]): readonly string[] {
  return checked(addresses, ANNOUNCE, "announced address of peers", "/dns4/HOST/tcp/PORT or the like, perhaps with /ws or /wss")
}

/** Addresses of peers to begin with. @throws VouchsafeError CONFIG_MALFORMED. */
export function checkPeerBootstrap(addresses: readonly string[]): readonly string[] {
  return checked(addresses, DIAL, "bootstrap address", "/dns4/HOST/tcp/PORT/p2p/PEER: the peer's own name is part of it, so that nobody else answers in its place")
}

/** Whether an address, which another node wrote, may be tried: it names the peer that has to answer there. It may lead through a relay. */
export function checkPeerDial(address: string): boolean {
  return address.length <= ADDRESS_LENGTH_MAX && (DIAL.test(address) || DIAL_RELAYED.test(address))
}

function checked(addresses: readonly string[], pattern: RegExp, what: string, expected: string): readonly string[] {
  for (const address of addresses) {
    const port = Number(/\/tcp\/([0-9]+)/.exec(address)?.[1] ?? 0)
    if (address.length > ADDRESS_LENGTH_MAX || !pattern.test(address) || port > 65_535) throw new VouchsafeError("CONFIG_MALFORMED", `${what} is ${shown(address)}, expected ${expected}`)
  }
  return [...new Set(addresses)]
}
