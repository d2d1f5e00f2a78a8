/**
 * A newer root of trust through TUF: signed by a threshold of Sigstore's keyholders, never older than what is cached, never expired.
 * Fetches from the mirror; nothing else of this package uses the network.
 *
 * @packageDocumentation
 */
import { initTUF } from "@sigstore/tuf"
import { type Clock } from "@vouchsafe/ports"
import { isVouchsafeError, parseJson, registryIdOf, VouchsafeError } from "@vouchsafe/core"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { memberAt } from "../json.ts"
import { TUF_TIMESTAMP_LIFE_SECONDS_MAX } from "../limits.ts"
import { registryKeysTarget, seedRepository, TRUSTED_ROOT_TARGET } from "./embedded.ts"
import { loadTrust, type Trust } from "./trust.ts"

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

/**
 * Fetches the newest root of trust and checks it.
 *
 * Rejects with TRUST_ROOT_EXPIRED (metadata whose time is over by this machine's clock, a frozen mirror among them), TRUST_ROOT_REFUSED
 * (wrong signatures, rolled back, bytes other than listed), CLOCK_BEHIND, UNREACHABLE, DISK, TRUST_ROOT_MALFORMED, REGISTRY_KEYS_MALFORMED.
 */
export async function refreshTrust(options: RefreshOptions): Promise<Trust> {
  const { cachePath, mirrorUrl, rootPath } = prepare(options)
  try {
    const repository = await initTUF({ cachePath, mirrorURL: mirrorUrl, rootPath, retry: NO_RETRIES, timeout: options.timeoutMs ?? TIMEOUT_MS })
    checkClock(options.clock, timestampOf(cachePath, mirrorUrl))
    const trustedRootJson = await repository.getTarget(TRUSTED_ROOT_TARGET)
    const keys = new Map<string, string>()
    for (const registry of options.registries.map(registryIdOf)) {
      const text = await targetIfAny(repository, registryKeysTarget(registry))
      if (text !== undefined) keys.set(registry, text)
    }
    return loadTrust({ trustedRootJson, registryKeysByRegistry: keys })
  } catch (error) {
    throw refreshError(error)
  }
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

/** Where `@sigstore/tuf` keeps the metadata of a mirror. */
function timestampOf(cachePath: string, mirrorUrl: string): unknown {
  const url = new URL(mirrorUrl)
  const folder = join(cachePath, encodeURIComponent(url.host + url.pathname.replace(/\/$/, "")))
  return parseJson("TRUST_ROOT_MALFORMED", "timestamp.json", readFileSync(join(folder, "timestamp.json"), "utf8"))
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
  if (has(/^ExpiredMetadataError$/) || /\bexpired\b/i.test(message)) return new VouchsafeError("TRUST_ROOT_EXPIRED", `trust root: ${message}`, { cause: error, hint: "check the clock; if it is right, the mirror is stale or frozen: use another one" })
  if (has(/^(?:Download\w*|FetchError|.*Timeout\w*|AbortError)$/) || /fetch failed|ECONN|ENOTFOUND|socket hang up|network/i.test(message)) {
    return new VouchsafeError("UNREACHABLE", `trust root: ${message}`, { cause: error, hint: "verification goes on with the root of trust at hand" })
  }
  return new VouchsafeError("TRUST_ROOT_REFUSED", `trust root: ${message}`, { cause: error, hint: "the mirror's metadata is not signed by the keys of the root at hand, or is older than what was seen" })
}
