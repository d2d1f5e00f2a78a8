/**
 * Whether the source repository knows a version: a tag of its name, or the commit that it says it was made from.
 *
 * @packageDocumentation
 */
import type { SourceState } from "@vouchsafe/core"
import { type AbortSignalLike, type SourceRefList, type SourceRefs, tagNames } from "@vouchsafe/ports"
import { SOURCE_GRACE_SECONDS } from "../limits.ts"

/** A version as its source would know it. */
export interface SourceQuestion {
  readonly name: string
  readonly version: string
  /** As the package names it. */
  readonly repository: string | null
  /** What the publishing tool says it was made from; a claim. */
  readonly gitHead: string | undefined
  /** Unix seconds; null: unknown. */
  readonly publishedAt: number | null
  /** Its provenance verified, which names the commit. */
  readonly isVerified: boolean
}

/**
 * How the sources of a version and of the one before it are. Both are looked for where the earlier one says its source is: a hijacker names a
 * repository of his own as easily as anything. A repository of the same owner counts too, since packages move between them.
 */
export async function sourcesOf(refs: SourceRefs | undefined, now: SourceQuestion, previous: SourceQuestion | null, signal: AbortSignalLike): Promise<{ readonly now: SourceState; readonly previous: SourceState }> {
  // A list of the minutes after the publication may lack what was pushed then.
  const list = (question: SourceQuestion, repository: string | null): Promise<SourceRefList | undefined> =>
    refs === undefined || repository === null ? Promise.resolve(undefined) : refs.list(repository, (question.publishedAt ?? 0) + SOURCE_GRACE_SECONDS, signal)
  const home = previous?.repository ?? now.repository
  const moved = now.repository !== null && now.repository !== home && ownerOf(now.repository) !== undefined && ownerOf(now.repository) === ownerOf(home ?? "")
  const [atHome, elsewhere] = await Promise.all([
    now.isVerified && (previous === null || previous.isVerified) ? undefined : list(now, home),
    moved && !now.isVerified ? list(now, now.repository) : undefined,
  ])
  const earlier = previous?.gitHead
  const states = [atHome, elsewhere].map((found) => stateIn(found, now, earlier))
  return {
    now: now.isVerified || states.includes("found") ? "found" : states[0] as SourceState,
    previous: previous === null ? "unknown" : previous.isVerified ? "found" : stateIn(atHome, previous, undefined),
  }
}

/** @param taken - a commit that another version was made from: it does not speak for this one */
function stateIn(list: SourceRefList | undefined, { name, version, gitHead }: SourceQuestion, taken: string | undefined): SourceState {
  if (list === undefined) return "unknown"
  if (tagNames(version, name).some((tag) => list.tags.has(tag))) return "found"
  const isTip = gitHead !== undefined && gitHead !== taken && (list.heads.has(gitHead) || [...list.tags.values()].includes(gitHead))
  return isTip ? "found" : "absent"
}

/** Host and owner of a repository on a forge, however it is written. */
function ownerOf(repository: string): string | undefined {
  const [, shorthand, host, owner] = /^(?:(github|gitlab|bitbucket):|(?:[a-z+]+:\/\/)?(?:[^@/\s]+@)?([a-z0-9.-]+\.[a-z]+)[/:])?([^/:\s]+)\/[^/\s]+/i.exec(repository.trim()) ?? []
  if (owner === undefined) return undefined
  return `${(host ?? `${shorthand ?? "github"}.com`).toLowerCase()}/${owner.toLowerCase()}`
}
