import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { HttpTransport } from "@vouchsafe/client"
import { httpTransport, nodeCrypto, writeList } from "@vouchsafe/client/node"
import { parsePolicy, parseRoster } from "@vouchsafe/core"
import { afterAll, afterEach, describe, expect, test } from "vitest"
import { EXIT } from "../src/index.ts"
import { checkAround, checkNodes, checkTrust } from "../src/setup/doctor.ts"
import { checkGuards } from "../src/setup/guards.ts"
import { writeFiles } from "../src/setup/files.ts"
import { guardFiles } from "../src/setup/plan.ts"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"
import { type LogServer, startLogServers } from "./support/log-server.ts"

const base = temporaryFolder()
const servers = await startLogServers(["alpha", "beta", "gamma"])
afterAll(() => servers.close())
const [alpha, beta] = servers.nodes as [LogServer, LogServer, LogServer]
const roster = parseRoster(nodeCrypto, servers.rosterText)
const shipped = (packageName: string, file: string): Uint8Array => Buffer.from(`${packageName} ${file}\n`)
const policy = (more: object = {}) => parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...more }))

type Files = Readonly<Record<string, string>>

function project(files: Files, guarded: boolean): string {
  const dir = mkdtempSync(join(base, "project-"))
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  for (const [name, text] of Object.entries({ "package.json": "{}", ...files })) write(name, text)
  if (guarded) for (const manager of ["pnpm", "yarn"] as const) if (`${manager === "pnpm" ? "pnpm-lock.yaml" : "yarn.lock"}` in files) writeFiles(dir, guardFiles(dir, manager, shipped))
  return dir
}

const guardsOf = (dir: string, npm: Readonly<Record<string, unknown>> = {}, env: Readonly<Record<string, string>> = {}) => checkGuards(dir, { raw: (key) => npm[key] }, env, shipped)
const KNOWN_LOCK = "lockfileVersion: '9.0'\npnpmfileChecksum: sha256-abc\n"
const PNPM = { "pnpm-lock.yaml": KNOWN_LOCK }
const YARN = { "yarn.lock": "__metadata:\n  version: 8\n" }

describe("guards that are in force", () => {
  test.each([
    { name: "pnpm", files: PNPM },
    { name: "Yarn", files: YARN },
    { name: "pnpm beside settings that change nothing", files: { ...PNPM, "pnpm-workspace.yaml": "ignorePnpmfile: false\npnpmfile: [.pnpmfile.cjs, other.cjs]\n" } },
  ])("$name", ({ files }) => {
    const findings = guardsOf(project(files, true), { "ignore-pnpmfile": false })
    expect(findings.map(({ state }) => state)).toEqual(["ok", "ok"])
  })

  test("pnpm by its config dependency", () => {
    const dir = project({ ...PNPM, "pnpm-workspace.yaml": "configDependencies:\n  pnpm-plugin-vouchsafe: 1.0.0\npnpmfile: other.cjs\n", ".pnpmfile.mjs": "" }, false)
    expect(guardsOf(dir)).toEqual([expect.objectContaining({ state: "ok", detail: expect.stringContaining("config dependency") })])
  })

  test("npm and Yarn 1 have none, and that is said", () => {
    expect(guardsOf(project({ "package-lock.json": "{}" }, false))).toEqual([expect.objectContaining({ check: "npm guard", state: "warning", hint: expect.stringContaining("vouchsafe run") })])
    expect(guardsOf(project({ "package.json": '{"packageManager":"yarn@1.22.22"}' }, false))).toEqual([expect.objectContaining({ check: "yarn guard", state: "problem", detail: expect.stringContaining("Yarn 1 has no plugins") })])
  })
})

describe("THREATS A5: what switches a guard off is a problem", () => {
  test.each([
    { name: "pnpm: no hook", files: PNPM, guarded: false, says: ".pnpmfile.cjs is missing" },
    { name: "pnpm: a changed hook", files: PNPM, change: { ".pnpmfile.cjs": "module.exports = {}" }, says: ".pnpmfile.cjs is not the one of this release" },
    { name: "pnpm: a changed check", files: PNPM, change: { ".vouchsafe/core.mjs": "export const checkAll = () => ({ ok: true })" }, says: ".vouchsafe/core.mjs is not the one of this release" },
    { name: "pnpm: ignorePnpmfile in the workspace", files: { ...PNPM, "pnpm-workspace.yaml": "ignorePnpmfile: true\n" }, says: "pnpm-workspace.yaml: ignorePnpmfile" },
    { name: "pnpm: ignore-pnpmfile in any npm configuration", files: PNPM, npm: { "ignore-pnpmfile": true }, says: ".npmrc: ignore-pnpmfile" },
    { name: "pnpm: ignore-pnpmfile as text", files: PNPM, npm: { "ignore-pnpmfile": "true" }, says: ".npmrc: ignore-pnpmfile" },
    { name: "pnpm: the variable", files: PNPM, env: { PNPM_CONFIG_IGNORE_PNPMFILE: "true" }, says: "PNPM_CONFIG_IGNORE_PNPMFILE" },
    { name: "pnpm: another pnpmfile", files: { ...PNPM, "pnpm-workspace.yaml": "pnpmfile: other.cjs\n" }, says: "names other files" },
    { name: "pnpm: other pnpmfiles", files: { ...PNPM, "pnpm-workspace.yaml": "pnpmfile:\n  - a.cjs\n  - b.cjs\n" }, says: "names other files" },
    { name: "pnpm: another pnpmfile in .npmrc", files: PNPM, npm: { pnpmfile: "other.cjs" }, says: ".npmrc: pnpmfile" },
    { name: "pnpm: another pnpmfile by the variable", files: PNPM, env: { PNPM_CONFIG_PNPMFILE: "other.cjs" }, says: "PNPM_CONFIG_PNPMFILE" },
    { name: "pnpm: a .pnpmfile.mjs, which pnpm 11 and 12 load instead", files: { ...PNPM, ".pnpmfile.mjs": "" }, says: ".pnpmfile.mjs is there" },
    { name: "pnpm: the config dependency with ignorePnpmfile", files: { ...PNPM, "pnpm-workspace.yaml": "configDependencies:\n  pnpm-plugin-vouchsafe: 1.0.0\nignorePnpmfile: true\n" }, guarded: false, says: "ignorePnpmfile" },
    { name: "Yarn: no plugin", files: YARN, guarded: false, says: "yarn-plugin.cjs is missing" },
    { name: "Yarn: a changed plugin", files: YARN, change: { ".yarn/plugins/@vouchsafe/yarn-plugin.cjs": "x" }, says: "yarn-plugin.cjs is not the one of this release" },
    { name: "Yarn: a plugin that nothing names", files: YARN, change: { ".yarnrc.yml": "nodeLinker: pnp\n" }, says: ".yarnrc.yml does not name the plugin" },
    { name: "Yarn: another settings file", files: YARN, env: { YARN_RC_FILENAME: ".other.yml" }, says: "YARN_RC_FILENAME makes Yarn read .other.yml" },
  ])("$name", ({ files, says, guarded = true, change = {}, npm = {}, env = {} }: { files: Files; says: string; guarded?: boolean; change?: Files; npm?: Readonly<Record<string, unknown>>; env?: Readonly<Record<string, string>> }) => {
    const dir = project(files, guarded)
    for (const [name, text] of Object.entries(change)) writeFileSync(join(dir, name), text)
    const problems = guardsOf(dir, npm, env).filter(({ state }) => state === "problem")
    expect(problems.map(({ detail }) => detail).join("\n")).toContain(says)
    for (const problem of problems) expect(problem.hint).toEqual(expect.any(String))
  })
})

describe("what is only a warning", () => {
  test.each([
    { name: "a lockfile that does not know the hook", files: { "pnpm-lock.yaml": "lockfileVersion: '9.0'\n" }, says: "frozen installs fail" },
    { name: "an old Yarn", files: { ...YARN, "package.json": '{"packageManager":"yarn@3.8.7"}' }, says: "asks for Yarn 3" },
  ])("$name", ({ files, says }) => {
    const findings = guardsOf(project(files, true))
    expect(findings.filter(({ state }) => state === "problem")).toEqual([])
    expect(findings.find(({ state }) => state === "warning")?.detail).toContain(says)
  })
})

describe("trust", () => {
  const NOW = 1_800_000_000
  const exception = { purl: "pkg:npm/x@1.0.0", code: "EXOTIC_SOURCE", owner: "me", reason: "because", until: "2027-01-31" }
  const trust = (more: object, registries: readonly string[] = roster.registries, now = NOW) => checkTrust({ roster, policy: policy(more) }, registries, now)
  test.each([
    { name: "everything at its default", more: {}, states: ["ok"], says: "recommended, threshold 2 of 3 operators" },
    { name: "a higher threshold", more: { threshold: 3 }, states: ["ok"], says: "threshold 3 of 3" },
    { name: "a threshold that nobody can reach", more: { threshold: 4 }, states: ["ok", "problem"], says: "nothing can be allowed" },
    { name: "observe", more: { preset: "observe" }, states: ["ok", "warning"], says: "reports and never blocks" },
    { name: "a rule that only warns", more: { rules: { EXOTIC_SOURCE: "warn" } }, states: ["ok", "warning"], says: "the rule EXOTIC_SOURCE is set to warn" },
    { name: "an exception", more: { exceptions: [exception] }, states: ["ok", "ok"], says: "until 2027-01-31" },
    { name: "an exception that ends within a week", more: { exceptions: [{ ...exception, until: "2027-01-18" }] }, states: ["ok", "warning"], says: "until 2027-01-18, 4 days left" },
    { name: "an exception that ended", more: { exceptions: [{ ...exception, until: "2026-12-31" }] }, states: ["ok", "warning"], says: "ended 2026-12-31" },
  ])("$name", ({ more, states, says }) => {
    const findings = trust(more)
    expect(findings.map(({ state }) => state)).toEqual(states)
    expect(findings.map(({ detail }) => detail).join("\n")).toContain(says)
  })

  test("a registry that no node observes", () => {
    expect(trust({}, [...roster.registries, "https://private.example/"]).filter(({ state }) => state === "problem")).toEqual([expect.objectContaining({ check: "registries", detail: expect.stringContaining("https://private.example/") })])
  })

  test("a single operator", () => {
    const text = JSON.stringify({ ...JSON.parse(servers.rosterText), nodes: [JSON.parse(servers.rosterText).nodes[0]], policy: JSON.parse(servers.rosterText).policy.split("\n").filter((line: string) => line.includes("alpha") && !line.startsWith("group")).concat("quorum none", "").join("\n") })
    expect(checkTrust({ roster: parseRoster(nodeCrypto, text), policy: policy() }, roster.registries, NOW).map(({ detail }) => detail).join("\n")).toContain("a single operator: its word is all there is")
  })
})

describe("nodes", () => {
  const now = (): number => Math.floor(Date.now() / 1_000)
  const transport: HttpTransport & { close(): void } = httpTransport()
  afterAll(() => transport.close())
  afterEach(() => {
    for (const node of servers.nodes) Object.assign(node.notices, { isCosigned: true, edit: (_path: string, body: Uint8Array) => body })
  })
  const nodes = async (at = now()) => {
    const findings = await checkNodes({ roster, policy: policy() }, transport, at)
    return { byCheck: new Map(findings.map((finding) => [finding.check, finding])), quorum: findings.at(-1) }
  }

  test("that answer with fresh and cosigned heads can vouch", async () => {
    const { byCheck, quorum } = await nodes()
    expect(byCheck.get("node of alpha")).toMatchObject({ state: "ok", detail: expect.stringContaining("answers") })
    expect(quorum).toMatchObject({ check: "quorum", state: "ok", detail: expect.stringContaining("3 of 3 nodes can vouch, 2 are needed") })
  })

  test.each([
    { name: "without cosignatures", spoil: (node: LogServer) => { node.notices.isCosigned = false }, state: "problem", says: "fewer than the witness quorum" },
    { name: "without a checkpoint", spoil: (node: LogServer) => { node.notices.edit = () => undefined }, state: "unreachable", says: "answered 404" },
    { name: "with rubbish", spoil: (node: LogServer) => { node.notices.edit = () => Buffer.from("rubbish") }, state: "problem", says: "" },
    { name: "with a checkpoint of another log", spoil: (node: LogServer) => { node.notices.edit = (_path, body) => Buffer.from(Buffer.from(body).toString().replaceAll("alpha", "beta")) }, state: "problem", says: "" },
  ])("$name", async ({ spoil, state, says }) => {
    spoil(alpha)
    const { byCheck, quorum } = await nodes()
    expect(byCheck.get("node of alpha")).toMatchObject({ state, detail: expect.stringContaining(says) })
    expect(quorum?.state).toBe("ok")
  })

  test("two that cannot vouch are a problem", async () => {
    for (const node of [alpha, beta]) node.notices.isCosigned = false
    expect((await nodes()).quorum).toMatchObject({ state: "problem", detail: expect.stringContaining("1 of 3 nodes can vouch, 2 are needed") })
  })

  test("withdrawals older than the policy takes them", async () => {
    expect((await nodes(now() + 86_401 + 5)).byCheck.get("node of alpha")).toMatchObject({ state: "problem", detail: expect.stringContaining("s old, expected at most 86400 s") })
  })

  test("a clock that is behind", async () => {
    expect((await nodes(now() - 400)).byCheck.get("node of alpha")).toMatchObject({ state: "problem", hint: "set this machine's clock" })
  })
})

describe("on the command line", () => {
  const dir = join(base, "whole")
  mkdirSync(dir)
  for (const [name, text] of Object.entries({ "package.json": "{}", "package-lock.json": "{}", "vouchsafe.json": JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }), "vouchsafe.roster.json": servers.rosterText })) writeFileSync(join(dir, name), text)

  test("all is well: 0, one line a finding", async () => {
    const { status, out } = await vouchsafe(dir, ["doctor"])
    expect(status).toBe(EXIT.done)
    expect(out).toMatch(/^ok +vouchsafe\.json +recommended, threshold 2 of 3 operators$/m)
    expect(out).toMatch(/^warning +npm guard +npm has no hooks/m)
  })

  test("one document", async () => {
    const { out } = await vouchsafe(dir, ["doctor", "--json"])
    expect(documentIn(out)["findings"]).toEqual(expect.arrayContaining([expect.objectContaining({ check: "quorum", state: "ok" })]))
  })

  test("a problem: 1", async () => {
    const { status, out } = await vouchsafe(dir, ["doctor"], { env: environment(dir, { npm_config_registry: "https://elsewhere.example/" }) })
    expect(status).toBe(EXIT.refused)
    expect(out).toMatch(/^problem +registries +no node of the roster observes https:\/\/elsewhere\.example\//m)
  })

  test("the registries of all managers in use are looked at", async () => {
    writeFileSync(join(dir, "pnpm-workspace.yaml"), "registries:\n  '@scope': https://scoped.example/\n")
    const { out } = await vouchsafe(dir, ["doctor"])
    rmSync(join(dir, "pnpm-workspace.yaml"))
    expect(out).toContain("no node of the roster observes https://scoped.example/")
  })
})

describe("what stands around the policy", () => {
  test("lists that are missing are a problem, fresh ones and floors are told", () => {
    const env = environment(mkdtempSync(join(base, "around-")))
    const lists = [{ name: "osv", source: "/osv", maxAgeSeconds: 100 }]
    const around = (now: number) => checkAround({ policy: { ...policy(), lists }, floors: ["/etc/floor.json"] }, env, now).map(({ check, state, detail }) => `${check} ${state} ${detail}`)
    expect(around(1_000)).toEqual(["floor ok /etc/floor.json is in force", "lists problem the list osv was never fetched: everything is refused"])
    writeList(env, lists[0] as (typeof lists)[number], 1_000, [{ name: "evil", id: "MAL-1", affected: { kind: "all" } }])
    expect(around(1_010)[1]).toBe("lists ok osv: 1 entries, fetched 10 s ago")
    expect(around(1_200)[1]).toContain("lists problem the list osv was fetched 200 s ago")
  })
})
