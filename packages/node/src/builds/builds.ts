/**
 * Builds as a service: who asked is let in by the route, what was accepted is kept on disk, and one worker takes it in order.
 *
 * Order of side effects of a finished build: documents stored → statement staged with the build → entry appended, the point of no return →
 * build marked done. A crash between the last two is found at the next start: the staged statement is in the log, or is appended then.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, utf8Encode, type VouchsafeError } from "@vouchsafe/core"
import { randomBytes } from "node:crypto"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { BUILD_ATTEMPTS_MAX, BUILD_FOLLOW_IDLE_MS, BUILD_FOLLOWERS_MAX, BUILD_FOLLOWERS_PER_ADDRESS_MAX, BUILDS_KEPT, BUILDS_PER_REQUESTER, BUILDS_QUEUED_MAX } from "../limits.ts"
import { createSlots } from "../http/slots.ts"
import type { Logger } from "../logger.ts"
import { rebuildKey } from "../log-keys.ts"
import { type BuildEnd, type BuildWorld, runBuild } from "./build.ts"
import { createBuildLogs } from "./log-file.ts"
import type { BuildRequest } from "./request.ts"
import { type Build, type BuildOutcome, openBuildStore } from "./store.ts"

/** What came of asking for a build. */
export type Asked =
  | { readonly kind: "queued"; readonly id: string; readonly known: boolean }
  | { readonly kind: "limited"; readonly detail: string }

/** @see openBuilds */
export interface Builds {
  ask(request: BuildRequest, requester: string): Asked
  get(id: string): { readonly build: Build; readonly step: string | null } | undefined
  /** A log from a byte on, until the build has ended or nothing came for a while. undefined when too many read along. */
  follow(id: string, from: number, reader: { readonly from: string; readonly signal: AbortSignal }): AsyncIterable<Uint8Array> | undefined
  counts(): { readonly queued: number; readonly running: number }
  /** Ends waiting and building, so that readers of logs come to their end. */
  beginStop(): void
  /** Ends the running build, which is taken up again by the next start. */
  stop(): Promise<void>
}

/** What builds are opened with. */
export interface BuildsOptions {
  /** Folder of their own in the data folder. */
  readonly folder: string
  readonly world: Omit<BuildWorld, "scratch" | "toolchains">
  readonly logger: Logger
  /** Called when a statement about an artifact came into the log. */
  readonly onStatement: (purl: string) => void
  readonly onEnd: (outcome: string, seconds: number) => void
  /** Called with what is the node's own fault. */
  readonly onFault: (error: VouchsafeError) => void
}

const HOUR_SECONDS = 3_600

/** Opens the queue, recovers what a former process left, and starts working. @throws VouchsafeError DISK, STATE_UNSAFE, LOG_BROKEN. */
export async function openBuilds(options: BuildsOptions): Promise<Builds> {
  const { folder, logger } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const world: BuildWorld = { ...options.world, scratch: join(folder, "scratch"), toolchains: join(folder, "toolchains") }
  // What a killed node left: nobody reads it any more, and a rebuilder that still runs finds nothing to go on with.
  rmSync(world.scratch, { recursive: true, force: true })
  const store = openBuildStore(join(folder, "builds.db"))
  const logs = createBuildLogs(join(folder, "logs"), (id, cause) => logger.error({ build: id, error: cause instanceof Error ? cause.message : "unknown" }, "the disk does not take a build's log: the rest of it is left out"))
  const stopping = new AbortController()
  const steps = new Map<string, string>()
  const followers = createSlots({ all: BUILD_FOLLOWERS_MAX, perCaller: BUILD_FOLLOWERS_PER_ADDRESS_MAX })
  let working: Promise<void> | undefined
  const now = (): number => Math.floor(world.clock.nowMs() / 1000)

  const finish = (build: Build, state: "done" | "failed", outcome: BuildOutcome): void => {
    store.finish(build.id, state, now(), outcome)
    steps.delete(build.id)
    logs.write(build.id, outcome.kind === "rebuilt" ? `== done: ${outcome.match}\n` : `== failed: ${outcome.code}: ${outcome.detail}\n`)
    logs.ended(build.id)
    options.onEnd(outcome.kind === "rebuilt" ? outcome.match : "failed", Math.max(0, now() - (build.startedAt ?? build.queuedAt)))
    logger.info({ build: build.id, purl: build.purl, outcome: outcome.kind === "rebuilt" ? outcome.match : outcome.code }, "a build ended")
    for (const id of store.prune(BUILDS_KEPT.count, now() - BUILDS_KEPT.seconds)) logs.remove(id)
  }
  /** Brings a staged statement into the log, once. */
  const publish = async (build: Build, statement: string, outcome: Extract<BuildOutcome, { kind: "rebuilt" }>): Promise<void> => {
    const bytes = utf8Encode(statement)
    const key = rebuildKey(build)
    const index = await findEntry(world, key, bytes) ?? (await world.log.append([{ bytes, keys: [key] }]))[0]?.index
    if (index === undefined) throw new TypeError("an append gave no index")
    finish(build, "done", { ...outcome, index })
    options.onStatement(build.purl)
  }
  const end = async (build: Build, ended: BuildEnd): Promise<void> => {
    if (ended.kind === "stopped") return store.requeue(build.id, true)
    if (ended.kind === "failed") return finish(build, "failed", ended)
    const { rebuild, statement, diff } = ended.result
    const outcome = {
      kind: "rebuilt", index: -1, match: rebuild.match, sha512: rebuild.sha512, recipe: rebuild.recipe.sha256,
      differences: { count: rebuild.differences.count, document: rebuild.differences.document, diff },
    } as const
    store.stage(build.id, statement, outcome)
    return publish(build, statement, outcome)
  }
  const work = async (): Promise<void> => {
    for (let next = store.next(); next !== undefined && !stopping.signal.aborted; next = store.next()) {
      store.start(next.id, now())
      const build = store.get(next.id) as Build
      logger.info({ build: build.id, purl: build.purl, attempt: build.attempts }, "a build starts")
      await end(build, await runBuild(build, world, {
        step: (name) => {
          steps.set(build.id, name)
          logs.write(build.id, `== ${name}\n`)
        },
        log: (text) => logs.write(build.id, text),
      }, stopping.signal))
    }
  }
  const pump = (): void => {
    if (working !== undefined || stopping.signal.aborted) return
    working = work().catch((error: unknown) => {
      if (!isVouchsafeError(error)) throw error
      logger.error({ code: error.code, error: error.message }, "a build failed inside the node")
      stopping.abort()
      options.onFault(error)
    }).finally(() => {
      working = undefined
    })
  }

  const recover = async (): Promise<void> => {
    for (const build of store.running()) {
      if (build.statement !== null && build.outcome?.kind === "rebuilt") await publish(build, build.statement, build.outcome)
      else if (build.attempts < BUILD_ATTEMPTS_MAX) store.requeue(build.id, false)
      else finish(build, "failed", { kind: "failed", step: null, code: "INTERRUPTED", detail: `the node ended during each of ${build.attempts} attempts` })
    }
  }

  try {
    await recover()
  } catch (error) {
    store.close()
    throw error
  }
  pump()

  return {
    ask(request, requester) {
      const known = store.findPending(request)
      if (known !== undefined) return { kind: "queued", id: known.id, known: true }
      const limited = limitOf(store.counts().queued, store.countsOf(requester, now() - HOUR_SECONDS))
      if (limited !== undefined) return { kind: "limited", detail: limited }
      const id = randomBytes(16).toString("hex")
      store.add({ ...request, id, requester, queuedAt: now() })
      // Not on this turn: whoever asked is answered before the work begins.
      setImmediate(pump)
      return { kind: "queued", id, known: false }
    },
    get(id) {
      const build = store.get(id)
      return build === undefined ? undefined : { build, step: steps.get(id) ?? null }
    },
    follow(id, from, { from: reader, signal }) {
      if (followers.refusal(reader) !== undefined) return undefined
      const isOver = (): boolean => {
        const state = store.get(id)?.state
        return state !== "queued" && state !== "running"
      }
      return (async function* () {
        const leave = followers.take(reader)
        try {
          let at = from
          for (;;) {
            const over = isOver()
            const piece = logs.read(id, at)
            at += piece.length
            if (piece.length > 0) yield piece
            else if (over || signal.aborted || stopping.signal.aborted) return
            else if (!await changed(id, signal)) return
          }
        } finally {
          leave()
        }
      })()
    },
    counts: () => store.counts(),
    beginStop: () => stopping.abort(),
    async stop() {
      stopping.abort()
      await working
      store.close()
    },
  }

  /** Waits until a log grew; false when nothing came, or nobody waits any more. */
  function changed(id: string, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const signals = [signal, stopping.signal]
      const done = (grew: boolean): void => {
        unwatch()
        cancel()
        for (const each of signals) each.removeEventListener("abort", give)
        resolve(grew)
      }
      const give = (): void => done(false)
      const unwatch = logs.watch(id, () => done(true))
      const cancel = world.timers.after(BUILD_FOLLOW_IDLE_MS, give)
      for (const each of signals) each.addEventListener("abort", give)
    })
  }
}

function limitOf(queued: number, own: { readonly pending: number; readonly recent: number }): string | undefined {
  if (queued >= BUILDS_QUEUED_MAX) return `${queued} builds are waiting already`
  if (own.pending >= BUILDS_PER_REQUESTER.queued) return `you have ${own.pending} builds waiting or running, expected at most ${BUILDS_PER_REQUESTER.queued}`
  if (own.recent >= BUILDS_PER_REQUESTER.perHour) return `you asked for ${own.recent} builds within the last hour, expected at most ${BUILDS_PER_REQUESTER.perHour}`
  return undefined
}

async function findEntry({ log }: BuildWorld, key: string, bytes: Uint8Array): Promise<number | undefined> {
  for (const index of (await log.indicesByKey(key)).reverse()) if (Buffer.compare(await log.entry(index), bytes) === 0) return index
  return undefined
}
