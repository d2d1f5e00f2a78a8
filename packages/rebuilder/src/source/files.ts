/**
 * The files of a commit that choosing a recipe needs, read from git: what lies on the disk may be a link.
 *
 * @packageDocumentation
 */
import { asObject, type ForeignObject } from "@vouchsafe/tarball"
import { type GitPlace, type GitResult, readSourceFile, type Source } from "../git/index.ts"
import { runGit } from "../git/git-command.ts"
import { below, type SourceFiles, upwards } from "../recipe/managers.ts"

/** Bytes of a package.json, and of the start of a lockfile, that are read. */
const TEXT_BYTES_MAX = 1024 * 1024
const LOCKFILES = ["pnpm-lock.yaml", "yarn.lock", "npm-shrinkwrap.json", "package-lock.json"]

/** The package.json of a folder; undefined where there is none, or it is no object. */
export async function manifestAt(place: GitPlace, source: Source, directory: string): Promise<GitResult<ForeignObject | undefined>> {
  const bytes = await readSourceFile(place, source, below(directory, "package.json"))
  if (!bytes.ok) return bytes
  return { ok: true, value: bytes.value === null || bytes.value.length > TEXT_BYTES_MAX ? undefined : parse(bytes.value.toString("utf8")) }
}

function parse(text: string): ForeignObject | undefined {
  try {
    return asObject(JSON.parse(text.replace(/^\uFEFF/, "")))
  } catch (error) {
    // A folder whose package.json does not parse holds no package.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** All tracked paths, and the texts from the package's folder upwards that recipes are chosen by. */
export async function loadSourceFiles(place: GitPlace, source: Source, directory: string): Promise<GitResult<SourceFiles>> {
  const listed = await runGit(place, { repository: "source", args: ["ls-tree", "-r", "-z", "--name-only", "--full-tree", source.commit.id] })
  if (!listed.ok) return listed
  const paths = new Set(listed.value.toString("utf8").split("\0").filter((path) => path !== ""))
  const texts = new Map<string, string>()
  for (const folder of upwards(directory)) {
    for (const file of ["package.json", ".yarnrc.yml", ...LOCKFILES]) {
      const path = below(folder, file)
      if (!paths.has(path)) continue
      const bytes = await readSourceFile(place, source, path)
      if (!bytes.ok) return bytes
      if (bytes.value === null || (file === "package.json" && bytes.value.length > TEXT_BYTES_MAX)) continue
      texts.set(path, bytes.value.subarray(0, TEXT_BYTES_MAX).toString("utf8"))
    }
  }
  return { ok: true, value: { paths, read: (path) => texts.get(path) } }
}
