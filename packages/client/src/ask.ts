/**
 * One exchange with a node: a request, its answer, and what the answer changes in the client's memory.
 *
 * @packageDocumentation
 */
import {
  ANSWER_BYTES_MAX, type ArtifactName, type EvidenceAnswer, type EvidenceRequest, formatEvidenceRequest, type HeadRelation, isWellFormed, type KnownHead, type OfferedProof, openHead,
  parseEvidenceAnswer, relateByTiles, relateHeads, utf8Decode, utf8Encode,
} from "@vouchsafe/core"
import type { HttpResponse } from "@vouchsafe/ports"
import type { AcceptedAnswer, ContactFailure } from "./book.ts"
import { type Context, convict, convictWitnesses, failureOf } from "./context.ts"
import type { LogMemory } from "./memory.ts"
import { type NoticesPart, readNotices } from "./notices.ts"
import { httpTiles } from "./tiles.ts"

/** Statuses that say "later". */
const BUSY: readonly number[] = [429, 502, 503, 504]

/**
 * Who carried an answer. A node's own old head is a rollback; through a daemon it may just be late. And only for a node's own answer is it
 * worth reading tiles to see whether a missing proof hides a fork.
 */
export type Carrier = "node" | "daemon"

/** What an exchange with one node came to. `failure` may come with an `answer`: then its statements are kept, but its notices are not whole. */
export interface Taken {
  readonly failure?: ContactFailure
  readonly answer?: AcceptedAnswer
}

const unusable = (code: string, message: string): ContactFailure => ({ code, message, answered: true, retryable: false })

/** Asks a node about at most 1,000 artifacts; about none, for its heads and notices only. */
export async function exchangeWithNode(context: Context, memory: LogMemory, artifacts: readonly ArtifactName[]): Promise<Taken> {
  const request = requestOf(context, memory, artifacts)
  const answer = await post(context, memory, request)
  return "code" in answer ? { failure: answer } : takeAnswer(context, memory, request, answer, "node")
}

function requestOf(context: Context, memory: LogMemory, artifacts: readonly ArtifactName[], noticesFrom = memory.mirror?.entries.length ?? 0): EvidenceRequest {
  return { artifacts, deadlineMs: context.budget.forRequest().deadlineMs, knownSize: memory.head?.size ?? 0, noticesFrom }
}

/** Sends one request and reads its answer. */
async function post(context: Context, memory: LogMemory, request: EvidenceRequest): Promise<EvidenceAnswer | ContactFailure> {
  const { timeoutMs } = context.budget.forRequest()
  if (timeoutMs <= 0) return { code: "TIMEOUT", message: "no time was left to ask", answered: false, retryable: false }
  let response: HttpResponse
  try {
    response = await context.options.transport.request({
      method: "POST", url: `${memory.node.url}v1/evidence`, headers: { "content-type": "application/json" },
      body: utf8Encode(formatEvidenceRequest(request)), timeoutMs, maxBytes: ANSWER_BYTES_MAX,
      ...(context.budget.signal === undefined ? {} : { signal: context.budget.signal }),
    })
  } catch (error) {
    const failure = failureOf(error)
    // A body that is too large or cannot be decoded is an answer, only not one to use.
    const answered = failure.code === "UPSTREAM_FAILED"
    return { ...failure, answered, retryable: failure.code === "UNREACHABLE" }
  }
  if (response.status !== 200) return { code: "UPSTREAM_FAILED", message: `answered with status ${response.status}, expected 200`, answered: false, retryable: BUSY.includes(response.status) }
  try {
    return parseEvidenceAnswer(utf8Decode(response.body))
  } catch (error) {
    const { code, message } = failureOf(error)
    return unusable(code, `answered with what cannot be read: ${message}`)
  }
}

/**
 * Takes an answer to `request`: the head must extend the known one and the notices must be whole. The entries are left to core. Also for
 * answers that a daemon carried. A code of `LOG_ROLLED_BACK` from a node means that nothing of this log counts in this check.
 */
export async function takeAnswer(context: Context, memory: LogMemory, request: EvidenceRequest, answer: EvidenceAnswer, carrier: Carrier): Promise<Taken> {
  const mismatch = whyNotAnAnswerTo(request, answer)
  if (mismatch !== undefined) return { failure: unusable("EVIDENCE_MALFORMED", `answered something else than was asked: ${mismatch}`) }
  let head: KnownHead
  try {
    head = openHead(context.crypto, memory.node.log, answer.log.checkpoint)
  } catch (error) {
    const { code, message } = failureOf(error)
    return { failure: unusable(code, `answered with a head that is not its log's: ${message}`) }
  }
  const refusal = await takeHead(context, memory, head, { from: request.knownSize, hashes: answer.log.consistency }, carrier)
  if (refusal !== undefined) return { failure: refusal }
  const askMore = async (noticesFrom: number): Promise<NoticesPart | ContactFailure> => {
    const more = await post(context, memory, requestOf(context, memory, [], noticesFrom))
    if ("code" in more) return more
    return more.notices.entries.every(isWellFormed) ? more.notices : unusable("EVIDENCE_MALFORMED", "answered with text that is no Unicode")
  }
  const failure = await readNotices(context, memory, answer.notices, askMore, carrier)
  return { answer: { head, log: answer.log, artifacts: answer.artifacts }, ...(failure === undefined ? {} : { failure }) }
}

function whyNotAnAnswerTo(request: EvidenceRequest, answer: EvidenceAnswer): string | undefined {
  const { log, artifacts } = answer
  if (artifacts.length !== request.artifacts.length) return `${artifacts.length} artifacts, expected ${request.artifacts.length}`
  const indices = new Set(log.indices)
  const named = new Set(artifacts.flatMap((artifact) => artifact.indices))
  for (const [i, asked] of request.artifacts.entries()) {
    const answered = artifacts[i]
    if (answered?.purl !== asked.purl || answered.registry !== asked.registry) return `artifact ${i} is another one`
    if (!answered.indices.every((index) => indices.has(index))) return `artifact ${i} refers to entries that are not there`
  }
  // What nobody asked for costs as much to check, and there may be any amount of it.
  if (named.size < indices.size) return `${indices.size - named.size} entries that are about none of the artifacts`
  if (log.bodies.length > log.entries.length) return `${log.bodies.length} bodies beside ${log.entries.length} entries`
  // Core hashes these as UTF-8, which has no form for half a surrogate pair.
  const texts = [...log.entries, ...log.bodies, ...answer.notices.entries]
  return texts.every(isWellFormed) ? undefined : "text that is no Unicode"
}

/** Moves the known head forward, or says why it does not move. */
async function takeHead(context: Context, memory: LogMemory, head: KnownHead, offered: OfferedProof, carrier: Carrier): Promise<ContactFailure | undefined> {
  const { node, head: known } = memory
  let relation: HeadRelation = relateHeads(context.crypto, node.log, known, head, offered)
  if (relation.kind === "unproven" && known !== undefined && carrier === "node") {
    relation = await relateByTiles(context.crypto, node.log, known, head, httpTiles(context, `${node.url}log/`))
    // Tiles may convict; they do not stand in for the proof that an answer owes.
    if (relation.kind !== "forked") return unusable("PROOF_INVALID", `did not prove that its log of ${head.size} entries extends the ${known.size} seen before`)
  }
  switch (relation.kind) {
    case "extends":
      if (known === undefined || head.size > known.size) memory.head = head
      return undefined
    case "forked":
      await convict(context, memory, node.log, relation.proof)
      return unusable("LOG_FORKED", "showed two histories of its log")
    case "rolled-back":
      // An old head is no proof against the log; cosigned anew it is one against the witness.
      await convictWitnesses(context, { origin: node.log.name, older: known?.signed ?? "", newer: head.signed })
      return unusable("LOG_ROLLED_BACK", `${node.log.name} showed a log of ${head.size} entries after it had signed ${known?.size ?? 0}`)
    default:
      return unusable("PROOF_INVALID", "did not prove that its log extends what was seen before")
  }
}
