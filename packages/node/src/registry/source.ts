/**
 * The registry as an attester sees it: packuments, remembered for a while and revalidated, and tarballs, never remembered.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, Clock, PackumentOverview, RegistrySource, TarballDownload, Timers } from "@vouchsafe/ports"
import { ATTESTATIONS_BYTES_MAX } from "@vouchsafe/sigstore"
import { type BrotliDecompress, createBrotliDecompress, createGunzip, type Gunzip } from "node:zlib"
import { FETCH_ATTEMPT_PAUSES_MS, FETCH_TIMEOUT_MS, PACKUMENT_BYTES_MAX, PACKUMENT_CACHE_BYTES_MAX, PACKUMENT_FRESH_MS, PACKUMENT_LARGE_BYTES, PACKUMENTS_FETCHED_CONCURRENT_MAX } from "../limits.ts"
import { fetchError, type GuardedFetch, type GuardedResponse } from "./guarded-fetch.ts"
import { overviewIn, versionIn } from "./packument.ts"
import { createSemaphore, type Semaphore } from "./semaphore.ts"

/** What a source works with. */
export interface SourceOptions {
  readonly fetch: GuardedFetch
  /** Value of the `authorization` header for a registry id, if any. */
  readonly authorizationFor: (registry: string) => string | undefined
  readonly clock: Clock
  readonly timers: Timers
}

interface Packument {
  readonly body: Buffer
  /** Read once, however many versions are observed. */
  overview?: Omit<PackumentOverview, "readAt"> | undefined
  readonly etag: string | undefined
  readonly checkedAtMs: number
}

const RETRIED_STATUSES: ReadonlySet<number> = new Set([429, 500, 502, 503, 504])

/** Makes the registry source of a node. */
export function createRegistrySource(options: SourceOptions): RegistrySource {
  const cache = new Map<string, Packument>()
  const inFlight = new Map<string, Promise<Packument | undefined>>()
  const fetching = createSemaphore(PACKUMENTS_FETCHED_CONCURRENT_MAX)
  const large = createSemaphore(1)

  const keep = (key: string, packument: Packument): void => {
    cache.delete(key)
    if (packument.body.length > PACKUMENT_CACHE_BYTES_MAX / 4) return
    cache.set(key, packument)
    let bytes = 0
    for (const { body } of cache.values()) bytes += body.length
    for (const [oldest, { body }] of cache) {
      if (bytes <= PACKUMENT_CACHE_BYTES_MAX) return
      cache.delete(oldest)
      bytes -= body.length
    }
  }

  const download = async (registry: string, name: string, key: string): Promise<Packument | undefined> => {
    const known = cache.get(key)
    const url = packumentUrl(registry, name)
    if (url === undefined) return undefined
    const headers = {
      // The full form: only it says when a version was published and by whom.
      accept: "application/json", "accept-encoding": "gzip, br",
      ...(known?.etag === undefined ? {} : { "if-none-match": known.etag }),
    }
    const response = await withRetries(options.timers, () => options.fetch.get({ url, access: access(registry), headers, timeoutMs: FETCH_TIMEOUT_MS }))
    const { status } = response
    if (status === 200) {
      const packument = { body: await readBody(response, { what: "packument", bytesMax: PACKUMENT_BYTES_MAX, large }), etag: response.headers.etag, checkedAtMs: options.clock.nowMs() }
      keep(key, packument)
      return packument
    }
    response.body.destroy()
    if (status === 304 && known !== undefined) {
      const packument = { ...known, checkedAtMs: options.clock.nowMs() }
      keep(key, packument)
      return packument
    }
    if (status === 404 || status === 410) {
      cache.delete(key)
      return undefined
    }
    throw answered(response)
  }

  const fetchAttestations = async (url: string, registry: string): Promise<unknown> => {
    const headers = { accept: "application/json", "accept-encoding": "gzip, br" }
    const response = await withRetries(options.timers, () => options.fetch.get({ url, access: access(registry), headers, timeoutMs: FETCH_TIMEOUT_MS }))
    if (response.status === 200) return parseAttestations(response)
    response.body.destroy()
    if (response.status === 404 || response.status === 410) return undefined
    throw answered(response)
  }

  const access = (registry: string) => ({ registry, authorization: options.authorizationFor(registry) })

  const packumentOf = (registry: string, name: string): Promise<Packument | undefined> => {
    const key = `${registry}\n${name}`
    const known = cache.get(key)
    if (known !== undefined && Math.abs(options.clock.nowMs() - known.checkedAtMs) < PACKUMENT_FRESH_MS) return Promise.resolve(known)
    const shared = inFlight.get(key)
    if (shared !== undefined) return shared
    const started = fetching.run(() => download(registry, name, key)).finally(() => inFlight.delete(key))
    inFlight.set(key, started)
    return started
  }

  return {
    async packumentVersion({ name, version, registry, signal }) {
      const packument = await abortable(packumentOf(registry, name), signal)
      return packument === undefined ? undefined : versionIn(packument.body, version)
    },
    async packument({ name, registry, signal }) {
      const packument = await abortable(packumentOf(registry, name), signal)
      if (packument === undefined) return undefined
      const readAt = Math.floor(packument.checkedAtMs / 1000)
      packument.overview ??= overviewIn(packument.body, readAt)
      return { ...packument.overview, readAt }
    },
    async attestations({ name, version, registry, signal }) {
      const url = attestationsUrl(registry, name, version)
      if (url === undefined) return undefined
      return abortable(fetchAttestations(url, registry), signal)
    },
    async tarball({ url, registry, signal }) {
      const headers = { accept: "application/octet-stream", "accept-encoding": "identity" }
      const abort = new AbortController()
      const giveUp = (): void => abort.abort()
      signal?.addEventListener("abort", giveUp)
      if (signal?.aborted === true) giveUp()
      const release = (): void => signal?.removeEventListener("abort", giveUp)
      try {
        const response = await withRetries(options.timers, () => options.fetch.get({ url, access: access(registry), headers, timeoutMs: FETCH_TIMEOUT_MS, signal: abort.signal }))
        return downloadOf(response, release)
      } catch (error) {
        release()
        throw error
      }
    },
  }
}

/** Where a package's packument is; undefined for a name that would leave the registry's path. */
function packumentUrl(registry: string, name: string): string | undefined {
  const url = `${registry}${name.split("/").map(encodeURIComponent).join("%2f").replace(/^%40/, "@")}`
  return new URL(url).href === url ? url : undefined
}

/** Where a version's attestations are; undefined for a name that would leave the registry's path. */
function attestationsUrl(registry: string, name: string, version: string): string | undefined {
  const url = `${registry}-/npm/v1/attestations/${encodeURIComponent(name).replace(/^%40/, "@")}@${encodeURIComponent(version)}`
  return new URL(url).href === url ? url : undefined
}

async function parseAttestations(response: GuardedResponse): Promise<unknown> {
  const { host, pathname } = new URL(response.url)
  const body = await readBody(response, { what: "attestations document", bytesMax: ATTESTATIONS_BYTES_MAX })
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown
  } catch (cause) {
    throw new VouchsafeError("UPSTREAM_FAILED", `${host}${pathname}: the attestations document is no JSON`, { cause })
  }
}

interface BodyBounds {
  readonly what: string
  readonly bytesMax: number
  /** Lets one at a time be large. */
  readonly large?: Semaphore
}

async function readBody(response: GuardedResponse, { what, bytesMax, large }: BodyBounds): Promise<Buffer> {
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

function downloadOf(response: GuardedResponse, release: () => void): TarballDownload {
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

function answered(response: GuardedResponse): VouchsafeError {
  const { host, pathname } = new URL(response.url)
  return new VouchsafeError("UPSTREAM_FAILED", `${host}${pathname} answered ${response.status}, expected 200`, { details: { status: response.status } })
}

/** Asks again after short pauses where the registry's failure may pass: a cut connection, a busy server. */
async function withRetries(timers: Timers, attempt: () => Promise<GuardedResponse>): Promise<GuardedResponse> {
  for (const pauseMs of FETCH_ATTEMPT_PAUSES_MS) {
    try {
      const response = await attempt()
      if (!RETRIED_STATUSES.has(response.status)) return response
      response.body.destroy()
    } catch (error) {
      if (!isVouchsafeError(error, "UNREACHABLE")) throw error
    }
    await new Promise<void>((resolve) => timers.after(pauseMs, resolve))
  }
  return await attempt()
}

/** Leaves a shared download to the others when this asker gives up. */
function abortable<T>(work: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new VouchsafeError("TIMEOUT", "the observation took too long"))
    if (signal.aborted) giveUp()
    signal.addEventListener("abort", giveUp)
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp))
  })
}
