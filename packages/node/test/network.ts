import { spawn, type ChildProcess } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { AddressInfo } from "node:net"
import { createClient } from "@vouchsafe/client"
import { diskCache, diskState, httpTransport, nodeCrypto, systemClock } from "@vouchsafe/client/node"
import { type EvidenceAnswer, type EvidenceRequest, formatEvidenceRequest, formatRoster, parseEvidenceAnswer, parsePolicy, parseRoster, type Roster, type RosterNode } from "@vouchsafe/core"
import { startRegistry, type FakeRegistry, type RegistryOptions } from "@vouchsafe/testkit/registry"
import { startNode, type NodeConfig, type NodeWorld, type RunningNode } from "../src/index.ts"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { ask, cleanup, tempFolder, type Reply } from "./support.ts"

export const fixture = (n: number | string, version = "1.0.0") => ({ name: `zz-${n}`, version, files: { "index.js": `module.exports = ${JSON.stringify(n)}\n` } })

export async function registryOf(count: number, options: RegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await startRegistry({ packages: Array.from({ length: count }, (_, i) => fixture(i)), ...options })
  cleanup(() => registry.close())
  return registry
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resolve(server))
  })))
  return Promise.all(servers.map((server) => new Promise<number>((resolve) => {
    const { port } = server.address() as AddressInfo
    server.close(() => resolve(port))
  })))
}

export interface Place {
  readonly config: NodeConfig
  readonly world: NodeWorld
  readonly lines: string[]
}

/** How a test starts a node: in a folder of its own, without the person's configuration. */
export function place(data: string, more: Partial<NodeConfig> = {}, env: Record<string, string> = {}): Place {
  const lines: string[] = []
  return {
    lines,
    config: { data, listen: { host: "127.0.0.1", port: 0 }, registries: [], allowPrivateAddresses: true, logLevel: "info", rebuild: false, gitHosts: [], publisherKeys: [], registryKeys: new Map(), ...more },
    world: { env: { HOME: data, PATH: process.env["PATH"] ?? "", ...env }, writeLog: (line) => lines.push(line) },
  }
}

export async function start(at: Place): Promise<RunningNode> {
  const node = await startNode(at.config, at.world)
  cleanup(() => node.stop())
  return node
}

export interface Network {
  readonly rosterPath: string
  readonly roster: Roster
  readonly places: readonly Place[]
}

const OPERATORS = ["alpha", "beta", "gamma", "delta"]

/** Keys, addresses and the roster of a network that is not yet started. */
export async function layOut(count: number, registries: readonly string[], env: Record<string, string> = {}): Promise<Network> {
  const folder = tempFolder()
  const ports = await freePorts(count)
  const nodes = ports.map((port, i): RosterNode => {
    const operator = OPERATORS[i] as string
    const keys = loadOrCreateKeys(join(folder, operator), operator)
    return { operator, url: `http://127.0.0.1:${port}/`, log: keys.log.verifier, notices: keys.notices.verifier, witness: keys.witness.verifier }
  })
  const text = formatRoster(nodes, registries)
  const rosterPath = join(folder, "roster.json")
  writeFileSync(rosterPath, text)
  const places = nodes.map(({ operator }, i) => place(join(folder, operator), { roster: rosterPath, listen: { host: "127.0.0.1", port: ports[i] as number } }, env))
  return { rosterPath, roster: parseRoster(nodeCrypto, text), places }
}

export function askEvidence(base: string, request: Partial<EvidenceRequest>, socketPath?: string): Promise<Reply> {
  const body = formatEvidenceRequest({ artifacts: [], deadlineMs: 20_000, knownSize: 0, noticesFrom: 0, ...request })
  return ask(base, { method: "POST", path: "/v1/evidence", headers: { "content-type": "application/json" }, body, ...(socketPath === undefined ? {} : { socketPath }) })
}

export async function evidence(base: string, request: Partial<EvidenceRequest>): Promise<EvidenceAnswer> {
  const reply = await askEvidence(base, request)
  if (reply.status !== 200) throw new Error(`evidence answered ${reply.status}: ${reply.body}`)
  return parseEvidenceAnswer(reply.body)
}

export interface Daemon {
  readonly child: ChildProcess
  readonly ready: { readonly url: string; readonly operator: string; readonly data: string; readonly roster: string }
  readonly stderr: () => string
  /** Exit status, or the signal's name. */
  readonly ended: Promise<number | string>
}

const BIN = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

/** Starts the binary from its source. */
export function spawnBin(args: readonly string[], env: Record<string, string> = {}): { child: ChildProcess; stdout: () => string; stderr: () => string; ended: Promise<number | string> } {
  const child = spawn(process.execPath, ["--conditions=source", BIN, ...args], { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"] ?? "", ...env } })
  cleanup(() => { child.kill("SIGKILL") })
  const out = { stdout: "", stderr: "" }
  child.stdout?.on("data", (chunk: Buffer) => { out.stdout += chunk.toString() })
  child.stderr?.on("data", (chunk: Buffer) => { out.stderr += chunk.toString() })
  const ended = new Promise<number | string>((resolve) => child.once("close", (code, signal) => resolve(signal ?? code ?? "unknown")))
  return { child, stdout: () => out.stdout, stderr: () => out.stderr, ended }
}

/** Starts the daemon and waits until it says that it is ready. */
export async function spawnDaemon(args: readonly string[], env: Record<string, string> = {}): Promise<Daemon> {
  const started = spawnBin(args, env)
  const line = await new Promise<string>((resolve, reject) => {
    started.child.stdout?.on("data", () => { if (started.stdout().includes("\n")) resolve(started.stdout()) })
    void started.ended.then((how) => reject(new Error(`the daemon ended (${how}): ${started.stderr()}`)))
  })
  return { child: started.child, ready: JSON.parse(line) as Daemon["ready"], stderr: started.stderr, ended: started.ended }
}

export function emptyFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  return path
}

/** A client of a person who knows this roster, with a policy of their own. */
export function clientFor(roster: Roster, policy: Readonly<Record<string, unknown>> = {}, daemonSocket?: string, folder = tempFolder()) {
  const transport = httpTransport()
  cleanup(() => transport.close())
  return createClient({
    roster, policy: parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "r.json", ...policy })), crypto: nodeCrypto, clock: systemClock, transport,
    cache: diskCache(join(folder, "cache")), state: diskState(join(folder, "state")), ...(daemonSocket === undefined ? {} : { daemonSocket }),
  })
}
