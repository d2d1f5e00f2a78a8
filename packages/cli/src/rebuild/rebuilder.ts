/**
 * Starts `vouchsafe-rebuilder` and reads what it says (packages/spec/rebuilding.md, "Process").
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { binaryOf, exitStatus, nodeRuntime } from "../binaries.ts"
import type { CliIo } from "../io.ts"

/** What of a result the command prints. */
export interface Compared {
  readonly status: "compared"
  readonly match: "tgz" | "tar" | "contents" | "none"
  readonly source: { readonly repository: string; readonly commit: string; readonly ref: string; readonly foundBy: readonly string[]; readonly directory: string; readonly signature: { readonly state: string; readonly key: string | null; readonly signer: string | null } }
  readonly recipe: { readonly sha256: string; readonly override: boolean; readonly document: string }
  readonly environment: Readonly<Record<string, string | number>>
  readonly differences: { readonly count: number; readonly classes: Readonly<Record<string, number>>; readonly document: string; readonly diff: string }
}

export interface Failed {
  readonly status: "failed"
  readonly step: string
  readonly code: string
  readonly detail: string
}

/** What finds programs, temporary folders, certificates and the way through a proxy. The sandbox gets none of it; nothing else of the person's goes further than here. */
const ENVIRONMENT = ["PATH", "TMPDIR", "LANG", "LC_ALL", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_USE_SYSTEM_CA", "NODE_USE_ENV_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"]

/**
 * Runs one rebuild.
 * @param onStep - gets the name of each step as it begins
 * @param onLog - gets what the steps print, as it comes; foreign text
 * @throws VouchsafeError USAGE for a request that it does not take, UPSTREAM_FAILED when it ends without a result.
 */
export async function runRebuilder(io: CliIo, request: object, handlers: { readonly onStep: (name: string) => void; readonly onLog: (text: string) => void }): Promise<Compared | Failed> {
  // A process of its own, without the rest of the environment: whatever a build gets at, there is no token in it.
  const env = Object.fromEntries(ENVIRONMENT.flatMap((name) => io.env[name] === undefined ? [] : [[name, io.env[name]]]))
  const child = spawn(nodeRuntime(io), [binaryOf("@vouchsafe/rebuilder", "vouchsafe-rebuilder")], { env, stdio: ["pipe", "pipe", "pipe"] })
  const ended = exitStatus(child)
  let complaint = ""
  child.stderr.on("data", (chunk: Buffer) => { complaint = (complaint + chunk.toString()).slice(-COMPLAINT_LENGTH_MAX) })
  // A process that is gone before it read everything says more by its exit status.
  child.stdin.on("error", () => undefined)
  child.stdin.end(JSON.stringify(request))
  let result: Compared | Failed | undefined
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
    const event = JSON.parse(line) as { type: string; name?: string; text?: string; result?: Compared | Failed }
    if (event.type === "step") handlers.onStep(event.name ?? "")
    else if (event.type === "log") handlers.onLog(event.text ?? "")
    else result = event.result
  }
  const status = await ended
  if (status === 2) throw new VouchsafeError("USAGE", complaint.trim())
  if (result === undefined) throw new VouchsafeError("UPSTREAM_FAILED", `vouchsafe-rebuilder ended with ${status} and without a result: ${complaint.trim()}`)
  return result
}

const COMPLAINT_LENGTH_MAX = 4000
