/**
 * Who may ask what only an admin may, over the public listener (spec/admin.md). Closed unless a signature or a token opens it.
 *
 * @packageDocumentation
 */
import { type Crypto, equalBytes, type VerifierKey } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { createHash } from "node:crypto"
import type { Tokens } from "../builds/tokens.ts"
import { createBudget } from "../evidence/budget.ts"
import { type Answer, refusal } from "../http/answer.ts"
import { readBody } from "../http/body.ts"
import type { Exchange } from "../http/router.ts"
import type { Logger } from "../logger.ts"
import { ADMIN_DENIALS_GLOBAL, ADMIN_DENIALS_PER_ADDRESS, ADMIN_GLOBAL, ADMIN_PER_CALLER, CLOCK_AHEAD_SECONDS_MAX, SIGNATURE_SECONDS_MAX, SIGNED_BODY_BYTES_MAX } from "./limits.ts"
import { createNonces } from "./nonces.ts"
import { ACCEPT_SIGNATURE, claimsSignature, headerValues, readSignature, type ReadSignature, signatureBase } from "./signature.ts"

/** What a gate works with. */
export interface AdminGateOptions {
  /** By `keyid`. */
  readonly keys: ReadonlyMap<string, VerifierKey>
  readonly tokens: Tokens | undefined
  /** The node's URL as its roster has it, with a trailing slash. */
  readonly url: string
  readonly crypto: Pick<Crypto, "verifyEd25519">
  readonly clock: Clock
  readonly logger: Logger
}

/** Somebody who may. */
export interface Admitted {
  /** `key NAME` or `token NAME`. */
  readonly by: string
}

/** @see createAdminGate */
export interface AdminGate {
  /** Lets a request through, or gives the answer that it gets. A body that was read here is there for the next reader. */
  admit(exchange: Exchange): Promise<Admitted | Answer>
}

interface Denial {
  readonly code: "UNAUTHENTICATED" | "NOT_ALLOWED" | "RATE_LIMITED"
  readonly why: string
  readonly keyId?: string
}

const HOW = "`vouchsafe withdraw --node URL --admin-key FILE` signs requests; how others do is in spec/admin.md"

/** Makes the gate. From this moment on signatures may be used; older ones never are ([A7]). */
export function createAdminGate(options: AdminGateOptions): AdminGate {
  const { keys, tokens, clock, logger } = options
  const denials = createBudget(clock, ADMIN_DENIALS_PER_ADDRESS, ADMIN_DENIALS_GLOBAL)
  const callers = createBudget(clock, ADMIN_PER_CALLER, ADMIN_GLOBAL)
  const nonces = createNonces()
  let latest = 0
  const now = (): number => (latest = Math.max(latest, Math.floor(clock.nowMs() / 1000)))
  const openedAt = now()

  const checkTime = ({ created, expires, keyId }: ReadSignature): Denial | undefined => {
    const at = now()
    const deny = (why: string): Denial => ({ code: "UNAUTHENTICATED", why, keyId })
    if (created > at + CLOCK_AHEAD_SECONDS_MAX) return deny(`the signature is of ${created}, in the future: it is ${at} here`)
    if (expires <= created || expires - created > SIGNATURE_SECONDS_MAX) return deny(`the signature is good for ${expires - created} s, expected 1 to ${SIGNATURE_SECONDS_MAX}`)
    if (expires < at) return deny(`the signature expired at ${expires}: it is ${at} here`)
    if (created <= openedAt + CLOCK_AHEAD_SECONDS_MAX) return deny("the signature is from before this node started, or too close to it; sign again in some seconds")
    return undefined
  }

  const admitSigned = async ({ request, path }: Exchange): Promise<Admitted | Denial | Answer> => {
    const read = readSignature(request.rawHeaders)
    if (typeof read === "string") return { code: "UNAUTHENTICATED", why: read }
    const { keyId } = read
    const key = keys.get(keyId)
    if (key === undefined) return { code: "NOT_ALLOWED", why: "the signature names a key that may not do this", keyId }
    const late = checkTime(read)
    if (late !== undefined) return late
    if (request.url !== path) return { code: "UNAUTHENTICATED", why: "the request has a query, expected none", keyId }
    if (request.method !== "POST") return { code: "UNAUTHENTICATED", why: "the request is signed with another method than POST", keyId }
    const base = signatureBase("POST", `${options.url}${path.slice(1)}`, read)
    if (!options.crypto.verifyEd25519(key.publicKey, base, read.signature)) {
      return { code: "UNAUTHENTICATED", why: `the signature is not over this request, expected method POST and target ${options.url}${path.slice(1)}`, keyId }
    }
    const nonce = nonces.use(`${keyId} ${read.nonce}`, read.expires, now())
    if (nonce === "seen") return { code: "UNAUTHENTICATED", why: "the request was sent before: its nonce is used up", keyId }
    if (nonce === "full") return { code: "RATE_LIMITED", why: "too many signed requests are not yet expired", keyId }
    const by = `key ${key.name}`
    if (callers.take(by) !== "granted") return { code: "RATE_LIMITED", why: "this key has sent too many requests", keyId }
    const body = await readBody(request, SIGNED_BODY_BYTES_MAX)
    if (!body.ok) return body.answer
    const digest = createHash("sha256").update(body.bytes).digest()
    return equalBytes(digest, read.digest) ? { by } : { code: "UNAUTHENTICATED", why: "the body is not the one that content-digest names", keyId }
  }

  const admitToken = ({ request }: Exchange): Admitted | Denial => {
    const [authorization, ...more] = headerValues(request.rawHeaders, "authorization")
    if (authorization === undefined) return { code: "UNAUTHENTICATED", why: "the request is neither signed nor carries a token" }
    if (more.length > 0) return { code: "UNAUTHENTICATED", why: `${more.length + 1} Authorization headers, expected one` }
    const holder = tokens?.holderOf(authorization)
    if (holder === undefined) return { code: "NOT_ALLOWED", why: "the token is nobody's" }
    const by = `token ${holder}`
    return callers.take(by) === "granted" ? { by } : { code: "RATE_LIMITED", why: "this token has sent too many requests" }
  }

  const answerTo = ({ code, why, keyId }: Denial, { from, path }: Exchange): Answer => {
    // Beyond the address's share the answer is another one; the line in the log is not.
    const limited = code !== "RATE_LIMITED" && denials.take(from) !== "granted"
    logger.warn({ from, path, code, ...(keyId === undefined ? {} : { keyId }), why }, "an admin request was refused")
    if (limited) return refusal("RATE_LIMITED", "this address has sent too many requests that it may not send", undefined, { "retry-after": "60" })
    if (code === "RATE_LIMITED") return refusal(code, why, undefined, { "retry-after": "60" })
    return refusal(code, why, HOW, code === "UNAUTHENTICATED" ? { "www-authenticate": "Bearer", "accept-signature": ACCEPT_SIGNATURE } : {})
  }

  const judge = async (exchange: Exchange): Promise<Admitted | Denial | Answer> => {
    if (keys.size === 0 && tokens === undefined) return { code: "UNAUTHENTICATED", why: "this node takes admin requests on its admin socket only" }
    return claimsSignature(exchange.request.rawHeaders) ? await admitSigned(exchange) : admitToken(exchange)
  }

  return {
    async admit(exchange) {
      const judged = await judge(exchange)
      if ("why" in judged) return answerTo(judged, exchange)
      if ("status" in judged) logger.warn({ from: exchange.from, path: exchange.path, status: judged.status }, "an admin request was refused")
      return judged
    },
  }
}
