// One node as two processes over PostgreSQL and an object store, started with the very commands of examples/compose-shared: the one that acts
// is killed, the other takes over, installs go on, and the bucket alone is the log.
import { startPostgres, type PostgresServer } from "@vouchsafe/testkit"
import type { FakeRegistry } from "@vouchsafe/testkit/registry"
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { join } from "node:path"
import { parse } from "yaml"
import { beforeAll, expect, test } from "vitest"
import {
  createSandbox, describeRun, FIXTURES, findPackage, getManager, installTool, node24, OBJECTS_ACCOUNT, type Balancer, type Daemon, type ObjectStore, type Ran, removeFolder, ROOT, run, runOk, type Sandbox,
  startBalancer, startDaemon, startObjectStore, startWorldRegistry, temporaryFolder, type Tool,
} from "../support/index.ts"

interface Service {
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets?: readonly string[]
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly image?: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

const EXAMPLE = join(ROOT, "examples/compose-shared")
const COMPOSE = parse(readFileSync(join(EXAMPLE, "compose.yaml"), "utf8"), { merge: true }) as Compose
const LISTEN = "0.0.0.0:4790"
const runtime = node24()

let dir: string
let registry: FakeRegistry
let postgres: PostgresServer
let objects: ObjectStore
let balancer: Balancer
let operator: Sandbox
let tool: Tool
const started: Daemon[] = []

beforeAll(async () => {
  const closers: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const daemon of started.splice(0)) await daemon.end("SIGKILL")
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    dir = temporaryFolder("storage")
    closers.push(() => removeFolder(dir))
    registry = await startWorldRegistry([...FIXTURES])
    closers.push(() => registry.close())
    postgres = await startPostgres()
    closers.push(() => postgres.stop())
    mkdirSync(join(dir, "objects"))
    objects = await startObjectStore(join(dir, "objects"), "vouchsafe")
    closers.push(() => objects.stop())
    balancer = await startBalancer()
    closers.push(() => balancer.close())
    operator = createSandbox(join(dir, "op"), { registry: registry.url, nodeRuntime: runtime })
    tool = await installTool(operator, runtime)
    // The passwords of the example, made by its script, where the servers of this test leave it a choice.
    cpSync(EXAMPLE, join(dir, "example"), { recursive: true })
    mkdirSync(join(dir, "example/secrets"), { mode: 0o700 })
    for (const [name, value] of Object.entries({ "postgres-password": postgres.password, "objects-user": OBJECTS_ACCOUNT, "objects-password": OBJECTS_ACCOUNT })) writeFileSync(join(dir, "example/secrets", name), value)
    await runOk(["sh", "secrets.sh"], { cwd: join(dir, "example"), env: { PATH: "/usr/bin:/bin" } })
  } catch (error) {
    await close()
    throw error
  }
  return close
})

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/** What a container has under a name of its own, as it is called here. */
function here(text: string, volumes: Readonly<Record<string, string>>): string {
  let out = text
    .replace("@postgres:5432/vouchsafe?", `@127.0.0.1:${postgres.port}/postgres?`).replace("http://objects:9000", `http://127.0.0.1:${objects.port}`)
    .replace("http://127.0.0.1:4790/", balancer.url).replace("/run/secrets/", `${join(dir, "example/secrets")}/`)
  for (const [inside, outside] of Object.entries(volumes)) if (out === inside) out = outside
  return out
}

/** Command and environment of a service, for a process on this machine. */
function commandOf(name: string, volumes: Readonly<Record<string, string>>, listen = LISTEN): { argv: string[]; env: Record<string, string> } {
  const { command = [], environment = {} } = COMPOSE.services[name] ?? {}
  const argv = command.map((word) => here(word, { ...volumes, [LISTEN]: listen }))
  return { argv, env: operator.env({ runtime, more: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, here(value, {})])) }) }
}

const MORE = (): string[] => ["--registry", registry.url, "--allow-private-addresses"]

async function startService(name: string, data: string, more: readonly string[] = [], volumes: Readonly<Record<string, string>> = {}): Promise<{ daemon: Daemon; port: number }> {
  const port = await freePort()
  const { argv, env } = commandOf(name, { "/data": data, ...volumes }, `127.0.0.1:${port}`)
  const daemon = startDaemon(tool, runtime, [...argv, ...more], { cwd: dir, env })
  started.push(daemon)
  return { daemon, port }
}

/** A project that trusts this node alone, for one manager. */
async function project(account: string, roster: string): Promise<{ folder: string; command: (...argv: string[]) => Promise<Ran> }> {
  const sandbox = createSandbox(join(dir, account), { registry: registry.url, nodeRuntime: runtime })
  const manager = await getManager("npm11")
  const folder = sandbox.project("project", {
    "package.json": { name: "project", version: "1.0.0", private: true }, "vouchsafe.json": { format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }, "vouchsafe.roster.json": readFileSync(roster, "utf8"),
  })
  return { folder, command: (...argv) => run(argv, { cwd: folder, env: sandbox.env({ runtime, manager, path: [tool.binDir] }) }) }
}

interface Report { readonly logs: readonly { readonly origin: string; readonly outcome: string; readonly size: number; readonly cosigned: boolean; readonly detail: string }[] }
const outcomes = (ran: Ran): unknown[] => (JSON.parse(ran.stdout) as Report).logs.map(({ outcome, size, cosigned }) => [outcome, size, cosigned])

test("the compose file starts what it says: names that exist, ports of this machine only, and passwords in files", () => {
  const { services, volumes, secrets } = COMPOSE
  expect(Object.keys(services).sort()).toEqual(["balancer", "bucket", "front", "keys", "node-a", "node-b", "objects", "postgres"])
  for (const [name, service] of Object.entries(services)) {
    for (const volume of service.volumes ?? []) {
      const [source = ""] = volume.split(":")
      expect([name, source.startsWith("./") || source in volumes]).toEqual([name, true])
    }
    for (const secret of service.secrets ?? []) expect([name, secret in secrets]).toEqual([name, true])
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
    if (service.image !== undefined) expect(service.image).toMatch(/^[a-z.]+\/[a-z/]+:[A-Za-z0-9.-]+$/)
    if (service.build !== undefined) expect(readFileSync(join(EXAMPLE, service.build.context, service.build.dockerfile), "utf8")).toContain("ENTRYPOINT [\"vouchsafe-node\"]")
  }
  for (const { file } of Object.values(secrets)) expect(readFileSync(join(dir, "example", file), "utf8").length).toBeGreaterThan(5)
  // One node: the two differ in their volume alone.
  const { volumes: volumesA, ...a } = services["node-a"] ?? {}
  const { volumes: volumesB, ...b } = services["node-b"] ?? {}
  expect(a).toEqual(b)
  expect([volumesA, volumesB]).toEqual([["node-a:/data", "keys:/data/keys"], ["node-b:/data", "keys:/data/keys"]])
  const proxy = readFileSync(join(EXAMPLE, "haproxy.cfg"), "utf8")
  for (const name of ["node-a", "node-b"]) expect(proxy).toContain(`${name}:4790 check`)
})

test("the one that acts is killed: the other takes over, installs go on, nothing is lost or forked, and the bucket alone verifies", async () => {
  const [dataA, dataB] = [join(dir, "node-a"), join(dir, "node-b")]
  const keys = commandOf("keys", { "/data": dataA })
  await runOk([runtime.node, join(tool.modules, "@vouchsafe/node/bin/vouchsafe-node.js"), ...keys.argv], { cwd: dir, env: keys.env })
  // The volume that both have.
  mkdirSync(dataB, { mode: 0o700 })
  cpSync(join(dataA, "keys"), join(dataB, "keys"), { recursive: true })
  chmodSync(join(dataB, "keys"), 0o700)

  const first = await startService("node-a", dataA, MORE())
  const { roster } = await first.daemon.ready
  const second = await startService("node-b", dataB, MORE())
  await second.daemon.says('"standing by"')
  balancer.backends = [first.port, second.port]

  const before = await project("before", roster)
  const installed = await before.command("vouchsafe", "run", "--", "npm", "install", "zz-leaf")
  expect([installed.status, findPackage(before.folder, "zz-leaf").length > 0], describeRun(installed)).toEqual([0, true])
  const seen = await before.command("vouchsafe", "log", "verify", "--json")
  expect([seen.status, outcomes(seen)], describeRun(seen)).toEqual([0, [["verified", 1, true], ["verified", 0, true]]])

  first.daemon.child.kill("SIGKILL")
  expect(await first.daemon.ended).toBe("SIGKILL")
  await second.daemon.ready
  expect(second.daemon.log()).toContain('"the log was taken over"')

  const after = await project("after", roster)
  const again = await after.command("vouchsafe", "run", "--", "npm", "install", "zz-good")
  expect([again.status, findPackage(after.folder, "zz-good").length > 0], describeRun(again)).toEqual([0, true])
  // The same account as before: what it remembers of the log must be extended by what it sees now.
  const verified = await before.command("vouchsafe", "log", "verify", "--json")
  expect([verified.status, outcomes(verified)], describeRun(verified)).toEqual([0, [["verified", 2, true], ["verified", 0, true]]])

  // Started again, the killed one stands by, and ends as it is told to.
  const third = await startService("node-a", dataA, MORE())
  await third.daemon.says('"standing by"')
  expect(await third.daemon.end("SIGTERM")).toBe(0)
  expect(await second.daemon.end("SIGTERM")).toBe(0)

  // No process of the node is left: the bucket is read over plain HTTP.
  const alone = await before.command("vouchsafe", "log", "verify", "--operator", "me", "--from", `${objects.url}me/`, "--json")
  expect([alone.status, outcomes(alone)], describeRun(alone)).toEqual([0, [["verified", 2, true], ["verified", 0, true]]])
  const { argv, env } = commandOf("node-b", { "/data": dataB })
  const fsck = await runOk([runtime.node, join(tool.modules, "@vouchsafe/node/bin/vouchsafe-node.js"), "fsck", ...argv], { cwd: dir, env })
  expect((JSON.parse(fsck.stdout) as { findings: unknown[] }).findings).toEqual([])

  // A front end without keys serves what is known.
  copyFileSync(roster, join(dir, "roster.json"))
  const front = await startService("front", join(dir, "front"), [], { "/roster.json": join(dir, "roster.json") })
  await front.daemon.ready
  balancer.backends = [front.port]
  const read = await project("front-reader", roster)
  const known = await read.command("vouchsafe", "run", "--", "npm", "install", "zz-good")
  expect([known.status, findPackage(read.folder, "zz-good").length > 0], describeRun(known)).toEqual([0, true])
  const unknown = await read.command("vouchsafe", "run", "--", "npm", "install", "zz-parent")
  expect([unknown.status, findPackage(read.folder, "zz-parent")], describeRun(unknown)).toEqual([1, []])
  expect(await front.daemon.end("SIGTERM")).toBe(0)
  for (const { log } of [first.daemon, second.daemon, third.daemon, front.daemon]) expect(log()).not.toContain(postgres.password)
})
