/**
 * Which addresses are dialled, believed and announced (THREATS A8; spec/peers.md, "Addresses").
 *
 * @packageDocumentation
 */
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr"
import { VouchsafeError } from "@vouchsafe/core"
import { createAddressCheck } from "@vouchsafe/ports"
import { lookup as systemLookup, type LookupAddress, type LookupOptions } from "node:dns"
import { BlockList, isIP } from "node:net"
import { ADDRESS_LENGTH_MAX, ADDRESSES_MAX } from "./limits.ts"

/** Marks an address that leads through another peer. */
export const CIRCUIT = "/p2p-circuit"

const HOSTS = new Set(["ip4", "ip6", "dns", "dns4", "dns6"])
/**
 * What an address may be made of, after its host: TCP, perhaps a WebSocket, the peer, perhaps a relay's other end. Nothing that names a second host: a
 * WebSocket's URL is made of `sni` where there is one, whatever stands before it.
 */
const FORM = /^\/tcp(?:\/ws|\/wss|\/tls\/ws)?(?:\/p2p)?(?:\/p2p-circuit(?:\/p2p)?)?$/
/** Hosts by name that are this machine or its network whatever resolves them. */
const LOCAL_NAME = /(?:^|\.)(?:localhost|local|internal|home\.arpa)\.?$/i

const isPublic = createAddressCheck({
  family: isIP,
  createSet: () => new BlockList(),
  canonical: (address) => new URL(`http://[${address}]/`).hostname.slice(1, -1),
})

/** Rules of one node. */
export interface AddressRules {
  /** Whether an address may be dialled, as far as its text says; names are looked up when they are dialled. */
  isAllowed(address: Multiaddr): boolean
  /** Whether an address may be dialled, its name looked up. */
  isReachable(address: Multiaddr): Promise<boolean>
  /**
   * The address that a WebSocket is opened to, which looks names up by itself: for a name, what it leads to now, checked. Behind TLS the name stays; whoever
   * answers there has to prove it. @throws VouchsafeError ADDRESS_REFUSED where the name leads nowhere allowed.
   */
  pinned(address: Multiaddr): Promise<Multiaddr>
  /** Reads addresses that somebody else wrote: what is none, or not allowed, or too much, is left out. */
  read(addresses: readonly string[]): Multiaddr[]
  /** In place of the host's own: gives no address that is not allowed, so that what was checked is what is connected. */
  readonly lookup: typeof systemLookup
}

type Lookup = (host: string, options: LookupOptions & { readonly all: true }, done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void) => void

/** @see AddressRules */
export function createAddressRules(isPrivateAllowed: boolean, lookupAll: Lookup = systemLookup): AddressRules {
  const hostAllowed = (address: string): boolean => isPrivateAllowed || isPublic(address)
  const isAllowed = (address: Multiaddr): boolean => {
    const [host, ...rest] = address.getComponents()
    if (host === undefined || !HOSTS.has(host.name) || host.value === undefined) return false
    if (!FORM.test(rest.map(({ name }) => `/${name}`).join(""))) return false
    if (host.name.startsWith("ip")) return hostAllowed(host.value)
    return isPrivateAllowed || !LOCAL_NAME.test(host.value)
  }
  const guarded = (host: string, options: LookupOptions, done: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void): void => {
    lookupAll(host, { ...options, all: true }, (error, found) => {
      const [first] = found ?? []
      if (error !== null || first === undefined) return done(error ?? new Error(`no address of ${host}`), "")
      const refused = found.find(({ address }) => !hostAllowed(address))
      if (refused !== undefined) return done(new VouchsafeError("ADDRESS_REFUSED", `a peer's host has the address ${refused.address}, expected a public one`) as unknown as NodeJS.ErrnoException, "")
      return options.all === true ? done(null, found) : done(null, first.address, first.family)
    })
  }
  return {
    isAllowed,
    async isReachable(address) {
      if (!isAllowed(address)) return false
      const [host] = address.getComponents()
      if (host === undefined || host.value === undefined || host.name.startsWith("ip")) return true
      const name = host.value
      return await new Promise((resolve) => guarded(name, { all: true }, (error) => resolve(error === null)))
    },
    async pinned(address) {
      const [host, ...rest] = address.getComponents()
      if (host?.value === undefined || host.name.startsWith("ip") || rest.some(({ name }) => name === "wss" || name === "tls")) return address
      const { name, value } = host
      const found = await new Promise<LookupAddress[]>((resolve, reject) => {
        guarded(value, { all: true }, (error, addresses) => (error === null ? resolve(addresses as LookupAddress[]) : reject(error)))
      })
      const fits = found.find(({ family }) => !name.endsWith(String(family === 4 ? 6 : 4)))
      if (fits === undefined) throw new VouchsafeError("ADDRESS_REFUSED", `a peer's host has no address of the kind that ${name} names`)
      return multiaddr(`/ip${fits.family}/${fits.address}${address.toString().slice(`/${name}/${value}`.length)}`)
    },
    read: (addresses) => addresses.slice(0, ADDRESSES_MAX).flatMap(parseAddress).filter(isAllowed),
    lookup: guarded as typeof systemLookup,
  }
}

/** The peer at the end of an address. */
export function peerOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({ name }) => name === "p2p")?.value
}

/** Whether an address leads through another peer. */
export function isRelayed(address: Multiaddr): boolean {
  return address.toString().includes(CIRCUIT)
}

/** An address that somebody else wrote, or nothing: the library throws many kinds of errors for what is none. */
export function parseAddress(text: string): Multiaddr[] {
  if (text === "" || text.length > ADDRESS_LENGTH_MAX) return []
  try {
    return [multiaddr(text)]
  } catch {
    // What is no address is nobody's address.
    return []
  }
}
