/**
 * How long an entry waits for a cosigned checkpoint: four node processes of four operators, which observe a steady stream of packages.
 * `node --conditions=source bench/cosigned.ts [entries]` prints one JSON document; the first node's log holds so many entries before. Times in ms.
 *
 * Seen from outside, in `GET /v1/status`: from the last look at which an entry was not in the log to the first at which it was under a cosigned
 * head. The time between two looks is in every figure.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { type AddressInfo, createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { formatEvidenceRequest, formatRoster, KEY_TYPE, type RosterNode } from "@vouchsafe/core"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { type NodeProcess, prepareLog, REGISTRY, startNodeProcess } from "./material.ts"

const ENTRIES = 20_000
const OPERATORS = ["alpha", "beta", "gamma", "delta"] as const
/** Packages a second, each asked of every node. */
const PER_SECOND = 20
const PACKAGES = 600
/** The first of them warm the nodes up and do not count. */
const PACKAGES_BEFORE = 60
const LOOK_EVERY_MS = 10
const DEADLINE_MS = 20_000
const COSIGNED_MS_MAX = 60_000
/** What is promised (soak compares). */
const P99_MS_MAX = 1_500

/** What the bench found. */
export interface CosignedBench {
  /** In the log of the first node before. */
  readonly entries: number
  readonly nodes: number
  readonly packagesPerSecond: number
  readonly samples: number
  readonly cosignedMs: { readonly median: number; readonly p99: number; readonly worst: number }
  /** The first node alone, whose log is large. */
  readonly largeLogMs: { readonly median: number; readonly p99: number; readonly worst: number }
  readonly lookMs: { readonly median: number; readonly worst: number }
}

const agent = new Agent({ keepAlive: true })
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

function send(url: string, path: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { agent, method: body === undefined ? "GET" : "POST", headers: body === undefined ? {} : { "content-type": "application/json" } }
    request(new URL(path, url), options, (response) => {
      text(response).then((found) => {
        if (response.statusCode === 200) resolve(found)
        else reject(new Error(`${path} answered ${String(response.statusCode)}: ${found.slice(0, 300)}`))
      }, reject)
    }).on("error", reject).end(body)
  })
}

async function sizesOf(url: string): Promise<{ size: number; cosigned: number }> {
  const { log } = JSON.parse(await send(url, "v1/status")) as { log: { size: number; cosignedSize: number | null } }
  return { size: log.size, cosigned: log.cosignedSize ?? -1 }
}

/** Looks at one node until told to end. Gives, for each entry that came meanwhile, how long it took to be cosigned. */
function watch(node: NodeProcess, until: AbortSignal): Promise<{ waits: number[]; looks: number[] }> {
  const missingAt: number[] = []
  const waits: number[] = []
  const looks: number[] = []
  const look = async (): Promise<{ waits: number[]; looks: number[] }> => {
    let { size, cosigned } = await sizesOf(node.url)
    let lastMs = performance.now()
    while (!until.aborted || cosigned < size) {
      await pause(LOOK_EVERY_MS)
      const startMs = performance.now()
      const found = await sizesOf(node.url)
      const nowMs = performance.now()
      looks.push(nowMs - lastMs)
      for (; size < found.size; size++) missingAt[size] = lastMs
      for (; cosigned < found.cosigned; cosigned++) {
        const sinceMs = missingAt[cosigned]
        if (sinceMs !== undefined) waits.push(nowMs - sinceMs)
      }
      lastMs = startMs
    }
    return { waits, looks }
  }
  return look()
}

const at = (values: readonly number[], share: number): number => Math.round([...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN)
const spreadOf = (values: readonly number[]): { median: number; p99: number; worst: number } => ({ median: at(values, 0.5), p99: at(values, 0.99), worst: at(values, 1) })

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<Server>((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(0, "127.0.0.1", () => { resolve(server) })
  })))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve) })))
  return ports
}

function rosterNode(data: string, operator: string, url: string): RosterNode {
  const { log, notices, witness } = loadOrCreateKeys(data, operator)
  if (witness.verifier.type !== KEY_TYPE.cosignatureEd25519) throw new TypeError("the witness key is no witness's")
  return { operator, url, log: log.verifier, notices: notices.verifier, witness: witness.verifier }
}

async function measure(nodes: readonly NodeProcess[], registry: string, entries: number): Promise<CosignedBench> {
  const startMs = performance.now()
  while (!(await Promise.all(nodes.map(({ url }) => sizesOf(url)))).every(({ size, cosigned }) => size === cosigned)) {
    if (performance.now() - startMs > COSIGNED_MS_MAX) throw new Error("the logs were not cosigned at the start")
    await pause(LOOK_EVERY_MS)
  }
  const observe = async (from: number, to: number): Promise<void> => {
    const asked: Promise<unknown>[] = []
    for (let i = from; i < to; i++) {
      const body = formatEvidenceRequest({ artifacts: [{ purl: `pkg:npm/zz-steady-${i}@1.0.0`, registry }], deadlineMs: DEADLINE_MS, knownSize: 0, noticesFrom: 0 })
      asked.push(...nodes.map(({ url }) => send(url, "v1/evidence", body)))
      await pause(1_000 / PER_SECOND)
    }
    await Promise.all(asked)
  }
  await observe(0, PACKAGES_BEFORE)
  const end = new AbortController()
  const watching = nodes.map((node) => watch(node, end.signal))
  await observe(PACKAGES_BEFORE, PACKAGES)
  end.abort()
  const found = await Promise.all(watching)
  const waits = found.flatMap((one) => one.waits)
  if (waits.length < (PACKAGES - PACKAGES_BEFORE) * nodes.length) throw new Error(`${waits.length} entries were seen to be cosigned, expected ${(PACKAGES - PACKAGES_BEFORE) * nodes.length}`)
  const { median, worst } = spreadOf(found.flatMap(({ looks }) => looks))
  return { entries, nodes: nodes.length, packagesPerSecond: PER_SECOND, samples: waits.length, cosignedMs: spreadOf(waits), largeLogMs: spreadOf(found[0]?.waits ?? []), lookMs: { median, worst } }
}

const entries = process.argv[2] === undefined ? ENTRIES : Number(process.argv[2])
const folder = mkdtempSync(join(tmpdir(), "vouchsafe-bench-cosigned-"))
const closers: (() => unknown)[] = [() => { rmSync(folder, { recursive: true, force: true }) }, () => { agent.destroy() }]
try {
  const registry = await startRegistry({ packages: Array.from({ length: PACKAGES }, (_, i) => ({ name: `zz-steady-${i}`, version: "1.0.0", files: { "index.js": `module.exports = ${i}\n` } })) })
  closers.push(() => registry.close())
  const ports = await freePorts(OPERATORS.length)
  const places = OPERATORS.map((operator, i) => ({ operator, data: join(folder, operator), url: `http://127.0.0.1:${ports[i]}/` }))
  const roster = join(folder, "roster.json")
  writeFileSync(roster, formatRoster(places.map(({ operator, data, url }) => rosterNode(data, operator, url)), [registry.url, REGISTRY]))
  await prepareLog(join(folder, "alpha"), "alpha", entries)
  const nodes: NodeProcess[] = []
  for (const { operator, data, url } of places) {
    const node = await startNodeProcess(["--data", data, "--operator", operator, "--url", url, "--listen", new URL(url).host, "--roster", roster, "--allow-private-addresses", "--log-level", "error"])
    nodes.push(node)
    closers.push(() => node.stop())
  }
  const found = await measure(nodes, registry.url, entries)
  process.stdout.write(`${JSON.stringify(found)}\n`)
  if (process.env["VOUCHSAFE_LARGE_LOG_BARS"] === "1" && Math.max(found.cosignedMs.p99, found.largeLogMs.p99) > P99_MS_MAX) process.exitCode = 1
} finally {
  for (const closer of closers.reverse()) await closer()
}
