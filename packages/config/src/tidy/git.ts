import { spawnSync } from "node:child_process"
import { lstatSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { TreeFile } from "./finding.ts"
import { FILE_BYTES_MAX } from "./text.ts"

/** As git does it: a NUL among the first bytes means binary. */
const BINARY_PROBE_BYTES = 8000
/** Bytes of `git ls-files`' answer: some 300,000 paths. */
const LIST_BYTES_MAX = 32 * 1024 * 1024

/**
 * Reads the files that git tracks under `root`, as they stand in the work tree.
 *
 * @throws Error where `root` is no git work tree
 */
export function readTrackedFiles(root: string): TreeFile[] {
  const listed = spawnSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8", maxBuffer: LIST_BYTES_MAX })
  if (listed.status !== 0) {
    throw new Error(`tidy reads what git tracks, and \`git ls-files\` failed: ${listed.error?.message ?? listed.stderr.trim()}`)
  }
  return listed.stdout.split("\0").filter((path) => path !== "").flatMap((path) => readTreeFile(root, path))
}

function readTreeFile(root: string, path: string): TreeFile[] {
  const stats = lstatSync(join(root, path), { throwIfNoEntry: false })
  // Deleted but not yet committed, a link, or a submodule: there are no bytes of this path to check.
  if (stats === undefined || !stats.isFile()) return []
  if (stats.size > FILE_BYTES_MAX * 2) return [{ path, text: undefined, bytes: stats.size }]
  const bytes = readFileSync(join(root, path))
  const binary = bytes.subarray(0, BINARY_PROBE_BYTES).includes(0)
  return [{ path, text: binary ? undefined : bytes.toString("utf8"), bytes: stats.size }]
}
