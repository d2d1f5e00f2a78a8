import { readdirSync, readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { archive, entry, packageTgz } from "@vouchsafe/testkit/tar"
import { describe, expect, test } from "vitest"
import { chooseRecipe } from "../../src/recipe/choose.ts"
import { DEFAULT_VERSIONS, type SourceFiles } from "../../src/recipe/managers.ts"
import { overrideFile, parseOverrides } from "../../src/recipe/overrides.ts"
import { packerOf } from "../../src/recipe/packer.ts"
import type { ManagerName } from "../../src/recipe/recipe.ts"

const files = (contents: Record<string, string | object>): SourceFiles => {
  const texts = new Map(Object.entries(contents).map(([path, content]) => [path, typeof content === "string" ? content : JSON.stringify(content)]))
  return { paths: new Set(texts.keys()), read: (path) => texts.get(path) }
}
const choose = (contents: Record<string, string | object>, more: { directory?: string, manifest?: object, packer?: ManagerName } = {}) =>
  chooseRecipe({ source: files(contents), directory: more.directory ?? "", manifest: more.manifest as never, packer: more.packer })
const NPM = DEFAULT_VERSIONS.npm
const LOCK = { pnpm: "lockfileVersion: '9.0'\n", yarn1: "# yarn lockfile v1\n", berry: "__metadata:\n  version: 8\n" }
const BUILT = { main: "dist/x.js", scripts: { build: "tsc" } }
const install = (manager: ManagerName, frozen: boolean, directory = "") => ({ install: { manager, directory, frozen, scripts: false } })
const run = (manager: ManagerName, script: string, directory = "") => ({ run: { manager, directory, script } })
const pack = (manager: ManagerName, directory = "") => ({ pack: { manager, directory } })

describe("steps", () => {
  test.each<{ name: string, source: Record<string, string | object>, more?: Parameters<typeof choose>[1], steps: unknown[] }>([
    { name: "all in the source: packed as it is", source: { "package.json": { main: "x.js", scripts: { test: "t", build: "b" } }, "x.js": "" }, steps: [pack("npm")] },
    { name: "an entry without its ending", source: { "package.json": { main: "./x", scripts: { build: "b" } }, "x.js": "" }, steps: [pack("npm")] },
    { name: "an entry that is a folder", source: { "package.json": { main: "lib", scripts: { build: "b" } }, "lib/index.js": "" }, steps: [pack("npm")] },
    { name: "no package.json at all", source: { "x.js": "" }, steps: [pack("npm")] },
    { name: "a package.json that does not parse", source: { "package.json": "{" }, steps: [pack("npm")] },
    { name: "a missing entry: build", source: { "package.json": BUILT }, steps: [install("npm", false), run("npm", "build"), pack("npm")] },
    { name: "a missing entry by exports alone", source: { "package.json": { exports: { ".": { types: "./x.d.ts", default: "./dist/x.js" } }, scripts: { build: "b" } }, "x.d.ts": "" }, steps: [install("npm", false), run("npm", "build"), pack("npm")] },
    { name: "a missing entry and nothing that builds", source: { "package.json": { main: "dist/x.js", scripts: { test: "t" } } }, steps: [pack("npm")] },
    { name: "npm's lockfile", source: { "package.json": BUILT, "package-lock.json": "{}" }, steps: [install("npm", true), run("npm", "build"), pack("npm")] },
    { name: "pnpm's", source: { "package.json": BUILT, "pnpm-lock.yaml": LOCK.pnpm }, more: { packer: "npm" }, steps: [install("pnpm", true), run("pnpm", "build"), pack("npm")] },
    { name: "pnpm's, packed by pnpm", source: { "package.json": BUILT, "pnpm-lock.yaml": LOCK.pnpm }, more: { packer: "pnpm" }, steps: [install("pnpm", true), run("pnpm", "build"), pack("pnpm")] },
    { name: "Yarn's", source: { "package.json": BUILT, "yarn.lock": LOCK.berry }, more: { packer: "npm" }, steps: [install("yarn", true), run("yarn", "build"), pack("npm")] },
    { name: "a prepack that builds", source: { "package.json": { main: "dist/x.js", scripts: { build: "b", prepack: "npm run build" } } }, steps: [install("npm", false), run("npm", "prepack"), pack("npm")] },
    { name: "a prepack that does something else", source: { "package.json": { main: "dist/x.js", scripts: { build: "b", prepack: "node strip.js" } } }, steps: [install("npm", false), run("npm", "build"), run("npm", "prepack"), pack("npm")] },
    { name: "a prepack where nothing is missing", source: { "package.json": { main: "x.js", scripts: { build: "b", prepack: "node strip.js" } }, "x.js": "" }, steps: [install("npm", false), run("npm", "prepack"), pack("npm")] },
    { name: "a prepare that builds", source: { "package.json": { main: "dist/x.js", scripts: { prepare: "tsc" } } }, steps: [install("npm", false), run("npm", "prepare"), pack("npm")] },
    { name: "a prepare that only sets git hooks", source: { "package.json": { main: "dist/x.js", scripts: { prepare: "husky install" } } }, steps: [pack("npm")] },
    { name: "a build that also releases is not run", source: { "package.json": { main: "dist/x.js", scripts: { build: "tsc && npm publish" } } }, steps: [pack("npm")] },
    { name: "a folder of a monorepo, its lockfile at the root", source: { "package.json": { private: true }, "pnpm-lock.yaml": LOCK.pnpm, "packages/x/package.json": BUILT }, more: { directory: "packages/x", packer: "npm" }, steps: [install("pnpm", true), run("pnpm", "build", "packages/x"), pack("npm", "packages/x")] },
    {
      name: "clean-publish, by its settings", source: { "package.json": { "main": "x.js", "clean-publish": {}, "devDependencies": { "clean-publish": "^5.2.2" } }, "x.js": "" },
      steps: [{ tool: { name: "clean-publish", version: "5.2.2", directory: "", args: ["--without-publish", "--temp-dir", "{out}"] } }, pack("npm", "{out}")],
    },
    { name: "clean-publish that is only installed", source: { "package.json": { main: "x.js", devDependencies: { "clean-publish": "^5.2.2" } }, "x.js": "" }, steps: [pack("npm")] },
  ])("$name", ({ source, more, steps }) => {
    expect(choose(source, more).steps).toEqual(steps)
  })
})

describe("versions of managers", () => {
  test.each<{ name: string, source: Record<string, string | object>, more?: Parameters<typeof choose>[1], managers: object }>([
    { name: "nothing said", source: { "package.json": {} }, managers: { npm: NPM } },
    { name: "the npm that published", source: { "package.json": {} }, more: { manifest: { _npmVersion: "11.4.2" } }, managers: { npm: "11.4.2" } },
    { name: "an npm too old to run", source: { "package.json": {} }, more: { manifest: { _npmVersion: "6.14.4" } }, managers: { npm: NPM } },
    { name: "an npm that is no version", source: { "package.json": {} }, more: { manifest: { _npmVersion: "../evil" } }, managers: { npm: NPM } },
    { name: "packageManager with its hash", source: { "package.json": { ...BUILT, packageManager: "pnpm@10.12.1+sha512.abc" }, "pnpm-lock.yaml": LOCK.pnpm }, more: { packer: "pnpm" }, managers: { npm: NPM, pnpm: "10.12.1" } },
    { name: "packageManager of the root", source: { "package.json": { packageManager: "pnpm@9.1.0" }, "pnpm-lock.yaml": LOCK.pnpm, "p/package.json": BUILT }, more: { directory: "p", packer: "npm" }, managers: { npm: NPM, pnpm: "9.1.0" } },
    { name: "a range is no version", source: { "package.json": { ...BUILT, packageManager: "pnpm@^9" }, "pnpm-lock.yaml": LOCK.pnpm }, more: { packer: "npm" }, managers: { npm: NPM, pnpm: DEFAULT_VERSIONS.pnpm } },
    { name: "an URL is no version", source: { "package.json": { ...BUILT, packageManager: "yarn@https://evil.example/y.js" }, "yarn.lock": LOCK.yarn1 }, more: { packer: "npm" }, managers: { npm: NPM, yarn: "1.22.22" } },
    { name: "pnpm by its lockfile", source: { "package.json": BUILT, "pnpm-lock.yaml": "lockfileVersion: 5.4\n" }, more: { packer: "npm" }, managers: { npm: NPM, pnpm: "7.33.7" } },
    { name: "Yarn by the release that is checked in", source: { "package.json": BUILT, "yarn.lock": LOCK.berry, ".yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.1.1.cjs\n" }, more: { packer: "npm" }, managers: { npm: NPM, yarn: "4.1.1" } },
    { name: "Yarn 1 by its lockfile", source: { "package.json": BUILT, "yarn.lock": LOCK.yarn1 }, more: { packer: "npm" }, managers: { npm: NPM, yarn: "1.22.22" } },
    { name: "a manager that only packed", source: { "package.json": {} }, more: { packer: "pnpm" }, managers: { npm: NPM, pnpm: DEFAULT_VERSIONS.pnpm } },
    { name: "two lockfiles: the one that packageManager names", source: { "package.json": { ...BUILT, packageManager: "yarn@4.2.0" }, "pnpm-lock.yaml": LOCK.pnpm, "yarn.lock": LOCK.berry }, more: { packer: "npm" }, managers: { npm: NPM, yarn: "4.2.0" } },
  ])("$name", ({ source, more, managers }) => {
    expect(choose(source, more).managers).toEqual(managers)
  })
})

describe("who packed, by the first header", () => {
  const START = entry("package/x", "")
  const pnpm = Buffer.from(START)
  pnpm.write("000000 \0", 108, "latin1")
  const yarn = Buffer.from(pnpm)
  yarn.write("03316372110 ", 136, "latin1")
  yarn.write((456_789_000).toString(8).padStart(11, "0"), 136, "latin1")
  const old = Buffer.from(START)
  old.write("14000000000 ", 136, "latin1")
  test.each<[string, Uint8Array, ManagerName | undefined]>([
    ["npm leaves the owner out", packageTgz(), "npm"],
    ["pnpm writes it as zero", gzipSync(archive(pnpm)), "pnpm"],
    ["Yarn has its own time", gzipSync(archive(yarn)), "yarn"],
    ["another time is nobody's", gzipSync(archive(old)), undefined],
    ["no gzip", Buffer.from("hello"), undefined],
    ["too short", gzipSync("x"), undefined],
    ["nothing", new Uint8Array(0), undefined],
  ])("%s", (_, tgz, expected) => {
    expect(packerOf(tgz.subarray(0, 4096))).toBe(expected)
  })
})

test("the choice is the same for the same source, and needs no network, clock or disk", () => {
  const source = { "package.json": { ...BUILT, packageManager: "pnpm@9.1.0" }, "pnpm-lock.yaml": LOCK.pnpm }
  expect(choose(source)).toEqual(choose(Object.fromEntries(Object.entries(source).reverse())))
})

test("each reviewed recipe that is shipped parses, stands under its package's name and has its reason", () => {
  const folder = new URL("../../recipes/", import.meta.url)
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const text = readFileSync(new URL(file, folder), "utf8")
    const name = (JSON.parse(text) as { package: string }).package
    expect(overrideFile(name)).toBe(file)
    expect(parseOverrides(text, name).length).toBeGreaterThan(0)
  }
})
