import { npmPurl, registryIdOf, type ArtifactRequest } from "@vouchsafe/core"
import { hashOfChecksum } from "./archive.ts"
import type { Judge } from "./judge.ts"
import { sourceOf, type Source } from "./locator.ts"
import { hashUtils, npmConfigUtils, NpmSemverFetcher, ppath, structUtils, xfs, type FetchOptions, type Locator, type PortablePath, type Project } from "./yarn.ts"

/** Sorts a locator within its project. */
export function sourceFor(locator: Locator, opts: FetchOptions): Source {
  const words = { name: structUtils.stringifyIdent(locator), reference: locator.reference }
  return sourceOf(words, {
    localPath: () => {
      const { parentLocator, path } = structUtils.parseFileStyleRange(locator.reference, { protocol: locator.reference.slice(0, locator.reference.indexOf(":") + 1) })
      if (ppath.isAbsolute(path)) return path
      const parent = opts.fetcher.getLocalPath(parentLocator, opts)
      return parent === null ? null : ppath.resolve(parent, path)
    },
    isInside: (path) => ppath.contains(realPath(opts.project.cwd), realPath(path as PortablePath)) !== null,
  })
}

/** Follows links, so that one in the repository does not lead out of it. */
function realPath(path: PortablePath): PortablePath {
  return xfs.existsSync(path) ? xfs.realpathSync(path) : path
}

/** Tells whether Yarn will put an empty package, made in memory, in the place of one that is for another platform. */
export async function isStandIn(locator: Locator, { cache, cacheOptions, checksums }: FetchOptions): Promise<boolean> {
  if (cacheOptions?.mockedPackages?.has(locator.locatorHash) !== true) return false
  // `--check-cache` looks at archives for other platforms where there are any.
  return !cache.check || !await xfs.existsPromise(cache.getLocatorPath(locator, checksums.get(locator.locatorHash) ?? null))
}

/**
 * The registry that Yarn takes a package from, as the roster names it.
 *
 * Yarn's built-in default is another name of npm's. Yarn itself knows which names stand for one registry: it drops the
 * archive URL from the lockfile where it is the conventional one under either name. So that is what is asked of it.
 *
 * @param listed - registry ids of the roster
 * @throws VouchsafeError CONFIG_MALFORMED for a registry URL that cannot be an id
 */
export function registryOf(locator: Locator, project: Project, listed: readonly string[]): string {
  const { configuration } = project
  const configured = registryIdOf(npmConfigUtils.getScopeRegistry(locator.scope, { configuration }))
  if (listed.includes(configured)) return configured
  const path = NpmSemverFetcher.getLocatorUrl(locator)
  return listed.find((registry) => NpmSemverFetcher.isConventionalTarballUrl(locator, `${registry.slice(0, -1)}${path}`, { configuration })) ?? configured
}

const gatherings = new WeakMap<Judge, Promise<void>>()

/** Brings evidence for everything that the project is about to fetch in one round, at the first fetch of any of it. */
export async function prefetchProject(judge: Judge, opts: FetchOptions, wanted: ArtifactRequest): Promise<void> {
  for (let gathering = gatherings.get(judge); gathering !== undefined; gathering = gatherings.get(judge)) await gathering
  if (judge.isPrefetched(wanted)) return
  const gathering = gather(judge, opts, wanted).finally(() => gatherings.delete(judge))
  gatherings.set(judge, gathering)
  await gathering
}

async function gather(judge: Judge, opts: FetchOptions, wanted: ArtifactRequest): Promise<void> {
  await judge.prefetch(await requestsOf(judge, opts))
  // Yarn fetches some packages while it still finds out which others there are.
  await judge.prefetch([wanted])
}

async function requestsOf(judge: Judge, opts: FetchOptions): Promise<readonly ArtifactRequest[]> {
  const { project } = opts
  const requests: ArtifactRequest[] = []
  for (const locator of project.storedPackages.values()) {
    if (structUtils.isVirtualLocator(locator) || project.disabledLocators.has(locator.locatorHash)) continue
    const source = sourceFor(locator, opts)
    if (source.kind !== "npm") continue
    const archive = await archiveHash(locator, opts)
    const tarball = archive === undefined ? undefined : judge.judged.ties.tarballOf(archive)
    const request = { purl: npmPurl(source.name, source.version), registry: registryOf(locator, project, judge.judged.registries) }
    requests.push(tarball === undefined ? request : { ...request, sha512: tarball })
  }
  return requests
}

/** Hash of the archive that Yarn is about to use: by the lockfile; by the file, for packages of one platform, which have no checksum. */
async function archiveHash(locator: Locator, { cache, checksums }: FetchOptions): Promise<string | undefined> {
  const checksum = checksums.get(locator.locatorHash) ?? null
  if (checksum !== null) return hashOfChecksum(checksum)
  const path = cache.getLocatorPath(locator, null)
  return await xfs.existsPromise(path) ? hashUtils.checksumFile(path) : undefined
}
