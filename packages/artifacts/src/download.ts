/**
 * One artifact by its sha512, from several sources at once (spec/artifacts.md, [R8]).
 *
 * Order: lists → candidate → chunks, each checked → sha512 of the whole → who lied. Nothing is given out before the whole holds.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import { HEX_SHA512, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, Timers } from "@vouchsafe/ports"
import type { Bandwidth } from "./bandwidth.ts"
import { chunksOnDisk, fetchCandidate } from "./candidate.ts"
import { type ChunkList, chunkRange } from "./chunks.ts"
import { type Files, onDisk, openPart, readAll, systemFiles } from "./files.ts"
import { type Gathering, gatherLists, type Party } from "./gathering.ts"
import { DOWNLOAD_LIMITS, type DownloadLimits } from "./limits.ts"
import type { ChunkSource } from "./sources.ts"

/** Timers of a program that has nothing else to wait for: a download alone ends with it. */
const HOST_TIMERS: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  },
}

/** What a source said that the verified bytes, or its own, do not bear out. */
export interface Lie {
  readonly source: string
  readonly sha512: string
  readonly message: string
}

export interface DownloadOptions {
  readonly sha512: string
  readonly sources: readonly ChunkSource[]
  /** File for what has arrived; what is there already is hashed and used. Stays where a download fails. One download a file at a time. */
  readonly path: string
  readonly timers?: Timers
  readonly files?: Files
  readonly limits?: Partial<DownloadLimits>
  readonly bandwidth?: Bandwidth
  readonly signal?: AbortSignalLike
  /** Asked for room before bytes are written. What it throws ends the download. */
  readonly admit?: (bytes: number) => Promise<void>
  /** Told of each source that lied, once a download. */
  readonly onLie?: (lie: Lie) => void
}

/** A whole artifact on disk. */
export interface Downloaded {
  readonly path: string
  readonly list: ChunkList
  /** Sources of which chunks were taken; empty where all was on disk. */
  readonly from: readonly string[]
}

/**
 * Downloads an artifact.
 * @throws VouchsafeError NOT_FOUND (all answered, none has it), UNREACHABLE (no source could give the whole; the message says what each did), TIMEOUT, DISK; what `admit` throws.
 */
export async function downloadArtifact(options: DownloadOptions): Promise<Downloaded> {
  const { sha512, sources, timers = HOST_TIMERS, files = systemFiles } = options
  if (!HEX_SHA512.test(sha512)) throw new TypeError("an artifact is named by 128 lower-case hex digits")
  const limits = { ...DOWNLOAD_LIMITS, ...options.limits }
  const stop = new AbortController()
  const end = (): void => stop.abort()
  if (options.signal?.aborted === true) end()
  options.signal?.addEventListener("abort", end)
  const cancel = timers.after(limits.totalMs, end)
  const gathering = gatherLists({ sha512, sources, timers, limits, signal: stop.signal })
  let file: FileHandle | undefined
  try {
    await gathering.enough()
    if (!gathering.parties.some(({ list }) => list !== undefined)) throw failure(options, gathering, stop.signal)
    file = await onDisk("open a part", () => openPart(files, options.path))
    return await tryCandidates({ options, limits, timers, file, stop: stop.signal, liars: new Set() }, gathering)
  } finally {
    cancel()
    options.signal?.removeEventListener("abort", end)
    end()
    await file?.close()
  }
}

interface Attempt {
  readonly options: DownloadOptions
  readonly limits: DownloadLimits
  readonly timers: Timers
  readonly file: FileHandle
  readonly stop: AbortSignal
  readonly liars: Set<Party>
}

async function tryCandidates(attempt: Attempt, gathering: Gathering): Promise<Downloaded> {
  const { options, limits, stop } = attempt
  const wrong = new Set<string>()
  for (let count = 0; count < limits.candidatesMax && !stop.aborted;) {
    const [list, key] = bestCandidate(gathering.parties, wrong)
    if (list === undefined || key === undefined) {
      if (!gathering.pending()) break
      await gathering.next()
      continue
    }
    count += 1
    // Not whole: all who stood behind it are out; somebody who says the same may still answer.
    if (!await isFetched(attempt, gathering, list, key)) continue
    if (await sha512Of(attempt.file, list.size) === options.sha512) {
      await onDisk("end a part", async () => {
        await attempt.file.truncate(list.size)
      })
      nameLiars(attempt, gathering.parties, list)
      return { path: options.path, list, from: gathering.parties.filter(({ taken }) => taken > 0).map(({ source }) => source.name) }
    }
    // All chunks are what the list says, and the whole is something else: the list itself is the lie.
    wrong.add(key)
    for (const party of gathering.parties) if (party.key === key) accuse(attempt, party, "its chunk list makes up other bytes")
    await onDisk("empty a part", () => attempt.file.truncate(0))
  }
  throw failure(options, gathering, stop)
}

/** The list behind which most sources stand, of those that are not known to be wrong. */
function bestCandidate(parties: readonly Party[], wrong: ReadonlySet<string>): readonly [ChunkList | undefined, string | undefined] {
  const supporters = new Map<string, Party[]>()
  for (const party of parties) {
    if (party.key === undefined || party.dropped !== undefined || wrong.has(party.key)) continue
    supporters.set(party.key, [...supporters.get(party.key) ?? [], party])
  }
  const [best] = [...supporters].sort(([, a], [, b]) => b.length - a.length)
  return [best?.[1][0]?.list, best?.[0]]
}

async function isFetched(attempt: Attempt, gathering: Gathering, list: ChunkList, key: string): Promise<boolean> {
  const { options, file, timers, limits, stop } = attempt
  await options.admit?.(list.size)
  const there = await chunksOnDisk(file, list)
  if (there.size === list.chunks.length) return true
  const work = fetchCandidate({ sha512: options.sha512, list, file, timers, limits, bandwidth: options.bandwidth, signal: stop }, there)
  gathering.onList = (party) => { if (party.key === key) work.join(party) }
  try {
    for (const party of gathering.parties) if (party.key === key && party.dropped === undefined) work.join(party)
    return await work.done
  } finally {
    gathering.onList = undefined
  }
}

async function sha512Of(file: FileHandle, size: number): Promise<string> {
  const hash = createHash("sha512")
  for (let index = 0; ; index++) {
    const { start, length } = chunkRange({ size }, index)
    if (length <= 0) return hash.digest("hex")
    const bytes = await onDisk("read a part", () => readAll(file, start, length))
    if (bytes === undefined) return ""
    hash.update(bytes)
  }
}

/** Compares what each source said and sent with the bytes that were verified. */
function nameLiars(attempt: Attempt, parties: readonly Party[], truth: ChunkList): void {
  for (const party of parties) {
    const wrong = party.wrong.find(({ index, digest }) => truth.chunks[index] !== digest)
    if (wrong !== undefined) accuse(attempt, party, `it sent other bytes for chunk ${wrong.index}`)
    else if (party.list !== undefined && (party.list.size !== truth.size || party.list.chunks.some((digest, i) => digest !== truth.chunks[i]))) accuse(attempt, party, "its chunk list is not that of the bytes")
  }
}

function accuse({ options, liars }: Attempt, party: Party, message: string): void {
  party.dropped = `lied: ${message}`
  if (liars.has(party)) return
  liars.add(party)
  options.onLie?.({ source: party.source.name, sha512: options.sha512, message })
}

/** Why nobody could give it: what each did. */
function failure({ sha512, signal }: DownloadOptions, { parties, pending }: Gathering, stop: AbortSignal): VouchsafeError {
  const told = parties.map(({ source, dropped, list }) => `${source.name}: ${dropped ?? (list === undefined ? "did not answer" : "could not give all of it")}`).join("; ")
  const what = `sha512 ${sha512.slice(0, 16)}…: ${parties.length === 0 ? "there is nobody to ask" : told}`
  if (stop.aborted) return new VouchsafeError("TIMEOUT", `${what}; ${signal?.aborted === true ? "stopped" : "the time for it is over"}`)
  const isAbsent = !pending() && parties.every(({ dropped }) => dropped === "has it not")
  return new VouchsafeError(isAbsent ? "NOT_FOUND" : "UNREACHABLE", what)
}
