/**
 * Connections to hosts that somebody else may have named (THREATS A8): names are resolved once, every address is judged, and the
 * socket goes to exactly what was judged.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { lookup as systemLookup } from "node:dns/promises"
import { request as httpRequest, type IncomingMessage } from "node:http"
import { request as httpsRequest } from "node:https"
import { isIP } from "node:net"
import { isPublicAddress } from "./addresses.ts"

const REDIRECTS_MAX = 5
/** A server that is silent for so long has gone. */
const IDLE_MS_MAX = 60_000

/** Resolves a host name to all its addresses; rejects where it has none. Tests inject one. */
export type Resolve = (host: string) => Promise<readonly string[]>

export const resolveBySystem: Resolve = async (host) => (await systemLookup(host, { all: true })).map(({ address }) => address)

/**
 * The address to connect to: the first of a host, where all of them may be connected to.
 * @param host - a name, or an address as URLs write it
 * @throws VouchsafeError ADDRESS_REFUSED, UNREACHABLE
 */
export async function pinAddress(host: string, resolve: Resolve, allowPrivate: boolean): Promise<string> {
  const bare = host.startsWith("[") ? host.slice(1, -1) : host
  const addresses = isIP(bare) !== 0 ? [bare] : await resolve(bare).catch((cause: unknown) => {
    throw new VouchsafeError("UNREACHABLE", `host ${shown(bare)} cannot be resolved`, { cause })
  })
  const [first] = addresses
  if (first === undefined || isIP(first) === 0) throw new VouchsafeError("UNREACHABLE", `host ${shown(bare)} has no address`)
  const refused = allowPrivate ? undefined : addresses.find((address) => !isPublicAddress(address))
  if (refused !== undefined) {
    throw new VouchsafeError("ADDRESS_REFUSED", `host ${shown(bare)} is at ${refused}, expected a public address`, { hint: "a network of your own is reached with private addresses allowed" })
  }
  return first
}

/** One answer of an upstream registry. */
export interface UpstreamAnswer {
  readonly status: number
  readonly body: AsyncIterable<Uint8Array>
  /** Gives the connection up. */
  close(): void
}

/** Gets an URL, without credentials and without cookies. Rejects with UNREACHABLE, TIMEOUT, ADDRESS_REFUSED, UPSTREAM_FAILED. */
export type UpstreamFetch = (url: string, accept: string, signal: AbortSignal) => Promise<UpstreamAnswer>

export interface GuardOptions {
  /** Base URLs that the person configured: their hosts may have any address, and may speak http. */
  readonly registries: readonly string[]
  readonly allowPrivateAddresses: boolean
  readonly resolve?: Resolve
}

/** The fetch of a view. Each hop of a redirect passes the same guard. */
export function createUpstreamFetch(options: GuardOptions): UpstreamFetch {
  const origins = new Set(options.registries.map((registry) => new URL(registry).origin))
  const resolve = options.resolve ?? resolveBySystem
  return async (text, accept, signal) => {
    let url = readUrl(text)
    for (let redirects = 0; ; redirects++) {
      const own = origins.has(url.origin) || options.allowPrivateAddresses
      if (url.protocol !== "https:" && !(url.protocol === "http:" && own)) throw new VouchsafeError("ADDRESS_REFUSED", `${place(url)} is not https, expected TLS on every hop`)
      const address = await pinAddress(url.hostname, resolve, own)
      const answer = await send(url, address, accept, signal)
      const status = answer.statusCode ?? 0
      const { location } = answer.headers
      if (status < 300 || status > 399 || location === undefined) return { status, body: answer, close: () => answer.destroy() }
      answer.destroy()
      if (redirects === REDIRECTS_MAX) throw new VouchsafeError("UPSTREAM_FAILED", `${place(url)} redirected more than ${REDIRECTS_MAX} times`)
      url = readUrl(location, url)
    }
  }
}

function send(url: URL, address: string, accept: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === "https:"
    const family = isIP(address)
    const request = (secure ? httpsRequest : httpRequest)(url, {
      method: "GET", headers: { accept, "accept-encoding": "identity" }, agent: false, signal, timeout: IDLE_MS_MAX,
      lookup: (_host, options, done) => (options.all === true ? done(null, [{ address, family }]) : done(null, address, family)),
    }, resolve)
    request.on("timeout", () => request.destroy(new VouchsafeError("TIMEOUT", `${place(url)}: nothing came for ${IDLE_MS_MAX} ms`)))
    request.on("error", (cause) => reject(cause instanceof VouchsafeError ? cause : new VouchsafeError(signal.aborted ? "TIMEOUT" : "UNREACHABLE", `${place(url)}: ${signal.aborted ? "took too long" : "the connection failed"}`, { cause })))
    request.end()
  })
}

function readUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined
  if (url === undefined) throw new VouchsafeError("UPSTREAM_FAILED", "the registry named a URL that cannot be read")
  // what stands there would be sent as a credential
  url.username = ""
  url.password = ""
  url.hash = ""
  return url
}

/** A URL without its query, which may hold what grants access. */
function place(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}
