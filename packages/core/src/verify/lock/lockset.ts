/**
 * An attester's word about a whole lock: which of its lines it derived itself (packages/spec/lock.md, "Locksets"; THREATS A2).
 *
 * @packageDocumentation
 */
import { base64DecodeExact, base64Encode } from "../../base64.ts"
import { type Bytes, hexDecode, hexEncode } from "../../bytes.ts"
import { canonicalize } from "../../jcs.ts"
import { HASH_BYTES } from "../../merkle.ts"
import { STATEMENT_TYPE } from "../../statement.ts"
import { countMember, type Members, sha256Member, timeMember, wholeMember } from "../members.ts"
import { ROSTER_NODES_MAX } from "../roster.ts"
import { shapeReader, type ShapeReader } from "../shape.ts"
import { LOCKSET_TYPE, logMember, parseFrame, predicateMembers, registryMember, type StatementFrame } from "../statement-text.ts"
import { formatBits, parseBits } from "./bits.ts"

/** Most lines of a lock. */
export const LOCK_LINES_MAX = 20_000
/** Name of the statement's subject, whose digest is the root over the lines. */
export const LOCKSET_SUBJECT = "vouchsafe.lock"
/** Digest algorithm of the subject: the RFC 6962 tree hash over the lines, with SHA-256. */
export const LOCKSET_DIGEST = "rfc6962Sha256"
const BITS_LENGTH_MAX = 16_384

/** The head of a notices log that an attester knew when it made a lockset. */
export interface NoticesHead {
  /** Origin of the notices log. */
  readonly log: string
  readonly size: number
  readonly root: Bytes
}

/** What an attester says of a lock. */
export interface Lockset {
  /** Origin of the log that this statement is bound to (THREATS A1). */
  readonly log: string
  /** Registry of the lines that name none. */
  readonly registry: string
  /** RFC 6962 root over the lines, as they stand in the lock but without their marks. */
  readonly root: Bytes
  /** Number of lines. */
  readonly count: number
  /** One bit a line: set where the attester derived exactly this line from its own observation. */
  readonly bits: readonly boolean[]
  /** Version of the roster that the attester followed. */
  readonly roster: number
  /** Heads of the notices logs of that roster which the attester knew, by origin, sorted; its own among them. */
  readonly notices: readonly NoticesHead[]
  /** Unix seconds, the attester's own clock. */
  readonly time: number
}

const read = shapeReader("STATEMENT_MALFORMED", "statement")

interface Predicate extends Omit<Lockset, "bits" | "root"> {
  readonly bits: string
}
const PREDICATE: Members<Predicate> = {
  log: logMember,
  registry: registryMember,
  count: lineCount,
  bits: (value, at, reader) => reader.string(value, at, BITS_LENGTH_MAX),
  roster: countMember,
  notices: noticesMember,
  time: timeMember,
}

/** Writes the canonical statement that goes into the log. `parseLockset` gives it back. @throws VouchsafeError STATEMENT_MALFORMED. */
export function formatLockset({ root, bits, notices, ...rest }: Lockset): string {
  const text = canonicalize({
    _type: STATEMENT_TYPE, subject: [{ name: LOCKSET_SUBJECT, digest: { [LOCKSET_DIGEST]: hexEncode(root) } }], predicateType: LOCKSET_TYPE,
    predicate: { kind: "own", ...rest, bits: formatBits(bits), notices: notices.map(({ log, size, root: noticesRoot }) => ({ log, size, root: base64Encode(noticesRoot) })) },
  })
  parseLockset(text)
  return text
}

/**
 * Reads a lockset. Strict, as every statement of kind `own`.
 * @throws VouchsafeError STATEMENT_MALFORMED, JSON_NOT_CANONICAL.
 */
export function parseLockset(text: string): Lockset {
  return locksetOf(parseFrame(text, read))
}

/** Reads the rest of a statement whose frame is read already. */
export function locksetOf({ subject, predicateType, predicate }: StatementFrame): Lockset {
  read.oneOf(predicateType, "predicateType", [LOCKSET_TYPE])
  read.oneOf(subject["name"], "subject[0].name", [LOCKSET_SUBJECT])
  const digest = read.object(subject["digest"], "subject[0].digest", [LOCKSET_DIGEST])
  const root = hexDecode(sha256Member(digest[LOCKSET_DIGEST], `subject[0].digest.${LOCKSET_DIGEST}`, read))
  const members = predicateMembers(predicate, read, PREDICATE)
  const bits = parseBits(members.bits, members.count) ?? read.fail("predicate.bits", `${members.count} bits in their one spelling`, members.bits)
  return { ...members, root, bits }
}

function lineCount(value: unknown, at: string, reader: ShapeReader): number {
  return reader.integer(value, at, 1, LOCK_LINES_MAX)
}

function noticesMember(value: unknown, at: string, reader: ShapeReader): readonly NoticesHead[] {
  const heads = reader.array(value, at, ROSTER_NODES_MAX).map((item, i): NoticesHead => {
    const place = `${at}[${i}]`
    const head = reader.object(item, place, ["log", "size", "root"])
    const text = reader.string(head["root"], `${place}.root`, 64)
    return {
      log: logMember(head["log"], `${place}.log`, reader),
      size: wholeMember(head["size"], `${place}.size`, reader),
      root: base64DecodeExact(text, HASH_BYTES) ?? reader.fail(`${place}.root`, `base64 of ${HASH_BYTES} bytes`, text),
    }
  })
  return heads.some(({ log }, i) => i > 0 && log <= (heads[i - 1] as NoticesHead).log) ? reader.fail(at, "heads in order of their logs, each once", "another order") : heads
}
