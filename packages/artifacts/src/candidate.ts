/**
 * One chunk list, and the chunks that it names: fetched from all who stand behind it, each checked before it is written.
 *
 * @packageDocumentation
 */
import type { FileHandle } from "node:fs/promises"
import { isVouchsafeError } from "@vouchsafe/core"
import type { Timers } from "@vouchsafe/ports"
import type { Bandwidth } from "./bandwidth.ts"
import { type ChunkList, chunkRange, sha256Hex } from "./chunks.ts"
import { onDisk, readAll, writeAll } from "./files.ts"
import { type Party, reasonOf } from "./gathering.ts"
import type { DownloadLimits } from "./limits.ts"
import { timed } from "./timed.ts"

/** What a candidate is fetched with. */
export interface Fetching {
  readonly sha512: string
  readonly list: ChunkList
  readonly file: FileHandle
  readonly timers: Timers
  readonly limits: DownloadLimits
  readonly bandwidth: Bandwidth | undefined
  readonly signal: AbortSignal
}

/** A chunk under way. */
interface Flight {
  fetchers: number
  /** It takes long: a second source may try. */
  isLate: boolean
  readonly by: Set<Party>
  readonly stop: AbortController
}

/** The work on one candidate. */
export interface CandidateWork {
  /** Lets a source that says the same join in. */
  join(party: Party): void
  /** Whether all chunks are there. Rejects with DISK, or TIMEOUT when the signal ended it. */
  readonly done: Promise<boolean>
}

/** Chunks that are on disk already and are what the list says. */
export async function chunksOnDisk(file: FileHandle, list: ChunkList): Promise<Set<number>> {
  const { size } = await onDisk("look at a part", () => file.stat())
  const there = new Set<number>()
  for (const [index, digest] of list.chunks.entries()) {
    const { start, length } = chunkRange(list, index)
    if (start >= size) break
    const bytes = await onDisk("read a part", () => readAll(file, start, length))
    if (bytes !== undefined && sha256Hex(bytes) === digest) there.add(index)
  }
  return there
}

/** Starts fetching what is not `there`. */
export function fetchCandidate(fetching: Fetching, there: ReadonlySet<number>): CandidateWork {
  const { list, limits, timers, signal } = fetching
  const waiting = list.chunks.map((_, index) => index).filter((index) => !there.has(index))
  const flights = new Map<number, Flight>()
  let left = waiting.length
  let workers = 0
  let wake: (() => void)[] = []
  let settle: (end: { readonly isWhole: boolean } | { readonly error: unknown }) => void = () => undefined
  let isOver = false
  const reserve: Party[] = []
  const done = new Promise<boolean>((resolve, reject) => {
    settle = (end) => {
      isOver = true
      for (const { stop } of flights.values()) stop.abort()
      tell()
      if ("error" in end) reject(end.error)
      else resolve(end.isWhole)
    }
  })
  const tell = (): void => {
    const told = wake
    wake = []
    for (const resolve of told) resolve()
  }

  /** The next chunk for somebody: one that nobody has begun, else one that somebody else is slow with. */
  const nextFor = (party: Party): number | undefined => {
    const fresh = waiting.shift()
    if (fresh !== undefined) return fresh
    for (const [index, { fetchers, isLate, by }] of flights) if (isLate && fetchers < 2 && !by.has(party)) return index
    return undefined
  }
  const fetchOne = async (party: Party, index: number): Promise<void> => {
    const flight = flights.get(index) ?? { fetchers: 0, isLate: false, by: new Set<Party>(), stop: new AbortController() }
    flights.set(index, flight)
    flight.fetchers += 1
    flight.by.add(party)
    let cancelHedge = (): void => undefined
    try {
      await fetching.bandwidth?.take(chunkRange(list, index).length, flight.stop.signal)
      cancelHedge = timers.after(limits.hedgeMs, () => { flight.isLate = true; tell() })
      const bytes = await timed({ timers, ms: limits.chunkMs, signal: flight.stop.signal, what: `chunk ${index} of ${party.source.name}` }, (stop) => readChunk(fetching, party, index, stop))
      // Somebody else was faster, or all is over.
      if (isOver || flights.get(index) !== flight) return
      flights.delete(index)
      await onDisk("write a chunk", () => writeAll(fetching.file, bytes, chunkRange(list, index).start))
      party.taken += 1
      left -= 1
      flight.stop.abort()
    } catch (error) {
      if (isVouchsafeError(error, "DISK")) throw error
      if (flight.stop.signal.aborted) return
      blame(party, error, limits)
    } finally {
      cancelHedge()
      flight.fetchers -= 1
      if (flight.fetchers === 0 && flights.get(index) === flight) {
        flights.delete(index)
        waiting.push(index)
      }
      tell()
    }
  }
  const work = async (party: Party): Promise<void> => {
    while (!isOver && left > 0 && party.dropped === undefined) {
      const index = nextFor(party)
      if (index === undefined) await new Promise<void>((resolve) => wake.push(resolve))
      else await fetchOne(party, index)
    }
  }
  const start = (party: Party): void => {
    for (let i = 0; i < limits.perSourceMax; i++) {
      workers += 1
      work(party).then(() => undefined, (error: unknown) => { settle({ error }) }).then(() => {
        workers -= 1
        if (left === 0) settle({ isWhole: true })
        while (workers + limits.perSourceMax <= limits.parallelMax && reserve.length > 0) start(reserve.shift() as Party)
        if (workers === 0) settle({ isWhole: left === 0 })
      }, (error: unknown) => { settle({ error }) })
    }
  }
  signal.addEventListener("abort", () => settle({ isWhole: false }), { once: true })
  return {
    done,
    join(party) {
      if (isOver) return
      if (left === 0) settle({ isWhole: true })
      else if (workers + limits.perSourceMax <= limits.parallelMax) start(party)
      else reserve.push(party)
    },
  }
}

/** A chunk that is what the list says. Rejects, having noted it, for one that is not. */
async function readChunk({ sha512, list }: Fetching, party: Party, index: number, stop: AbortSignal): Promise<Uint8Array> {
  const { start, length } = chunkRange(list, index)
  const bytes = await party.source.read(sha512, start, length, stop)
  if (bytes.length !== length) throw new TypeError(`sent ${bytes.length} bytes of chunk ${index}, expected ${length}`)
  const digest = sha256Hex(bytes)
  if (digest !== list.chunks[index]) {
    party.wrong.push({ index, digest })
    party.dropped = `sent chunk ${index} with other bytes than its own list says`
    throw new TypeError(party.dropped)
  }
  return bytes
}

function blame(party: Party, error: unknown, { failuresMax }: DownloadLimits): void {
  party.failures += 1
  if (party.failures >= failuresMax) party.dropped ??= reasonOf(error)
}
