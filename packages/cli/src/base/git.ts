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
 * @throws VouchsafeError USAGE for a ref that git does not know, and where there is no git.
 */
export function openBase(root: string, ref: string): BaseTree {
  const run = (argv: readonly string[]): { readonly status: number | null; readonly out: Buffer; readonly why: string } => {
    const { status, stdout, stderr, error } = spawnSync("git", ["-C", root, "--no-pager", "--literal-pathspecs", ...argv], { timeout: TIMEOUT_MS, maxBuffer: BLOB_BYTES_MAX, env: environment(), stdio: ["ignore", "pipe", "pipe"] })
    if (error !== undefined) throw usage(`git could not be run in ${root}: ${error.message}`, "check --base compares with a commit of the project's git repository")
    return { status, out: stdout, why: stderr.toString("utf8").split("\n", 1)[0] ?? "" }
  }
  const found = run(["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`])
  const commit = found.out.toString("utf8").trim()
  if (found.status !== 0 || !COMMIT.test(commit)) throw usage(`--base is ${shown(ref)}, which git does not know here${found.why === "" ? "" : `: ${found.why}`}`, "fetch it first, for example: git fetch origin main")
  return {
    commit,
    read(path) {
      const blob = run(["cat-file", "blob", `${commit}:./${path}`])
      if (blob.status === 0) return blob.out.toString("utf8")
      // Not there, or there and not to be read: only the first is an answer.
      const listed = run(["ls-tree", "-z", commit, "--", path])
      if (listed.status === 0 && listed.out.length === 0) return undefined
      throw usage(`git cannot read ${path} of ${commit}: ${blob.why}`)
    },
  }
}

/** Another repository than the project's must not be what is compared with. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^GIT_(?:DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|CONFIG.*)$/.test(name)))
}
