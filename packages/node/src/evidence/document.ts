/**
 * Writes the evidence answer (spec/evidence.md). Entries come as JSON strings made earlier and in UTF-8, so that an answer for hundreds
 * of packages is a matter of joining bytes; a test holds it against core's own writer.
 *
 * @packageDocumentation
 */
import { type ArtifactAnswer, base64Encode, type Bytes, EVIDENCE_FORMAT } from "@vouchsafe/core"
import type { ReadyEntry } from "./entry-cache.ts"

/** All parts of an answer. */
export interface AnswerParts {
  readonly log: {
    readonly checkpoint: string
    readonly consistency: readonly Bytes[]
    /** Ascending. */
    readonly indices: readonly number[]
    /** Parallel to `indices`. */
    readonly entries: readonly ReadyEntry[]
    readonly proof: readonly Bytes[]
  }
  readonly notices: { readonly checkpoint: string; readonly from: number; readonly entries: readonly ReadyEntry[] }
  readonly artifacts: readonly ArtifactAnswer[]
}

/** @returns the answer's JSON text, in UTF-8. */
export function formatAnswer(parts: AnswerParts): Bytes {
  const { log, notices, artifacts } = parts
  const bodies = log.entries.flatMap(({ bodyJson }) => (bodyJson === undefined ? [] : [bodyJson]))
  return Buffer.concat([
    Buffer.from(`{"format":"${EVIDENCE_FORMAT}","log":{"checkpoint":${JSON.stringify(log.checkpoint)},"consistency":${hashes(log.consistency)},"indices":${JSON.stringify(log.indices)},"entries":[`),
    ...joined(log.entries.map(({ json }) => json)),
    Buffer.from(`],"proof":${hashes(log.proof)},"bodies":[`),
    ...joined(bodies),
    Buffer.from(`]},"notices":{"checkpoint":${JSON.stringify(notices.checkpoint)},"from":${notices.from},"entries":[`),
    ...joined(notices.entries.map(({ json }) => json)),
    Buffer.from(`]},"artifacts":[${artifacts.map(artifactText).join(",")}]}`),
  ])
}

function artifactText({ purl, registry, status, code, detail, indices }: ArtifactAnswer): string {
  return JSON.stringify({ purl, registry, status, ...(code === undefined ? {} : { code }), ...(detail === undefined ? {} : { detail }), indices })
}

const COMMA = Buffer.from(",")

function joined(texts: readonly Bytes[]): Bytes[] {
  return texts.flatMap((text, i) => (i === 0 ? [text] : [COMMA, text]))
}

function hashes(list: readonly Bytes[]): string {
  return list.length === 0 ? "[]" : `["${list.map(base64Encode).join('","')}"]`
}
