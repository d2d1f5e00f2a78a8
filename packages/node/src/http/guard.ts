/**
 * The checks of THREATS A7 that come before any route: who does the request say it is for, and where does it come from.
 *
 * @packageDocumentation
 */
import type { IncomingMessage } from "node:http"
import { TARGET_LENGTH_MAX } from "../limits.ts"
import { type Answer, refusal } from "./answer.ts"

/** What one listener lets through. */
export interface GuardOptions {
  /** Tells whether a `Host` header names this listener. */
  readonly isOwnHost: (host: string, request: IncomingMessage) => boolean
}

/** Refuses a request before it is routed, or returns undefined. */
export function guardRequest(request: IncomingMessage, options: GuardOptions): Answer | undefined {
  const hosts = valuesOf(request, "host")
  const [host] = hosts
  if (host === undefined || hosts.length !== 1) {
    return refusal("REQUEST_MALFORMED", `${hosts.length} Host headers, expected exactly one`)
  }
  if (!options.isOwnHost(host.toLowerCase(), request)) {
    return refusal("WRONG_HOST", "the Host header names another server", "ask under the node's own address or its configured url (--url)")
  }
  const target = request.url ?? ""
  if (!target.startsWith("/") || target.length > TARGET_LENGTH_MAX) {
    return refusal("REQUEST_MALFORMED", `request target has ${target.length} characters, expected a path of at most ${TARGET_LENGTH_MAX} that starts with /`)
  }
  return request.method === "GET" || request.method === "HEAD" ? undefined : guardWrite(request)
}

/** A browser cannot forge these two, and no package manager or node sends them. */
function guardWrite(request: IncomingMessage): Answer | undefined {
  if (valuesOf(request, "origin").length > 0) {
    return refusal("CROSS_ORIGIN", "the request carries an Origin header, expected none", "this interface is not for web pages")
  }
  if (valuesOf(request, "sec-fetch-site").some((site) => site !== "none")) {
    return refusal("CROSS_ORIGIN", "Sec-Fetch-Site is not none", "this interface is not for web pages")
  }
  if (valuesOf(request, "content-encoding").some((coding) => coding.toLowerCase() !== "identity")) {
    return refusal("CONTENT_TYPE", "the request body is compressed, expected no content-encoding")
  }
  return undefined
}

/** Refuses a body of another type than JSON: what a page can send without asking first is never JSON. */
export function guardJson(request: IncomingMessage): Answer | undefined {
  const types = valuesOf(request, "content-type")
  const [type] = types
  if (types.length === 1 && type !== undefined && /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type)) return undefined
  return refusal("CONTENT_TYPE", "content-type is not application/json")
}

/** All values of one header, as sent: Node keeps only the first of some repeated headers. */
function valuesOf(request: IncomingMessage, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]?.toLowerCase() === name) values.push(request.rawHeaders[i + 1] ?? "")
  }
  return values
}

/**
 * The hosts that a public listener answers to: the host of its public URL, names of the machine itself with the port, and
 * the address on which this very connection came in. A name that somebody else points here (DNS rebinding) is not among them.
 */
export function ownHosts(publicUrl: string): GuardOptions["isOwnHost"] {
  const publicHost = new URL(publicUrl).host
  return (host, request) => {
    if (host === publicHost) return true
    const { localAddress, localPort } = request.socket
    if (localAddress === undefined || localPort === undefined) return false
    const address = localAddress.startsWith("::ffff:") ? localAddress.slice("::ffff:".length) : localAddress
    const names = ["localhost", "127.0.0.1", "[::1]", address.includes(":") ? `[${address}]` : address]
    return names.some((name) => host === `${name}:${localPort}` || (localPort === 80 && host === name))
  }
}
