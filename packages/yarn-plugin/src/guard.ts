import { createHash } from "node:crypto"
import { npmPurl, type ArtifactRequest } from "@vouchsafe/core"
import { dropFromCache, hashOf, hashOfChecksum, rebuild, watchedCache, within, type Run } from "./archive.ts"
import { contentsOf } from "./contents.ts"
import type { Judge } from "./judge.ts"
import { localVerdict, weigh, type LocalFinding } from "@vouchsafe/client"
import { isOnHost, type DerivedSource, type NpmSource } from "./locator.ts"
import { refusalOf, refusalOfError, warn } from "./refusal.ts"
import { isStandIn, prefetchProject, registryOf, sourceFor } from "./project.ts"
import { archiveVerdict, isSame, tarballBehind } from "./tie.ts"
import { MultiFetcher, structUtils, type Fetcher, type FetchOptions, type FetchResult, type Locator, type PortablePath, type Project } from "./yarn.ts"

/** A package whose archive this process has checked. */
interface Checked {
  /** Hex sha512 of the archive. */
  readonly archive: string
  readonly path: PortablePath
  /** Hex sha512 of the attested tarball behind it; none for the project's own files. */
  readonly tarball?: string
}

/** One fetch that is being guarded. */
interface Fetching {
  readonly locator: Locator
  readonly opts: FetchOptions
  readonly judge: Judge
  readonly fetch: (opts: FetchOptions) => Promise<FetchResult>
}

/** What one process knows about packages, whatever Yarn asks for first. */
export interface Guard {
  readonly judgeFor: (project: Project) => Promise<Judge>
  /** By locator hash. */
  readonly checked: Map<string, Checked>
  /** Hex sha512 of the tarballs that arrived and were allowed, by locator hash. Yarn asks for one URL once a process. */
  readonly arrived: Map<string, string>
}

/** The fetcher that stands before all `others`, and asks them once it agrees. */
export function fetcherBefore(guard: Guard, others: readonly Fetcher[]): Fetcher {
  const inner = new MultiFetcher([...others])
  return {
    // Virtual packages and workspaces go on to their sources, which come back here.
    supports: ({ reference }) => !reference.startsWith("virtual:") && !reference.startsWith("workspace:"),
    getLocalPath: (locator, opts) => inner.getLocalPath(locator, opts),
    async fetch(locator, opts) {
      const fetch = (other: FetchOptions): Promise<FetchResult> => inner.fetch(locator, other)
      try {
        if (await isStandIn(locator, opts)) return await fetch(opts)
        const source = sourceFor(locator, opts)
        if (source.kind === "own") return await fetch(opts)
        const fetching = { locator, opts, judge: await guard.judgeFor(opts.project), fetch }
        if (source.kind === "npm") return await fetchNpm(guard, fetching, source)
        if (source.kind === "derived") return await fetchDerived(guard, fetching, source)
        weighOrThrow(fetching, { code: "EXOTIC_SOURCE", id: structUtils.stringifyLocator(locator), message: source.why, found: source.found })
        return await fetch(opts)
      } catch (error) {
        throw refusalOfError(error)
      }
    },
  }
}

async function fetchNpm(guard: Guard, fetching: Fetching, source: NpmSource): Promise<FetchResult> {
  const { locator, opts, judge } = fetching
  const registry = registryOf(locator, opts.project, judge.judged.registries)
  const request = { purl: npmPurl(source.name, source.version), registry }
  if (source.archiveUrl !== undefined && !isOnHost(source.archiveUrl, registry)) {
    weighOrThrow(fetching, {
      code: "WRONG_REGISTRY", id: structUtils.stringifyLocator(locator), request,
      message: "its archive lies on another host than the registry that is configured for it", expected: registry, found: source.archiveUrl,
    })
  }
  await prefetchProject(judge, opts, request)
  const run = npmRun(guard, fetching, source, request)
  const arrived = (): string | undefined => guard.arrived.get(locator.locatorHash)
  return settle(guard, fetching, run, async (result, archive) => {
    const made = run.isMade ? arrived() : undefined
    const tarball = made ?? await tarballBehind({ ...fetching, archive, result, request, run, arrived })
    judge.judged.ties.remember(archive, tarball)
    return tarball
  })
}

function npmRun(guard: Guard, { judge, locator, opts }: Fetching, source: NpmSource, request: ArtifactRequest): Run {
  const run: Run = {
    locator, isMissed: false, isMade: false,
    isTarball: (url) => url === source.archiveUrl || new URL(url).pathname.endsWith(".tgz"),
    async judgeTarball(bytes) {
      if (run.refused !== undefined) throw run.refused
      const sha512 = createHash("sha512").update(bytes).digest("hex")
      const { verdict } = await judge.decide({ ...request, sha512 })
      warn(opts.report, verdict)
      if (!verdict.ok) throw run.refused = refusalOf(verdict)
      guard.arrived.set(locator.locatorHash, sha512)
    },
  }
  return run
}

/** Patches and `file:` packages: made here, from a guarded package or the project's own files. */
async function fetchDerived(guard: Guard, fetching: Fetching, { patchedFrom }: DerivedSource): Promise<FetchResult> {
  const { fetch, judge, locator, opts } = fetching
  const source = patchedFrom === undefined ? undefined : structUtils.parseLocator(patchedFrom)
  const run: Run = {
    locator, isMissed: false, isMade: false, isTarball: () => true,
    judgeTarball: () => Promise.reject(new Error("a local package was about to be downloaded")),
  }
  return settle(guard, fetching, run, async (result, archive) => {
    const known = source === undefined ? undefined : judge.judged.ties.tarballOf(archive)
    if (known !== undefined && source !== undefined && await isAllowed(fetching, source, known)) return known
    if (!run.isMade) {
      const again = await rebuild(run, opts, fetch, judge.judged.crypto)
      if (again.hash !== archive && !isSame(again.contents(), contentsOf(result.packageFs, result.prefixPath, judge.judged.crypto))) {
        throw refusalOf(archiveVerdict(structUtils.stringifyLocator(locator), "the archive in Yarn's cache is not what its source yields"))
      }
    }
    const tarball = source === undefined ? undefined : guard.checked.get(source.locatorHash)?.tarball
    if (tarball !== undefined) judge.judged.ties.remember(archive, tarball)
    return tarball
  })
}

/** Asks about the source of a patch, for bytes that its archive was once made from. */
async function isAllowed({ judge, opts }: Fetching, source: Locator, sha512: string): Promise<boolean> {
  const words = sourceFor(source, opts)
  if (words.kind !== "npm") return false
  const registry = registryOf(source, opts.project, judge.judged.registries)
  const { verdict } = await judge.decide({ purl: npmPurl(words.name, words.version), registry, sha512 })
  return verdict.ok
}

/** Fetches, then lets `check` find the tarball behind the archive before anybody else sees it. */
async function settle(guard: Guard, { fetch, judge, locator, opts }: Fetching, run: Run, check: (result: FetchResult, archive: string) => Promise<string | undefined>): Promise<FetchResult> {
  const result = await within(run, () => fetch({ ...opts, cache: watchedCache(opts.cache, run) }))
  const path = result.packageFs.getRealPath()
  try {
    const before = guard.checked.get(locator.locatorHash)
    if (before !== undefined && isAsBefore(before, path, result, opts)) return result
    const archive = await hashOf(path, result, opts)
    const tarball = before?.archive === archive ? before.tarball : await check(result, archive)
    guard.checked.set(locator.locatorHash, { archive, path, ...(tarball === undefined ? {} : { tarball }) })
    return result
  } catch (error) {
    const refusal = refusalOfError(error)
    if (judge.judged.policy.preset === "observe") {
      opts.report.reportWarningOnce(0, `vouchsafe: ${refusal.message}`)
      return result
    }
    result.releaseFs?.()
    if (run.isMissed) await dropFromCache(opts.cache, path)
    throw refusal
  }
}

/** The link step asks for what the fetch step has fetched, and Yarn then repeats what it knows without looking. */
function isAsBefore(before: Checked, path: PortablePath, { checksum }: FetchResult, { cacheOptions }: FetchOptions): boolean {
  if (cacheOptions?.skipIntegrityCheck !== true || before.path !== path) return false
  return typeof checksum !== "string" || hashOfChecksum(checksum) === before.archive
}

function weighOrThrow({ judge, opts }: Fetching, finding: LocalFinding): void {
  const weighed = weigh(finding, judge.judged.policy, Math.floor(judge.judged.nowMs() / 1_000))
  if (weighed === undefined) return
  const verdict = localVerdict(finding.id, [weighed])
  if (!verdict.ok) throw refusalOf(verdict)
  warn(opts.report, verdict)
}
