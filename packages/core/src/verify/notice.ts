import { sha512Member, timeMember } from "./members.ts"
import { shapeReader } from "./shape.ts"
import { formatStatementText, NOTICE_TYPE, parseOwnStatement, registryMember, URL_LENGTH_MAX } from "./statement-text.ts"

export const NOTICE_REASON_LENGTH_MAX = 500
const MAX = Number.MAX_SAFE_INTEGER

/** An entry of a notices log (packages/spec/notice.md). */
export interface Notice {
  readonly purl: string
  readonly sha512: string
  readonly log: string
  readonly registry: string
  readonly notice: "withdrawal" | "conflict" | "reversal"
  /** Unix seconds, the attester's own clock. */
  readonly time: number
  readonly reason: string
  /** Conflict only: hex SHA-512 that was served later. */
  readonly other?: string
  /** Reversal only: index of the reversed entry of the same log. */
  readonly reverses?: number
}

const read = shapeReader("NOTICE_MALFORMED", "notice")

/**
 * Reads an entry of a notices log. Strict, as {@link parseObservation}.
 * @throws VouchsafeError NOTICE_MALFORMED, JSON_NOT_CANONICAL, PURL_MALFORMED.
 */
export function parseNotice(text: string): Notice {
  const { purl, sha512, predicateType, predicate: value } = parseOwnStatement(text, read)
  read.oneOf(predicateType, "predicateType", [NOTICE_TYPE])
  const common = ["kind", "log", "notice", "registry", "time", "reason"]
  const shape = read.object(value, "predicate", common, ["other", "reverses"])
  const kind = read.oneOf(shape["notice"], "predicate.notice", ["withdrawal", "conflict", "reversal"])
  const extra = kind === "conflict" ? ["other"] : kind === "reversal" ? ["reverses"] : []
  const predicate = read.object(value, "predicate", [...common, ...extra])
  read.oneOf(predicate["kind"], "predicate.kind", ["own"])
  return {
    purl, sha512, notice: kind,
    log: read.string(predicate["log"], "predicate.log", URL_LENGTH_MAX),
    registry: registryMember(predicate["registry"], "predicate.registry", read),
    time: timeMember(predicate["time"], "predicate.time", read),
    reason: read.string(predicate["reason"], "predicate.reason", NOTICE_REASON_LENGTH_MAX),
    ...(kind === "conflict" ? { other: sha512Member(predicate["other"], "predicate.other", read) } : {}),
    ...(kind === "reversal" ? { reverses: read.integer(predicate["reverses"], "predicate.reverses", 0, MAX) } : {}),
  }
}

/** Writes a notice as the canonical statement that goes into the notices log. */
export function formatNotice(notice: Notice): string {
  const { purl, sha512, ...predicate } = notice
  const text = formatStatementText(purl, sha512, NOTICE_TYPE, { kind: "own", ...predicate })
  parseNotice(text)
  return text
}

