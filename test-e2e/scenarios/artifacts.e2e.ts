// ATTACKS row 1: a registry that lost a version, or is gone, stops no install; and no node can bring other bytes.
import { cpSync, readFileSync } from "node:fs"
import { createServer, request as httpRequest, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, findPackage, getManager, openWorld, policyFiles, runOk, type Manager, type ManagerId, type Sandbox, type World } from "../support/index.ts"

const MANAGERS = ["npm10", "npm11", "npm12", "pnpm10"] as const satisfies readonly ManagerId[]
const DEPENDENCIES = { "zz-good": "1.0.0", "is-odd": "3.0.1" }

let world: World
let accounts = 0
const servers: Server[] = []
/** Folder of each npm's project as it was installed while the registry was there. */
const installed = new Map<ManagerId | "lost", string>()

/** A machine on which nothing is cached. */
function account(): Sandbox {
  // npm would ask a shim that says 502 twice more, a minute apart.
  return world.sandbox(`a${accounts++}`, { npmrc: ["fetch-retries=0"] })
}

const LOCKFILE = { npm: "package-lock.json", pnpm: "pnpm-lock.yaml", yarn: "yarn.lock" } as const
const FROZEN = { npm: ["npm", "ci"], pnpm: ["pnpm", "install", "--frozen-lockfile"], yarn: ["yarn", "install", "--immutable"] } as const

async function install(manager: Manager, dependencies: Readonly<Record<string, string>>): Promise<string> {
  const sandbox = account()
  const project = sandbox.project("project", { "package.json": { name: "project", version: "1.0.0", private: true, dependencies }, ...policyFiles(world) })
  const ran = await commandIn(world, sandbox, manager, project)("vouchsafe", "run", "--", manager.family, "install")
  expect(ran.status, describeRun(ran)).toBe(0)
  return project
}

/** An install of somebody else, on another machine, from the lockfile of `from` and from nothing else. */
async function ci(manager: Manager, from: string, roster?: string) {
  const sandbox = account()
  const project = sandbox.project("project", policyFiles(world, undefined, roster))
  for (const file of ["package.json", LOCKFILE[manager.family]]) cpSync(join(from, file), join(project, file))
  return { project, ran: await commandIn(world, sandbox, manager, project)("vouchsafe", "run", "--", ...FROZEN[manager.family]) }
}

/** A node's public address that passes everything on, and changes the bytes of every artifact. */
async function poisoned(url: string): Promise<{ url: string; lies: () => number }> {
  let lies = 0
  const server = createServer((request, response) => {
    const isBytes = /^\/v1\/artifact\/[0-9a-f]{128}$/.test(request.url ?? "")
    const { host: _host, ...headers } = request.headers
    request.pipe(httpRequest(new URL(request.url ?? "/", url), { method: request.method ?? "GET", headers: { ...headers, host: new URL(url).host } }, (answer) => {
      const parts: Buffer[] = []
      answer.on("data", (part: Buffer) => parts.push(part)).on("end", () => {
        const body = Buffer.concat(parts)
        if (isBytes && answer.statusCode === 206) {
          lies += 1
          body[body.length >> 1] = (body[body.length >> 1] as number) ^ 0xff
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers).end(body)
      })
    }).on("error", () => response.destroy()))
  })
  servers.push(server)
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, lies: () => lies }
}

/** The roster, with some nodes behind a poisoned address. */
async function poisonedRoster(count: number) {
  const chosen = await Promise.all(world.network.nodes.slice(0, count).map(({ url }) => poisoned(url)))
  const text = chosen.reduce((roster, { url }, i) => roster.replaceAll(world.network.nodes[i]?.url ?? "", url), readFileSync(world.network.roster, "utf8"))
  return { text, lies: () => chosen.reduce((sum, { lies }) => sum + lies(), 0) }
}

beforeAll(async () => {
  world = await openWorld("artifacts", { packages: [{ name: "zz-lost", version: "1.0.0", files: { "index.js": "module.exports = 'lost'\n" } }] })
  for (const id of MANAGERS) installed.set(id, await install(await getManager(id), DEPENDENCIES))
  installed.set("lost", await install(await getManager("npm11"), { "zz-lost": "1.0.0" }))
  return async () => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
    await world.close()
  }
})

const projectOf = (id: ManagerId | "lost"): string => installed.get(id) ?? ""

test("a whole lockfile is pinned, listed and let go", async () => {
  const sandbox = account()
  const manager = await getManager("npm11")
  const socket = join(world.network.node("alpha").data, "admin.sock")
  const command = (...argv: string[]) => runOk([world.tool.vouchsafe, ...argv, "--socket", socket, "--json"], { cwd: projectOf("npm11"), env: sandbox.env({ runtime: world.runtime, manager }) })
  const { pinned, failed, refused } = JSON.parse((await command("pin", "--lockfile", "package-lock.json")).stdout) as { pinned: { purl: string; from: string }[]; failed: unknown[]; refused: unknown[] }
  expect([failed, refused, pinned.map(({ purl }) => purl).sort()]).toEqual([[], [], ["pkg:npm/is-number@6.0.0", "pkg:npm/is-odd@3.0.1", "pkg:npm/zz-good@1.0.0", "pkg:npm/zz-leaf@1.0.0"]])
  expect((JSON.parse((await command("pin", "--list")).stdout) as unknown[]).length).toBe(4)
  expect(JSON.parse((await command("unpin", "zz-leaf@1.0.0")).stdout)).toEqual({ unpinned: 1 })
  expect((JSON.parse((await command("pin", "--list")).stdout) as unknown[]).length).toBe(3)
  await command("pin", "zz-leaf@1.0.0")
})

test("row 1: a version that was unpublished still installs, and the person is told", async () => {
  world.registry.unpublish("zz-lost", "1.0.0")
  const { project, ran } = await ci(await getManager("npm11"), projectOf("lost"))
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(ran.output).toContain("FROM_NODES: zz-lost@1.0.0: the registry answered 404; the bytes that are vouched for came from")
  expect(readFileSync(join(project, "node_modules/zz-lost/index.js"), "utf8")).toBe("module.exports = 'lost'\n")
})

describe("with the registry stopped, on a machine with empty caches", () => {
  beforeAll(async () => { await world.registry.close() })

  test.each(MANAGERS)("`vouchsafe run` installs a lockfile: %s", async (id) => {
    const { project, ran } = await ci(await getManager(id), projectOf(id))
    expect(ran.status, describeRun(ran)).toBe(0)
    expect(ran.output).toContain("REGISTRY_DOWN")
    for (const name of ["zz-good", "zz-leaf", "is-odd", "is-number"]) expect(findPackage(project, name), describeRun(ran)).toContainEqual(expect.stringMatching(new RegExp(`node_modules/${name}/package\\.json$`)))
    const { family } = await getManager(id)
    expect(readFileSync(join(project, LOCKFILE[family]), "utf8")).toBe(readFileSync(join(projectOf(id), LOCKFILE[family]), "utf8"))
  })
  test("a poisoned node does no harm", async () => {
    const roster = await poisonedRoster(1)
    const { project, ran } = await ci(await getManager("npm11"), projectOf("npm11"), roster.text)
    expect(ran.status, describeRun(ran)).toBe(0)
    expect(readFileSync(join(project, "node_modules/zz-good/index.js"), "utf8")).toBe("module.exports = 'good'\n")
  })
  test("nor do all of them: nothing is installed", async () => {
    const roster = await poisonedRoster(4)
    const { project, ran } = await ci(await getManager("npm11"), projectOf("npm11"), roster.text)
    expect(ran.status, describeRun(ran)).not.toBe(0)
    expect(roster.lies()).toBeGreaterThan(0)
    for (const name of ["zz-good", "zz-leaf", "is-odd"]) expect(findPackage(project, name, []), describeRun(ran)).toEqual([])
  })
})
