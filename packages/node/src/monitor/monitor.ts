/**
 * The part `monitor`: reads all copies, and this node's own logs, and answers with reports (spec/mirror.md, "Monitor").
 *
 * @packageDocumentation
 */
import { headChecker, HEX_SHA256, isVouchsafeError } from "@vouchsafe/core"
import { createMonitor, type Finding, type HeadState, type Monitor, type MonitoredLog, openMonitorStore, REPORT_KINDS } from "@vouchsafe/monitor"
import type { Log } from "@vouchsafe/ports"
import { jsonAnswer, refusal, textAnswer } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import { describe } from "../http/server.ts"
import type { Logger } from "../logger.ts"
import type { MirroredLog, MirrorRegistry } from "../mirror/registry.ts"
import type { OpenPart, PartContext } from "../parts.ts"
import { IMMUTABLE } from "../routes/exchange.ts"
import { FINDING_LINES_MAX, MONITOR_FILE, MONITOR_MS } from "./limits.ts"
import { tokenOfHeld } from "./token.ts"

/** A copy as the monitor reads it; undefined before its first round. */
function viewOfMirror({ operator, role, key, mirror }: MirroredLog): MonitoredLog | undefined {
  const reader = mirror.reader()
  const stored = mirror.head()
  const head = reader?.cosigned()
  if (reader === undefined || stored === undefined || head === undefined) return undefined
  return {
    operator, role, key, head, headTime: stored.timeSeconds,
    entries: (indices) => reader.entries(indices),
    proveInclusion: (index) => reader.proveInclusion(index, head.size),
  }
}

/** This node's own log: what others say is compared with it, and it is judged like theirs. */
function viewOfOwn({ own, convictions, crypto, clock }: PartContext, role: "log" | "notices", log: Log): MonitoredLog | undefined {
  const head = log.cosigned()
  if (head === undefined) return undefined
  const checked = headChecker(crypto, convictions.counted(own.roster), Math.floor(clock.nowMs() / 1000)).check(own.self, own.self[role], head.text)
  if (!checked.ok) return undefined
  return {
    operator: own.self.operator, role, key: own.self[role], head, headTime: checked.head.timeSeconds,
    entries: (indices) => log.entries(indices),
    proveInclusion: (index) => log.proveInclusion(index, head.size),
  }
}

/** Reads one log at a time, each at most once in the queue. */
function createReading(monitor: Monitor, signal: AbortSignal, logger: Logger) {
  const queued = new Map<string, () => MonitoredLog | undefined>()
  let isRunning = false
  let running = Promise.resolve()

  const readAll = async (): Promise<void> => {
    for (;;) {
      const [next] = queued
      if (next === undefined || signal.aborted) {
        // In the same turn in which the queue was found empty: whoever asks next begins anew.
        isRunning = false
        return
      }
      const [origin, view] = next
      queued.delete(origin)
      try {
        const log = view()
        if (log !== undefined) await monitor.read(log, signal)
      } catch (error) {
        const facts = { origin, error: describe(error) }
        if (isVouchsafeError(error)) logger.warn(facts, "a log could not be read by the monitor; tried again later")
        else logger.error(facts, "reading a log failed by a fault of this program")
      }
    }
  }

  return {
    ask(origin: string, view: () => MonitoredLog | undefined): void {
      queued.set(origin, view)
      if (isRunning) return
      isRunning = true
      running = readAll()
    },
    settled: (): Promise<void> => running,
  }
}

/** Writes lines about findings, a bounded number of each kind and log. */
function findingLogger(logger: Logger): (finding: Finding) => void {
  const lines = new Map<string, number>()
  return ({ kind, origin, operator, subject, detail, proof }) => {
    const key = `${kind} ${origin}`
    const count = (lines.get(key) ?? 0) + 1
    lines.set(key, count)
    if (count <= FINDING_LINES_MAX) logger.warn({ kind, origin, operator, subject, detail, proven: proof !== undefined, ...(count === FINDING_LINES_MAX ? { more: "not logged" } : {}) }, "the monitor found something")
  }
}

function reportRoutes(context: PartContext, monitor: Monitor, logs: readonly MirroredLog[]): Route[] {
  const { services, own } = context
  const sizes = () => [
    ...logs.map(({ operator, mirror }) => ({ origin: mirror.origin, operator, size: mirror.head()?.size ?? 0 })),
    { origin: own.self.log.name, operator: own.self.operator, size: services.observations.log.cosigned()?.size ?? 0 },
    { origin: own.self.notices.name, operator: own.self.operator, size: services.notices.log.cosigned()?.size ?? 0 },
  ]
  return [
    { path: "/v1/reports", get: () => jsonAnswer(200, monitor.document(sizes())) },
    {
      path: "/v1/reports/",
      get({ path }) {
        const digest = path.slice("/v1/reports/".length)
        const document = HEX_SHA256.test(digest) ? monitor.proof(digest) : undefined
        if (document === undefined) return refusal("NOT_FOUND", "no proof of that digest is kept", "a report names its proof by the SHA-256 of the document")
        return textAnswer(200, document, { "content-type": "application/json", "cache-control": IMMUTABLE, "content-disposition": "attachment" })
      },
    },
  ]
}

function headsOf(logs: readonly MirroredLog[]): HeadState[] {
  return logs.map(({ operator, role, mirror }) => {
    const { origin, headTime, seenMs } = mirror.status()
    return { operator, role, origin, headTime, seenMs }
  })
}

/** Proofs of earlier runs and of now go to whoever listens to mirrors; forks that mirrors found become reports. */
function exchangeProofs(context: PartContext, mirrors: MirrorRegistry, monitor: Monitor): void {
  const keys = new Map([...mirrors.logs.map(({ key }) => key), context.own.self.log, context.own.self.notices].map((key) => [key.name, key]))
  for (const { origin, proof } of monitor.proofs()) {
    const key = keys.get(origin)
    if (key !== undefined) mirrors.reportProof(key, proof)
  }
  mirrors.onProof((key, proof) => {
    const log = mirrors.of(key.name)
    if (proof.kind === "fork" && log !== undefined) monitor.addFork(log, proof)
  })
}

/** Opens the monitor where it is on. @throws VouchsafeError STATE_UNSAFE, DISK. */
export const openMonitorPart: OpenPart = async (context) => {
  const { config, folder, crypto, clock, timers, logger, metrics, services, own, mirrors } = context
  if (config.monitor !== true || mirrors === undefined) return undefined
  const store = openMonitorStore(folder.at(MONITOR_FILE), crypto)
  const found = metrics.counter("vouchsafe_monitor_findings_total", "what the monitor found, by kind", "kind")
  const log = findingLogger(logger)
  const stopping = new AbortController()
  const monitor = createMonitor({
    store, crypto, clock,
    onFinding(finding) {
      found(finding.kind)
      log(finding)
    },
    onProof: mirrors.reportProof,
    tokenOf: async (sha512, origin) => (context.artifacts === undefined ? undefined : tokenOfHeld(context.artifacts, sha512, origin)),
  })
  for (const kind of REPORT_KINDS) found(kind, 0)
  metrics.gauge("vouchsafe_monitor_reports_active", "reports of the monitor that are not over", () => [...monitor.counts().values()].reduce((sum, count) => sum + count, 0))
  exchangeProofs(context, mirrors, monitor)
  const reading = createReading(monitor, stopping.signal, logger)
  const readOwn = (): void => {
    reading.ask(own.self.log.name, () => viewOfOwn(context, "log", services.observations.log))
    reading.ask(own.self.notices.name, () => viewOfOwn(context, "notices", services.notices.log))
  }
  for (const one of mirrors.logs) reading.ask(one.mirror.origin, () => viewOfMirror(one))
  mirrors.onRound((one) => {
    if (stopping.signal.aborted) return
    reading.ask(one.mirror.origin, () => viewOfMirror(one))
    monitor.watchHeads(headsOf([one]))
  })
  let cancel = (): void => undefined
  const tick = (): void => {
    readOwn()
    monitor.watchHeads(headsOf(mirrors.logs))
    cancel = timers.after(MONITOR_MS, tick)
  }
  tick()
  return {
    name: "monitor",
    publicRoutes: reportRoutes(context, monitor, mirrors.logs),
    status: () => ({ active: Object.fromEntries(monitor.counts()), dropped: store.dropped() }),
    async stop() {
      stopping.abort()
      cancel()
      await reading.settled()
      store.close()
    },
  }
}
