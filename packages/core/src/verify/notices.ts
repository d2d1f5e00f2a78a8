import { DAY_SECONDS } from "./calendar.ts"
import { artifactKey, type ArtifactName } from "./evidence.ts"
import type { Notice } from "./notice.ts"

/** More notices of one operator within a day than this need a second operator's word (THREATS A3). */
export const NOTICES_PER_DAY_MAX = 200

/** One operator's active word against an artifact. */
export interface ActiveNotice {
  readonly operator: string
  readonly notice: "withdrawal" | "conflict"
  readonly sha512: string
  /** Conflict only. */
  readonly other?: string
  readonly reason: string
  readonly index: number
  /** The operator sent so many notices that this one needs a second operator. */
  readonly flooded: boolean
}

/** Active notices of all operators, by artifact. */
export type NoticeIndex = ReadonlyMap<string, readonly ActiveNotice[]>

/** Indexes notices: a reversal ends an earlier notice of the same log about the same artifact, and nothing else. */
export function indexNotices(logs: readonly { readonly operator: string; readonly entries: readonly Notice[] }[]): NoticeIndex {
  const byArtifact = new Map<string, ActiveNotice[]>()
  for (const { operator, entries } of logs) {
    const reversed = reversedIn(entries)
    const perDay = new Map<number, number>()
    for (const entry of entries) if (entry.notice !== "reversal") perDay.set(dayOf(entry), (perDay.get(dayOf(entry)) ?? 0) + 1)
    for (const [index, entry] of entries.entries()) {
      if (entry.notice === "reversal" || reversed.has(index)) continue
      const key = artifactKey(entry)
      const list = byArtifact.get(key) ?? []
      byArtifact.set(key, list)
      list.push({
        operator, index, flooded: (perDay.get(dayOf(entry)) ?? 0) > NOTICES_PER_DAY_MAX, notice: entry.notice, sha512: entry.sha512, reason: entry.reason,
        ...(entry.other === undefined ? {} : { other: entry.other }),
      })
    }
  }
  return byArtifact
}

/** Indices of the notices that a later one of their log takes back. */
function reversedIn(entries: readonly Notice[]): Set<number> {
  const reversed = new Set<number>()
  for (const [index, entry] of entries.entries()) {
    if (entry.notice !== "reversal" || entry.reverses === undefined || entry.reverses >= index) continue
    const target = entries[entry.reverses]
    if (target !== undefined && target.notice !== "reversal" && artifactKey(target) === artifactKey(entry) && target.sha512 === entry.sha512) reversed.add(entry.reverses)
  }
  return reversed
}

/** The withdrawals and conflicts of a notices log that nothing took back, in the order of the log. */
export function noticesInForce(entries: readonly Notice[]): Notice[] {
  const reversed = reversedIn(entries)
  return entries.filter(({ notice }, index) => notice !== "reversal" && !reversed.has(index))
}

function dayOf(notice: Notice): number {
  return Math.floor(notice.time / DAY_SECONDS)
}

/** The notices about one artifact. */
export function noticesOf(index: NoticeIndex, artifact: ArtifactName): readonly ActiveNotice[] {
  return index.get(artifactKey(artifact)) ?? []
}
