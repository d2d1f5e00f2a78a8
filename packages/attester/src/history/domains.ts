import type { AbortSignalLike, DomainLookup } from "@vouchsafe/ports"
import { DOMAINS_LOOKED_UP_MAX } from "./limits.ts"
import type { Person } from "./people.ts"

/**
 * E-mail domains of people that no longer exist, or that somebody registered since the previous version came. Sorted. What nobody could look up
 * is none.
 * @param since - Unix seconds; null: there was no version before, and nothing is new
 */
export async function lapsedDomains(lookup: DomainLookup | undefined, people: readonly Person[], since: number | null, signal: AbortSignalLike): Promise<readonly string[]> {
  if (lookup === undefined) return []
  const domains = [...new Set(people.flatMap(({ domain }) => domain ?? []))].sort().slice(0, DOMAINS_LOOKED_UP_MAX)
  const states = await Promise.all(domains.map((domain) => lookup.look(domain, signal)))
  return domains.filter((_, i) => {
    const { state, registeredAt } = states[i] as (typeof states)[number]
    return state === "lapsed" || (registeredAt !== null && since !== null && registeredAt > since)
  })
}
