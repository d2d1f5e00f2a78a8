import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** The repository. */
export const ROOT = resolve(fileURLToPath(import.meta.url), "../../..")

/** A folder that stays between runs and never gets into git: package managers, packed packages, what the registry answered. */
export function cacheFolder(...parts: string[]): string {
  const folder = join(ROOT, "node_modules/.cache/vouchsafe-e2e", ...parts)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** An empty folder of one run, outside of the repository: no configuration file above it can reach in. */
export function temporaryFolder(name: string): string {
  return realpathSync(mkdtempSync(join(tmpdir(), `vse-${name}-`)))
}

/** Removes what a run left. `VOUCHSAFE_E2E_KEEP=1` keeps it, to look at. */
export function removeFolder(folder: string): void {
  if (process.env["VOUCHSAFE_E2E_KEEP"] === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
