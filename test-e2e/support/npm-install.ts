import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { cacheFolder } from "./folders.ts"
import { describeRun, run } from "./process.ts"

const INSTALL_MS_MAX = 300_000

/**
 * Installs one package version into a cache folder of its own, from the registry of the person's npm configuration. Done once: a folder
 * that is there is complete, since it is renamed into place last.
 */
export async function installInCache(name: string, version: string): Promise<string> {
  const folder = join(cacheFolder("packages"), `${name.replace("/", "+")}@${version}`)
  if (existsSync(folder)) return folder
  const fresh = mkdtempSync(join(cacheFolder("tmp"), "install-"))
  // Scripts stay off: what is needed of a package is in its files.
  const argv = ["npm", "install", "--prefix", fresh, "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error", `${name}@${version}`]
  const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined))
  const ran = await run(argv, { cwd: fresh, env, limitMs: INSTALL_MS_MAX })
  if (ran.status !== 0) throw new Error(describeRun(ran))
  try {
    renameSync(fresh, folder)
  } catch (error) {
    // another run was faster
    if (!existsSync(folder)) throw error
    rmSync(fresh, { recursive: true })
  }
  return folder
}
