import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { createInterface } from "node:readline"
import { VouchsafeError } from "@vouchsafe/core"
import type { RegistryMap } from "@vouchsafe/client/node"
import { binaryOf } from "../binaries.ts"
import type { CliIo } from "../io.ts"
import type { ShimAddress } from "./npmrc.ts"

const TOKEN_BYTES = 32
/** Small young space: buffers that live for one answer are given back soon. */
const NODE_FLAGS = ["--max-semi-space-size=2"]
/** glibc otherwise keeps what was freed, in one arena a thread. */
const MALLOC = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "131072", MALLOC_TRIM_THRESHOLD_: "131072" }
const START_MS_MAX = 30_000

/** Lines of `vouchsafe-shim` (packages/spec/shim.md); unknown events are ignored. */
export type ShimLine =
  | { readonly event: "ready"; readonly url: string }
  | { readonly event: "denied"; readonly purl: string; readonly code: string; readonly reason: string }
  | { readonly event: "warning"; readonly code: string; readonly message: string }
  | { readonly event: "misbehavior"; readonly origin: string; readonly path?: string }
  | { readonly event: "address"; readonly purl: string; readonly tarball: string }
  | { readonly event: "summary"; readonly allowed: number; readonly denied: number }

/** A shim that runs for one command. */
export interface RunningShim extends ShimAddress {
  /** Ends it and waits for its last line. */
  stop(): Promise<void>
}

/** Starts a shim; every line it prints goes to `onLine`. @throws VouchsafeError with what the shim said when it did not start */
export type StartShim = (io: CliIo, options: { readonly dir: string; readonly registries: RegistryMap; readonly listen?: string; readonly token?: string; readonly onLine: (line: ShimLine) => void }) => Promise<RunningShim>

export const startShimProcess: StartShim = async (io, { dir, registries, listen, token = randomBytes(TOKEN_BYTES).toString("base64url"), onLine }) => {
  const args = [...NODE_FLAGS, binaryOf("@vouchsafe/registry-shim", "vouchsafe-shim"), "--project", dir, "--registries", JSON.stringify({ default: registries.default, scopes: registries.scopes }), "--exit-with-stdin", ...(listen === undefined ? [] : ["--listen", listen])]
  // a group of its own: an interrupt at the terminal is for the command, which still needs us while it cleans up
  const child = spawn(process.execPath, args, { cwd: io.cwd, env: { ...MALLOC, ...io.env, VOUCHSAFE_SHIM_TOKEN: token } as NodeJS.ProcessEnv, stdio: ["pipe", "pipe", "pipe"], detached: process.platform !== "win32" })
  let complaint = ""
  child.stderr.on("data", (chunk: Buffer) => { complaint = `${complaint}${chunk.toString("utf8")}`.slice(-4096) })
  child.stdin.on("error", (error) => { complaint = `${complaint}${error.message}` })
  const closed = new Promise<void>((resolve) => { child.once("close", () => resolve()) })
  const url = await firstReady(child, onLine, closed, () => complaint)
  return {
    url, token,
    async stop() {
      child.stdin.end()
      await closed
    },
  }
}

function firstReady(child: ChildProcess, onLine: (line: ShimLine) => void, closed: Promise<void>, complaint: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => { child.kill(); reject(new VouchsafeError("TIMEOUT", `the shim did not start within ${START_MS_MAX} ms`)) }, START_MS_MAX)
    child.once("error", (cause) => { clearTimeout(late); reject(new VouchsafeError("UPSTREAM_FAILED", "the shim cannot be started", { cause })) })
    void closed.then(() => { clearTimeout(late); reject(new VouchsafeError("UPSTREAM_FAILED", `the shim ended before it was ready: ${complaint().trim()}`)) })
    if (child.stdout === null) { reject(new TypeError("the shim has no stdout")); return }
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = JSON.parse(text) as ShimLine
      if (line.event === "ready") { clearTimeout(late); resolve(line.url) }
      onLine(line)
    })
  })
}
