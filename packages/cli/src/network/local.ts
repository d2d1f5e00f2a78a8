import { nodeCrypto } from "@vouchsafe/client/node"
import { formatRoster, KEY_TYPE, parseJson, parseRoster, parseVerifierKey, type Roster, type RosterNode, shapeReader, VouchsafeError } from "@vouchsafe/core"
import type { ChildProcess } from "node:child_process"
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer, type Server } from "node:net"
import { join } from "node:path"
import { runNode, spawnNode } from "../binaries.ts"
import type { CliIo } from "../io.ts"
import { isRunning } from "./process.ts"

/** Most nodes that `network up` starts: this is for trying and testing, on one machine. */
export const LOCAL_NODES_MAX = 16
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
const READY_MS_MAX = 60_000
const NETWORK_FORMAT = "vouchsafe-network/v1"
const NETWORK_NAME = "network.json"

export interface LocalNode {
  readonly operator: string
  readonly url: string
  readonly data: string
  readonly pid: number
}

/** What `network up` leaves in its folder, for `status` and `down`. */
export interface LocalNetwork {
  readonly roster: string
  readonly nodes: readonly LocalNode[]
}

export interface UpOptions {
  readonly folder: string
  readonly operators: readonly string[]
  readonly registries: readonly string[]
  readonly threshold?: number
  readonly allowPrivateAddresses: boolean
}

/**
 * Starts one node an operator on loopback, each with its own keys and folder, and writes the roster they share. Keys, logs
 * and addresses of an earlier network in the folder are taken up again.
 *
 * @throws VouchsafeError USAGE where nodes of it run already, UPSTREAM_FAILED where one does not start: then none does.
 */
export async function startNetwork(io: CliIo, options: UpOptions): Promise<LocalNetwork> {
  const { folder, operators } = options
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
  refuseRunning(folder)
  const rosterPath = join(folder, "vouchsafe.roster.json")
  const before = existsSync(rosterPath) ? readFileSync(rosterPath, "utf8") : undefined
  const known = before === undefined ? undefined : parseRoster(nodeCrypto, before)
  const ports = await freePorts(operators.length)
  const planned = operators.map((operator, i) => ({ operator, url: known?.nodes.find((node) => node.operator === operator)?.url ?? `http://127.0.0.1:${ports[i]}/`, data: join(folder, operator) }))
  const nodes = await Promise.all(planned.map(async (plan) => nodeOf(await runNode(io, ["keys", "--data", plan.data, "--operator", plan.operator, "--url", plan.url]))))
  writeAtomic(rosterPath, rosterOf(nodes, options, before, known))
  const started: LocalNode[] = []
  try {
    for (const plan of planned) started.push(await startNode(io, plan, rosterPath, options))
  } catch (error) {
    for (const node of started) process.kill(node.pid, "SIGTERM")
    throw error
  }
  const network = { roster: rosterPath, nodes: started }
  writeAtomic(join(folder, NETWORK_NAME), `${JSON.stringify({ format: NETWORK_FORMAT, ...network }, null, 2)}\n`)
  return network
}

function refuseRunning(folder: string): void {
  if (!existsSync(join(folder, NETWORK_NAME))) return
  const running = readNetwork(folder).nodes.filter(isRunning)
  if (running.length === 0) return
  throw new VouchsafeError("USAGE", `a network runs in ${folder} already: ${running.map(({ operator }) => operator).join(", ")}`, { hint: "see it with `vouchsafe network status`, end it with `vouchsafe network down`" })
}

/** A changed roster gets the next version; an unchanged one stays as it is, byte for byte. */
function rosterOf(own: readonly RosterNode[], { registries, threshold }: UpOptions, before: string | undefined, known: Roster | undefined): string {
  // What a node's keys say is not all that a roster says of it: logs that it handed over are the roster's word.
  const nodes = own.map((node) => {
    const retired = known?.nodes.find(({ log }) => log.vkey === node.log.vkey)?.retired
    return retired === undefined ? node : { ...node, retired }
  })
  const more = threshold === undefined ? {} : { threshold }
  const same = formatRoster(nodes, registries, { ...more, version: known?.version ?? 1 })
  return before === undefined || same === before ? same : formatRoster(nodes, registries, { ...more, version: (known?.version ?? 0) + 1 })
}

async function startNode(io: CliIo, plan: Omit<LocalNode, "pid">, rosterPath: string, options: UpOptions): Promise<LocalNode> {
  const log = openSync(join(plan.data, "node.log"), "a", FILE_MODE)
  const args = [
    "--data", plan.data, "--operator", plan.operator, "--url", plan.url, "--listen", new URL(plan.url).host, "--roster", rosterPath,
    ...options.registries.flatMap((registry) => ["--registry", registry]), ...(options.allowPrivateAddresses ? ["--allow-private-addresses"] : []),
  ]
  const child = spawnNode(io, args, { stdio: ["ignore", "pipe", log], detached: true })
  closeSync(log)
  try {
    await readyLine(child, plan)
  } catch (error) {
    child.kill("SIGTERM")
    throw error
  }
  child.stdout?.destroy()
  child.unref()
  if (child.pid === undefined) throw new VouchsafeError("NOT_FOUND", `the node of ${plan.operator} has no process`)
  return { ...plan, pid: child.pid }
}

function readyLine(child: ChildProcess, plan: Omit<LocalNode, "pid">): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer)
      reject(new VouchsafeError("UPSTREAM_FAILED", `the node of ${plan.operator} ${why}`, { hint: `read ${join(plan.data, "node.log")}` }))
    }
    const timer = setTimeout(() => fail(`was not ready within ${READY_MS_MAX} ms`), READY_MS_MAX)
    let printed = ""
    child.once("error", () => fail("cannot be started"))
    child.once("exit", (code) => fail(`ended with ${code ?? "a signal"} before it was ready`))
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      if (!printed.includes('"event":"ready"')) return
      clearTimeout(timer)
      child.removeAllListeners("exit")
      resolve()
    })
  })
}

/** Reads what `network up` left in a folder. @throws VouchsafeError NOT_FOUND, CONFIG_MALFORMED. */
export function readNetwork(folder: string): LocalNetwork {
  const path = join(folder, NETWORK_NAME)
  if (!existsSync(path)) throw new VouchsafeError("NOT_FOUND", `no network was started in ${folder}`, { hint: "start one with `vouchsafe network up`" })
  const read = shapeReader("CONFIG_MALFORMED", NETWORK_NAME)
  const document = read.object(parseJson("CONFIG_MALFORMED", NETWORK_NAME, readFileSync(path, "utf8")), "document", ["format", "roster", "nodes"])
  read.oneOf(document["format"], "format", [NETWORK_FORMAT])
  return {
    roster: read.string(document["roster"], "roster", 4096),
    nodes: read.array(document["nodes"], "nodes", LOCAL_NODES_MAX).map((value, i) => {
      const node = read.object(value, `nodes[${i}]`, ["operator", "url", "data", "pid"])
      return {
        operator: read.string(node["operator"], `nodes[${i}].operator`, 64), url: read.string(node["url"], `nodes[${i}].url`, 512),
        data: read.string(node["data"], `nodes[${i}].data`, 4096), pid: read.integer(node["pid"], `nodes[${i}].pid`, 2, 2 ** 31),
      }
    }),
  }
}

/** Forgets a network that was stopped. Keys, logs and roster stay, so that `up` continues the same histories. */
export function forgetNetwork(folder: string): void {
  rmSync(join(folder, NETWORK_NAME), { force: true })
}

function nodeOf(text: string): RosterNode {
  const node = JSON.parse(text) as Record<"operator" | "url" | "log" | "notices" | "witness", string>
  const witness = parseVerifierKey(node.witness)
  if (witness.type !== KEY_TYPE.cosignatureEd25519) throw new TypeError(`witness key of ${node.operator} has type ${witness.type}`)
  return { operator: node.operator, url: node.url, log: parseVerifierKey(node.log), notices: parseVerifierKey(node.notices), witness }
}

/** Ports that were free a moment ago, all different: each is held until the last one is found. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<Server>((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => resolve(server))
  })))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => { server.close(() => resolve()) })))
  return ports
}

function writeAtomic(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text, { mode: FILE_MODE })
  renameSync(`${path}.tmp`, path)
}
