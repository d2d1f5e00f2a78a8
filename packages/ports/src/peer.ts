/**
 * Nodes that reach each other over an overlay, whether or not they have an address that others can dial.
 *
 * Nothing here is trusted: what a peer sends counts by what is signed in it, and a client never loads any of this.
 *
 * @packageDocumentation
 */
import type { Bytes } from "@vouchsafe/core"
import type { AbortSignalLike } from "./http.ts"

/** A peer that is connected now. */
export interface Peer {
  /** The overlay's own name of it, which its key proves. */
  readonly id: string
  /** Operator of the roster whose log key signed this peer's name; undefined until that is shown, and for strangers. */
  readonly operator: string | undefined
  /** Where it is connected, as the overlay writes addresses. */
  readonly address: string
  /** `relayed`: through another peer, with that one's limits. */
  readonly path: "direct" | "relayed"
  readonly score: number
}

/** What becomes of a message: passed on; dropped, nobody's fault; dropped, and held against whoever passed it on. */
export type Relay = "accept" | "ignore" | "reject"

/** What a peer did, for its score. `lied`: sent what it must have known to be wrong. */
export type PeerFault = "malformed" | "lied" | "flooded" | "failed"

/** A message of a topic. */
export interface PeerMessage {
  /** The peer that passed it on; who wrote it stands, signed, in the bytes. */
  readonly from: string
  readonly bytes: Bytes
}

/** A way to other nodes. Rejections are VouchsafeErrors: UNREACHABLE, TIMEOUT, UPSTREAM_FAILED (an answer that is too large, or none). */
export interface PeerTransport {
  /** This node's own name on the overlay. */
  readonly id: string
  /** Addresses under which others may reach it; none behind a closed door. */
  addresses(): readonly string[]
  peers(): readonly Peer[]
  /** Sends to all who subscribed, by way of those who are connected. Resolves when it left this node; a message that nobody heard is no error. */
  publish(topic: string, bytes: Bytes): Promise<void>
  /** One handler a topic. It is asked before a message is passed on to anybody. A handler that throws ignores the message. */
  subscribe(topic: string, handle: (message: PeerMessage) => Promise<Relay>): void
  /** Asks one peer. The answer has at most `bytesMax` bytes and comes within `timeoutMs`. */
  request(peer: string, protocol: string, body: Bytes, options: { readonly bytesMax: number; readonly timeoutMs: number; readonly signal?: AbortSignalLike | undefined }): Promise<Bytes>
  /** Answers requests of a protocol; bodies over `bytesMax` are refused unread. A handler that throws answers nothing and ends the request. */
  serve(protocol: string, options: { readonly bytesMax: number }, handle: (from: string, body: Bytes) => Promise<Bytes>): void
  /** Holds something against a peer; one that did too much is disconnected and not dialled again for a while. */
  report(peer: string, fault: PeerFault): void
  close(): Promise<void>
}
