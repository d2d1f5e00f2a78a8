/**
 * Memory of the shim in an install of 1,500 packages: the installed binary as `vouchsafe shim` starts it, its real check, evidence of four
 * real nodes, a registry on loopback. The nodes have observed everything before; the shim's own cache starts empty.
 */
import { parseEvidenceAnswer, formatEvidenceRequest, npmPurl, REQUEST_ARTIFACTS_MAX } from "@vouchsafe/core"
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import {
  createSandbox, installTool, type Network, node24, removeFolder, ROOT, type Runtime, type Sandbox, startNetwork, startWorldRegistry, temporaryFolder, type Tool,
} from "../support/index.ts"

export interface ShimInstallBench {
  readonly packages: number
  readonly requests: number
  /** Verdicts by the shim's own count. */
  readonly allowed: number
  readonly observingSeconds: number
  readonly installSeconds: number
  readonly cpuSeconds: number
  /** Most memory that the process ever held. */
  readonly rssPeakMiB: number
  readonly rssPeakMB: number
}

interface BenchPackage { readonly name: string; readonly version: string; readonly sha512: string }

const PACKAGES = 1_500
const RSS_PEAK_MB_MAX = 200
const CONNECTIONS = 48
const OBSERVE_BATCH = Math.min(250, REQUEST_ARTIFACTS_MAX)
const OBSERVE_DEADLINE_MS = 50_000
const OBSERVE_ROUNDS_MAX = 20
const TICKS_PER_SECOND = 100
const TOKEN_BYTES = 32

/** Runs it all in processes of its own and ends them. */
export async function benchShimInstall(): Promise<ShimInstallBench> {
  const runtime = node24()
  const dir = temporaryFolder("bench-shim")
  const own = await startWorldRegistry([])
  const upstream = spawn(process.execPath, ["--conditions=source", join(ROOT, "packages/registry-shim/bench/child.ts"), "upstream", String(PACKAGES)], { stdio: ["ignore", "pipe", "inherit"] })
  let network: Network | undefined
  try {
    const { url, packages } = await readyLine(upstream) as { url: string; packages: BenchPackage[] }
    const operator = createSandbox(join(dir, "op"), { registry: own.url, nodeRuntime: runtime })
    const tool = await installTool(operator, runtime)
    network = await startNetwork({ tool, sandbox: operator, runtime, registry: url, folder: join(dir, "net") })
    const observingSeconds = await seconds(() => observeAll((network as Network).nodes.map((node) => node.url), packages, url))
    const person = createSandbox(join(dir, "person"), { registry: url, nodeRuntime: runtime })
    return { observingSeconds, ...await installThroughShim({ tool, person, runtime, roster: network.roster, packages }) }
  } finally {
    await network?.stop()
    upstream.kill()
    await own.close()
    removeFolder(dir)
  }
}

/** Asks every node until it has a statement about every package. */
async function observeAll(urls: readonly string[], packages: readonly BenchPackage[], registry: string): Promise<void> {
  await Promise.all(urls.map(async (url) => {
    for (let from = 0; from < packages.length; from += OBSERVE_BATCH) {
      const artifacts = packages.slice(from, from + OBSERVE_BATCH).map(({ name, version }) => ({ purl: npmPurl(name, version), registry }))
      for (let round = 0, left = artifacts.length; left > 0; round++) {
        const response = await fetch(new URL("v1/evidence", url), { method: "POST", headers: { "content-type": "application/json" }, body: formatEvidenceRequest({ artifacts, deadlineMs: OBSERVE_DEADLINE_MS, knownSize: 0, noticesFrom: 0 }) })
        const text = await response.text()
        if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 500)}`)
        const states = parseEvidenceAnswer(text).artifacts.filter(({ status }) => status !== "observed")
        const refused = states.find(({ status }) => status !== "pending")
        if (refused !== undefined || round === OBSERVE_ROUNDS_MAX) throw new Error(`${url} does not observe: ${JSON.stringify(refused ?? states[0])}`)
        left = states.length
      }
    }
  }))
}

async function installThroughShim(given: { readonly tool: Tool; readonly person: Sandbox; readonly runtime: Runtime; readonly roster: string; readonly packages: readonly BenchPackage[] }): Promise<Omit<ShimInstallBench, "observingSeconds">> {
  const { tool, person, runtime, roster, packages } = given
  const token = randomBytes(TOKEN_BYTES).toString("base64url")
  const project = person.project("app", {
    "package.json": { name: "bench-app", version: "1.0.0", private: true },
    "vouchsafe.json": { format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }, "vouchsafe.roster.json": readFileSync(roster, "utf8"),
  })
  const command = spawn(tool.vouchsafe, ["shim", "--json"], { cwd: project, env: person.env({ runtime, more: { VOUCHSAFE_SHIM_TOKEN: token } }), stdio: ["ignore", "pipe", "inherit"] })
  const lines: Record<string, unknown>[] = []
  try {
    const ready = await readyLine(command, lines) as { url: string }
    const pid = shimOf(command.pid ?? 0)
    let requests = 0
    const installSeconds = await seconds(async () => { requests = await install(ready.url, token, packages) })
    const status = readFileSync(`/proc/${pid}/status`, "utf8")
    const times = (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1] ?? "").split(" ")
    const bytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
    await ended(command)
    const summary = lines.find(({ event }) => event === "summary") as { allowed: number; denied: number } | undefined
    if (summary === undefined || summary.denied > 0 || summary.allowed < packages.length) throw new Error(`the shim did not judge every package: ${JSON.stringify(summary)}`)
    return {
      packages: packages.length, requests, allowed: summary.allowed, installSeconds, cpuSeconds: (Number(times[11]) + Number(times[12])) / TICKS_PER_SECOND,
      rssPeakMiB: Math.round(bytes / 1024 / 1024), rssPeakMB: Math.round(bytes / 1_000_000),
    }
  } finally {
    command.kill()
  }
}

/** What a cold install asks for: both forms of each packument, as pnpm does, then its tarball. */
async function install(url: string, token: string, packages: readonly BenchPackage[]): Promise<number> {
  let next = 0
  let requests = 0
  const worker = async (): Promise<void> => {
    for (let one = packages[next++]; one !== undefined; one = packages[next++]) {
      const paths = [[one.name, "application/vnd.npm.install-v1+json"], [one.name, "application/json"], [`${one.name}/-/${one.name}-${one.version}.tgz`, "*/*"]] as const
      for (const [path, accept] of paths) {
        const response = await fetch(new URL(path, url), { headers: { authorization: `Bearer ${token}`, accept } })
        const body = await response.arrayBuffer()
        if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${Buffer.from(body).toString("utf8", 0, 500)}`)
        requests++
      }
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  return requests
}

/** The shim is the command's only child process. */
function shimOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter((text) => text !== "")
  if (children.length !== 1) throw new Error(`the command has ${children.length} child processes, expected the shim: the benchmark needs Linux`)
  return Number(children[0])
}

/** The line with which a process says where it listens. All that are JSON go to `lines`; documents over several lines are for people. */
function readyLine(child: ChildProcess, lines: Record<string, unknown>[] = []): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("exit", (status) => { reject(new Error(`${child.spawnfile} ended with ${String(status)}`)) })
    if (child.stdout === null) throw new TypeError("the process has no stdout")
    createInterface({ input: child.stdout }).on("line", (text) => {
      if (!text.startsWith('{"')) return
      const line = JSON.parse(text) as Record<string, unknown>
      lines.push(line)
      if (line["url"] !== undefined) resolve(line)
    })
  })
}

function ended(command: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    command.once("close", () => { resolve() })
    command.kill("SIGTERM")
  })
}

async function seconds(action: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await action()
  return Number(((performance.now() - started) / 1_000).toFixed(1))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await benchShimInstall()
  process.stdout.write(`${JSON.stringify({ ...result, rssPeakMBMax: RSS_PEAK_MB_MAX }, null, 2)}\n`)
  process.exitCode = result.rssPeakMB <= RSS_PEAK_MB_MAX ? 0 : 1
}
