/**
 * What an attester found when it compared a version with those before it (packages/spec/observation.md, "History").
 *
 * Unlike the facts of the tarball these are each attester's own: what it knows depends on when it looked and on what it saw earlier. They are
 * judged statement by statement (DESIGN §3.3).
 *
 * @packageDocumentation
 */
import { booleanMember, type Members, nullable, objectMember, textMember, timeMember, wholeMember, wordMember } from "./members.ts"
import type { ShapeReader } from "./shape.ts"

/** What was verified, what the packument only claims, or nothing. */
export const PROVENANCE_STANDINGS = ["verified", "claimed", "none"] as const
/** Whether the source repository has a reachable commit or tag of a version; `unknown` where nobody could look. */
export const SOURCE_STATES = ["found", "absent", "unknown"] as const
/** The publisher, against the earlier versions: the previous one's, one who published before, a maintainer by then, none of these; or not named. */
export const PUBLISHER_STANDINGS = ["same", "earlier", "maintainer", "new", "unknown"] as const
/** What differs from the previous version. All but `publisher-domain` and `scripts` are facts of two verified provenances. */
export const HISTORY_CHANGES = ["builder", "inputs", "owner", "publisher-domain", "repository", "scripts", "workflow"] as const
/** In which way a name resembles another (packages/spec/names.md). */
export const LOOKALIKE_KINDS = ["edit", "separator", "homoglyph", "scope", "affix", "plural", "digit", "order"] as const

export type ProvenanceStanding = (typeof PROVENANCE_STANDINGS)[number]
export type SourceState = (typeof SOURCE_STATES)[number]
export type PublisherStanding = (typeof PUBLISHER_STANDINGS)[number]
export type HistoryChange = (typeof HISTORY_CHANGES)[number]
export type LookalikeKind = (typeof LOOKALIKE_KINDS)[number]

/** The version that a version is compared with: the highest below it that had stood for a while, or else the highest below it that was published earlier. */
export interface PreviousVersion {
  readonly version: string
  /** Unix seconds, as the registry claims. */
  readonly publishedAt: number | null
  readonly provenance: ProvenanceStanding
  readonly source: SourceState
}

/** A dependency that the previous version had not. */
export interface AddedDependency {
  readonly name: string
  /** Unix seconds of the dependency's first version, as its registry claims; null where nobody could look. */
  readonly createdAt: number | null
  /** Not from a registry: git, URL, file. */
  readonly isExotic: boolean
  /** It belongs to those whom the package belonged to before: the same scope, or the same repository and a common maintainer. */
  readonly isKin: boolean
}

/** A name that this one could be taken for. */
export interface Lookalike {
  readonly target: string
  readonly kind: LookalikeKind
  /** Both names have a maintainer in common. */
  readonly isKin: boolean
}

/** Releases by the same publisher within {@link BURST_SECONDS} of this one. */
export interface Burst {
  /** Other release lines (major versions) of this package. */
  readonly lines: number
  /** Other packages that this attester knows of. */
  readonly packages: number
  /** Earlier versions of this package came in the same way. */
  readonly isHabit: boolean
}

/** One attester's comparison of a version with the versions before it. */
export interface History {
  /** Unix seconds of the package's first version, as claimed. */
  readonly createdAt: number | null
  /** Versions that the packument lists, this one included. */
  readonly versions: number
  /** Unix seconds of the last time at which this attester read the packument and this version was not in it; null where it never did. */
  readonly notBefore: number | null
  /** Null for a package's first version. */
  readonly previous: PreviousVersion | null
  /** Seconds from the newest earlier version, of whichever line, to this one; null where a time is missing. */
  readonly gap: number | null
  readonly publisher: PublisherStanding
  /** Sorted, each once. */
  readonly changed: readonly HistoryChange[]
  /** Lifecycle scripts that the previous version had not: `postinstall`, of a bundled package `folder#postinstall`. Sorted. */
  readonly scripts: readonly string[]
  /** Paths of gyp files that the previous version had not. Sorted. */
  readonly gyp: readonly string[]
  /** By name, sorted. */
  readonly dependencies: readonly AddedDependency[]
  readonly burst: Burst | null
  readonly source: SourceState
  /** E-mail domains of maintainers that no longer resolve, or that were registered anew since the previous version. Sorted. */
  readonly lapsedDomains: readonly string[]
  readonly lookalike: Lookalike | null
}

/** Releases within so many seconds of each other are one burst. */
export const BURST_SECONDS = 600
/** Entries of each list of a history. */
export const HISTORY_LIST_MAX = 1_000
const TEXT_LENGTH_MAX = 4_096
const NAME_LENGTH_MAX = 512

/** A first version about which nothing is remarkable. */
export const PLAIN_HISTORY: History = Object.freeze({
  createdAt: null, versions: 1, notBefore: null, previous: null, gap: null, publisher: "unknown", changed: [], scripts: [], gyp: [], dependencies: [], burst: null,
  source: "unknown", lapsedDomains: [], lookalike: null,
})

const timeOrNull = /* @__PURE__ */ nullable(timeMember)
const wholeOrNull = /* @__PURE__ */ nullable(wholeMember)
const nameMember = /* @__PURE__ */ textMember(NAME_LENGTH_MAX)
const sourceMember = /* @__PURE__ */ wordMember(SOURCE_STATES)
const publisherMember = /* @__PURE__ */ wordMember(PUBLISHER_STANDINGS)

const PREVIOUS: Members<PreviousVersion> = { version: nameMember, publishedAt: timeOrNull, provenance: /* @__PURE__ */ wordMember(PROVENANCE_STANDINGS), source: sourceMember }
const DEPENDENCY: Members<AddedDependency> = { name: nameMember, createdAt: timeOrNull, isExotic: booleanMember, isKin: booleanMember }
const BURST: Members<Burst> = { lines: wholeMember, packages: wholeMember, isHabit: booleanMember }
const LOOKALIKE: Members<Lookalike> = { target: nameMember, kind: /* @__PURE__ */ wordMember(LOOKALIKE_KINDS), isKin: booleanMember }

const previousOrNull = /* @__PURE__ */ nullable(objectMember(PREVIOUS))
const dependencyMember = /* @__PURE__ */ objectMember(DEPENDENCY)
const burstOrNull = /* @__PURE__ */ nullable(objectMember(BURST))
const lookalikeOrNull = /* @__PURE__ */ nullable(objectMember(LOOKALIKE))

const MEMBERS = [
  "createdAt", "versions", "notBefore", "previous", "gap", "publisher", "changed", "scripts", "gyp", "dependencies", "burst", "source", "lapsedDomains", "lookalike",
] as const

/** Reads `predicate.history`. Strict: every member, no other; lists in order, each item once. */
export function historyMember(value: unknown, at: string, read: ShapeReader): History {
  const history = read.object(value, at, MEMBERS)
  const texts = (member: string): readonly string[] => ordered(read.array(history[member], `${at}.${member}`, HISTORY_LIST_MAX).map((text, i) => read.string(text, `${at}.${member}[${i}]`, TEXT_LENGTH_MAX)), `${at}.${member}`, read)
  const dependencies = read.array(history["dependencies"], `${at}.dependencies`, HISTORY_LIST_MAX).map((one, i) => dependencyMember(one, `${at}.dependencies[${i}]`, read))
  ordered(dependencies.map(({ name }) => name), `${at}.dependencies`, read)
  return {
    createdAt: timeOrNull(history["createdAt"], `${at}.createdAt`, read),
    versions: wholeMember(history["versions"], `${at}.versions`, read),
    notBefore: timeOrNull(history["notBefore"], `${at}.notBefore`, read),
    previous: previousOrNull(history["previous"], `${at}.previous`, read),
    gap: wholeOrNull(history["gap"], `${at}.gap`, read),
    publisher: publisherMember(history["publisher"], `${at}.publisher`, read),
    changed: texts("changed").map((word, i) => read.oneOf(word, `${at}.changed[${i}]`, HISTORY_CHANGES)),
    scripts: texts("scripts"),
    gyp: texts("gyp"),
    dependencies,
    burst: burstOrNull(history["burst"], `${at}.burst`, read),
    source: sourceMember(history["source"], `${at}.source`, read),
    lapsedDomains: texts("lapsedDomains"),
    lookalike: lookalikeOrNull(history["lookalike"], `${at}.lookalike`, read),
  }
}

/** A list in the order of UTF-16 code units, each item once. */
function ordered(items: readonly string[], at: string, read: ShapeReader): readonly string[] {
  return items.some((item, i) => i > 0 && item <= (items[i - 1] as string)) ? read.fail(at, "items in order, each once", "another order") : items
}
