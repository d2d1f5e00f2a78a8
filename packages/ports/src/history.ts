/**
 * What an attester asks of the world to compare a version with those before it (packages/spec/observation.md, "History").
 *
 * None of these may cost an observation: what cannot be looked up is unknown. Values, not rejections, say so, except where noted.
 *
 * @packageDocumentation
 */
import type { AbortSignalLike } from "./http.ts"

/** A version as a packument listed it. */
export interface ListedVersion {
  readonly version: string
  /** Unix seconds, as claimed; null: no claim that can be read. */
  readonly publishedAt: number | null
  /** Key of whoever published it; null: not named, or one that many packages share. */
  readonly publisher: string | null
}

/** A packument as it was read once. */
export interface PackumentReading {
  /** Registry id. */
  readonly registry: string
  readonly name: string
  /** Unix seconds at which the registry was asked. */
  readonly readAt: number
  readonly versions: readonly ListedVersion[]
}

/** What packuments said before, and who published what in the same minutes. Bounded: the longest unread is forgotten first. */
export interface HistoryStore {
  /**
   * Records a reading. Resolves to the Unix seconds of the last earlier reading without the version, by version; a version that every reading
   * listed is not in it. A reading that is not newer than the last one recorded changes nothing. Rejects with DISK.
   */
  record(reading: PackumentReading): Promise<ReadonlyMap<string, number>>
  /** Counts the packages other than `except` of which `publisher` released a version from `from` to `to`, both included. Rejects with DISK. */
  countPackages(query: { readonly registry: string; readonly publisher: string; readonly from: number; readonly to: number; readonly except: string }): Promise<number>
}

/** How a domain is. */
export interface DomainState {
  /** `lapsed`: the name does not exist. `unknown`: nobody could tell. */
  readonly state: "resolves" | "lapsed" | "unknown"
  /** Unix seconds at which it was last registered; null where nobody could tell. */
  readonly registeredAt: number | null
}

/** Whether the domains of e-mail addresses still exist. */
export interface DomainLookup {
  /** @param domain - lower case, at least two labels of letters, digits and hyphens. Never rejects. */
  look(domain: string, signal?: AbortSignalLike): Promise<DomainState>
}

/** Branches and tags of a repository, as its server says. */
export interface SourceRefList {
  /** Commit by the name of the tag, without `refs/tags/`; that of an annotated tag is what it leads to. */
  readonly tags: ReadonlyMap<string, string>
  /** Commits at the ends of branches. */
  readonly heads: ReadonlySet<string>
}

/** Asks repositories for their branches and tags. */
export interface SourceRefs {
  /**
   * @param repository - as a package names it, unchecked
   * @param notBefore - Unix seconds: an answer that is older is asked for anew
   * @returns undefined where nobody could look: no such repository, one that is not asked, no answer. Never rejects.
   */
  list(repository: string, notBefore: number, signal?: AbortSignalLike): Promise<SourceRefList | undefined>
}
