/**
 * Answers as values, and the one place that writes them.
 *
 * @packageDocumentation
 */
import { escapeForDisplay } from "@vouchsafe/core"
import type { IncomingMessage, ServerResponse } from "node:http"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { GZIP_BYTES_MIN, GZIP_CONCURRENT_MAX } from "../limits.ts"

/** One answer. Header names are lower case. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Further parts of the body, sent as they come: for what grows while it is read. Neither compressed nor announced by length. */
  readonly stream?: AsyncIterable<Uint8Array>
}

/** Statuses of refusals with the code that their body carries (spec/node-http.md, "Errors"). */
export const STATUS_OF_CODE = {
  REQUEST_MALFORMED: 400,
  UNAUTHENTICATED: 401,
  NOT_ALLOWED: 403,
  CROSS_ORIGIN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TOO_SLOW: 408,
  NOT_OBSERVED: 409,
  REQUEST_TOO_LARGE: 413,
  CONTENT_TYPE: 415,
  WRONG_HOST: 421,
  RATE_LIMITED: 429,
  HEADERS_TOO_LARGE: 431,
  FAILED: 500,
  BUSY: 503,
  NOT_COSIGNED: 503,
} as const

/** What an error body may carry as its code. */
export type HttpCode = keyof typeof STATUS_OF_CODE

/**
 * On every answer, errors included: nothing here is a page, so nothing may run, be framed or be guessed at.
 * There is no `access-control-*`: no other origin has business here (THREATS A7).
 */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
}

const encoder = new TextEncoder()
const compress = promisify(gzip)

/** An answer with text. */
export function textAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...headers }, body: encoder.encode(text) }
}

/** An answer with JSON. */
export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return textAnswer(status, `${JSON.stringify(value)}\n`, { "content-type": "application/json", ...headers })
}

/** A refusal. `message` says what was expected and found; control characters in it are escaped. */
export function refusal(code: HttpCode, message: string, hint?: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const error = { code, message: escapeForDisplay(message), ...(hint === undefined ? {} : { hint: escapeForDisplay(hint) }) }
  return jsonAnswer(STATUS_OF_CODE[code], { error }, headers)
}

let compressing = 0

/** Writes an answer, compressed where the client accepts it, it pays, and it is not already immutable small change. */
export async function writeAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  if (response.destroyed || response.headersSent) return
  if (answer.stream !== undefined) {
    response.writeHead(answer.status, { ...SAFE_HEADERS, ...answer.headers })
    await writeStream(request, response, answer.body, answer.stream)
    return
  }
  let body = answer.body
  const headers: Record<string, string> = { ...SAFE_HEADERS, ...answer.headers }
  const worth = body.length >= GZIP_BYTES_MIN && headers["content-type"] !== "application/octet-stream" && compressing < GZIP_CONCURRENT_MAX
  if (worth) headers["vary"] = "accept-encoding"
  if (worth && acceptsGzip(request.headers["accept-encoding"])) {
    compressing += 1
    try {
      body = await compress(body, { level: 1 })
      headers["content-encoding"] = "gzip"
    } finally {
      compressing -= 1
    }
  }
  headers["content-length"] = String(body.length)
  response.writeHead(answer.status, headers)
  response.end(request.method === "HEAD" ? undefined : body)
}

/** Writes parts as they come, no faster than they are read; ends early when the reader has gone. */
async function writeStream(request: IncomingMessage, response: ServerResponse, first: Uint8Array, rest: AsyncIterable<Uint8Array>): Promise<void> {
  const gone = new Promise<void>((resolve) => response.once("close", resolve))
  const write = async (part: Uint8Array): Promise<void> => {
    if (response.write(part)) return
    await Promise.race([gone, new Promise<void>((resolve) => response.once("drain", resolve))])
  }
  if (request.method === "HEAD") {
    response.end()
    return
  }
  response.flushHeaders()
  if (first.length > 0) await write(first)
  for await (const part of rest) {
    if (response.destroyed) return
    await write(part)
  }
  response.end()
}

/** True when gzip is named with a weight other than 0. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  if (typeof header !== "string") return false
  return header.split(",").some((part) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[0-9.]+\s*)?$/i.test(part))
}
