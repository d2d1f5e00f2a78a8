/**
 * Requests to registries. The only place that adds credentials, and only for the registry they belong to (THREATS A8).
 *
 * @packageDocumentation
 */
import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from "node:http"
import { Agent as HttpsAgent, type AgentOptions, request as httpsRequest } from "node:https"
import type { Readable } from "node:stream"
import { shown, VouchsafeError } from "@vouchsafe/core"
import { REDIRECTS_MAX, UPSTREAM_IDLE_MS_MAX, UPSTREAM_SOCKETS_MAX } from "./limits.ts"
import type { Registries } from "./types.ts"

export interface UpstreamRequest {
  readonly method: string
  /** Absolute http(s) URL. */
  readonly url: string
  /** Registry that the request is made for; credentials go to its origin only. */
  readonly registry: string
  /** Without `authorization` and `host`, which are set here. */
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Readable
}

/** An answer whose body has not been read. Read it or destroy it. */
export interface UpstreamResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
  /** Where it came from after redirects. */
  readonly url: string
}

export interface Upstream {
  /** Sends one request; redirects come back as they are. @throws VouchsafeError UNREACHABLE, TIMEOUT, UPSTREAM_FAILED */
  send(request: UpstreamRequest): Promise<UpstreamResponse>
  /** GET that follows redirects, without credentials from the first foreign host on. */
  get(request: Omit<UpstreamRequest, "method" | "body">): Promise<UpstreamResponse>
  close(): void
}

export interface UpstreamOptions {
  readonly registries: Registries
  /** Certificates, proxy and the like of the person's npm configuration. */
  readonly agents?: { readonly http: HttpAgent; readonly https: HttpsAgent }
  readonly idleMs?: number
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Agents with kept connections and a bound on them. */
export function plainAgents(tls: AgentOptions = {}): { readonly http: HttpAgent; readonly https: HttpsAgent } {
  const common = { keepAlive: true, maxSockets: UPSTREAM_SOCKETS_MAX }
  return { http: new HttpAgent(common), https: new HttpsAgent({ ...tls, ...common }) }
}

export function createUpstream({ registries, agents = plainAgents(), idleMs = UPSTREAM_IDLE_MS_MAX }: UpstreamOptions): Upstream {
  const send = (request: UpstreamRequest): Promise<UpstreamResponse> => new Promise((resolve, reject) => {
    const url = parseUrl(request.url)
    const credentials = url.origin === new URL(request.registry).origin ? registries.credentialsFor(url.href) : undefined
    const headers = { ...request.headers, ...(credentials === undefined ? {} : { authorization: credentials.header }) }
    const options = { method: request.method, headers, timeout: idleMs }
    const outgoing = url.protocol === "https:" ? httpsRequest(url, { ...options, agent: agents.https }) : httpRequest(url, { ...options, agent: agents.http })
    outgoing.on("response", (body) => resolve({ status: body.statusCode ?? 0, headers: body.headers, body, url: url.href }))
    outgoing.on("timeout", () => outgoing.destroy(new VouchsafeError("TIMEOUT", `no byte from ${url.host} for ${idleMs} ms`)))
    outgoing.on("error", (cause) => reject(cause instanceof VouchsafeError ? cause : new VouchsafeError("UNREACHABLE", `cannot reach ${url.host}: ${codeOf(cause)}`, { cause, hint: "check the network and `npm config get registry`" })))
    if (request.body) request.body.on("error", (cause) => outgoing.destroy(cause)).pipe(outgoing)
    else outgoing.end()
  })
  return {
    send,
    async get(request) {
      let current = request.url
      for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
        const response = await send({ ...request, method: "GET", url: current })
        const { location } = response.headers
        if (!REDIRECTS.has(response.status) || location === undefined) return response
        response.body.resume()
        const next = new URL(location, current)
        // a hop back to clear text would show the bytes, and where they come from, to everybody on the way
        if (new URL(current).protocol === "https:" && next.protocol !== "https:") throw new VouchsafeError("UPSTREAM_FAILED", `${new URL(current).host} redirects from https to ${shown(next.protocol)}`)
        current = next.href
      }
      throw new VouchsafeError("UPSTREAM_FAILED", `more than ${REDIRECTS_MAX} redirects from ${new URL(request.url).host}`)
    },
    close() { agents.http.destroy(); agents.https.destroy() },
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) throw new VouchsafeError("UPSTREAM_FAILED", `the registry names the address ${shown(text)}, expected http: or https:`)
  // credentials in an address are the registry's idea, not the person's
  url.username = ""
  url.password = ""
  return url
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message
}
