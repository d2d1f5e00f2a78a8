/**
 * The part `peers`: peer-to-peer where `p2pListen` is given. Opens first, and gives the way to others to the parts after it (`context.peers`).
 *
 * The library is loaded only here and only then: a node without it pays nothing.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { PeerEvent } from "@vouchsafe/p2p"
import type { NodeConfig } from "../config/checked.ts"
import type { Logger } from "../logger.ts"
import type { NodePart, OpenPart, PartContext } from "../parts.ts"
import { nodeNameOf } from "../state/keys.ts"
import { RELAYED } from "./addresses.ts"
import { loadOrCreatePeerKey } from "./key.ts"
import { knownFile } from "./known-file.ts"
import { addressesOfNodes } from "./roster-addresses.ts"

/** Opens peer-to-peer. @throws VouchsafeError CONFIG_MALFORMED, STATE_UNSAFE, UNREACHABLE when it cannot listen. */
export const openPeersPart: OpenPart = async (context) => {
  const { config } = context
  if (config.p2pListen === undefined) {
    requireNothingElse(config)
    return undefined
  }
  return await openPeers(context, config.p2pListen)
}

/** What asks for more than nothing and would do nothing is a mistake to be told of. */
function requireNothingElse({ p2pBootstrap, p2pAnnounce, p2pRelay }: NodeConfig): void {
  const said = p2pBootstrap !== undefined ? "p2p-bootstrap" : p2pAnnounce !== undefined ? "p2p-announce" : p2pRelay === true ? "p2p-relay" : undefined
  if (said !== undefined) throw new VouchsafeError("CONFIG_MALFORMED", `--${said} is given without --p2p-listen, expected both or neither`, { hint: "--p2p-listen /p2p-circuit for a node that nobody can dial" })
}

async function openPeers(context: PartContext, listen: readonly string[]): Promise<NodePart> {
  const { config, folder, keys, logger, metrics, transport } = context
  const { formatKnownPeers, parseKnownPeers, startPeers } = await import("@vouchsafe/p2p")
  // Read anew each time: the roster may change while the node runs.
  const nodes = () => context.own.roster.nodes
  const denied = metrics.counter("vouchsafe_peers_denied_total", "peers that were disconnected for what they did, by the last fault", "fault")
  const peers = await startPeers({
    seed: loadOrCreatePeerKey(folder.at("keys", "peer.key"), `${nodeNameOf(context.own.self.operator)}/peer`),
    listen, announce: config.p2pAnnounce, relay: config.p2pRelay, bootstrap: config.p2pBootstrap,
    findAddresses: () => addressesOfNodes(nodes().filter(({ log }) => log.vkey !== keys.log.verifier.vkey).map(({ url }) => url), transport),
    known: knownFile(folder.at("peers.json"), { format: formatKnownPeers, parse: parseKnownPeers }, logger),
    members: () => nodes().map(({ operator, log }) => ({ operator, key: log })),
    signer: keys.log, isPrivateAllowed: config.allowPrivateAddresses,
    crypto: context.crypto, clock: context.clock, timers: context.timers,
    onEvent(event) {
      logEvent(logger, event)
      if (event.kind === "denied") denied(event.fault)
    },
  })
  context.peers = peers
  metrics.gauge("vouchsafe_peers_connected", "peers connected now", () => peers.peers().length)
  metrics.gauge("vouchsafe_peers_bound", "peers connected now that are nodes of the roster", () => peers.peers().filter(({ operator }) => operator !== undefined).length)
  logger.info({ peer: peers.id, addresses: peers.addresses(), relay: config.p2pRelay ?? false }, "peer-to-peer is on")
  if (peers.addresses().length === 0 && !listen.includes(RELAYED)) logger.warn({ listen }, `no address that others can dial: say one with --p2p-announce, or listen at ${RELAYED} too`)
  return {
    name: "peers",
    status() {
      const { id, addresses, connected } = peers.status()
      return { id, addresses, connected: connected.map((peer) => ({ ...peer, operator: peer.operator ?? null })) }
    },
    async stop() {
      context.peers = undefined
      await peers.close()
    },
  }
}

function logEvent(logger: Logger, event: PeerEvent): void {
  const { kind, peer } = event
  if (kind === "denied") logger.warn({ peer, fault: event.fault }, "peer denied for what it did")
  else if (kind === "bound") logger.info({ peer, operator: event.operator }, "peer is a node of the roster")
  else logger.debug("why" in event ? { peer, why: event.why } : { peer }, `peer ${kind}`)
}
