/**
 * Decides when a log's newest checkpoint goes to the witnesses: after appends, again when the head grows old, and again and
 * again while too few witnesses answer. How they are asked is the log package's part.
 *
 * @packageDocumentation
 */
import type { Cosigners } from "@vouchsafe/log"
import type { Clock, Log, Timers } from "@vouchsafe/ports"
import { COSIGN_PACE_MS, COSIGN_RETRY_MS } from "../limits.ts"
import type { Logger } from "../logger.ts"

/** What a cosigner works with. */
export interface CosignerOptions {
  readonly name: "log" | "notices"
  readonly log: Pick<Log, "size" | "cosigned">
  readonly witnesses: Pick<Cosigners, "collect" | "refresh" | "status" | "close">
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  /** Cosign anew this often although nothing changed. */
  readonly refreshMs?: number | undefined
  readonly onRound?: (reached: boolean) => void
}

/** @see createCosigner */
export interface Cosigner {
  /** Something was appended. Returns at once. */
  request(): void
  /** Settles when the newest cosigned head has at least `size` entries, or when the cosigner stops. */
  reached(size: number): Promise<void>
  /** Settles when the newest head was cosigned by requests that began after this call, or when the cosigner stops. */
  refreshed(): Promise<void>
  /** Age in ms of the newest cosigned head made by this process; Infinity before the first. */
  ageMs(): number
  /** Lets the round in work end. */
  stop(): Promise<void>
}

interface Waiter {
  /** Smallest size that satisfies it; undefined for one that waits for a fresh time. */
  readonly size: number | undefined
  /** Rounds before this one are too early for it. */
  readonly round: number
  readonly resolve: () => void
}

/** Makes a cosigner and starts its first round, which gives the head a time of this run. */
export function createCosigner(options: CosignerOptions): Cosigner {
  const { log, witnesses, clock, timers, logger } = options
  const waiters = new Set<Waiter>()
  let rounds = 0
  let wanted: "no" | "newest" | "fresh" = "no"
  let running: Promise<void> | undefined
  let cosignedAtMs = Number.NEGATIVE_INFINITY
  let retryMs: number = COSIGN_RETRY_MS.first
  let lastRoundAtMs = Number.NEGATIVE_INFINITY
  let stopped = false
  let cancelTimer = (): void => undefined
  let endPause = (): void => undefined

  const cosignedSize = (): number => log.cosigned()?.size ?? -1

  const settle = (): void => {
    const size = cosignedSize()
    for (const waiter of waiters) {
      if (waiter.round > rounds || (waiter.size !== undefined && waiter.size > size)) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
  }

  const round = async (fresh: boolean): Promise<boolean> => {
    const startedMs = clock.nowMs()
    const sizeBefore = cosignedSize()
    const reached = await (fresh ? witnesses.refresh() : witnesses.collect())
    if (reached && (fresh || cosignedSize() > sizeBefore)) cosignedAtMs = startedMs
    options.onRound?.(reached)
    if (!reached && !stopped) {
      const failures = witnesses.status().filter(({ failure }) => failure !== undefined).map(({ name, failure }) => ({ name, failure }))
      // Nodes of a network that starts together miss each other's first rounds.
      const tell = retryMs < COSIGN_RETRY_MS.longest / 8 ? logger.info : logger.warn
      tell({ log: options.name, size: log.size, failures }, "the witness quorum was not reached")
    }
    return reached
  }

  /** In a burst of appends each round costs every witness a durable write: a short pause lets the next round cover more. */
  const pace = async (): Promise<void> => {
    const leftMs = lastRoundAtMs + COSIGN_PACE_MS - clock.nowMs()
    if (wanted === "newest" && leftMs > 0 && leftMs <= COSIGN_PACE_MS) await pause(leftMs)
  }

  const pause = (ms: number): Promise<void> => new Promise((resolve) => {
    const cancel = timers.after(ms, resolve)
    endPause = () => {
      cancel()
      resolve()
    }
  })

  const run = async (): Promise<void> => {
    while (wanted !== "no" && !stopped) {
      await pace()
      if (stopped) return
      const fresh = wanted === "fresh"
      wanted = "no"
      rounds += 1
      lastRoundAtMs = clock.nowMs()
      const reached = await round(fresh).catch((error: unknown) => {
        logger.error({ log: options.name, error: error instanceof Error ? error.message : "unknown" }, "a head could not be cosigned")
        return false
      })
      if (!reached) {
        later(retryMs, fresh ? "fresh" : "newest")
        retryMs = Math.min(retryMs * 2, COSIGN_RETRY_MS.longest)
        return
      }
      retryMs = COSIGN_RETRY_MS.first
      settle()
      if (wanted === "no" && log.size > cosignedSize()) wanted = "newest"
    }
    if (options.refreshMs !== undefined) later(options.refreshMs, "fresh")
  }

  const later = (ms: number, what: "newest" | "fresh"): void => {
    cancelTimer()
    if (!stopped) cancelTimer = timers.after(ms, () => ask(what))
  }

  const ask = (what: "newest" | "fresh"): void => {
    if (stopped) return
    if (wanted !== "fresh") wanted = what
    if (what === "fresh") endPause()
    if (running !== undefined) return
    cancelTimer()
    running = run().finally(() => {
      running = undefined
      // Asked for after the loop looked for the last time, before this line ran.
      if (wanted !== "no") ask(wanted)
    })
  }

  const wait = (size: number | undefined, from: number): Promise<void> => new Promise((resolve) => {
    if (stopped) resolve()
    else waiters.add({ size, round: from, resolve })
  })

  ask("fresh")
  return {
    request: () => ask("newest"),
    async reached(size) {
      if (cosignedSize() >= size) return
      ask("newest")
      await wait(size, 0)
    },
    async refreshed() {
      // A round in work may have begun long ago: the next one counts.
      const next = rounds + 1
      ask("fresh")
      await wait(undefined, next)
    },
    ageMs: () => clock.nowMs() - cosignedAtMs,
    async stop() {
      stopped = true
      cancelTimer()
      endPause()
      await witnesses.close()
      await running
      for (const waiter of waiters) waiter.resolve()
      waiters.clear()
    },
  }
}
