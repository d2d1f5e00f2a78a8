import { VouchsafeError } from "@vouchsafe/core"
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { CliIo } from "./io.ts"

const NODE_MAJOR_MIN = 22
const NODE_MINOR_MIN = 13

/** Finds the script of a binary that another of our packages ships. */
export function binaryOf(packageName: string, command: string): string {
  const require = createRequire(import.meta.url)
  let manifestPath: string
  try {
    manifestPath = require.resolve(`${packageName}/package.json`)
  } catch (cause) {
    throw new VouchsafeError("NOT_FOUND", `${packageName} is not installed beside vouchsafe`, { hint: "install vouchsafe again, with its dependencies", cause })
  }
  const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as { bin?: Record<string, string> }
  const script = join(dirname(manifestPath), manifest.bin?.[command] ?? "missing")
  if (!existsSync(script)) throw new VouchsafeError("NOT_FOUND", `${packageName} has no ${command}`, { hint: "install vouchsafe again" })
  return script
}

/**
 * The Node that runs a node: this one when it is new enough, else `$VOUCHSAFE_NODE_RUNTIME`.
 * @throws VouchsafeError RUNTIME_TOO_OLD.
 */
export function nodeRuntime(io: CliIo): string {
  const named = io.env["VOUCHSAFE_NODE_RUNTIME"]
  if (named !== undefined && named !== "") return named
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  if (major > NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor >= NODE_MINOR_MIN)) return process.execPath
  throw new VouchsafeError("RUNTIME_TOO_OLD", `nodes and rebuilds need Node ${NODE_MAJOR_MIN}.${NODE_MINOR_MIN} or newer, this is ${process.versions.node}`, {
    hint: "install a newer Node, or name its binary in VOUCHSAFE_NODE_RUNTIME; installs are guarded with this Node all the same",
  })
}

/** Starts `vouchsafe-node`. */
export function spawnNode(io: CliIo, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(nodeRuntime(io), [binaryOf("@vouchsafe/node", "vouchsafe-node"), ...args], { cwd: io.cwd, env: io.env as NodeJS.ProcessEnv, ...options })
}

/** Waits for the end of a process: its exit status, 1 when a signal ended it. */
export async function exitStatus(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new VouchsafeError("NOT_FOUND", `${child.spawnfile} cannot be started`, { cause })))
    child.once("close", (code) => resolve(code ?? 1))
  })
}

/** Runs `vouchsafe-node` to its end and gives what it printed. @throws VouchsafeError with its message when it failed. */
export async function runNode(io: CliIo, args: readonly string[]): Promise<string> {
  const child = spawnNode(io, args, { stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  child.stdout?.on("data", (chunk: Buffer) => { stdout += chunk.toString() })
  child.stderr?.on("data", (chunk: Buffer) => { stderr += chunk.toString() })
  const status = await exitStatus(child)
  if (status !== 0) throw new VouchsafeError("UPSTREAM_FAILED", `vouchsafe-node ${args[0] ?? ""} ended with ${status}: ${stderr.trim()}`)
  return stdout
}
