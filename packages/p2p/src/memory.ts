/**
 * Writes down, now and then and at the end, who was connected and where (spec/peers.md, "Known peers").
 *
 * @packageDocumentation
 */
import type { Libp2p } from "@libp2p/interface"
import type { Clock } from "@vouchsafe/ports"
import { type AddressRules, parseAddress, peerOf } from "./addresses.ts"
import type { KnownPeer, KnownPeers } from "./known.ts"
import { ADDRESSES_MAX, KNOWN_MAX, SAVE_EVERY_MS } from "./limits.ts"

/** What it works with. */
export interface MemoryOptions {
  readonly libp2p: Libp2p
  readonly clock: Clock
  readonly rules: AddressRules
  readonly store: KnownPeers | undefined
  readonly onFailure: (error: unknown) => void
}

/** @returns a memory of peers; without a store it holds nothing. */
export function createMemory({ libp2p, clock, rules, store, onFailure }: MemoryOptions) {
  const known = new Map<string, KnownPeer>()
  let savedAtMs = clock.nowMs()
  let saving: Promise<void> | undefined

  const addressesOf = async (id: string): Promise<readonly string[]> => {
    const connection = libp2p.getConnections().find(({ remotePeer }) => remotePeer.toString() === id)
    if (connection === undefined) return []
    const { addresses } = await libp2p.peerStore.get(connection.remotePeer)
    const full = addresses.map(({ multiaddr }) => multiaddr).filter(rules.isAllowed).map((address) => (peerOf(address) === id ? address.toString() : `${address.toString()}/p2p/${id}`))
    return full.filter((text) => parseAddress(text).length > 0).slice(0, ADDRESSES_MAX)
  }
  const gather = async (): Promise<void> => {
    const seenAtSeconds = Math.floor(clock.nowMs() / 1_000)
    for (const id of new Set(libp2p.getConnections().map(({ remotePeer }) => remotePeer.toString()))) {
      const addresses = await addressesOf(id)
      if (addresses.length > 0) known.set(id, { id, addresses, seenAtSeconds })
    }
    for (const { id } of [...known.values()].sort((a, b) => b.seenAtSeconds - a.seenAtSeconds).slice(KNOWN_MAX)) known.delete(id)
  }
  const save = async (): Promise<void> => {
    if (store === undefined) return
    await saving
    savedAtMs = clock.nowMs()
    // A peer may go while it is asked about.
    saving = gather().then(() => store.save([...known.values()])).catch(onFailure)
    await saving
  }
  return {
    addressesOf,
    async load(): Promise<readonly KnownPeer[]> {
      for (const peer of await store?.load() ?? []) known.set(peer.id, peer)
      return [...known.values()]
    },
    save,
    /** Saves when it is time to. */
    tick(): void {
      if (clock.nowMs() - savedAtMs >= SAVE_EVERY_MS) void save()
    },
  }
}
