/**
 * Keeps the newest checkpoint of one log cosigned: after appends, again when the head grows old, and again and again while
 * witnesses are away.
 *
 * One round at a time. A round asks the witnesses to cosign the newest signed head; whatever was appended meanwhile is the
 * next round's. The head is published only when the quorum was reached.
 *
 * @packageDocumentation
 */
import type { Clock, Log } from "@vouchsafe/ports"
import { COSIGN_RETRY_MS } from "../limits.ts"
import type { Logger } from "../logger.ts"
import type { Timers } from "../timers.ts"

/** One round's result: the signed note with the cosignatures collected, and whether they satisfy the roster. */
export interface Collected {
  readonly text: string
  readonly reached: boolean
  /** Why witnesses did not cosign, for the log file and the status page. */
  readonly failures: readonly { readonly witness: string; readonly code: string }[]
}

/** What a cosigner works with. */
export interface CosignerOptions {
  readonly name: "log" | "notices"
  readonly log: Pick<Log, "size" | "head" | "cosigned" | "publishCosigned">
  /** Asks the witnesses to cosign the log's newest signed head. */
  readonly collect: (head: { readonly size: number; readonly text: string }) => Promise<Collected>
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  /** Cosign anew this often although nothing changed. */
  readonly refreshMs?: number | undefined
  readonly onRound?: (reached: boolean) => void
}

/** @see createCosigner */
export interface Cosigner {
  /** Something was appended, or ought to be refreshed. Returns at once. */
  request(): void
  /** Settles when the newest cosigned head has at least `size` entries, or when the cosigner stops. */
  reached(size: number): Promise<void>
  /** Settles with the end of a round that begins now or later, which gives the head a fresh time; or when the cosigner stops. */
  refreshed(): Promise<void>
  /** Age in ms of the newest cosigned head made by this process; Infinity before the first. */
  ageMs(): number
  /** Witnesses that failed in the last round. */
  failures(): Collected["failures"]
  /** Lets the round in work end. */
  stop(): Promise<void>
}

interface Waiter {
  /** Smallest size that satisfies it; undefined for one that waits for a fresh time. */
  readonly size: number | undefined
  /** Rounds that began before this count are too early for it. */
  readonly round: number
  readonly resolve: () => void
}

/** Makes a cosigner and starts its first round. */
export function createCosigner(options: CosignerOptions): Cosigner {
  const { log, clock, timers, logger } = options
  const waiters = new Set<Waiter>()
  let rounds = 0
  let wanted = false
  let running: Promise<void> | undefined
  let cosignedAtMs = Number.NEGATIVE_INFINITY
  let failures: Collected["failures"] = []
  let retryMs: number = COSIGN_RETRY_MS.first
  let stopped = false
  let cancelRetry = (): void => undefined
  let cancelRefresh = (): void => undefined

  const settle = (): void => {
    const size = log.cosigned()?.size ?? -1
    for (const waiter of waiters) {
      if (waiter.round > rounds || (waiter.size !== undefined && waiter.size > size)) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
  }

  const round = async (): Promise<boolean> => {
    const head = log.head()
    const started = clock.nowMs()
    const collected = await options.collect(head)
    failures = collected.failures
    if (collected.reached && await log.publishCosigned(collected.text)) cosignedAtMs = started
    options.onRound?.(collected.reached)
    if (!collected.reached) logger.warn({ log: options.name, size: head.size, failures }, "the witness quorum was not reached")
    return collected.reached
  }

  const run = async (): Promise<void> => {
    while (wanted && !stopped) {
      wanted = false
      rounds += 1
      const reached = await round().catch((error: unknown) => {
        logger.error({ log: options.name, error: error instanceof Error ? error.message : "unknown" }, "a head could not be cosigned")
        return false
      })
      if (!reached) return retryLater()
      retryMs = COSIGN_RETRY_MS.first
      settle()
      if (log.size > (log.cosigned()?.size ?? -1)) wanted = true
    }
    refreshLater()
  }

  const retryLater = (): void => {
    if (stopped) return
    cancelRetry()
    cancelRetry = timers.after(retryMs, request)
    retryMs = Math.min(retryMs * 2, COSIGN_RETRY_MS.longest)
  }

  const refreshLater = (): void => {
    cancelRefresh()
    if (options.refreshMs !== undefined && !stopped) cancelRefresh = timers.after(options.refreshMs, request)
  }

  const request = (): void => {
    if (stopped) return
    wanted = true
    if (running !== undefined) return
    cancelRetry()
    running = run().finally(() => {
      running = undefined
      // Asked for after the loop looked for the last time, before this line ran.
      if (wanted) request()
    })
  }

  const wait = (size: number | undefined, round: number): Promise<void> => new Promise((resolve) => {
    if (stopped) resolve()
    else waiters.add({ size, round, resolve })
  })

  request()
  return {
    request,
    async reached(size) {
      if ((log.cosigned()?.size ?? -1) >= size) return
      request()
      await wait(size, 0)
    },
    async refreshed() {
      // A round in work may have read the clock long ago: the next one counts.
      const next = rounds + 1
      request()
      await wait(undefined, next)
    },
    ageMs: () => clock.nowMs() - cosignedAtMs,
    failures: () => failures,
    async stop() {
      stopped = true
      cancelRetry()
      cancelRefresh()
      await running
      for (const waiter of waiters) waiter.resolve()
      waiters.clear()
    },
  }
}
