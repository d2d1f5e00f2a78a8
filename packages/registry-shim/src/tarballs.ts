/**
 * One tarball, from a request to verified bytes: known digest or download, the network's verdict on the very bytes, then the answer.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, npmPurl, sha512OfSri, type Verdict, VouchsafeError } from "@vouchsafe/core"
import { createLru, type DistEntry, tarballPath } from "@vouchsafe/registry-view"
import type { Asker } from "./batch.ts"
import { type Denials, ownRefusal, refusalOf } from "./denials.ts"
import { download, type Downloaded } from "./download.ts"
import { type Fallback, isFailureOfRegistry, isLost } from "./fallback.ts"
import { HOT_TARBALL_BYTES_MAX, HOT_TARBALLS_BYTES_MAX } from "./limits.ts"
import type { Packuments } from "./packuments.ts"
import { readSmall } from "./reread.ts"
import type { TarballStore } from "./store.ts"
import type { Refusal, Registries, ShimEvent } from "./types.ts"
import type { Upstream } from "./upstream.ts"

/** Bytes that may be passed on, or the reason why not. */
export type TarballOutcome =
  | { readonly kind: "bytes"; readonly sha512: string; readonly bytes: Buffer }
  /** To be streamed, hashed again on the way. */
  | { readonly kind: "file"; readonly sha512: string; readonly path: string; readonly size: number }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** Upstream has no such thing, or would not hand it out. */
  | { readonly kind: "upstream"; readonly status: number; /** Who else was asked, and why that was in vain. */ readonly tried?: string }

export interface Tarballs {
  /** @throws VouchsafeError operational: upstream or disk failed */
  get(name: string, version: string): Promise<TarballOutcome>
  /** The answer, if it is in memory and its verdict was given a moment ago. */
  hot(name: string, version: string): { readonly sha512: string; readonly bytes: Buffer } | undefined
  /** Versions whose bytes were passed on. */
  allowed(): number
}

export interface TarballsOptions {
  readonly registries: Registries
  readonly upstream: Upstream
  readonly packuments: Packuments
  readonly asker: Asker
  readonly store: TarballStore
  readonly denials: Denials
  /** Where else bytes may come from; absent: from nowhere. */
  readonly fallback?: Fallback | undefined
  readonly emit: (event: ShimEvent) => void
}

interface Wanted { readonly name: string; readonly version: string; readonly purl: string; readonly registry: string }
interface Hot { readonly sha512: string; readonly bytes: Buffer; readonly wanted: Wanted }

export function createTarballs(options: TarballsOptions): Tarballs {
  const { registries, packuments, asker, store, denials, fallback, emit } = options
  const memory = createLru<Hot>(HOT_TARBALLS_BYTES_MAX, ({ bytes }) => bytes.length)
  const loading = new Map<string, Promise<TarballOutcome>>()
  const allowed = new Set<string>()
  const keyOf = (name: string, version: string): string => `${name}\n${version}`

  const refuse = (wanted: Wanted, refusal: Refusal): TarballOutcome => {
    if (denials.add(wanted.purl, refusal)) packuments.renew(wanted.name)
    memory.delete(keyOf(wanted.name, wanted.version))
    return { kind: "refused", refusal }
  }
  const judge = (wanted: Wanted, sha512: string, verdict: Verdict): TarballOutcome | undefined => {
    if (!verdict.ok) return refuse(wanted, refusalOf(verdict))
    // an allowance counts for the bytes in hand and no others
    if (verdict.sha512 !== sha512) return refuse(wanted, ownRefusal("PROOF_INVALID", wanted.purl, "was allowed without a digest"))
    return undefined
  }
  const tellAddress = ({ name, version, purl, registry }: Wanted): void => {
    const tarball = packuments.knownDist(name, version)?.tarball
    if (tarball !== undefined && tarball !== `${registry}${tarballPath(name, version)}`) emit({ event: "address", purl, tarball })
  }
  const pass = (wanted: Wanted, sha512: string, found: { readonly bytes: Buffer } | { readonly path: string; readonly size: number }): TarballOutcome => {
    if (!allowed.has(wanted.purl)) tellAddress(wanted)
    allowed.add(wanted.purl)
    if (denials.clear(wanted.purl)) packuments.renew(wanted.name)
    if (!("bytes" in found)) return { kind: "file", sha512, ...found }
    memory.set(keyOf(wanted.name, wanted.version), { sha512, bytes: found.bytes, wanted })
    return { kind: "bytes", sha512, bytes: found.bytes }
  }

  /** From disk, when a digest is known and its file is there. Undefined: get it from upstream. */
  const fromStore = async (wanted: Wanted, sha512: string): Promise<TarballOutcome | undefined> => {
    const found = await store.find(sha512)
    if (found === undefined) return undefined
    const verdict = await asker.ask({ purl: wanted.purl, registry: wanted.registry, sha512 })
    // not refused here: the digest may be an old one, so upstream's bytes are asked about first
    if (!verdict.ok || verdict.sha512 !== sha512) return undefined
    if (found.size > HOT_TARBALL_BYTES_MAX) return pass(wanted, sha512, found)
    const bytes = await readSmall(found.path, sha512)
    if (bytes !== undefined) return pass(wanted, sha512, { bytes })
    emit({ event: "warning", code: "CACHE_POISONED", message: `a cached tarball of ${wanted.name}@${wanted.version} had changed on disk; removed, and fetched again`, purl: wanted.purl })
    await store.drop(sha512)
    return undefined
  }

  /** Keeps verified bytes and passes them on. */
  const adopt = async (wanted: Wanted, { spool, sha512, size, bytes }: Extract<Downloaded, { kind: "file" }>): Promise<TarballOutcome> => {
    try {
      const path = await store.adopt(spool, sha512)
      await store.setHint(wanted.purl, wanted.registry, sha512)
      return pass(wanted, sha512, bytes === undefined ? { path, size } : { bytes })
    } finally {
      await spool.discard()
    }
  }
  const fromUpstream = async (wanted: Wanted, dist: DistEntry | undefined, hint: string | undefined): Promise<TarballOutcome> => {
    const expected = integrityOf(dist)
    // asked while the bytes are on their way; the answer decides only if they turn out to be these
    const early = expected === undefined ? undefined : asker.ask({ purl: wanted.purl, registry: wanted.registry, sha512: expected })
    const source = dist?.tarball ?? `${wanted.registry}${tarballPath(wanted.name, wanted.version)}`
    const got = await download(options.upstream, store, source, wanted.registry)
    if (got.kind === "status") return dist === undefined ? fromElsewhere(wanted, source, got.status, hint) : { kind: "upstream", status: got.status }
    try {
      const { sha512 } = got
      const verdict = await (sha512 === expected && early !== undefined ? early : asker.ask({ purl: wanted.purl, registry: wanted.registry, sha512 }))
      // Bytes that the packument announces are what the client would install: their refusal stands. Others are a failure of the registry.
      if (!verdict.ok && sha512 !== expected) {
        const other = await fallback?.fetch(wanted, expected ?? hint, "the registry sent other bytes than are vouched for")
        if (other !== undefined && "got" in other) return await adopt(wanted, other.got)
      }
      return judge(wanted, sha512, verdict) ?? await adopt(wanted, got)
    } finally {
      await got.spool.discard()
    }
  }
  /** Some registries keep tarballs where only the packument tells. */
  const fromElsewhere = async (wanted: Wanted, tried: string, status: number, hint: string | undefined): Promise<TarballOutcome> => {
    const dist = await packuments.dist(wanted.name, wanted.version)
    return dist === undefined || dist.tarball === tried ? { kind: "upstream", status } : fromUpstream(wanted, dist, hint)
  }
  /** The registry, and where it fails those who have the bytes that are vouched for. */
  const fromAnybody = async (wanted: Wanted, dist: DistEntry | undefined, hint: string | undefined, instead: Fallback): Promise<TarballOutcome> => {
    const digest = integrityOf(dist) ?? hint
    const first = instead.isDown(wanted.registry) ? await instead.fetch(wanted, digest, "the registry does not answer") : undefined
    if (first !== undefined && "got" in first) return adopt(wanted, first.got)
    let outcome: TarballOutcome | VouchsafeError
    try {
      outcome = await fromUpstream(wanted, dist, hint)
      if (outcome.kind !== "upstream" || !isLost(outcome.status)) return outcome
    } catch (error) {
      if (!isFailureOfRegistry(error)) throw error
      instead.note(wanted.registry, error)
      outcome = error
    }
    const other = first ?? await instead.fetch(wanted, digest, outcome instanceof VouchsafeError ? outcome.message : `the registry answered ${outcome.status}`)
    if ("got" in other) return adopt(wanted, other.got)
    if (!(outcome instanceof VouchsafeError)) return { ...outcome, tried: other.tried }
    throw new VouchsafeError(outcome.code, `${outcome.message}; and no node has it: ${other.tried}`, { cause: outcome, hint: outcome.hint })
  }

  const load = async (wanted: Wanted): Promise<TarballOutcome> => {
    const dist = packuments.knownDist(wanted.name, wanted.version)
    const hint = await store.hint(wanted.purl, wanted.registry)
    const digest = integrityOf(dist) ?? hint
    const stored = digest === undefined ? undefined : await fromStore(wanted, digest)
    return stored ?? (fallback === undefined ? fromUpstream(wanted, dist, hint) : fromAnybody(wanted, dist, hint, fallback))
  }
  return {
    get(name, version) {
      const key = keyOf(name, version)
      const inFlight = loading.get(key)
      if (inFlight) return inFlight
      const started = load({ name, version, purl: npmPurl(name, version), registry: registries.registryFor(name) }).finally(() => loading.delete(key))
      loading.set(key, started)
      return started
    },
    hot(name, version) {
      const found = memory.get(keyOf(name, version))
      const verdict = found && asker.known({ purl: found.wanted.purl, registry: found.wanted.registry, sha512: found.sha512 })
      return verdict?.ok === true ? found : undefined
    },
    allowed: () => allowed.size,
  }
}

/** The sha512 that the packument announces; anything unreadable counts as none, since the bytes themselves are asked about. */
function integrityOf(dist: DistEntry | undefined): string | undefined {
  if (dist?.integrity === undefined) return undefined
  try {
    return sha512OfSri(dist.integrity)
  } catch (error) {
    if (!isVouchsafeError(error, "SRI_MALFORMED")) throw error
    return undefined
  }
}
