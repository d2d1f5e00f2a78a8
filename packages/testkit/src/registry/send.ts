import type { ServerResponse } from "node:http"
import { gzipSync } from "node:zlib"
import { etagOf, type PackumentDoc } from "./store.ts"
import type { SeenRequest } from "./types.ts"
import type { JsonAnswer } from "./writes.ts"

export const ABBREVIATED_TYPE = "application/vnd.npm.install-v1+json"
const GZIP_BYTES_MIN = 1024

/** Sends a whole body and returns the status, for the record. */
export function send(response: ServerResponse, status: number, headers: Record<string, string>, body: Buffer): number {
  response.writeHead(status, status === 304 ? headers : { ...headers, "content-length": body.length })
  response.end(response.req.method === "HEAD" ? undefined : body)
  return status
}

export function sendJson(response: ServerResponse, { status, body }: JsonAnswer): number {
  return send(response, status, { "content-type": "application/json" }, Buffer.from(JSON.stringify(body)))
}

/** A packument with ETag, 304 and gzip as a real registry sends it. */
export function sendPackument(request: SeenRequest, response: ServerResponse, doc: PackumentDoc, short: boolean): number {
  const body = Buffer.from(JSON.stringify(doc))
  const etag = etagOf(body)
  if (request.headers["if-none-match"] === etag) return send(response, 304, { etag }, Buffer.alloc(0))
  const zip = body.length >= GZIP_BYTES_MIN && /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""))
  const headers = { "content-type": short ? ABBREVIATED_TYPE : "application/json", etag, vary: "accept, accept-encoding", "cache-control": "public, max-age=300" }
  return zip ? send(response, 200, { ...headers, "content-encoding": "gzip" }, gzipSync(body)) : send(response, 200, headers, body)
}
