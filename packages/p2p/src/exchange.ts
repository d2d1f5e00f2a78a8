/**
 * `/vouchsafe/peers/1`: a peer tells whom it is connected to, so that the next ones are found without walking the routing table (spec/peers.md, "Finding").
 *
 * @packageDocumentation
 */
import type { Libp2p } from "@libp2p/interface"
import { type Bytes, parseJson, shapeReader, utf8Decode, utf8Encode } from "@vouchsafe/core"
import type { PeerTransport } from "@vouchsafe/ports"
import { ADDRESS_LENGTH_MAX, EXCHANGE_TIMEOUT_MS, EXCHANGED_MAX } from "./limits.ts"

const PROTOCOL = "/vouchsafe/peers/1"
/** As many addresses as there may be, with quotes and commas. */
const ANSWER_BYTES_MAX = EXCHANGED_MAX * (ADDRESS_LENGTH_MAX + 4)

const read = shapeReader("REQUEST_MALFORMED", "peers")

/** What it works with. */
export interface ExchangeOptions {
  readonly libp2p: Libp2p
  readonly transport: Pick<PeerTransport, "request" | "serve">
  /** Addresses of a connected peer that others may dial. */
  readonly addressesOf: (peer: string) => Promise<readonly string[]>
  readonly random: () => number
  readonly askedMax: number
  readonly onFailure: (peer: string, error: unknown) => void
}

/** Reads what a peer told. @throws VouchsafeError REQUEST_MALFORMED. */
export function parseExchanged(bytes: Bytes): readonly string[] {
  const document = parseJson("REQUEST_MALFORMED", "peers", utf8Decode(bytes))
  return read.array(document, "document", EXCHANGED_MAX).map((address, i) => read.string(address, `[${i}]`, ADDRESS_LENGTH_MAX))
}

/** Serves it, and gives a way to ask some of those who are connected. */
export function createExchange(options: ExchangeOptions): () => Promise<readonly string[]> {
  const { libp2p, transport } = options
  const someone = (but?: string): string[] => shuffled([...new Set(libp2p.getConnections().map(({ remotePeer }) => remotePeer.toString()))].filter((id) => id !== but), options.random)
  transport.serve(PROTOCOL, { bytesMax: 0 }, async (from) => {
    const told: string[] = []
    for (const peer of someone(from)) {
      if (told.length >= EXCHANGED_MAX) break
      // Two ways to each are enough to try.
      told.push(...(await options.addressesOf(peer)).slice(0, 2))
    }
    return utf8Encode(JSON.stringify(told.slice(0, EXCHANGED_MAX)))
  })
  const ask = async (peer: string): Promise<readonly string[]> => {
    try {
      return parseExchanged(await transport.request(peer, PROTOCOL, new Uint8Array(), { bytesMax: ANSWER_BYTES_MAX, timeoutMs: EXCHANGE_TIMEOUT_MS }))
    } catch (error) {
      options.onFailure(peer, error)
      return []
    }
  }
  return async () => (await Promise.all(someone().slice(0, options.askedMax).map(ask))).flat()
}

function shuffled(items: string[], random: () => number): string[] {
  return items.map((item) => ({ item, at: random() })).sort((a, b) => a.at - b.at).map(({ item }) => item)
}
