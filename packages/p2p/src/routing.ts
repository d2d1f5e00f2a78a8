/**
 * The routing table: who else is a node. It holds one kind of record, and what strangers can put into it is bounded (spec/peers.md, "Finding").
 *
 * @packageDocumentation
 */
import { kadDHT } from "@libp2p/kad-dht"
import { peerIdFromString } from "@libp2p/peer-id"
import type { AddressRules } from "./addresses.ts"
import { ADDRESSES_MAX, PROVIDERS_MAX, ROUTING_STREAMS_MAX } from "./limits.ts"

/** Its own, so that whoever is in the table is a node. */
const PROTOCOL = "/vouchsafe/kad/1"
/**
 * One name for the service as a whole: the SHA-256 multihash of `vouchsafe-service/v1`, in base58. Announcing costs a tenth of a second of work:
 * never one a package. The name of a peer is the one kind of content name that this package can make without another library.
 */
export const SERVICE = "QmcZZPWbcrJ6gy6MoMvFTpDmAwEZjdmCsQV8ULomnj9Lx6"
export const SERVICE_CID = peerIdFromString(SERVICE).toCID()

type Cid = typeof SERVICE_CID
/** Where the library keeps who announced what. The field is not in its types. */
interface Providers {
  readonly providers: { addProvider(cid: Cid, provider: { toString(): string }, ...more: unknown[]): Promise<void> }
}

/** What it works with. */
export interface RoutingOptions {
  readonly rules: AddressRules
  /** Whether a peer may ask once more. */
  readonly mayRoute: (peer: string) => boolean
}

/**
 * A factory of the table for the library.
 *
 * It asks little of a peer; one that asks much is cut off. The library's own way to put something before a handler (`use`) adds the handler to
 * every later stream, those that this side opens too.
 */
export function routing({ rules, mayRoute }: RoutingOptions): ReturnType<typeof kadDHT> {
  const create = kadDHT({
    protocol: PROTOCOL, clientMode: true, maxInboundStreams: ROUTING_STREAMS_MAX, maxOutboundStreams: ROUTING_STREAMS_MAX,
    peerInfoMapper: (peer) => ({ ...peer, multiaddrs: peer.multiaddrs.filter(rules.isAllowed).slice(0, ADDRESSES_MAX) }),
    // Nobody stores values here.
    validators: { pk: () => Promise.reject(new Error("no values are kept")) },
  })
  return (components) => {
    const { registrar } = components
    const limited: typeof registrar.handle = (protocol, handler, more) => registrar.handle(protocol, (stream, connection) => {
      if (mayRoute(connection.remotePeer.toString())) return handler(stream, connection)
      return stream.abort(new Error("too many requests"))
    }, more)
    const table = create(replacing(components, "registrar", replacing(registrar, "handle", limited)))
    keepServiceOnly(table as unknown as Providers)
    return table
  }
}

/** Of all that may be announced, one name is kept, and so many who announced it: the library would keep anything of anybody. */
export function keepServiceOnly({ providers }: Providers): void {
  const add = providers.addProvider.bind(providers)
  const known = new Set<string>()
  providers.addProvider = async (cid, provider, ...more) => {
    const id = provider.toString()
    // The version of a name is its sender's choice; the digest is what is named.
    if (!isSame(cid.multihash.bytes, SERVICE_CID.multihash.bytes) || (!known.has(id) && known.size >= PROVIDERS_MAX)) return
    known.add(id)
    await add(cid, provider, ...more)
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** An object with one member of another value; methods still see the object itself. */
export function replacing<T extends object, K extends keyof T>(target: T, name: K, value: T[K]): T {
  return new Proxy(target, {
    get(_, key): unknown {
      if (key === name) return value
      const member: unknown = Reflect.get(target, key, target)
      return typeof member === "function" ? member.bind(target) as unknown : member
    },
  })
}
