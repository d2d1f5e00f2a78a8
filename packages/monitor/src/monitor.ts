/**
 * Reads whole logs as they grow, and keeps reports.
 *
 * @packageDocumentation
 */
import { type Crypto, type MisbehaviorProof, parseMisbehavior, type VerifierKey } from "@vouchsafe/core"
import type { AbortSignalLike, Clock } from "@vouchsafe/ports"
import { NOTICES_AGE_SECONDS_MAX, PAGE_ENTRIES, REPORTS_ANSWERED_MAX, UNSEEN_SECONDS_MAX } from "./limits.ts"
import { judgePage, type PageOptions } from "./page.ts"
import type { Finding, MonitoredLog, MonitorStore, Report, ReportKind } from "./types.ts"

export const REPORTS_FORMAT = "vouchsafe-reports/v1"

/** How to run a monitor. */
export interface MonitorOptions {
  readonly store: MonitorStore
  readonly crypto: Crypto
  readonly clock: Clock
  readonly tokenOf?: PageOptions["tokenOf"]
  /** Told of every finding as it is stored. */
  readonly onFinding?: (finding: Finding) => void
  /** Told of a proof against the log with this key. */
  readonly onProof?: (key: VerifierKey, proof: MisbehaviorProof) => void
}

/** How a log's head is, as far as its copy knows. */
export interface HeadState {
  readonly operator: string
  readonly origin: string
  readonly role: "log" | "notices"
  /** When a quorum had cosigned the stored head, Unix seconds; null before the first. */
  readonly headTime: number | null
  /** When the log's origin last showed a valid head, or anybody a new one, ms since the epoch; null when nobody did since the start. */
  readonly seenMs: number | null
}

/** What `GET /v1/reports` answers. */
export interface ReportsDocument {
  readonly format: typeof REPORTS_FORMAT
  readonly logs: readonly { readonly origin: string; readonly operator: string; readonly size: number; readonly read: number }[]
  readonly reports: readonly Report[]
  readonly dropped: number
}

/** A monitor over one store. */
export interface Monitor {
  /** Reads on from where it was, up to the log's head. Calls for one log at once are the caller's mistake. @returns how many entries were read. */
  read(log: MonitoredLog, signal?: AbortSignalLike): Promise<number>
  /** Judges whether heads move. */
  watchHeads(heads: readonly HeadState[]): void
  /** Keeps a fork that a mirror found. Once for each start is as good as once. */
  addFork(log: Pick<MonitoredLog, "operator" | "key">, proof: MisbehaviorProof): void
  document(logs: readonly { readonly origin: string; readonly operator: string; readonly size: number }[]): ReportsDocument
  /** A proof document by the hex SHA-256 of its text. */
  proof(digest: string): string | undefined
  counts(): ReadonlyMap<ReportKind, number>
  /** Proofs of earlier runs, with the origins of the logs that they convict. */
  proofs(): readonly { readonly origin: string; readonly proof: MisbehaviorProof }[]
}

/** Makes a monitor. */
export function createMonitor(options: MonitorOptions): Monitor {
  const { store, clock } = options
  const startedMs = clock.nowMs()
  const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000)
  /** Heads that are known to have stopped, so that one is reported once. */
  const stopped = new Set<string>()
  const forked = new Set<string>()

  const add = (finding: Finding): void => {
    store.addFinding(finding, nowSeconds())
    options.onFinding?.(finding)
  }

  const whyStopped = ({ role, headTime, seenMs }: HeadState): string | undefined => {
    const unseenSeconds = Math.floor((clock.nowMs() - Math.max(seenMs ?? 0, startedMs)) / 1000)
    if (unseenSeconds > UNSEEN_SECONDS_MAX) return `its origin showed no valid head for ${unseenSeconds} s, and nobody a new one, expected one at least every ${UNSEEN_SECONDS_MAX} s`
    const ageSeconds = nowSeconds() - (headTime ?? nowSeconds())
    if (role === "notices" && ageSeconds > NOTICES_AGE_SECONDS_MAX) return `its newest cosignatures are ${ageSeconds} s old, expected at most ${NOTICES_AGE_SECONDS_MAX} s`
    return undefined
  }

  return {
    async read(log, signal) {
      const begin = store.place(log.key.name).read
      let read = begin
      while (read < log.head.size && signal?.aborted !== true) {
        const to = Math.min(log.head.size, read + PAGE_ENTRIES)
        const page = await judgePage(options, log, read, to)
        // [M1] Index, reports and place in one transaction; whoever listens hears of it afterwards.
        store.addPage(page, nowSeconds())
        for (const finding of page.findings) {
          options.onFinding?.(finding)
          if (finding.proof !== undefined) options.onProof?.(log.key, finding.proof)
        }
        read = to
      }
      return Math.max(0, read - begin)
    },
    watchHeads(heads) {
      for (const head of heads) {
        const why = whyStopped(head)
        if (why === undefined) {
          store.endReports("stopped-head", head.origin, nowSeconds())
          stopped.delete(head.origin)
        } else if (!stopped.has(head.origin)) {
          stopped.add(head.origin)
          add({ kind: "stopped-head", origin: head.origin, operator: head.operator, subject: head.origin, entries: [], detail: why })
        }
      }
    },
    addFork({ operator, key }, proof) {
      if (forked.has(key.name)) return
      forked.add(key.name)
      add({ kind: "fork", origin: key.name, operator, subject: key.name, entries: [], detail: "two signed heads cannot both be true", proof })
    },
    document: (logs) => ({
      format: REPORTS_FORMAT,
      logs: logs.map((log) => ({ ...log, read: store.place(log.origin).read })),
      reports: store.reports(REPORTS_ANSWERED_MAX),
      dropped: store.dropped(),
    }),
    proof: (digest) => store.proof(digest),
    counts: () => store.counts(),
    proofs: () => store.proofs().map(({ origin, document }) => ({ origin, proof: parseMisbehavior(document) })),
  }
}
