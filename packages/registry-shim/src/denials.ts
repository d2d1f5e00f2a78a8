import { displayName, formatRefusal, npmNameOf, type Refused, shortReason } from "@vouchsafe/core"
import type { Denial } from "@vouchsafe/registry-view"
import { PASSING_CODES, VERDICT_FRESH_MS } from "./limits.ts"
import type { Refusal, ShimClock, ShimEvent } from "./types.ts"

/** What was refused so far, by package and version; tells each refusal once. */
export interface Denials {
  /** Remembers and tells; true when the package's document has to show it from now on. */
  add(purl: string, refusal: Refusal): boolean
  /** Tells of something refused that is no version of a package, such as a dependency from elsewhere. */
  addOther(what: string, refusal: Refusal): void
  /** The refusal is no longer true: the version was allowed since. True when there was one. */
  clear(purl: string): boolean
  of(name: string): ReadonlyMap<string, Denial> | undefined
  /** Refused versions, each counted once, also when it was allowed later. */
  count(): number
}

const DENIALS_TOLD_MAX = 10_000

interface Mark extends Denial { readonly untilMs: number }

export function createDenials(clock: ShimClock, emit: (event: ShimEvent) => void): Denials {
  const byName = new Map<string, Map<string, Mark>>()
  const told = new Set<string>()
  const refused = new Set<string>()
  const tell = (purl: string, refusal: Refusal): void => {
    refused.add(purl)
    const key = `${purl}\n${refusal.code}`
    if (told.has(key) || told.size >= DENIALS_TOLD_MAX) return
    told.add(key)
    emit({ event: "denied", purl, ...refusal })
  }
  return {
    addOther: tell,
    add(purl, refusal) {
      const { name, version } = npmNameOf(purl)
      tell(purl, refusal)
      // gone at the next try, perhaps: a document that says so would outlive it
      if (PASSING_CODES.has(refusal.code)) return false
      const versions = byName.get(name) ?? new Map<string, Mark>()
      byName.set(name, versions)
      const isNew = versions.get(version)?.code !== refusal.code
      versions.set(version, { code: refusal.code, reason: refusal.reason, untilMs: clock.nowMs() + VERDICT_FRESH_MS })
      return isNew
    },
    clear(purl) {
      const { name, version } = npmNameOf(purl)
      return byName.get(name)?.delete(version) === true
    },
    of(name) {
      const versions = byName.get(name)
      for (const [version, { untilMs }] of versions ?? []) if (untilMs <= clock.nowMs()) versions?.delete(version)
      return versions
    },
    count: () => refused.size,
  }
}

/** What a refused verdict tells people. */
export function refusalOf(verdict: Refused): Refusal {
  return { code: verdict.code, reason: printable(shortReason(verdict)), detail: formatRefusal([verdict]) }
}

/** A refusal that no verdict stands behind: the shim itself would not pass something on. */
export function ownRefusal(code: string, purl: string, message: string): Refusal {
  return { code, reason: printable(`${code}: ${displayName(purl)} ${message}`) }
}

/** Longest line that goes into a header, in characters. */
const HEADER_LENGTH_MAX = 240
/** Longest line about what failed and who was asked, in a body. */
export const TRIED_LENGTH_MAX = 1_000

/** Header-safe: one line of printable ASCII. */
export function printable(text: string, lengthMax: number = HEADER_LENGTH_MAX): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, lengthMax)
}
