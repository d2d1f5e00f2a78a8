/**
 * A packument as a sequence of releases, and the one that a version is compared with.
 *
 * @packageDocumentation
 */
import type { PackumentOverview } from "@vouchsafe/ports"
import semver, { type SemVer } from "semver"
import { unixSecondsOf } from "../time.ts"
import { STOOD_SECONDS } from "./limits.ts"
import { type Publisher, readPublisher } from "./people.ts"

/** One version that a packument lists. */
export interface Release {
  readonly version: string
  /** Undefined for an old version that is no semantic one; it is compared with nothing. */
  readonly parsed: SemVer | undefined
  /** Unix seconds, as claimed. */
  readonly publishedAt: number | null
  readonly publisher: Publisher | null
}

/** All of them, and what holds for the package. */
export interface Releases {
  readonly readAt: number
  /** Unix seconds of the first version. */
  readonly createdAt: number | null
  readonly all: readonly Release[]
}

/** Reads an overview strictly: what is no time or no name is none. */
export function readReleases({ readAt, publishers, times }: PackumentOverview): Releases {
  const all = [...publishers].map(([version, publisher]): Release => ({
    version, parsed: semver.parse(version) ?? undefined, publishedAt: unixSecondsOf(times.get(version)), publisher: readPublisher(publisher),
  }))
  return { readAt, createdAt: createdAtOf(all, times.get("created")), all }
}

/** `time.created`, or the first version's time where that is missing or later: a package is not younger than its versions. */
function createdAtOf(all: readonly Release[], created: unknown): number | null {
  const seconds = [unixSecondsOf(created), ...all.map(({ publishedAt }) => publishedAt)].filter((one) => one !== null)
  return seconds.length === 0 ? null : seconds.reduce((least, one) => Math.min(least, one))
}

/** Releases that came before one: by time where both times are known, else by version. */
export function releasesBefore(all: readonly Release[], release: Release): readonly Release[] {
  return all.filter((other) => {
    if (other.version === release.version) return false
    if (other.publishedAt !== null && release.publishedAt !== null) return other.publishedAt < release.publishedAt
    return other.parsed !== undefined && release.parsed !== undefined && semver.lt(other.parsed, release.parsed)
  })
}

/** Those of them that had stood for a while by then; all of them where none had. */
export function thoseThatStood(before: readonly Release[], release: Release): readonly Release[] {
  const stood = before.filter(({ publishedAt }) => publishedAt === null || release.publishedAt === null || release.publishedAt - publishedAt >= STOOD_SECONDS)
  return stood.length > 0 ? stood : before
}

/**
 * The release that one is compared with: the highest below it that had stood for a while, else the highest below it. A stable version is
 * compared with stable ones where there are any. One below all others is compared with the highest of these: a tag can lead to it from there.
 */
export function previousOf(before: readonly Release[], release: Release): Release | null {
  const { parsed } = release
  if (parsed === undefined) return null
  const comparable = before.filter((other) => other.parsed !== undefined)
  const below = comparable.filter((other) => semver.lt(other.parsed as SemVer, parsed))
  const candidates = below.length > 0 ? below : comparable
  const stable = candidates.filter((other) => other.parsed?.prerelease.length === 0)
  const alike = parsed.prerelease.length === 0 && stable.length > 0 ? stable : candidates
  return thoseThatStood(alike, release).reduce<Release | null>((highest, other) => (highest === null || semver.gt(other.parsed as SemVer, highest.parsed as SemVer) ? other : highest), null)
}

/** Seconds from the newest earlier release, of whichever line; null where a time is missing. */
export function gapBefore(before: readonly Release[], { publishedAt }: Release): number | null {
  if (publishedAt === null) return null
  const times = before.flatMap((other) => other.publishedAt ?? [])
  return times.length === 0 ? null : publishedAt - times.reduce((newest, one) => Math.max(newest, one))
}

/** The release line of a version: its major version, below 1 its minor version. */
export function lineOf({ major, minor }: SemVer): string {
  return major === 0 ? `0.${minor}` : `${major}`
}
