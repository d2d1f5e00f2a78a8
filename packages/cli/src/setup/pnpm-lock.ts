import { isVouchsafeError } from "@vouchsafe/core"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { exitStatus } from "../binaries.ts"
import type { CliIo } from "../io.ts"
import { readIfPresent } from "./files.ts"

const REFRESH = ["install", "--lockfile-only", "--ignore-scripts"]

/**
 * A new pnpmfile changes the checksum that pnpm keeps in its lockfile, and frozen installs then fail: lets pnpm write it
 * anew, under the guard. Gives notes for the person; a refusal leaves the lockfile as it was.
 *
 * @param isNewHook - whether the hook was written just now: a checksum that is there is another one's
 */
export async function refreshPnpmLock(io: CliIo, root: string, isNewHook: boolean): Promise<string[]> {
  const before = readIfPresent(join(root, "pnpm-lock.yaml"))
  if (before === undefined || (!isNewHook && knowsHook(before))) return []
  if (await refresh(io, root)) return ["pnpm-lock.yaml: knows the hook now; commit it"]
  return ["pnpm-lock.yaml does not know the hook yet: run `pnpm install --lockfile-only` once and commit it, or frozen installs fail"]
}

/** Tells whether a lockfile was written under some hook. */
export function knowsHook(lockfile: string): boolean {
  return /^pnpmfileChecksum:/m.test(lockfile)
}

async function refresh(io: CliIo, root: string): Promise<boolean> {
  const child = spawn("pnpm", REFRESH, { cwd: root, env: io.env as NodeJS.ProcessEnv, stdio: ["ignore", "ignore", "ignore"], shell: process.platform === "win32" })
  try {
    return await exitStatus(child) === 0
  } catch (error) {
    // No pnpm on the path: the person has it somewhere else.
    if (!isVouchsafeError(error, "NOT_FOUND")) throw error
    return false
  }
}
