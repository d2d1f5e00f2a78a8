/**
 * Outgoing requests whose URLs somebody else may have chosen: a registry's packuments, the tarballs that they name,
 * and whatever these redirect to (THREATS A8).
 *
 * Every hop is judged anew: scheme, host, resolved addresses, credentials. Bodies are streams bounded in bytes and time.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http"
import { Agent as HttpsAgent, request as httpsRequest } from "node:https"
import type { LookupFunction } from "node:net"
import { FETCH_IDLE_TIMEOUT_MS, REDIRECTS_MAX, SOCKETS_PER_HOST_MAX } from "../limits.ts"
import { checkLiteralHost, publicLookup, type ResolveHost } from "./resolve.ts"

/** What a node may reach for one registry. */
export interface RegistryAccess {
  /** Registry id: `scheme://host[:port]/path/`. */
  readonly registry: string
  /** Value of the `authorization` header for URLs under {@link registry}; sent nowhere else. */
  readonly authorization?: string | undefined
}

/** One request: a GET, unless it has a body. */
export interface GuardedRequest {
  readonly url: string
  readonly access: RegistryAccess
  /** Lower-case names; never credentials. */
  readonly headers: Readonly<Record<string, string>>
  /** Makes it a POST, which follows no redirect. */
  readonly body?: Uint8Array | undefined
  /** From the first hop's start to the last byte. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** The answer of the last hop. `body` must be read to its end or destroyed. */
export interface GuardedResponse {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly url: string
  readonly body: IncomingMessage
}

/** Made once a node: holds the connections. */
export interface GuardedFetch {
  get(request: GuardedRequest): Promise<GuardedResponse>
  close(): void
}

/** What {@link createGuardedFetch} needs to know. */
export interface GuardedFetchOptions {
  /** Lets the hosts of configured registries, and only these, be at private addresses and speak http. */
  readonly allowPrivateAddresses: boolean
  /** Registry ids of configuration and roster. */
  readonly registries: readonly string[]
  readonly resolve: ResolveHost
  readonly userAgent: string
}

/** @see GuardedFetch */
export function createGuardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const agents = { http: new HttpAgent({ keepAlive: true, maxSockets: SOCKETS_PER_HOST_MAX }), https: new HttpsAgent({ keepAlive: true, maxSockets: SOCKETS_PER_HOST_MAX }) }
  const checkedLookup = publicLookup(options.resolve)
  const systemLookup = plainLookup(options.resolve)
  const privateHosts = new Set(options.allowPrivateAddresses ? options.registries.map((registry) => new URL(registry).hostname) : [])

  const hop = (url: URL, request: GuardedRequest, signal: AbortSignal): Promise<IncomingMessage> => {
    checkScheme(url, request.access.registry, options.allowPrivateAddresses)
    const free = privateHosts.has(url.hostname)
    if (!free) checkLiteralHost(url.hostname)
    const authorization = url.href.startsWith(request.access.registry) ? request.access.authorization : undefined
    const secure = url.protocol === "https:"
    const headers = { ...request.headers, "user-agent": options.userAgent, ...(authorization === undefined ? {} : { authorization }) }
    return send(url, { headers, body: request.body, signal, lookup: free ? systemLookup : checkedLookup, agent: secure ? agents.https : agents.http }, secure)
  }

  return {
    async get(request) {
      const deadline = AbortSignal.timeout(request.timeoutMs)
      const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal])
      let url = parseUrl(request.url)
      for (let redirects = 0; ; redirects++) {
        const body = await hop(url, request, signal)
        const status = body.statusCode ?? 0
        const location = body.headers.location
        if (!isRedirect(status) || location === undefined || request.body !== undefined) return { status, headers: body.headers, url: url.href, body }
        body.destroy()
        if (redirects === REDIRECTS_MAX) throw failed(url, `redirected more than ${REDIRECTS_MAX} times`)
        url = parseUrl(location, url)
      }
    },
    close() {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

function plainLookup(resolve: ResolveHost): LookupFunction {
  return (host, lookupOptions, callback) => {
    resolve(host, (error, addresses) => {
      const first = addresses[0]
      if (error !== null) callback(error as NodeJS.ErrnoException, "", 0)
      else if (first === undefined) callback(new VouchsafeError("UNREACHABLE", `host ${host} has no address`) as NodeJS.ErrnoException, "", 0)
      else if (lookupOptions.all === true) callback(null, [...addresses], undefined)
      else callback(null, first.address, first.family)
    })
  }
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined
  if (url === undefined) throw new VouchsafeError("UPSTREAM_FAILED", "the registry named a URL that cannot be read")
  // Credentials inside a URL would be sent as the registry's choice, to a host of its choice.
  url.username = ""
  url.password = ""
  url.hash = ""
  return url
}

/** https, or http where the registry itself is http and private addresses are allowed. Never down from https. */
function checkScheme(url: URL, registry: string, allowPrivateAddresses: boolean): void {
  if (url.protocol === "https:") return
  if (url.protocol === "http:" && registry.startsWith("http:") && allowPrivateAddresses) return
  throw new VouchsafeError("ADDRESS_REFUSED", `${shownUrl(url)} is not https, expected TLS on every hop`, {
    details: { url: shownUrl(url) },
    hint: registry.startsWith("http:") ? "an http registry in your own network needs --allow-private-addresses" : undefined,
  })
}

/** A URL without its query, which may hold a signature that grants access. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}

function failed(url: URL, why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("UPSTREAM_FAILED", `${shownUrl(url)}: ${why}`, { details: { url: shownUrl(url) }, cause })
}

interface SendOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  readonly signal: AbortSignal
  readonly lookup: LookupFunction
  readonly agent: HttpAgent | HttpsAgent
}

function send(url: URL, { body, ...options }: SendOptions, secure: boolean): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const start = secure ? httpsRequest : httpRequest
    const request = start(url, { ...options, method: body === undefined ? "GET" : "POST", timeout: FETCH_IDLE_TIMEOUT_MS }, resolve)
    request.on("timeout", () => request.destroy(new VouchsafeError("TIMEOUT", `${shownUrl(url)}: nothing came for ${FETCH_IDLE_TIMEOUT_MS / 1000} s`)))
    request.on("error", (error) => reject(fetchError(url, error)))
    request.end(body)
  })
}

/** Brings what sockets throw into the project's codes. */
export function fetchError(url: URL, error: unknown): VouchsafeError {
  if (isVouchsafeError(error)) return error
  const { name, code } = error as { name?: string; code?: string }
  if (name === "TimeoutError" || (name === "AbortError" && (error as { cause?: { name?: string } }).cause?.name === "TimeoutError")) {
    return new VouchsafeError("TIMEOUT", `${shownUrl(url)}: took too long`, { details: { url: shownUrl(url) }, cause: error })
  }
  const why = code ?? (name === "AbortError" ? "given up" : "the connection failed")
  return new VouchsafeError("UNREACHABLE", `${shownUrl(url)}: ${why}`, { details: { url: shownUrl(url) }, cause: error })
}
