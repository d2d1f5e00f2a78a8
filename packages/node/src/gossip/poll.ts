/**
 * Looking at other nodes' heads and proofs over HTTPS, rarely: what was shown to others and what was shown here meet also where no peer-to-peer is.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, parseCheckpoint, parseNote, type RosterNode, unlessRefused, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import type { Gossip, GossipKind, GossipMessage } from "@vouchsafe/gossip"
import type { HttpTransport, Timers } from "@vouchsafe/ports"
import type { Logger } from "../logger.ts"
import { parseHeads, parseProofs } from "./documents.ts"
import { CHECKPOINT_BYTES_MAX, HEADS_BYTES_MAX, POLL_CONCURRENT_MAX, POLL_FIRST_MS, POLL_MS, POLL_NODES_MAX, POLL_TIMEOUT_MS, PROOFS_BYTES_MAX } from "./limits.ts"

/** What looking works with. */
export interface PollOptions {
  readonly gossip: Pick<Gossip, "offer" | "heads">
  /** Nodes to look at: all but this one. */
  readonly nodes: () => readonly RosterNode[]
  readonly transport: HttpTransport
  readonly timers: Timers
  readonly logger: Logger
  /** From 0 up to 1. */
  readonly random: () => number
  readonly onRound: (outcome: "done" | "failed") => void
}

/** @see startPolls */
export interface Polls {
  /** Looks now; settles when the round is over. Rounds never run at once. */
  round(): Promise<void>
  stop(): Promise<void>
}

/** Starts looking: soon after the start, then every few minutes. */
export function startPolls(options: PollOptions): Polls {
  const abort = new AbortController()
  let running: Promise<void> | undefined
  let cancel = (): void => undefined

  const get = async (url: string, maxBytes: number): Promise<string | undefined> => {
    const { status, body } = await options.transport.request({ method: "GET", url, timeoutMs: POLL_TIMEOUT_MS, maxBytes, signal: abort.signal })
    // A node without this list, or that has nothing cosigned yet.
    if (status === 404 || status === 503) return undefined
    if (status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `${url} answered ${status}, expected 200`)
    return utf8Decode(body)
  }

  const look = async (node: RosterNode): Promise<void> => {
    const from = `https ${node.operator}`
    const offer = async (kind: GossipKind, message: GossipMessage): Promise<void> => {
      const outcome = await options.gossip.offer(kind, from, message)
      if (outcome === "malformed" || outcome === "forged") options.logger.warn({ operator: node.operator, kind, outcome }, "a node shows what nobody signed")
    }
    for (const role of ["log", "notices"] as const) {
      const checkpoint = await get(`${node.url}${role}/checkpoint`, CHECKPOINT_BYTES_MAX)
      if (checkpoint !== undefined) await offer("head", { kind: "head", origin: node[role].name, checkpoint })
    }
    const heads = await get(`${node.url}v1/heads`, HEADS_BYTES_MAX)
    // What is the same tree as the one known here costs no signature.
    const known = new Set(options.gossip.heads().map(({ signed }) => treeOf(signed)))
    for (const { origin, checkpoint } of heads === undefined ? [] : parseHeads(heads)) {
      if (!known.has(treeOf(checkpoint))) await offer("head", { kind: "head", origin, checkpoint })
    }
    const proofs = await get(`${node.url}v1/misbehavior`, PROOFS_BYTES_MAX)
    for (const proof of proofs === undefined ? [] : parseProofs(proofs)) await offer("misbehavior", { kind: "misbehavior", proof })
  }

  const lookAt = async (queue: RosterNode[]): Promise<void> => {
    for (let node = queue.pop(); node !== undefined && !abort.signal.aborted; node = queue.pop()) {
      try {
        await look(node)
        options.onRound("done")
      } catch (error) {
        if (!isVouchsafeError(error)) throw error
        options.onRound("failed")
        if (!abort.signal.aborted) options.logger.debug({ operator: node.operator, code: error.code, why: error.message }, "the heads of a node could not be looked at")
      }
    }
  }

  const round = (): Promise<void> => {
    running ??= (async () => {
      const queue = shuffled(options.nodes(), options.random).slice(0, POLL_NODES_MAX)
      await Promise.all(Array.from({ length: POLL_CONCURRENT_MAX }, () => lookAt(queue)))
    })().finally(() => {
      running = undefined
    })
    return running
  }

  const later = (ms: number): void => {
    if (abort.signal.aborted) return
    cancel = options.timers.after(ms * (1 + options.random() / 2), () => {
      round().catch((error: unknown) => options.logger.error({ error: error instanceof Error ? error.message : "unknown" }, "looking at other nodes' heads failed by a fault of this program"))
        .finally(() => later(POLL_MS))
    })
  }
  later(POLL_FIRST_MS)
  return {
    round,
    async stop() {
      abort.abort()
      cancel()
      await running?.catch(() => undefined)
    },
  }
}

/** The text that a head's signatures cover; the whole of what is no note. */
function treeOf(checkpoint: string): string {
  return unlessRefused(() => {
    const { text } = parseNote(checkpoint)
    parseCheckpoint(text)
    return text
  }) ?? checkpoint
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const list = [...items]
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j] as T, list[i] as T]
  }
  return list
}
