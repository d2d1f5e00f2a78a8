/**
 * What rules judge about an artifact: the same whether it comes from an attester's statement or from a line of `vouchsafe.lock`.
 *
 * @packageDocumentation
 */
import { DAY_SECONDS } from "./calendar.ts"
import type { History } from "./history.ts"
import type { Observation } from "./observation.ts"
import type { Provenance } from "./upstream.ts"

/** A dependency younger than this when its parent was published is newborn. */
export const NEWBORN_SECONDS = 7 * DAY_SECONDS
/** A package without a release for longer was dormant. */
export const DORMANT_SECONDS = 2 * 365 * DAY_SECONDS
/** Other release lines, and other packages, within one burst that make it remarkable. */
export const BURST_LINES_MIN = 2
export const BURST_PACKAGES_MIN = 5
/** A package that has been there for longer has standing of its own: its name is no lookalike any more. */
export const STANDING_SECONDS = 365 * DAY_SECONDS

/**
 * Words for what speaks against an artifact. Each stands alone, or before a colon and a detail:
 * `mismatch:scripts`, `newborn:left-pad`. They hold no thresholds of a policy, so that attesters derive equal ones.
 */
export const FLAG_WORDS = [
  "mismatch", "refused", "provenance-lost", "changed", "publisher-new", "dormant", "burst", "script", "gyp", "exotic", "newborn", "no-source", "domain", "lookalike", "backdated",
] as const
export type FlagWord = (typeof FLAG_WORDS)[number]

export interface Flag {
  readonly word: FlagWord
  /** Empty where the word stands alone. Holds foreign text. */
  readonly detail: string
}

/** Where an artifact was built, as its verified provenance says: the part of it that is an identity. */
export type SourceIdentity = Pick<Provenance, "repository" | "repositoryId" | "ownerId" | "commit" | "workflow" | "builder" | "runner">

/** Facts of one artifact as one attester, or a lock, has them. */
export interface ArtifactFacts {
  readonly purl: string
  readonly registry: string
  /** Lower-case hex of the .tgz. */
  readonly sha512: string
  /** Go dirhash of the contents. */
  readonly h1: string
  /** Unix seconds at which it was published, where the claim can be true; null where there is no claim, or one that this attester knows to be false. */
  readonly publishedAt: number | null
  readonly publisher: string | null
  readonly repository: string | null
  readonly provenance: SourceIdentity | null
  /** It runs something when it is installed: a lifecycle script or a gyp file, whether new or not. */
  readonly runsScripts: boolean
  /** Sorted by word and detail, each once. */
  readonly flags: readonly Flag[]
}

/** The facts that an observation holds. */
export function factsOf({ purl, registry, sha512, contents, packument, upstream, history, package: own }: Observation): ArtifactFacts {
  const isBackdated = packument.publishedAt !== null && history.notBefore !== null && packument.publishedAt <= history.notBefore
  return {
    purl, registry, sha512, h1: contents.h1, publisher: packument.publisher, repository: packument.repository,
    publishedAt: isBackdated ? null : packument.publishedAt,
    provenance: upstream.provenance === null ? null : identityOf(upstream.provenance),
    runsScripts: own.gyp.length > 0 || [...own.scripts.keys()].some(runsAtInstall),
    flags: [
      ...packument.mismatch.map((member) => flag("mismatch", member)), ...upstream.refused.map((code) => flag("refused", code)),
      ...(isBackdated ? [flag("backdated")] : []), ...historyFlags(history, packument.publishedAt, upstream.provenance !== null),
    ].sort(byText),
  }
}

function identityOf({ repository, repositoryId, ownerId, commit, workflow, builder, runner }: Provenance): SourceIdentity {
  return { repository, repositoryId, ownerId, commit, workflow, builder, runner }
}

function historyFlags(history: History, publishedAt: number | null, hasProvenance: boolean): Flag[] {
  const { previous, burst, lookalike, createdAt } = history
  const isNewPublisher = history.publisher === "new" || history.changed.includes("publisher-domain")
  const isBurst = burst !== null && !burst.isHabit && !hasProvenance && (burst.lines >= BURST_LINES_MIN || burst.packages >= BURST_PACKAGES_MIN)
  const isYoungName = createdAt === null || publishedAt === null || publishedAt - createdAt < STANDING_SECONDS
  return [
    ...(previous !== null && previous.provenance !== "none" && !hasProvenance ? [flag("provenance-lost", previous.version)] : []),
    ...history.changed.map((what) => flag("changed", what)),
    ...(previous !== null && history.publisher === "new" && !hasProvenance ? [flag("publisher-new")] : []),
    ...(history.gap !== null && history.gap >= DORMANT_SECONDS && (isNewPublisher || history.changed.includes("owner")) ? [flag("dormant")] : []),
    ...(isBurst ? [flag("burst")] : []),
    ...history.scripts.filter(runsAtInstall).map((name) => flag("script", name)), ...history.gyp.map((path) => flag("gyp", path)),
    ...history.dependencies.filter(({ isExotic }) => isExotic).map(({ name }) => flag("exotic", name)),
    ...history.dependencies.filter((one) => isNewborn(one, publishedAt)).map(({ name }) => flag("newborn", name)),
    ...(history.source === "absent" && previous?.source === "found" && !hasProvenance ? [flag("no-source", previous.version)] : []),
    ...history.lapsedDomains.map((domain) => flag("domain", domain)),
    ...(lookalike !== null && !lookalike.isKin && isYoungName ? [flag("lookalike", lookalike.target)] : []),
  ]
}

function isNewborn({ createdAt, isKin }: History["dependencies"][number], publishedAt: number | null): boolean {
  return !isKin && createdAt !== null && publishedAt !== null && publishedAt - createdAt < NEWBORN_SECONDS
}

/** `prepare` runs for git dependencies only. Of a bundled package the name stands behind its folder. */
function runsAtInstall(script: string): boolean {
  return /(?:^|#)(?:preinstall|install|postinstall)$/.test(script)
}

function flag(word: FlagWord, detail = ""): Flag {
  return { word, detail }
}

function byText(a: Flag, b: Flag): number {
  const [one, other] = [`${a.word}:${a.detail}`, `${b.word}:${b.detail}`]
  return one < other ? -1 : one > other ? 1 : 0
}
