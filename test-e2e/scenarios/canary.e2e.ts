// THREATS A8: a credential goes to the registry that it belongs to and nowhere else, and names of other registries' packages stay here.
import { startRegistry, type FakeRegistry } from "@vouchsafe/testkit/registry"
import { randomBytes } from "node:crypto"
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, getManager, openWorld, policyFiles, runOk, type ManagerId, type Ran, type Sandbox, type World } from "../support/index.ts"
import { startRecorder, type Recorder } from "../support/recorder.ts"

const canary = (name: string): string => `canary-${name}-${randomBytes(12).toString("hex")}`
const PUBLIC = canary("public")
const PRIVATE = canary("private")
const SECRET_NAME = "@secret/unannounced-product"
const NODE_AGENT = "vouchsafe-node/"

let world: World
/** The person's own registry for `@secret`: no node may know of it. */
let own: FakeRegistry
/** Where the public registry keeps one of its tarballs. */
let elsewhere: Recorder
let wires: readonly Recorder[]
/** The roster, with each node behind a recorder. */
let roster: string
const runs: Ran[] = []

beforeAll(async () => {
  world = await openWorld("canary", {
    packages: [{ name: "zz-moved", version: "1.0.0", files: { "index.js": "" } }],
    registry: {
      intercept(request, response) {
        if (request.url !== "/zz-moved/-/zz-moved-1.0.0.tgz" || request.headers["x-moved"] !== undefined) return false
        response.writeHead(302, { location: `${elsewhere.url}elsewhere/zz-moved-1.0.0.tgz` }).end()
        return true
      },
    },
  })
  const bytes = world.registry.built("zz-moved", "1.0.0")?.tarball
  const cdn = await startRegistry({ intercept: (_request, response) => { response.end(bytes); return true } })
  elsewhere = await startRecorder(cdn.url)
  own = await startRegistry({ token: PRIVATE, packages: [{ name: SECRET_NAME, version: "1.0.0", files: { "index.js": "" } }] })
  wires = await Promise.all(world.network.nodes.map(({ url }) => startRecorder(url)))
  roster = world.network.nodes.reduce((text, { url }, i) => text.replaceAll(url, wires[i]?.url ?? ""), readFileSync(world.network.roster, "utf8"))
  return async () => {
    await Promise.all([...wires, elsewhere, cdn, own].map((server) => server.close()))
    await world.close()
  }
})

function account(name: string): Sandbox {
  const place = (registry: string): string => registry.replace("http:", "")
  return world.sandbox(name, {
    npmrc: [`${place(world.registry.url)}:_authToken=${PUBLIC}`, `@secret:registry=${own.url}`, `${place(own.url)}:_authToken=${PRIVATE}`],
    yarnrc: [
      "npmRegistries:", `  "${place(world.registry.url).replace(/\/$/, "")}":`, `    npmAuthToken: ${PUBLIC}`, "    npmAlwaysAuth: true",
      "npmScopes:", "  secret:", `    npmRegistryServer: "${own.url}"`, `    npmAuthToken: ${PRIVATE}`, "    npmAlwaysAuth: true",
    ],
  })
}

async function install(id: ManagerId, name: string, dependencies: Readonly<Record<string, string>>, argv: readonly string[]): Promise<Ran> {
  const manager = await getManager(id)
  const sandbox = account(name)
  const project = sandbox.project("project", {
    "package.json": { name: "project", version: "1.0.0", private: true, dependencies }, ...policyFiles(world, undefined, roster), ...(manager.family === "yarn" ? { "yarn.lock": "" } : {}),
  })
  const command = commandIn(world, sandbox, manager, project)
  const env = sandbox.env({ runtime: world.runtime, manager })
  if (manager.family === "pnpm") await runOk(["pnpm", "add", "--config", "pnpm-plugin-vouchsafe"], { cwd: project, env })
  if (manager.family === "yarn") await runOk(["yarn", "plugin", "import", join(world.tool.modules, "@vouchsafe/yarn-plugin/dist/yarn-plugin.cjs")], { cwd: project, env })
  const ran = await command(...argv)
  runs.push(ran)
  return ran
}

describe.each([
  { id: "npm11", argv: ["vouchsafe", "run", "--", "npm", "install"] },
  { id: "pnpm10", argv: ["pnpm", "install"] },
  { id: "pnpm12", argv: ["pnpm", "install"] },
  { id: "yarn4", argv: ["yarn", "install"] },
] as const)("A8: $id", ({ id, argv }) => {
  test("installs with a credential for the registry", async () => {
    const ran = await install(id, `ok-${id}`, { "zz-good": "1.0.0", "is-odd": "3.0.1" }, argv)
    expect(ran.status, describeRun(ran)).toBe(0)
    expect(world.registry.requests.some(({ headers }) => headers.authorization === `Bearer ${PUBLIC}`), "the registry got its credential").toBe(true)
  })

  test("refuses a package of a registry that no node observes, and asks nobody about it", async () => {
    const ran = await install(id, `own-${id}`, { "zz-good": "1.0.0", [SECRET_NAME]: "1.0.0" }, argv)
    expect(ran.status, describeRun(ran)).not.toBe(0)
    expect(ran.output, describeRun(ran)).toContain("NOT_VOUCHED")
    expect(own.requests.some(({ headers }) => headers.authorization === `Bearer ${PRIVATE}`), "its registry got its credential").toBe(true)
  })
})

test("A8: a redirect to another host carries no credential", async () => {
  const ran = await install("npm11", "moved", { "zz-moved": "1.0.0" }, ["vouchsafe", "run", "--", "npm", "install"])
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(elsewhere.exchanges.length).toBeGreaterThan(0)
  for (const { headers } of elsewhere.exchanges) expect(headers.authorization).toBeUndefined()
})

test("A8: what a command of `run` sees holds the shim's token only", async () => {
  const ran = await install("npm11", "inside", {}, ["vouchsafe", "run", "--", "sh", "-c", "env; cat \"$npm_config_userconfig\""])
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(ran.stdout).toContain(":_authToken=")
})

describe("A8: after all of these", () => {
  const forms = [PUBLIC, PRIVATE].flatMap((text) => [text, Buffer.from(text).toString("base64").replace(/=+$/, ""), Buffer.from(text).toString("hex")])

  test("no file on disk holds a credential but the person's own configuration", () => {
    const found = filesBelow(world.dir).filter((path) => holdsAny(readFileSync(path), forms)).map((path) => relative(world.dir, path))
    expect(found.filter((path) => !/^[^/]+\/home\/\.(?:npmrc|yarnrc\.yml)$/.test(path))).toEqual([])
    expect(found.length, "the search finds what is there").toBeGreaterThan(0)
  })

  test("nothing that was sent to a node or came from one holds a credential, or a name from the person's own registry", () => {
    expect(wires.flatMap(({ exchanges }) => exchanges).length).toBeGreaterThan(0)
    for (const { method, path, headers, body, answer } of wires.flatMap(({ exchanges }) => exchanges)) {
      const seen = [Buffer.from(`${method} ${path} ${JSON.stringify(headers)}`), body, answer]
      expect(seen.some((bytes) => holdsAny(bytes, [...forms, "secret", "unannounced"])), `${method} ${path}`).toBe(false)
    }
  })

  test("no node keeps or asked for a name from the person's own registry", () => {
    expect(filesBelow(join(world.dir, "net")).filter((path) => holdsAny(readFileSync(path), ["unannounced"]))).toEqual([])
    expect([...world.registry.requests, ...own.requests].filter(({ userAgent, url }) => userAgent.startsWith(NODE_AGENT) && url.includes("unannounced"))).toEqual([])
  })

  test("each registry got its own credential only, and never from a node", () => {
    for (const [registry, token] of [[world.registry, PUBLIC], [own, PRIVATE]] as const) {
      const given = registry.requests.filter(({ headers }) => headers.authorization !== undefined)
      expect(given.filter(({ headers }) => headers.authorization !== `Bearer ${token}`)).toEqual([])
      expect(given.filter(({ userAgent }) => userAgent.startsWith(NODE_AGENT))).toEqual([])
    }
  })

  test("no command printed a credential", () => {
    for (const ran of runs) expect(forms.some((form) => ran.output.includes(form)), ran.argv.join(" ")).toBe(false)
  })
})

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)).filter((path) => lstatSync(path).isFile())
}

function holdsAny(bytes: Buffer, needles: readonly string[]): boolean {
  return needles.some((needle) => bytes.includes(needle))
}
