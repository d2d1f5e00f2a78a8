/**
 * `/vouchsafe/hello/1`: two peers show each other which node of the roster they are (spec/peers.md, "Binding").
 *
 * @packageDocumentation
 */
import { type Bytes, type Crypto, isVouchsafeError, type Signer, utf8Decode, utf8Encode } from "@vouchsafe/core"
import type { Clock, PeerFault, PeerTransport } from "@vouchsafe/ports"
import { type BoundPeer, formatPeerBinding, type Member, openPeerBinding } from "./binding.ts"
import { BINDING_LENGTH_MAX, BINDING_LIFETIME_S, HELLO_TIMEOUT_MS } from "./limits.ts"

export const HELLO_PROTOCOL = "/vouchsafe/hello/1"
/** Peers whose binding is remembered. */
const BOUND_MAX = 1_000
/** A peer that showed nothing is asked again after so long. */
const ASK_AGAIN_MS = 5 * 60_000

/** What greeting works with. */
export interface HelloOptions {
  readonly id: string
  readonly transport: Pick<PeerTransport, "request" | "serve">
  /** The node's log key; a peer without one is a stranger to all others. */
  readonly signer: Signer | undefined
  /** Members of the roster as it is now. */
  readonly members: () => readonly Member[]
  readonly crypto: Crypto
  readonly clock: Clock
  readonly report: (peer: string, fault: PeerFault) => void
  readonly onBound: (peer: string, operator: string) => void
  readonly onRefused: (peer: string, why: string) => void
}

/** Who is who. */
export interface Hello {
  /** Operator of a connected peer; undefined for strangers, and for whom the roster does not list any more. */
  operatorOf(peer: string): string | undefined
  /** Shows a peer who this is, and asks the same. Never rejects. */
  greet(peer: string): Promise<void>
  /** Greets those whose binding is missing or comes to its end. */
  renew(peers: readonly string[]): void
}

/** @see Hello */
export function createHello(options: HelloOptions): Hello {
  const { clock, transport } = options
  const bound = new Map<string, BoundPeer>()
  const askedAtMs = new Map<string, number>()
  const own = ownBinding(options)
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1_000)

  const take = (peer: string, body: Bytes): void => {
    // A stranger shows nothing, which is its right.
    if (body.length === 0) return
    try {
      const binding = openPeerBinding(options.crypto, utf8Decode(body), { peerId: peer, members: options.members(), nowSeconds: nowSeconds() })
      if (bound.size >= BOUND_MAX) bound.clear()
      const isNew = bound.get(peer)?.vkey !== binding.vkey
      bound.set(peer, binding)
      if (isNew) options.onBound(peer, binding.operator)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      bound.delete(peer)
      options.onRefused(peer, error.message)
      // Of another roster or a little late is no fault; what is no binding at all is.
      if (error.code !== "NOTE_UNVERIFIED") options.report(peer, "malformed")
    }
  }
  transport.serve(HELLO_PROTOCOL, { bytesMax: BINDING_LENGTH_MAX }, (from, body) => {
    take(from, body)
    return Promise.resolve(own())
  })

  const greet = async (peer: string): Promise<void> => {
    if (askedAtMs.size >= BOUND_MAX) askedAtMs.clear()
    askedAtMs.set(peer, clock.nowMs())
    try {
      take(peer, await transport.request(peer, HELLO_PROTOCOL, own(), { bytesMax: BINDING_LENGTH_MAX, timeoutMs: HELLO_TIMEOUT_MS }))
    } catch (error) {
      // It stays a stranger, and is asked again later.
      options.onRefused(peer, error instanceof Error ? error.message : "it did not answer")
    }
  }
  return {
    operatorOf(peer) {
      const binding = bound.get(peer)
      if (binding === undefined || binding.expiresAtSeconds <= nowSeconds()) return undefined
      return options.members().find(({ key }) => key.vkey === binding.vkey)?.operator
    },
    greet,
    renew(peers) {
      for (const peer of peers) {
        const left = (bound.get(peer)?.expiresAtSeconds ?? 0) - nowSeconds()
        const asked = askedAtMs.get(peer) ?? Number.NEGATIVE_INFINITY
        if (left < BINDING_LIFETIME_S / 4 && clock.nowMs() - asked >= ASK_AGAIN_MS) void greet(peer)
      }
    },
  }
}

/** The node's own binding, signed anew when half of its time is over. */
function ownBinding({ signer, id, clock }: HelloOptions): () => Bytes {
  let bytes: Bytes = new Uint8Array()
  let freshUntilSeconds = 0
  return () => {
    const now = Math.floor(clock.nowMs() / 1_000)
    // Also when the clock went back: a binding too far ahead is refused.
    if (signer === undefined || (bytes.length > 0 && now < freshUntilSeconds && now >= freshUntilSeconds - BINDING_LIFETIME_S)) return bytes
    bytes = utf8Encode(formatPeerBinding(signer, { peerId: id, expiresAtSeconds: now + BINDING_LIFETIME_S }))
    freshUntilSeconds = now + BINDING_LIFETIME_S / 2
    return bytes
  }
}
