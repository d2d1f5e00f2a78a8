/**
 * The file of a list of known-malicious packages (spec/lists.md, "On disk"): lines sorted by bytes, searched by halves, so that what is not
 * on a list of any size costs nothing but the look.
 *
 * @packageDocumentation
 */
import { compareVersions, isVouchsafeError, npmNameOf, npmPurl, VouchsafeError } from "@vouchsafe/core"
import { createHash } from "node:crypto"

const FORMAT = "vouchsafe-list/v1"
/** Lines of one list. */
export const LIST_LINES_MAX = 2_000_000
/** Bytes of a list's file. */
export const LIST_BYTES_MAX = 268_435_456
const ID = /^[A-Za-z0-9_.:-]{1,100}$/
/** SemVer 2.0 without what it leaves open: no leading `v`, three numbers. */
const SEMVER = /^(?:0|[1-9]\d{0,15})(?:\.(?:0|[1-9]\d{0,15})){2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/
const VERSION_LENGTH_MAX = 256
/** Most names: nothing in them to escape but a scope's "@". */
const PLAIN = /^(?:@[A-Za-z0-9._~-]+\/)?[A-Za-z0-9._~-]+$/
const HEAD = /^(vouchsafe-list\/v1\nname ([a-z0-9][a-z0-9.-]{0,63})\nsource ([^\n]{1,1024})\nfetched (0|[1-9]\d{0,11})\nlines (0|[1-9]\d{0,6})\n)sha256 ([0-9a-f]{64})\n/
/** Longest head: the source is at most 1,024 UTF-16 units. */
const HEAD_BYTES_MAX = 4_096

/** Which versions of a package one record of a list is about. */
export type Affected =
  | { readonly kind: "all" }
  | { readonly kind: "some"; readonly versions: readonly string[]; readonly ranges: readonly VersionRange[] }

/** From `from` (`0`: the first) up to before `until`, up to and with `through`, or without an end. */
export interface VersionRange {
  readonly from: string
  readonly until?: string
  readonly through?: string
}

/** One record about one name. */
export interface ListEntry {
  readonly name: string
  readonly id: string
  readonly affected: Affected
}

export interface ListHead {
  readonly name: string
  readonly source: string
  /** Unix seconds. */
  readonly fetched: number
}

/** A list as it was read, and what it finds. */
export interface OpenedList extends ListHead {
  readonly lines: number
  /** The first record that is about this version. @throws VouchsafeError STATE_UNSAFE for a damaged line. */
  find(name: string, version: string): { readonly id: string } | undefined
}

/** Tells whether text is a version that has an order. */
export function isVersion(text: string): boolean {
  return text.length <= VERSION_LENGTH_MAX && SEMVER.test(text)
}

/** A name as the lines spell it, or undefined for one that no package of a registry can have. */
export function spellName(name: string): string | undefined {
  if (name.length < VERSION_LENGTH_MAX / 2 && PLAIN.test(name)) return name.replace("@", "%40")
  try {
    const purl = npmPurl(name, "0")
    return purl.length <= VERSION_LENGTH_MAX && npmNameOf(purl).name === name ? purl.slice("pkg:npm/".length, -"@0".length) : undefined
  } catch (error) {
    if (isVouchsafeError(error)) return undefined
    throw error
  }
}

/** Writes a list. Names that cannot be spelled are the caller's mistake. @throws VouchsafeError STATE_UNSAFE for more than a file may hold. */
export function formatList({ name, source, fetched }: ListHead, entries: Iterable<ListEntry>): Buffer {
  const lines = [...new Set([...entries].map(lineOf))].map((line) => Buffer.from(line)).sort(Buffer.compare)
  const body = Buffer.concat(lines)
  if (lines.length > LIST_LINES_MAX || body.length > LIST_BYTES_MAX - HEAD_BYTES_MAX) throw new VouchsafeError("STATE_UNSAFE", `list ${name} has ${lines.length} lines in ${body.length} bytes, expected at most ${LIST_LINES_MAX} in ${LIST_BYTES_MAX}`)
  const head = `${FORMAT}\nname ${name}\nsource ${source}\nfetched ${fetched}\nlines ${lines.length}\n`
  return Buffer.concat([Buffer.from(`${head}sha256 ${digest(head, body)}\n`), body])
}

function lineOf({ name, id, affected }: ListEntry): string {
  const spelled = spellName(name)
  if (spelled === undefined || !ID.test(id)) throw new TypeError(`${name} with id ${id} cannot stand in a list`)
  return `${spelled}\t${id}\t${formatAffected(affected)}\n`
}

function formatAffected(affected: Affected): string {
  if (affected.kind === "all") return "*"
  const versions = [...new Set(affected.versions)].map((version) => Buffer.from(`=${escapeVersion(version)}`)).sort(Buffer.compare).map(String)
  const ranges = affected.ranges.map(formatRange)
  return [...versions, ...ranges].join(" ")
}

function formatRange({ from, until, through }: VersionRange): string {
  return until !== undefined ? `[${from},${until})` : through !== undefined ? `[${from},${through}]` : `[${from},`
}

/** Spaces separate, control characters would end a line, and a line is ASCII. */
function escapeVersion(version: string): string {
  return version.replace(/[^!-$&-~]/gu, (character) => encodeURIComponent(character))
}

/** Over everything but itself. */
function digest(head: string, body: Uint8Array): string {
  return createHash("sha256").update(head).update(body).digest("hex")
}

/**
 * Opens the bytes of a list: head and digest are checked here, lines where they are found.
 * @throws VouchsafeError STATE_UNSAFE.
 */
export function openList(bytes: Buffer): OpenedList {
  const head = HEAD.exec(bytes.subarray(0, HEAD_BYTES_MAX).toString("utf8"))
  if (head === null) throw damage("its head is not one that `vouchsafe lists update` writes")
  const [text, start = "", name = "", source = "", fetched = "", count = "", sha256 = ""] = head
  const body = bytes.subarray(Buffer.byteLength(text))
  if (digest(start, body) !== sha256) throw damage("it is not what its digest is about")
  // One byte a character, since all that could need more is escaped.
  const lines = body.toString("latin1")
  if (lines !== "" && !lines.endsWith("\n")) throw damage("its last line has no end")
  return {
    name, source, fetched: Number(fetched), lines: Number(count),
    find(packageName, version) {
      const spelled = spellName(packageName)
      if (spelled === undefined) return undefined
      const key = `${spelled}\t`
      for (let at = firstFrom(lines, key); lines.startsWith(key, at);) {
        const end = lines.indexOf("\n", at)
        const found = parseRest(lines.slice(at + key.length, end))
        if (isAffected(found.affected, version)) return { id: found.id }
        at = end + 1
      }
      return undefined
    },
  }
}

function damage(why: string): VouchsafeError {
  return new VouchsafeError("STATE_UNSAFE", why)
}

/** Where the first line starts that is not before `key`. */
function firstFrom(lines: string, key: string): number {
  let low = 0
  let high = lines.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const start = middle === 0 ? 0 : lines.lastIndexOf("\n", middle - 1) + 1
    const end = lines.indexOf("\n", middle)
    const tab = lines.indexOf("\t", start)
    if (end < 0 || tab < 0 || tab > end) throw damage("a line of it has no name")
    if (lines.slice(start, tab + 1) < key) low = end + 1
    else high = start
  }
  return low
}

/** What stands behind the name. Written back, so that there is one spelling. */
function parseRest(text: string): { readonly id: string; readonly affected: Affected } {
  const [id = "", list = "", ...more] = text.split("\t")
  const affected = parseAffected(list)
  if (!ID.test(id) || more.length > 0 || affected === undefined || formatAffected(affected) !== list) throw damage("a line of it is not one that `vouchsafe lists update` writes")
  return { id, affected }
}

function parseAffected(text: string): Affected | undefined {
  if (text === "*") return { kind: "all" }
  const versions: string[] = []
  const ranges: VersionRange[] = []
  for (const word of text.split(" ")) {
    if (word.startsWith("=")) {
      versions.push(unescapeVersion(word.slice(1)))
      continue
    }
    const [, from = "", end = "", close = ""] = /^\[([^,]+),([^)\]]*)([)\]]?)$/.exec(word) ?? []
    if ((from !== "0" && !isVersion(from)) || (end === "") !== (close === "") || (end !== "" && !isVersion(end))) return undefined
    ranges.push({ from, ...(close === ")" ? { until: end } : close === "]" ? { through: end } : {}) })
  }
  return { kind: "some", versions, ranges }
}

function unescapeVersion(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    // No escape that this file's writer makes; written back it will not be the same.
    if (error instanceof URIError) return text
    throw error
  }
}

function isAffected(affected: Affected, version: string): boolean {
  if (affected.kind === "all") return true
  return affected.versions.includes(version) || affected.ranges.some((range) => isWithin(range, version))
}

function isWithin({ from, until, through }: VersionRange, version: string): boolean {
  if (!isVersion(version)) return from === "0" && until === undefined && through === undefined
  if (from !== "0" && compareVersions(version, from) < 0) return false
  return until !== undefined ? compareVersions(version, until) < 0 : through === undefined || compareVersions(version, through) <= 0
}
