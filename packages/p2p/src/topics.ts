/**
 * Topics over gossipsub: a message is passed on only after the handler of its topic has said so (spec/peers.md, "Topics").
 *
 * @packageDocumentation
 */
import { type GossipSub, type GossipsubMessage, TopicValidatorResult } from "@libp2p/gossipsub"
import { VouchsafeError } from "@vouchsafe/core"
import type { Clock, PeerFault, PeerMessage, PeerTransport, Relay, Timers } from "@vouchsafe/ports"
import { createBudget } from "./budget.ts"
import { MESSAGE_BYTES_MAX, MESSAGE_TIMEOUT_MS, MESSAGES_BURST, MESSAGES_PER_SECOND, MESSAGES_RUNNING_MAX } from "./limits.ts"
import { createOverflow } from "./overflow.ts"

/** What topics work with. */
export interface TopicsOptions {
  readonly pubsub: GossipSub
  readonly clock: Clock
  readonly timers: Timers
  readonly report: (peer: string, fault: PeerFault) => void
  readonly onFailure: (topic: string, error: unknown) => void
}

/** The library's class has it, its interface does not. */
interface Validating {
  reportMessageValidationResult(messageId: string, source: string, result: TopicValidatorResult): void
}

type Handle = (message: PeerMessage) => Promise<Relay>

const RESULT: Readonly<Record<Relay, TopicValidatorResult>> = { accept: TopicValidatorResult.Accept, ignore: TopicValidatorResult.Ignore, reject: TopicValidatorResult.Reject }

/** @see PeerTransport */
export function createTopics(options: TopicsOptions): Pick<PeerTransport, "publish" | "subscribe"> & { stop(): void } {
  const { pubsub, timers } = options
  const handlers = new Map<string, Handle>()
  const budget = createBudget(options.clock, MESSAGES_PER_SECOND, MESSAGES_BURST)
  const overflow = createOverflow(options.report)
  let running = 0

  const decide = async (topic: string, message: PeerMessage): Promise<Relay> => {
    const handle = handlers.get(topic)
    if (handle === undefined) return "ignore"
    if (message.bytes.length > MESSAGE_BYTES_MAX) return "reject"
    // Not the peer's fault when all handlers are busy: whoever floods has run out of its own budget before.
    if (!budget.take(message.from)) {
      overflow(message.from)
      return "ignore"
    }
    if (running >= MESSAGES_RUNNING_MAX) return "ignore"
    running += 1
    try {
      return await firstOf(timers, handle(message))
    } catch (error) {
      options.onFailure(topic, error)
      return "ignore"
    } finally {
      running -= 1
    }
  }

  const onMessage = (event: CustomEvent<GossipsubMessage>): void => {
    const { propagationSource, msgId, msg } = event.detail
    const from = propagationSource.toString()
    void decide(msg.topic, { from, bytes: msg.data }).then((relay) => {
      if (relay === "reject") options.report(from, "malformed");
      (pubsub as unknown as Validating).reportMessageValidationResult(msgId, from, RESULT[relay])
    }).catch((error: unknown) => options.onFailure(msg.topic, error))
  }
  pubsub.addEventListener("gossipsub:message", onMessage)
  return {
    async publish(topic, bytes) {
      if (bytes.length > MESSAGE_BYTES_MAX) throw new RangeError(`a message has at most ${MESSAGE_BYTES_MAX} bytes`)
      try {
        await pubsub.publish(topic, bytes)
      } catch (cause) {
        throw new VouchsafeError("UNREACHABLE", `nothing can be published: ${cause instanceof Error ? cause.message : "unknown"}`, { cause })
      }
    },
    subscribe(topic, handle) {
      if (handlers.has(topic)) throw new TypeError(`topic ${topic} has a handler already`)
      handlers.set(topic, handle)
      pubsub.subscribe(topic)
    },
    stop: () => pubsub.removeEventListener("gossipsub:message", onMessage),
  }
}

/** What the handler says, or nothing's fault when it takes longer than the overlay keeps the message. */
async function firstOf(timers: Timers, work: Promise<Relay>): Promise<Relay> {
  let cancel = (): void => undefined
  const late = new Promise<Relay>((resolve) => {
    cancel = timers.after(MESSAGE_TIMEOUT_MS, () => resolve("ignore"))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
