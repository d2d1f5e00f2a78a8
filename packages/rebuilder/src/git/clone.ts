/**
 * A commit's source, and the proof that it belongs to the repository.
 *
 * Three steps, each in the sandbox: the refs; where the commit is no tip of them, the history without contents, in which
 * it must be an ancestor of a branch or tag; the commit itself with its contents and nothing else. Servers that give less
 * give everything: each step falls back to the whole repository.
 *
 * @packageDocumentation
 */
import { lstat, rm } from "node:fs/promises"
import { join } from "node:path"
import { failed, GIT_INSIDE, type GitPlace, type GitResult, type GitUrl, runGit } from "./git-command.ts"
import { type CommitObject, isObjectId, type ObjectId, ObjectRefusal, parseCommitObject, parseTagObject, type TagObject } from "./objects.ts"
import { commitOf, type FoundRef, isRefName, type RefList } from "./refs.ts"

const HISTORY = "history.git"
const SOURCE = "source"
/** A tag of a tag of a tag: more of them say nothing more. */
const TAG_CHAIN_MAX = 5
const BRANCHES_AND_TAGS = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]

/** What is cloned. */
export interface CloneQuestion {
  readonly remote: GitUrl
  /** From {@link listRefs}. */
  readonly refs: RefList
  readonly commit: ObjectId
  /** The tag that led to the commit or that stands for the version, whose object is brought along. */
  readonly tag?: FoundRef | undefined
}

/** A commit's source on disk. */
export interface Source {
  /** Folder of the host: a repository, whose files are there after {@link checkoutSource}. */
  readonly folder: string
  readonly commit: CommitObject
  /** The branch or tag that the commit is reachable from. */
  readonly ref: string
  /** Tag objects from the question's tag to the commit, outermost first; empty where that tag is lightweight or leads elsewhere. */
  readonly tags: readonly TagObject[]
  /** Whether the server gave the one commit, or the whole repository had to be taken. */
  readonly how: "shallow" | "full"
}

/** Brings a commit that belongs to the repository here, without its files. */
export async function cloneSource(place: GitPlace, question: CloneQuestion): Promise<GitResult<Source>> {
  const { refs, commit, remote, tag } = question
  if (!isObjectId(commit) || commit.length !== refs.idLength) return failed("COMMIT_UNREACHABLE", `the commit is ${JSON.stringify(commit.slice(0, 80))}, expected ${refs.idLength} lower-case hex digits`)
  const reachable = await isReachable(place, question)
  if (!reachable.ok) return reachable
  const started = await startRepository(place, SOURCE, remote, refs.idLength)
  if (!started.ok) return started
  const how = await fetchCommit(place, question)
  if (!how.ok) return how
  const object = await readCommitObject(place, SOURCE, commit)
  if (!object.ok) return object
  // A tag that was moved away vouches for another commit.
  const tags = tag?.annotated === true && tag.commit === commit ? await readTags(place, tag) : { ok: true as const, value: [] }
  if (!tags.ok) return tags
  return { ok: true, value: { folder: join(place.folder, SOURCE), commit: object.value, ref: reachable.value.ref, tags: tags.value, how: how.value } }
}

/**
 * Writes the commit's files into the source's folder: the bytes of the repository, but for line endings where its own
 * .gitattributes ask for others. Large files and submodules stay what they are in git: pointers and empty folders.
 */
export async function checkoutSource(place: GitPlace, source: Source): Promise<GitResult<string>> {
  const done = await runGit(place, { repository: SOURCE, args: ["checkout", "--quiet", "--force", "--detach", source.commit.id, "--"] })
  if (!done.ok) return done
  // The sandbox could write beside it: a link in its place would lead builds, which may write there, anywhere on the host.
  const isFolder = await lstat(source.folder).then((stats) => stats.isDirectory(), () => false)
  return isFolder ? { ok: true, value: source.folder } : failed("CLONE_FAILED", "what was checked out is no folder")
}

/** Makes an empty repository that knows its origin. */
export async function startRepository(place: GitPlace, repository: string, remote: GitUrl, idLength: 40 | 64): Promise<GitResult<Buffer>> {
  const bare = repository.endsWith(".git") ? ["--bare"] : []
  const made = await runGit(place, { repository: "", args: ["init", "--quiet", "--template=", "--initial-branch=vouchsafe", `--object-format=${idLength === 64 ? "sha256" : "sha1"}`, ...bare, "--", `${GIT_INSIDE}/${repository}`] })
  return made.ok ? runGit(place, { repository, args: ["config", "remote.origin.url", remote.url] }) : made
}

/** Fetches from the origin of {@link startRepository}. */
export function fetchInto(place: GitPlace, repository: string, remote: GitUrl, options: readonly string[], refspecs: readonly string[]): Promise<GitResult<Buffer>> {
  return runGit(place, { repository, remote, args: ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--update-head-ok", ...options, "--", "origin", ...refspecs] })
}

/**
 * Tells from which branch or tag a commit can be reached: an ancestor of it, or its tip.
 *
 * The answer names the question's tag where that is one, else the default branch, else the first that there is.
 * A commit that only a pull request has, or nobody, is COMMIT_UNREACHABLE.
 */
export async function isReachable(place: GitPlace, { remote, refs, commit, tag }: CloneQuestion): Promise<GitResult<{ ref: string }>> {
  const tips = [...refs.refs.values()].filter((ref) => commitOf(ref) === commit).map(({ name }) => name)
  const preferred = [tag?.name, refs.head].filter((name) => name !== undefined && name !== null)
  const choose = (names: readonly string[]): string | undefined => preferred.find((name) => names.includes(name)) ?? names.find((name) => name.startsWith("refs/heads/")) ?? names[0]
  const tip = choose(tips)
  if (tip !== undefined) return { ok: true, value: { ref: tip } }
  const history = await openHistory(place, remote, refs)
  if (!history.ok) return history
  const names = await runGit(place, { repository: HISTORY, args: ["for-each-ref", `--contains=${commit}`, "--format=%(refname)", "refs/heads/", "refs/tags/"] })
  const notThere = !names.ok && /no such commit|malformed object name/.test(names.failure.said ?? "")
  if (!names.ok && !notThere) return names
  const ref = names.ok ? choose(names.value.toString("utf8").split("\n").filter(isRefName)) : undefined
  if (ref === undefined) return failed("COMMIT_UNREACHABLE", `commit ${commit} is no ancestor of any branch or tag of ${remote.url}`)
  return { ok: true, value: { ref } }
}

/**
 * Commits and tags of all branches and tags, without their files where the server can leave them out.
 * Then it forgets its origin: git would fetch a commit that it does not know, were it only a pull request's.
 */
async function openHistory(place: GitPlace, remote: GitUrl, { idLength, smart }: RefList): Promise<GitResult<Buffer>> {
  const started = await startRepository(place, HISTORY, remote, idLength)
  if (!started.ok) return started
  const fetched = await fetchInto(place, HISTORY, remote, smart ? ["--filter=tree:0"] : [], BRANCHES_AND_TAGS)
  return fetched.ok ? runGit(place, { repository: HISTORY, args: ["config", "--remove-section", "remote.origin"] }) : fetched
}

/** The commit alone, by its id or by a ref that leads to it; the whole repository where a server gives neither. */
async function fetchCommit(place: GitPlace, { remote, refs, commit, tag }: CloneQuestion): Promise<GitResult<Source["how"]>> {
  const tagSpec = tag === undefined ? [] : [`+${tag.name}:${tag.name}`]
  const tip = [...refs.refs.values()].find((ref) => commitOf(ref) === commit)
  const attempts = [[commit, ...tagSpec], ...(tip === undefined ? [] : [[`+${tip.name}:${tip.name}`, ...tagSpec]])]
  for (const refspecs of refs.smart ? attempts : []) {
    const fetched = await fetchInto(place, SOURCE, remote, ["--depth=1"], [...new Set(refspecs)])
    if (fetched.ok && await holds(place, commit)) return { ok: true, value: "shallow" }
    if (!fetched.ok && fetched.failure.said === undefined) return fetched
  }
  // Anew: what a shorter attempt left would stay short.
  await rm(join(place.folder, SOURCE), { recursive: true, force: true })
  const started = await startRepository(place, SOURCE, remote, refs.idLength)
  if (!started.ok) return started
  const whole = await fetchInto(place, SOURCE, remote, [], BRANCHES_AND_TAGS)
  if (!whole.ok) return whole
  return await holds(place, commit) ? { ok: true, value: "full" } : failed("COMMIT_UNREACHABLE", `commit ${commit} does not come with any branch or tag of ${remote.url}`)
}

async function holds(place: GitPlace, commit: ObjectId): Promise<boolean> {
  return (await runGit(place, { repository: SOURCE, args: ["cat-file", "-e", `${commit}^{commit}`] })).ok
}

/** Reads a commit and computes its id again. Another one under this id is CLONE_FAILED. */
export async function readCommitObject(place: GitPlace, repository: string, id: ObjectId): Promise<GitResult<CommitObject>> {
  return readObject(place, repository, "commit", id, parseCommitObject)
}

/** Reads a tag object and computes its id again. Another one under this id is CLONE_FAILED. */
export async function readTagObject(place: GitPlace, repository: string, id: ObjectId): Promise<GitResult<TagObject>> {
  return readObject(place, repository, "tag", id, parseTagObject)
}

async function readObject<T>(place: GitPlace, repository: string, type: "commit" | "tag", id: ObjectId, parse: (bytes: Uint8Array, id: ObjectId) => T): Promise<GitResult<T>> {
  const bytes = await runGit(place, { repository, args: ["cat-file", type, id] })
  if (!bytes.ok) return bytes
  try {
    return { ok: true, value: parse(bytes.value, id) }
  } catch (error) {
    if (!(error instanceof ObjectRefusal)) throw error
    return failed("CLONE_FAILED", error.message)
  }
}

/** From a tag object to the commit: the chain must lead where the server said it does. */
async function readTags(place: GitPlace, tag: FoundRef): Promise<GitResult<readonly TagObject[]>> {
  const tags: TagObject[] = []
  for (let id = tag.id; tags.length < TAG_CHAIN_MAX;) {
    const read = await readTagObject(place, SOURCE, id)
    if (!read.ok) return read
    tags.push(read.value)
    if (read.value.objectType === "commit") {
      if (read.value.object === tag.commit) return { ok: true, value: tags }
      return failed("CLONE_FAILED", `${tag.name} leads to commit ${read.value.object}, and the server said ${tag.commit}`)
    }
    if (read.value.objectType !== "tag") return failed("CLONE_FAILED", `${tag.name} leads to a ${read.value.objectType}, expected a commit`)
    id = read.value.object
  }
  return failed("CLONE_FAILED", `${tag.name} is a chain of more than ${TAG_CHAIN_MAX} tags`)
}

/** Bytes of one file of a commit, read from git and not from the disk; null where the commit has no such file. */
export async function readSourceFile(place: GitPlace, source: Source, path: string): Promise<GitResult<Buffer | null>> {
  const listed = await runGit(place, { repository: SOURCE, args: ["ls-tree", "-z", "--full-tree", source.commit.id, "--", `:(literal,top)${path}`] })
  if (!listed.ok) return listed
  const blob = /^100(?:644|755) blob ([0-9a-f]+)\t([^\0]*)\0$/.exec(listed.value.toString("utf8"))
  return blob === null || blob[2] !== path ? { ok: true, value: null } : runGit(place, { repository: SOURCE, args: ["cat-file", "blob", blob[1] ?? ""] })
}
