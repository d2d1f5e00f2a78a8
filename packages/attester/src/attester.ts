/**
 * Observes packages on demand: fetches a version from its registry, reads it, and writes what it saw into the node's own log.
 *
 * Order of side effects of an observation: file manifest stored → attestation bundles stored → body stored (large statements) → entry appended, the point of no
 * return. What fails before leaves documents that nothing refers to, which is harmless; an append with unknown outcome is found by its
 * key once the log is opened anew.
 *
 * @packageDocumentation
 */
import { type Crypto, type ErrorCode, isVouchsafeError, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, BlobStore, Clock, RegistrySource, StatementLog } from "@vouchsafe/ports"
import type { UpstreamVerifier } from "@vouchsafe/sigstore"
import { hashTgz, readTarball, TARBALL_LIMITS, type TarballLimits } from "@vouchsafe/tarball"
import { type Artifact, checkArtifact, type CheckedArtifact, logKey } from "./artifact.ts"
import { fetchVersion, type Fetching } from "./fetch.ts"
import { createFlights } from "./flights.ts"
import { awaitSource } from "./history/await-source.ts"
import { createHistorian } from "./history/historian.ts"
import type { HistoryPorts } from "./history/ports.ts"
import { ATTESTER_LIMITS, type AttesterLimits } from "./limits.ts"
import { createNoticeWriter } from "./notices.ts"
import { findObservation } from "./own-entries.ts"
import { createRefusals } from "./refusals.ts"
import { createSemaphore } from "./semaphore.ts"
import { describeObservation, observationEntry } from "./statement.ts"
import { gatherUpstream } from "./upstream.ts"

/** Why there is no observation. Codes of the error list, and two of the node's own. */
export interface Refused {
  readonly status: "refused"
  readonly code: ErrorCode | "WRONG_REGISTRY" | "RATE_LIMITED"
  /** One sentence for people; holds foreign text, quoted and bounded. */
  readonly detail: string
}

/** `absent`: the registry has no such version; nothing is written about it (THREATS A8). */
export type ObserveResult = { readonly status: "observed", readonly index: number } | { readonly status: "absent" } | Refused

/** `notice` is the index of the conflict notice in the notices log. */
export type RecheckResult = ObserveResult | { readonly status: "conflict", readonly index: number, readonly notice: number }

/** What one caller of a shared piece of work may do: leave it. */
export interface Leave { readonly signal?: AbortSignalLike | undefined }

/**
 * The attester of a node. Methods reject with TIMEOUT when the caller's signal is given (the work goes on for others), with LOG_BROKEN,
 * DISK or STATE_UNSAFE when the node itself is at fault; all else is a result.
 */
export interface Attester {
  /** The artifact's observation in the log, made now if there is none. There is never a second one. */
  observe(artifact: Artifact, leave?: Leave): Promise<ObserveResult>
  /** Index of the artifact's observation, if it was ever made. Fetches nothing. */
  find(artifact: Artifact): Promise<number | undefined>
  /**
   * Begins to read the packuments of artifacts that will be observed, so that each observation knows what else came in the same minutes. Returns
   * at once, and never fails.
   */
  expect(artifacts: readonly Artifact[]): void
  /** Fetches anew what was observed, and makes a conflict notice where the registry serves other bytes now. Observes what never was. */
  recheck(artifact: Artifact, leave?: Leave): Promise<RecheckResult>
  /** @see NoticeWriter.withdraw */
  withdraw(request: Artifact & { readonly sha512: string, readonly reason: string }): Promise<{ readonly index: number }>
  /** @see NoticeWriter.reverse */
  reverse(request: { readonly index: number, readonly reason: string }): Promise<{ readonly index: number }>
}

/** What an attester is made of. */
export interface AttesterOptions {
  readonly source: RegistrySource
  readonly log: StatementLog
  readonly notices: StatementLog
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly crypto: Crypto
  /** Judges what a registry sends beside a tarball. */
  readonly upstream: UpstreamVerifier
  /** Where it may look for what a packument does not say of earlier versions; what is absent stays unknown. */
  readonly history?: HistoryPorts | undefined
  /** Registry ids that may be observed. */
  readonly registries: readonly string[]
  readonly limits?: Partial<AttesterLimits>
  readonly tarballLimits?: TarballLimits
}

/** Codes that say something about this node, not about the artifact. */
const OWN_FAULTS: ReadonlySet<string> = new Set(["LOG_BROKEN", "DISK", "STATE_UNSAFE"])

/** @see Attester */
export function createAttester(options: AttesterOptions): Attester {
  const { log, clock, crypto } = options
  if (log.origin === options.notices.origin) throw new TypeError(`observations and notices both go to ${log.origin}, expected two logs`)
  const limits = { ...ATTESTER_LIMITS, ...options.limits }
  const tarballLimits = options.tarballLimits ?? TARBALL_LIMITS
  const registries = new Set(options.registries)
  const notices = createNoticeWriter(options.notices, clock)
  const running = createSemaphore(limits.runningMax, limits.waitingMax)
  const fetching: Fetching = { source: options.source, limits: tarballLimits, bytesInFlight: createSemaphore(limits.bytesInFlightMax, limits.waitingMax) }
  const historian = createHistorian({ source: options.source, verifier: options.upstream, log, blobs: options.blobs, clock, crypto, ports: options.history ?? {} })
  const observing = createFlights<ObserveResult>()
  const rechecking = createFlights<RecheckResult>()
  const refusals = createRefusals<Refused>({ nowMs: () => clock.nowMs(), countMax: limits.refusalsMax, seconds: limits.refusalSeconds })

  /** Runs `work` in its turn; what is wrong with the artifact or its registry becomes a result. */
  const inTurn = async <T>(signal: AbortSignalLike, work: () => Promise<T>): Promise<T | Refused> => {
    const release = await running.acquire(1, signal)
    if (release === undefined) return refused("RATE_LIMITED", `${limits.waitingMax} observations are waiting already`)
    try {
      return await work()
    } catch (error) {
      if (!isVouchsafeError(error) || OWN_FAULTS.has(error.code)) throw error
      return refused(error.code, error.message)
    } finally {
      release()
    }
  }
  const observeNow = async (artifact: CheckedArtifact, signal: AbortSignalLike): Promise<ObserveResult> => {
    const known = await findObservation(log, artifact)
    if (known !== undefined) return { status: "observed", index: known.index }
    const index = await fetchVersion(fetching, artifact, signal, async (chunks, packument) => {
      const tarball = await readTarball(chunks, { crypto, origin: log.origin, limits: tarballLimits, expected: packument, signal })
      const observedAt = Math.floor(clock.nowMs() / 1000)
      const { upstream, bundles } = await gatherUpstream({ source: options.source, verifier: options.upstream }, artifact, tarball, packument, signal)
      const history = await historian.describe(artifact, packument, { facts: tarball.facts, provenance: upstream.provenance }, signal)
      awaitSource(history, packument.publishedAt, observedAt)
      const { purl, registry } = artifact
      const { bytes, body } = observationEntry(crypto, describeObservation({ purl, registry, origin: log.origin, observedAt, tarball, packument, upstream, history }))
      await options.blobs.put(tarball.contents.manifest, utf8Encode(tarball.contents.manifestText))
      for (const bundle of bundles) await options.blobs.put(bundle.sha256, bundle.bytes)
      if (body !== undefined) await options.blobs.put(body.sha256, body.bytes)
      const [appended] = await log.append([{ bytes, keys: [logKey(artifact)] }])
      if (appended === undefined) throw new VouchsafeError("LOG_BROKEN", "log appended an observation and names no index")
      return appended.index
    })
    return index === undefined ? { status: "absent" } : { status: "observed", index }
  }
  const observe = async (artifact: CheckedArtifact, signal: AbortSignalLike | undefined): Promise<ObserveResult> => {
    const key = logKey(artifact)
    const remembered = refusals.get(key)
    if (remembered !== undefined) return remembered
    return observing.join(key, signal, async (work) => {
      const result = await inTurn(work, () => observeNow(artifact, work))
      if (result.status === "refused" && result.code.startsWith("TARBALL_")) refusals.put(key, result)
      return result
    })
  }
  const recheckNow = async (artifact: CheckedArtifact, index: number, sha512: string, signal: AbortSignalLike): Promise<RecheckResult> => {
    const other = await fetchVersion(fetching, artifact, signal, async (chunks, packument) =>
      hashTgz(chunks, { origin: log.origin, limits: tarballLimits, expected: packument, signal }))
    if (other === undefined) return { status: "absent" }
    if (other.sha512 === sha512) return { status: "observed", index }
    return { status: "conflict", index, notice: await notices.conflict(artifact, sha512, other.sha512) }
  }
  const checked = (artifact: Artifact): CheckedArtifact | Refused => {
    try {
      const result = checkArtifact(artifact)
      return registries.has(result.registry) ? result : refused("WRONG_REGISTRY", "this node does not observe that registry")
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      return refused(error.code, error.message)
    }
  }

  return {
    async observe(artifact, leave) {
      const target = checked(artifact)
      return "status" in target ? target : observe(target, leave?.signal)
    },
    async find(artifact) {
      return (await findObservation(log, artifact))?.index
    },
    expect(artifacts) {
      historian.expect(artifacts.flatMap((artifact) => {
        const target = checked(artifact)
        return "status" in target ? [] : [target]
      }))
    },
    async recheck(artifact, leave) {
      const target = checked(artifact)
      if ("status" in target) return target
      const known = await findObservation(log, target)
      if (known === undefined) return observe(target, leave?.signal)
      return rechecking.join(logKey(target), leave?.signal, (work) => inTurn(work, () => recheckNow(target, known.index, known.sha512, work)))
    },
    async withdraw({ sha512, reason, ...artifact }) {
      return { index: await notices.withdraw(artifact, sha512, reason) }
    },
    async reverse({ index, reason }) {
      return { index: await notices.reverse(index, reason) }
    },
  }
}

function refused(code: Refused["code"], detail: string): Refused {
  return { status: "refused", code, detail }
}
