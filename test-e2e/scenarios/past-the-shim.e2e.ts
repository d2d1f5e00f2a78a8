// Ways around the shim of a run: a proxy between client and shim, flags in other spellings, pnpm's store under commands that resolve unasked.
import { startRegistry, type FakeRegistry } from "@vouchsafe/testkit/registry"
import { copyFileSync, existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { startEvilProxy, type EvilProxy } from "../support/evil-proxy.ts"
import { commandIn, describeRun, findPackage, FIXTURES, getManager, openWorld, policyFiles, run, runOk, TAMPER, type ManagerId, type Ran, type World } from "../support/index.ts"

let world: World
/** Somebody else's registry, with the same evil package. */
let elsewhere: FakeRegistry
let proxy: EvilProxy
let accounts = 0
beforeAll(async () => {
  world = await openWorld("past")
  elsewhere = await startRegistry({ packages: FIXTURES, tamper: TAMPER })
  proxy = await startEvilProxy(elsewhere.url)
  world.registry.tamper(TAMPER)
  return async () => {
    await proxy.close()
    await elsewhere.close()
    await world.close()
  }
})

const ATTACKED = { "zz-parent": "1.0.0" }
const WORKSPACE = "dangerouslyAllowAllBuilds: true\n"

/** Settings that name the proxy, by file. */
const NAMED_IN = {
  ".npmrc": () => `proxy=${proxy.url}\nhttps-proxy=${proxy.url}\nnoproxy=nothing.example\n`,
  "pnpm-workspace.yaml": () => `${WORKSPACE}httpProxy: ${proxy.url}\nhttpsProxy: ${proxy.url}\nnoProxy: nothing.example\n`,
} as const

const BY_FILES: readonly { readonly id: ManagerId; readonly command: string; readonly file: keyof typeof NAMED_IN }[] = [
  ...(["npm10", "npm11", "npm12"] as const).flatMap((id) => ["npm install", "npx -y zz-evil"].map((command) => ({ id, command, file: ".npmrc" as const }))),
  ...(["pnpm10", "pnpm11", "pnpm12"] as const).flatMap((id) => ([".npmrc", "pnpm-workspace.yaml"] as const).map((file) => ({ id, command: "pnpm dlx zz-evil", file }))),
]

describe("a proxy that would answer in the shim's place is not asked for it", () => {
  test.each(BY_FILES)("$id, $command, named by $file", async ({ id, command, file }) => {
    const given = await project(id, command === "npm install" ? ATTACKED : {}, { [file]: NAMED_IN[file]() })
    expectRefused(given, await given.command("vouchsafe", "run", "--", ...command.split(" ")))
    expect(proxy.asked).toEqual([])
  })
  test.each(["npm10", "npm11", "npm12", "pnpm10", "pnpm11", "pnpm12"] as const)("%s, named by the environment", async (id) => {
    const given = await project(id, {}, {})
    const variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"].map((name) => `${name}=${proxy.url}`)
    expectRefused(given, await given.command("env", ...variables, "vouchsafe", "run", "--", ...(id.startsWith("npm") ? ["npx", "-y"] : ["pnpm", "dlx"]), "zz-evil"))
    expect(proxy.asked).toEqual([])
  })
  test("npm11 without the guard does what the proxy says", async () => {
    const given = await project("npm11", ATTACKED, { ".npmrc": NAMED_IN[".npmrc"]() })
    const ran = await given.command("npm", "install")
    expect(existsSync(given.marker), describeRun(ran)).toBe(true)
    expect(proxy.asked.splice(0).length).toBeGreaterThan(0)
  })
})

describe("npm's other spellings of --registry", () => {
  test.each([["--reg"], ["-registry"], ["---registry"], ["--no-no-registry"], ["--regist"]])("%s is refused", async (flag) => {
    const given = await project("npm11", {}, {})
    const ran = await given.command("vouchsafe", "run", "--", "npm", "install", flag, elsewhere.url, "zz-evil")
    expect(ran.status, describeRun(ran)).toBe(2)
    expect(ran.output).toContain("past the shim")
    expect(findPackage(given.project, "zz-evil")).toEqual([])
  })
})

describe.each(["pnpm10", "pnpm11", "pnpm12"] as const)("%s with the evil package in its store", (id) => {
  test("`-w add` is resolved and judged before anything is linked", async () => {
    const given = await project(id, {}, { "pnpm-workspace.yaml": `packages: ['packages/*']\n${WORKSPACE}` })
    await fillStore(given)
    expectRefused(given, await given.command("vouchsafe", "run", "--", "pnpm", "-w", "add", "zz-parent"))
  })
  test("a script before which pnpm installs: the lockfile is judged", async () => {
    const given = await project(id, ATTACKED, { "pnpm-workspace.yaml": `${WORKSPACE}verifyDepsBeforeRun: install\n` })
    copyFileSync(join(await fillStore(given), "pnpm-lock.yaml"), join(given.project, "pnpm-lock.yaml"))
    expectRefused(given, await given.command("vouchsafe", "run", "--", "pnpm", "run", "hello"))
  })
})

/** Settings under which pnpm's lockfile is another one than that which a run judges: with a warm store nothing would pass the shim. */
const ELSEWHERE: readonly { readonly name: string; readonly settings?: string; readonly flags?: readonly string[] }[] = [
  { name: "lockfileDir", settings: "lockfileDir: lf\n" },
  { name: "--lockfile-dir", flags: ["--lockfile-dir=lf"] },
  { name: "sharedWorkspaceLockfile", settings: "packages: ['packages/*']\nsharedWorkspaceLockfile: false\n" },
  { name: "gitBranchLockfile", settings: "gitBranchLockfile: true\n" },
]

describe.each(["pnpm10", "pnpm11", "pnpm12"] as const)("%s with the evil package in its store", (id) => {
  test.each(ELSEWHERE)("a lockfile that is not looked at: $name", async ({ settings = "", flags = [] }) => {
    const given = await project(id, ATTACKED, { "pnpm-workspace.yaml": `${WORKSPACE}${settings}`, "lf/x": "", "packages/two/package.json": JSON.stringify({ name: "two", version: "1.0.0", dependencies: ATTACKED }) })
    await fillStore(given)
    const ran = await given.command("vouchsafe", "run", "--", "pnpm", "install", ...flags)
    expect(ran.status, describeRun(ran)).toBe(2)
    expect(ran.output, describeRun(ran)).toContain("CONFIG_MALFORMED")
    expect(existsSync(given.marker), describeRun(ran)).toBe(false)
    expect(findPackage(given.project, "zz-evil"), describeRun(ran)).toEqual([])
  })
  test("in CI, told to resolve anew", async () => {
    const given = await project(id, ATTACKED, { "pnpm-workspace.yaml": `${WORKSPACE}frozenLockfile: false\npreferFrozenLockfile: false\n`, "pnpm-lock.yaml": "lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n" })
    await fillStore(given)
    expectRefused(given, await given.command("env", "CI=true", "vouchsafe", "run", "--", "pnpm", "install"))
  })
})

test.each(["{registries: {default: 'URL'}}\n", "<<: {registries: {default: 'URL'}}\n"])("pnpm10 dlx with registries that outvote the shim's: %j", async (text) => {
  const given = await project("pnpm10", {}, { "pnpm-workspace.yaml": text.replace("URL", elsewhere.url) })
  const ran = await given.command("vouchsafe", "run", "--", "pnpm", "dlx", "zz-evil")
  expect(ran.status, describeRun(ran)).toBe(2)
  expect(existsSync(given.marker), describeRun(ran)).toBe(false)
})

interface Given { readonly id: ManagerId; readonly sandbox: ReturnType<World["sandbox"]>; readonly project: string; readonly marker: string; command(...argv: string[]): ReturnType<typeof run> }

async function project(id: ManagerId, dependencies: Readonly<Record<string, string>>, files: Readonly<Record<string, string>>): Promise<Given> {
  const sandbox = world.sandbox(`a${accounts++}`)
  const manifest = { name: "project", version: "1.0.0", private: true, scripts: { hello: "echo hello" }, dependencies }
  const folder = sandbox.project("project", { "package.json": manifest, ...policyFiles(world), ...files })
  return { id, sandbox, project: folder, marker: join(sandbox.dir, "marker"), command: commandIn(world, sandbox, await getManager(id), folder) }
}

/** Installs without any guard in another folder of the same account. @returns that folder */
async function fillStore({ id, sandbox, marker }: Given): Promise<string> {
  const folder = sandbox.project("before", { "package.json": { name: "before", private: true, dependencies: ATTACKED }, "pnpm-workspace.yaml": WORKSPACE })
  await runOk(["pnpm", "install"], { cwd: folder, env: sandbox.env({ runtime: world.runtime, manager: await getManager(id) }) })
  rmSync(marker, { force: true })
  return folder
}

function expectRefused({ project: folder, marker }: Given, ran: Ran): void {
  expect(ran.status, describeRun(ran)).toBe(1)
  expect(ran.output, describeRun(ran)).toContain("NOT_VOUCHED")
  expect(existsSync(marker), describeRun(ran)).toBe(false)
  expect(findPackage(folder, "zz-evil"), describeRun(ran)).toEqual([])
}
