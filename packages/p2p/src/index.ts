/** Peers over libp2p: discovery, gossip and requests behind the PeerTransport port. @packageDocumentation */
export { type BindingExpectation, type BoundPeer, formatPeerBinding, type Member, openPeerBinding, type PeerBinding } from "./binding.ts"
export { HELLO_PROTOCOL } from "./hello.ts"
export { formatKnownPeers, type KnownPeer, type KnownPeers, parseKnownPeers } from "./known.ts"
export { PEER_LIMITS, type PeerLimits } from "./limits.ts"
export { type PeerEvent, type Peers, type PeersOptions, type PeersStatus, startPeers } from "./peers.ts"
