/**
 * Branches and tags of a repository, and which tag is the one of a version.
 *
 * Only `refs/heads/` and `refs/tags/` exist here: what somebody proposed (`refs/pull/…`, `refs/merge-requests/…`) is in
 * the repository too, and is nobody's word for anything (THREATS A10).
 *
 * @packageDocumentation
 */
import { lstat, rm } from "node:fs/promises"
import { join } from "node:path"
import { tagNames } from "@vouchsafe/ports"
import { failed, type GitPlace, type GitResult, type GitUrl, runGit } from "./git-command.ts"
import { isObjectId, type ObjectId } from "./objects.ts"

/** Refs of one repository. */
export const REFS_MAX = 200_000
const REF_LENGTH_MAX = 512

/** One branch or tag. */
export interface Ref {
  /** In full: `refs/tags/v1.2.3`. */
  readonly name: string
  /** What it points at: a commit, or the tag object of an annotated tag. */
  readonly id: ObjectId
  /** The commit that an annotated tag leads to in the end; null: it is none. */
  readonly peeled: ObjectId | null
}

/** What a repository offers. */
export interface RefList {
  /** The default branch in full; null where the server names none. */
  readonly head: string | null
  readonly refs: ReadonlyMap<string, Ref>
  /** Length of its ids: 40 (SHA-1) or 64 (SHA-256). */
  readonly idLength: 40 | 64
  /**
   * False for plain files over HTTP, which can be fetched as a whole only. Asked for less, git takes what it was not given
   * for missing, asks again for it, and never ends.
   */
  readonly smart: boolean
}

const PACKETS_FILE = "packets"

/** Asks a repository for its branches and tags. */
export async function listRefs(place: GitPlace, remote: GitUrl): Promise<GitResult<RefList>> {
  const packets = join(place.folder, PACKETS_FILE)
  await rm(packets, { recursive: true, force: true })
  const answer = await runGit(place, { repository: "", remote, packets: PACKETS_FILE, args: ["ls-remote", "--quiet", "--symref", "--", remote.url, "HEAD", "refs/heads/*", "refs/tags/*"] })
  if (!answer.ok) return answer
  // A server with git behind it speaks in packets.
  const smart = await lstat(packets).then(() => true, () => false)
  return parseRefList(answer.value.toString("utf8"), smart)
}

/** Reads what `git ls-remote --symref` prints. Refs of other kinds, and names that git itself would not take, are left out. */
export function parseRefList(text: string, smart: boolean): GitResult<RefList> {
  const ids = new Map<string, ObjectId>()
  let head: string | null = null
  for (const line of text.split("\n")) {
    const symbolic = /^ref: (\S+)\tHEAD$/.exec(line)?.[1]
    if (symbolic !== undefined) head = isRefName(symbolic) ? symbolic : null
    const [id = "", name = ""] = line.split("\t")
    if (!isObjectId(id) || !isRefName(name.replace(/\^\{\}$/, ""))) continue
    ids.set(name, id)
    if (ids.size > REFS_MAX) return failed("CLONE_FAILED", `the repository has more than ${REFS_MAX} branches and tags`)
  }
  const refs = new Map<string, Ref>()
  for (const [name, id] of ids) if (!name.endsWith("^{}")) refs.set(name, { name, id, peeled: ids.get(`${name}^{}`) ?? null })
  const [first] = ids.values()
  if (first === undefined) return failed("SOURCE_NOT_FOUND", "the repository has no branches and no tags")
  if ([...ids.values()].some((id) => id.length !== first.length)) return failed("CLONE_FAILED", "the repository's ids are of two lengths")
  return { ok: true, value: { head: head !== null && refs.has(head) ? head : null, refs, idLength: first.length === 64 ? 64 : 40, smart } }
}

/** Tells whether a text is the full name of a branch or tag, as git-check-ref-format(1) has it. */
export function isRefName(name: string): boolean {
  if (name.length > REF_LENGTH_MAX || !/^refs\/(?:heads|tags)\/[^\p{Cc}\p{Cf}\p{Cs} ~^:?*[\\]+$/u.test(name)) return false
  return !name.includes("..") && !name.includes("@{") && name.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock") && !part.endsWith("."))
}

/** The commit that a ref leads to, as the server says. */
export function commitOf(ref: Ref): ObjectId {
  return ref.peeled ?? ref.id
}

/** A tag that a version's name leads to. */
export interface FoundRef extends Ref {
  readonly commit: ObjectId
  /** True for tag objects, which can be signed themselves. */
  readonly annotated: boolean
}

/**
 * Finds the tags that may stand for a version, the likeliest first: those with the package's name, since one repository
 * may hold many packages, then those with the version alone.
 *
 * @param name - the package's name with its scope
 */
export function findRef({ refs }: RefList, version: string, name: string): readonly FoundRef[] {
  const found = tagNames(version, name).flatMap((tag) => refs.get(`refs/tags/${tag}`) ?? [])
  return found.map((ref) => ({ ...ref, commit: commitOf(ref), annotated: ref.peeled !== null }))
}

/** That a tag no longer leads to the commit it led to. */
export interface MovedTag {
  readonly ref: string
  /** Where it leads now. */
  readonly tagged: ObjectId
  /** What was recorded elsewhere: by whoever asks, by provenance, by `gitHead`. */
  readonly recorded: ObjectId
}

/** Compares the tag of a version with a recorded commit; null where they agree. Both are reported, none is believed more. */
export function movedTag(found: FoundRef, recorded: ObjectId): MovedTag | null {
  return found.commit === recorded ? null : { ref: found.name, tagged: found.commit, recorded }
}
