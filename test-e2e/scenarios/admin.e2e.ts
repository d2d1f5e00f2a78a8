// A node that is run from elsewhere: withdrawals signed by its admin's key stop an install; whatever else comes to its public listener changes nothing.
import type { FakeRegistry } from "@vouchsafe/testkit/registry"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import {
  createSandbox, describeRun, FIXTURES, findPackage, getManager, installTool, node24, type Daemon, type Ran, removeFolder, run, runOk, startDaemon, startWorldRegistry, temporaryFolder, type Tool,
} from "../support/index.ts"

/** Seconds after its start in which a node takes no signed request (spec/admin.md, [A7]). */
const CLOSED_SECONDS = 3
const runtime = node24()

let dir: string
let registry: FakeRegistry
let tool: Tool
let node: Daemon
let url: string
let folder: string
let command: (...argv: string[]) => Promise<Ran>
/** Another person's project, whose caches are empty. */
let other: { readonly folder: string; command(...argv: string[]): Promise<Ran> }

interface Status { readonly uptimeSeconds: number; readonly log: { readonly size: number }; readonly notices: { readonly size: number } }
const statusOf = async (): Promise<Status> => await (await fetch(`${url}v1/status`)).json() as Status
const sizes = async (): Promise<number[]> => {
  const { log, notices } = await statusOf()
  return [log.size, notices.size]
}

beforeAll(async () => {
  const closers: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    dir = temporaryFolder("admin")
    closers.push(() => removeFolder(dir))
    registry = await startWorldRegistry([...FIXTURES])
    closers.push(() => registry.close())
    const operator = createSandbox(join(dir, "op"), { registry: registry.url, nodeRuntime: runtime })
    tool = await installTool(operator, runtime)
    const person = createSandbox(join(dir, "admin"), { registry: registry.url, nodeRuntime: runtime })
    const env = person.env({ runtime, manager: await getManager("npm11"), path: [tool.binDir] })
    for (const name of ["ops", "stranger"]) await runOk([tool.vouchsafe, "keys", "new", join(dir, `${name}.key`), "--name", "ops.example/admin"], { cwd: dir, env })
    const { vkey } = JSON.parse((await runOk([tool.vouchsafe, "keys", "show", join(dir, "ops.key"), "--json"], { cwd: dir, env })).stdout) as { vkey: string }
    node = startDaemon(tool, runtime, ["--data", join(dir, "node"), "--operator", "me", "--listen", "127.0.0.1:0", "--registry", registry.url, "--allow-private-addresses", "--admin-key", vkey], { cwd: dir, env: operator.env({ runtime }) })
    closers.push(() => node.end("SIGKILL"))
    const ready = await node.ready
    url = ready.url
    const files = { "package.json": { name: "project", version: "1.0.0", private: true }, "vouchsafe.json": { format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }, "vouchsafe.roster.json": readFileSync(ready.roster, "utf8") }
    folder = person.project("project", files)
    command = (...argv) => run(argv, { cwd: folder, env })
    const second = createSandbox(join(dir, "other"), { registry: registry.url, nodeRuntime: runtime })
    const [project, otherEnv] = [second.project("project", files), second.env({ runtime, manager: await getManager("npm11"), path: [tool.binDir] })]
    other = { folder: project, command: (...argv) => run(argv, { cwd: project, env: otherEnv }) }
  } catch (error) {
    await close()
    throw error
  }
  return close
})

const withdraw = (key: string, ...more: string[]): Promise<Ran> => command("vouchsafe", "withdraw", "zz-leaf@1.0.0", "--reason", "steals tokens", "--node", url, "--admin-key", join(dir, `${key}.key`), ...more)

test("unsigned and wrongly signed requests change nothing and are logged; the admin's withdrawal stops the next install", async () => {
  const installed = await command("vouchsafe", "run", "--", "npm", "install", "zz-leaf")
  expect([installed.status, findPackage(folder, "zz-leaf").length > 0], describeRun(installed)).toEqual([0, true])
  while ((await statusOf()).uptimeSeconds < CLOSED_SECONDS) await new Promise((resolve) => { setTimeout(resolve, 100) })
  const before = await sizes()

  for (const name of ["withdraw", "reverse", "recheck", "budgets", "backup"]) {
    expect([name, (await fetch(`${url}v1/admin/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })).status]).toEqual([name, 401])
  }
  const stranger = await withdraw("stranger")
  expect([stranger.status, stranger.output.includes("NOT_ALLOWED")], describeRun(stranger)).toEqual([1, true])
  // The same node under another of its names: signed for that, it is not for this one.
  const elsewhere = await command("vouchsafe", "withdraw", "zz-leaf@1.0.0", "--reason", "x", "--node", url.replace("127.0.0.1", "localhost"), "--admin-key", join(dir, "ops.key"))
  expect([elsewhere.status, elsewhere.output.includes("UNAUTHENTICATED")], describeRun(elsewhere)).toEqual([1, true])
  expect(await sizes()).toEqual(before)
  expect(node.log().split("\n").filter((line) => line.includes('"an admin request was refused"')).length).toBe(7)

  const withdrawn = await withdraw("ops", "--json")
  expect([withdrawn.status, (JSON.parse(withdrawn.stdout) as { index: number }).index], describeRun(withdrawn)).toEqual([0, 0])
  expect(await sizes()).toEqual([before[0], 1])
  // Made twice it is one.
  expect((await withdraw("ops")).status).toBe(0)
  expect(await sizes()).toEqual([before[0], 1])
  expect(node.log()).toContain('"by":"key ops.example/admin"')
  expect(node.log()).not.toContain("steals tokens")

  const refused = await other.command("vouchsafe", "run", "--", "npm", "install", "zz-leaf")
  expect([refused.status, refused.output.includes("WITHDRAWN"), findPackage(other.folder, "zz-leaf")], describeRun(refused)).toEqual([1, true, []])
})
