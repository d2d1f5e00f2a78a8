/**
 * Where no tag and no record leads to a version's commit: the commit of the default branch that set it in package.json.
 *
 * @packageDocumentation
 */
import { fetchInto, startRepository } from "./clone.ts"
import { failed, type GitPlace, type GitResult, type GitUrl, runGit } from "./git-command.ts"
import { isObjectId, type ObjectId, objectIdOf } from "./objects.ts"
import type { RefList } from "./refs.ts"

/** Changes of one package.json that are looked at, newest first. */
export const HISTORY_CHANGES_MAX = 2000
/** Of these, how many are read at once. */
const BATCH = 200
/** Bytes of a package.json; longer ones have no version. */
const MANIFEST_BYTES_MAX = 1024 * 1024
const TREES = "trees.git"

/** What is looked for. */
export interface HistoryQuestion {
  readonly remote: GitUrl
  readonly refs: RefList
  readonly version: string
  /** The package's folder; `""`: the root. */
  readonly directory: string
}

/** A change of package.json on the default branch. */
interface Change {
  readonly commit: ObjectId
  /** The file after it; undefined: removed. */
  readonly blob: ObjectId | undefined
}

/**
 * Finds the newest commit on the default branch after which package.json has the version, and before which it had another.
 * The value is null where there is none among the last {@link HISTORY_CHANGES_MAX} changes.
 */
export async function findInHistory(place: GitPlace, { remote, refs, version, directory }: HistoryQuestion): Promise<GitResult<{ readonly commit: ObjectId } | null>> {
  if (refs.head === null) return { ok: true, value: null }
  const branch = refs.head
  const started = await startRepository(place, TREES, remote, refs.idLength)
  if (!started.ok) return started
  const spec = [`+${branch}:${branch}`]
  const fetched = await fetchInto(place, TREES, remote, refs.smart ? ["--filter=blob:none"] : [], spec)
  if (!fetched.ok) return fetched
  const path = directory === "" ? "package.json" : `${directory}/package.json`
  // Merges count as what they changed on this branch: a release may be prepared on another one.
  const logged = await runGit(place, { repository: TREES, remote, args: ["log", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", "-z", "--format=%H", `--max-count=${HISTORY_CHANGES_MAX}`, branch, "--", `:(literal,top)${path}`] })
  if (!logged.ok) return logged
  const changes = parseLog(logged.value.toString("utf8"))
  let newer: { commit: ObjectId; matches: boolean } | undefined
  for (let from = 0; from < changes.length; from += BATCH) {
    const batch = changes.slice(from, from + BATCH)
    const versions = await readVersions(place, remote, refs.smart, batch.flatMap(({ blob }) => blob ?? []))
    if (!versions.ok) return versions
    for (const { commit, blob } of batch) {
      const matches = blob !== undefined && versions.value.get(blob) === version
      if (newer?.matches === true && !matches) return { ok: true, value: { commit: newer.commit } }
      newer = { commit, matches }
    }
  }
  // The oldest change of all made the file; the oldest of those that are looked at may not have.
  const first = newer?.matches === true && changes.length < HISTORY_CHANGES_MAX
  return { ok: true, value: first && newer !== undefined ? { commit: newer.commit } : null }
}

/** Reads `git log --raw -z --format=%H` of one path. */
function parseLog(text: string): Change[] {
  const changes: Change[] = []
  let commit: ObjectId | undefined
  for (const field of text.split(/[\0\n]+/)) {
    if (isObjectId(field)) commit = field
    const blob = /^:\d+ (\d+) [0-9a-f]+ ([0-9a-f]+) [A-Z]/.exec(field)
    if (commit === undefined || blob === null) continue
    const isFile = blob[1]?.startsWith("100") === true && isObjectId(blob[2] ?? "")
    changes.push({ commit, blob: isFile ? blob[2] : undefined })
    commit = undefined
  }
  return changes
}

/** The `version` of each package.json, by the file's id. Files that are none have no entry. */
async function readVersions(place: GitPlace, remote: GitUrl, smart: boolean, blobs: readonly ObjectId[]): Promise<GitResult<ReadonlyMap<ObjectId, string>>> {
  const wanted = [...new Set(blobs)]
  if (wanted.length === 0) return { ok: true, value: new Map() }
  const input = `${wanted.join("\n")}\n`
  // All at once, where the server gives files by their ids; where it gave them already this says no, and nothing is missing.
  const args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--filter=blob:none", "--stdin", "--", "origin"]
  const brought = smart ? await runGit(place, { repository: TREES, remote, args, input }) : undefined
  if (brought?.ok === false && brought.failure.said === undefined) return brought
  const batch = await runGit(place, { repository: TREES, remote, args: ["cat-file", "--batch"], input })
  return batch.ok ? parseBatch(batch.value) : batch
}

function parseBatch(bytes: Buffer): GitResult<ReadonlyMap<ObjectId, string>> {
  const versions = new Map<ObjectId, string>()
  let at = 0
  while (at < bytes.length) {
    const end = bytes.indexOf("\n", at)
    const [id = "", type, length = ""] = bytes.subarray(at, end < 0 ? bytes.length : end).toString("latin1").split(" ")
    if (end < 0 || type !== "blob" || !/^\d+$/.test(length)) return failed("CLONE_FAILED", `git handed out no file for ${id.slice(0, 80)}`)
    const content = bytes.subarray(end + 1, end + 1 + Number(length))
    if (objectIdOf("blob", content, id.length) !== id) return failed("CLONE_FAILED", `what was handed out as file ${id} is another one`)
    const version = versionOf(content)
    if (version !== undefined) versions.set(id, version)
    at = end + 1 + Number(length) + 1
  }
  return { ok: true, value: versions }
}

function versionOf(content: Buffer): string | undefined {
  if (content.length > MANIFEST_BYTES_MAX) return undefined
  try {
    const manifest = JSON.parse(content.toString("utf8")) as { version?: unknown } | null
    return typeof manifest?.version === "string" ? manifest.version : undefined
  } catch (error) {
    // A commit with a broken package.json released nothing.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
