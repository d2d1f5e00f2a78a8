/**
 * Gossip between nodes: what arrives is validated before it is stored or passed on (spec/gossip.md).
 *
 * In this order: the sender's budget, size, shape, authority in the roster, signature, sequence, the log's budget. Only then anything changes.
 *
 * @packageDocumentation
 */
import { checkInclusion, type Crypto, formatMisbehavior, isVouchsafeError, leafHashOfText, type MisbehaviorProof, parseMisbehavior, parseNotice, type Roster, type Signer, verifyMisbehavior } from "@vouchsafe/core"
import type { Clock, PeerTransport, Relay, Timers } from "@vouchsafe/ports"
import { type Convictions, keysOf, logOf } from "./authority.ts"
import { openGossipHead, type OpenedHead } from "./head.ts"
import { createLedger, type Ledger } from "./ledger.ts"
import { MESSAGES_PER_ORIGIN, MESSAGES_PER_PEER, NOTICES_REMEMBERED_MAX, ORIGINS_REMEMBERED_MAX, PEERS_REMEMBERED_MAX } from "./limits.ts"
import { formatMessage, type GossipMessage, isAnnouncedBy, parseMessage, signAnnouncement, TOPICS } from "./messages.ts"
import { createBudget } from "./rate.ts"
import { createTies } from "./ties.ts"
import { type Announcement, type AskConsistency, type Conviction, GOSSIP_KINDS, type GossipHead, type GossipKind, type GossipOutcome, type GossipStore, type ProvenNotice, type RosterKey } from "./types.ts"

/** What gossip works with. */
export interface GossipOptions {
  /** The way to peers; without one only what is offered by other ways is taken in. */
  readonly transport?: Pick<PeerTransport, "publish" | "subscribe" | "report"> | undefined
  /** Who has a say now. Read at each message. */
  readonly roster: () => Roster
  readonly convictions: Convictions
  readonly crypto: Crypto
  readonly clock: Clock
  readonly timers: Timers
  readonly store: Pick<GossipStore, "heads" | "putHead">
  readonly askConsistency: AskConsistency
  /** Counts; labels are closed sets. */
  readonly onOutcome?: (kind: GossipKind, outcome: GossipOutcome) => void
  readonly onProof?: (conviction: Conviction) => void
  readonly onHead?: (head: GossipHead) => void
  readonly onNotice?: (notice: ProvenNotice) => void
  readonly onStatements?: (announcement: Announcement) => void
  /** What could not be stored, published or tied: for the log of the node. */
  readonly onFailure?: (what: string, error: unknown) => void
}

/** See {@link createGossip}. */
export interface Gossip {
  /** Takes in a message of a topic as if a peer had sent it; `from` has a budget like a peer. Passes it on where it is accepted. */
  offer(kind: GossipKind, from: string, message: GossipMessage): Promise<GossipOutcome>
  announceHead(checkpoint: string, origin: string): Promise<GossipOutcome>
  announceStatements(announcement: Announcement, signer: Signer): Promise<GossipOutcome>
  announceNotice(notice: Omit<GossipMessage & { readonly kind: "notice" }, "kind">): Promise<GossipOutcome>
  /** Newest head of each log of the roster that is known. */
  heads(): readonly GossipHead[]
  /** Heads that nothing ties to the newest one of their log, by origin: what a log does not explain. */
  untied(): ReadonlyMap<string, number>
  /** Settles when no tie is being looked for. */
  idle(): Promise<void>
  stop(): Promise<void>
}

/** Name under which a node's own announcements are taken in. */
export const SELF = "self"

/** Messages against which something is held. */
const RELAY: Partial<Readonly<Record<GossipOutcome, Relay>>> = { accepted: "accept", malformed: "reject", forged: "reject" }

/** Starts gossip: heads known before a restart are read, topics are subscribed to. @throws VouchsafeError as the store. */
export async function createGossip(options: GossipOptions): Promise<Gossip> {
  const { transport, roster, convictions, crypto, clock } = options
  const peers = createBudget(clock, MESSAGES_PER_PEER, PEERS_REMEMBERED_MAX)
  const origins = createBudget(clock, MESSAGES_PER_ORIGIN, ORIGINS_REMEMBERED_MAX)
  const ledgers = new Map<string, Ledger>()
  const announced = new Map<string, number>()
  const notices = new Set<string>()
  const ties = createTies({ ...options, convict: (proofs) => convictAll(proofs) })
  let stopped = false

  const nowSeconds = (): number => Math.max(0, Math.floor(clock.nowMs() / 1_000))
  const fail = (what: string, error: unknown): void => options.onFailure?.(what, error)
  const publish = (kind: GossipKind, message: GossipMessage): void => {
    const sent = transport?.publish(TOPICS[kind], formatMessage(message))
    sent?.catch((error: unknown) => fail(`publish ${kind}`, error))
  }
  const ledgerOf = ({ key }: RosterKey, start?: GossipHead): Ledger => {
    const ledger = ledgers.get(key.vkey) ?? createLedger(crypto, roster, key, start)
    ledgers.set(key.vkey, ledger)
    return ledger
  }
  const open = (log: RosterKey, signed: string): OpenedHead => openGossipHead(crypto, roster(), convictions.counted(roster()), log, signed, nowSeconds())

  const convictAll = async (proofs: readonly MisbehaviorProof[]): Promise<void> => {
    for (const proof of proofs) {
      try {
        await convictions.convict(roster(), proof)
      } catch (error) {
        // Whom it names counts no more all the same; only a restart would forget.
        fail("store a proof", error)
      }
    }
  }
  convictions.subscribe((conviction) => {
    if (stopped) return
    options.onProof?.(conviction)
    const message: GossipMessage = { kind: "misbehavior", proof: conviction.document }
    // Proofs too large for a message are fetched over HTTPS.
    try {
      parseMessage("misbehavior", formatMessage(message))
    } catch (error) {
      return fail("publish misbehavior", error)
    }
    publish("misbehavior", message)
  })

  const takeHead = async (message: { readonly origin: string; readonly checkpoint: string }, from: string): Promise<GossipOutcome> => {
    const log = logOf(roster(), message.origin)
    if (log === undefined) return "stranger"
    if (convictions.has(log.key.vkey)) return "convicted"
    if (ledgerOf(log).has(message.checkpoint)) return "known"
    const opened = open(log, message.checkpoint)
    return typeof opened === "string" ? opened : await keepHead(log, opened, from)
  }

  const keepHead = async (log: RosterKey, { head, counts }: Exclude<OpenedHead, string>, from: string): Promise<GossipOutcome> => {
    const ledger = ledgerOf(log)
    await convictAll(ledger.proofs(head))
    if (convictions.has(log.key.vkey)) return "convicted"
    if (!origins.take(`head ${log.key.vkey} ${from}`)) return "limited"
    const placed = ledger.place(head, counts)
    if (placed === "newer" || placed === "older") ties.look(ledger)
    if (placed === "known" || placed === "older") return counts ? "known" : "uncounted"
    const newest = ledger.newest() as GossipHead
    await options.store.putHead(log.key.vkey, newest.signed)
    options.onHead?.(newest)
    return "accepted"
  }

  const takeStatements = (message: GossipMessage & { readonly kind: "statements" }, from: string): GossipOutcome => {
    const log = logOf(roster(), message.origin)
    if (log?.role !== "log") return "stranger"
    if (convictions.has(log.key.vkey)) return "convicted"
    if (!isAnnouncedBy(crypto, log.key, message)) return "forged"
    if (message.size <= (announced.get(log.key.vkey) ?? 0)) return "known"
    if (!origins.take(`statements ${log.key.vkey} ${from}`)) return "limited"
    announced.set(log.key.vkey, message.size)
    options.onStatements?.({ origin: message.origin, size: message.size, purls: message.purls })
    return "accepted"
  }

  const takeNotice = async (message: GossipMessage & { readonly kind: "notice" }, from: string): Promise<GossipOutcome> => {
    const { origin, index, entry, proof, checkpoint } = message
    const log = logOf(roster(), origin)
    if (log?.role !== "notices") return "stranger"
    if (convictions.has(log.key.vkey)) return "convicted"
    const opened = open(log, checkpoint)
    if (typeof opened === "string") return opened
    const { head } = opened
    if (!checkInclusion(crypto, { index, size: head.size, leafHash: leafHashOfText(crypto, entry), proof, root: head.root })) return "forged"
    const notice = parseNotice(entry)
    if (notice.log !== origin) return "forged"
    // A head that contradicts another one is a proof, whatever it carries.
    await convictAll(ledgerOf(log).proofs(head))
    if (convictions.has(log.key.vkey)) return "convicted"
    const id = `${log.key.vkey} ${index}`
    if (notices.has(id)) return "known"
    if (!origins.take(`notice ${log.key.vkey} ${from}`)) return "limited"
    notices.add(id)
    if (notices.size > NOTICES_REMEMBERED_MAX) notices.delete(notices.values().next().value as string)
    options.onNotice?.({ origin, index, notice, entry })
    return "accepted"
  }

  const takeProof = async (document: string): Promise<GossipOutcome> => {
    const proof = parseMisbehavior(document)
    if (formatMisbehavior(proof) !== document) return "malformed"
    const accused = keysOf(roster()).filter(({ key }) => key.name === ("witness" in proof ? proof.witness : proof.origin))
    if (accused.length === 0) return "stranger"
    if (accused.every(({ key }) => convictions.has(key.vkey))) return "known"
    if (!accused.some(({ key }) => verifyMisbehavior(crypto, proof, key))) return "forged"
    // What it proves against a witness, it proves besides against whoever else is in it.
    return await convictions.convict(roster(), proof) === undefined ? "known" : "accepted"
  }

  const judge = async (message: GossipMessage, from: string): Promise<GossipOutcome> => {
    switch (message.kind) {
      case "head": return takeHead(message, from)
      case "statements": return takeStatements(message, from)
      case "notice": return takeNotice(message, from)
      case "misbehavior": return takeProof(message.proof)
    }
  }

  /** The one way in, for peers, for what was fetched, and for a node's own words. */
  const take = async (kind: GossipKind, from: string, message: () => GossipMessage): Promise<GossipOutcome> => {
    if (stopped) return "known"
    const outcome = !peers.take(from) ? "flooded" : await decide(kind, from, message)
    options.onOutcome?.(kind, outcome)
    return outcome
  }
  const decide = async (kind: GossipKind, from: string, message: () => GossipMessage): Promise<GossipOutcome> => {
    try {
      return await judge(message(), from)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      if (error.kind === "input") return "malformed"
      fail(`take in ${kind}`, error)
      return "failed"
    }
  }
  const offer = async (kind: GossipKind, from: string, message: GossipMessage): Promise<GossipOutcome> => {
    // What did not come as bytes goes through the same reader; only proofs may be larger than a message.
    const outcome = await take(kind, from, () => (kind === "misbehavior" ? message : parseMessage(kind, formatMessage(message))))
    if (outcome === "accepted" && kind !== "misbehavior") publish(kind, message)
    return outcome
  }

  for (const { vkey, checkpoint } of await options.store.heads()) {
    const log = keysOf(roster()).find(({ key, role }) => key.vkey === vkey && (role === "log" || role === "notices"))
    const opened = log === undefined ? "stranger" : open(log, checkpoint)
    // Its quorum may have been lost since: it is still what the log signed.
    if (log !== undefined && typeof opened !== "string") ledgerOf(log, opened.head)
  }
  for (const kind of GOSSIP_KINDS) {
    transport?.subscribe(TOPICS[kind], async ({ from, bytes }) => {
      const outcome = await take(kind, from, () => parseMessage(kind, bytes))
      if (outcome === "forged") transport.report(from, "lied")
      if (outcome === "flooded") transport.report(from, "flooded")
      return RELAY[outcome] ?? "ignore"
    })
  }
  return {
    offer,
    announceHead: (checkpoint, origin) => offer("head", SELF, { kind: "head", origin, checkpoint }),
    announceStatements: (announcement, signer) => offer("statements", SELF, signAnnouncement(signer, announcement)),
    announceNotice: (notice) => offer("notice", SELF, { kind: "notice", ...notice }),
    heads: () => [...ledgers.values()].flatMap((ledger) => ledger.newest() ?? []),
    untied: () => new Map([...ledgers.values()].flatMap((ledger): [string, number][] => (ledger.untied().length === 0 ? [] : [[ledger.key.name, ledger.untied().length]]))),
    idle: () => ties.idle(),
    async stop() {
      stopped = true
      await ties.stop()
    },
  }
}

