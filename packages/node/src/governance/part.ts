/**
 * The part `governance`: follows the repository of rosters, serves the copy that was verified, and tells when the roster is another.
 *
 * @packageDocumentation
 */
import { isVouchsafeError } from "@vouchsafe/core"
import { type Chain, currentOf, type FollowResult, isRepositoryFile, isWhole, PATH_BY_ROLE } from "@vouchsafe/roster"
import { type Answer, jsonAnswer, refusal } from "../http/answer.ts"
import { describe } from "../http/server.ts"
import type { NodePart, OpenPart, PartContext } from "../parts.ts"
import { IMMUTABLE } from "../routes/exchange.ts"
import { within } from "../timers.ts"
import { followOnce, type Governance, openGovernance } from "./follow.ts"
import { FOLLOW_MS, FOLLOW_SPREAD, FOLLOW_STOP_WAIT_MS, REPOSITORY_PREFIX } from "./limits.ts"

const TIMESTAMP_CACHE = "no-cache"

/** Opens the part where the configuration names a genesis. @throws VouchsafeError STATE_UNSAFE. */
export const openGovernancePart: OpenPart = async (context) => {
  const { config, folder } = context
  // The roster in the configuration is the file that the start wrote.
  const governance = await openGovernance({ ...config, roster: config.rosterGenesis === undefined ? config.roster : undefined }, folder)
  return governance === undefined ? undefined : openFollower(context, governance, Math.random)
}

/** The part itself. @param random - gives numbers from 0 to below 1 */
export function openFollower(context: PartContext, governance: Governance, random: () => number): NodePart {
  const { own, clock, timers, transport, logger, metrics, names } = context
  let kept = governance.store.load()
  let served: Chain = isWhole(kept.chain) ? kept.chain : new Map()
  let last: { readonly result: FollowResult; readonly atMs: number } | undefined
  const stopping = new AbortController()
  let tell: () => void = () => undefined
  const rosterChanged = new Promise<void>((resolve) => { tell = resolve })
  const isOver = (): boolean => kept.current === undefined || clock.nowMs() >= kept.current.expires * 1000

  /** What only this node reads of a whole repository. */
  const takeNames = (): void => {
    if (served.size > 0) names?.offer(currentOf(served).texts.get(PATH_BY_ROLE.names))
  }
  takeNames()

  const follow = async (): Promise<void> => {
    const result = await followOnce(governance, { transport, clock, timers, stopping: stopping.signal })
    if (stopping.signal.aborted) return
    last = { result, atMs: clock.nowMs() }
    kept = governance.store.load()
    // What is only half followed is nothing for others to begin with.
    if (isWhole(kept.chain)) served = kept.chain
    takeNames()
    for (const { source, error } of result.failures) logger.warn({ source, code: error.code, why: error.message }, "a source of the roster is not followed")
    if (isOver()) logger.error({ expires: kept.current?.expires ?? null }, "the roster's time is over: this node goes on serving, and clients refuse what nobody vouches for")
    if (kept.current === undefined || kept.current.text === own.text) return
    logger.warn({ from: own.roster.version, to: kept.current.roster.version }, "the roster changed: the node starts anew under it")
    tell()
  }
  let running: Promise<void> = Promise.resolve()
  let cancel = (): void => undefined
  /** Rounds follow each other, also those that a person asks for. */
  const round = (): Promise<void> => {
    running = running.then(async () => {
      try {
        await follow()
      } catch (error) {
        if (isVouchsafeError(error)) logger.error({ code: error.code, why: error.message }, "the kept roster cannot be brought up to date")
        else logger.error({ error: describe(error) }, "following the roster failed by a fault of this program")
      }
    })
    return running
  }
  const later = (): void => {
    cancel = timers.after(FOLLOW_MS * (1 - FOLLOW_SPREAD + 2 * FOLLOW_SPREAD * random()), () => {
      void round().finally(() => {
        if (!stopping.signal.aborted) later()
      })
    })
  }
  const status = () => ({
    genesis: governance.genesis, version: kept.current?.roster.version ?? null, expires: kept.current?.expires ?? null, state: isOver() ? "expired" : "current",
    names: names?.status() ?? null,
    followedAt: last === undefined ? null : Math.floor(last.atMs / 1000), fresh: last?.result.fresh ?? null,
    failures: (last?.result.failures ?? []).map(({ source, error }) => ({ source, code: error.code })),
  })
  metrics.gauge("vouchsafe_roster_seconds_left", "seconds until the verified roster's time is over", () => Math.max(0, (kept.current?.expires ?? 0) - clock.nowMs() / 1000))
  if (isOver()) logger.error({ expires: kept.current?.expires ?? null }, "the roster's time is over: this node goes on serving, and clients refuse what nobody vouches for")
  later()
  return {
    name: "governance", status, rosterChanged,
    publicRoutes: [{ path: REPOSITORY_PREFIX, get: ({ path }) => fileAnswer(served, path.slice(REPOSITORY_PREFIX.length)) }],
    // For operators who do not want to wait for the next round.
    adminRoutes: [{ path: "/v1/roster/follow", post: async () => { await round(); return jsonAnswer(200, status()) } }],
    async stop() {
      stopping.abort()
      cancel()
      await within(timers, FOLLOW_STOP_WAIT_MS, running)
    },
  }
}

function fileAnswer(chain: Chain, name: string): Answer {
  const text = isRepositoryFile(name) ? chain.get(name) : undefined
  if (text === undefined) return refusal("NOT_FOUND", "the repository has no such file", "files are named as in TUF's consistent snapshots")
  return {
    status: 200, body: Buffer.from(text, "utf8"),
    headers: { "content-type": name.endsWith(".txt") ? "text/plain; charset=utf-8" : "application/json", "cache-control": name === "timestamp.json" ? TIMESTAMP_CACHE : IMMUTABLE, "content-disposition": "attachment" },
  }
}
