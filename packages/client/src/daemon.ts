import { type ArtifactName, REQUEST_ARTIFACTS_MAX, utf8Decode, utf8Encode } from "@vouchsafe/core"
import type { HttpResponse } from "@vouchsafe/ports"
import { takeAnswer } from "./ask.ts"
import type { LogBook } from "./book.ts"
import { type CheckContext, failureOf } from "./context.ts"
import { formatGatherRequest, type GatheredAnswer, parseGatherAnswer } from "./gather-format.ts"
import { GATHER_BYTES_MAX } from "./limits.ts"

/**
 * Asks the person's own node to ask all others. It saves connections and handshakes and is believed no more than the network: every part is
 * taken exactly as if the node in question had sent it, and what cannot be used is asked for directly. It is never to blame, so nothing that
 * goes wrong here is a node's failure.
 */
export async function askDaemon(context: CheckContext, socketPath: string, books: readonly LogBook[], artifacts: readonly ArtifactName[]): Promise<void> {
  for (let start = 0; start === 0 || start < artifacts.length; start += REQUEST_ARTIFACTS_MAX) {
    const part = artifacts.slice(start, start + REQUEST_ARTIFACTS_MAX)
    const { deadlineMs, timeoutMs } = context.budget.forRequest()
    if (timeoutMs <= 0) return
    const known = books.map((book) => ({ origin: book.node.log.name, knownSize: book.head?.size ?? 0, noticesFrom: book.mirror?.entries.length ?? 0 }))
    const answers = await post(context, socketPath, formatGatherRequest({ roster: context.options.roster.digest, artifacts: part, deadlineMs, known }), timeoutMs)
    if (answers === undefined) return
    await Promise.all(books.map(async (book) => {
      const gathered = answers.find(({ operator, origin }) => operator === book.node.operator && origin === book.node.log.name)
      if (gathered?.answer === undefined) return
      const { knownSize, noticesFrom } = known.find(({ origin }) => origin === book.node.log.name) ?? { knownSize: 0, noticesFrom: 0 }
      const failure = await takeAnswer(context, book, { artifacts: part, deadlineMs, knownSize, noticesFrom }, gathered.answer, "daemon")
      if (failure === undefined) book.wasReachedByDaemon = true
      else context.notes.push({ code: failure.code, message: `the local node's part about ${book.node.operator} is not used: ${failure.message}` })
    }))
  }
}

async function post(context: CheckContext, socketPath: string, body: string, timeoutMs: number): Promise<GatheredAnswer[] | undefined> {
  const note = (code: string, message: string): undefined => {
    context.notes.push({ code, message: `the local node is not used: ${message}` })
    return undefined
  }
  let response: HttpResponse
  try {
    response = await context.options.transport.request({
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
