/**
 * One checkpoint to one witness: tlog-witness `add-checkpoint`, seen from the log (STANDARDS §6).
 *
 * @packageDocumentation
 */
import {
  base64Encode, checkCosignature, type Crypto, isVouchsafeError, parseDecimal, parseNote, parseSignatureLineText, shown, utf8Decode, utf8Encode,
  type VerifierKey, VouchsafeError,
} from "@vouchsafe/core"
import type { AbortSignalLike, HttpResponse, HttpTransport, Log, SignedHead } from "@vouchsafe/ports"

/** Bytes of a witness's answer: a few signature lines or a number. */
export const COSIGN_ANSWER_BYTES_MAX = 16 * 1024
/** Requests for one checkpoint: one that learns the witness's size, one with the proof, one for a race. */
const ATTEMPTS_MAX = 3
/** A cosignature from further in the future counts nowhere (THREATS A9). */
const FUTURE_SECONDS_MAX = 300

/** A witness as its log sees it. `submissionUrl` is the prefix of `add-checkpoint`. */
export interface Cosigner {
  /** Name by which the quorum knows it. */
  readonly name: string
  readonly key: VerifierKey
  readonly submissionUrl: string
}

/** A cosignature that was checked: its signature line, LF included, and its time in POSIX seconds. */
export interface CosignatureLine {
  readonly line: string
  readonly timeSeconds: number
}

/** What a submission needs. */
export interface Submission {
  readonly log: Log
  readonly head: SignedHead
  readonly witness: Cosigner
  /** Size of this log's last checkpoint that the witness is known to have; 0 when unknown. */
  readonly oldSize: number
  readonly transport: HttpTransport
  readonly crypto: Crypto
  readonly nowSeconds: number
  /** For each request. */
  readonly timeoutMs: number
  readonly signal?: AbortSignalLike
  /** Called with a size that the witness says it has. */
  readonly onSize: (size: number) => void
}

function failed(submission: Submission, why: string): VouchsafeError {
  return new VouchsafeError("UPSTREAM_FAILED", `witness ${submission.witness.name} ${why}`, { details: { witness: submission.witness.name } })
}

async function post(submission: Submission, oldSize: number): Promise<HttpResponse> {
  const { log, head, witness, transport, timeoutMs, signal } = submission
  const proof = await log.proveConsistency(oldSize, head.size)
  const body = utf8Encode(`old ${oldSize}\n${proof.map((hash) => `${base64Encode(hash)}\n`).join("")}\n${head.text}`)
  return transport.request({
    method: "POST", url: `${witness.submissionUrl.replace(/\/+$/, "")}/add-checkpoint`, headers: { "content-type": "text/plain; charset=utf-8" },
    body, timeoutMs, maxBytes: COSIGN_ANSWER_BYTES_MAX, ...(signal === undefined ? {} : { signal }),
  })
}

/** The size in a 409 answer. */
function readSize(submission: Submission, text: string): number {
  if (!text.endsWith("\n")) throw failed(submission, `answered 409 with ${shown(text)}, expected a size and a newline`)
  const size = parseDecimal(text.slice(0, -1))
  const known = submission.log.size
  if (size > known) {
    throw new VouchsafeError("STATE_UNSAFE", `witness ${submission.witness.name} says that this log has ${size} entries, expected at most ${known}`, {
      details: { witness: submission.witness.name, size, known },
      hint: "either the witness lies, or this log was restored from an old copy and must not go on",
    })
  }
  return size
}

/** The witness's own line among those it answered with. */
function readCosignature(submission: Submission, text: string): CosignatureLine {
  const { head, witness: { key }, crypto, nowSeconds } = submission
  if (!text.endsWith("\n")) throw failed(submission, `answered ${shown(text)}, expected signature lines`)
  for (const line of text.slice(0, -1).split("\n")) {
    const { name, keyId, signature } = parseSignatureLineText(`${line}\n`)
    if (name !== key.name || keyId !== key.keyId) continue
    const valid = checkCosignature(crypto, key, parseNote(head.text).text, signature)
    if (valid === undefined) throw failed(submission, `answered a cosignature of ${key.name}+${key.keyId} that does not verify`)
    const { timeSeconds } = valid
    if (timeSeconds === 0 || timeSeconds > nowSeconds + FUTURE_SECONDS_MAX) {
      throw failed(submission, `cosigned at ${timeSeconds}, expected a time up to ${FUTURE_SECONDS_MAX} s after ${nowSeconds}`)
    }
    return { line: `${line}\n`, timeSeconds }
  }
  throw failed(submission, `answered no line of ${key.name}+${key.keyId}`)
}

function readText(submission: Submission, response: HttpResponse): string {
  try {
    return utf8Decode(response.body)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    throw failed(submission, `answered ${response.status} with ${error.message}`)
  }
}

/**
 * Asks a witness to cosign `head`, a checkpoint of `log`. On 409 the proof is made again from the size that the witness named.
 *
 * @throws VouchsafeError for whatever is wrong with the witness or the way to it: UNREACHABLE, TIMEOUT, UPSTREAM_FAILED (its answer is no
 * valid cosignature), STATE_UNSAFE (it knows a larger tree of this log), or a parser's code.
 */
export async function submitCheckpoint(submission: Submission): Promise<CosignatureLine> {
  const { head, onSize } = submission
  let oldSize = submission.oldSize <= head.size ? submission.oldSize : 0
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const response = await post(submission, oldSize)
    const text = readText(submission, response)
    if (response.status === 200) {
      const cosignature = readCosignature(submission, text)
      onSize(head.size)
      return cosignature
    }
    if (response.status !== 409) throw failed(submission, `answered ${response.status}: ${shown(text.trimEnd())}`)
    const size = readSize(submission, text)
    onSize(size)
    if (size > head.size) throw failed(submission, `has cosigned ${size} entries already, more than the ${head.size} asked for`)
    if (size === oldSize) throw failed(submission, `answered 409 for the very size that it names, ${size}`)
    oldSize = size
  }
  throw failed(submission, `named another size in each of ${ATTEMPTS_MAX} answers`)
}
