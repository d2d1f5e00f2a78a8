import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Ajv2020 } from "ajv/dist/2020.js"
import { startRegistry } from "@vouchsafe/testkit"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { nodeRuntime } from "../src/binaries.ts"
import { EXIT } from "../src/index.ts"
import { readNetwork } from "../src/network/local.ts"
import { isRunning } from "../src/network/process.ts"
import { ensureBuilt } from "./support/built.ts"
import { documentIn, environment, type Outcome, temporaryFolder, vouchsafe } from "./support/io.ts"

// Read, not imported: the schema is a document of another package.
const verdictSchema = JSON.parse(readFileSync(new URL("../../spec/schemas/verdict.schema.json", import.meta.url), "utf8")) as object

const base = temporaryFolder()
const folder = join(base, "network")
const project = join(base, "project")
const registry = await startRegistry({ packages: [
  { name: "left", version: "1.0.0" }, { name: "@scope/right", version: "2.0.0", manifest: { dependencies: { left: "1.0.0" }, scripts: { postinstall: "node -e 1" } } },
] })

let home = 0
const run = (...argv: string[]): Promise<Outcome> => vouchsafe(project, argv, { env: environment(join(base, `home-${home}`), { npm_config_registry: registry.url }) })
/** Forgets what was cached, so that nodes must be asked. */
const forget = (): void => { home += 1 }

beforeAll(() => {
  ensureBuilt("node", "dist/bin.js")
  mkdirSync(project)
  const integrity = (name: string, version: string) => registry.built(name, version)?.integrity
  const entry = (name: string, version: string) => ({ version, resolved: `${registry.url}${name}/-/${name.replace(/.*\//, "")}-${version}.tgz`, integrity: integrity(name, version) })
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", dependencies: { "@scope/right": "2.0.0" } }))
  writeFileSync(join(project, "package-lock.json"), JSON.stringify({ name: "project", lockfileVersion: 3, packages: { "": { name: "project" }, "node_modules/@scope/right": entry("@scope/right", "2.0.0"), "node_modules/left": entry("left", "1.0.0") } }))
})

afterAll(async () => {
  await run("network", "down", "--data", folder)
  await registry.close()
})

// One story: each part goes on from the one before.
describe("a local network of three nodes", () => {
  test("up: starts them, writes the roster they share, and prints it as a document", async () => {
    const { status, out } = await run("network", "up", "--nodes", "3", "--data", folder, "--allow-private-addresses", "--json")
    expect(status).toBe(EXIT.done)
    expect(documentIn(out)).toMatchObject({ roster: join(folder, "vouchsafe.roster.json"), nodes: [{ operator: "alpha", running: true }, { operator: "beta", running: true }, { operator: "gamma", running: true }] })
    expect(statSync(folder).mode & 0o077).toBe(0)
    expect(JSON.parse(readFileSync(join(folder, "vouchsafe.roster.json"), "utf8"))).toMatchObject({ version: 1, registries: [registry.url] })
  })

  test("up again: says that it runs", async () => {
    const { status, err } = await run("network", "up", "--data", folder)
    expect(status).toBe(EXIT.usage)
    expect(err).toContain("a network runs in")
    expect(err).toContain("alpha, beta, gamma")
  })

  test("status: which run", async () => {
    const { status, out } = await run("network", "status", "--data", folder)
    expect(status).toBe(EXIT.done)
    expect(out.match(/^(alpha|beta|gamma) +http:\/\/127\.0\.0\.1:\d+\/ +runs as \d+$/gm)).toHaveLength(3)
  })

  test("init, doctor, status: a project that trusts it", async () => {
    expect((await run("init", "--roster", join(folder, "vouchsafe.roster.json"))).status).toBe(EXIT.done)
    const doctor = await run("doctor")
    expect(doctor.out).toMatch(/^ok +quorum +3 of 3 nodes can vouch, 2 are needed/m)
    expect(doctor.status).toBe(EXIT.done)
    const status = await run("status")
    expect(status.status).toBe(EXIT.done)
    expect(status.out).toMatch(/^alpha +http:\/\/127\.0\.0\.1:\d+\/ +version \d+\.\d+\.\d+; \d+ statements, cosigned \d+ s ago; 0 notices, cosigned \d+ s ago$/m)
  })

  test("check: every package of the lockfile is vouched for, in the schema's form", async () => {
    const { status, out } = await run("check", "--json")
    const { verdicts, stats } = documentIn(out) as { verdicts: { ok: boolean; claims: unknown[] }[]; stats: { nodesReached: number } }
    expect({ status, ok: verdicts.map(({ ok }) => ok), reached: stats.nodesReached }).toEqual({ status: EXIT.done, ok: [true, true], reached: 3 })
    const validate = new Ajv2020({ strict: true, strictRequired: false }).compile(verdictSchema)
    for (const verdict of verdicts) {
      expect(verdict.claims.length).toBeGreaterThanOrEqual(2)
      expect(validate(verdict), JSON.stringify(validate.errors)).toBe(true)
    }
  })

  test("explain: a scoped name, everything that is known of it", async () => {
    const screen = await run("explain", "@scope/right@2.0.0")
    expect(screen.status).toBe(EXIT.done)
    expect(screen.out).toMatch(/^@scope\/right@2\.0\.0 is allowed\n/)
    expect(screen.out).toMatch(/^alpha +observed \d{4}-\d\d-\d\d +entry \d+ +counts$/m)
    expect(screen.out.split("\n").length).toBeLessThanOrEqual(25)
    const { status, out } = await run("explain", "@scope/right@2.0.0", "--all")
    expect(status).toBe(EXIT.done)
    expect(out).toContain(`@scope/right@2.0.0 from ${registry.url}`)
    expect(out).toMatch(/^allowed: 3 operators vouch for these bytes$/m)
    expect(out).toMatch(/^ {2}install scripts +postinstall: node -e 1$/m)
    const json = documentIn((await run("explain", "@scope/right@2.0.0", "--json")).out) as { statements: { operator: string; counts: boolean; sha512: string }[] }
    expect(json.statements.map(({ operator, counts }) => ({ operator, counts }))).toEqual(["alpha", "beta", "gamma"].map((operator) => ({ operator, counts: true })))
    expect(json.statements[0]?.sha512).toBe(registry.built("@scope/right", "2.0.0")?.sha512)
  })

  test("explain: bytes that nobody saw", async () => {
    const { status, out } = await run("explain", "left@1.0.0", "--integrity", `sha512-${Buffer.alloc(64).toString("base64")}`)
    expect(status).toBe(EXIT.refused)
    expect(out).toContain("NOT_VOUCHED: these are not the bytes that alpha, beta, gamma observed")
    expect(out).toMatch(/^alpha +observed \S+ +entry \d+ +does not count$/m)
  })

  test.each([
    { name: "no sha512", argv: ["left@1.0.0", "--integrity", `sha1-${Buffer.alloc(20).toString("base64")}`], status: EXIT.usage, says: "--integrity has no sha512" },
    { name: "no integrity text", argv: ["left@1.0.0", "--integrity", "abc"], status: EXIT.usage, says: "SRI_MALFORMED" },
    { name: "a version that the registry does not have", argv: ["left@9.0.0"], status: EXIT.world, says: 'the registry has no version "9.0.0" of "left"' },
    { name: "a package that it does not have", argv: ["@scope/missing@1.0.0"], status: EXIT.world, says: 'the registry has no package "@scope/missing"' },
  ])("explain: $name", async ({ argv, status, says }) => {
    expect(await run("explain", ...argv)).toMatchObject({ status, err: expect.stringContaining(says) })
  })

  test("log verify and inspect: the nodes' own logs, recomputed", async () => {
    const verified = await run("log", "verify")
    expect(verified.status).toBe(EXIT.done)
    expect(verified.out.match(/^verified /gm)).toHaveLength(6)
    const rows = JSON.parse((await run("log", "inspect", "--package", "left@1.0.0")).out) as { operator: string }[]
    expect(rows.map(({ operator }) => operator)).toEqual(["alpha", "beta", "gamma"])
  })

  test("one node dead: the others suffice, and its death is told", async () => {
    const gamma = readNetwork(folder).nodes[2]
    if (gamma === undefined) throw new Error("no third node")
    process.kill(gamma.pid, "SIGKILL")
    while (isRunning(gamma)) await new Promise((resolve) => { setImmediate(resolve) })
    forget()
    expect(await run("check")).toMatchObject({ status: EXIT.done, out: "2 of 2 packages vouched for, 0 of 2 lockfile entries refused; 2 of 3 nodes answered\n" })
    expect(await run("network", "status", "--data", folder)).toMatchObject({ status: EXIT.world, out: expect.stringMatching(/^gamma .* does not run$/m) })
    expect(await run("status")).toMatchObject({ status: EXIT.world, out: expect.stringMatching(/^gamma .*not reached: /m) })
    expect((await run("doctor")).out).toMatch(/^unreachable +node of gamma/m)
    expect(await run("log", "verify")).toMatchObject({ status: EXIT.world, out: expect.stringMatching(/^failed +gamma\.vouchsafe\.local\/log +UNREACHABLE/m) })
  })

  test("down: ends those that run, each by its own number", async () => {
    const before = readNetwork(folder)
    const { status, out } = await run("network", "down", "--data", folder, "--json")
    expect({ status, ...documentIn(out) }).toEqual({ status: EXIT.done, nodes: [{ operator: "alpha", ended: "stopped" }, { operator: "beta", ended: "stopped" }, { operator: "gamma", ended: "was not running" }] })
    expect(before.nodes.filter(isRunning)).toEqual([])
    expect((await run("network", "status", "--data", folder)).status).toBe(EXIT.world)
  })

  test("all nodes gone: nothing is vouched for that was not before", async () => {
    expect((await run("check")).status).toBe(EXIT.done)
    forget()
    const { status, out } = await run("check")
    expect(status).toBe(EXIT.refused)
    expect(out).toContain("UNREACHABLE: 0 of the 2 operators needed vouch for these bytes; alpha, beta, gamma not reached")
  })

  test("up once more: the same keys, addresses and histories", async () => {
    const before = readFileSync(join(folder, "vouchsafe.roster.json"), "utf8")
    expect((await run("network", "up", "--nodes", "3", "--data", folder, "--allow-private-addresses")).status).toBe(EXIT.done)
    expect(readFileSync(join(folder, "vouchsafe.roster.json"), "utf8")).toBe(before)
    home = 0
    expect((await run("log", "verify")).status).toBe(EXIT.done)
    expect((await run("check")).status).toBe(EXIT.done)
  })

  test("other operators: the roster's next version", async () => {
    await run("network", "down", "--data", folder)
    expect((await run("network", "up", "--operators", "alpha,zeta", "--threshold", "2", "--data", folder, "--allow-private-addresses")).status).toBe(EXIT.done)
    const roster = JSON.parse(readFileSync(join(folder, "vouchsafe.roster.json"), "utf8")) as { version: number; nodes: { operator: string }[] }
    expect({ version: roster.version, operators: roster.nodes.map(({ operator }) => operator) }).toEqual({ version: 2, operators: ["alpha", "zeta"] })
  })
})

test("a node that cannot start: none of the network does, and its log is named", async () => {
  const other = join(base, "other")
  expect((await run("network", "up", "--nodes", "2", "--data", other, "--allow-private-addresses")).status).toBe(EXIT.done)
  const { nodes } = readNetwork(other)
  expect((await run("network", "down", "--data", other)).status).toBe(EXIT.done)
  rmSync(join(nodes[1]?.data ?? "", "log"), { recursive: true, force: true })
  writeFileSync(join(nodes[1]?.data ?? "", "log"), "no folder")
  const { status, err } = await run("network", "up", "--nodes", "2", "--data", other, "--allow-private-addresses")
  expect(status).toBe(EXIT.world)
  expect(err).toContain("the node of beta ended with")
  expect(err).toContain(join(nodes[1]?.data ?? "", "node.log"))
  expect(nodes.filter((node) => isRunning(node))).toEqual([])
})

describe("keys", () => {
  test("are made once, for the owner alone, and their public halves are a roster's node", async () => {
    const argv = ["keys", "--data", join(base, "keys"), "--operator", "omega", "--url", "http://127.0.0.1:4790/"]
    const first = await run(...argv)
    expect(first.status).toBe(EXIT.done)
    expect(documentIn(first.out)).toEqual({ operator: "omega", url: "http://127.0.0.1:4790/", log: expect.stringMatching(/^omega\.vouchsafe\.local\/log\+/), notices: expect.any(String), witness: expect.any(String) })
    expect((await run(...argv)).out).toBe(first.out)
  })

  test("are refused for a name that is none", async () => {
    const { status, err } = await run("keys", "--data", join(base, "keys-2"), "--operator", "No Name", "--url", "http://127.0.0.1:4790/")
    expect(status).not.toBe(EXIT.done)
    expect(err).toContain("operator")
  })
})

test("a node runs on the Node that VOUCHSAFE_NODE_RUNTIME names", () => {
  const io = { stdout: { write: () => undefined }, stderr: { write: () => undefined }, cwd: base, isTty: false }
  expect(nodeRuntime({ ...io, env: { VOUCHSAFE_NODE_RUNTIME: "/opt/node24" } })).toBe("/opt/node24")
  expect(nodeRuntime({ ...io, env: { VOUCHSAFE_NODE_RUNTIME: "" } })).toBe(process.execPath)
})
