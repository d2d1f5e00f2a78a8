import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { ARROWS } from "../src/tidy/index.ts"
import { packageFolders, ROOT } from "./workspace.ts"

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly packageManager?: string
  readonly bin?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly publishConfig?: unknown
}

const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")) as Manifest
const FOLDERS = [".", "test-e2e", ...packageFolders().map((folder) => `packages/${folder}`)]
const PUBLISHED = ["cli", "node", "pnpm-plugin", "rebuilder", "registry-shim", "yarn-plugin"]
const LIFECYCLE = ["preinstall", "install", "postinstall", "prepare", "prepublish"]

describe.each(FOLDERS)("%s", (folder) => {
  const manifest = readManifest(folder)

  test("names exact versions", () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies })
    expect(versions.filter(([, version]) => version !== "workspace:*" && !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })

  test("runs nothing at install time", () => {
    expect(Object.keys(manifest.scripts ?? {}).filter((name) => LIFECYCLE.includes(name))).toEqual([])
  })

  test("has commands that exist, start with the shell's line and may be executed", () => {
    for (const path of Object.values(manifest.bin ?? {})) {
      expect(readFileSync(join(ROOT, folder, path), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/)
      expect(statSync(join(ROOT, folder, path)).mode & 0o777).toBe(0o755)
    }
  })
})

test("exactly the six bundles are published", () => {
  expect(packageFolders().filter((folder) => readManifest(`packages/${folder}`).private !== true)).toEqual(PUBLISHED)
})

test("what is published depends on nothing from outside", () => {
  const names = PUBLISHED.map((folder) => readManifest(`packages/${folder}`).name)
  for (const folder of PUBLISHED) {
    expect(Object.keys(readManifest(`packages/${folder}`).dependencies ?? {}).filter((name) => !names.includes(name))).toEqual([])
  }
})

test("what is published names no source file of the work tree", () => {
  for (const folder of PUBLISHED) expect(JSON.stringify(readManifest(`packages/${folder}`).publishConfig)).not.toContain("src/")
})

test("every third-party import that tidy allows has its line in the decision record", () => {
  const record = readFileSync(join(ROOT, "packages/spec/adr/0004-runtime-dependencies.md"), "utf8")
  const allowed = new Set(Object.entries(ARROWS).filter(([folder]) => folder !== "config").flatMap(([, row]) => row.thirdParty))
  expect([...allowed].filter((name) => !record.includes(`\`${name}\``))).toEqual([])
})

test("one version of the package manager is named everywhere", () => {
  const manifest = readManifest(".")
  const named = Object.values(manifest.scripts ?? {}).flatMap((script) => script.match(/\bpnpm@[\w.-]+/g) ?? [])
  expect(named.length).toBeGreaterThan(0)
  expect(new Set(named)).toEqual(new Set([manifest.packageManager]))
  expect(existsSync(join(ROOT, "pnpm-lock.yaml"))).toBe(true)
})
