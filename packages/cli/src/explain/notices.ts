import { type LogEvidence, parseNotice, unlessRefused } from "@vouchsafe/core"

/** A notice about an artifact, with what became of it. */
export interface SaidNotice {
  readonly operator: string
  readonly index: number
  readonly notice: "withdrawal" | "conflict"
  readonly sha512: string
  readonly time: number
  readonly reason: string
  /** The reversal by the same operator, where there is one. */
  readonly reversed: { readonly index: number; readonly time: number; readonly reason: string } | null
}

/** The whole history of notices about an artifact, those that were taken back too. As the mirrors have them: what is in force is in the verdict. */
export function noticesAbout(evidence: readonly LogEvidence[], purl: string, registry: string): SaidNotice[] {
  return evidence.flatMap(({ operator, notices }) => {
    const said = (notices?.entries ?? []).map((text) => unlessRefused(() => parseNotice(text)))
    return said.flatMap((notice, index): SaidNotice[] => {
      if (notice?.purl !== purl || notice.registry !== registry || notice.notice === "reversal") return []
      const at = said.findIndex((other, i) => i > index && other?.notice === "reversal" && other.reverses === index && other.purl === purl && other.sha512 === notice.sha512)
      const reversal = said[at]
      return [{
        operator, index, notice: notice.notice, sha512: notice.sha512, time: notice.time, reason: notice.reason,
        reversed: reversal === undefined ? null : { index: at, time: reversal.time, reason: reversal.reason },
      }]
    })
  })
}
