/**
 * What a client asks the person's own node over its socket, and the answer: the answers of all roster nodes (spec/client.md, "Daemon").
 * The node only carries; its answer is judged exactly as the nodes' own answers are.
 *
 * @packageDocumentation
 */
import { type ArtifactName, type EvidenceAnswer, evidenceAnswerOf, isVouchsafeError, shapeReader } from "@vouchsafe/core"
import { FAILURE_LENGTH_MAX, GATHER_ANSWERS_MAX, GATHER_BYTES_MAX } from "./limits.ts"

export const GATHER_REQUEST_FORMAT = "vouchsafe-gather-request/v1"
export const GATHER_FORMAT = "vouchsafe-gather/v1"
const ORIGIN_LENGTH_MAX = 512
const CODE = /^[A-Z][A-Z0-9_]{0,62}$/

/** What the client already holds of one node's logs, so that the node can be asked for the rest. */
export interface KnownLog {
  readonly origin: string
  readonly knownSize: number
  readonly noticesFrom: number
}

export interface GatherRequest {
  /** Digest of the roster: a node of another network refuses. */
  readonly roster: string
  readonly artifacts: readonly ArtifactName[]
  readonly deadlineMs: number
  readonly known: readonly KnownLog[]
}

/** One node's part. Exactly one of `answer` and `failure`. */
export interface GatheredAnswer {
  readonly operator: string
  readonly origin: string
  readonly answer?: EvidenceAnswer
  readonly failure?: { readonly code: string; readonly message: string }
}

const read = shapeReader("EVIDENCE_MALFORMED", "gather answer")

/** Writes a request. */
export function formatGatherRequest(request: GatherRequest): string {
  const { roster, artifacts, deadlineMs, known } = request
  return JSON.stringify({
    format: GATHER_REQUEST_FORMAT, roster, deadlineMs,
    artifacts: artifacts.map(({ purl, registry }) => ({ purl, registry })),
    known: known.map(({ origin, knownSize, noticesFrom }) => ({ origin, knownSize, noticesFrom })),
  })
}

/** Reads an answer. One node's malformed part becomes that node's failure. @throws VouchsafeError EVIDENCE_MALFORMED. */
export function parseGatherAnswer(text: string): GatheredAnswer[] {
  const document = read.object(read.json(text, GATHER_BYTES_MAX), "document", ["format", "answers"])
  read.oneOf(document["format"], "format", [GATHER_FORMAT])
  return read.array(document["answers"], "answers", GATHER_ANSWERS_MAX).map((value, i) => parseOne(value, `answers[${i}]`))
}

function parseOne(value: unknown, at: string): GatheredAnswer {
  const part = read.object(value, at, ["operator", "origin", "answer"], ["failure"])
  const name = {
    operator: read.string(part["operator"], `${at}.operator`, ORIGIN_LENGTH_MAX),
    origin: read.string(part["origin"], `${at}.origin`, ORIGIN_LENGTH_MAX),
  }
  if (part["answer"] === null) {
    const failure = read.object(part["failure"], `${at}.failure`, ["code", "message"])
    return {
      ...name,
      failure: {
        code: read.pattern(failure["code"], `${at}.failure.code`, CODE, "a code"),
        message: read.string(failure["message"], `${at}.failure.message`, FAILURE_LENGTH_MAX),
      },
    }
  }
  try {
    return { ...name, answer: evidenceAnswerOf(part["answer"]) }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { ...name, failure: { code: error.code, message: error.message } }
  }
}
