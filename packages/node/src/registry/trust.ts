/**
 * Roots of trust that stay fresh: fetched through TUF from the mirror of `--trust-mirror` at the start and once a day (spec/upstream.md, "Roots of trust").
 *
 * Only what came through the mirror counts then. A failed refresh keeps the trust that there was until its own time is over; from then on
 * nothing is verified, and no observation is made of what would have to be.
 *
 * @packageDocumentation
 */
import { type ErrorCode, isVouchsafeError, NO_UPSTREAM, VouchsafeError } from "@vouchsafe/core"
import type { Clock, Timers } from "@vouchsafe/ports"
import { createUpstreamVerifier, fetchTrust, loadTrust, type RefreshOptions, type TrustTexts, type UpstreamInput, type UpstreamVerifier } from "@vouchsafe/sigstore"
import { describe } from "../http/server.ts"
import { TRUST_REFRESH_MS, TRUST_RETRY_MS, TRUST_START_WAIT_MS, TRUST_STOP_WAIT_MS } from "../limits.ts"
import type { Logger } from "../logger.ts"
import { within } from "../timers.ts"
import type { TrustStore } from "./trust-store.ts"

/** How a node's roots of trust are, as `GET /v1/status` tells. */
export interface TrustStatus {
  readonly source: "embedded" | "files" | "mirror"
  /** `missing`: the mirror never gave any. `expired` and `missing`: nothing is verified. */
  readonly state: "current" | "expired" | "missing"
  /** Unix seconds; null where no mirror is asked. */
  readonly refreshedAt: number | null
  readonly expiresAt: number | null
  /** Code of the last refresh, where it failed. */
  readonly failure: ErrorCode | null
}

/** A verifier with roots of trust that somebody looks after. */
export interface KeptTrust {
  readonly verifier: UpstreamVerifier
  status(): TrustStatus
  /** Waits for a refresh under way, not for long. */
  stop(): Promise<void>
}

/** What keeping works with. */
export interface TrustOptions {
  readonly mirrorUrl: string
  /** `root.json` of the mirror's TUF repository; the embedded seed's where absent. */
  readonly rootJson: string | undefined
  /** Registry ids whose keys are wanted. */
  readonly registries: readonly string[]
  /** Keys from files, by registry id: they stand before the mirror's. */
  readonly registryKeys: ReadonlyMap<string, string>
  readonly store: TrustStore
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly onRefresh: (outcome: "done" | "failed") => void
  /** For one request to the mirror. */
  readonly timeoutMs?: RefreshOptions["timeoutMs"]
}

interface Held {
  readonly verifier: UpstreamVerifier
  readonly refreshedAtMs: number
  readonly expiresAtMs: number
}

/** Trust that is given once and does not age: embedded, or from files. */
export function fixedTrust(verifier: UpstreamVerifier, source: "embedded" | "files"): KeptTrust {
  return {
    verifier,
    status: () => ({ source, state: "current", refreshedAt: null, expiresAt: null, failure: null }),
    stop: async () => undefined,
  }
}

/** Takes up what is stored, refreshes, and goes on once a day. Waits a moment for the first refresh; a mirror that does not answer does not keep a node from starting. */
export async function keepTrust(options: TrustOptions): Promise<KeptTrust> {
  const { clock, timers, logger, store } = options
  let held = stored(options)
  let failure: ErrorCode | null = null
  let stopped = false
  let cancel = (): void => undefined

  const refresh = async (): Promise<void> => {
    try {
      const fetched = await fetchTrust({ cachePath: store.cachePath, mirrorUrl: options.mirrorUrl, rootJson: options.rootJson, registries: options.registries, clock, timeoutMs: options.timeoutMs })
      if (stopped) return
      const at = { refreshedAtMs: clock.nowMs(), expiresAtMs: fetched.expiresAtMs }
      const verifier = verifierOf(options, fetched.texts)
      store.write({ ...at, texts: fetched.texts })
      held = { verifier, ...at }
      failure = null
      options.onRefresh("done")
      logger.info({ expires: new Date(at.expiresAtMs).toISOString() }, "the roots of trust are fresh")
    } catch (thrown) {
      const error = typed(thrown)
      failure = error.code
      options.onRefresh("failed")
      const facts = { code: error.code, error: error.message, expires: held === undefined ? null : new Date(held.expiresAtMs).toISOString() }
      if (stateOf(held, clock) === "current") logger.warn(facts, "the roots of trust could not be refreshed; those at hand are still good")
      else logger.error(facts, "the roots of trust could not be refreshed, and there are none that are good: nothing is verified")
    }
  }
  const round = async (): Promise<void> => {
    await refresh()
    if (stopped) return
    cancel = timers.after(failure === null ? TRUST_REFRESH_MS : TRUST_RETRY_MS, () => {
      running = round()
    })
  }
  let running = round()
  await within(timers, TRUST_START_WAIT_MS, running)

  return {
    verifier: { verifyUpstream: (input) => (hasNothing(input) ? NOTHING : usable(held, failure, clock).verifyUpstream(input)) },
    status: () => ({
      source: "mirror", state: stateOf(held, clock), failure,
      refreshedAt: held === undefined ? null : Math.floor(held.refreshedAtMs / 1000), expiresAt: held === undefined ? null : Math.floor(held.expiresAtMs / 1000),
    }),
    async stop() {
      stopped = true
      cancel()
      await within(timers, TRUST_STOP_WAIT_MS, running)
    },
  }
}

/** What the disk or a library threw: a refresh runs where nobody takes a rejection, which would end the process. */
function typed(error: unknown): VouchsafeError {
  if (isVouchsafeError(error)) return error
  const isOfSystem = error instanceof Error && "code" in error && typeof error.code === "string"
  return new VouchsafeError(isOfSystem ? "DISK" : "TRUST_ROOT_MALFORMED", describe(error), { cause: error })
}

const NOTHING = Object.freeze({ upstream: NO_UPSTREAM, bundles: [], details: [] })

/** Whether a registry sent nothing that would have to be verified. */
function hasNothing({ signatures, announced, attestations }: UpstreamInput): boolean {
  return announced === undefined && attestations === undefined && (signatures === undefined || (Array.isArray(signatures) && signatures.length === 0))
}

function stateOf(held: Held | undefined, clock: Clock): TrustStatus["state"] {
  if (held === undefined) return "missing"
  return clock.nowMs() < held.expiresAtMs ? "current" : "expired"
}

/** @throws VouchsafeError TRUST_ROOT_EXPIRED; for a node that never had any, the code for which. */
function usable(held: Held | undefined, failure: ErrorCode | null, clock: Clock): UpstreamVerifier {
  const hint = "the node's operator finds the reason in its log; GET /v1/status shows it as trust.failure"
  if (held === undefined) throw new VouchsafeError(failure ?? "UNREACHABLE", "this node has no roots of trust yet: its mirror gave none", { hint })
  if (clock.nowMs() < held.expiresAtMs) return held.verifier
  throw new VouchsafeError("TRUST_ROOT_EXPIRED", `this node's roots of trust expired at ${new Date(held.expiresAtMs).toISOString()}, and its mirror gave no newer ones`, { hint })
}

function verifierOf(options: TrustOptions, texts: TrustTexts): UpstreamVerifier {
  return createUpstreamVerifier(loadTrust({ trustedRootJson: texts.trustedRootJson, registryKeysByRegistry: new Map([...texts.registryKeysByRegistry, ...options.registryKeys]) }))
}

/** What a former process fetched. What cannot be read is none: the mirror is asked anyway. */
function stored(options: TrustOptions): Held | undefined {
  try {
    const found = options.store.read()
    return found === undefined ? undefined : { verifier: verifierOf(options, found.texts), refreshedAtMs: found.refreshedAtMs, expiresAtMs: found.expiresAtMs }
  } catch (error) {
    if (!isVouchsafeError(error) || error.kind !== "input") throw error
    options.logger.error({ code: error.code, error: error.message }, "the stored roots of trust cannot be read and are left out")
    return undefined
  }
}
