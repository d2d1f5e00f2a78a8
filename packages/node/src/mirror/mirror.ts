/**
 * The part `mirror`: copies of other nodes' logs, kept up to date and served (spec/mirror.md).
 *
 * @packageDocumentation
 */
import { headChecker, isVouchsafeError, type RosterNode, type VerifierKey } from "@vouchsafe/core"
import { keepMirrors, MIRROR_ENTRIES_MAX, type Mirror, mirrorName, type MirrorSource, openMirror, type SyncResult } from "@vouchsafe/mirror"
import type { ServedFile } from "@vouchsafe/ports"
import { refusal } from "../http/answer.ts"
import type { Route } from "../http/router.ts"
import type { NodePart, OpenPart, PartContext } from "../parts.ts"
import { logRoute } from "../routes/exchange.ts"
import { MIRROR_FOLDER, MIRROR_PREFIX, NOTICES_ENTRIES_MAX, WITNESS_LOOK_MS } from "./limits.ts"
import { type MirrorMode, mirrorMode } from "./mode.ts"
import { createRegistry, type MirroredLog } from "./registry.ts"

interface Wanted {
  readonly node: RosterNode
  readonly role: "log" | "notices"
  readonly key: VerifierKey
}

function wantedLogs({ own }: PartContext, mode: MirrorMode): Wanted[] {
  const roles = mode === "all" ? ["log", "notices"] as const : mode === "notices" ? ["notices"] as const : []
  const others = own.roster.nodes.filter(({ log }) => log.vkey !== own.self.log.vkey)
  return others.flatMap((node) => roles.map((role) => ({ node, role, key: node[role] })))
}

/** The origin, then the other nodes, which may have a copy. Read anew each round: addresses may change while the node runs. */
function sourcesOf({ own, crypto }: PartContext, { node, role, key }: Wanted): readonly MirrorSource[] {
  const origin = own.roster.nodes.find((one) => one[role].vkey === key.vkey) ?? node
  const name = mirrorName(crypto, key.name)
  const others = own.roster.nodes.filter(({ log }) => log.vkey !== own.self.log.vkey && log.vkey !== origin.log.vkey)
  return [
    { name: origin.operator, url: `${origin.url}${role}/` },
    ...others.map(({ operator, url }) => ({ name: `mirror of ${operator}`, url: `${url}${MIRROR_PREFIX.slice(1)}${name}/` })),
  ]
}

type Opened = MirroredLog & { readonly wanted: Wanted }

/** Opens one copy; a folder that cannot be used costs this log its copy, not the node its start. */
async function openOne(context: PartContext, wanted: Wanted, onProof: ReturnType<typeof createRegistry>["registry"]["reportProof"]): Promise<Opened | undefined> {
  const { own, convictions, folder, transport, crypto, clock, logger } = context
  const { node, role, key } = wanted
  try {
    const mirror = await openMirror({
      directory: folder.at(MIRROR_FOLDER, mirrorName(crypto, key.name)), key, transport, crypto, clock,
      sources: () => sourcesOf(context, wanted),
      check: (signed) => headChecker(crypto, convictions.counted(own.roster), Math.floor(clock.nowMs() / 1000)).check(node, key, signed),
      entriesMax: role === "notices" ? NOTICES_ENTRIES_MAX : MIRROR_ENTRIES_MAX,
      onProof(proof) {
        logger.error({ origin: key.name, operator: node.operator, kind: proof.kind }, "a log signed two histories; its copy keeps the older one")
        onProof(key, proof)
      },
    })
    return { operator: node.operator, role, key, mirror, wanted }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    logger.error({ origin: key.name, code: error.code, why: error.message, hint: error.hint }, "the copy of a log cannot be opened and is left out")
    return undefined
  }
}

/** Copies, and this node's own logs under the same paths, so that one node answers for all. */
function mirrorRoute({ crypto, services, own }: PartContext, logs: readonly MirroredLog[]): Route {
  const served: readonly { readonly origin: string; readonly serve: (path: string) => Promise<ServedFile> }[] = [
    ...logs.map(({ mirror }) => ({ origin: mirror.origin, serve: (path: string) => mirror.serve(path) })),
    { origin: own.self.log.name, serve: (path) => services.observations.log.serve(path) },
    { origin: own.self.notices.name, serve: (path) => services.notices.log.serve(path) },
  ]
  const routes = new Map(served.map(({ origin, serve }) => {
    const name = mirrorName(crypto, origin)
    return [name, logRoute(`${MIRROR_PREFIX}${name}/`, { serve })]
  }))
  return {
    path: MIRROR_PREFIX,
    get(exchange) {
      const name = exchange.path.slice(MIRROR_PREFIX.length).split("/", 1)[0] ?? ""
      const get = exchange.path.startsWith(`${MIRROR_PREFIX}${name}/`) ? routes.get(name)?.get : undefined
      return get?.(exchange) ?? refusal("NOT_FOUND", "this node has no copy of that log", "copies are named by the hex SHA-256 of the log's origin")
    },
  }
}

function watch({ metrics, clock }: PartContext, logs: readonly MirroredLog[]): void {
  const statuses = () => logs.map(({ mirror }) => mirror.status())
  metrics.gauge("vouchsafe_mirrors", "logs of other nodes that this one copies", () => logs.length)
  metrics.gauge("vouchsafe_mirrors_failing", "copies whose last round did not come to its end with its origin", () => statuses().filter(({ failures }) => failures.length > 0).length)
  metrics.gauge("vouchsafe_mirrors_forked", "copies of logs that signed two histories", () => statuses().filter(({ forked }) => forked).length)
  metrics.gauge("vouchsafe_mirrors_behind_seconds", "longest time since a source last showed a head of a log", () => Math.max(0, ...statuses().map(({ seenMs }) => (seenMs === null ? 0 : (clock.nowMs() - seenMs) / 1000))))
}

/** Tells of heads that this node's witness cosigned. Returns how to end that. */
function followWitness({ services, crypto, timers, logger }: PartContext, logs: readonly MirroredLog[], noteHead: (origin: string) => void): () => Promise<void> {
  const last = new Map<string, string | undefined>()
  let cancel = (): void => undefined
  let isStopped = false
  const look = async (): Promise<void> => {
    try {
      for (const { mirror: { origin } } of logs) {
        const text = await services.witness.checkpoint(mirrorName(crypto, origin))
        if (last.has(origin) && text !== last.get(origin)) noteHead(origin)
        last.set(origin, text)
      }
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      logger.warn({ code: error.code, why: error.message }, "the witness's memory could not be read; copies follow in their rounds")
    }
    if (!isStopped) cancel = timers.after(WITNESS_LOOK_MS, begin)
  }
  let looking = Promise.resolve()
  const begin = (): void => {
    looking = look()
  }
  begin()
  return async () => {
    isStopped = true
    cancel()
    await looking
  }
}

function statusOf({ operator, role, mirror }: MirroredLog) {
  const { origin, size, pendingSize, headTime, seenMs, forked, failures } = mirror.status()
  return {
    operator, role, origin, size, pendingSize, headTime, forked,
    seenAt: seenMs === null ? null : Math.floor(seenMs / 1000),
    failure: failures[0]?.code ?? null,
  }
}

/** Opens the copies. @throws VouchsafeError CONFIG_MALFORMED. */
export const openMirrorPart: OpenPart = async (context) => {
  const { config, clock, timers, logger } = context
  const mode = mirrorMode(config)
  const logs: Opened[] = []
  const { registry, tellRound, useNote } = createRegistry(mode, logs)
  for (const wanted of wantedLogs(context, mode)) {
    const opened = await openOne(context, wanted, registry.reportProof)
    if (opened !== undefined) logs.push(opened)
  }
  const stopping = new AbortController()
  const rounds = context.metrics.counter("vouchsafe_mirror_rounds_total", "rounds of copying a log by outcome", "outcome")
  const onRound = (mirror: Mirror, outcome: SyncResult | Error): void => {
    const log = registry.of(mirror.origin) as MirroredLog
    if (outcome instanceof Error) {
      rounds("failed")
      const known = isVouchsafeError(outcome)
      const facts = { origin: mirror.origin, operator: log.operator, code: known ? outcome.code : "FAILED", why: outcome.message }
      if (known) logger.warn(facts, "a log was not copied to its newest head; tried again later")
      else logger.error({ ...facts, stack: outcome.stack }, "copying a log failed by a fault of this program")
    } else {
      rounds("done")
      if (outcome.grewBy > 0) logger.debug({ origin: mirror.origin, ...outcome }, "copied")
    }
    tellRound(log)
  }
  const keeper = keepMirrors({ mirrors: logs.map(({ mirror }) => mirror), clock, timers, random: context.random ?? Math.random, signal: stopping.signal, onRound })
  useNote(keeper.note)
  const endFollowing = followWitness(context, logs, registry.noteHead)
  watch(context, logs)
  context.mirrors = registry
  const part: NodePart = {
    name: "mirrors",
    publicRoutes: [mirrorRoute(context, logs)],
    status: () => ({ mode, logs: logs.map(statusOf) }),
    async stop() {
      stopping.abort()
      await endFollowing()
      await keeper.stop()
      for (const { mirror } of logs) await mirror.close()
    },
  }
  return part
}
