/** What nodes tell each other about logs: validated before it is stored or passed on; proofs of misbehavior out of it. Start at `createGossip`. @packageDocumentation */
export { type Convictions, keysOf, logOf, type OpenedConvictions, openConvictions } from "./authority.ts"
export { createGossip, type Gossip, type GossipOptions, SELF } from "./gossip.ts"
export * from "./limits.ts"
export { announcedText, formatMessage, GOSSIP_FORMAT, type GossipMessage, parseMessage, signAnnouncement, STATEMENTS_CONTEXT, TOPICS } from "./messages.ts"
export {
  type Announcement, type AskConsistency, type Conviction, GOSSIP_KINDS, GOSSIP_OUTCOMES, type GossipHead, type GossipKind, type GossipOutcome, type GossipStore,
  type KeyRole, type ProvenNotice, type RosterKey,
} from "./types.ts"
