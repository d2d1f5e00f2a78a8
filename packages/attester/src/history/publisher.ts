/**
 * The publisher of a version against those of earlier versions, and what else came from the same hands in the same minutes.
 *
 * @packageDocumentation
 */
import { BURST_LINES_MIN, BURST_PACKAGES_MIN, BURST_SECONDS, type Burst, type PublisherStanding } from "@vouchsafe/core"
import { HABIT_RELEASES_MAX, STOOD_SECONDS } from "./limits.ts"
import type { Person } from "./people.ts"
import { lineOf, type Release, thoseThatStood } from "./releases.ts"

/**
 * Who published a version, as the earlier ones know them. A release that had not stood for a while makes nobody known: it may be of the same
 * hijack.
 * @param maintainers - of the previous version, when it was published
 */
export function publisherStanding(release: Release, previous: Release | null, before: readonly Release[], maintainers: readonly Person[]): PublisherStanding {
  const { publisher } = release
  if (publisher === null || previous === null || before.every((other) => other.publisher === null)) return "unknown"
  if (previous.publisher?.key === publisher.key) return "same"
  if (thoseThatStood(before, release).some((other) => other.publisher?.key === publisher.key)) return "earlier"
  return !publisher.isShared && maintainers.some(({ name }) => name === publisher.name) ? "maintainer" : "new"
}

/**
 * Whether an account that published before now has an e-mail address of a domain under which nobody knew it: what a hijacker changes first.
 * @param maintainers - of the previous version
 */
export function hasNewDomain(release: Release, before: readonly Release[], maintainers: readonly Person[]): boolean {
  const { publisher } = release
  if (publisher === null || publisher.domain === null || publisher.isShared) return false
  const known = [...thoseThatStood(before, release).flatMap((other) => other.publisher ?? []), ...maintainers].filter(({ name, domain }) => name === publisher.name && domain !== null)
  return known.length > 0 && known.every(({ domain }) => domain !== publisher.domain)
}

/** Counts packages other than this one of which somebody released a version within {@link BURST_SECONDS} of a time. */
export type CountPackages = (publisher: string, at: number) => Promise<number>

/** What the publisher released in the same minutes; null where nothing can be said, or nothing came before. */
export async function burstOf(release: Release, previous: Release | null, all: readonly Release[], countPackages: CountPackages): Promise<Burst | null> {
  const { publisher, publishedAt } = release
  if (publisher === null || publishedAt === null || previous === null) return null
  // Whoever shares a name with others did not release what they did.
  const count = (of: Release): Promise<number> => (of.publisher === null || of.publisher.isShared || of.publishedAt === null ? Promise.resolve(0) : countPackages(of.publisher.key, of.publishedAt))
  const lines = linesWith(release, all)
  const packages = await count(release)
  const earlier = all.filter((other) => other.publishedAt !== null && publishedAt - other.publishedAt >= STOOD_SECONDS)
    .sort((a, b) => (b.publishedAt as number) - (a.publishedAt as number)).slice(0, HABIT_RELEASES_MAX)
  const isLinesHabit = lines < BURST_LINES_MIN || earlier.some((other) => linesWith(other, all) >= BURST_LINES_MIN)
  const isRemarkable = lines >= BURST_LINES_MIN || packages >= BURST_PACKAGES_MIN
  return { lines, packages, isHabit: isRemarkable && isLinesHabit && (packages < BURST_PACKAGES_MIN || await some(earlier, async (other) => await count(other) >= BURST_PACKAGES_MIN)) }
}

/** Other release lines of the package that the same publisher released from within the same minutes. */
function linesWith({ parsed, publisher, publishedAt, version }: Release, all: readonly Release[]): number {
  if (parsed === undefined || publisher === null || publishedAt === null) return 0
  const lines = new Set(all.flatMap((other) => {
    const isNear = other.version !== version && other.publishedAt !== null && Math.abs(other.publishedAt - publishedAt) <= BURST_SECONDS
    return isNear && other.parsed !== undefined && other.publisher?.key === publisher.key ? [lineOf(other.parsed)] : []
  }))
  lines.delete(lineOf(parsed))
  return lines.size
}

async function some<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<boolean> {
  for (const item of items) if (await test(item)) return true
  return false
}
