import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { exitStatus } from "../binaries.ts"
import type { CliIo } from "../io.ts"

/**
 * A new pnpmfile changes the checksum that pnpm keeps in its lockfile, and frozen installs then fail: lets pnpm write it
 * anew, under the guard. Gives notes for the person; a refusal leaves the lockfile as it was.
 */
export async function refreshPnpmLock(io: CliIo, root: string): Promise<string[]> {
  const path = join(root, "pnpm-lock.yaml")
  if (!existsSync(path)) return []
  const before = readFileSync(path, "utf8")
  if (before.includes("\npnpmfileChecksum:")) return []
  const failed = "pnpm-lock.yaml does not know the hook yet: run `pnpm install --lockfile-only` once and commit it, or frozen installs fail"
  try {
    const child = spawn("pnpm", ["install", "--lockfile-only", "--ignore-scripts"], { cwd: root, env: io.env as NodeJS.ProcessEnv, stdio: ["ignore", "ignore", "ignore"] })
    if (await exitStatus(child) === 0) return ["pnpm-lock.yaml: knows the hook now; commit it"]
  } catch (error) {
    if (!(error instanceof Error)) throw error
  }
  return [failed]
}
