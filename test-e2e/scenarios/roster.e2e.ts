// A network whose roster belongs to three keyholders: nobody changes it alone, nodes and installs follow what two signed, and refuse what is frozen, rolled back or swapped.
import { parseSigningKey } from "@vouchsafe/core"
import { httpTransport, nodeCrypto } from "@vouchsafe/client/node"
import { renewTimestamp } from "@vouchsafe/roster"
import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { createServer as createTcpServer, type AddressInfo } from "node:net"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import type { FakeRegistry } from "@vouchsafe/testkit/registry"
import {
  createSandbox, describeRun, findPackage, FIXTURES, getManager, installTool, type Manager, node24, type Ran, removeFolder, run, runOk, type Sandbox, startWorldRegistry, temporaryFolder, type Tool,
} from "../support/index.ts"
import { endWithThisProcess } from "../support/watcher.ts"

/** So long ago everything that was published just now was in its bounds as well. */
const HALF_DAY_MS = 43_200_000
const OPERATORS = ["alpha", "beta", "gamma", "delta"] as const
const ADMIN_MS_MAX = 60_000
const READY_MS_MAX = 120_000

interface Node { readonly operator: string; readonly url: string; readonly data: string; readonly entry: string; process?: ChildProcess }

const runtime = node24()
const children: ChildProcess[] = []
let dir: string
let registry: FakeRegistry
let op: Sandbox
let tool: Tool
let npm: Manager
let nodes: readonly Node[]
let source: { readonly server: Server; readonly url: string; folder: string }
let genesis: string

const at = (...parts: string[]): string => join(dir, ...parts)
const vouchsafe = (...argv: string[]): Promise<Ran> => run([tool.vouchsafe, ...argv], { cwd: dir, env: op.env({ runtime }) })
async function ok(...argv: string[]): Promise<Record<string, unknown>> {
  const ran = await vouchsafe(...argv, "--json")
  expect(ran.status, describeRun(ran)).toBe(0)
  return JSON.parse(ran.stdout) as Record<string, unknown>
}
const publish = (proposal: string): string[] => ["roster", "publish", at(proposal), "--repository", at("repository"), "--online-key", at("online.key")]

async function freePort(): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Serves whichever folder is named at the moment. */
async function startSource(folder: string): Promise<typeof source> {
  const found = { folder } as { -readonly [Member in keyof typeof source]: (typeof source)[Member] }
  found.server = createServer((request, response) => {
    const path = join(found.folder, (request.url ?? "").replace(/^\/tuf\//, ""))
    const isThere = existsSync(path) && statSync(path).isFile()
    response.writeHead(isThere ? 200 : 404).end(isThere ? readFileSync(path) : "")
  })
  await new Promise<void>((resolve) => { found.server.listen(0, "127.0.0.1", resolve) })
  found.url = `http://127.0.0.1:${(found.server.address() as AddressInfo).port}/tuf/`
  return found
}

/** Starts an installed node and waits for the line that says that it answers. */
async function startNode(node: Node, sources: readonly string[]): Promise<void> {
  const argv = [
    join(tool.modules, "@vouchsafe/node/bin/vouchsafe-node.js"), "--data", node.data, "--operator", node.operator, "--url", node.url, "--listen", new URL(node.url).host,
    "--roster-genesis", at("repository/1.root.json"), ...sources.flatMap((url) => ["--roster-source", url]), "--allow-private-addresses",
  ]
  const child = spawn(runtime.node, argv, { cwd: dir, env: op.env({ runtime }), stdio: ["ignore", "pipe", "pipe"] })
  children.push(child)
  writeFileSync(at("network.json"), JSON.stringify({ nodes: children.map(({ pid }) => ({ pid })) }))
  node.process = child
  let output = ""
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${node.operator} is not ready: ${output}`)), READY_MS_MAX)
    child.stderr.on("data", (chunk: Buffer) => { output += chunk.toString() })
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      if (!output.includes('"event":"ready"')) return
      clearTimeout(late)
      resolve()
    })
    child.once("exit", (status) => { clearTimeout(late); reject(new Error(`${node.operator} ended with ${String(status)}: ${output}`)) })
  })
}

async function request(url: string, socketPath?: string): Promise<unknown> {
  const transport = httpTransport()
  try {
    const more = socketPath === undefined ? { method: "GET" as const } : { method: "POST" as const, socketPath, headers: { "content-type": "application/json" }, body: new TextEncoder().encode("{}") }
    const { body } = await transport.request({ url, timeoutMs: ADMIN_MS_MAX, maxBytes: 1_048_576, ...more })
    return JSON.parse(new TextDecoder().decode(body))
  } finally {
    transport.close()
  }
}

/** Has a node follow its sources now, and waits until it answers under a version of the roster: for a moment, while it starts anew, it does not. */
async function followsTo(node: Node, version: number): Promise<void> {
  await request("http://localhost/v1/roster/follow", join(node.data, "admin.sock"))
  const endMs = Date.now() + READY_MS_MAX
  for (;;) {
    const status = await request(`${node.url}v1/status`).catch(() => undefined) as { roster?: { version: number } } | undefined
    if (status?.roster?.version === version) return
    if (Date.now() > endMs) throw new Error(`${node.operator} says ${JSON.stringify(status)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

beforeAll(async () => {
  registry = await startWorldRegistry(FIXTURES)
  dir = temporaryFolder("roster")
  const watcher = endWithThisProcess(dir)
  op = createSandbox(at("op"), { registry: registry.url, nodeRuntime: runtime })
  tool = await installTool(op, runtime)
  npm = await getManager("npm11")
  for (const who of ["alice", "bob", "carol", "online"]) await ok("keys", "new", at(`${who}.key`), "--name", `${who}.example`)
  nodes = await Promise.all(OPERATORS.map(async (operator): Promise<Node> => {
    const node = { operator, url: `http://127.0.0.1:${await freePort()}/`, data: at(operator), entry: at(`${operator}.json`) }
    const keys = await vouchsafe("keys", "node", "--data", node.data, "--operator", operator, "--url", node.url)
    writeFileSync(node.entry, keys.stdout)
    return node
  }))
  return async () => {
    for (const child of children) child.kill("SIGKILL")
    source?.server.closeAllConnections()
    source?.server.close()
    await registry.close()
    removeFolder(dir)
    watcher.forget()
  }
})

interface Project { readonly folder: string; readonly sandbox: Sandbox; command(...argv: string[]): Promise<Ran> }

/** A governed project of an account that has seen nothing yet. */
function governed(account: string, sources: readonly string[], manager: Manager = npm): Project {
  const sandbox = createSandbox(at(account), { registry: registry.url, nodeRuntime: runtime })
  const targets = at("first/targets/roster.json")
  const folder = sandbox.project("project", {
    "package.json": { name: "project", version: "1.0.0", private: true, dependencies: { "zz-good": "1.0.0" } },
    "vouchsafe.json": { format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", governance: { genesis, sources } },
    "vouchsafe.roster.json": readFileSync(targets, "utf8"),
  })
  const env = sandbox.env({ runtime, manager, path: [tool.binDir] })
  return { folder, sandbox, command: (...argv) => run(argv, { cwd: folder, env }) }
}

async function installs(project: Project, ...argv: string[]): Promise<void> {
  const ran = await project.command(...argv)
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(existsSync(join(project.folder, "node_modules/zz-good/package.json")), describeRun(ran)).toBe(true)
}

async function refuses(project: Project, says: string, ...argv: string[]): Promise<void> {
  rmSync(join(project.folder, "node_modules"), { recursive: true, force: true })
  const ran = await project.command(...argv)
  expect(ran.status, describeRun(ran)).not.toBe(0)
  expect(ran.output, describeRun(ran)).toContain(says)
  expect(findPackage(project.folder, "zz-good"), describeRun(ran)).toEqual([])
}

describe("a governed network", () => {
  let mine: Project

  test("begins with two of three keyholders; one alone begins nothing", async () => {
    await ok(
      "roster", "init", at("first"), ...["alice", "bob", "carol"].flatMap((who) => ["--keyholder", at(`${who}.key`)]), "--threshold", "2", "--online-key", at("online.key"),
      ...nodes.slice(0, 3).flatMap(({ entry }) => ["--node", entry]), "--registry", registry.url,
    )
    await ok("roster", "sign", at("first"), "--key", at("alice.key"))
    const alone = await vouchsafe(...publish("first"))
    expect(alone.status, describeRun(alone)).toBe(1)
    expect(existsSync(at("repository"))).toBe(false)
    await ok("roster", "sign", at("first"), "--key", at("bob.key"))
    ;({ genesis } = await ok(...publish("first")) as { genesis: string })
    expect(genesis).toMatch(/^[0-9a-f]{64}$/)
  })

  test("runs: two nodes follow the publisher, the third follows a node, and npm installs under the verified roster", async () => {
    source = await startSource(at("repository"))
    const [alpha, beta, gamma] = nodes as [Node, Node, Node]
    await startNode(alpha, [source.url])
    await Promise.all([startNode(beta, [source.url]), startNode(gamma, [`${alpha.url}tuf/`])])
    mine = governed("mine", [source.url, `${alpha.url}tuf/`])
    await mine.command("npm", "install", "--package-lock-only")
    await installs(mine, "vouchsafe", "run", "--", "npm", "ci")
    const shown = await mine.command("vouchsafe", "roster", "show", "--json")
    expect(JSON.parse(shown.stdout)).toMatchObject({ genesis, root: { threshold: 2 }, roster: { version: 1, nodes: [{ operator: "alpha" }, { operator: "beta" }, { operator: "gamma" }] } })
  })

  test("a person alone proposes and signs a fourth node, and does not publish it", async () => {
    const before = readdirSync(at("repository"))
    await ok("roster", "propose", at("fourth"), "--repository", at("repository"), "--add", nodes[3]?.entry ?? "")
    await ok("roster", "sign", at("fourth"), "--key", at("carol.key"))
    const alone = await vouchsafe(...publish("fourth"))
    expect(alone.status, describeRun(alone)).toBe(1)
    expect(alone.output).toContain("not enough keyholders have signed")
    expect(readdirSync(at("repository"))).toEqual(before)
  })

  test("with a second signature it is in: nodes start anew, the fourth starts, and npm ci follows", async () => {
    cpSync(at("repository"), at("rolled-back"), { recursive: true })
    await ok("roster", "sign", at("fourth"), "--key", at("alice.key"))
    expect(await ok(...publish("fourth"))).toMatchObject({ genesis, roster: { version: 2 } })
    const [alpha, beta, gamma, delta] = nodes as [Node, Node, Node, Node]
    // Gamma follows alpha, which has to have followed.
    await Promise.all([followsTo(alpha, 2), followsTo(beta, 2)])
    await followsTo(gamma, 2)
    await startNode(delta, [`${beta.url}tuf/`])
    rmSync(join(mine.folder, "node_modules"), { recursive: true })
    mine.sandbox.forgetCaches()
    await installs(mine, "vouchsafe", "run", "--", "npm", "ci")
    const shown = await mine.command("vouchsafe", "roster", "show", "--json")
    expect(JSON.parse(shown.stdout)).toMatchObject({ roster: { version: 2, threshold: 3 } })
    const checked = await mine.command("vouchsafe", "check", "--json")
    const { verdicts } = JSON.parse(checked.stdout) as { verdicts: { ok: boolean; claims: unknown[] }[] }
    expect(verdicts.every(({ ok: allowed, claims }) => allowed && claims.length >= 3), describeRun(checked)).toBe(true)
  })

  test("a plugin reads what was verified and asks nobody: without it nothing is installed", async () => {
    const pnpm = await getManager("pnpm10")
    const project = governed("plugin", [source.url], pnpm)
    await runOk(["pnpm", "add", "--config", "pnpm-plugin-vouchsafe"], { cwd: project.folder, env: project.sandbox.env({ runtime, manager: pnpm }) })
    await refuses(project, "ROSTER_EXPIRED", "pnpm", "install")
    const updated = await project.command("vouchsafe", "roster", "update")
    expect(updated.status, describeRun(updated)).toBe(0)
    await installs(project, "pnpm", "install")
  })

  describe("a source that lies: refused, and nothing is installed", () => {
    const lying = async (folder: string, check: () => Promise<void>): Promise<void> => {
      source.folder = folder
      try {
        await check()
      } finally {
        source.folder = at("repository")
      }
    }
    const onlyThere = (project: Project): void => {
      const path = join(project.folder, "vouchsafe.json")
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")) as object, governance: { genesis, sources: [source.url] } }))
    }

    test("rolled back", () => lying(at("rolled-back"), async () => {
      onlyThere(mine)
      await refuses(mine, "ROSTER_REFUSED", "vouchsafe", "run", "--", "npm", "ci")
    }))

    test("frozen: the timestamp's time is over, for who knows nothing and for who knows better", async () => {
      cpSync(at("repository"), at("frozen"), { recursive: true })
      const { signer } = parseSigningKey(readFileSync(at("online.key"), "utf8").trim())
      await renewTimestamp({ folder: at("frozen"), online: signer, crypto: nodeCrypto, nowMs: Date.now() - HALF_DAY_MS, timestampLifeMs: HALF_DAY_MS / 2, withLock: async (_, action) => action() })
      await lying(at("frozen"), async () => {
        await refuses(governed("new-to-frozen", [source.url]), "ROSTER_EXPIRED", "vouchsafe", "run", "--", "npm", "install")
        await refuses(mine, "ROSTER_EXPIRED", "vouchsafe", "run", "--", "npm", "ci")
      })
    })

    test("swapped: the roster is another file than the one that was signed", async () => {
      cpSync(at("repository"), at("swapped"), { recursive: true })
      mkdirSync(at("swapped/targets"), { recursive: true })
      for (const name of readdirSync(at("swapped/targets"))) if (name.endsWith(".json")) writeFileSync(at("swapped/targets", name), readFileSync(at("first/targets/roster.json")))
      await lying(at("swapped"), () => refuses(governed("new-to-swapped", [source.url]), "roster.json has", "vouchsafe", "run", "--", "npm", "install"))
    })

    test("and the true source again: installed", () => installs(mine, "vouchsafe", "run", "--", "npm", "ci"))
  })
})
