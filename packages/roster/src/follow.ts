/**
 * Brings what is remembered of a governed roster up to date from all of its sources.
 *
 * @packageDocumentation
 */
import { type Crypto, isVouchsafeError, parseRoster, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, Clock, HttpTransport } from "@vouchsafe/ports"
import { type Chain, type Current, currentOf } from "./chain.ts"
import { ROSTER_TARGET } from "./profile.ts"
import { httpSource } from "./source.ts"
import { type CurrentRoster, type Remembered, requireForward, type RosterStore } from "./store.ts"
import { type Followed, verifySource } from "./verify.ts"

export interface FollowOptions {
  /** Hex SHA-256 of `1.root.json`. */
  readonly genesis: string
  /** Bases of repositories, each with a trailing slash. All are asked: a source that is frozen hides nothing that another one shows. */
  readonly sources: readonly string[]
  readonly store: RosterStore
  readonly transport: HttpTransport
  readonly crypto: Crypto
  readonly clock: Clock
  readonly signal?: AbortSignalLike | undefined
}

/** What following brought. */
export interface FollowResult {
  /** The roster in force; its time may be over. Undefined when none was ever verified. */
  readonly current: CurrentRoster | undefined
  /** Everything that was verified. */
  readonly chain: Chain
  /** Whether a source showed a state that is whole and in time. */
  readonly fresh: boolean
  /** Why sources brought nothing, by source, those that refuse first. */
  readonly failures: readonly { readonly source: string; readonly error: VouchsafeError }[]
  readonly warnings: readonly string[]
}

/** Attempts when another process stores at the same time. */
const ATTEMPTS_MAX = 4

/**
 * Asks every source and stores what goes forward. Rejects with STATE_UNSAFE and DISK only; whether the result may be used is said by
 * {@link rosterInForce}.
 */
export async function followRoster(options: FollowOptions): Promise<FollowResult> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const based = options.store.load()
    const round = await askAll(options, based)
    if (await options.store.store(based, round.chain, round.current === based.current ? undefined : round.current)) return round
  }
  throw new VouchsafeError("STATE_UNSAFE", `the kept roster was changed by others ${ATTEMPTS_MAX} times while it was brought up to date`)
}

async function askAll(options: FollowOptions, based: Remembered): Promise<FollowResult> {
  const { genesis, transport, signal, crypto } = options
  let { chain, current } = based
  let fresh = false
  const failures: { source: string; error: VouchsafeError }[] = []
  const warnings: string[] = []
  for (const source of options.sources) {
    const nowMs = options.clock.nowMs()
    const followed = await verifySource({ genesis, known: chain, fetch: httpSource(source, { transport, signal }), nowMs })
    const taken = take(crypto, followed, current)
    if (taken.error !== undefined) failures.push({ source, error: taken.error })
    else fresh = true
    // A chain whose roster is refused is no ground to stand on, but for its roots.
    chain = taken.keepChain ? followed.chain : new Map([...chain, ...[...followed.chain].filter(([name]) => name.endsWith(".root.json"))])
    current = taken.current ?? current
    warnings.push(...followed.warnings.map((warning) => `${source}: ${warning}`))
  }
  failures.sort((a, b) => Number(isAway(a.error)) - Number(isAway(b.error)))
  return { chain, current, fresh, failures, warnings }
}

function take(crypto: Crypto, { chain, refusal }: Followed, before: CurrentRoster | undefined): { readonly keepChain: boolean; readonly current?: CurrentRoster; readonly error?: VouchsafeError } {
  if (refusal !== undefined) return { keepChain: true, error: refusal }
  try {
    const current = currentRosterOf(crypto, chain)
    requireForward(before?.roster, current.roster)
    return { keepChain: true, current }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { keepChain: false, error: error.code === "ROSTER_MALFORMED" ? new VouchsafeError("ROSTER_REFUSED", error.message, { cause: error }) : error }
  }
}

/** The roster of a whole chain, and until when it is vouched for. @throws VouchsafeError ROSTER_REFUSED, ROSTER_MALFORMED. */
export function currentRosterOf(crypto: Crypto, chain: Chain): CurrentRoster {
  const current = currentOf(chain)
  const text = current.texts.get(ROSTER_TARGET)
  if (text === undefined) throw new VouchsafeError("ROSTER_REFUSED", `the repository has no ${ROSTER_TARGET}`)
  return { text, roster: parseRoster(crypto, text), expires: Math.floor(expiresMsOf(current) / 1000) }
}

/** The first end of all metadata that leads to the roster. */
function expiresMsOf({ root, timestamp, snapshot, targets, delegated }: Current): number {
  return Math.min(...[root, timestamp, snapshot, targets, delegated.get("roster")].map((document) => document?.facts.expiresMs ?? 0))
}

/** Nobody answered, which says nothing about what is true. */
function isAway({ code }: VouchsafeError): boolean {
  return code === "UNREACHABLE" || code === "TIMEOUT"
}

/**
 * The roster to decide with, fail closed: a fresh one, or the remembered one where no source could be asked and its time is not over.
 * @throws VouchsafeError ROSTER_EXPIRED, ROSTER_REFUSED, or what kept every source from answering.
 */
export function rosterInForce({ current, fresh, failures }: FollowResult, nowMs: number): CurrentRoster {
  const worst = failures[0]?.error
  if (!fresh && worst !== undefined && (current === undefined || !isAway(worst))) throw worst
  if (current === undefined) throw new VouchsafeError("ROSTER_EXPIRED", "no roster was verified, and there is no source to ask", { hint: "name sources in `governance` of vouchsafe.json" })
  if (nowMs >= current.expires * 1000) {
    throw new VouchsafeError("ROSTER_EXPIRED", `the verified roster is over since ${new Date(current.expires * 1000).toISOString()}${worst === undefined ? "" : `, and ${worst.message}`}`, {
      hint: "get to one of its sources, or name others; nothing is decided under a roster that nobody vouches for",
    })
  }
  return current
}
