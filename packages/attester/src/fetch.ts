import { VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, RegistrySource, TarballDownload } from "@vouchsafe/ports"
import { type TarballLimits, tooLarge } from "@vouchsafe/tarball"
import type { CheckedArtifact } from "./artifact.ts"
import { type PackumentFacts, readPackument } from "./package/packument.ts"
import type { Semaphore } from "./semaphore.ts"
import { throwIfAborted } from "./signal.ts"

/** What is needed to fetch a version from its registry. */
export interface Fetching {
  readonly source: RegistrySource
  readonly limits: TarballLimits
  /** Bytes of tarballs on their way. */
  readonly bytesInFlight: Semaphore
}

/**
 * Fetches a version's packument and hands its tarball to `read`, which must read it whole. Undefined where the registry has no such version.
 * Rejects as the source and `read` do, and with PACKUMENT_MALFORMED, TARBALL_TOO_LARGE, UPSTREAM_FAILED (a length other than announced), TIMEOUT.
 */
export async function fetchVersion<T>(
  fetching: Fetching, artifact: CheckedArtifact, signal: AbortSignalLike, read: (chunks: AsyncIterable<Uint8Array>, packument: PackumentFacts) => Promise<T>,
): Promise<T | undefined> {
  const { name, version, registry } = artifact
  const found = await fetching.source.packumentVersion({ name, version, registry, signal })
  if (found === undefined) return undefined
  throwIfAborted(signal)
  const packument = readPackument(found)
  const connection = new AbortController()
  const end = (): void => connection.abort()
  signal.addEventListener("abort", end)
  let release: (() => void) | undefined
  try {
    const download = await fetching.source.tarball({ url: packument.tarballUrl, registry, signal: connection.signal })
    const weight = download.size ?? fetching.limits.tgzBytesMax
    if (weight > fetching.limits.tgzBytesMax) throw tooLarge(`it is announced with ${weight} bytes, expected at most ${fetching.limits.tgzBytesMax}`)
    release = await fetching.bytesInFlight.acquire(weight, signal)
    if (release === undefined) throw new VouchsafeError("TIMEOUT", "too many tarballs wait for their turn")
    return await read(announced(download), packument)
  } finally {
    signal.removeEventListener("abort", end)
    release?.()
    // Ends the connection also where reading never began; an ended download ignores it.
    end()
  }
}

/** The chunks of a download whose announced length holds: neither cut off nor longer. */
async function* announced(download: TarballDownload): AsyncGenerator<Uint8Array> {
  let received = 0
  for await (const chunk of download.chunks) {
    received += chunk.length
    if (download.size !== undefined && received > download.size) break
    yield chunk
  }
  if (download.size !== undefined && received !== download.size) {
    throw new VouchsafeError("UPSTREAM_FAILED", `registry announced a tarball of ${download.size} bytes and sent ${received > download.size ? "more" : `${received}`}`)
  }
}
