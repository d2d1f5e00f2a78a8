/**
 * `/v1/lockset` at a front end: passed on to the node that acts, which alone may append (spec/lock.md; ADR 0056).
 *
 * A front end adds nothing of its own: the answer proves itself to whoever asked. What it keeps to itself is what strangers may cost: the node sees
 * one address for all who ask here, so budgets and places are counted before anything is passed on.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, LOCKSET_ANSWER_LENGTH_MAX, parseLocksetAnswer, unlessMalformed, utf8Decode } from "@vouchsafe/core"
import type { Clock, HttpResponse, HttpTransport } from "@vouchsafe/ports"
import { createBudget } from "../evidence/budget.ts"
import { type Answer, type HttpCode, refusal, STATUS_OF_CODE, textAnswer } from "../http/answer.ts"
import { readBody } from "../http/body.ts"
import { guardJson } from "../http/guard.ts"
import type { Exchange, Route } from "../http/router.ts"
import { createSlots } from "../http/slots.ts"
import { LOCKSET_BODY_BYTES_MAX, LOCKSET_MS_MAX, LOCKSETS_CONCURRENT_MAX, LOCKSETS_CONCURRENT_PER_ADDRESS_MAX, LOCKSETS_GLOBAL, LOCKSETS_PER_ADDRESS } from "../lockset/limits.ts"
import type { Logger } from "../logger.ts"
import { FORWARD_GRACE_MS } from "./limits.ts"

/** What passing on works with. */
export interface ForwardOptions {
  /** The node's URL in the roster: what callers are told, and the host that it answers to. */
  readonly nodeUrl: string
  /** Where it is reached from here, the one that acts and those that stand by, in the order in which they are tried; each with a trailing slash. */
  readonly reachedAt: readonly string[]
  readonly transport: HttpTransport
  readonly clock: Clock
  readonly logger: Logger
}

/** Names a front end among those who passed a request on (RFC 9110, section 7.6.3). */
const VIA = "1.1 vouchsafe-front"
const PATH = "v1/lockset"
const RETRY_SECONDS = "2"
/** A code unit takes at most three bytes. */
const ANSWER_BYTES_MAX = 3 * LOCKSET_ANSWER_LENGTH_MAX

/** @returns the route. It answers what the node answers, or 503 with where the node is. */
export function locksetForward(options: ForwardOptions): Route {
  const { nodeUrl, clock } = options
  const budget = createBudget(clock, LOCKSETS_PER_ADDRESS, LOCKSETS_GLOBAL)
  const slots = createSlots({ all: LOCKSETS_CONCURRENT_MAX, perCaller: LOCKSETS_CONCURRENT_PER_ADDRESS_MAX })
  const closing = { connection: "close" }
  const busy = (why: string, headers: Readonly<Record<string, string>> = {}): Answer => refusal("BUSY", why, `ask ${nodeUrl}`, { "retry-after": RETRY_SECONDS, ...headers })

  const passOn = async (body: Uint8Array, signal: AbortSignal): Promise<Answer> => {
    let standingBy: Answer | undefined
    for (const base of options.reachedAt) {
      const answer = await askAt(options, base, body, signal)
      if (answer !== undefined && !isStandingBy(answer)) return answer
      standingBy ??= answer
    }
    return standingBy ?? busy("this front end only reads, and the node that appends does not answer it")
  }
  return {
    path: `/${PATH}`,
    async post({ request, from, signal }: Exchange) {
      const refused = guardJson(request)
      if (refused !== undefined) return refused
      // Before the body is read: it is what the bounds protect.
      if (cameFromFront(request.headers.via)) return busy("this front end only reads, and what it passes on to the node comes back to a front end", closing)
      if (budget.take(from) !== "granted") return refusal("RATE_LIMITED", "this address has asked for too many locksets", "ask again later", { "retry-after": "30", ...closing })
      if (slots.refusal(from) !== undefined) return busy("too many locksets are in work", closing)
      const end = slots.take(from)
      try {
        const body = await readBody(request, LOCKSET_BODY_BYTES_MAX)
        return body.ok ? await passOn(body.bytes, signal) : body.answer
      } finally {
        end()
      }
    },
  }
}

/** Whatever stands between may have added itself; two front ends in a row have the node behind neither. */
function cameFromFront(via: string | undefined): boolean {
  return via?.split(",").some((one) => one.trim() === VIA) === true
}

/** Asks at one place. Undefined where no node answers there. */
async function askAt({ nodeUrl, transport, logger }: ForwardOptions, base: string, body: Uint8Array, signal: AbortSignal): Promise<Answer | undefined> {
  try {
    const response = await transport.request({
      method: "POST", url: `${base}${PATH}`, body, timeoutMs: LOCKSET_MS_MAX + FORWARD_GRACE_MS, maxBytes: ANSWER_BYTES_MAX, signal,
      // The node answers to its own name only, by whatever way it is reached.
      headers: { "content-type": "application/json", "host": new URL(nodeUrl).host, "via": VIA },
    })
    const answer = answerOf(response)
    if (answer === undefined) logger.warn({ at: base, status: response.status }, "a lockset was passed on, and what answered is no node")
    return answer
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    if (!signal.aborted) logger.warn({ at: base, code: error.code, why: error.message }, "a lockset could not be passed on to the node")
    return undefined
  }
}

/** What a node says in its own form, and nothing else: an answer that reads as one, or one of its refusals. */
function answerOf({ status, headers, body }: HttpResponse): Answer | undefined {
  const text = unlessMalformed(() => utf8Decode(body))
  if (text === undefined) return undefined
  if (status === STATUS_OK) return unlessMalformed(() => parseLocksetAnswer(text)) === undefined ? undefined : textAnswer(status, text, { "content-type": "application/json" })
  const { code, message, hint } = errorIn(text)
  if (!isCode(code) || STATUS_OF_CODE[code] !== status || typeof message !== "string") return undefined
  const retryAfter = headers["retry-after"]
  return refusal(code, message, typeof hint === "string" ? hint : undefined, retryAfter !== undefined && /^[0-9]{1,5}$/.test(retryAfter) ? { "retry-after": retryAfter } : {})
}

const STATUS_OK = 200

/** One that stands by, starts or has its hands full: another may act. */
function isStandingBy({ status, body }: Answer): boolean {
  return status === STATUS_OF_CODE.BUSY && errorIn(utf8Decode(body)).code === "BUSY"
}

function isCode(code: unknown): code is HttpCode {
  return typeof code === "string" && Object.hasOwn(STATUS_OF_CODE, code)
}

function errorIn(text: string): { readonly code?: unknown; readonly message?: unknown; readonly hint?: unknown } {
  try {
    return (JSON.parse(text) as { readonly error?: object } | null)?.error ?? {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
