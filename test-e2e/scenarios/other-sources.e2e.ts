// Repositories and URLs: what they hold is neither fetched, nor prepared, nor run, before the guard has said yes.
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { FixturePackage } from "@vouchsafe/testkit/registry"
import { beforeAll, expect, test } from "vitest"
import { commandIn, describeRun, findPackage, getManager, guardedProject, MARKER_VARIABLE, openWorld, policyFiles, runOk, type Ran, type World } from "../support/index.ts"

let world: World
let accounts = 0
/** A repository whose package leaves a mark when it is prepared. */
let repository: string
/** The address of a tarball that no registry holds, and who asked there. */
let address: string
const asked: string[] = []
beforeAll(async () => {
  const server = await serve(() => world.registry.built("zz-evil", "1.0.0")?.tarball ?? new Uint8Array())
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files/evil.tgz`
  const folder = mkdtempSync(join(tmpdir(), "vse-repository-"))
  repository = await makeRepository(join(folder, "repository"))
  const shrinkwrap = (resolved: string) => ({ name: "zz-wrapped", version: "1.0.0", lockfileVersion: 3, requires: true, packages: { "": { name: "zz-wrapped", version: "1.0.0", dependencies: { "zz-evil": "^1.0.0" } }, "node_modules/zz-evil": { version: "1.0.0", resolved } } })
  const wrapping = (name: string, resolved: string): FixturePackage => ({ name, version: "1.0.0", manifest: { dependencies: { "zz-evil": "^1.0.0" } }, packument: { _hasShrinkwrap: true }, files: { "index.js": "", "npm-shrinkwrap.json": JSON.stringify(shrinkwrap(resolved)) } })
  world = await openWorld("sources", { packages: [wrapping("zz-wrapped", address), wrapping("zz-wrapped-git", `git+file://${repository}`)] })
  return async () => {
    server.close()
    server.closeAllConnections()
    rmSync(folder, { recursive: true, force: true })
    await world.close()
  }
})

test.each(["pnpm10", "pnpm11", "pnpm12"] as const)("%s with the plugin: a repository's scripts do not run", async (manager) => {
  const given = await guardedProject(world, { account: `a${accounts++}`, manager, dependencies: { "zz-evil": `git+file://${repository}` } })
  expectRefused(await given.command("pnpm", "install"), given.project, join(given.sandbox.dir, "marker"))
})

test.each([
  ...["npx -y SPEC", "npm exec --yes --package=SPEC zz-evil", "npm install -g SPEC", "npm install SPEC"].map((line) => ({ id: "npm11" as const, line })),
  ...(["pnpm10", "pnpm11", "pnpm12"] as const).flatMap((id) => ["pnpm dlx SPEC", "pnpm --package=SPEC dlx zz-evil"].map((line) => ({ id, line }))),
])("$id behind run: $line takes no package from elsewhere", async ({ id, line }) => {
  for (const spec of [`git+file://${repository}`, address]) {
    const sandbox = world.sandbox(`a${accounts++}`)
    const project = sandbox.project("project", { "package.json": { name: "project", private: true }, ...policyFiles(world) })
    expectRefused(await commandIn(world, sandbox, await getManager(id), project)("vouchsafe", "run", "--", ...line.replace("SPEC", spec).split(" ")), project, join(sandbox.dir, "marker"))
  }
})

test.each([
  { id: "npm10", alone: true }, { id: "npm11", alone: true }, { id: "npm12", alone: false },
] as const)("$id behind run: a vouched package whose own shrinkwrap names a tarball elsewhere", async ({ id, alone }) => {
  const given = world.sandbox(`a${accounts++}`)
  const project = given.project("project", { "package.json": { name: "project", private: true, dependencies: { "zz-wrapped": "1.0.0" } }, ...policyFiles(world) })
  const command = commandIn(world, given, await getManager(id), project)
  asked.splice(0)
  const ran = await command("vouchsafe", "run", "--", "npm", "install")
  expect(asked, describeRun(ran)).toEqual([])
  // npm 12 does not read such files, and takes the version that the registry has, and that is vouched for
  expect(ran.status, describeRun(ran)).toBe(alone ? 1 : 0)
  if (!alone) return
  expect(findPackage(project, "zz-evil")).toEqual([])
  const unguarded = await command("npm", "install")
  expect([unguarded.status, asked.length > 0], describeRun(unguarded)).toEqual([0, true])
})

test.each(["npm10", "npm11", "npm12"] as const)("%s behind run: a vouched package whose own shrinkwrap names a repository", async (id) => {
  const given = world.sandbox(`a${accounts++}`)
  const project = given.project("project", { "package.json": { name: "project", private: true, dependencies: { "zz-wrapped-git": "1.0.0" } }, ...policyFiles(world) })
  const ran = await commandIn(world, given, await getManager(id), project)("vouchsafe", "run", "--", "npm", "install")
  const marker = join(given.dir, "marker")
  expect(existsSync(marker) ? readFileSync(marker, "utf8") : "", describeRun(ran)).not.toContain("prepared")
  if (id === "npm12") return expect(ran.status, describeRun(ran)).toBe(0)
  expect(ran.status, describeRun(ran)).not.toBe(0)
  // npm 10 and 11 may take the repository's path for one of the registry's
  expect(ran.output, describeRun(ran)).toMatch(/EXOTIC_SOURCE|vouchsafe: unknown address/)
  expect(findPackage(project, "zz-evil"), describeRun(ran)).toEqual([])
})

test.each((["npm10", "npm11", "npm12", "pnpm10", "pnpm11", "pnpm12"] as const).flatMap((id) => ["git", "address"].map((kind) => ({ id, kind }))))("$id behind run: what package.json itself asks for: $kind", async ({ id, kind }) => {
  const given = world.sandbox(`a${accounts++}`)
  const spec = kind === "git" ? `git+file://${repository}` : address
  const project = given.project("project", { "package.json": { name: "project", private: true, dependencies: { "zz-evil": spec } }, ...policyFiles(world) })
  const manager = id.startsWith("npm") ? "npm" : "pnpm"
  const ran = await commandIn(world, given, await getManager(id), project)("vouchsafe", "run", "--", manager, "install")
  expectRefused(ran, project, join(given.dir, "marker"))
  if (manager === "npm") expect(ran.output, describeRun(ran)).toMatch(/next\s+use a registry release/)
})

test("npm11 behind run: a repository that the policy lets pass is fetched", async () => {
  const given = world.sandbox(`a${accounts++}`)
  const files = policyFiles(world)
  const policy = { ...files["vouchsafe.json"] as object, rules: { EXOTIC_SOURCE: "warn" } }
  const project = given.project("project", { "package.json": { name: "project", private: true, dependencies: { "zz-evil": `git+file://${repository}` } }, ...files, "vouchsafe.json": policy })
  const ran = await commandIn(world, given, await getManager("npm11"), project)("vouchsafe", "run", "--", "npm", "install")
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(findPackage(project, "zz-evil")).not.toEqual([])
})

test.each(["pnpm10", "pnpm11", "pnpm12"] as const)("%s with the plugin: a locked package that links to a folder outside", async (manager) => {
  const given = await guardedProject(world, { account: `a${accounts++}`, manager, dependencies: { "zz-good": "1.0.0" } })
  const path = join(given.project, "pnpm-lock.yaml")
  await given.command("pnpm", "install")
  rmSync(join(given.project, "node_modules"), { recursive: true })
  given.sandbox.project("outside", { "package.json": { name: "zz-leaf", version: "1.0.0" } })
  writeFileSync(path, readFileSync(path, "utf8").replace("zz-leaf: 1.0.0", "zz-leaf: link:../outside"))
  for (const command of [["pnpm", "install", "--frozen-lockfile"], ["vouchsafe", "check"]]) {
    const ran = await given.command(...command)
    expect(ran.status, describeRun(ran)).toBe(1)
    expect(ran.output, describeRun(ran)).toContain("EXOTIC_SOURCE")
  }
  expect(findPackage(given.project, "zz-leaf")).toEqual([])
})

test.each(["link", "portal"])("yarn4 with the plugin: a %s through the project's own link to a folder outside", async (protocol) => {
  const given = await guardedProject(world, { account: `a${accounts++}`, manager: "yarn4", dependencies: { "zz-leaf": `${protocol}:./inner` } })
  given.sandbox.project("outside", { "package.json": { name: "zz-leaf", version: "1.0.0" } })
  symlinkSync("../outside", join(given.project, "inner"))
  const ran = await given.command("yarn", "install")
  expect(ran.status, describeRun(ran)).toBe(1)
  expect(ran.output, describeRun(ran)).toContain("EXOTIC_SOURCE")
  expect(findPackage(given.project, "zz-leaf")).toEqual([])
})

function expectRefused(ran: Ran, project: string, marker: string): void {
  expect(ran.status, describeRun(ran)).toBe(1)
  expect(ran.output, describeRun(ran)).toContain("EXOTIC_SOURCE")
  expect(existsSync(marker), describeRun(ran)).toBe(false)
  expect(findPackage(project, "zz-evil"), describeRun(ran)).toEqual([])
}

async function makeRepository(folder: string): Promise<string> {
  mkdirSync(folder)
  const mark = `node -e "require('fs').appendFileSync(process.env.${MARKER_VARIABLE},'prepared')"`
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "zz-evil", version: "1.0.0", bin: { "zz-evil": "index.js" }, scripts: { prepare: mark, postinstall: mark } }))
  writeFileSync(join(folder, "index.js"), `#!/usr/bin/env node\nrequire("fs").appendFileSync(process.env.${MARKER_VARIABLE}, "ran")\n`)
  const git = (...argv: string[]): Promise<Ran> => runOk(["git", "-c", "user.name=a", "-c", "user.email=a@b.example", ...argv], { cwd: folder, env: { PATH: "/usr/bin:/bin", HOME: folder } })
  await git("init", "-q")
  await git("add", "package.json", "index.js")
  await git("commit", "-qm", "evil")
  return folder
}

async function serve(bytes: () => Uint8Array): Promise<Server> {
  const server = createServer((request, response) => {
    asked.push(request.url ?? "")
    response.setHeader("content-type", "application/octet-stream").end(bytes())
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  return server
}
