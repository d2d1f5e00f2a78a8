/**
 * What a registry answered: a document, decompressed within bounds; a tarball, as it comes; or something else than 200.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { TarballDownload } from "@vouchsafe/ports"
import { ATTESTATIONS_BYTES_MAX } from "@vouchsafe/sigstore"
import { type BrotliDecompress, createBrotliDecompress, createGunzip, type Gunzip } from "node:zlib"
import { PACKUMENT_LARGE_BYTES } from "../limits.ts"
import { fetchError, type GuardedResponse } from "./guarded-fetch.ts"
import type { Semaphore } from "./semaphore.ts"

/** Reads a version's attestations, as JSON. Rejects with UPSTREAM_FAILED, and as the fetch does. */
export async function parseAttestations(response: GuardedResponse): Promise<unknown> {
  const { host, pathname } = new URL(response.url)
  const body = await readBody(response, { what: "attestations document", bytesMax: ATTESTATIONS_BYTES_MAX })
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown
  } catch (cause) {
    throw new VouchsafeError("UPSTREAM_FAILED", `${host}${pathname}: the attestations document is no JSON`, { cause })
  }
}

/** How much is read of a body, and how it is called where it is refused. */
export interface BodyBounds {
  readonly what: string
  readonly bytesMax: number
  /** Lets one at a time be large. */
  readonly large?: Semaphore
}

/** Reads a body whole, decompressed. Rejects with UPSTREAM_FAILED, and as the fetch does. */
export async function readBody(response: GuardedResponse, { what, bytesMax, large }: BodyBounds): Promise<Buffer> {
  const url = new URL(response.url)
  const chunks: Buffer[] = []
  let length = 0
  let release: (() => void) | undefined
  try {
    for await (const chunk of decode(response) as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > bytesMax) throw new VouchsafeError("UPSTREAM_FAILED", `${url.host}${url.pathname}: the ${what} has more than ${bytesMax} bytes`)
      // Very large ones come one at a time, so that their sum is bounded too; the others' senders wait.
      if (large !== undefined && length > PACKUMENT_LARGE_BYTES && release === undefined) release = await large.acquire()
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    throw isUndecodable(error) ? new VouchsafeError("UPSTREAM_FAILED", `${url.host}${url.pathname}: the ${what} cannot be decompressed`, { cause: error }) : fetchError(url, error)
  } finally {
    release?.()
    response.body.destroy()
  }
}

/** zlib's own codes: the bytes came, and are no gzip or brotli. */
function isUndecodable(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === "string" && (code.startsWith("Z_") || code.startsWith("ERR_BROTLI") || code.startsWith("ERR__ERROR_FORMAT"))
}

function decode(response: GuardedResponse): GuardedResponse["body"] | Gunzip | BrotliDecompress {
  const coding = response.headers["content-encoding"] ?? "identity"
  if (coding === "identity") return response.body
  if (coding !== "gzip" && coding !== "br") throw new VouchsafeError("UPSTREAM_FAILED", "the registry used a content-encoding that was not offered to it")
  const decoder = coding === "gzip" ? createGunzip() : createBrotliDecompress()
  response.body.on("error", (error) => decoder.destroy(error))
  return response.body.pipe(decoder)
}

/**
 * A tarball's bytes as stored. `release` is called when they have ended, however they end.
 * @throws VouchsafeError UPSTREAM_FAILED.
 */
export function downloadOf(response: GuardedResponse, release: () => void): TarballDownload {
  const { body, headers } = response
  if (response.status !== 200) {
    body.destroy()
    throw answered(response)
  }
  const coding = headers["content-encoding"] ?? "identity"
  if (coding !== "identity") {
    body.destroy()
    throw new VouchsafeError("UPSTREAM_FAILED", `the registry sent the tarball with content-encoding ${coding === "gzip" ? "gzip" : "of another kind"}, expected the bytes as stored`)
  }
  const announced = headers["content-length"]
  return { size: announced === undefined ? undefined : Number(announced), chunks: chunksOf(response, release) }
}

async function* chunksOf(response: GuardedResponse, release: () => void): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) yield chunk
  } catch (error) {
    throw fetchError(new URL(response.url), error)
  } finally {
    release()
    response.body.destroy()
  }
}

/** An answer that is none of those that are understood. */
export function answered(response: GuardedResponse): VouchsafeError {
  const { host, pathname } = new URL(response.url)
  return new VouchsafeError("UPSTREAM_FAILED", `${host}${pathname} answered ${response.status}, expected 200`, { details: { status: response.status } })
}
