/**
 * Branches and tags of the repositories that packages name, asked of the git hosts of the configuration and of nobody else (THREATS A8).
 *
 * git's own protocol over the guarded fetch, so that each address, each redirect and each byte passes the same checks as a registry's; no program
 * is started and no repository is copied. Which URLs are asked is judged by the rules of rebuilds.
 *
 * @packageDocumentation
 */
import type { AbortSignalLike, Clock, SourceRefList, SourceRefs } from "@vouchsafe/ports"
import type { GuardedFetch, GuardedResponse } from "../registry/guarded-fetch.ts"
import { createSemaphore } from "../registry/semaphore.ts"
import { ADVERTISEMENT_PATH, ADVERTISEMENT_TYPE, COMMAND_PATH, COMMAND_TYPE, lsRefsCommand, readAdvertisement, readRefs } from "./git-wire.ts"
import { REFS_BYTES_MAX, REFS_CONCURRENT_MAX, REFS_FRESH_MS, REFS_PAUSE_MS, REFS_REMEMBERED_MAX, REFS_TIMEOUT_MS, REPOSITORIES_REMEMBERED_MAX } from "./limits.ts"

/** What it works with. */
export interface SourceRefsOptions {
  /** Whose private hosts are the git hosts, where these are allowed. */
  readonly fetch: GuardedFetch
  /** Host names, perhaps with a port, that may be asked. */
  readonly hosts: readonly string[]
  /** Lets repositories be at http addresses: for tests, and for networks of one's own. */
  readonly allowPrivateAddresses: boolean
  readonly clock: Clock
}

/** Rules and readers that rebuilds use too; loaded when a repository is first asked. */
type GitRules = Pick<typeof import("@vouchsafe/rebuilder"), "checkGitUrl" | "normaliseRepository" | "parseRefList">

interface Known {
  readonly asked: Promise<SourceRefList | undefined>
  readonly atMs: number
  refs: number
  untilMs: number
}

/** @see SourceRefs */
export function createSourceRefs(options: SourceRefsOptions): SourceRefs {
  const known = new Map<string, Known>()
  const asking = createSemaphore(REFS_CONCURRENT_MAX)
  const protocols = options.allowPrivateAddresses ? ["https", "http"] as const : ["https"] as const
  let rules: Promise<GitRules> | undefined

  const forget = (): void => {
    let refs = 0
    for (const one of known.values()) refs += one.refs
    for (const [url, one] of known) {
      if (known.size <= REPOSITORIES_REMEMBERED_MAX && refs <= REFS_REMEMBERED_MAX) return
      known.delete(url)
      refs -= one.refs
    }
  }
  const ask = (url: string, git: GitRules): Promise<SourceRefList | undefined> => {
    const nowMs = options.clock.nowMs()
    const entry: Known = { asked: asking.run(() => lookAt(url, git, options)), atMs: nowMs, refs: 0, untilMs: nowMs + REFS_FRESH_MS }
    known.delete(url)
    known.set(url, entry)
    void entry.asked.then((list) => {
      if (list === undefined) entry.untilMs = Math.min(entry.untilMs, options.clock.nowMs() + REFS_PAUSE_MS)
      else entry.refs = list.tags.size + list.heads.size
      forget()
    })
    return entry.asked
  }
  return {
    async list(repository, notBefore, signal) {
      rules ??= import("@vouchsafe/rebuilder")
      const git = await rules
      const named = git.normaliseRepository(repository, protocols)
      const checked = named.ok ? git.checkGitUrl(named.url, { protocols, hosts: options.hosts }) : named
      if (!checked.ok) return undefined
      const found = known.get(checked.url)
      // An answer from before the version came cannot know of it; one that failed is not asked for again at once.
      const isFresh = found !== undefined && options.clock.nowMs() < found.untilMs && (Math.floor(found.atMs / 1000) > notBefore || await found.asked === undefined)
      return unlessAborted(isFresh ? found.asked : ask(checked.url, git), signal)
    },
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignalLike | undefined): Promise<T | undefined> {
  if (signal === undefined) return work
  return new Promise((resolve) => {
    const leave = (): void => resolve(undefined)
    if (signal.aborted) leave()
    signal.addEventListener("abort", leave)
    void work.then(resolve).finally(() => signal.removeEventListener("abort", leave))
  })
}

/** Never rejects: a host that does not answer, or not as one, leaves it open. */
async function lookAt(url: string, git: GitRules, { fetch }: SourceRefsOptions): Promise<SourceRefList | undefined> {
  try {
    const text = await listOverHttp(url, fetch)
    const list = text === undefined ? undefined : git.parseRefList(text, true)
    if (list === undefined || !list.ok) return undefined
    const refs = [...list.value.refs.values()]
    return {
      tags: new Map(refs.flatMap(({ name, id, peeled }) => (name.startsWith("refs/tags/") ? [[name.slice("refs/tags/".length), peeled ?? id] as const] : []))),
      heads: new Set(refs.flatMap(({ name, id }) => (name.startsWith("refs/heads/") ? [id] : []))),
    }
  } catch {
    // Whatever goes wrong with somebody's repository says nothing about it. Several wait for one answer, and some of them have gone: a rejection would be
    // taken by nobody, and end the process.
    return undefined
  }
}

async function listOverHttp(url: string, fetch: GuardedFetch): Promise<string | undefined> {
  const access = { registry: `${new URL(url).origin}/` }
  const headers = { "git-protocol": "version=2", "accept-encoding": "identity" }
  const first = await fetch.get({ url: `${url}${ADVERTISEMENT_PATH}`, access, headers: { ...headers, accept: ADVERTISEMENT_TYPE }, timeoutMs: REFS_TIMEOUT_MS })
  const body = await readAnswer(first)
  const advertised = body === undefined || first.headers["content-type"] !== ADVERTISEMENT_TYPE ? undefined : readAdvertisement(body)
  if (advertised === undefined || advertised.version === 0) return advertised?.refs
  // A repository that was moved is asked where it is now.
  const end = first.url.indexOf(ADVERTISEMENT_PATH)
  if (end < 0) return undefined
  const second = await fetch.get({
    url: `${first.url.slice(0, end)}${COMMAND_PATH}`, access, headers: { ...headers, "content-type": COMMAND_TYPE }, body: lsRefsCommand(advertised.objectFormat), timeoutMs: REFS_TIMEOUT_MS,
  })
  const answer = await readAnswer(second)
  return answer === undefined ? undefined : readRefs(answer)
}

/** The whole body of a good answer, within bounds. Rejects as the connection does. */
async function readAnswer({ status, body, headers }: GuardedResponse): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    if (status !== 200 || (headers["content-encoding"] ?? "identity") !== "identity") return undefined
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > REFS_BYTES_MAX) return undefined
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch {
    // A connection that is cut says as little as one that never was.
    return undefined
  } finally {
    body.destroy()
  }
}
