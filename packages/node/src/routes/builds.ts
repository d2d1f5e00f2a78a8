/**
 * `/v1/builds` (spec/builds.md): who may ask, and what is told to whom.
 *
 * @packageDocumentation
 */
import type { Clock } from "@vouchsafe/ports"
import type { Builds } from "../builds/builds.ts"
import { parseBuildRequest, type SourceRules } from "../builds/request.ts"
import type { Build } from "../builds/store.ts"
import type { Tokens } from "../builds/tokens.ts"
import { ADMIN, createBudget } from "../evidence/budget.ts"
import { type Answer, jsonAnswer, refusal, textAnswer } from "../http/answer.ts"
import { bodyText, readBody } from "../http/body.ts"
import { guardJson } from "../http/guard.ts"
import type { Exchange, Route } from "../http/router.ts"
import { BUILD_BODY_BYTES_MAX, BUILD_DENIALS_GLOBAL, BUILD_DENIALS_PER_ADDRESS } from "../limits.ts"
import type { Logger } from "../logger.ts"

/** What the routes work with. */
export interface BuildRoutesOptions {
  /** undefined on a node that does not rebuild. */
  readonly builds: Builds | undefined
  readonly tokens: Tokens | undefined
  readonly rules: SourceRules
  readonly registries: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
}

/** Format of a status (schemas/build-status.schema.json). */
const STATUS_FORMAT = "vouchsafe-build/v1"
const PREFIX = "/v1/builds/"
const ID = /^[0-9a-f]{32}$/
const LOG_SUFFIX = "/log"
const NO_REBUILDER = "this node does not rebuild"
const NO_REBUILDER_HINT = "ask another node of the roster, or start this one with --rebuild"

/** @returns the routes for both listeners. */
export function buildRoutes(options: BuildRoutesOptions): Route[] {
  const denials = createBudget(options.clock, BUILD_DENIALS_PER_ADDRESS, BUILD_DENIALS_GLOBAL)
  return [
    {
      path: "/v1/builds",
      async post(exchange) {
        const { builds } = options
        if (builds === undefined) return refusal("NOT_FOUND", NO_REBUILDER, NO_REBUILDER_HINT)
        const refused = guardJson(exchange.request)
        if (refused !== undefined) return refused
        const who = requesterOf(exchange, options.tokens)
        if (typeof who !== "string") {
          options.logger.warn({ from: exchange.from, code: who.code }, "a request for a build was refused")
          return denials.take(exchange.from) === "granted" ? denied(who) : refusal("RATE_LIMITED", "this address has shown too many wrong tokens", undefined, { "retry-after": "60" })
        }
        const body = await readBody(exchange.request, BUILD_BODY_BYTES_MAX)
        return body.ok ? ask(builds, bodyText(body.bytes), who, options) : body.answer
      },
    },
    {
      path: PREFIX,
      get(exchange) {
        const { builds } = options
        if (builds === undefined) return refusal("NOT_FOUND", NO_REBUILDER, NO_REBUILDER_HINT)
        const rest = exchange.path.slice(PREFIX.length)
        const isLog = rest.endsWith(LOG_SUFFIX)
        const id = isLog ? rest.slice(0, -LOG_SUFFIX.length) : rest
        const found = ID.test(id) ? builds.get(id) : undefined
        if (found === undefined) return refusal("NOT_FOUND", "this node has no such build", "ids come from POST /v1/builds; old builds are forgotten")
        return isLog ? logAnswer(builds, id, exchange) : jsonAnswer(200, statusOf(found.build, found.step))
      },
    },
  ]
}

interface Denial {
  readonly code: "UNAUTHENTICATED" | "NOT_ALLOWED"
  readonly message: string
  readonly hint?: string
}

/** Who asks: the admin, or the holder of a token. */
function requesterOf({ from, request }: Exchange, tokens: Tokens | undefined): string | Denial {
  if (from === ADMIN) return ADMIN
  if (tokens === undefined) return { code: "NOT_ALLOWED", message: "this node takes requests for builds on its admin socket only", hint: "its operator lets others ask with --build-token-file" }
  const { authorization } = request.headers
  if (authorization === undefined) return { code: "UNAUTHENTICATED", message: "the request has no Authorization header, expected Bearer and a token", hint: "ask the node's operator for a token" }
  const holder = tokens.holderOf(authorization)
  // A name of a holder is a word of the operator's; the prefix keeps it apart from the admin.
  return holder === undefined ? { code: "NOT_ALLOWED", message: "the token is nobody's", hint: "ask the node's operator for a token" } : `token ${holder}`
}

function denied({ code, message, hint }: Denial): Answer {
  return refusal(code, message, hint, code === "UNAUTHENTICATED" ? { "www-authenticate": "Bearer" } : {})
}

function ask(builds: Builds, text: string, requester: string, options: BuildRoutesOptions): Answer {
  const request = parseBuildRequest(text, options.rules)
  if (!options.registries.includes(request.registry)) {
    return refusal("REQUEST_MALFORMED", `registry is ${request.registry}, expected one that this node observes`, `this node observes ${options.registries.join(", ")}`)
  }
  const asked = builds.ask(request, requester)
  if (asked.kind === "limited") return refusal("RATE_LIMITED", asked.detail, "wait until some of them are over", { "retry-after": "60" })
  return jsonAnswer(202, { id: asked.id, known: asked.known })
}

function statusOf(build: Build, step: string | null): unknown {
  const { id, purl, registry, source, state, attempts, queuedAt, startedAt, finishedAt, outcome } = build
  const common = { format: STATUS_FORMAT, id, purl, registry, source, state, attempts, queuedAt, startedAt, finishedAt, step }
  // A staged outcome has no index yet.
  if (outcome === null || (state !== "done" && state !== "failed")) return { ...common, result: null, failure: null }
  if (outcome.kind === "failed") return { ...common, result: null, failure: { step: outcome.step, code: outcome.code, detail: outcome.detail } }
  const { index, match, sha512, recipe, differences } = outcome
  return { ...common, result: { index, match, sha512, recipe, differences }, failure: null }
}

/** What a stranger's build printed: saved, never shown by a browser. */
function logAnswer(builds: Builds, id: string, exchange: Exchange): Answer {
  const { request } = exchange
  const from = new URLSearchParams((request.url ?? "").split("?", 2)[1] ?? "").get("from") ?? "0"
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(from)) return refusal("REQUEST_MALFORMED", "from is no plain decimal, expected the byte of the log to start at")
  const stream = builds.follow(id, Number(from), exchange)
  if (stream === undefined) return refusal("BUSY", "too many read along", "ask again in some seconds", { "retry-after": "5" })
  return { ...textAnswer(200, "", { "content-disposition": "attachment" }), stream }
}
