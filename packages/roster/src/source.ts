/**
 * Where a repository's files come from: a source over HTTP, a folder, or memory.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, HttpTransport } from "@vouchsafe/ports"
import type { Chain } from "./chain.ts"
import { FETCH_TIMEOUT_MS } from "./limits.ts"

/** Gives a file's bytes, or undefined where the source has none of this name. Rejects with UNREACHABLE, TIMEOUT, ROSTER_REFUSED (more than `bytesMax`). */
export type FetchFile = (name: string, bytesMax: number) => Promise<Uint8Array | undefined>

const HTTP_OK = 200
/** TUF's clients take both for "there is no newer root". */
const ABSENT: readonly number[] = [403, 404]

/** What a source over HTTP is asked with. */
export interface HttpSourceOptions {
  readonly transport: HttpTransport
  readonly signal?: AbortSignalLike | undefined
  /** For one file, in ms. */
  readonly timeoutMs?: number | undefined
}

/** @param url - base of the repository, with a trailing slash */
export function httpSource(url: string, options: HttpSourceOptions): FetchFile {
  return async (name, bytesMax) => {
    const { status, body } = await ask(`${url}${name}`, bytesMax, options)
    if (ABSENT.includes(status)) return undefined
    if (status !== HTTP_OK) throw new VouchsafeError("UNREACHABLE", `roster source ${url}: ${name}: status ${status}, expected ${HTTP_OK}`)
    return body
  }
}

async function ask(url: string, maxBytes: number, { transport, signal, timeoutMs }: HttpSourceOptions) {
  try {
    return await transport.request({ method: "GET", url, maxBytes, timeoutMs: timeoutMs ?? FETCH_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) })
  } catch (error) {
    // A body over the limit is the source's doing, and no reason to go on with what is remembered.
    if (isVouchsafeError(error, "UPSTREAM_FAILED")) throw new VouchsafeError("ROSTER_REFUSED", `roster source: ${error.message}`, { cause: error })
    throw error
  }
}

/** Files in memory. */
export function memorySource(chain: Chain): FetchFile {
  return async (name, bytesMax) => {
    const text = chain.get(name)
    if (text === undefined) return undefined
    const bytes = Buffer.from(text, "utf8")
    if (bytes.length > bytesMax) throw new VouchsafeError("ROSTER_REFUSED", `${name} has ${bytes.length} bytes, expected at most ${bytesMax}`)
    return bytes
  }
}
