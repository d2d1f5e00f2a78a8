import { spawn, type ChildProcess } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { logKey } from "@vouchsafe/attester"
import { nodeCrypto } from "@vouchsafe/client/node"
import { type ArtifactName, formatObservation, NO_UPSTREAM, PLAIN_HISTORY } from "@vouchsafe/core"
import { openLog } from "@vouchsafe/log"
import { loadOrCreateKeys } from "../src/state/keys.ts"

export const REGISTRY = "https://registry.example/"
const APPEND_BATCH = 512
const APPENDS_AT_ONCE = 8
const READY_MS_MAX = 120_000
const TICKS_PER_SECOND = 100

/** The package versions of a prepared log, by their place in it. */
export const artifactAt = (index: number): ArtifactName => ({ purl: `pkg:npm/${index % 7 === 0 ? `%40scope-${index % 90}/` : ""}package-${index}@1.${index % 30}.0`, registry: REGISTRY })

const digest = (algorithm: string, index: number, what: string, encoding: "hex" | "base64" = "hex"): string => createHash(algorithm).update(`${what} ${index}`).digest(encoding)

/** An observation of the usual size: what an attester says of a package with some dependencies. */
function entryAt(origin: string, index: number): string {
  const { purl } = artifactAt(index)
  return formatObservation({
    purl, sha512: digest("sha512", index, "tgz"), log: origin, registry: REGISTRY, observedAt: 1_790_000_000 + index % 1_000_000,
    tarball: { size: 10_000 + index, sha1: digest("sha1", index, "tgz"), commitment: digest("sha256", index, "commitment") },
    contents: {
      tarSha256: digest("sha256", index, "tar"), h1: `h1:${digest("sha256", index, "h1", "base64")}`, files: 7 + index % 90, unpackedSize: 40_000 + index, manifest: digest("sha256", index, "manifest"),
      executables: { count: 0, sha256: digest("sha256", 0, "none") },
    },
    package: {
      name: `package-${index}`, version: `1.${index % 30}.0`, scripts: new Map([["test", "node --test"]]), gyp: [],
      dependencies: new Map(Array.from({ length: index % 6 }, (_, i) => [`package-${index * 31 % 9_973 + i}`, `^1.${i}.0`])),
      optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [],
    },
    packument: { publishedAt: 1_600_000_000 + index, publisher: `person-${index % 500}`, repository: `https://git.example/scope-${index % 90}/package-${index}.git`, mismatch: [] },
    upstream: NO_UPSTREAM, history: PLAIN_HISTORY,
  })
}

/** Fills the observation log of a node that is not running, as its attester would have. */
export async function prepareLog(data: string, operator: string, entries: number): Promise<void> {
  const { log: signer } = loadOrCreateKeys(data, operator)
  const origin = signer.verifier.name
  const log = await openLog({ directory: join(data, "log"), origin, signer, crypto: nodeCrypto })
  let next = log.size
  const append = async (): Promise<void> => {
    while (next < entries) {
      const from = next
      next = Math.min(entries, from + APPEND_BATCH)
      await log.append(Array.from({ length: next - from }, (_, i) => ({ bytes: Buffer.from(entryAt(origin, from + i)), keys: [logKey(artifactAt(from + i))] })))
    }
  }
  try {
    await Promise.all(Array.from({ length: APPENDS_AT_ONCE }, append))
  } finally {
    await log.close()
  }
}

/** A node as a process of its own. */
export interface NodeProcess {
  readonly url: string
  /** CPU of the process so far, user and system, in ms. */
  cpuMs(): number
  /** Most memory that it ever held, in MiB. */
  rssPeakMiB(): number
  stop(): Promise<void>
}

/** Starts a node and waits until it answers. */
export async function startNodeProcess(args: readonly string[], flags: readonly string[] = []): Promise<NodeProcess> {
  const child = spawn(process.execPath, [...flags, "--conditions=source", fileURLToPath(new URL("../src/bin.ts", import.meta.url)), "--log-level", "warn", ...args], { stdio: ["ignore", "pipe", "inherit"] })
  const { url } = await readyLine(child)
  return {
    url,
    cpuMs() {
      const fields = (readFileSync(`/proc/${child.pid ?? 0}/stat`, "utf8").split(") ")[1] ?? "").split(" ")
      return (Number(fields[11]) + Number(fields[12])) * 1_000 / TICKS_PER_SECOND
    },
    rssPeakMiB: () => Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid ?? 0}/status`, "utf8"))?.[1]) / 1_024),
    stop: () => new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve()
      child.once("exit", () => { resolve() })
      child.kill("SIGTERM")
    }),
  }
}

function readyLine(child: ChildProcess): Promise<{ url: string }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { child.kill("SIGKILL"); reject(new Error(`the node was not ready within ${READY_MS_MAX} ms`)) }, READY_MS_MAX)
    let text = ""
    child.once("error", reject).once("exit", (status) => { clearTimeout(timer); reject(new Error(`the node ended with ${String(status)}`)) })
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (!text.includes("\n")) return
      clearTimeout(timer)
      resolve(JSON.parse(text.split("\n")[0] ?? "") as { url: string })
    })
  })
}
