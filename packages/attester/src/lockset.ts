/**
 * Locksets: an attester's word for a whole lock (packages/spec/lock.md, "Locksets"; THREATS A2).
 *
 * The attester is sent lines, never a root. It derives each line anew from its own observation of the artifact, sets a bit for those that come out
 * exactly as they were sent, and computes the root itself.
 *
 * @packageDocumentation
 */
import {
  type Bytes, type Crypto, equalBytes, formatLockLine, formatLockset, hexEncode, isVouchsafeError, leafHashOfText, lockLineOf, LOCK_LINES_MAX, type Lockset, type LocksetRequest, type NoticesHead,
  type Observation, parseLockLine, parseLockset, parseOwnEntry, resolveObservation, rootOfLeaves, shown, unlessMalformed, utf8Decode, utf8Encode, VouchsafeError,
} from "@vouchsafe/core"
import type { AbortSignalLike, BlobStore, Clock, StatementLog } from "@vouchsafe/ports"
import { logKey } from "./artifact.ts"
import { createFlights } from "./flights.ts"
import { findObservation } from "./own-entries.ts"
import { throwIfAborted } from "./signal.ts"

/** Longest request, in bytes of its lines together. */
export const LOCKSET_LINES_BYTES_MAX = 12 * 1024 * 1024
/** The same word about the same lines is given again for so long, in seconds, instead of being written anew. */
export const LOCKSET_REUSE_SECONDS = 600
/** Derived lines held in memory. What an observation says never changes. */
const DERIVED_MAX = 50_000
/** Lines between two looks at the signal and at whatever else waits. */
const LINES_AT_ONCE = 64

/** What makes locksets. */
export interface Locksets {
  /**
   * Derives the lines of a lock and writes the lockset into the log, or finds one about the same lines that is fresh.
   *
   * @throws VouchsafeError REQUEST_MALFORMED for lines that are no lock's, naming the line; TIMEOUT when `signal` is given; and as the log does.
   */
  make(request: LocksetRequest, signal?: AbortSignalLike): Promise<MadeLockset>
}

/** A lockset in the log. */
export interface MadeLockset {
  readonly index: number
  readonly entry: string
  readonly lockset: Lockset
  /** Written by this call. */
  readonly isNew: boolean
}

/** What they are made of. */
export interface LocksetsOptions {
  /** The observations log. */
  readonly log: StatementLog
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly crypto: Crypto
  /** Registry ids that this node observes. */
  readonly registries: readonly string[]
  /** Version of the roster that is followed. */
  readonly roster: () => number
  /** Heads of the notices logs of the roster that are known, this node's own among them, in any order. */
  readonly notices: () => Promise<readonly NoticesHead[]>
  /** Lets whatever else waits have its turn. */
  readonly pause: () => Promise<void>
}

/** Name under which locksets about the same lines are found again. */
export function locksetKey({ registry, root }: Pick<Lockset, "registry" | "root">): string {
  return `lockset ${registry} ${hexEncode(root)}`
}

/** @see Locksets */
export function createLocksets(options: LocksetsOptions): Locksets {
  const { log, clock, crypto } = options
  const derived = new Map<string, string>()
  const making = createFlights<MadeLockset>()

  /** The line that this attester's own observation amounts to; undefined where it has none, or where none can be made of it. */
  const derive = async (purl: string, registry: string, base: string): Promise<string | undefined> => {
    if (!options.registries.includes(registry)) return undefined
    const key = `${base} ${logKey({ purl, registry })}`
    const known = derived.get(key)
    if (known !== undefined) return known
    const observation = await ownObservation(options, { purl, registry })
    const line = observation === undefined ? undefined : unlessMalformed(() => formatLockLine(lockLineOf(observation), base))
    if (line === undefined) return undefined
    derived.set(key, line)
    if (derived.size > DERIVED_MAX) derived.delete(derived.keys().next().value as string)
    return line
  }
  const breathe = async (i: number, signal: AbortSignalLike | undefined): Promise<void> => {
    if (i % LINES_AT_ONCE !== 0) return
    await options.pause()
    throwIfAborted(signal)
  }
  /** What each line is about. Refuses what is no lock's lines: not in their one spelling, not in order, two about one purl, too many. */
  const checkLines = async ({ lines, registry }: LocksetRequest, signal: AbortSignalLike | undefined): Promise<readonly LineName[]> => {
    if (lines.length === 0 || lines.length > LOCK_LINES_MAX) throw malformed(`${lines.length} lines, expected 1 to ${LOCK_LINES_MAX}`)
    const names: LineName[] = []
    let bytes = 0
    for (const [i, line] of lines.entries()) {
      await breathe(i, signal)
      bytes += line.length
      if (bytes > LOCKSET_LINES_BYTES_MAX) throw malformed(`more than ${LOCKSET_LINES_BYTES_MAX} bytes of lines`)
      const name = checkedLine(line, registry, i)
      if (name.purl === names.at(-1)?.purl) throw malformed(`line ${i + 1} is a second one about ${shown(name.purl)}, expected one`)
      if (i > 0 && line <= (lines[i - 1] as string)) throw malformed(`line ${i + 1} is not in order`)
      names.push(name)
    }
    return names
  }
  const bitsOf = async ({ lines, registry }: LocksetRequest, names: readonly LineName[], signal: AbortSignalLike): Promise<boolean[]> => {
    const bits: boolean[] = []
    for (const [i, name] of names.entries()) {
      await breathe(i, signal)
      bits.push((await derive(name.purl, name.registry, registry)) === lines[i])
    }
    return bits
  }
  const makeNow = async (request: LocksetRequest, names: readonly LineName[], root: Bytes, signal: AbortSignalLike): Promise<MadeLockset> => {
    const bits = await bitsOf(request, names, signal)
    const notices = [...await options.notices()].sort((a, b) => (a.log < b.log ? -1 : 1))
    const lockset: Lockset = {
      log: log.origin, registry: request.registry, root, count: request.lines.length, bits, roster: options.roster(), notices, time: Math.floor(clock.nowMs() / 1000),
    }
    const known = await findFresh(log, lockset)
    if (known !== undefined) return known
    const entry = formatLockset(lockset)
    const [appended] = await log.append([{ bytes: utf8Encode(entry), keys: [locksetKey(lockset)] }])
    if (appended === undefined) throw new VouchsafeError("LOG_BROKEN", "log appended a lockset and names no index")
    return { index: appended.index, entry, lockset, isNew: true }
  }
  return {
    async make(request, signal) {
      const names = await checkLines(request, signal)
      const root = rootOfLeaves(crypto, request.lines.map((line) => leafHashOfText(crypto, line)))
      return making.join(locksetKey({ registry: request.registry, root }), signal, (work) => makeNow(request, names, root, work))
    },
  }
}

/** The artifact that a line is about. */
interface LineName {
  readonly purl: string
  readonly registry: string
}

function checkedLine(line: string, registry: string, i: number): LineName {
  try {
    const { facts } = parseLockLine(line, registry)
    return { purl: facts.purl, registry: facts.registry }
  } catch (cause) {
    if (!isVouchsafeError(cause) || cause.kind !== "input") throw cause
    throw malformed(`line ${i + 1}: ${cause.message}`, cause)
  }
}

async function ownObservation({ log, blobs }: LocksetsOptions, artifact: { readonly purl: string; readonly registry: string }): Promise<Observation | undefined> {
  const found = await findObservation(log, artifact)
  if (found === undefined) return undefined
  const entry = parseOwnEntry(utf8Decode(await log.entry(found.index)))
  const body = entry.kind === "by-digest" ? await blobs.get(entry.sha256) : undefined
  const bodies = new Map(entry.kind === "by-digest" && body !== undefined ? [[entry.sha256, utf8Decode(body)]] : [])
  const observation = unlessMalformed(() => resolveObservation(entry, bodies))
  return observation?.registry === artifact.registry ? observation : undefined
}

/** The newest lockset about these lines, if it says the same and is young. */
async function findFresh(log: StatementLog, wanted: Lockset): Promise<MadeLockset | undefined> {
  const index = (await log.indicesByKey(locksetKey(wanted))).at(-1)
  if (index === undefined) return undefined
  const entry = utf8Decode(await log.entry(index))
  const lockset = unlessMalformed(() => parseLockset(entry))
  if (lockset === undefined || lockset.log !== wanted.log || lockset.roster !== wanted.roster) return undefined
  const age = wanted.time - lockset.time
  const isSame = lockset.count === wanted.count && lockset.bits.every((bit, i) => bit === wanted.bits[i]) && areSame(lockset.notices, wanted.notices)
  return isSame && age >= 0 && age < LOCKSET_REUSE_SECONDS ? { index, entry, lockset, isNew: false } : undefined
}

function areSame(a: readonly NoticesHead[], b: readonly NoticesHead[]): boolean {
  return a.length === b.length && a.every((head, i) => {
    const other = b[i] as NoticesHead
    return head.log === other.log && head.size === other.size && equalBytes(head.root, other.root)
  })
}

function malformed(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("REQUEST_MALFORMED", `lockset request: ${why}`, { cause })
}
