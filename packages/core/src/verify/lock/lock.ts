/**
 * The file `vouchsafe.lock` (packages/spec/lock.md): what a project has locked, and what proves it.
 *
 * Strict: one spelling, every refusal names its line. Nothing in it is believed before {@link openLock} has checked it.
 *
 * @packageDocumentation
 */
import { type Bytes, isWellFormed } from "../../bytes.ts"
import type { Crypto } from "../../crypto.ts"
import { parseDecimal } from "../../decimal.ts"
import { isVouchsafeError, shown, unlessRefused, VouchsafeError } from "../../errors.ts"
import { leafHashOfText, rootOfLeaves } from "../../merkle.ts"
import { isRegistryId } from "../registry-id.ts"
import { HEX_SHA256 } from "../shape.ts"
import { formatLockLine, type LockLine, parseLockLine } from "./line.ts"
import { LOCK_LINES_MAX } from "./lockset.ts"
import { formatProofs, type LockProofs, parseProofs, refuseLine } from "./proofs.ts"

export const LOCK_FORMAT = "vouchsafe-lock/v1"
/** Longest lock in UTF-16 units. */
export const LOCK_LENGTH_MAX = 67_108_864

/** Whose word a lock holds, and about which registry. */
export interface LockHeader {
  /** Hex SHA-256: digest of the genesis of the network, or lineage of a roster that nobody governs. */
  readonly network: string
  /** Version of the roster under which the lock was made: an older one is a step back. */
  readonly roster: number
  /** Registry of the lines that name none. */
  readonly registry: string
}

/** The lines of a lock, hashed. */
export interface LockLines {
  /** Sorted, without their marks; the leaves of the locksets' tree. */
  readonly texts: readonly string[]
  /** Parallel to `texts`. */
  readonly artifacts: readonly LockLine[]
  /** Parallel to `texts`. */
  readonly leafHashes: readonly Bytes[]
}

/** A whole lock. */
export interface Lock extends LockHeader, LockProofs {
  readonly lines: LockLines
}

/** A line ends with the first characters of base64 of its leaf hash, so that an edit by hand is found at its line. They prove nothing. */
const MARK_LENGTH = 4
const MARK_START = " #"
const DIGITS: readonly string[] = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"]
/** Number of the first line about an artifact. */
const FIRST_LINE = 4
const CONFLICT = /^(?:<{7}|={7}|>{7}|\|{7})(?: |$)/

/**
 * Sorts and hashes lines.
 * @throws VouchsafeError LOCK_MALFORMED for two lines about one purl, for too many, and for facts that fit into no line.
 */
export function lockLines(crypto: Crypto, artifacts: readonly LockLine[], registry: string): LockLines {
  if (artifacts.length > LOCK_LINES_MAX) throw refuse(`${artifacts.length} artifacts, expected at most ${LOCK_LINES_MAX}`)
  const sorted = artifacts.map((artifact) => ({ artifact, text: formatLockLine(artifact, registry) })).sort((a, b) => (a.text < b.text ? -1 : 1))
  for (const [i, { artifact: { facts } }] of sorted.entries()) {
    if (facts.purl === sorted[i - 1]?.artifact.facts.purl) throw refuse(`two lines about ${shown(facts.purl)}, expected one`)
  }
  const texts = sorted.map(({ text }) => text)
  return { texts, artifacts: sorted.map(({ artifact }) => artifact), leafHashes: texts.map((text) => leafHashOfText(crypto, text)) }
}

/** RFC 6962 root over lines: what locksets are about. */
export function lockRoot(crypto: Crypto, lines: Pick<LockLines, "leafHashes">): Bytes {
  return rootOfLeaves(crypto, lines.leafHashes)
}

/** Writes a lock. `parseLock` gives it back. @throws VouchsafeError LOCK_MALFORMED. */
export function formatLock({ network, roster, registry, lines, ...proofs }: Lock): string {
  const artifacts = lines.texts.map((text, i) => `${text} #${markOf(lines.leafHashes[i] as Bytes)}`)
  const tail = formatProofs(proofs)
  return `${[LOCK_FORMAT, `roster ${network} ${roster}`, `registry ${registry}`, ...artifacts, ...(tail.length === 0 ? [] : ["", ...tail])].join("\n")}\n`
}

/**
 * Reads a lock. Grammar only: what is proven, {@link openLock} says.
 * @throws VouchsafeError LOCK_MALFORMED, with the number of the line in `details.line` and what is wrong with it.
 */
export function parseLock(crypto: Crypto, text: string): Lock {
  const all = split(text)
  const header = parseHeader(all)
  const end = all.indexOf("", FIRST_LINE - 1)
  const marked = all.slice(FIRST_LINE - 1, end < 0 ? undefined : end)
  const lines = parseLines(crypto, marked, header.registry)
  const tail = end < 0 ? [] : all.slice(end + 1)
  if (end >= 0 && tail.length === 0) throw refuseLine(end + 1, "is empty and nothing follows it")
  const proofs = parseProofs(tail, end + 2, marked.length)
  const written = formatProofs(proofs)
  const other = tail.findIndex((line, i) => line !== written[i])
  if (other >= 0 || written.length !== tail.length) throw refuseLine(end + 2 + Math.max(0, other), `is not in its one place or spelling, expected ${shown(written[other] ?? "the end")}`)
  return { ...header, lines, locksets: proofs.locksets, proofs: proofs.proofs }
}

/** The lines of the file, once nothing in it makes reading them pointless. */
function split(text: string): readonly string[] {
  if (text.length > LOCK_LENGTH_MAX) throw refuse(`has ${text.length} characters, expected at most ${LOCK_LENGTH_MAX}`)
  if (text.startsWith("\uFEFF")) throw refuseLine(1, "starts with a byte order mark, expected none")
  const lines = text.split("\n")
  if (text.includes("\r")) throw refuseLine(1 + lines.findIndex((line) => line.includes("\r")), "has a carriage return, expected line ends of LF alone", { hint: "add `vouchsafe.lock text eol=lf` to .gitattributes; restore or remove the file, then run `npx vouchsafe lock`" })
  const conflict = lines.findIndex((line) => CONFLICT.test(line))
  if (conflict >= 0) throw refuseLine(conflict + 1, "is the mark of a merge conflict", { hint: "keep either side, then run `npx vouchsafe lock`" })
  if (!isWellFormed(text)) throw refuseLine(1 + lines.findIndex((line) => !isWellFormed(line)), "has a lone surrogate, expected text that UTF-8 can carry")
  if (lines.pop() !== "") throw refuseLine(lines.length + 1, "does not end in a newline: the file is cut off")
  return lines
}

function parseHeader([format = "", roster = "", registry = ""]: readonly string[]): LockHeader {
  if (format !== LOCK_FORMAT) throw refuseLine(1, `is ${shown(format)}, expected ${LOCK_FORMAT}`)
  const [word, network = "", version = "", ...more] = roster.split(" ")
  const number = unlessRefused(() => parseDecimal(version))
  if (word !== "roster" || !HEX_SHA256.test(network) || number === undefined || more.length > 0) throw refuseLine(2, `is ${shown(roster)}, expected roster, 64 hex digits and a version`)
  const id = registry.startsWith("registry ") ? registry.slice("registry ".length) : ""
  if (!isRegistryId(id)) throw refuseLine(3, `is ${shown(registry)}, expected registry and a URL with a trailing slash`)
  return { network, roster: number, registry: id }
}

function parseLines(crypto: Crypto, marked: readonly string[], registry: string): LockLines {
  if (marked.length > LOCK_LINES_MAX) throw refuseLine(FIRST_LINE + LOCK_LINES_MAX, `is one of ${marked.length} artifacts, expected at most ${LOCK_LINES_MAX}`)
  const texts: string[] = []
  const artifacts: LockLine[] = []
  const leafHashes: Bytes[] = []
  for (const [i, line] of marked.entries()) {
    const end = line.length - MARK_LENGTH - MARK_START.length
    if (end < 0 || !line.startsWith(MARK_START, end)) throw refuseLine(FIRST_LINE + i, `is ${shown(line)}, expected an artifact with its mark`)
    const text = line.slice(0, end)
    const mark = line.slice(end + MARK_START.length)
    const artifact = parsedAt(FIRST_LINE + i, () => parseLockLine(text, registry))
    const last = artifacts.at(-1)
    if (last?.facts.purl === artifact.facts.purl) throw refuseLine(FIRST_LINE + i, `is a second one about ${shown(artifact.facts.purl)}, expected one`)
    if (i > 0 && text <= (texts[i - 1] as string)) throw refuseLine(FIRST_LINE + i, `is about ${shown(artifact.facts.purl)} and stands after ${shown(last?.facts.purl ?? "")}, expected lines in order`)
    const leafHash = leafHashOfText(crypto, text)
    if (markOf(leafHash) !== mark) throw refuseLine(FIRST_LINE + i, `was edited by hand: its mark is ${shown(mark)}, expected "${markOf(leafHash)}"`)
    texts.push(text)
    artifacts.push(artifact)
    leafHashes.push(leafHash)
  }
  return { texts, artifacts, leafHashes }
}

function parsedAt<T>(line: number, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw refuseLine(line, cause.message.replace(/^lock line: /, ""), { cause })
  }
}

/** Base64 of the first 3 bytes of a hash, written out: it is made for every line. */
function markOf(leafHash: Bytes): string {
  const group = ((leafHash[0] as number) << 16) | ((leafHash[1] as number) << 8) | (leafHash[2] as number)
  return (DIGITS[group >> 18] as string) + (DIGITS[(group >> 12) & 63] as string) + (DIGITS[(group >> 6) & 63] as string) + (DIGITS[group & 63] as string)
}

function refuse(why: string): VouchsafeError {
  return new VouchsafeError("LOCK_MALFORMED", `vouchsafe.lock: ${why}`)
}
