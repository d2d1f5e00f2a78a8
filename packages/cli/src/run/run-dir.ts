import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"

const OWN_DIR_MODE = 0o700
/** No run takes this long: what is older was left by one that was killed. */
const LEFT_MS_MIN = 24 * 60 * 60 * 1000

/** A folder for one run, which nobody else may read. Folders that killed runs have left are removed. */
export function makeRunDir(cacheDir: string, nowMs: number): string {
  const runs = join(cacheDir, "runs")
  mkdirSync(runs, { recursive: true, mode: OWN_DIR_MODE })
  for (const name of readdirSync(runs)) {
    const path = join(runs, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found !== undefined && nowMs - found.mtimeMs > LEFT_MS_MIN) rmSync(path, { recursive: true, force: true })
  }
  return mkdtempSync(join(runs, "run-"))
}
