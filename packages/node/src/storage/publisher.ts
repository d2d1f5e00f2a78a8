/**
 * Keeps a bucket a log by itself (spec/log-storage.md, [S17]): decides when the newest checkpoint goes there, and when partial tiles are removed.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { Clock, Log, LogFile, Timers } from "@vouchsafe/ports"
import type { PublishedEdge } from "@vouchsafe/storage"
import type { Logger } from "../logger.ts"
import { PARTIALS_KEPT_MS, PUBLISH_PACE_MS, PUBLISH_RETRY_MS } from "./limits.ts"

/** What a publisher works with. */
export interface PublisherOptions {
  readonly name: "log" | "notices"
  readonly log: Pick<Log, "cosigned" | "head" | "serve">
  readonly edge: PublishedEdge
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
}

/** @see createPublisher */
export interface Publisher {
  /** There may be a newer checkpoint. Returns at once. */
  request(): void
  /** Publishes what is left, where that works, and ends. */
  stop(): Promise<void>
}

/** Makes a publisher, which begins with the checkpoint of now. */
export function createPublisher({ name, log, edge, clock, timers, logger }: PublisherOptions): Publisher {
  const superseded = new Map<string, number>()
  let current: ReadonlySet<string> = new Set()
  let publishedText: string | undefined
  let lastAtMs = Number.NEGATIVE_INFINITY
  let retryMs: number = PUBLISH_RETRY_MS.first
  let failed = false
  let looked = false
  let stopped = false
  let running: Promise<void> | undefined
  let cancel: (() => void) | undefined

  const supersede = (paths: Iterable<string>): void => {
    for (const path of paths) if (!current.has(path) && !superseded.has(path)) superseded.set(path, clock.nowMs())
  }
  const sweep = async (): Promise<void> => {
    if (!looked) supersede(await edge.partials())
    looked = true
    const due = [...superseded].filter(([path, atMs]) => !current.has(path) && atMs + PARTIALS_KEPT_MS <= clock.nowMs()).map(([path]) => path)
    await edge.remove(due)
    for (const path of due) superseded.delete(path)
  }
  const publish = async (): Promise<void> => {
    const head = log.cosigned() ?? log.head()
    if (head.text === publishedText) return
    lastAtMs = clock.nowMs()
    const partials = await Promise.all(edge.pathsOf(head.size).map(async (path): Promise<LogFile> => {
      const file = await log.serve(path)
      if (file.status !== 200) throw new VouchsafeError("LOG_BROKEN", `the log does not serve ${path}, expected every tile of its ${head.size} entries`)
      return { path, bytes: file.body }
    }))
    const former = current
    current = new Set(partials.map(({ path }) => path))
    if (!await edge.publish(head, partials)) logger.warn({ log: name, size: head.size }, "the bucket holds a larger checkpoint than this node's")
    publishedText = head.text
    for (const path of current) superseded.delete(path)
    supersede(former)
    await sweep()
  }
  const run = async (): Promise<void> => {
    try {
      await publish()
      failed = false
      retryMs = PUBLISH_RETRY_MS.first
    } catch (error) {
      failed = true
      logger.warn({ log: name, error: error instanceof Error ? error.message : String(error) }, "the bucket's checkpoint could not be replaced")
      later(retryMs)
      retryMs = Math.min(retryMs * 2, PUBLISH_RETRY_MS.longest)
    }
  }
  const begin = (): void => {
    cancel = undefined
    if (running !== undefined || stopped) return
    running = run().finally(() => {
      running = undefined
      // What came meanwhile.
      if (!failed && (log.cosigned() ?? log.head()).text !== publishedText) request()
    })
  }
  const later = (ms: number): void => {
    if (cancel === undefined && !stopped) cancel = timers.after(ms, begin)
  }
  const request = (): void => {
    if (running === undefined) later(Math.max(0, lastAtMs + PUBLISH_PACE_MS - clock.nowMs()))
  }

  request()
  return {
    request,
    async stop() {
      stopped = true
      cancel?.()
      await running
      // A place that did not answer before is not waited for.
      if (!failed) await run()
    },
  }
}
