/**
 * The part `gossip`: heads, notices and proofs from other nodes, by peers where there are any and over HTTPS everywhere (spec/gossip.md).
 *
 * @packageDocumentation
 */
import { type Crypto, isVouchsafeError } from "@vouchsafe/core"
import { type Conviction, createGossip, type Gossip, type GossipKind, type GossipOutcome, type OpenedConvictions, openConvictions } from "@vouchsafe/gossip"
import { jsonAnswer } from "../http/answer.ts"
import type { Logger } from "../logger.ts"
import type { NodePart, OpenPart, PartContext } from "../parts.ts"
import type { HeldFolder } from "../state/folder.ts"
import { startAnnouncing } from "./announce.ts"
import { headsDocument, proofsDocument } from "./documents.ts"
import { GOSSIP_FOLDER } from "./limits.ts"
import { startPolls } from "./poll.ts"
import { openGossipStore } from "./store.ts"
import { askByTiles } from "./tiles.ts"

/** Reads who was convicted before: known before anything is cosigned or counted. @throws VouchsafeError DISK. */
export async function openNodeConvictions(folder: HeldFolder, crypto: Crypto, logger: Logger): Promise<OpenedConvictions> {
  const convictions = await openConvictions(crypto, openGossipStore(folder.at(GOSSIP_FOLDER), crypto))
  if (convictions.damaged > 0) logger.warn({ folder: folder.at(GOSSIP_FOLDER, "proofs"), files: convictions.damaged }, "kept proofs that prove nothing are ignored")
  for (const conviction of convictions.list()) logger.warn(factsOf(conviction), "convicted before: it counts in no quorum")
  return convictions
}

function factsOf({ key, proof }: Conviction): Record<string, unknown> {
  return { kind: proof.kind, origin: proof.origin, ...("witness" in proof ? { witness: proof.witness } : {}), key: key.vkey }
}

/** Counts and says what gossip does. */
function listeners({ metrics, logger, mirrors }: PartContext) {
  const messages = metrics.counter("vouchsafe_gossip_messages_total", "messages of gossip by kind and what became of them", "outcome")
  return {
    onOutcome: (kind: GossipKind, outcome: GossipOutcome): void => messages(`${kind} ${outcome}`),
    onProof: (conviction: Conviction): void => logger.error(factsOf(conviction), "proven to have lied: it counts in no quorum of this node any more, and the proof is kept and passed on"),
    onHead: ({ key }: { readonly key: { readonly name: string } }): void => mirrors?.noteHead(key.name),
    onNotice: ({ origin, index, notice }: { readonly origin: string; readonly index: number; readonly notice: { readonly notice: string; readonly purl: string } }): void => {
      logger.info({ origin, index, notice: notice.notice, purl: notice.purl }, "a notice of another log")
      mirrors?.noteHead(origin)
    },
    onFailure(what: string, error: unknown): void {
      if (isVouchsafeError(error)) logger.warn({ code: error.code, why: error.message }, `gossip: could not ${what}`)
      else logger.error({ error: error instanceof Error ? error.message : "unknown" }, `gossip: could not ${what}, by a fault of this program`)
    },
  }
}

/** What the monitor and the copies prove counts as what gossip proves. */
function takeProofsOfMirrors({ mirrors, own, convictions, logger }: PartContext): void {
  mirrors?.onProof((key, proof) => {
    convictions.convict(own.roster, proof).catch((error: unknown) => logger.error({ origin: key.name, error: error instanceof Error ? error.message : "unknown" }, "a proof could not be kept"))
  })
}

/** Opens gossip. @throws VouchsafeError DISK. */
export const openGossipPart: OpenPart = async (context) => {
  const { own, keys, services, convictions, crypto, clock, timers, transport, logger, metrics } = context
  const stopping = new AbortController()
  const gossip = await createGossip({
    transport: context.peers, roster: () => own.roster, convictions, crypto, clock, timers, askConsistency: askByTiles(context, stopping.signal),
    store: context.gossipStore ?? openGossipStore(context.folder.at(GOSSIP_FOLDER), crypto), ...listeners(context),
  })
  takeProofsOfMirrors(context)
  const looked = metrics.counter("vouchsafe_gossip_polls_total", "looks at another node's heads over HTTPS by outcome", "outcome")
  metrics.gauge("vouchsafe_gossip_convicted", "logs and witnesses that are proven to have lied", () => convictions.list().length)
  metrics.gauge("vouchsafe_gossip_untied_heads", "heads that their log does not explain", () => [...gossip.untied().values()].reduce((sum, count) => sum + count, 0))
  const polls = startPolls({ gossip, nodes: () => own.roster.nodes.filter((node) => node.log.vkey !== own.self.log.vkey), transport, timers, logger, random: context.random ?? Math.random, onRound: looked })
  const announcing = startAnnouncing({ gossip, log: services.observations.log, notices: services.notices.log, signer: keys.log, timers, logger })
  return partOf(gossip, convictions, async () => {
    stopping.abort()
    await announcing.stop()
    await polls.stop()
    await gossip.stop()
  })
}

function partOf(gossip: Gossip, convictions: OpenedConvictions, stop: () => Promise<void>): NodePart {
  return {
    name: "gossip",
    publicRoutes: [
      { path: "/v1/heads", get: () => jsonAnswer(200, headsDocument(gossip.heads())) },
      { path: "/v1/misbehavior", get: () => jsonAnswer(200, proofsDocument(convictions.list())) },
    ],
    status: () => ({
      heads: gossip.heads().map(({ key, size }) => ({ origin: key.name, size, untied: gossip.untied().get(key.name) ?? 0 })),
      convicted: convictions.list().map(({ key, proof }) => ({ kind: proof.kind, key: key.vkey })),
    }),
    stop,
  }
}
