/**
 * A newer root of trust through TUF: signed by a threshold of Sigstore's keyholders, never older than what is cached, never expired.
 * Fetches from the mirror; nothing else of this package uses the network.
 *
 * @packageDocumentation
 */
import { initTUF } from "@sigstore/tuf"
import { type Clock } from "@vouchsafe/ports"
import { isVouchsafeError, parseJson, registryIdOf, VouchsafeError } from "@vouchsafe/core"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { memberAt } from "../json.ts"
import { TUF_TIMESTAMP_LIFE_SECONDS_MAX } from "../limits.ts"
import { registryKeysTarget, seedRepository, TRUSTED_ROOT_TARGET } from "./embedded.ts"
import { loadTrust, type Trust, type TrustTexts } from "./trust.ts"

/** What a refresh works with. */
export interface RefreshOptions {
  /** Folder of the cache: the newest metadata seen, below which nothing is accepted. Must be the caller's own. */
  readonly cachePath: string
  /** Base URL of the TUF repository, without a trailing slash. Default: the one that the embedded seed was taken from. */
  readonly mirrorUrl?: string | undefined
  /** The `root.json` to start from where nothing is cached. Default: the embedded one; must be given for another repository. */
  readonly rootJson?: string | undefined
  /** Registries whose keys are wanted: ids. Those without a target have no keys. */
  readonly registries: readonly string[]
  readonly clock: Clock
  /** For one request. */
  readonly timeoutMs?: number | undefined
}

const TIMEOUT_MS = 10_000
const ROOT_FILE = "vouchsafe-initial-root.json"
const NO_RETRIES = { retries: 0 }
const EXPIRED_HINT = "check the clock; if it is right, the mirror is stale or frozen: use another one"

/** What a refresh brought. */
export interface FetchedTrust {
  readonly trust: Trust
  /** The same as it was signed, to be kept. */
  readonly texts: TrustTexts
  /** Milliseconds of Unix time at which the first of the repository's metadata is over: from then on this trust is no longer vouched for. */
  readonly expiresAtMs: number
}

/**
 * Fetches the newest root of trust and checks it.
 *
 * Rejects with TRUST_ROOT_EXPIRED (metadata whose time is over by this machine's clock, a frozen mirror among them), TRUST_ROOT_REFUSED
 * (wrong signatures, rolled back, bytes other than listed), CLOCK_BEHIND, UNREACHABLE, DISK, TRUST_ROOT_MALFORMED, REGISTRY_KEYS_MALFORMED.
 */
export async function fetchTrust(options: RefreshOptions): Promise<FetchedTrust> {
  const { cachePath, mirrorUrl, rootPath } = prepare(options)
  try {
    const repository = await initTUF({ cachePath, mirrorURL: mirrorUrl, rootPath, retry: NO_RETRIES, timeout: options.timeoutMs ?? TIMEOUT_MS })
    checkClock(options.clock, metadataOf(cachePath, mirrorUrl, "timestamp"))
    const trustedRootJson = await repository.getTarget(TRUSTED_ROOT_TARGET)
    const registryKeysByRegistry = new Map<string, string>()
    for (const registry of options.registries.map(registryIdOf)) {
      const text = await targetIfAny(repository, registryKeysTarget(registry))
      if (text !== undefined) registryKeysByRegistry.set(registry, text)
    }
    const texts = { trustedRootJson, registryKeysByRegistry }
    const expiresAtMs = expiryOf(cachePath, mirrorUrl)
    if (expiresAtMs <= options.clock.nowMs()) throw new VouchsafeError("TRUST_ROOT_EXPIRED", `trust root: the mirror's metadata expired at ${new Date(expiresAtMs).toISOString()}`, { hint: EXPIRED_HINT })
    return { trust: loadTrust(texts), texts, expiresAtMs }
  } catch (error) {
    throw refreshError(error)
  }
}

/** The trust of {@link fetchTrust} alone. */
export async function refreshTrust(options: RefreshOptions): Promise<Trust> {
  return (await fetchTrust(options)).trust
}

function prepare(options: RefreshOptions): { readonly cachePath: string; readonly mirrorUrl: string; readonly rootPath: string } {
  const seed = seedRepository()
  const mirrorUrl = (options.mirrorUrl ?? seed.mirrorUrl).replace(/\/+$/, "")
  const rootJson = options.rootJson ?? (mirrorUrl === seed.mirrorUrl ? seed.rootJson : undefined)
  if (rootJson === undefined) throw new VouchsafeError("TRUST_ROOT_REFUSED", "a TUF mirror of its own needs the root.json to start from", { hint: "give the repository's first root.json that you trust" })
  const rootPath = join(options.cachePath, ROOT_FILE)
  try {
    mkdirSync(options.cachePath, { recursive: true, mode: 0o700 })
    writeFileSync(rootPath, rootJson, { mode: 0o600 })
  } catch (cause) {
    throw new VouchsafeError("DISK", `cache of trust roots ${options.cachePath} cannot be written`, { cause })
  }
  return { cachePath: options.cachePath, mirrorUrl, rootPath }
}

async function targetIfAny(repository: { getTarget(name: string): Promise<string> }, name: string): Promise<string | undefined> {
  try {
    return await repository.getTarget(name)
  } catch (error) {
    if ((error as { code?: unknown }).code === "TUF_FIND_TARGET_ERROR") return undefined
    throw error
  }
}

/** Where `@sigstore/tuf` keeps the metadata of a mirror. It is there, and verified, once a refresh has succeeded. */
function metadataPath(cachePath: string, mirrorUrl: string, role: string): string {
  const url = new URL(mirrorUrl)
  return join(cachePath, encodeURIComponent(url.host + url.pathname.replace(/\/$/, "")), `${encodeURIComponent(role)}.json`)
}

function metadataOf(cachePath: string, mirrorUrl: string, role: string): unknown {
  return parseJson("TRUST_ROOT_MALFORMED", `${role}.json`, readFileSync(metadataPath(cachePath, mirrorUrl, role), "utf8"))
}

/** The first expiry of all roles that were used. @returns milliseconds of Unix time. */
function expiryOf(cachePath: string, mirrorUrl: string): number {
  const targets = metadataOf(cachePath, mirrorUrl, "targets")
  const delegations = memberAt(targets, "signed", "delegations", "roles")
  // A delegated role is on disk when a target of it was asked for.
  const delegated = (Array.isArray(delegations) ? delegations : []).map((role) => memberAt(role, "name"))
    .filter((name): name is string => typeof name === "string" && existsSync(metadataPath(cachePath, mirrorUrl, name)))
  const documents = [targets, ...["root", "timestamp", "snapshot", ...delegated].map((role) => metadataOf(cachePath, mirrorUrl, role))]
  return Math.min(...documents.map((document) => {
    const ms = Date.parse(String(memberAt(document, "signed", "expires")))
    if (Number.isNaN(ms)) throw new VouchsafeError("TRUST_ROOT_MALFORMED", "trust root: metadata does not say when it expires")
    return ms
  }))
}

/** A clock that runs behind takes expired metadata for fresh; a timestamp that lives far longer than timestamps do shows it. */
function checkClock(clock: Clock, timestamp: unknown): void {
  const expires = memberAt(timestamp, "signed", "expires")
  const leftSeconds = (Date.parse(String(expires)) - clock.nowMs()) / 1000
  if (leftSeconds <= TUF_TIMESTAMP_LIFE_SECONDS_MAX) return
  throw new VouchsafeError("CLOCK_BEHIND", `the mirror's timestamp expires in ${Math.floor(leftSeconds / 86_400)} days by this machine's clock, expected at most ${TUF_TIMESTAMP_LIFE_SECONDS_MAX / 86_400}`, {
    hint: "set the clock, then try again",
  })
}

/** The errors of `tuf-js` are told apart by their classes' names, which it does not export to us. */
function refreshError(error: unknown): VouchsafeError {
  if (isVouchsafeError(error)) return error
  const chain: Error[] = []
  for (let cause: unknown = error; cause instanceof Error && chain.length < 8; cause = cause.cause) chain.push(cause)
  const names = chain.flatMap((one) => [one.name, one.constructor.name])
  const message = chain.map((one) => one.message).join(": ")
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name))
  if (has(/^ExpiredMetadataError$/) || /\bexpired\b/i.test(message)) return new VouchsafeError("TRUST_ROOT_EXPIRED", `trust root: ${message}`, { cause: error, hint: EXPIRED_HINT })
  if (has(/^(?:Download\w*|FetchError|.*Timeout\w*|AbortError)$/) || /fetch failed|ECONN|ENOTFOUND|socket hang up|network/i.test(message)) {
    return new VouchsafeError("UNREACHABLE", `trust root: ${message}`, { cause: error, hint: "verification goes on with the root of trust at hand" })
  }
  return new VouchsafeError("TRUST_ROOT_REFUSED", `trust root: ${message}`, { cause: error, hint: "the mirror's metadata is not signed by the keys of the root at hand, or is older than what was seen" })
}
