/**
 * The registry as an attester sees it: packuments, remembered for a while and revalidated, and tarballs, never remembered.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, Clock, PackumentOverview, RegistrySource, Timers } from "@vouchsafe/ports"
import { FETCH_ATTEMPT_PAUSES_MS, FETCH_TIMEOUT_MS, PACKUMENT_BYTES_MAX, PACKUMENT_CACHE_BYTES_MAX, PACKUMENT_FRESH_MS, PACKUMENTS_FETCHED_CONCURRENT_MAX } from "../limits.ts"
import { answered, downloadOf, parseAttestations, readBody } from "./answer.ts"
import type { GuardedFetch, GuardedResponse } from "./guarded-fetch.ts"
import { overviewIn, versionIn } from "./packument.ts"
import { createSemaphore } from "./semaphore.ts"

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
