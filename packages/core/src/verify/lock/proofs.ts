/**
 * The second half of `vouchsafe.lock`: heads, locksets, and statements with their own proofs (packages/spec/lock.md, "Proofs").
 *
 * What can be rebuilt is not stored: the text of a checkpoint from its three lines, that of a lockset from the lines above.
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "../../base64.ts"
import { type Bytes, concatBytes } from "../../bytes.ts"
import { parseDecimal } from "../../decimal.ts"
import { shown, unlessRefused, VouchsafeError } from "../../errors.ts"
import { HASH_BYTES } from "../../merkle.ts"
import { PROOF_HASHES_MAX } from "../../proof.ts"
import { ROSTER_NODES_MAX } from "../roster.ts"
import { formatBits, parseBits } from "./bits.ts"
import type { Lockset, NoticesHead } from "./lockset.ts"

/** A lockset as a lock keeps it: what its lines and its registry do not say already. */
export interface LockedLockset extends Pick<Lockset, "log" | "bits" | "roster" | "notices" | "time"> {
  /** Place of the statement in its log. */
  readonly index: number
  /** Signed note: the log's signature, and the cosignatures that reach the quorum. */
  readonly checkpoint: string
  /** Inclusion proof under `checkpoint`, sibling hashes from the leaf upward. */
  readonly proof: readonly Bytes[]
}

/** One statement with all that proves it: in the form in which a client's cache keeps it, so that it is judged like any other evidence. */
export interface LockProof {
  /** Origin of the log. */
  readonly origin: string
  readonly checkpoint: string
  readonly index: number
  /** Text of the log entry. */
  readonly entry: string
  readonly proof: readonly Bytes[]
  /** Full statement, where the entry is by digest. */
  readonly body?: string
}

/** Both kinds of proofs. */
export interface LockProofs {
  /** By log, sorted, one a log. */
  readonly locksets: readonly LockedLockset[]
  /** By log and index, sorted, each once. */
  readonly proofs: readonly LockProof[]
}

/** Heads of one lock, of either kind. */
const HEADS_MAX = 4_096
/** Characters of the hashes of one proof. */
const HASHES_LENGTH_MAX = Math.ceil(PROOF_HASHES_MAX * HASH_BYTES / 3) * 4
/** How a signature line of a note begins, and how it stands here: in ASCII, so that engines keep the file in one byte a character. */
const SIGNATURE_START = "\u2014 "
const SIGNED_START = "signed "
const NONE = "-"

/** The refusal of a lock at one of its lines, counted from 1. */
export function refuseLine(line: number, why: string, more: { readonly hint?: string; readonly cause?: unknown } = {}): VouchsafeError {
  return new VouchsafeError("LOCK_MALFORMED", `vouchsafe.lock: line ${line}: ${why}`, { details: { line }, hint: "restore or remove the file, then run `npx vouchsafe lock`", ...more })
}

function refuse(why: string): VouchsafeError {
  return new VouchsafeError("LOCK_MALFORMED", `vouchsafe.lock: ${why}`)
}

/** Writes the proofs as lines, in their one order. @throws VouchsafeError LOCK_MALFORMED for heads that contradict each other or are no notes. */
export function formatProofs({ locksets, proofs }: LockProofs): string[] {
  const notices = [...new Set(locksets.flatMap((lockset) => lockset.notices.map(noticesLine)))].sort(compareText)
  const ordinals = new Map(notices.map((line, i) => [line, i]))
  const heads = new Map<string, string>()
  const sizeOf = (checkpoint: string): string => {
    const lines = headLines(checkpoint)
    const [, origin = "", size = ""] = (lines[0] as string).split(" ")
    const key = `${origin} ${size}`
    const text = lines.join("\n")
    const known = heads.get(key)
    if (known !== undefined && known !== text) throw refuse(`two heads of ${shown(origin)} at size ${size}, expected one`)
    heads.set(key, text)
    return size
  }
  const tail = [
    ...[...locksets].sort((a, b) => compareText(a.log, b.log)).map((one) =>
      `lockset ${one.log} ${one.index} ${sizeOf(one.checkpoint)} ${one.time} ${one.roster} ${one.notices.map((head) => ordinals.get(noticesLine(head))).join(",") || NONE} ${formatBits(one.bits)} ${formatHashes(one.proof)}`),
    ...[...proofs].sort((a, b) => compareText(a.origin, b.origin) || a.index - b.index).flatMap((one) => [
      `proof ${one.origin} ${one.index} ${sizeOf(one.checkpoint)} ${formatHashes(one.proof)}`, `entry ${one.entry}`, ...(one.body === undefined ? [] : [`body ${one.body}`]),
    ]),
  ]
  return [...notices, ...[...heads.values()].sort(compareText).flatMap((text) => text.split("\n")), ...tail]
}

/** What the second half is read with. */
interface Reading {
  readonly lines: readonly string[]
  /** Number of the first of them in the file. */
  readonly first: number
  /** Artifacts in the first half. */
  readonly count: number
  readonly notices: NoticesHead[]
  readonly heads: Map<string, string>
  readonly locksets: LockedLockset[]
  readonly locksetLogs: Set<string>
  readonly proofs: LockProof[]
  at: number
}

/**
 * Reads the lines of the second half. Whether they are in their one spelling shows when they are written back.
 *
 * @param lines - without the empty line before them
 * @param first - number of the first of them in the file
 * @param count - lines of the first half
 * @throws VouchsafeError LOCK_MALFORMED.
 */
export function parseProofs(lines: readonly string[], first: number, count: number): LockProofs {
  const reading: Reading = { lines, first, count, notices: [], heads: new Map(), locksets: [], locksetLogs: new Set(), proofs: [], at: 0 }
  for (; reading.at < lines.length; reading.at += 1) readOne(reading)
  return reading
}

function readOne(reading: Reading): void {
  const line = reading.lines[reading.at] as string
  const [word = "", ...items] = line.split(" ")
  if (word === "notices" && items.length === 3) reading.notices.push(noticesHead(reading, items))
  else if (word === "head" && items.length === 3) readHead(reading, items)
  else if (word === "lockset" && items.length === 8) readLockset(reading, items)
  else if (word === "proof" && items.length === 4) readProof(reading, items)
  else throw fault(reading, `is ${shown(line)}, expected a line of notices, head, lockset or proof`)
}

function readHead(reading: Reading, items: readonly string[]): void {
  const { lines, heads } = reading
  const key = items.slice(0, 2).join(" ")
  if (heads.size >= HEADS_MAX || heads.has(key)) throw fault(reading, `is a second head of ${shown(key)}, or one of more than ${HEADS_MAX}`)
  const text = [...items, ""]
  for (let rest = following(reading, SIGNED_START); rest !== undefined; rest = following(reading, SIGNED_START)) text.push(SIGNATURE_START + rest)
  heads.set(key, `${text.join("\n")}\n`)
}

function readLockset(reading: Reading, [log = "", index = "", size = "", time = "", roster = "", known = "", bits = "", proof = ""]: readonly string[]): void {
  const ordinals = known === NONE ? [] : known.split(",", ROSTER_NODES_MAX + 1).map((one) => number(reading, one))
  if (ordinals.length > ROSTER_NODES_MAX) fail(reading, `names ${ordinals.length} notices heads or more, expected at most ${ROSTER_NODES_MAX}`)
  if (reading.locksetLogs.has(log)) fail(reading, `is a second lockset of ${shown(log)}`)
  reading.locksetLogs.add(log)
  reading.locksets.push({
    log, index: number(reading, index), checkpoint: headOf(reading, log, size), time: number(reading, time), roster: number(reading, roster),
    notices: ordinals.map((one) => reading.notices[one] ?? fail(reading, `names the notices head ${one} of ${reading.notices.length}`)),
    bits: parseBits(bits, reading.count) ?? fail(reading, `has the bits ${shown(bits)}, expected ${reading.count} in their one spelling`),
    proof: parseHashes(reading, proof),
  })
}

function readProof(reading: Reading, [origin = "", index = "", size = "", proof = ""]: readonly string[]): void {
  const common = { origin, index: number(reading, index), checkpoint: headOf(reading, origin, size), proof: parseHashes(reading, proof) }
  const entry = following(reading, "entry ") ?? fail(reading, "is a proof without an entry after it")
  const body = following(reading, "body ")
  reading.proofs.push({ ...common, entry, ...(body === undefined ? {} : { body }) })
}

/** The rest of the next line, if it starts so; it then is read. */
function following(reading: Reading, start: string): string | undefined {
  const line = reading.lines[reading.at + 1]
  if (line?.startsWith(start) !== true) return undefined
  reading.at += 1
  return line.slice(start.length)
}

function headOf(reading: Reading, log: string, size: string): string {
  return reading.heads.get(`${log} ${size}`) ?? fail(reading, `names a head of ${shown(log)} at size ${shown(size)} that does not stand before it`)
}

function noticesLine({ log, size, root }: NoticesHead): string {
  return `notices ${log} ${size} ${base64Encode(root)}`
}

function noticesHead(reading: Reading, [log = "", size = "", root = ""]: readonly string[]): NoticesHead {
  const [hash, ...more] = parseHashes(reading, root)
  return hash === undefined || more.length > 0 ? fail(reading, "names no root of a notices log") : { log, size: number(reading, size), root: hash }
}

/** A checkpoint's three lines as one, then its signature lines. */
function headLines(checkpoint: string): string[] {
  const [origin = "", size = "", root = "", empty, ...signatures] = checkpoint.split("\n")
  const isWhole = empty === "" && signatures.pop() === "" && signatures.length > 0 && signatures.every((line) => line.startsWith(SIGNATURE_START))
  if (!isWhole || /\s/.test(origin)) throw refuse(`checkpoint of ${shown(origin)} is no signed head without extension lines`)
  return [`head ${origin} ${size} ${root}`, ...signatures.map((line) => SIGNED_START + line.slice(SIGNATURE_START.length))]
}

function number(reading: Reading, text: string): number {
  return unlessRefused(() => parseDecimal(text)) ?? fail(reading, `has ${shown(text)}, expected a number in plain decimal`)
}

function formatHashes(hashes: readonly Bytes[]): string {
  return hashes.length === 0 ? NONE : base64Encode(concatBytes(...hashes))
}

function parseHashes(reading: Reading, text: string): Bytes[] {
  if (text === NONE) return []
  const bytes = text.length > HASHES_LENGTH_MAX ? undefined : unlessRefused(() => base64Decode(text))
  const count = (bytes?.length ?? 0) / HASH_BYTES
  if (bytes === undefined || count === 0 || !Number.isInteger(count)) return fail(reading, `has ${shown(text)}, expected base64 of hashes`)
  return Array.from({ length: count }, (_, i) => bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}

function fault({ first, at }: Reading, why: string): VouchsafeError {
  return refuseLine(first + at, why)
}

function fail(reading: Reading, why: string): never {
  throw fault(reading, why)
}

/** By UTF-16 units, as everywhere in this project; for ASCII, which these are, that is by bytes. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
