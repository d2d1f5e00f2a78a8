/** Peers over libp2p: discovery, gossip and requests behind the PeerTransport port. @packageDocumentation */
export {}
