/**
 * What this node's own logs have to tell: newly cosigned heads, the packages of new statements in one message, notices.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, parseEntry, type Signer, utf8Decode } from "@vouchsafe/core"
import { ANNOUNCED_PURLS_MAX, type Gossip } from "@vouchsafe/gossip"
import type { Log, Timers } from "@vouchsafe/ports"
import type { Logger } from "../logger.ts"
import { ANNOUNCE_MS, NOTICES_ANNOUNCED_MAX } from "./limits.ts"

type ReadLog = Pick<Log, "origin" | "cosigned" | "entries" | "proveInclusion">

/** What announcing works with. */
export interface AnnounceOptions {
  readonly gossip: Pick<Gossip, "announceHead" | "announceStatements" | "announceNotice">
  readonly log: ReadLog
  readonly notices: ReadLog
  /** Of the log: it signs what it announces. */
  readonly signer: Signer
  readonly timers: Timers
  readonly logger: Logger
}

/** @see startAnnouncing */
export interface Announcing {
  /** Looks now whether something is new. */
  look(): Promise<void>
  stop(): Promise<void>
}

/** Starts announcing what is cosigned from now on. Heads that stand already are announced once, entries are not. */
export function startAnnouncing(options: AnnounceOptions): Announcing {
  const { gossip, log, notices, logger } = options
  const told = new Map<ReadLog, { text: string; size: number }>()
  for (const one of [log, notices]) told.set(one, { text: "", size: one.cosigned()?.size ?? 0 })
  let running: Promise<void> | undefined
  let stopped = false
  let cancel = (): void => undefined

  /** The entries that became cosigned since the last look, and under which head; undefined when the head is the same. */
  const newsOf = (one: ReadLog): { readonly head: { readonly text: string; readonly size: number }; readonly from: number } | undefined => {
    const head = one.cosigned()
    const before = told.get(one)
    if (head === undefined || head.text === before?.text) return undefined
    told.set(one, { text: head.text, size: head.size })
    return { head, from: before?.size ?? 0 }
  }

  const tellLog = async (): Promise<void> => {
    const news = newsOf(log)
    if (news === undefined) return
    const { head, from } = news
    await gossip.announceHead(head.text, log.origin)
    const indices = range(Math.max(from, head.size - ANNOUNCED_PURLS_MAX), head.size)
    const purls = [...new Set((await log.entries(indices)).flatMap(purlIn))]
    if (purls.length > 0 && !stopped) await gossip.announceStatements({ origin: log.origin, size: head.size, purls }, options.signer)
  }

  const tellNotices = async (): Promise<void> => {
    const news = newsOf(notices)
    if (news === undefined) return
    const { head, from } = news
    await gossip.announceHead(head.text, notices.origin)
    const indices = range(Math.max(from, head.size - NOTICES_ANNOUNCED_MAX), head.size)
    for (const [i, bytes] of (await notices.entries(indices)).entries()) {
      const index = indices[i] as number
      if (stopped) return
      await gossip.announceNotice({ origin: notices.origin, index, entry: utf8Decode(bytes), proof: await notices.proveInclusion(index, head.size), checkpoint: head.text })
    }
  }

  const look = (): Promise<void> => {
    running ??= (async () => {
      try {
        await tellLog()
        await tellNotices()
      } catch (error) {
        // A log that cannot be read says so itself, and what was not announced is found by whoever looks.
        if (!isVouchsafeError(error)) throw error
        logger.debug({ code: error.code, why: error.message }, "something new could not be announced")
      }
    })().finally(() => {
      running = undefined
    })
    return running
  }

  const later = (): void => {
    if (stopped) return
    cancel = options.timers.after(ANNOUNCE_MS, () => {
      look().catch((error: unknown) => logger.error({ error: error instanceof Error ? error.message : "unknown" }, "announcing failed by a fault of this program")).finally(later)
    })
  }
  later()
  return {
    look,
    async stop() {
      stopped = true
      cancel()
      await running?.catch(() => undefined)
    },
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}

/** The package that an entry is about; none for what is no statement. */
function purlIn(bytes: Uint8Array): string[] {
  try {
    const entry = parseEntry(utf8Decode(bytes))
    switch (entry.kind) {
      case "observation": return [entry.observation.purl]
      case "rebuild": return [entry.rebuild.purl]
      case "foreign": return [entry.foreign.purl]
      case "lockset": return []
      default: return [entry.purl]
    }
  } catch (error) {
    if (isVouchsafeError(error)) return []
    throw error
  }
}
