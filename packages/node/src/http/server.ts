/**
 * The HTTP server of both listeners: limits, guards, routing, and one place where errors become answers.
 *
 * @packageDocumentation
 */
import { isVouchsafeError } from "@vouchsafe/core"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import {
  ANSWER_TAKEN, CONNECTIONS_CHECK_MS, CONNECTIONS_PER_ADDRESS_MAX, HEADER_BYTES_MAX, HEADER_COUNT_MAX, HEADERS_TIMEOUT_MS, IDLE_TIMEOUT_MS,
  GZIP_BYTES_MIN, KEEP_ALIVE_TIMEOUT_MS, REQUEST_TIMEOUT_MS, REQUESTS_AHEAD_MAX, REQUESTS_PER_SOCKET_MAX,
} from "../limits.ts"
import type { Logger } from "../logger.ts"
import { type Answer, refusal, SAFE_HEADERS, STATUS_OF_CODE, type HttpCode, writeAnswer } from "./answer.ts"
import { countBody, tooMuchHeld } from "./body.ts"
import { guardRequest, type GuardOptions } from "./guard.ts"
import { createMemory, type Memory, type Share } from "./memory.ts"
import type { Router } from "./router.ts"

/** What a listener is made of. */
export interface ServerOptions extends GuardOptions {
  readonly router: Router
  readonly connectionsMax: number
  /** Set on the admin socket, whose clients have no address. */
  readonly from?: string
  readonly logger: Logger
  /** Other times than those of limits.ts, for tests of slow clients. */
  readonly timeouts?: { readonly headersMs: number; readonly requestMs: number; readonly checkMs: number }
  /** Other bounds than those of limits.ts, for tests of callers that do not read. */
  readonly memory?: Memory
  /** Time in ms to take an answer of so many bytes. */
  readonly answerMs?: (bytes: number) => number
  /** Told about each answer. `route` is the route's path, never the request's. */
  readonly onAnswer: (route: string, status: number, seconds: number) => void
}

/** Makes a server that is not listening yet. */
export function createGuardedServer(options: ServerOptions): Server {
  const timeouts = options.timeouts ?? { headersMs: HEADERS_TIMEOUT_MS, requestMs: REQUEST_TIMEOUT_MS, checkMs: CONNECTIONS_CHECK_MS }
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: timeouts.checkMs,
    // The guard answers in JSON like every other refusal.
    requireHostHeader: false,
    insecureHTTPParser: false,
    noDelay: true,
  })
  server.maxHeadersCount = HEADER_COUNT_MAX
  server.maxConnections = options.connectionsMax
  server.maxRequestsPerSocket = REQUESTS_PER_SOCKET_MAX
  server.timeout = IDLE_TIMEOUT_MS
  server.on("connection", capPerAddress())
  server.on("clientError", answerBrokenRequest)
  // Nothing here speaks another protocol, and an expectation that is met silently would hide a body of any size.
  server.on("upgrade", (_request, socket: Duplex) => socket.destroy())
  server.on("connect", (_request, socket: Duplex) => socket.destroy())
  // A system that cannot accept a connection tells so this way, and a listener that nobody hears would end the process.
  server.on("error", (error) => options.logger.error({ error: describe(error) }, "a connection was not accepted"))
  const memory = options.memory ?? createMemory()
  const isAhead = oneAtATime()
  server.on("request", (request, response) => {
    if (isAhead(request, response)) return
    handle(request, response, options, memory.open(options.from ?? request.socket.remoteAddress ?? "unknown")).catch((error: unknown) => {
      options.logger.error({ error: describe(error) }, "an answer could not be written")
      response.destroy()
    })
  })
  return server
}

/** Closes connections beyond one address's share. */
function capPerAddress(): (socket: Socket) => void {
  const open = new Map<string, number>()
  return (socket) => {
    const address = socket.remoteAddress
    if (address === undefined) return
    const count = (open.get(address) ?? 0) + 1
    if (count > CONNECTIONS_PER_ADDRESS_MAX) {
      socket.destroy()
      return
    }
    open.set(address, count)
    socket.once("close", () => {
      const left = (open.get(address) ?? 1) - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
    })
  }
}

/**
 * Lets a connection have one request in work. Those that it sends ahead of the answer are never begun: the connection ends with that answer (RFC 9112,
 * section 9.3.2), and whoever sent them asks again. No client or proxy that is known does so; who wants a thousand answers for one packet does.
 */
function oneAtATime(): (request: IncomingMessage, response: ServerResponse) => boolean {
  const inWork = new WeakMap<Socket, { readonly response: ServerResponse; ahead: number }>()
  return ({ socket }, response) => {
    const first = inWork.get(socket)
    if (first === undefined) {
      inWork.set(socket, { response, ahead: 0 })
      response.once("close", () => inWork.delete(socket))
      return false
    }
    first.ahead += 1
    if (first.ahead > REQUESTS_AHEAD_MAX) socket.destroy()
    else if (first.ahead === 1) {
      if (!first.response.headersSent) first.response.setHeader("connection", "close")
      first.response.once("close", () => socket.destroySoon())
    }
    return true
  }
}

async function handle(request: IncomingMessage, response: ServerResponse, options: ServerOptions, share: Share): Promise<void> {
  const started = performance.now()
  const hangUp = new AbortController()
  countBody(request, share)
  response.once("close", () => {
    share.release()
    if (!response.writableFinished) hangUp.abort()
  })
  const { route, answer: made } = await answerRequest(request, options, hangUp.signal)
  share.release()
  const answer = holdAnswer(response, made, options, share)
  // A body that nobody read would be taken for the next request.
  if (!request.readableEnded && !request.complete) response.setHeader("connection", "close")
  await writeAnswer(request, response, answer)
  options.onAnswer(route, answer.status, (performance.now() - started) / 1000)
}

/** Counts what is made and not taken, and ends the wait for a caller that does not take it. Small answers fit into what the system holds for it. */
function holdAnswer(response: ServerResponse, answer: Answer, { answerMs }: ServerOptions, share: Share): Answer {
  const { length } = answer.body
  if (response.destroyed || answer.stream !== undefined || length < GZIP_BYTES_MIN) return answer
  if (!share.grow(length)) return tooMuchHeld()
  const ms = answerMs?.(length) ?? ANSWER_TAKEN.ms + length / ANSWER_TAKEN.bytesPerSecondMin * 1000
  const late = setTimeout(() => response.destroy(), ms)
  response.once("close", () => clearTimeout(late))
  return answer
}

async function answerRequest(request: IncomingMessage, options: ServerOptions, signal: AbortSignal): Promise<{ route: string; answer: Answer }> {
  const refused = guardRequest(request, options)
  if (refused !== undefined) return { route: "refused", answer: refused }
  const path = (request.url ?? "").split("?", 1)[0] ?? ""
  const routed = options.router(request.method ?? "", path)
  if ("status" in routed) return { route: "refused", answer: routed }
  const from = options.from ?? request.socket.remoteAddress ?? "unknown"
  try {
    return { route: routed.route, answer: await routed.handler({ request, path, from, signal }) }
  } catch (error) {
    return { route: routed.route, answer: answerOfError(error, options.logger) }
  }
}

/** Bad bytes are the client's (400, with what and where); everything else is this node's and says nothing of its inside. */
function answerOfError(error: unknown, logger: Logger): Answer {
  if (isVouchsafeError(error) && error.kind === "input") return refusal("REQUEST_MALFORMED", error.message, error.hint)
  if (isVouchsafeError(error, "NOT_FOUND")) return refusal("NOT_FOUND", error.message, error.hint)
  logger.error({ error: describe(error) }, "a request failed")
  return refusal("FAILED", "the node could not answer", "its log says why")
}

/** What a log line says of an error: no stack of a foreign message, causes in order. */
export function describe(error: unknown): string {
  const parts: string[] = []
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const { code } = at as { code?: unknown }
    parts.push(typeof code === "string" ? `${code}: ${at.message}` : `${at.name}: ${at.message}`)
  }
  return parts.length === 0 ? String(error) : parts.join(" <- ")
}

/** Answers what never became a request: broken syntax, oversized headers, a client too slow. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy()
    return
  }
  const code: HttpCode = error.code === "HPE_HEADER_OVERFLOW" ? "HEADERS_TOO_LARGE" : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "REQUEST_TOO_SLOW" : "REQUEST_MALFORMED"
  const answer = refusal(code, `the request is not HTTP as expected (${error.code ?? "unreadable"})`)
  const headers = { ...SAFE_HEADERS, ...answer.headers, "content-length": String(answer.body.length), connection: "close" }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${STATUS_OF_CODE[code]} Refused\r\n${lines.join("")}\r\n`), answer.body]))
}
