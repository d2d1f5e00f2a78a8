/**
 * Files of a project as a commit has them, read by git without running anything of the repository.
 *
 * @packageDocumentation
 */
import { shown } from "@vouchsafe/core"
import { spawnSync } from "node:child_process"
import { usage } from "../usage.ts"

/** Longest file that is read. */
const BLOB_BYTES_MAX = 67_108_864
const TIMEOUT_MS = 30_000
const COMMIT = /^[0-9a-f]{40,64}$/

/** A commit's files, by their paths relative to the project. */
export interface BaseTree {
  readonly commit: string
  /** undefined where the commit has no such file. */
  read(path: string): string | undefined
}

/**
 * Opens the project in `root` as `ref` has it.
 * @param paths - files that will be asked for: read at once
 * @throws VouchsafeError USAGE for a ref that git does not know, and where there is no git.
 */
export function openBase(root: string, ref: string, paths: readonly string[] = []): BaseTree {
  const run = (argv: readonly string[], input = ""): { readonly status: number | null; readonly out: Buffer; readonly why: string } => {
    const { status, stdout, stderr, error } = spawnSync("git", ["-C", root, "--no-pager", ...argv], { input, timeout: TIMEOUT_MS, maxBuffer: BLOB_BYTES_MAX, env: environment() })
    if (error !== undefined) throw usage(`git could not be run in ${root}: ${error.message}`, "check --base compares with a commit of the project's git repository")
    return { status, out: stdout, why: stderr.toString("utf8").split("\n", 1)[0] ?? "" }
  }
  const found = run(["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`])
  const commit = found.out.toString("utf8").trim()
  if (found.status !== 0 || !COMMIT.test(commit)) throw usage(`--base is ${shown(ref)}, which git does not know here${found.why === "" ? "" : `: ${found.why}`}`, "fetch it first, for example: git fetch origin main")
  const known = new Map<string, string | undefined>()
  const load = (wanted: readonly string[]): void => {
    const { status, out, why } = run(["cat-file", "--batch"], wanted.map((path) => `${commit}:./${path}\n`).join(""))
    if (status !== 0) throw usage(`git cannot read files of ${commit}: ${why}`)
    let at = 0
    for (const path of wanted) {
      const end = out.indexOf("\n", at)
      const head = out.toString("utf8", at, end)
      const size = /^[0-9a-f]{40,64} (?:blob|tree) (\d+)$/.exec(head)?.[1]
      // A folder in the place of a file holds none of it.
      if (size !== undefined && head.includes(" blob ")) known.set(path, out.toString("utf8", end + 1, end + 1 + Number(size)))
      else if (size !== undefined || head.endsWith(" missing")) known.set(path, undefined)
      else throw usage(`git answers ${shown(head)} for ${path} of ${commit}`)
      at = end + 1 + (size === undefined ? 0 : Number(size) + 1)
    }
  }
  load(paths)
  return {
    commit,
    read(path) {
      if (path.includes("\n")) throw usage(`${shown(path)} is no path of a file that git can be asked for`)
      if (!known.has(path)) load([path])
      return known.get(path)
    },
  }
}

/** Another repository than the project's must not be what is compared with. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^GIT_(?:DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|CONFIG.*)$/.test(name)))
}
