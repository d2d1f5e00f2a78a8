/**
 * What gossip works with and what it tells.
 *
 * @packageDocumentation
 */
import type { HeadRelation, KnownHead, MisbehaviorProof, Notice, RosterNode, VerifierKey } from "@vouchsafe/core"

/** Where a node keeps what it must not forget. Resolving means durable. Rejections are VouchsafeErrors: DISK, STATE_UNSAFE. */
export interface GossipStore {
  /** Newest head of each log, by the log's verifier key. What is read is verified again. */
  heads(): Promise<readonly { readonly vkey: string; readonly checkpoint: string }[]>
  putHead(vkey: string, checkpoint: string): Promise<void>
  /** All proofs, by the verifier key of whom they convict. There is no way to take one back. */
  proofs(): Promise<readonly { readonly vkey: string; readonly document: string }[]>
  addProof(vkey: string, document: string): Promise<void>
}

/** What somebody's key is for. */
export type KeyRole = "log" | "notices" | "witness" | "retired"

/** A key of the roster, and whose it is. */
export interface RosterKey {
  readonly key: VerifierKey
  readonly role: KeyRole
  readonly node: RosterNode
}

/** A log or a witness that lied. */
export interface Conviction {
  readonly key: VerifierKey
  readonly proof: MisbehaviorProof
  /** The proof as a document that stands alone. */
  readonly document: string
}

/** A head of a log of the roster, checked: signed by the log, cosigned by a quorum. */
export interface GossipHead extends KnownHead {
  readonly key: VerifierKey
  /** Time of each cosignature in it, Unix seconds, by the witness's verifier key. All of them verify. */
  readonly times: ReadonlyMap<string, number>
}

/** Packages about which a log has new statements. */
export interface Announcement {
  readonly origin: string
  /** Entries of the log when it announced them. */
  readonly size: number
  readonly purls: readonly string[]
}

/** A notice in its place, included under a head that its log signed. */
export interface ProvenNotice {
  readonly origin: string
  readonly index: number
  readonly notice: Notice
  readonly entry: string
}

export const GOSSIP_KINDS = ["head", "statements", "notice", "misbehavior"] as const
export type GossipKind = typeof GOSSIP_KINDS[number]

/**
 * What became of a message. accepted: new, valid, passed on. known: nothing new. stranger: about a log that the roster does not have.
 * convicted: of a log that does not count any more. uncounted: no quorum cosigned it; compared, not kept. limited: too many about this log.
 * malformed, forged: held against whoever sent it. flooded: too many from this peer. failed: could not be stored.
 */
export const GOSSIP_OUTCOMES = ["accepted", "known", "stranger", "convicted", "uncounted", "limited", "malformed", "forged", "flooded", "failed"] as const
export type GossipOutcome = typeof GOSSIP_OUTCOMES[number]

/** Says how two heads of one log stand to each other, where their sizes differ, from tiles of the log or of a mirror. Never rejects. */
export type AskConsistency = (key: VerifierKey, older: KnownHead, newer: KnownHead) => Promise<HeadRelation>
