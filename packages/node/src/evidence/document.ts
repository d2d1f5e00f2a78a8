/**
 * Writes the evidence answer (spec/evidence.md). Entries come as JSON strings made earlier, so that an answer for hundreds of
 * packages is a matter of joining text; a test holds it against core's own writer.
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

/** @returns the answer's JSON text. */
export function formatAnswer(parts: AnswerParts): string {
  const { log, notices, artifacts } = parts
  const bodies = log.entries.flatMap(({ bodyJson }) => (bodyJson === undefined ? [] : [bodyJson]))
  const logText = `{"checkpoint":${JSON.stringify(log.checkpoint)},"consistency":${hashes(log.consistency)},"indices":${JSON.stringify(log.indices)}` +
    `,"entries":${texts(log.entries)},"proof":${hashes(log.proof)},"bodies":[${bodies.join(",")}]}`
  const noticesText = `{"checkpoint":${JSON.stringify(notices.checkpoint)},"from":${notices.from},"entries":${texts(notices.entries)}}`
  return `{"format":"${EVIDENCE_FORMAT}","log":${logText},"notices":${noticesText},"artifacts":[${artifacts.map(artifactText).join(",")}]}`
}

function artifactText({ purl, registry, status, code, detail, indices }: ArtifactAnswer): string {
  return JSON.stringify({ purl, registry, status, ...(code === undefined ? {} : { code }), ...(detail === undefined ? {} : { detail }), indices })
}

function texts(entries: readonly ReadyEntry[]): string {
  return `[${entries.map(({ json }) => json).join(",")}]`
}

function hashes(list: readonly Bytes[]): string {
  return list.length === 0 ? "[]" : `["${list.map(base64Encode).join('","')}"]`
}
