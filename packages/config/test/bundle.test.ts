import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ROOT } from "./workspace.ts"

const TSUP = join(ROOT, "node_modules/tsup/dist/cli-default.js")
const BUILD_MS_MAX = 60_000

const PROGRAM: Readonly<Record<string, string>> = {
  "package.json": '{"name":"program","type":"module"}',
  "tsconfig.json": '{"compilerOptions":{"module":"NodeNext","target":"ES2023"}}',
  "src/bin.ts": '#!/usr/bin/env node\nimport { say } from "./index.ts"\nconsole.log(say(), (await import("./late.ts")).late)\n',
  "src/index.ts": 'export { say } from "./say.ts"\n',
  "src/say.ts": [
    'import { createRequire } from "node:module"',
    'import { DatabaseSync } from "node:sqlite"',
    'import { old } from "old-style"',
    'import { part } from "part"',
    "const require = createRequire(import.meta.url)",
    'export const say = (): string => [old("a/b"), part, typeof require("node:fs").statSync, typeof DatabaseSync].join(" ")',
    "",
  ].join("\n"),
  "src/late.ts": 'export const late: string = "late"\n',
  "node_modules/old-style/package.json": '{"name":"old-style","version":"1.2.3","license":"MIT"}',
  "node_modules/old-style/LICENSE": "Permission is granted\r\n",
  "node_modules/old-style/index.js": 'const path = require("path")\nexports.old = (text) => path.basename(text)\n',
  "node_modules/part/package.json": '{"name":"part","version":"2.0.0","type":"module","exports":{"source":"./src/part.ts","default":"./dist/part.js"}}',
  "node_modules/part/src/part.ts": 'export const part: string = "from-src"\n',
  "node_modules/part/dist/part.js": 'export const part = "from-dist"\n',
  "tsup.config.ts": 'import { bundle } from "@vouchsafe/config/tsup"\nexport default bundle({ entry: { bin: "src/bin.ts", index: "src/index.ts" } })\n',
}

const PLUGIN: Readonly<Record<string, string>> = {
  ...PROGRAM,
  "src/plugin.ts": [
    'import { structUtils } from "@yarnpkg/core"',
    'import { part } from "part"',
    'import { old } from "old-style"',
    "export const hooks = { validate: () => [structUtils, part, old(\"a/b\")] }",
    "",
  ].join("\n"),
  "tsup.config.ts": 'import { yarnBundle } from "@vouchsafe/config/tsup"\nexport default yarnBundle({ entry: { "yarn-plugin": "src/plugin.ts" }, name: "@vouchsafe/yarn-plugin" })\n',
}

const folders: string[] = []
afterAll(() => { for (const folder of folders) rmSync(folder, { recursive: true, force: true }) })

function build(files: Readonly<Record<string, string>>): { folder: string, status: number | null, output: string } {
  const folder = join(mkdtempSync(join(tmpdir(), "vouchsafe-bundle-")), "program")
  folders.push(dirname(folder))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  mkdirSync(join(folder, "node_modules/@vouchsafe"), { recursive: true })
  symlinkSync(join(ROOT, "packages/config"), join(folder, "node_modules/@vouchsafe/config"))
  const result = spawnSync(process.execPath, [TSUP], { cwd: folder, encoding: "utf8", timeout: BUILD_MS_MAX, stdio: ["ignore", "pipe", "pipe"] })
  return { folder, status: result.status, output: result.stdout + result.stderr }
}

const written = (folder: string): [string, string][] =>
  readdirSync(join(folder, "dist")).sort().map((name) => [name, readFileSync(join(folder, "dist", name), "utf8")])

describe("a program's bundle", () => {
  let folder: string
  beforeAll(() => {
    const built = build(PROGRAM)
    expect(built).toMatchObject({ status: 0 })
    folder = built.folder
  })

  test("runs alone, with workspace packages from src and CommonJS dependencies inside", () => {
    rmSync(join(folder, "node_modules"), { recursive: true })
    const run = spawnSync(join(folder, "dist/bin.js"), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
    expect(run).toMatchObject({ stdout: "b from-src function function late\n", stderr: expect.not.stringContaining("Error"), status: 0 })
  })

  test("starts with the shell's line, may be executed, and keeps Node's prefix", () => {
    const bin = join(folder, "dist/bin.js")
    expect(readFileSync(bin, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/)
    expect(statSync(bin).mode & 0o777).toBe(0o755)
    expect(written(folder).map(([, text]) => text).join("")).toContain('from "node:sqlite"')
  })

  test("is the same bytes from another folder, without source maps, with the licences of what it holds", () => {
    const again = written(build(PROGRAM).folder)
    expect(again).toEqual(written(folder))
    expect(again.map(([name]) => name).filter((name) => name.endsWith(".map"))).toEqual([])
    const [, licences] = again.find(([name]) => name === "THIRD-PARTY.txt") ?? []
    expect(licences).toContain("old-style 1.2.3 (MIT)\n\nPermission is granted\n")
  })
})

test("a program whose source has no shell's line gets one", () => {
  const { folder } = build({ ...PROGRAM, "src/bin.ts": 'import { old } from "old-style"\nconsole.log(old("a/b"))\n' })
  const run = spawnSync(join(folder, "dist/bin.js"), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  expect(run).toMatchObject({ stdout: "b\n", stderr: "", status: 0 })
})

describe("refuses to build", () => {
  test.each([
    { name: "a dependency that is missing", path: "src/say.ts", text: 'export { a as say } from "missing"\n', says: 'Could not resolve "missing"' },
  ])("$name", ({ path, text, says }) => {
    const { status, output } = build({ ...PROGRAM, [path]: text })
    expect(output).toContain(says)
    expect(status).toBe(1)
  })

  const SIGSTORE = { "node_modules/@sigstore/verify/package.json": '{"name":"@sigstore/verify","version":"4.0.0","license":"Apache-2.0"}', "node_modules/@sigstore/verify/index.js": "exports.late = 'verifies'\n" }
  test.each([
    { name: "a program", files: { ...PROGRAM, ...SIGSTORE, "src/late.ts": 'export { late } from "@sigstore/verify"\n' } },
    { name: "Yarn's plugin", files: { ...PLUGIN, ...SIGSTORE, "src/plugin.ts": 'import { late } from "@sigstore/verify"\nexport const hooks = { late }\n' } },
  ])("Sigstore's verifier in $name", ({ files }) => {
    const { status, output } = build(files)
    expect(output).toContain("the bundle holds Sigstore's verifier")
    expect(status).toBe(1)
  })

  test("a Yarn plugin that waits while it loads", () => {
    const { status, output } = build({ ...PLUGIN, "src/plugin.ts": "export const hooks = await Promise.resolve({})\n" })
    expect(output).toContain("await is only valid in async functions")
    expect(status).toBe(1)
  })

  test("a bundle that names a folder of this machine", () => {
    const { status, output } = build({ ...PROGRAM, "src/late.ts": 'export const late = "FOLDER"\n', "tsup.config.ts": `${PROGRAM["tsup.config.ts"]}`.replace("export default bundle(", "const options = bundle(").concat("export default { ...options, define: { FOLDER: \"1\" }, esbuildPlugins: [...options.esbuildPlugins, { name: \"plant\", setup(build) { build.onLoad({ filter: /late\\.ts$/ }, (args) => ({ contents: `export const late = ${JSON.stringify(args.path)}` })) } }] }\n") })
    expect(output).toContain("names a folder of this machine")
    expect(status).toBe(1)
  })
})

test("a Yarn plugin that needs nobody's modules is a factory too", () => {
  const { folder, output } = build({ ...PLUGIN, "src/plugin.ts": "export default { hooks: {} }\n" })
  expect(output).not.toContain("rror")
  const path = join(folder, "dist/yarn-plugin.cjs")
  expect((createRequire(path)(path) as { factory(): unknown }).factory()).toEqual({ default: { hooks: {} } })
})

test("a Yarn plugin's bundle is a name and a factory that takes Yarn's modules from Yarn and holds the rest", () => {
  const { folder, status, output } = build(PLUGIN)
  expect(output).not.toContain("rror")
  expect(status).toBe(0)
  const path = join(folder, "dist/yarn-plugin.cjs")
  rmSync(join(folder, "node_modules"), { recursive: true })
  const loaded = createRequire(path)(path) as { name: string, factory(require: (name: string) => unknown): { hooks: { validate(): unknown } } }
  const asked: string[] = []
  const plugin = loaded.factory((name) => {
    asked.push(name)
    return name === "@yarnpkg/core" ? { structUtils: "yarn's own" } : createRequire(path)(name) as unknown
  })
  expect(loaded.name).toBe("@vouchsafe/yarn-plugin")
  expect(plugin.hooks.validate()).toEqual(["yarn's own", "from-src", "b"])
  expect(asked.sort()).toEqual(["@yarnpkg/core", "path"])
})
