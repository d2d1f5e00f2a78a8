/**
 * Peers known from before, as a document: what lets a node find the others again after every bootstrap node has died (spec/peers.md, "Known peers").
 *
 * @packageDocumentation
 */
import { parseJson, shapeReader } from "@vouchsafe/core"
import { ADDRESS_LENGTH_MAX, ADDRESSES_MAX, KNOWN_MAX } from "./limits.ts"

const FORMAT = "vouchsafe-peers/v1"
const PEER_ID = /^[1-9A-HJ-NP-Za-km-z]{46,64}$/
/** Longest document in characters: as many peers with as many addresses as it may hold. */
const LENGTH_MAX = KNOWN_MAX * (ADDRESSES_MAX * (ADDRESS_LENGTH_MAX + 4) + 256)

/** A peer that this node was connected to. */
export interface KnownPeer {
  readonly id: string
  /** With the peer's own name at the end. */
  readonly addresses: readonly string[]
  /** When it was last connected, in POSIX seconds. */
  readonly seenAtSeconds: number
}

/** Where known peers are kept. Neither throws: a node without its memory asks the others. */
export interface KnownPeers {
  load(): Promise<readonly KnownPeer[]>
  save(peers: readonly KnownPeer[]): Promise<void>
}

/** Writes the newest, at most {@link KNOWN_MAX}. */
export function formatKnownPeers(peers: readonly KnownPeer[]): string {
  const kept = [...peers].sort((a, b) => b.seenAtSeconds - a.seenAtSeconds || (a.id < b.id ? -1 : 1)).slice(0, KNOWN_MAX)
  return `${JSON.stringify({ format: FORMAT, peers: kept.map(({ id, addresses, seenAtSeconds }) => ({ id, addresses: addresses.slice(0, ADDRESSES_MAX), seenAtSeconds })) }, null, 1)}\n`
}

/** @throws VouchsafeError CONFIG_MALFORMED. */
export function parseKnownPeers(text: string, path = "peers.json"): readonly KnownPeer[] {
  const read = shapeReader("CONFIG_MALFORMED", path)
  if (text.length > LENGTH_MAX) read.fail("document", `at most ${LENGTH_MAX} characters`, `${text.length} characters`)
  const document = read.object(parseJson("CONFIG_MALFORMED", path, text), "document", ["format", "peers"])
  read.oneOf(document["format"], "format", [FORMAT])
  const peers = read.array(document["peers"], "peers", KNOWN_MAX).map((value, i): KnownPeer => {
    const peer = read.object(value, `peers[${i}]`, ["id", "addresses", "seenAtSeconds"])
    return {
      id: read.pattern(peer["id"], `peers[${i}].id`, PEER_ID, "a peer's name in base58"),
      addresses: read.array(peer["addresses"], `peers[${i}].addresses`, ADDRESSES_MAX).map((address, j) => read.string(address, `peers[${i}].addresses[${j}]`, ADDRESS_LENGTH_MAX)),
      seenAtSeconds: read.integer(peer["seenAtSeconds"], `peers[${i}].seenAtSeconds`, 0, Number.MAX_SAFE_INTEGER),
    }
  })
  if (new Set(peers.map(({ id }) => id)).size !== peers.length) read.fail("peers", "each peer once", "one twice")
  return peers
}
