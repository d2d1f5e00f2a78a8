import type { ArtifactRequest, Refused } from "@vouchsafe/core"
import { rebuild, type Rebuilt, type Run } from "./archive.ts"
import { contentsOf, isSameContents, type Contents } from "./contents.ts"
import type { Judge } from "./judge.ts"
import { refusalOf, warn } from "./refusal.ts"
import type { FetchOptions, FetchResult } from "./yarn.ts"

/** An archive out of a cache, and what is needed to find the tarball behind it. */
export interface CachedArchive {
  /** Hex sha512. */
  readonly archive: string
  readonly result: FetchResult
  readonly request: ArtifactRequest
  readonly judge: Judge
  readonly run: Run
  readonly opts: FetchOptions
  /** Fetches the package as Yarn does, with these options. */
  readonly fetch: (opts: FetchOptions) => Promise<FetchResult>
  /** Hex sha512 of the tarball that the last run brought. */
  readonly arrived: () => string | undefined
}

/**
 * Finds the allowed tarball that a cached archive was made from: by memory; else by contents, which attesters state; else
 * by fetching the tarball and making the archive again.
 *
 * @returns hex sha512 of the tarball
 * @throws ReportError when there is none
 */
export async function tarballBehind(cached: CachedArchive): Promise<string> {
  const { archive, judge, opts, request, result, run } = cached
  const known = judge.judged.ties.tarballOf(archive)
  if (known !== undefined) return allowed(cached, known)
  const contents = once(() => contentsOf(result.packageFs, result.prefixPath, judge.judged.crypto))
  const candidates = await Promise.all((await judge.candidates(request)).map((sha512) => judge.decide({ ...request, sha512 })))
  for (const { verdict, contents: attested } of candidates) {
    if (verdict.ok && verdict.sha512 !== undefined && isSame(attested(), contents())) return allowed(cached, verdict.sha512)
  }
  const [refused] = candidates
  if (refused !== undefined && candidates.every(({ verdict }) => !verdict.ok)) throw refusalOf(refused.verdict)
  const again = await madeAgain(cached)
  const tarball = cached.arrived()
  if (tarball !== undefined && (again.hash === archive || isSame(again.contents(), contents()))) return allowed(cached, tarball)
  throw refusalOf(archiveVerdict(request.purl, "the archive in Yarn's cache is not what the attested tarball yields"))
}

async function madeAgain({ fetch, judge, opts, request, run }: CachedArchive): Promise<Rebuilt> {
  try {
    return await rebuild(run, opts, fetch, judge.judged.crypto)
  } catch (error) {
    if (run.refused !== undefined) throw run.refused
    throw refusalOf(archiveVerdict(request.purl, "nothing ties the archive in Yarn's cache to an attested tarball, and the tarball could not be fetched", error))
  }
}

/** The verdict on an archive out of a cache that is not what it should have been made from. */
export function archiveVerdict(id: string, message: string, error?: unknown): Refused {
  return {
    ok: false, code: "NOT_VOUCHED", purl: id, registry: "", claims: [], labels: [],
    findings: [{
      code: "NOT_VOUCHED", severity: "deny", saidBy: [], message, hint: "remove the archive from the cache with `yarn cache clean`, then install again",
      ...(error === undefined ? {} : { found: error instanceof Error ? error.message : String(error) }),
    }],
  }
}

async function allowed({ judge, opts, request }: CachedArchive, sha512: string): Promise<string> {
  const { verdict } = await judge.decide({ ...request, sha512 })
  warn(opts.report, verdict)
  if (!verdict.ok) throw refusalOf(verdict)
  return sha512
}

export function isSame(a: Contents | undefined, b: Contents | undefined): boolean {
  return a !== undefined && b !== undefined && isSameContents(a, b)
}

/** Reading an archive costs as much as unpacking it. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
