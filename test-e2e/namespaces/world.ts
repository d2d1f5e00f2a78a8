import { formatRoster, KEY_TYPE, parseVerifierKey, type RosterNode } from "@vouchsafe/core"
import type { FixturePackage } from "@vouchsafe/testkit/registry"
import { spawn, type ChildProcess } from "node:child_process"
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  createSandbox, getManager, installTool, node24, OPERATORS, packAll, removeFolder, run, runOk, startWorldRegistry, temporaryFolder,
  type ManagerId, type Operator, type Ran, type Runtime, type Sandbox, type Tool,
} from "../support/index.ts"
import { endWithThisProcess } from "../support/watcher.ts"
import { openSegment, type Segment } from "./segment.ts"

/** Four nodes, a registry and a person, each in a network namespace of its own. */
export interface SeparateWorld {
  readonly segment: Segment
  /** What a node says of itself, over its admin socket: a path, which no cut link closes. */
  status(operator: Operator): Promise<NodeStatus>
  kill(operator: Operator): void
  start(operator: Operator): Promise<void>
  /** A new account with a project and its guard, in the person's namespace. */
  person(id: ManagerId): Promise<Person>
  close(): Promise<void>
}

/** A project and how it is installed. */
export interface Person {
  readonly id: ManagerId
  readonly project: string
  /**
   * Installs a dependency into the project as it was at first: what the package manager knows is gone, what Vouchsafe remembers stays.
   * @param budget - time that one check may take, as the policy says it
   */
  install(dependency: string, budget?: string): Promise<Ran>
}

/** The part of `GET /v1/status` that tests read. */
export interface NodeStatus {
  readonly log: { readonly size: number; readonly cosignedSize: number; readonly witnesses: readonly { readonly name: string; readonly failure: string | null }[] }
}

const PORT = 4790
const HOSTS = [...OPERATORS, "registry", "person"] as const
const NODE_READY_MS_MAX = 60_000
const STATUS_MS_MAX = 10_000
const COSIGNED_POLLS_MAX = 300
const POLL_MS = 100

export async function openSeparateWorld(name: string, packages: readonly FixturePackage[]): Promise<SeparateWorld> {
  const dir = temporaryFolder(name)
  const closers: (() => unknown)[] = [() => removeFolder(dir)]
  const close = async (): Promise<void> => { for (const closer of closers.splice(0).reverse()) await closer() }
  try {
    const runtime = node24()
    const tool = await toolFromOutside(join(dir, "op"), runtime)
    const segment = openSegment(HOSTS)
    closers.push(() => segment.close())
    const registry = await startRegistryAt(segment, dir, packages)
    closers.push(registry.end)
    const nodes = await startNodes({ segment, tool, runtime, registry: registry.url, folder: join(dir, "net") })
    closers.push(nodes.end)
    let accounts = 0
    return {
      segment, close, status: nodes.status, kill: nodes.kill, start: nodes.start,
      async person(id) {
        const sandbox = createSandbox(join(dir, `person-${accounts++}`), { registry: registry.url, nodeRuntime: runtime })
        return guardedPerson({ segment, tool, runtime, sandbox, roster: nodes.roster, id })
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Vouchsafe is installed as a person does it, before anything is cut off: its dependencies come from the registry of the machine. */
async function toolFromOutside(folder: string, runtime: Runtime): Promise<Tool> {
  const registry = await startWorldRegistry([])
  try {
    return await installTool(createSandbox(folder, { registry: registry.url, nodeRuntime: runtime }), runtime)
  } finally {
    await registry.close()
  }
}

async function startRegistryAt(segment: Segment, dir: string, packages: readonly FixturePackage[]): Promise<{ url: string; end: () => void }> {
  const plugin = (await packAll()).filter(({ name }) => name === "pnpm-plugin-vouchsafe").map(({ name, version, manifest, path }) => {
    const { name: _name, version: _version, ...fields } = manifest
    return { name, version, manifest: fields, tarball: readFileSync(path).toString("base64") }
  })
  const file = join(dir, "packages.json")
  writeFileSync(file, JSON.stringify([...packages, ...plugin]))
  const [program = "", ...args] = segment.on("registry", [process.execPath, "--conditions=source", fileURLToPath(new URL("./registry-process.ts", import.meta.url)), segment.addressOf("registry"), file])
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] })
  const { url } = await lineOf(child, "registry") as { url: string }
  return { url, end: () => { child.kill("SIGKILL") } }
}

interface Nodes {
  readonly roster: string
  status(operator: Operator): Promise<NodeStatus>
  kill(operator: Operator): void
  start(operator: Operator): Promise<void>
  end(): void
}

async function startNodes(given: { readonly segment: Segment; readonly tool: Tool; readonly runtime: Runtime; readonly registry: string; readonly folder: string }): Promise<Nodes> {
  const { segment, tool, runtime, registry, folder } = given
  const script = join(tool.modules, "@vouchsafe/node/bin/vouchsafe-node.js")
  const env = { PATH: "/usr/bin:/bin", HOME: folder, LANG: "C.UTF-8" }
  const data = (operator: Operator): string => join(folder, operator)
  const urlOf = (operator: Operator): string => `http://${segment.addressOf(operator)}:${PORT}/`
  const roster = join(folder, "roster.json")
  mkdirSync(folder)
  const watcher = endWithThisProcess(folder)
  const running = new Map<Operator, ChildProcess>()
  const note = (): void => writeFileSync(join(folder, "network.json"), JSON.stringify({ nodes: [...running.values()].map(({ pid }) => ({ pid })) }))
  const start = async (operator: Operator): Promise<void> => {
    const log = openSync(join(data(operator), "node.log"), "a")
    const [program = "", ...args] = segment.on(operator, [
      runtime.node, script, "--data", data(operator), "--operator", operator, "--url", urlOf(operator), "--listen", new URL(urlOf(operator)).host, "--roster", roster, "--registry", registry, "--allow-private-addresses",
    ])
    const child = spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", log] })
    closeSync(log)
    running.set(operator, child)
    note()
    await lineOf(child, operator)
  }
  const entries = await Promise.all(OPERATORS.map(async (operator) => entryOf((await runOk([runtime.node, script, "keys", "--data", data(operator), "--operator", operator, "--url", urlOf(operator)], { cwd: folder, env })).stdout)))
  writeFileSync(roster, formatRoster(entries, [registry]))
  const end = (): void => {
    for (const child of running.values()) child.kill("SIGKILL")
    watcher.forget()
  }
  const status = (operator: Operator): Promise<NodeStatus> => askSocket(join(data(operator), "admin.sock"), "/v1/status") as Promise<NodeStatus>
  try {
    await Promise.all(OPERATORS.map(start))
    await untilCosigned(status, "quorum")
  } catch (error) {
    end()
    throw error
  }
  return { roster, status, start, end, kill: (operator) => { running.get(operator)?.kill("SIGKILL") } }
}

/**
 * Waits until the head of every log is cosigned: by a quorum, or by every witness of the roster. A witness that was away is asked again with the
 * next entry, so the latter comes only after one. @throws Error with what is missing.
 */
export async function untilCosigned(status: (operator: Operator) => Promise<NodeStatus>, by: "quorum" | "all"): Promise<void> {
  let waiting: unknown
  for (let poll = 0; poll < COSIGNED_POLLS_MAX; poll++) {
    const all = await Promise.all(OPERATORS.map(status))
    waiting = all.map(({ log }) => log).find(({ size, cosignedSize, witnesses }) => cosignedSize !== size || (by === "all" && witnesses.some(({ failure }) => failure !== null)))
    if (waiting === undefined) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`a log is not cosigned: ${JSON.stringify(waiting)}`)
}

function entryOf(text: string): RosterNode {
  const node = JSON.parse(text) as Record<"operator" | "url" | "log" | "notices" | "witness", string>
  const witness = parseVerifierKey(node.witness)
  if (witness.type !== KEY_TYPE.cosignatureEd25519) throw new TypeError(`witness key of ${node.operator} has type ${witness.type}`)
  return { operator: node.operator, url: node.url, log: parseVerifierKey(node.log), notices: parseVerifierKey(node.notices), witness }
}

/** The first line that a process prints, which is JSON. */
function lineOf(child: ChildProcess, what: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let text = ""
    const timer = setTimeout(() => { reject(new Error(`${what} was not ready within ${NODE_READY_MS_MAX} ms`)) }, NODE_READY_MS_MAX)
    const settle = (finish: () => void): void => { clearTimeout(timer); finish() }
    child.once("error", (error) => settle(() => reject(error))).once("exit", (status, signal) => settle(() => reject(new Error(`${what} ended with ${String(status ?? signal)}`))))
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes("\n")) settle(() => resolve(JSON.parse(text.split("\n")[0] ?? "")))
    })
  })
}

function askSocket(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host: "localhost" }, timeout: STATUS_MS_MAX }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => { text += chunk }).on("error", reject).on("end", () => { resolve(JSON.parse(text)) })
    })
    asked.on("timeout", () => asked.destroy(new Error(`${socketPath} does not answer`))).on("error", reject).end()
  })
}

interface PersonOptions { readonly segment: Segment; readonly tool: Tool; readonly runtime: Runtime; readonly sandbox: Sandbox; readonly roster: string; readonly id: ManagerId }

async function guardedPerson({ segment, tool, runtime, sandbox, roster, id }: PersonOptions): Promise<Person> {
  const manager = await getManager(id)
  const { family } = manager
  const filesFor = (dependencies: Readonly<Record<string, string>>, budget?: string): Record<string, unknown> => ({
    "package.json": { name: "project", version: "1.0.0", private: true, dependencies }, ...(family === "yarn" ? { "yarn.lock": "" } : {}),
    "vouchsafe.json": { format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...(budget === undefined ? {} : { budget }) }, "vouchsafe.roster.json": readFileSync(roster, "utf8"),
  })
  const project = sandbox.project("project", filesFor({}))
  const options = { cwd: project, env: sandbox.env({ runtime, manager, path: [tool.binDir], more: { YARN_UNSAFE_HTTP_WHITELIST: segment.addressOf("registry") } }) }
  if (family === "pnpm") await runOk(segment.on("person", ["pnpm", "add", "--config", "pnpm-plugin-vouchsafe"]), options)
  if (family === "yarn") await runOk(segment.on("person", ["yarn", "plugin", "import", join(tool.modules, "@vouchsafe/yarn-plugin/dist/yarn-plugin.cjs")]), options)
  const argv = family === "npm" ? ["vouchsafe", "run", "--", "npm", "install"] : [family, "install"]
  return {
    id, project,
    install(dependency, budget) {
      for (const kept of [".npm", ".yarn", ".local/share/pnpm", ".cache/pnpm"]) rmSync(join(sandbox.home, kept), { recursive: true, force: true })
      for (const kept of ["node_modules", ".yarn/cache", "package-lock.json", "pnpm-lock.yaml"]) rmSync(join(project, kept), { recursive: true, force: true })
      sandbox.project("project", filesFor({ [dependency]: "1.0.0" }, budget))
      return run(segment.on("person", argv), options)
    },
  }
}
