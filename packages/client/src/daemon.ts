import { type ArtifactName, type EvidenceAnswer, type EvidenceRequest, utf8Decode, utf8Encode } from "@vouchsafe/core"
import { type Context, failureOf } from "./context.ts"
import { formatGatherRequest, type GatheredAnswer, parseGatherAnswer } from "./gather-format.ts"
import { GATHER_BYTES_MAX } from "./limits.ts"
import type { LogMemory } from "./memory.ts"

/** One node's answer as a daemon carried it, and what it is an answer to. */
export interface CarriedAnswer {
  readonly memory: LogMemory
  readonly request: EvidenceRequest
  readonly answer: EvidenceAnswer
}

/**
 * Asks the person's own node to ask all others. It saves connections and handshakes and is believed no more than the network: every part is
 * taken exactly as if the node in question had sent it.
 *
 * @returns undefined when the daemon cannot be used; a note says why
 */
export async function carry(context: Context, socketPath: string, memories: readonly LogMemory[], artifacts: readonly ArtifactName[]): Promise<CarriedAnswer[] | undefined> {
  const { deadlineMs, timeoutMs } = context.budget.forRequest()
  if (timeoutMs <= 0) return []
  const known = memories.map((memory) => ({ origin: memory.node.log.name, knownSize: memory.head?.size ?? 0, noticesFrom: memory.mirror?.entries.length ?? 0 }))
  const answers = await post(context, socketPath, formatGatherRequest({ roster: context.options.roster.digest, artifacts, deadlineMs, known }), timeoutMs)
  return answers === undefined ? undefined : memories.flatMap((memory, i) => {
    const gathered = answers.find(({ operator, origin }) => operator === memory.node.operator && origin === memory.node.log.name)
    const { knownSize = 0, noticesFrom = 0 } = known[i] ?? {}
    return gathered?.answer === undefined ? [] : [{ memory, request: { artifacts, deadlineMs, knownSize, noticesFrom }, answer: gathered.answer }]
  })
}

async function post(context: Context, socketPath: string, body: string, timeoutMs: number): Promise<GatheredAnswer[] | undefined> {
  const note = (code: string, message: string): undefined => {
    context.notes.push({ code, message: `the local node is not used: ${message}` })
    return undefined
  }
  try {
    const response = await context.options.transport.request({
      method: "POST", url: "http://localhost/v1/gather", socketPath, headers: { "content-type": "application/json" },
      body: utf8Encode(body), timeoutMs, maxBytes: GATHER_BYTES_MAX,
      ...(context.budget.signal === undefined ? {} : { signal: context.budget.signal }),
    })
    return response.status === 200 ? parseGatherAnswer(utf8Decode(response.body)) : note("UPSTREAM_FAILED", `it answered with status ${response.status}`)
  } catch (error) {
    const { code, message } = failureOf(error)
    return note(code, message)
  }
}
