/**
 * Finds the commit that a package version was made from, and says how (packages/spec/rebuilding.md, "Source").
 *
 * Nobody's word is taken: a commit counts when its own package.json has the name and the version. Where several words lead
 * to different commits, the first in order whose package.json fits wins, and only the words that lead there are recorded.
 *
 * @packageDocumentation
 */
import { mkdtemp } from "node:fs/promises"
import { join } from "node:path"
import { asObject, type ForeignObject, member } from "@vouchsafe/tarball"
import {
  checkGitUrl, checkoutSource, cloneSource, commitOf, findInHistory, findRef, type FoundRef, type GitFailure, type GitPlace, type GitResult, type GitUrl, isObjectId, listRefs,
  normaliseDirectory, normaliseRepository, type RefList, type Source,
} from "../git/index.ts"
import { runGit } from "../git/git-command.ts"
import type { FoundBy, RebuildRequest } from "../types.ts"
import { loadSourceFiles, manifestAt } from "./files.ts"
import type { SourceFiles } from "../recipe/managers.ts"

/** A source with its files on disk. */
export interface FoundSource {
  /** URL as git was given it. */
  readonly repository: string
  readonly source: Source
  readonly foundBy: readonly FoundBy[]
  /** Folder of the package, empty for the root. */
  readonly directory: string
  readonly files: SourceFiles
  /** For people: what was looked at and passed over. */
  readonly notes: readonly string[]
}

/** What is looked for. */
export interface SourceQuestion {
  readonly name: string
  readonly version: string
  readonly request: Pick<RebuildRequest, "source" | "provenance" | "manifest" | "gitProtocols" | "gitHosts">
  /** A fresh place for git in an empty folder. */
  readonly place: (folder: string) => GitPlace
  readonly workspace: string
}

interface Word { readonly commit: string, readonly by: FoundBy, readonly tag: FoundRef | undefined }

/** One look-up, with what it needs all along. */
interface Search {
  readonly question: SourceQuestion
  readonly remote: GitUrl
  readonly refs: RefList
  readonly tags: readonly FoundRef[]
  readonly wantedDirectory: string | undefined
  readonly notes: string[]
}

/** Names of folders that hold the same file, looked at where the packument names none. */
const PLACES_MAX = 20

/** Finds, clones, and checks out. */
export async function findSource(question: SourceQuestion): Promise<GitResult<FoundSource>> {
  const { request, name, version } = question
  const named = repositoryOf(request)
  if (!named.ok) return no("SOURCE_NOT_FOUND", named.reason)
  const checked = checkGitUrl(named.url, { protocols: request.gitProtocols, hosts: request.gitHosts })
  if (!checked.ok) return no("SOURCE_NOT_FOUND", checked.reason)
  const refs = await listRefs(await placeOf(question), checked)
  if (!refs.ok) return refs
  const search: Search = { question, remote: checked, refs: refs.value, tags: findRef(refs.value, version, name), wantedDirectory: named.directory, notes: [] }
  const words = wordsOf(search)
  let unreachable: GitFailure | undefined
  let fallback: FoundSource | undefined
  for (const commit of new Set(words.map((word) => word.commit))) {
    const found = await tryCommit(search, commit, words)
    if (!found.ok) {
      if (found.failure.code === "SANDBOX_UNAVAILABLE" || request.source !== undefined) return found
      unreachable ??= found.failure
      search.notes.push(`${commit}: ${found.failure.detail}`)
      continue
    }
    // Whoever names a commit gets it compared, whatever it says of itself.
    if (request.source !== undefined || found.value.fits) return finish(search, found.value.found)
    search.notes.push(`${commit}: ${found.value.why}`)
    fallback ??= found.value.found
  }
  const history = await findInHistory(await placeOf(question), { remote: checked, refs: refs.value, version, directory: named.directory ?? "" })
  if (!history.ok && history.failure.code === "SANDBOX_UNAVAILABLE") return history
  if (history.ok && history.value !== null) {
    const found = await tryCommit(search, history.value.commit, [{ commit: history.value.commit, by: "history", tag: undefined }])
    if (found.ok && found.value.fits) return finish(search, found.value.found)
  }
  // Some releases write their version only when they are packed: then the tag's or the recorded commit is all there is.
  if (fallback !== undefined) return finish(search, fallback)
  return unreachable !== undefined ? { ok: false, failure: unreachable } : no("SOURCE_NOT_FOUND", `no commit of ${checked.url} is known to be ${name}@${version}: ${["no provenance, no gitHead, no tag", ...search.notes].join("; ")}`)
}

function repositoryOf(request: SourceQuestion["request"]): { ok: true, url: string, directory: string | undefined } | { ok: false, reason: string } {
  const manifest = asObject(request.manifest)
  const field = manifest === undefined ? undefined : member(manifest, "repository")
  const own = normaliseRepository(field, request.gitProtocols)
  const ownDirectory = own.ok && own.directory !== "" ? own.directory : undefined
  if (request.source !== undefined) {
    const given = normaliseRepository(request.source.repository, request.gitProtocols)
    if (!given.ok) return given
    const directory = request.source.directory === undefined ? undefined : normaliseDirectory(request.source.directory)
    if (request.source.directory !== undefined && directory === undefined) return { ok: false, reason: "the directory is no folder inside of the repository" }
    return { ok: true, url: given.url, directory: directory ?? (given.directory === "" ? ownDirectory : given.directory) }
  }
  if (request.provenance !== undefined) return { ok: true, url: request.provenance.repository, directory: ownDirectory }
  return own.ok ? { ok: true, url: own.url, directory: ownDirectory } : own
}

/** Who says which commit, in the order in which they are believed. */
function wordsOf({ question, tags }: Search): readonly Word[] {
  const { request } = question
  const words: Word[] = []
  const manifest = asObject(request.manifest)
  const gitHead = manifest === undefined ? undefined : member(manifest, "gitHead")
  if (request.source !== undefined) words.push({ commit: request.source.commit, by: "given", tag: undefined })
  if (request.provenance !== undefined) words.push({ commit: request.provenance.commit, by: "provenance", tag: undefined })
  if (typeof gitHead === "string" && isObjectId(gitHead)) words.push({ commit: gitHead, by: "gitHead", tag: undefined })
  for (const tag of tags) words.push({ commit: commitOf(tag), by: "tag", tag })
  // What was given or proven is not replaced by what others say; they only confirm it.
  const binding = words[0]?.by === "given" || words[0]?.by === "provenance" ? words[0].commit : undefined
  return binding === undefined ? words : words.filter((word) => word.commit === binding)
}

type Tried = { readonly found: FoundSource, readonly fits: boolean, readonly why: string }

async function tryCommit(search: Search, commit: string, words: readonly Word[]): Promise<GitResult<Tried>> {
  const { question, remote, refs } = search
  const { name, version } = question
  const place = await placeOf(question)
  const mine = words.filter((word) => word.commit === commit)
  const tag = mine.find((word) => word.tag !== undefined)?.tag
  const cloned = await cloneSource(place, { remote, refs, commit, ...(tag === undefined ? {} : { tag }) })
  if (!cloned.ok) return cloned
  const located = await locate(search, place, cloned.value)
  if (!located.ok) return located
  const { directory, manifest } = located.value
  const files = await loadSourceFiles(place, cloned.value, directory)
  if (!files.ok) return files
  const found: FoundSource = { repository: remote.url, source: cloned.value, foundBy: [...new Set(mine.map(({ by }) => by))], directory, files: files.value, notes: [] }
  const said = manifest === undefined ? "has no package.json of this name" : `is ${String(member(manifest, "name"))}@${String(member(manifest, "version"))}`
  const fits = manifest !== undefined && member(manifest, "name") === name && member(manifest, "version") === version
  const checkedOut = await checkoutSource(place, cloned.value)
  return checkedOut.ok ? { ok: true, value: { found, fits, why: `its package.json ${said}, expected ${name}@${version}` } } : checkedOut
}

/** The package's folder: the one that is named, else the root where it has the name, else the first folder with the name. */
async function locate({ question, wantedDirectory }: Search, place: GitPlace, source: Source): Promise<GitResult<{ directory: string, manifest: ForeignObject | undefined }>> {
  const { name } = question
  const candidates = [...new Set([...(wantedDirectory === undefined ? [] : [wantedDirectory]), ""])]
  for (const directory of candidates) {
    const manifest = await manifestAt(place, source, directory)
    if (!manifest.ok) return manifest
    if (manifest.value !== undefined && member(manifest.value, "name") === name) return { ok: true, value: { directory, manifest: manifest.value } }
  }
  const grep = await runGit(place, { repository: "source", args: ["grep", "-l", "-z", "-F", "-e", `"${name}"`, source.commit.id, "--", ":(glob)**/package.json"] })
  const paths = grep.ok ? grep.value.toString("utf8").split("\0").filter((path) => path !== "").map((path) => path.slice(source.commit.id.length + 1)) : []
  const folders = paths.map((path) => path.split("/").slice(0, -1).join("/")).filter((folder) => !folder.split("/").includes("node_modules"))
    .sort((a, b) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1)).slice(0, PLACES_MAX)
  for (const directory of folders) {
    const manifest = await manifestAt(place, source, directory)
    if (!manifest.ok) return manifest
    if (manifest.value !== undefined && member(manifest.value, "name") === name) return { ok: true, value: { directory, manifest: manifest.value } }
  }
  return { ok: true, value: { directory: wantedDirectory ?? "", manifest: undefined } }
}

function finish({ notes }: Search, found: FoundSource): GitResult<FoundSource> {
  return { ok: true, value: { ...found, notes } }
}

/** Each look-up has a folder of its own: git leaves its repositories under fixed names. */
async function placeOf(question: SourceQuestion): Promise<GitPlace> {
  return question.place(await mkdtemp(join(question.workspace, "git-")))
}

function no(code: GitFailure["code"], detail: string): { readonly ok: false, readonly failure: GitFailure } {
  return { ok: false, failure: { code, detail } }
}
