import { type LogEvidence, parseEvidenceAnswer } from "@vouchsafe/core"

/** One node's answer as it comes over the wire. */
export interface NodeAnswer {
  readonly operator: string
  readonly origin: string
  readonly text: string
}

/** Reads answers as a client does. */
export function evidenceFrom(answers: readonly NodeAnswer[]): LogEvidence[] {
  return answers.map(({ operator, origin, text }): LogEvidence => {
    const { log, notices } = parseEvidenceAnswer(text)
    return { operator, origin, reached: true, batches: [log], notices: { checkpoint: notices.checkpoint, entries: notices.entries }, statuses: [] }
  })
}

/** @throws Error when one is refused: then the benchmark measured something else. */
export function mustAllow(verdicts: readonly { readonly ok: boolean }[]): void {
  if (!verdicts.every(({ ok }) => ok)) throw new Error("the benchmark's own evidence was refused")
}
