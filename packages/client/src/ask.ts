/**
 * Talking to nodes: one request, its answer, and what the answer changes in the book.
 *
 * @packageDocumentation
 */
import {
  ANSWER_BYTES_MAX, type ArtifactName, artifactKey, type EvidenceAnswer, type EvidenceRequest, formatEvidenceRequest, isWellFormed, parseEvidenceAnswer, REQUEST_ARTIFACTS_MAX,
  utf8Decode, utf8Encode,
} from "@vouchsafe/core"
import type { HttpResponse } from "@vouchsafe/ports"
import { type ContactFailure, type KnownHead, type LogBook, openHead } from "./book.ts"
import { type CheckContext, convict, distrust, failureOf } from "./context.ts"
import { type HeadRelation, type OfferedProof, relateByTiles, relateHeads } from "./heads.ts"
import { type NoticesPart, readNotices } from "./notices.ts"
import { httpTiles } from "./tiles.ts"

/** Statuses that say "later". */
const BUSY: readonly number[] = [429, 502, 503, 504]

/**
 * Who carried an answer. A node's own old head is a rollback; through a daemon it may just be late. And only for a node's own answer is it
 * worth reading tiles to see whether a missing proof hides a fork.
 */
export type Carrier = "node" | "daemon"

const unusable = (code: string, message: string): ContactFailure => ({ code, message, answered: true, retryable: false })

/** Asks a node about artifacts (perhaps none: then for its heads and notices only), in requests of at most 1,000, one after the other. */
export async function askNode(context: CheckContext, book: LogBook, artifacts: readonly ArtifactName[]): Promise<void> {
  book.wasAsked = true
  book.failure = undefined
  for (let start = 0; start === 0 || start < artifacts.length; start += REQUEST_ARTIFACTS_MAX) {
    const request = requestOf(context, book, artifacts.slice(start, start + REQUEST_ARTIFACTS_MAX))
    const answer = await post(context, book, request)
    book.failure = "code" in answer ? answer : await takeAnswer(context, book, request, answer, "node")
    if (book.failure !== undefined || book.distrust !== undefined || book.misbehaved !== undefined) return
  }
}

function requestOf(context: CheckContext, book: LogBook, artifacts: readonly ArtifactName[], noticesFrom = book.mirror?.entries.length ?? 0): EvidenceRequest {
  return { artifacts, deadlineMs: context.budget.forRequest().deadlineMs, knownSize: book.head?.size ?? 0, noticesFrom }
}

/** Sends one request and reads its answer. */
async function post(context: CheckContext, book: LogBook, request: EvidenceRequest): Promise<EvidenceAnswer | ContactFailure> {
  const { timeoutMs } = context.budget.forRequest()
  if (timeoutMs <= 0) return { code: "TIMEOUT", message: "no time was left to ask", answered: false, retryable: false }
  let response: HttpResponse
  try {
    response = await context.options.transport.request({
      method: "POST", url: `${book.node.url}v1/evidence`, headers: { "content-type": "application/json" },
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
  return readAnswer(response.body)
}

function readAnswer(body: Uint8Array): EvidenceAnswer | ContactFailure {
  try {
    return parseEvidenceAnswer(utf8Decode(body))
  } catch (error) {
    const { code, message } = failureOf(error)
    return unusable(code, `answered with what cannot be read: ${message}`)
  }
}

/**
 * Takes an answer to `request` into the book: the head must extend the known one and the notices must be whole. The entries are left to
 * core. Also used for answers that a daemon carried.
 *
 * @returns what to blame the node for; undefined when all of it is taken
 */
export async function takeAnswer(
  context: CheckContext, book: LogBook, request: EvidenceRequest, answer: EvidenceAnswer, carrier: Carrier,
): Promise<ContactFailure | undefined> {
  const mismatch = whyNotAnAnswerTo(request, answer)
  if (mismatch !== undefined) return unusable("EVIDENCE_MALFORMED", `answered something else than was asked: ${mismatch}`)
  let head: KnownHead
  try {
    head = openHead(context.crypto, book.node.log, answer.log.checkpoint)
  } catch (error) {
    const { code, message } = failureOf(error)
    return unusable(code, `answered with a head that is not its log's: ${message}`)
  }
  const refusal = await takeHead(context, book, head, { from: request.knownSize, hashes: answer.log.consistency }, carrier)
  if (refusal !== undefined) return refusal
  const askMore = async (noticesFrom: number): Promise<NoticesPart | ContactFailure> => {
    const more = await post(context, book, requestOf(context, book, [], noticesFrom))
    if ("code" in more) return more
    return more.notices.entries.every(isWellFormed) ? more.notices : unusable("EVIDENCE_MALFORMED", "answered with text that is no Unicode")
  }
  const blame = await readNotices(context, book, answer.notices, askMore, carrier)
  // What a node says of packages is worth nothing without its withdrawals; but its statements are proven, so a later check may use them.
  for (const artifact of answer.artifacts) book.statuses.set(artifactKey(artifact), artifact)
  if (answer.log.indices.length > 0) book.answers.push({ head, log: answer.log, artifacts: answer.artifacts })
  return blame
}

function whyNotAnAnswerTo(request: EvidenceRequest, answer: EvidenceAnswer): string | undefined {
  const { log, artifacts } = answer
  if (artifacts.length !== request.artifacts.length) return `${artifacts.length} artifacts, expected ${request.artifacts.length}`
  const indices = new Set(log.indices)
  for (const [i, asked] of request.artifacts.entries()) {
    const answered = artifacts[i]
    if (answered?.purl !== asked.purl || answered.registry !== asked.registry) return `artifact ${i} is another one`
    if (!answered.indices.every((index) => indices.has(index))) return `artifact ${i} refers to entries that are not there`
  }
  // Core hashes these as UTF-8, which has no form for half a surrogate pair.
  const texts = [...log.entries, ...log.bodies, ...answer.notices.entries]
  return texts.every(isWellFormed) ? undefined : "text that is no Unicode"
}

/** Moves the known head forward, or says why it does not move. */
async function takeHead(
  context: CheckContext, book: LogBook, head: KnownHead, offered: OfferedProof, carrier: Carrier,
): Promise<ContactFailure | undefined> {
  const { node, head: known } = book
  let relation: HeadRelation = relateHeads(context.crypto, node.log, known, head, offered)
  if (relation.kind === "unproven" && known !== undefined && carrier === "node") {
    relation = await relateByTiles(context.crypto, node.log, known, head, httpTiles(context, `${node.url}log/`))
    // Tiles may convict; they do not stand in for the proof that an answer owes.
    if (relation.kind !== "forked") return unusable("PROOF_INVALID", `did not prove that its log of ${head.size} entries extends the ${known.size} seen before`)
  }
  switch (relation.kind) {
    case "extends":
      if (known === undefined || head.size > known.size) book.head = head
      return undefined
    case "forked":
      await convict(context, book, node.log, relation.proof)
      return unusable("LOG_FORKED", "showed two histories of its log")
    case "rolled-back":
      if (known === undefined || carrier === "daemon") return unusable("LOG_ROLLED_BACK", "answered with an old head")
      return { ...distrust(book, "LOG_ROLLED_BACK", `${node.log.name} showed a log of ${head.size} entries after it had signed ${known.size}`), answered: true, retryable: false }
    default:
      return unusable("PROOF_INVALID", "did not prove that its log extends what was seen before")
  }
}
