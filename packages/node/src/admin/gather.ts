/**
 * `POST /v1/gather`: carries a client's question to all nodes of the roster at once, over connections that are kept open, and
 * the answers back. It judges nothing: the client verifies each answer as if it had asked itself.
 *
 * @packageDocumentation
 */
import {
  type ArtifactName, DEADLINE_MS_MAX, EVIDENCE_REQUEST_FORMAT, type EvidenceRequest, formatEvidenceRequest, isVouchsafeError, parseEvidenceRequest, parseJson, REQUEST_LENGTH_MAX,
  type Roster, type RosterNode, shapeReader, utf8Decode, utf8Encode, VouchsafeError,
} from "@vouchsafe/core"
import { GATHER_FORMAT, GATHER_REQUEST_FORMAT, type KnownLog } from "@vouchsafe/client"
import type { HttpTransport } from "@vouchsafe/ports"
import type { EvidenceService } from "../evidence/service.ts"
import { type Answer, refusal, textAnswer } from "../http/answer.ts"
import { ADMIN } from "../evidence/budget.ts"
import { EVIDENCE_ANSWER_BYTES_MAX, GATHER_GRACE_MS } from "../limits.ts"
import type { SilentNodes } from "./silent-nodes.ts"

const KNOWN_LOGS_MAX = 128
const ORIGIN_LENGTH_MAX = 512
const MAX = Number.MAX_SAFE_INTEGER

/** A question for all nodes. */
export interface GatherRequest {
  /** Hex digest of the client's roster. */
  readonly roster: string
  readonly artifacts: readonly ArtifactName[]
  readonly deadlineMs: number
  /** What the client holds already, by origin of the observation log. */
  readonly known: ReadonlyMap<string, KnownLog>
}

/** What gathering works with. */
export interface GatherOptions {
  readonly roster: Roster
  readonly self: RosterNode
  readonly own: EvidenceService
  readonly transport: HttpTransport
  readonly silent: SilentNodes
}

const read = shapeReader("REQUEST_MALFORMED", "gather request")

/** Reads a gather request. @throws VouchsafeError REQUEST_MALFORMED, PURL_MALFORMED. */
export function parseGatherRequest(text: string): GatherRequest {
  if (text.length > REQUEST_LENGTH_MAX) read.fail("document", `at most ${REQUEST_LENGTH_MAX} characters`, `${text.length} characters`)
  const document = read.object(parseJson("REQUEST_MALFORMED", "gather request", text), "document", ["format", "roster", "artifacts", "deadlineMs"], ["known"])
  read.oneOf(document["format"], "format", [GATHER_REQUEST_FORMAT])
  const known = new Map<string, KnownLog>()
  for (const [i, value] of read.array(document["known"] ?? [], "known", KNOWN_LOGS_MAX).entries()) {
    const at = `known[${i}]`
    const part = read.object(value, at, ["origin", "knownSize", "noticesFrom"])
    const origin = read.string(part["origin"], `${at}.origin`, ORIGIN_LENGTH_MAX)
    known.set(origin, {
      origin,
      knownSize: read.integer(part["knownSize"], `${at}.knownSize`, 0, MAX),
      noticesFrom: read.integer(part["noticesFrom"], `${at}.noticesFrom`, 0, MAX),
    })
  }
  const deadlineMs = read.integer(document["deadlineMs"], "deadlineMs", 0, DEADLINE_MS_MAX)
  // The artifacts are those of an evidence request, and judged by the same reader.
  const { artifacts } = parseEvidenceRequest(JSON.stringify({ format: EVIDENCE_REQUEST_FORMAT, artifacts: document["artifacts"], deadlineMs, knownSize: 0, noticesFrom: 0 }))
  return { roster: read.string(document["roster"], "roster", 64), artifacts, deadlineMs, known }
}

/** Asks all nodes of the roster. A node that does not answer costs the others nothing. */
export async function gather(request: GatherRequest, options: GatherOptions, signal: AbortSignal): Promise<Answer> {
  const { roster } = options
  if (request.roster !== roster.digest) {
    return refusal("REQUEST_MALFORMED", `the client's roster is ${request.roster}, expected this node's ${roster.digest}`, "this node belongs to another network; ask the roster's nodes")
  }
  const parts = await Promise.all(roster.nodes.map(async (node) => {
    const { knownSize, noticesFrom } = request.known.get(node.log.name) ?? { knownSize: 0, noticesFrom: 0 }
    const question: EvidenceRequest = { artifacts: request.artifacts, deadlineMs: request.deadlineMs, knownSize, noticesFrom }
    const name = `"operator":${JSON.stringify(node.operator)},"origin":${JSON.stringify(node.log.name)}`
    try {
      return `{${name},"answer":${await askOne(node, question, options, signal)}}`
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      return `{${name},"answer":null,"failure":${JSON.stringify({ code: error.code, message: error.message })}}`
    }
  }))
  return textAnswer(200, `{"format":"${GATHER_FORMAT}","answers":[${parts.join(",")}]}`, { "content-type": "application/json" })
}

/** One node's answer as JSON text. */
async function askOne(node: RosterNode, question: EvidenceRequest, options: GatherOptions, signal: AbortSignal): Promise<string> {
  const answer = node === options.self ? await options.own.answer(question, ADMIN, signal) : await options.silent.ask(node.url, signal, () => options.transport.request({
    method: "POST", url: `${node.url}v1/evidence`, headers: { "content-type": "application/json" }, body: utf8Encode(formatEvidenceRequest(question)),
    timeoutMs: question.deadlineMs + GATHER_GRACE_MS, maxBytes: EVIDENCE_ANSWER_BYTES_MAX, signal,
  }))
  const text = utf8Decode(answer.body)
  // Valid JSON as a whole, or it could reach beyond its place in the document around it.
  const value = parseJson("EVIDENCE_MALFORMED", `answer of ${node.operator}`, text)
  if (answer.status !== 200) throw new VouchsafeError("UPSTREAM_FAILED", `${node.operator} answered ${answer.status}: ${reasonOf(value)}`)
  return text
}

function reasonOf(value: unknown): string {
  const { error } = (value ?? {}) as { error?: { code?: unknown; message?: unknown } }
  return `${String(error?.code ?? "no code")} ${String(error?.message ?? "")}`.slice(0, 200)
}
