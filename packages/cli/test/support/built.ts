import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"

const PACKAGES = resolve(import.meta.dirname, "../../..")

/** Builds a package whose bundle is not there: commands start others' binaries as processes. */
export function ensureBuilt(folder: string, file: string): void {
  if (existsSync(join(PACKAGES, folder, file))) return
  const tsup = join(dirname(createRequire(import.meta.url).resolve("tsup/package.json")), "dist", "cli-default.js")
  execFileSync(process.execPath, [tsup], { cwd: join(PACKAGES, folder), stdio: "ignore" })
}
