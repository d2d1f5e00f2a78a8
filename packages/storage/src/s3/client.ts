/**
 * Requests to object storage: signed, bounded in time and bytes, made again when their outcome is unknown. Every request made here may be
 * made twice: it stores the same bytes, or only reads.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { type Bytes, concatBytes, isVouchsafeError, shown, VouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { AwsV4Signer } from "aws4fetch"
import { OBJECT_ATTEMPTS_MAX, OBJECT_REQUEST_MS_MAX, OBJECT_RETRY_MS, REFUSAL_BYTES_MAX } from "../limits.ts"
import type { ObjectsAddress } from "./address.ts"
import type { ObjectsCredentials } from "./credentials.ts"

/** What requests need. The world comes in as arguments. */
export interface ObjectsClientOptions {
  readonly address: ObjectsAddress
  readonly credentials: ObjectsCredentials
  readonly clock?: Clock
  readonly fetch?: typeof globalThis.fetch
  readonly attemptsMax?: number
  readonly timeoutMs?: number
  /** Waits between attempts, milliseconds. */
  readonly pause?: (ms: number) => Promise<void>
}

/** One request. */
export interface ObjectsRequest {
  readonly method: "GET" | "PUT" | "DELETE"
  /** Below the bucket; characters that need no escape. "" is the bucket itself. */
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Bytes
  /** Bytes of an answer that is wanted. */
  readonly bytesMax: number
  /** Statuses that answer the question; others are failures. */
  readonly expected: readonly number[]
}

/** An answer with one of the expected statuses. */
export interface ObjectsAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Bytes
}

/** See {@link createObjectsClient}. */
export type ObjectsClient = (request: ObjectsRequest) => Promise<ObjectsAnswer>

const RETRIED_STATUS: ReadonlySet<number> = new Set([409, 429, 500, 502, 503, 504])
const KEY = /^[A-Za-z0-9._/-]*$/

const wait = (ms: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, ms)
})

async function readBody(response: Response, bytesMax: number, what: string): Promise<Bytes> {
  const chunks: Bytes[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > bytesMax) throw new VouchsafeError("UPSTREAM_FAILED", `${what}: the answer is over ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  const announced = response.headers.get("content-length")
  if (announced !== null && response.headers.get("content-encoding") === null && Number(announced) !== length) {
    throw new VouchsafeError("UNREACHABLE", `${what}: the answer ended after ${length} of ${shown(announced)} bytes`)
  }
  return concatBytes(...chunks)
}

/** The store's own word for what went wrong: `<Code>` of its answer. The rest may repeat what was sent. */
function codeIn(body: Bytes): string {
  const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(Buffer.from(body).toString("utf8"))?.[1]
  return code === undefined ? "" : ` ${code}`
}

function asWorldError(what: string, error: unknown): VouchsafeError {
  if (isVouchsafeError(error)) return error
  const isTimeout = error instanceof Error && error.name === "TimeoutError"
  const cause = error instanceof Error ? error.cause : undefined
  const reason = cause instanceof Error && "code" in cause ? String(cause.code) : error instanceof Error ? error.message : String(error)
  // Not the error itself: it may hold the request with its signature.
  return new VouchsafeError(isTimeout ? "TIMEOUT" : "UNREACHABLE", `${what}: ${isTimeout ? "no answer in time" : shown(reason)}`)
}

/**
 * Makes a client for one bucket.
 *
 * Its requests reject with UNREACHABLE or TIMEOUT when the last attempt got no answer, UPSTREAM_FAILED for any status that was not expected.
 */
export function createObjectsClient(options: ObjectsClientOptions): ObjectsClient {
  const { address, credentials, fetch = globalThis.fetch, attemptsMax = OBJECT_ATTEMPTS_MAX, timeoutMs = OBJECT_REQUEST_MS_MAX, pause = wait } = options
  const clock = options.clock ?? { nowMs: Date.now }
  // Signing keys by day and region: deriving one takes four HMACs.
  const derived = new Map<string, ArrayBuffer>()

  const attempt = async (request: ObjectsRequest, what: string): Promise<ObjectsAnswer> => {
    const { method, key, query = {}, headers = {}, body, bytesMax, expected } = request
    // A listing's path is the bucket itself: some stores sign it differently with a slash at its end.
    const url = new URL(key === "" ? address.bucketUrl.slice(0, -1) : `${address.bucketUrl}${key}`)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const bodyHash = createHash("sha256").update(body ?? "").digest("hex")
    const signed = await new AwsV4Signer({
      method, url: url.href, service: "s3", region: address.region, ...credentials, cache: derived,
      datetime: new Date(clock.nowMs()).toISOString().replaceAll(/[:-]|\.[0-9]{3}/g, ""),
      // The store recomputes it: bytes damaged on the way are refused.
      headers: { ...headers, "x-amz-content-sha256": bodyHash },
    }).sign()
    const response = await fetch(signed.url, {
      method, headers: signed.headers, redirect: "manual", signal: AbortSignal.timeout(timeoutMs), ...(body === undefined ? {} : { body: Uint8Array.from(body) }),
    })
    const isExpected = expected.includes(response.status)
    const answer = { status: response.status, headers: response.headers, body: await readBody(response, isExpected ? bytesMax : REFUSAL_BYTES_MAX, what) }
    if (isExpected) return answer
    throw new VouchsafeError("UPSTREAM_FAILED", `${what}: answered ${response.status}${codeIn(answer.body)}`, { details: { status: response.status } })
  }

  return async (request) => {
    if (!KEY.test(request.key)) throw new RangeError(`an object's key is ${shown(request.key)}, expected letters, digits, ".", "_", "/" and "-"`)
    const what = `${address.shown}: ${request.method} ${request.key === "" ? "listing" : request.key}`
    for (let made = 1; ; made++) {
      try {
        return await attempt(request, what)
      } catch (error) {
        if (error instanceof RangeError) throw error
        const failure = asWorldError(what, error)
        const status = Number(failure.details["status"] ?? 0)
        if (made >= attemptsMax || (status !== 0 && !RETRIED_STATUS.has(status))) throw failure
      }
      await pause(OBJECT_RETRY_MS * 2 ** (made - 1))
    }
  }
}
