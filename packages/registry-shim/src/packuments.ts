/**
 * Packuments of upstream, rewritten once per upstream version and kept ready to send.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import {
  ABBREVIATED_TYPE, createLru, type Denial, type DistEntry, encodeBody, type EncodedBody, PACKUMENT_BYTES_MAX, rewritePackument, rewriteVersion, tarballPath,
} from "@vouchsafe/registry-view"
import { ACCEPT_ENCODING, type Budget, createBudget, readWhole } from "./body.ts"
import { collectGarbage, countRemains, type Remains } from "./collect.ts"
import {
  DIST_BYTES_MAX, DIST_ENTRY_BYTES, PACKED_FACTOR, PACKUMENT_BYTES_GUESS, PACKUMENT_BYTES_IN_FLIGHT_MAX, PACKUMENT_FRESH_MS, PACKUMENTS_BYTES_MAX,
} from "./limits.ts"
import type { Registries, ShimClock } from "./types.ts"
import type { Upstream, UpstreamResponse } from "./upstream.ts"

export type Form = "full" | "abbreviated"

/** A document to send, or upstream's own refusal. */
export type PackumentAnswer =
  | { readonly ok: true; readonly body: EncodedBody }
  | { readonly ok: false; readonly status: number; readonly body: Buffer; readonly headers: Readonly<Record<string, string>> }

export interface Packuments {
  get(name: string, form: Form): Promise<PackumentAnswer>
  /** The document that is kept and still fresh; saves hot requests a promise. */
  fresh(name: string, form: Form): EncodedBody | undefined
  /** `/<name>/<version or tag>`. */
  version(name: string, selector: string): Promise<PackumentAnswer>
  /** Where upstream keeps a version, from what is known without asking. */
  knownDist(name: string, version: string): DistEntry | undefined
  /** The same, asking upstream. Undefined: no such version. */
  dist(name: string, version: string): Promise<DistEntry | undefined>
  /** The next request asks upstream again: the package was written to. */
  forget(name: string): void
  /** The same where what is denied of a package changed. What its packument announced stays known: clients hold it. */
  renew(name: string): void
}

export interface PackumentsOptions {
  readonly upstream: Upstream
  readonly registries: Registries
  /** Base URL that clients know us by. */
  readonly base: () => string
  readonly clock: ShimClock
  /** Denials known for a package, by version. */
  readonly denied: (name: string) => ReadonlyMap<string, Denial> | undefined
  readonly exoticCode: string | undefined
}

interface Kept { readonly body: EncodedBody; readonly upstreamEtag: string | undefined; confirmedMs: number }
const ERROR_BYTES_MAX = 64 * 1024
const PASSED_HEADERS = ["www-authenticate", "npm-notice", "retry-after"]

export function createPackuments(options: PackumentsOptions): Packuments {
  const { upstream, registries, clock, denied, exoticCode } = options
  const kept = createLru<Kept>(PACKUMENTS_BYTES_MAX, ({ body }) => body.bytesHeld())
  const dists = createLru<ReadonlyMap<string, DistEntry>>(DIST_BYTES_MAX, (map) => map.size * DIST_ENTRY_BYTES)
  const loading = new Map<string, Promise<PackumentAnswer>>()
  // a write or a denial while a document is on its way makes that document old before it arrives
  const epochs = new Map<string, number>()
  const memory: Memory = { budget: createBudget(PACKUMENT_BYTES_IN_FLIGHT_MAX), remains: countRemains() }
  const isFresh = (entry: Kept): boolean => clock.nowMs() - entry.confirmedMs < PACKUMENT_FRESH_MS
  const rewriteOptions = (name: string) => {
    const known = denied(name)
    return { name, base: options.base(), ...(known === undefined ? {} : { denied: known }), ...(exoticCode === undefined ? {} : { exoticCode }) }
  }

  const load = async (name: string, form: Form): Promise<PackumentAnswer> => {
    const key = keyOf(name, form)
    const old = kept.get(key)
    const epoch = epochs.get(name) ?? 0
    const registry = registries.registryFor(name)
    const response = await upstream.get({
      url: `${registry}${name.replace("/", "%2f")}`, registry,
      headers: {
        accept: form === "abbreviated" ? `${ABBREVIATED_TYPE}; q=1.0, application/json; q=0.8` : "application/json", "accept-encoding": ACCEPT_ENCODING,
        ...(old?.upstreamEtag === undefined ? {} : { "if-none-match": old.upstreamEtag }),
      },
    })
    if (response.status === 304 && old !== undefined) {
      response.body.resume()
      old.confirmedMs = clock.nowMs()
      return { ok: true, body: old.body }
    }
    if (response.status !== 200) return passRefusal(response)
    const upstreamEtag = response.headers.etag
    const isCurrent = (): boolean => epoch === (epochs.get(name) ?? 0)
    return readAndRewrite(memory, response, async (bytes) => {
      const { json, abbreviated, dist } = rewritePackument(bytes, rewriteOptions(name), form)
      if (isCurrent()) dists.set(name, new Map([...dist].map(([version, entry]) => [version, compact(registry, name, version, entry)])))
      const keep = async (as: Form, chunks: readonly Buffer[]): Promise<EncodedBody> => {
        const body = await encodeBody(chunks, as === "abbreviated" ? ABBREVIATED_TYPE : "application/json")
        if (isCurrent()) kept.set(keyOf(name, as), { body, upstreamEtag: as === form ? upstreamEtag : undefined, confirmedMs: clock.nowMs() })
        return body
      }
      // who asks for one form often asks for the other next; a registry that answers in full gave us both
      const short = await keep("abbreviated", abbreviated)
      return { ok: true, body: json === abbreviated ? short : form === "full" ? await keep("full", json) : (await keep("full", json), short) }
    })
  }
  const get = (name: string, form: Form): Promise<PackumentAnswer> => {
    const key = keyOf(name, form)
    const held = kept.get(key)
    if (held && isFresh(held)) return Promise.resolve({ ok: true, body: held.body })
    const inFlight = loading.get(key)
    if (inFlight) return inFlight
    const started = load(name, form).finally(() => loading.delete(key))
    loading.set(key, started)
    return started
  }
  const renew = (name: string): void => {
    epochs.set(name, (epochs.get(name) ?? 0) + 1)
    for (const form of ["full", "abbreviated"] as const) { kept.delete(keyOf(name, form)); loading.delete(keyOf(name, form)) }
  }
  const knownDist = (name: string, version: string): DistEntry | undefined => expand(registries.registryFor(name), name, version, dists.get(name)?.get(version))

  return {
    get, knownDist,
    fresh(name, form) {
      const held = kept.get(keyOf(name, form))
      return held && isFresh(held) ? held.body : undefined
    },
    async version(name, selector) {
      const registry = registries.registryFor(name)
      const response = await upstream.get({ url: `${registry}${name.replace("/", "%2f")}/${encodeURIComponent(selector)}`, registry, headers: { accept: "application/json", "accept-encoding": ACCEPT_ENCODING } })
      if (response.status !== 200) return passRefusal(response)
      const body = await readAndRewrite(memory, response, (bytes) => encodeBody(rewriteVersion(bytes, rewriteOptions(name)).json, "application/json"))
      return { ok: true, body }
    },
    async dist(name, version) {
      const known = knownDist(name, version)
      if (known) return known
      const answer = await get(name, "abbreviated")
      if (!answer.ok && answer.status !== 404) throw new VouchsafeError("UPSTREAM_FAILED", `the registry answered ${answer.status} for ${name}`)
      return knownDist(name, version)
    },
    renew,
    forget(name) {
      renew(name)
      dists.delete(name)
    },
  }
}

function keyOf(name: string, form: Form): string {
  return `${form}\n${name}`
}

/** Most registries keep a tarball where everybody expects it: that address need not be remembered. */
function compact(registry: string, name: string, version: string, { tarball, integrity }: DistEntry): DistEntry {
  return { ...(tarball === undefined || tarball === `${registry}${tarballPath(name, version)}` ? {} : { tarball }), ...(integrity === undefined ? {} : { integrity }) }
}

function expand(registry: string, name: string, version: string, entry: DistEntry | undefined): DistEntry | undefined {
  return entry && { ...entry, tarball: entry.tarball ?? `${registry}${tarballPath(name, version)}` }
}

interface Memory { readonly budget: Budget; readonly remains: Remains }

/** Holds a share of the memory for documents while one is unpacked and rewritten. */
async function readAndRewrite<T>({ budget, remains }: Memory, response: UpstreamResponse, rewrite: (bytes: Buffer) => Promise<T>): Promise<T> {
  let release: (() => void) | undefined
  let length = 0
  try {
    const bytes = await readWhole(response, PACKUMENT_BYTES_MAX, async (announced, packed) => {
      release = await budget.acquire(announced === undefined ? PACKUMENT_BYTES_GUESS : packed ? announced * PACKED_FACTOR : announced)
    })
    length = bytes.length
    return await rewrite(bytes)
  } finally {
    // a turn later, when nothing on the stack holds the document any more, and before the next one is let in
    if (remains.add(length)) setImmediate(() => { collectGarbage(); release?.() })
    else release?.()
  }
}

async function passRefusal(response: UpstreamResponse): Promise<PackumentAnswer> {
  const text = await readWhole(response, ERROR_BYTES_MAX)
  const headers: Record<string, string> = {}
  for (const header of PASSED_HEADERS) {
    const value = response.headers[header]
    if (typeof value === "string") headers[header] = value
  }
  const status = response.status >= 400 ? response.status : 502
  return { ok: false, status, headers, body: text.length > 0 ? text : Buffer.from(JSON.stringify({ error: status === 404 ? "not_found" : `the registry answered ${response.status}` })) }
}
