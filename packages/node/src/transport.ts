/**
 * Requests to the other nodes of the roster: their addresses are configuration, so none is refused, but no redirect is
 * followed and every answer is bounded.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { HttpRequest, HttpResponse, HttpTransport } from "@vouchsafe/ports"
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http"
import { Agent as HttpsAgent, request as httpsRequest } from "node:https"
import { promisify } from "node:util"
import { gunzip } from "node:zlib"
import { KEEP_ALIVE_TIMEOUT_MS, SOCKETS_PER_HOST_MAX } from "./limits.ts"

const decompress = promisify(gunzip)

/** A transport with kept connections; `close` ends these. */
export interface NodeTransport extends HttpTransport {
  close(): void
}

/** @see NodeTransport */
export function createTransport(userAgent: string): NodeTransport {
  // Shorter than the server's own: a connection must not be closed by it just as it is used again.
  const options = { keepAlive: true, maxSockets: SOCKETS_PER_HOST_MAX, timeout: KEEP_ALIVE_TIMEOUT_MS / 2 }
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
  return {
    async request(request) {
      const url = new URL(request.url)
      const secure = url.protocol === "https:"
      const abort = new AbortController()
      const giveUp = (): void => abort.abort()
      const timer = setTimeout(giveUp, request.timeoutMs)
      request.signal?.addEventListener("abort", giveUp)
      if (request.signal?.aborted === true) giveUp()
      try {
        const answer = await send(request, url, secure, secure ? agents.https : agents.http, userAgent, abort.signal)
        return await readAnswer(answer, request)
      } catch (error) {
        throw transportError(url, error, abort.signal.aborted)
      } finally {
        clearTimeout(timer)
        request.signal?.removeEventListener("abort", giveUp)
      }
    },
    close() {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

function send(request: HttpRequest, url: URL, secure: boolean, agent: HttpAgent | HttpsAgent, userAgent: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = { "user-agent": userAgent, "accept-encoding": "gzip", ...request.headers }
    if (request.body !== undefined) headers["content-length"] = String(request.body.length)
    const target = request.socketPath === undefined ? { agent } : { socketPath: request.socketPath }
    const outgoing = (secure ? httpsRequest : httpRequest)(url, { method: request.method, headers, signal, ...target }, resolve)
    outgoing.on("error", reject)
    outgoing.end(request.body)
  })
}

async function readAnswer(answer: IncomingMessage, request: HttpRequest): Promise<HttpResponse> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > request.maxBytes) throw tooLarge(request)
    chunks.push(chunk)
  }
  const raw = Buffer.concat(chunks)
  const coding = answer.headers["content-encoding"] ?? "identity"
  if (coding !== "identity" && coding !== "gzip") throw new VouchsafeError("UPSTREAM_FAILED", `answer has an unknown content-encoding, expected gzip or none`)
  const body = coding === "identity" ? raw : await decompress(raw, { maxOutputLength: request.maxBytes }).catch((cause: unknown) => {
    throw new VouchsafeError("UPSTREAM_FAILED", `answer is no gzip of at most ${request.maxBytes} bytes`, { cause })
  })
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer.headers)) headers[name] = Array.isArray(value) ? value.join(", ") : value ?? ""
  return { status: answer.statusCode ?? 0, headers, body }
}

function tooLarge(request: HttpRequest): VouchsafeError {
  return new VouchsafeError("UPSTREAM_FAILED", `answer has more than ${request.maxBytes} bytes`)
}

function transportError(url: URL, error: unknown, timedOut: boolean): VouchsafeError {
  if (isVouchsafeError(error)) return error
  const details = { host: url.host }
  if (timedOut) return new VouchsafeError("TIMEOUT", `${url.host} did not answer in time`, { details, cause: error })
  return new VouchsafeError("UNREACHABLE", `${url.host}: ${(error as NodeJS.ErrnoException).code ?? "the connection failed"}`, { details, cause: error })
}
