import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"
import { isVouchsafeError } from "@vouchsafe/core"
import type { EncodedBody, Negotiated } from "@vouchsafe/registry-view"
import { printable, TRIED_LENGTH_MAX } from "./denials.ts"
import type { PackumentAnswer } from "./packuments.ts"
import { streamVerified } from "./reread.ts"
import type { TarballOutcome } from "./tarballs.ts"
import type { Refusal } from "./types.ts"

const JSON_HEADERS = { "content-type": "application/json", "x-content-type-options": "nosniff" }

/** A small JSON answer. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: OutgoingHttpHeaders = {}, reason?: string): void {
  const bytes = Buffer.from(JSON.stringify(body))
  const all = { ...JSON_HEADERS, ...headers, "content-length": bytes.length }
  if (reason === undefined) response.writeHead(status, all)
  else response.writeHead(status, reason, all)
  response.end(response.req.method === "HEAD" ? undefined : bytes)
}

/** 403 in every form that some client shows: body, reason phrase, notice. No client retries it. */
export function sendRefusal(response: ServerResponse, { reason, detail }: Refusal): void {
  const line = printable(reason)
  sendJson(response, 403, { error: line, message: detail ?? line }, { "npm-notice": line, "cache-control": "no-store" }, line)
}

/** What went wrong on our side of the registry. */
export function sendFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) { response.destroy(); return }
  const code = isVouchsafeError(error) ? error.code : "UPSTREAM_FAILED"
  const message = error instanceof Error ? error.message : String(error)
  const hint = isVouchsafeError(error) && error.hint !== undefined ? `; ${error.hint}` : ""
  sendJson(response, code === "TIMEOUT" ? 504 : 502, { error: printable(`vouchsafe: ${code}: ${message}`, TRIED_LENGTH_MAX), message: printable(`${message}${hint}`, TRIED_LENGTH_MAX) })
}

/** Sends a document that is ready in all encodings. `no-cache`: clients ask us each time, which costs next to nothing. */
export function sendEncoded(request: IncomingMessage, response: ServerResponse, body: EncodedBody): void | Promise<void> {
  if (request.headers["if-none-match"] === body.etag) {
    response.writeHead(304, { etag: body.etag, "cache-control": "no-cache" }).end()
    return
  }
  const chosen = body.negotiate(request.headers["accept-encoding"] as string | undefined)
  if (chosen instanceof Promise) return chosen.then((negotiated) => sendNegotiated(request, response, body, negotiated))
  sendNegotiated(request, response, body, chosen)
}

function sendNegotiated(request: IncomingMessage, response: ServerResponse, { contentType, etag }: EncodedBody, { body, encoding }: Negotiated): void {
  const headers: OutgoingHttpHeaders = { "content-type": contentType, "content-length": body.length, etag, "cache-control": "no-cache", vary: "accept, accept-encoding", "x-content-type-options": "nosniff" }
  if (encoding !== undefined) headers["content-encoding"] = encoding
  response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : body)
}

export async function sendPackument(request: IncomingMessage, response: ServerResponse, answer: PackumentAnswer): Promise<void> {
  if (answer.ok) return sendEncoded(request, response, answer.body)
  response.writeHead(answer.status, { ...JSON_HEADERS, ...answer.headers, "content-length": answer.body.length })
  response.end(request.method === "HEAD" ? undefined : answer.body)
}

function tarballHeaders(sha512: string, size: number): OutgoingHttpHeaders {
  // no-cache: a client must not take an old answer for a new verdict. Never a 304, which would vouch for bytes that we cannot see.
  return { "content-type": "application/octet-stream", "content-length": size, etag: `"${sha512.slice(0, 64)}"`, "cache-control": "no-cache", "x-content-type-options": "nosniff" }
}

export function sendBytes(request: IncomingMessage, response: ServerResponse, { sha512, bytes }: { readonly sha512: string; readonly bytes: Buffer }): void {
  response.writeHead(200, tarballHeaders(sha512, bytes.length))
  response.end(request.method === "HEAD" ? undefined : bytes)
}

/** The registry's own refusal, and who else was asked. */
function sendUpstream(response: ServerResponse, { status, tried }: Extract<TarballOutcome, { kind: "upstream" }>): void {
  const told = tried === undefined ? undefined : printable(`the registry answered ${status}; and no node has it: ${tried}`, TRIED_LENGTH_MAX)
  sendJson(response, status, { error: told ?? (status === 404 ? "not_found" : `the registry answered ${status}`) })
}

/** @param onPoisoned - called when a cached file turned out to be changed; then the connection is cut */
export async function sendTarball(request: IncomingMessage, response: ServerResponse, outcome: TarballOutcome, onPoisoned: (sha512: string) => Promise<void>): Promise<void> {
  switch (outcome.kind) {
    case "refused": sendRefusal(response, outcome.refusal); return
    case "upstream": sendUpstream(response, outcome); return
    case "bytes": sendBytes(request, response, outcome); return
    case "file":
      response.writeHead(200, tarballHeaders(outcome.sha512, outcome.size))
      if (request.method === "HEAD") response.end()
      else if (!await streamVerified(response, outcome)) {
        try {
          await onPoisoned(outcome.sha512)
        } finally {
          response.destroy()
        }
      }
  }
}
