/**
 * Everything a registry answers that is no package: search, audit, keys, attestations, login, publish. Streamed in both directions, untouched,
 * with one rule: nothing that could be a package's bytes leaves this way.
 *
 * @packageDocumentation
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"
import { VouchsafeError } from "@vouchsafe/core"
import { SNIFF_BYTES } from "./limits.ts"
import { sendJson } from "./send.ts"
import type { Upstream, UpstreamResponse } from "./upstream.ts"

/** Headers about this connection, or meant for us. */
const NOT_FORWARDED = new Set(["host", "connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "authorization", "cookie", "expect"])
const NOT_RETURNED = new Set(["connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "set-cookie", "location", "strict-transport-security", "alt-svc"])
const READABLE_TYPE = /^(?:text\/(?:plain|html)|application\/(?:json|[a-z0-9.+-]+\+json|vnd\.npm\.[a-z0-9.+-]+))\s*(?:;|$)/i
/** Codings that only wrap a document for the way. */
const KNOWN_ENCODING = /^(?:identity|gzip|br|deflate|zstd)$/i
const GZIP_MAGIC = [0x1f, 0x8b] as const
const REDIRECT_MIN = 300
const REDIRECT_MAX = 399
const NOT_MODIFIED = 304

export interface Passage {
  readonly upstream: Upstream
  /** Where to, chosen by the package's scope. */
  readonly registry: string
  /** Path and query below the registry's base, without the leading slash, as the client wrote it. */
  readonly target: string
}

/** @throws VouchsafeError operational: upstream failed before a byte was answered */
export async function passThrough(request: IncomingMessage, response: ServerResponse, { upstream, registry, target }: Passage): Promise<void> {
  const url = `${registry}${target}`
  const headers = forwarded(request)
  const method = request.method ?? "GET"
  const hasBody = method !== "GET" && method !== "HEAD"
  const answer = method === "GET" ? await upstream.get({ url, registry, headers }) : await upstream.send({ method, url, registry, headers, ...(hasBody ? { body: request } : {}) })
  const why = refusalOf(answer)
  if (why !== undefined) {
    answer.body.destroy()
    throw new VouchsafeError("UPSTREAM_FAILED", `${new URL(url).host} ${why}, which is not passed on`)
  }
  await pipe(request, response, answer)
}

/** Answers a path that no registry has: what lies there, if anything, could be a package's bytes. */
export function refuseUnknown(response: ServerResponse, why: string): void {
  sendJson(response, 403, { error: `vouchsafe: unknown address: ${why}`, message: "only addresses of the npm registry are passed on" }, {}, "vouchsafe: unknown address")
}

function forwarded(request: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  // a header that the client names as this connection's own is not for upstream
  const named = new Set((request.headers.connection ?? "").toLowerCase().split(",").map((name) => name.trim()))
  for (const [name, value] of Object.entries(request.headers)) if (!NOT_FORWARDED.has(name) && !named.has(name)) headers[name] = value
  return headers
}

/** What is wrong with an answer's head; undefined when nothing is. */
function refusalOf({ status, headers }: UpstreamResponse): string | undefined {
  if (status >= REDIRECT_MIN && status <= REDIRECT_MAX && status !== NOT_MODIFIED) return `redirects (${status})`
  const encoding = headers["content-encoding"]
  if (encoding !== undefined && !KNOWN_ENCODING.test(encoding)) return `answered in the encoding ${JSON.stringify(encoding).slice(0, 40)}`
  return undefined
}

async function pipe(request: IncomingMessage, response: ServerResponse, answer: UpstreamResponse): Promise<void> {
  const headers: OutgoingHttpHeaders = { "x-content-type-options": "nosniff" }
  for (const [name, value] of Object.entries(answer.headers)) {
    if (!NOT_RETURNED.has(name) && !name.startsWith("access-control-")) headers[name] = value
  }
  response.on("close", () => answer.body.destroy())
  let started = false
  let head = Buffer.alloc(0)
  const start = (): void => {
    started = true
    response.writeHead(answer.status, headers)
    if (head.length > 0) response.write(head)
  }
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      if (!started) {
        head = Buffer.concat([head, chunk])
        if (head.length < SNIFF_BYTES) continue
        refusePackageBytes(answer, head)
        start()
      } else if (!response.write(chunk)) await drained(response)
      if (response.destroyed) return
    }
  } catch (cause) {
    answer.body.destroy()
    throw cause instanceof VouchsafeError ? cause : new VouchsafeError("UPSTREAM_FAILED", `${new URL(answer.url).host} cut the connection`, { cause })
  }
  if (!started) {
    if (head.length > 0) refusePackageBytes(answer, head)
    start()
  }
  response.end()
}

/** An empty body may have any type or none; one with bytes must be a document. */
function refusePackageBytes({ headers, url }: UpstreamResponse, head: Buffer): void {
  const type = headers["content-type"]
  const plain = headers["content-encoding"] === undefined || headers["content-encoding"] === "identity"
  const found = type === undefined || !READABLE_TYPE.test(type) ? `the content type ${JSON.stringify(type ?? "none").slice(0, 80)}`
    : plain && head[0] === GZIP_MAGIC[0] && head[1] === GZIP_MAGIC[1] ? "compressed bytes under a text type" : undefined
  if (found !== undefined) throw new VouchsafeError("UPSTREAM_FAILED", `${new URL(url).host} answered with ${found}, which is not passed on`)
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done)
      resolve()
    }
    response.on("drain", done).on("close", done)
  })
}
