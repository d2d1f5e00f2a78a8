/**
 * The notices that an attester makes: withdrawals, conflicts and the reversals of its own (THREATS A3).
 *
 * @packageDocumentation
 */
import { HEX_SHA512, NOTICE_REASON_LENGTH_MAX, type Notice, shown, VouchsafeError } from "@vouchsafe/core"
import type { Clock, StatementLog } from "@vouchsafe/ports"
import { asPlainText } from "@vouchsafe/tarball"
import { type Artifact, checkArtifact, logKey } from "./artifact.ts"
import { findNotices, readNotice } from "./own-entries.ts"
import { noticeEntry } from "./statement.ts"

/** Makes notices, one after another: what a notice says depends on those before it. All methods reject as the log does. */
export interface NoticeWriter {
  /** Records that the registry serves `other` for what was observed as `sha512`; once for each other digest. Resolves to the index. */
  conflict(artifact: Artifact, sha512: string, other: string): Promise<number>
  /** Records that these bytes must not be installed any more. Resolves to the index, of the withdrawal in force where there is one. Rejects with REQUEST_MALFORMED. */
  withdraw(artifact: Artifact, sha512: string, reason: string): Promise<number>
  /** Takes back the notice at `index` of this very log. Resolves to the reversal's index, also of an earlier one. Rejects with REQUEST_MALFORMED or NOT_FOUND. */
  reverse(index: number, reason: string): Promise<number>
}

/** @see NoticeWriter */
export function createNoticeWriter(log: StatementLog, clock: Clock): NoticeWriter {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn.then(() => undefined, () => undefined)
    return turn
  }
  const append = async (notice: Omit<Notice, "log" | "time">): Promise<number> => {
    const bytes = noticeEntry({ ...notice, log: log.origin, time: Math.floor(clock.nowMs() / 1000) })
    const [appended] = await log.append([{ bytes, keys: [logKey(notice)] }])
    if (appended === undefined) throw new VouchsafeError("LOG_BROKEN", "log appended a notice and names no index")
    return appended.index
  }
  return {
    conflict: (artifact, sha512, other) => inTurn(async () => {
      const { purl, registry } = artifact
      const known = (await findNotices(log, artifact)).find(({ notice }) => notice.notice === "conflict" && notice.other === other)
      return known?.index ?? append({ purl, registry, sha512, notice: "conflict", other, reason: "the registry served other bytes than before for this version" })
    }),
    withdraw: (artifact, sha512, reason) => inTurn(async () => {
      const { purl, registry } = checkArtifact(artifact)
      if (!HEX_SHA512.test(sha512)) throw malformed(`the sha512 ${shown(sha512)} is not 128 lower-case hexadecimal digits`)
      const text = checkReason(reason)
      const notices = await findNotices(log, artifact)
      const reversed = new Set(notices.map(({ notice }) => notice.reverses))
      const known = notices.find(({ index, notice }) => notice.notice === "withdrawal" && notice.sha512 === sha512 && !reversed.has(index))
      return known?.index ?? append({ purl, registry, sha512, notice: "withdrawal", reason: text })
    }),
    reverse: (index, reason) => inTurn(async () => {
      const text = checkReason(reason)
      if (!Number.isSafeInteger(index) || index < 0) throw malformed(`the index ${index} is no entry's`)
      const target = await readTarget(log, index)
      if (target.notice === "reversal") throw malformed(`entry ${index} is a reversal itself, expected a withdrawal or a conflict`)
      const { purl, registry, sha512 } = target
      const known = (await findNotices(log, target)).find(({ notice }) => notice.reverses === index)
      return known?.index ?? append({ purl, registry, sha512, notice: "reversal", reverses: index, reason: text })
    }),
  }
}

async function readTarget(log: StatementLog, index: number): Promise<Notice> {
  let notice: Notice | undefined
  try {
    notice = await readNotice(log, index)
  } catch (cause) {
    // The log's word for an index at or above its size.
    if (!(cause instanceof RangeError)) throw cause
    throw new VouchsafeError("NOT_FOUND", `notices log has no entry ${index}`, { cause })
  }
  if (notice === undefined) throw malformed(`entry ${index} of the notices log is no notice of this node's own`)
  return notice
}

function checkReason(reason: string): string {
  const text = asPlainText(reason, NOTICE_REASON_LENGTH_MAX)
  if (text === undefined || text.trim() === "") throw malformed(`the reason is ${shown(String(reason))}, expected 1 to ${NOTICE_REASON_LENGTH_MAX} characters on one line`)
  return text
}

function malformed(why: string): VouchsafeError {
  return new VouchsafeError("REQUEST_MALFORMED", `notice: ${why}`)
}
