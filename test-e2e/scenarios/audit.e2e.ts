// `vouchsafe audit`: what lies on disk against what four operators attested, in every layout; one change of each kind, each named.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { FixturePackage } from "@vouchsafe/testkit/registry"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, getManager, openWorld, policyFiles, type ManagerId, type Ran, type World } from "../support/index.ts"

const PACKAGES: readonly FixturePackage[] = [
  { name: "zz-built", version: "1.0.0", manifest: { scripts: { postinstall: "node -e \"require('fs').writeFileSync('built.txt','built')\"" } }, files: { "index.js": "module.exports = 'built'\n" } },
  { name: "zz-ignoring", version: "1.0.0", files: { "index.js": "module.exports = 'ignoring'\n", ".gitignore": "secret\n", "template/.gitignore": "dist\n", "data.txt": "data\n" } },
  {
    name: "zz-bundling", version: "1.0.0", manifest: { dependencies: { "zz-inner": "1.0.0" }, bundleDependencies: ["zz-inner"] },
    files: { "index.js": "module.exports = require('zz-inner')\n", "node_modules/zz-inner/package.json": '{"name":"zz-inner","version":"1.0.0"}', "node_modules/zz-inner/index.js": "module.exports = 'bundled'\n" },
  },
  { name: "zz-inner", version: "1.0.0", files: { "index.js": "module.exports = 'bundled'\n" } },
  { name: "zz-patched", version: "1.0.0", files: { "index.js": "one\ntwo\nthree\n", "other.js": "module.exports = 'other'\n" } },
]
const DEPENDENCIES = { "zz-good": "1.0.0", "zz-built": "1.0.0", "zz-ignoring": "1.0.0", "zz-bundling": "1.0.0", "zz-patched": "1.0.0" }
const PATCH = "diff --git a/index.js b/index.js\n--- a/index.js\n+++ b/index.js\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n"

interface Report {
  readonly summary: Readonly<Record<string, number>>
  readonly packages: readonly {
    readonly name: string; readonly path: string; readonly result: string; readonly verdict: string | null; readonly problem?: string; readonly known?: readonly { readonly path: string; readonly reason: string; readonly by?: string }[]
    readonly changed?: readonly string[]; readonly added?: readonly string[]; readonly missing?: readonly string[]; readonly mode?: readonly string[]
  }[]
  readonly links: readonly { readonly path: string; readonly target: string; readonly leads: string }[]
  readonly strays: readonly string[]
  readonly misplaced: readonly { readonly path: string; readonly target: string; readonly is: string; readonly expected: readonly string[] }[]
}

interface Layout {
  readonly id: ManagerId
  readonly name: string
  readonly files: Readonly<Record<string, unknown>>
  readonly more?: Readonly<Record<string, unknown>>
  /** The patched package's entry in `dependencies`. */
  readonly patched?: string
  /** Applies the patch as its tool would, where the manager does not. */
  readonly byHand?: boolean
}

const YARN_PATCH = "patch:zz-patched@npm%3A1.0.0#./.yarn/patches/zz-patched-npm-1.0.0-0123456789.patch"
const LAYOUTS: readonly Layout[] = [
  { id: "npm11", name: "npm, hoisted", files: { "patches/zz-patched+1.0.0.patch": PATCH.replaceAll(/([ab])\/index/g, "$1/node_modules/zz-patched/index") }, more: { workspaces: ["packages/*"] }, byHand: true },
  { id: "npm11", name: "npm, linked", files: { ".npmrc": "install-strategy=linked\n", "patches/zz-patched+1.0.0.patch": PATCH.replaceAll(/([ab])\/index/g, "$1/node_modules/zz-patched/index") }, more: { workspaces: ["packages/*"] }, byHand: true },
  { id: "pnpm10", name: "pnpm, isolated", files: { "pnpm-workspace.yaml": "packages: ['packages/*']\ndangerouslyAllowAllBuilds: true\npatchedDependencies:\n  zz-patched@1.0.0: patches/zz-patched@1.0.0.patch\n", "patches/zz-patched@1.0.0.patch": PATCH } },
  ...(["node-modules", "pnp", "pnpm"] as const).map((linker): Layout => ({
    id: "yarn4", name: `Yarn, ${linker}`, more: { workspaces: ["packages/*"] }, patched: YARN_PATCH,
    files: { ".yarnrc.yml": `nodeLinker: ${linker}\nenableGlobalCache: false\nenableScripts: true\n`, "yarn.lock": "", ".yarn/patches/zz-patched-npm-1.0.0-0123456789.patch": PATCH },
  })),
]

let world: World
beforeAll(async () => {
  world = await openWorld("audit", { packages: PACKAGES })
  return () => world.close()
})

async function open(account: string, { id, files, more = {}, patched }: Pick<Layout, "id" | "files" | "more" | "patched">, dependencies: Readonly<Record<string, string>>): Promise<{ readonly project: string; readonly run: (...argv: string[]) => Promise<Ran>; readonly audit: (...argv: string[]) => Promise<{ readonly ran: Ran; readonly report: Report }> }> {
  const sandbox = world.sandbox(account)
  const manifest = { name: "project", version: "1.0.0", private: true, dependencies: { ...dependencies, ...(patched === undefined ? {} : { "zz-patched": patched }) }, ...more }
  const project = sandbox.project("project", { "package.json": manifest, "packages/member/package.json": { name: "member", version: "1.0.0", dependencies: { "zz-leaf": "1.0.0" } }, ...policyFiles(world), ...files })
  const run = commandIn(world, sandbox, await getManager(id), project)
  return {
    project, run,
    async audit(...argv) {
      const ran = await run("vouchsafe", "audit", "--json", ...argv)
      return { ran, report: JSON.parse(ran.stdout) as Report }
    },
  }
}

/** Where a package lies: its folder, else the archive that is not the patched one. */
function placeOf({ packages }: Report, name: string): string {
  const all = packages.filter((one) => one.name === name && !(one.path.includes("-patch-") && one.path.endsWith(".zip")))
  const found = all.find(({ path }) => !path.endsWith(".zip")) ?? all[0]
  if (found === undefined) throw new Error(`${name} was not found`)
  return found.path
}

describe.each(LAYOUTS)("$name", (layout) => {
  test("a clean tree is clean; one change of each kind is named", async () => {
    const account = layout.name.replaceAll(/\W+/g, "-")
    const { project, run, audit } = await open(account, layout, DEPENDENCIES)
    const installed = await run(layout.id.replace(/\d+$/, ""), "install")
    expect(installed.status, describeRun(installed)).toBe(0)
    if (layout.byHand === true) replace(join(project, "node_modules/zz-patched/index.js"), "one\nzwei\nthree\n")

    const clean = await audit()
    expect(clean.ran.status, describeRun(clean.ran)).toBe(0)
    const known = clean.report.packages.flatMap((one) => (one.known ?? []).map(({ path, reason, by }) => `${one.name} ${path} ${reason}${by === undefined ? "" : ` ${by.replace(/^.*\//, "")}`}`))
    expect(known).toContain("zz-built built.txt script")
    expect(known).toContainEqual(expect.stringMatching(/^zz-patched index\.js patch zz-patched.*\.patch$/))
    if (layout.id === "npm11") expect(known).toEqual(expect.arrayContaining(["zz-ignoring .npmignore renamed", "zz-ignoring template/.npmignore renamed"]))
    if (["npm, hoisted", "Yarn, node-modules"].includes(layout.name)) expect(clean.report.links).toContainEqual({ path: "node_modules/member", target: "packages/member", leads: "workspace" })

    // From here on a lock vouches, which has a content hash and no names of files: they come from the nodes.
    if (layout.id === "npm11") expect((await run("vouchsafe", "lock")).status).toBe(0)
    if (layout.name.endsWith("pnp")) return expectArchiveNamed(project, clean.report, audit)
    const at = (name: string, file: string): string => join(project, placeOf(clean.report, name), file)
    replace(at("zz-leaf", "index.js"), "module.exports = 'lead'\n")
    replace(at("zz-good", "extra.js"), "evil\n")
    rmSync(at("zz-ignoring", "data.txt"))
    replace(at("zz-inner", "index.js"), "module.exports = 'bundled'\n")
    chmodSync(at("zz-inner", "index.js"), 0o755)
    symlinkSync("/etc/hostname", at("zz-bundling", "link"))
    replace(at("zz-patched", "index.js"), "one\nzwei\nthree\nfour\n")
    writeFileSync(join(project, "node_modules/zz-stray.js"), "evil\n")
    const { ran, report } = await audit()
    expect(ran.status, describeRun(ran)).toBe(1)
    const named = report.packages.flatMap(({ name, changed = [], added = [], missing = [], mode = [] }) => [["changed", changed], ["added", added], ["missing", missing], ["mode", mode]].flatMap(([sort, paths]) => (paths as string[]).map((path) => `${name}: ${String(sort)} ${path}`)))
    const innerIn = report.packages.some(({ name, result }) => name === "zz-inner" && result === "within") ? "zz-bundling: mode node_modules/zz-inner/index.js" : "zz-inner: mode index.js"
    expect(named.sort(), describeRun(ran)).toEqual(["zz-bundling: added link", "zz-good: added extra.js", "zz-ignoring: missing data.txt", "zz-leaf: changed index.js", "zz-patched: changed index.js", innerIn].sort())
    expect(report.strays).toEqual(["node_modules/zz-stray.js"])
    if (layout.id !== "npm11") return
    const said = await run("vouchsafe", "audit")
    for (const line of ["changed  index.js", "added  extra.js", "missing  data.txt", "made executable", "belongs to no package"]) expect(said.stdout, describeRun(said)).toContain(line)
  })
})

/** Managers may link a store's file into several places: a fresh one is put in its place. */
function replace(path: string, content: string): void {
  rmSync(path, { force: true })
  writeFileSync(path, content)
}

/** Yarn keeps files uncompressed in its archives: one byte of one is changed in place. */
async function expectArchiveNamed(project: string, clean: Report, audit: () => Promise<{ readonly ran: Ran; readonly report: Report }>): Promise<void> {
  const archive = join(project, placeOf(clean, "zz-leaf"))
  const bytes = readFileSync(archive)
  const at = bytes.indexOf("'leaf'")
  expect(at).toBeGreaterThan(0)
  bytes[at + 1] = 0x58
  writeFileSync(archive, bytes)
  const unplugged = clean.packages.find(({ name, path }) => name === "zz-built" && path.includes("unplugged"))
  writeFileSync(join(project, unplugged?.path ?? "", "index.js"), "evil\n")
  const { ran, report } = await audit()
  expect(ran.status, describeRun(ran)).toBe(1)
  expect(report.packages.filter(({ result }) => result === "differs").map(({ name, changed }) => ({ name, changed }))).toEqual([{ name: "zz-leaf", changed: ["index.js"] }, { name: "zz-built", changed: ["index.js"] }])
}

describe.each(LAYOUTS)("$name", ({ id, name, files, more = {} }) => {
  test("a locked and attested package in another one's place is named", async () => {
    const { project, run, audit } = await open(`${name.replaceAll(/\W+/g, "-")}-swapped`, { id, more, files: { ...files, "pnpm-workspace.yaml": "packages: ['packages/*']\ndangerouslyAllowAllBuilds: true\n" } }, { "zz-good": "1.0.0", "zz-leaf": "1.0.0", "zz-built": "1.0.0", "zz-other": "npm:zz-leaf@1.0.0" })
    const installed = await run(id.replace(/\d+$/, ""), "install")
    expect(installed.status, describeRun(installed)).toBe(0)
    const clean = await audit()
    expect(clean.ran.status, describeRun(clean.ran)).toBe(0)
    const at = (name: string): string => join(project, placeOf(clean.report, name))
    rmSync(at("zz-good"), { recursive: true })
    cpSync(at("zz-leaf"), at("zz-good"), { recursive: true })
    if (id === "pnpm10") {
      rmSync(join(project, "node_modules/zz-built"))
      symlinkSync(".pnpm/zz-leaf@1.0.0/node_modules/zz-leaf", join(project, "node_modules/zz-built"))
    }
    const { ran, report } = await audit()
    expect(ran.status, describeRun(ran)).toBe(1)
    expect(report.packages.flatMap(({ path, problem }) => (problem === undefined ? [] : [`${path}: ${problem}`]))).toEqual([expect.stringMatching(/zz-good.*: is zz-leaf@1\.0\.0, (?:where the lockfile has|in the place of another|which the lockfile does not have under the name)/)])
    const links = id === "pnpm10" ? [{ path: "node_modules/zz-built", target: "node_modules/.pnpm/zz-leaf@1.0.0/node_modules/zz-leaf", is: "zz-leaf@1.0.0", expected: ["zz-built@1.0.0"] }] : []
    expect(report.misplaced).toEqual(links)
  })
})

test("a withdrawn version that lies on disk is refused, in a project and in an image's folder", async () => {
  const { project, run, audit } = await open("withdrawn", { id: "npm11", files: {} }, { "zz-gone": "1.0.0", "zz-leaf": "1.0.0" })
  expect((await run("npm", "install")).status).toBe(0)
  const before = await audit()
  expect(before.ran.status, describeRun(before.ran)).toBe(0)
  mkdirSync(join(project, "image/srv/app"), { recursive: true })
  cpSync(join(project, "node_modules"), join(project, "image/srv/app/node_modules"), { recursive: true })
  const sha512 = world.registry.built("zz-gone", "1.0.0")?.sha512 ?? ""
  await world.network.withdraw("beta", { purl: "pkg:npm/zz-gone@1.0.0", registry: world.registry.url, sha512, reason: "its maintainer asked for it" })
  const later = await open("withdrawn-later", { id: "npm11", files: {} }, {})
  for (const folder of [project, join(project, "image")]) {
    const { ran, report } = await later.audit(folder)
    expect(ran.status, describeRun(ran)).toBe(1)
    expect(new Set(report.packages.filter(({ name }) => name === "zz-gone").map(({ verdict }) => verdict))).toEqual(new Set(["WITHDRAWN"]))
    expect(new Set(report.packages.filter(({ name }) => name === "zz-leaf").map(({ result }) => result))).toEqual(new Set(["clean"]))
  }
  expect(readdirSync(join(project, "image/srv/app/node_modules"))).toContain("zz-gone")
})
