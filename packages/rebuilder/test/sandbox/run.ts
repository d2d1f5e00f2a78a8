import { createBubblewrap, type BubblewrapOptions } from "../../src/sandbox/bubblewrap.ts"
import type { SandboxLimits, SandboxOutcome, SandboxSpec } from "../../src/sandbox/executor.ts"

export const MIB = 1024 * 1024

/** Enough for a shell, little enough that going over takes no time. */
export const LIMITS: SandboxLimits = { timeMs: 60_000, memoryBytes: 256 * MIB, processes: 64, diskBytes: 64 * MIB, outputBytes: MIB, openFiles: 128 }

export interface Ran {
  readonly outcome: SandboxOutcome
  readonly text: string
  readonly bytes: number
}

export interface Given {
  readonly mounts?: SandboxSpec["mounts"]
  readonly forwards?: SandboxSpec["forwards"]
  readonly limits?: Partial<SandboxLimits>
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly timeoutMs?: number
  readonly options?: BubblewrapOptions
}

/** Runs a command in the real sandbox. */
export async function runArgv(argv: readonly string[], given: Given = {}): Promise<Ran> {
  const chunks: Uint8Array[] = []
  const limits = { ...LIMITS, ...given.limits }
  const outcome = await createBubblewrap(given.options).run(
    { mounts: given.mounts ?? [], forwards: given.forwards ?? [], limits },
    { argv, cwd: given.cwd ?? "/tmp", env: given.env ?? {}, timeoutMs: given.timeoutMs ?? limits.timeMs },
    (chunk) => chunks.push(chunk),
  )
  const whole = Buffer.concat(chunks)
  return { outcome, text: whole.toString("utf8"), bytes: whole.length }
}

/** Runs a text of the shell in the real sandbox. */
export function run(script: string, given: Given = {}): Promise<Ran> {
  return runArgv(["/bin/sh", "-c", script], given)
}
