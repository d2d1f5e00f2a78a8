/**
 * Records in the OSV format, as far as they say which versions of which npm packages are malicious (spec/lists.md, "Reading OSV").
 *
 * @packageDocumentation
 */
import { type Affected, isVersion, type ListEntry, spellName, type VersionRange } from "@vouchsafe/client/node"
import { compareVersions, isWellFormed, shapeReader, type ShapeReader } from "@vouchsafe/core"

const ID = /^[A-Za-z0-9_.:-]{1,100}$/
const ENTRIES_MAX = 10_000
const VERSIONS_MAX = 10_000
const RANGES_MAX = 1_000
const EVENTS_MAX = 1_000
const NAME_LENGTH_MAX = 512
const VERSION_LENGTH_MAX = 256
/** What the events of a range are about. `limit` only bounds a search in a repository. */
const EVENT_KINDS = ["introduced", "fixed", "last_affected", "limit"] as const

/** What one record says. */
export interface OsvRecord {
  readonly entries: readonly ListEntry[]
  /** Entries that name a package nobody can install, or commits instead of versions. */
  readonly unusable: number
}

/**
 * Reads one record, parsed from JSON.
 *
 * @param at - file and line, for errors
 * @throws VouchsafeError LIST_MALFORMED.
 */
export function readOsv(value: unknown, at: string): OsvRecord {
  const read = shapeReader("LIST_MALFORMED", at)
  const record = members(value, "record", read)
  const id = read.pattern(record["id"], "id", ID, "an id of at most 100 letters, digits, dots, colons, dashes or underscores")
  const affected = read.array(record["affected"] ?? read.fail("affected", "an array", undefined), "affected", ENTRIES_MAX)
  if (record["withdrawn"] !== undefined && record["withdrawn"] !== null) {
    read.string(record["withdrawn"], "withdrawn", VERSION_LENGTH_MAX)
    return { entries: [], unusable: 0 }
  }
  const entries: ListEntry[] = []
  let unusable = 0
  for (const [i, one] of affected.entries()) {
    const here = `affected[${i}]`
    const entry = members(one, here, read)
    // A commit of a repository has no package.
    if (entry["package"] === undefined) continue
    const named = members(entry["package"], `${here}.package`, read)
    if (read.string(named["ecosystem"], `${here}.package.ecosystem`, NAME_LENGTH_MAX) !== "npm") continue
    const name = read.string(named["name"], `${here}.package.name`, NAME_LENGTH_MAX)
    const versions = affectedBy(entry, here, read)
    if (versions === undefined || spellName(name) === undefined) unusable += 1
    else entries.push({ name, id, affected: versions })
  }
  return { entries, unusable }
}

/** undefined where only commits are named. */
function affectedBy(entry: Readonly<Record<string, unknown>>, at: string, read: ShapeReader): Affected | undefined {
  const versions = read.array(entry["versions"] ?? [], `${at}.versions`, VERSIONS_MAX).map((version, i) => {
    const text = read.string(version, `${at}.versions[${i}]`, VERSION_LENGTH_MAX)
    return text === "" || !isWellFormed(text) ? read.fail(`${at}.versions[${i}]`, "a version", text) : text
  })
  const given = read.array(entry["ranges"] ?? [], `${at}.ranges`, RANGES_MAX)
  const ranges = given.flatMap((range, i) => rangesOf(range, `${at}.ranges[${i}]`, read))
  if (versions.length === 0 && given.length === 0) return { kind: "all" }
  if (versions.length === 0 && ranges.length === 0) return undefined
  return ranges.some(({ from, until, through }) => from === "0" && until === undefined && through === undefined) ? { kind: "all" } : { kind: "some", versions, ranges }
}

interface Event {
  readonly kind: (typeof EVENT_KINDS)[number]
  readonly version: string
}

function rangesOf(value: unknown, at: string, read: ShapeReader): VersionRange[] {
  const range = members(value, at, read)
  const type = read.oneOf(range["type"], `${at}.type`, ["SEMVER", "ECOSYSTEM", "GIT"])
  const events = read.array(range["events"] ?? read.fail(`${at}.events`, "an array", undefined), `${at}.events`, EVENTS_MAX)
  if (type === "GIT") return []
  const sorted = events.map((event, i) => readEvent(event, `${at}.events[${i}]`, read)).filter(({ kind }) => kind !== "limit").sort(inOrder)
  const ranges: VersionRange[] = []
  let from: string | undefined
  for (const { kind, version } of sorted) {
    if (kind === "introduced") from ??= version
    else if (from !== undefined) {
      ranges.push({ from, ...(kind === "fixed" ? { until: version } : { through: version }) })
      from = undefined
    }
  }
  if (from !== undefined) ranges.push({ from })
  return ranges.length > 0 ? ranges : read.fail(`${at}.events`, "an event `introduced` before any other", "none")
}

function readEvent(value: unknown, at: string, read: ShapeReader): Event {
  const event = members(value, at, read)
  const [kind, ...more] = EVENT_KINDS.filter((candidate) => event[candidate] !== undefined)
  if (kind === undefined || more.length > 0) return read.fail(at, `one of ${EVENT_KINDS.join(", ")}`, kind === undefined ? "none of them" : "several")
  const version = read.string(event[kind], `${at}.${kind}`, VERSION_LENGTH_MAX)
  return (kind === "introduced" && version === "0") || kind === "limit" || isVersion(version) ? { kind, version } : read.fail(`${at}.${kind}`, "a version such as 1.2.3", version)
}

/** By version; at equal ones what begins comes first. */
function inOrder(a: Event, b: Event): number {
  if (a.version === "0" || b.version === "0") return Number(b.version === "0") - Number(a.version === "0")
  return compareVersions(a.version, b.version) || Number(b.kind === "introduced") - Number(a.kind === "introduced")
}

/** Members that are not looked at are somebody else's. */
function members(value: unknown, at: string, read: ShapeReader): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : read.fail(at, "an object", value)
}
