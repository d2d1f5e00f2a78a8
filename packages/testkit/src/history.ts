/**
 * What attesters ask of the world about a package's past, in memory.
 *
 * @packageDocumentation
 */
import type { DomainLookup, DomainState, HistoryStore, PackumentReading, SourceRefList, SourceRefs } from "@vouchsafe/ports"

/** Remembers without bound, as {@link HistoryStore} says. */
export function memoryHistoryStore(): HistoryStore {
  const readings = new Map<string, { readonly last: PackumentReading; readonly notBefore: ReadonlyMap<string, number> }>()
  return {
    async record(reading) {
      const key = `${reading.registry} ${reading.name}`
      const known = readings.get(key)
      if (known !== undefined && reading.readAt <= known.last.readAt) return known.notBefore
      const before = new Set(known?.last.versions.map(({ version }) => version))
      const notBefore = new Map(reading.versions.flatMap(({ version }): [string, number][] => {
        if (known === undefined) return []
        const since = before.has(version) ? known.notBefore.get(version) : known.last.readAt
        return since === undefined ? [] : [[version, since]]
      }))
      readings.set(key, { last: reading, notBefore })
      return notBefore
    },
    async countPackages({ registry, publisher, from, to, except }) {
      return [...readings.values()].filter(({ last }) => last.registry === registry && last.name !== except && last.versions.some((one) =>
        one.publisher === publisher && one.publishedAt !== null && one.publishedAt >= from && one.publishedAt <= to)).length
    },
  }
}

/** Knows the state of some domains; all others resolve. */
export function fixedDomains(states: Readonly<Record<string, DomainState | DomainState["state"]>>): DomainLookup & { readonly asked: Set<string> } {
  const asked = new Set<string>()
  return {
    asked,
    async look(domain) {
      asked.add(domain)
      const found = Object.hasOwn(states, domain) ? states[domain] as DomainState | DomainState["state"] : "resolves"
      return typeof found === "string" ? { state: found, registeredAt: null } : found
    },
  }
}

/** Knows the tags of some repositories, and commits at the ends of their branches; nobody can look at others. */
export function fixedRefs(repositories: Readonly<Record<string, { readonly tags?: Readonly<Record<string, string>>; readonly heads?: readonly string[] }>>): SourceRefs & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    async list(repository): Promise<SourceRefList | undefined> {
      asked.push(repository)
      const found = Object.hasOwn(repositories, repository) ? repositories[repository] : undefined
      return found === undefined ? undefined : { tags: new Map(Object.entries(found.tags ?? {})), heads: new Set(found.heads) }
    },
  }
}
