/**
 * Who has an artifact, and of which chunks they say it is made.
 *
 * @packageDocumentation
 */
import { isVouchsafeError } from "@vouchsafe/core"
import type { Timers } from "@vouchsafe/ports"
import { pause } from "./bandwidth.ts"
import { type ChunkList, listKey } from "./chunks.ts"
import type { DownloadLimits } from "./limits.ts"
import type { ChunkSource } from "./sources.ts"
import { timed } from "./timed.ts"

/** One source of one download, and what became of it. */
export interface Party {
  readonly source: ChunkSource
  /** What it says the artifact is made of. */
  list: ChunkList | undefined
  /** Equal for those who say the same. */
  key: string | undefined
  failures: number
  /** Why it is asked no more. */
  dropped: string | undefined
  /** Chunks that it sent and that its own list does not have: place and digest. */
  readonly wrong: { readonly index: number; readonly digest: string }[]
  /** Chunks of it that were taken. */
  taken: number
}

/** Lists as they come in. */
export interface Gathering {
  readonly parties: readonly Party[]
  /** Whether somebody has not answered yet. */
  pending(): boolean
  /** Resolves at the next answer, or at once when there will be none. */
  next(): Promise<void>
  /** Resolves when two agree, when all have answered, or a while after the first list. */
  enough(): Promise<void>
  /** Called with each party whose list has come. */
  onList: ((party: Party) => void) | undefined
}

interface GatherOptions {
  readonly sha512: string
  readonly sources: readonly ChunkSource[]
  readonly timers: Timers
  readonly limits: DownloadLimits
  readonly signal: AbortSignal
}

export function gatherLists({ sha512, sources, timers, limits, signal }: GatherOptions): Gathering {
  const parties = sources.slice(0, limits.sourcesMax).map((source): Party => ({ source, list: undefined, key: undefined, failures: 0, dropped: undefined, wrong: [], taken: 0 }))
  let open = parties.length
  let wake: (() => void)[] = []
  const gathering: Gathering = {
    parties, onList: undefined,
    pending: () => open > 0,
    next: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => wake.push(resolve))),
    async enough() {
      while (open > 0 && !parties.some(({ list }) => list !== undefined)) await gathering.next()
      let late = false
      const linger = new AbortController()
      const lingering = pause(timers, limits.lingerMs, linger.signal).then(() => { late = true })
      while (open > 0 && !late && !agreed(parties)) await Promise.race([gathering.next(), lingering])
      linger.abort()
    },
  }
  const settle = (party: Party): void => {
    open -= 1
    if (party.list !== undefined) gathering.onList?.(party)
    const waiting = wake
    wake = []
    for (const resolve of waiting) resolve()
  }
  for (const party of parties) {
    const { source } = party
    void timed({ timers, ms: limits.listMs, signal, what: `${source.name}'s chunk list` }, (stop) => source.chunks(sha512, stop)).then((list) => {
      if (list === undefined) party.dropped = "has it not"
      else if (list.size > limits.bytesMax) party.dropped = `says that it has ${list.size} bytes, expected at most ${limits.bytesMax}`
      else {
        party.list = list
        party.key = listKey(list)
      }
    }, (error: unknown) => { party.dropped = reasonOf(error) }).then(() => settle(party))
  }
  return gathering
}

function agreed(parties: readonly Party[]): boolean {
  const keys = parties.flatMap(({ key }) => key ?? [])
  return new Set(keys).size < keys.length
}

/** What went wrong with a source, for the one line that says so. */
export function reasonOf(error: unknown): string {
  return isVouchsafeError(error) ? `${error.code} (${error.message})` : `failed (${error instanceof Error ? error.message : String(error)})`
}
