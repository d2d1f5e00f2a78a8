import { AsyncLocalStorage } from "node:async_hooks"
import type { Crypto } from "@vouchsafe/core"
import { contentsOf, type Contents } from "./contents.ts"
import { hashUtils, ppath, xfs, type Cache, type PackageFs, type FetchOptions, type FetchResult, type Locator, type PortablePath } from "./yarn.ts"

/** One fetch of one package, from Yarn's question to the archive. */
export interface Run {
  readonly locator: Locator
  /** Tells whether a GET of this URL brings the package's tarball. */
  readonly isTarball: (url: string) => boolean
  /** Judges the tarball that just arrived; throws to refuse it. */
  readonly judgeTarball: (bytes: Uint8Array) => Promise<void>
  /** Why the tarball was refused. Yarn tries a second spelling of the address after any error. */
  refused?: Error
  /** The project's cache did not hold the archive when this run began. */
  isMissed: boolean
  /** The archive was made in this run; false where it came out of a cache or a mirror. */
  isMade: boolean
}

type FetchFromCache = Cache["fetchPackageFromCache"]

const runs = new AsyncLocalStorage<Run>()

/** The fetch that a network request belongs to. */
export const currentRun = (): Run | undefined => runs.getStore()

export const within = <T>(run: Run, work: () => Promise<T>): Promise<T> => runs.run(run, work)

/** Yarn's cache as it is, noting how the archive of `run` comes about. */
export function watchedCache(cache: Cache, run: Run): Cache {
  return withFetch(cache, run.locator, (locator, expected, { loader, onMiss, ...options }) => cache.fetchPackageFromCache(locator, expected, {
    ...options,
    onMiss: () => {
      run.isMissed = true
      onMiss?.()
    },
    ...(loader === undefined ? {} : { loader: async () => {
      const archive = await loader()
      run.isMade = true
      return archive
    } }),
  }))
}

function withFetch(cache: Cache, target: Locator, fetchPackageFromCache: FetchFromCache): Cache {
  const guarded: FetchFromCache = (locator, ...rest) =>
    locator.locatorHash === target.locatorHash ? fetchPackageFromCache(locator, ...rest) : cache.fetchPackageFromCache(locator, ...rest)
  return new Proxy(cache, { get: (subject, key) => (key === "fetchPackageFromCache" ? guarded : Reflect.get(subject, key, subject) as unknown) })
}

/** An archive made anew, outside of any cache. */
export interface Rebuilt {
  /** Hex sha512. */
  readonly hash: string
  readonly contents: () => Contents | undefined
}

/** Makes an archive again from what it is made of, as Yarn would if no cache held it. Writes into no cache. */
export async function rebuild(run: Run, opts: FetchOptions, fetch: (opts: FetchOptions) => Promise<FetchResult>, crypto: Crypto): Promise<Rebuilt> {
  let made: { readonly path: PortablePath, readonly archive: PackageFs } | undefined
  const cache = withFetch(opts.cache, run.locator, async (_locator, _expected, { loader }) => {
    if (loader === undefined) throw new Error("Yarn offers no way to make the archive again")
    const archive = await loader()
    const path = archive.getRealPath()
    archive.saveAndClose()
    made = { path, archive: archive as unknown as PackageFs }
    return [archive, () => undefined, null]
  })
  const { prefixPath } = await within(run, () => fetch({ ...opts, cache }))
  if (made === undefined) throw new Error("Yarn fetched the package without its cache")
  const { path, archive } = made
  return { hash: await hashUtils.checksumFile(path), contents: () => reopened(archive, path, (packageFs) => contentsOf(packageFs, prefixPath, crypto)) }
}

/** Opens a finished archive again, with the class that made it: Yarn hands out no other way to it in all its versions. */
function reopened<T>(archive: PackageFs, path: PortablePath, read: (packageFs: PackageFs) => T): T {
  const Archive = archive.constructor as new (path: PortablePath, options: { readonly readOnly: true }) => PackageFs & { discardAndClose(): void }
  const again = new Archive(path, { readOnly: true })
  try {
    return read(again)
  } finally {
    again.discardAndClose()
  }
}

/** Hash part of Yarn's checksum, `<cache key>/<hex sha512 of the archive>`. */
export function hashOfChecksum(checksum: string): string {
  return checksum.slice(checksum.indexOf("/") + 1)
}

/**
 * Hash of the archive that a fetch gave. Yarn computed it just now, except in the link step, for packages of one platform,
 * and where it is told to ignore what it finds.
 */
export async function hashOf(path: PortablePath, { checksum }: FetchResult, { cacheOptions, project }: FetchOptions): Promise<string> {
  const isComputed = typeof checksum === "string" && cacheOptions?.skipIntegrityCheck !== true && project.configuration.get("checksumBehavior") !== "ignore"
  return isComputed ? hashOfChecksum(checksum) : await hashUtils.checksumFile(path)
}

/** Removes an archive that a refused fetch copied into the project's cache from a mirror. */
export async function dropFromCache(cache: Cache, path: PortablePath): Promise<void> {
  if (ppath.dirname(path) === cache.cwd && !cache.immutable) await xfs.removePromise(path)
}
