/**
 * A front end: serves what a node's logs hold, from where they are kept, and writes nothing (spec/log-storage.md, [S21]). It has no keys.
 *
 * @packageDocumentation
 */
import { findObservation } from "@vouchsafe/attester"
import { httpTransport, nodeCrypto, systemClock, systemTimers } from "@vouchsafe/client/node"
import { isVouchsafeError, parseEntry, parseRoster, type Roster, type RosterNode, utf8Decode, VouchsafeError } from "@vouchsafe/core"
import { openLogReader } from "@vouchsafe/log"
import type { Clock, LogReader, StatementLog } from "@vouchsafe/ports"
import { existsSync, readFileSync } from "node:fs"
import type { NodeConfig } from "../config/checked.ts"
import { createEntryCache } from "../evidence/entry-cache.ts"
import { createFind } from "../evidence/find.ts"
import { readingObserver } from "../evidence/observer.ts"
import { createEvidenceService, type EvidenceService, type ServedLog } from "../evidence/service.ts"
import { createRouter } from "../http/router.ts"
import { openListeners } from "../listeners.ts"
import { createLogger, type Logger } from "../logger.ts"
import { createMetrics } from "../metrics.ts"
import type { NodeWorld, RunningNode } from "../node.ts"
import { frontRoutes } from "../routes/front.ts"
import { holdFolder } from "../state/folder.ts"
import { VERSION } from "../version.ts"
import { locksetForward } from "./forward.ts"
import { FRONT_ENTRIES_MAX, FRONT_REFRESH_MS, FRONT_STALE_MS } from "./limits.ts"
import { prepareStorage } from "./stores.ts"

/** Format of the status document. */
const STATUS_FORMAT = "vouchsafe-front/v1"

/**
 * Starts a front end.
 * @throws VouchsafeError CONFIG_MALFORMED, ROSTER_MALFORMED, STATE_UNSAFE, NOT_FOUND where the node has started no logs yet, and what reading them rejects with.
 */
export async function startFront(config: NodeConfig, world: NodeWorld): Promise<RunningNode> {
  const clock = world.clock ?? systemClock
  const storage = await prepareStorage(config, world.env)
  if (storage === undefined) throw new VouchsafeError("CONFIG_MALFORMED", "a front end has no storage, expected --storage and --objects of the node whose logs it serves")
  const folder = holdFolder(config.data)
  const closers: (() => unknown)[] = [() => folder.release()]
  const stop = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const path = config.roster ?? folder.at("roster.json")
    const { text, roster, node } = readRoster(path, config)
    const logger = createLogger({ level: config.logLevel, format: config.logFormat ?? "json", secrets: storage.secrets, ...(world.writeLog === undefined ? {} : { write: world.writeLog }) })
    const listeners = await openListeners(config.listen, folder.at("admin.sock"))
    closers.push(() => listeners.close())
    const open = async (role: "log" | "notices"): Promise<LogReader> => {
      const reader = await openLogReader({ storage: await storage.openLogSnapshots(role, node[role].name), verifier: node[role], crypto: nodeCrypto })
      closers.push(() => reader.close())
      return reader
    }
    const [log, notices] = [await open("log"), await open("notices")]
    const { blobs } = storage
    if (blobs === undefined) throw new TypeError("storage without objects")
    const metrics = createMetrics()
    const stopping = new AbortController()
    const served = (reader: LogReader): ServedLog => ({ log: reader, cosigner: SETTLED, entries: createEntryCache(reader, blobs) })
    const evidence = createEvidenceService({
      observations: served(log), notices: served(notices), find: createFind(readOnly(log), async (artifact) => (await findObservation(readOnly(log), artifact))?.index),
      observer: readingObserver(`this front end only reads; ask ${node.url}`), onKnown: () => undefined, registries: new Set(roster.registries), clock,
      timers: world.timers ?? systemTimers, stopping: stopping.signal, onStatus: metrics.artifacts,
    })
    const refreshing = keepFresh({ log, notices, evidence, clock, timers: world.timers ?? systemTimers, logger })
    closers.push(() => refreshing.stop())
    metrics.gauge("vouchsafe_log_entries", "entries of the observation log", () => log.size)
    metrics.gauge("vouchsafe_log_cosigned_entries", "entries under the newest cosigned checkpoint", () => log.cosigned()?.size ?? 0)
    metrics.gauge("vouchsafe_notices_entries", "entries of the notices log", () => notices.size)
    metrics.gauge("vouchsafe_front_age_seconds", "time since the logs were read", () => refreshing.ageMs() / 1000)
    const status = () => ({
      format: STATUS_FORMAT, version: VERSION, operator: node.operator, url: node.url, ageSeconds: Math.floor(refreshing.ageMs() / 1000), failure: refreshing.failure()?.code ?? null,
      ...Object.fromEntries(([["log", log], ["notices", notices]] as const).map(([name, reader]) => [name, { origin: reader.origin, size: reader.size, cosignedSize: reader.cosigned()?.size ?? null, checkpoint: (reader.cosigned() ?? reader.head()).text }])),
    })
    const unhealthy = (): string | undefined => (stopping.signal.aborted ? "the front end is stopping" : refreshing.ageMs() > FRONT_STALE_MS ? `the logs could not be read for ${Math.floor(refreshing.ageMs() / 1000)} s` : undefined)
    const transport = httpTransport({ userAgent: `vouchsafe-front/${VERSION} (+${node.operator})` })
    closers.push(() => transport.close())
    const forwarded = [locksetForward({ nodeUrl: node.url, reachedAt: config.nodeUrls ?? [node.url], transport, clock, logger })]
    const router = createRouter(frontRoutes({ log, notices, evidence, blobs, metrics, rosterText: text, status, unhealthy, nodeUrl: node.url, forwarded }))
    listeners.serve({ publicUrl: config.url ?? node.url, publicRouter: router, adminRouter: router, logger, onAnswer: metrics.answered })
    closers.push(() => listeners.drain(), () => stopping.abort())
    logger.info({ operator: node.operator, url: listeners.url, node: node.url, version: VERSION, storage: storage.shown, size: log.size }, "ready")
    return { operator: node.operator, listenUrl: listeners.url, data: config.data, rosterPath: path, adminSocket: folder.at("admin.sock"), failed: new Promise(() => undefined), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Cosigned elsewhere: what there is is all that there is to wait for. */
const SETTLED: ServedLog["cosigner"] = { reached: () => Promise.resolve(), refreshed: () => Promise.resolve(), ageMs: () => 0 }

function readOnly(log: LogReader): StatementLog {
  return {
    origin: log.origin, entry: (index) => log.entry(index), indicesByKey: (key) => log.indicesByKey(key),
    append: () => Promise.reject(new VouchsafeError("STATE_UNSAFE", "a front end appends nothing")),
  }
}

/** The roster, and which of its nodes is meant: that of `--operator`, or the only one. */
function readRoster(path: string, { operator, url }: NodeConfig): { text: string; roster: Roster; node: RosterNode } {
  if (!existsSync(path)) throw new VouchsafeError("CONFIG_MALFORMED", `roster ${path} is not there`, { hint: "a front end takes the keys of the logs from it: --roster FILE" })
  const text = readFileSync(path, "utf8")
  const roster = parseRoster(nodeCrypto, text)
  const nodes = roster.nodes.filter((node) => operator === undefined || node.operator === operator)
  const [node, ...more] = nodes.length > 1 && url !== undefined ? nodes.filter((one) => one.url === url) : nodes
  if (node !== undefined && more.length === 0) return { text, roster, node }
  throw new VouchsafeError("CONFIG_MALFORMED", `roster ${path} has ${nodes.length} nodes ${operator === undefined ? "" : `of ${operator}`}, expected --operator (and --url) to name one of ${roster.nodes.map((one) => `${one.operator} (${one.url})`).join(", ")}`)
}

interface Fresh {
  readonly log: LogReader
  readonly notices: LogReader
  readonly evidence: EvidenceService
  readonly clock: Clock
  readonly timers: NonNullable<NodeWorld["timers"]>
  readonly logger: Logger
}

/** Reads both logs anew again and again. What is refused, a fork or a rollback, is said and not shown: what was read before is served on. */
function keepFresh({ log, notices, evidence, clock, timers, logger }: Fresh) {
  let readAtMs = clock.nowMs()
  let failure: VouchsafeError | undefined
  let seen = log.size
  let stopped = false
  let cancel = (): void => undefined
  let running: Promise<void> = Promise.resolve()

  const forgetNew = async (): Promise<void> => {
    while (seen < log.size) {
      const count = Math.min(log.size - seen, FRONT_ENTRIES_MAX)
      for (const entry of await log.entries(Array.from({ length: count }, (_, i) => seen + i))) forget(evidence, entry)
      seen += count
    }
  }
  const refresh = async (): Promise<void> => {
    try {
      await Promise.all([log.refresh(), notices.refresh()])
      await forgetNew()
      readAtMs = clock.nowMs()
      if (failure !== undefined) logger.info({}, "the logs can be read again")
      failure = undefined
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      if (error.code !== failure?.code) (error.code === "LOG_BROKEN" ? logger.error : logger.warn)({ code: error.code, error: error.message }, "the logs could not be read")
      failure = error
    }
  }
  const next = (): void => {
    if (!stopped) cancel = timers.after(FRONT_REFRESH_MS, () => { running = refresh().finally(next) })
  }
  next()
  return {
    ageMs: () => Math.max(0, clock.nowMs() - readAtMs),
    failure: () => failure,
    async stop() {
      stopped = true
      cancel()
      await running
    },
  }
}

/** What is found of an artifact is remembered; a rebuild or release that came in changes it. */
function forget(evidence: EvidenceService, bytes: Uint8Array): void {
  try {
    const entry = parseEntry(utf8Decode(bytes))
    if (entry.kind === "lockset") return
    evidence.forget(entry.kind === "observation" ? entry.observation.purl : entry.kind === "rebuild" ? entry.rebuild.purl : entry.kind === "foreign" ? entry.foreign.purl : entry.purl)
  } catch (error) {
    // What is no statement of this log's kinds is found by nobody.
    if (!isVouchsafeError(error) || error.kind !== "input") throw error
  }
}
