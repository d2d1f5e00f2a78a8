import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { ARROWS } from "../src/tidy/index.ts"
import { copyOutline, packageFolders, ROOT, type Workspace } from "./workspace.ts"

/** Development brings these with it: `core` is tested with the vectors of `spec`, everything but the pure by `testkit`. */
const DEVELOPMENT = ["config", "spec"]
const WITHOUT_TESTKIT = ["core", "ports", "spec", "config", "testkit"]
const TURBO_MS_MAX = 60_000

interface Manifest { name: string, dependencies?: Record<string, string> }

let workspace: Workspace
beforeEach(() => { workspace = copyOutline() })
afterEach(() => { workspace.remove() })

function boundaries(): { status: number | null, output: string } {
  const result = spawnSync(join(ROOT, "node_modules/.bin/turbo"), ["boundaries", "--no-color"], {
    cwd: workspace.root, encoding: "utf8", timeout: TURBO_MS_MAX, stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", FORCE_COLOR: "0" },
  })
  // Turbo breaks lines at the terminal's width; a message is compared without its frame.
  return { status: result.status, output: `${result.stdout}${result.stderr}`.replaceAll(/[\s|│]+/g, " ") }
}

function declare(folder: string, dependency: string): void {
  const path = `packages/${folder}/package.json`
  const manifest = JSON.parse(readFileSync(join(ROOT, path), "utf8")) as Manifest
  workspace.write(path, { ...manifest, dependencies: { ...manifest.dependencies, [dependency]: "workspace:*" } })
}

test("accepts this workspace's declarations", () => {
  expect(boundaries()).toMatchObject({ status: 0, output: expect.stringContaining("no issues found") })
})

describe("refuses an import", () => {
  test.each([
    { name: "of client in core", path: "packages/core/src/a.ts", specifier: "@vouchsafe/client", says: "cannot import package `@vouchsafe/client`" },
    { name: "of a plugin in a plugin", path: "packages/yarn-plugin/src/a.ts", specifier: "pnpm-plugin-vouchsafe", says: "cannot import package `pnpm-plugin-vouchsafe`" },
    { name: "of the log in the witness", path: "packages/witness/src/a.ts", specifier: "@vouchsafe/log", says: "cannot import package `@vouchsafe/log`" },
    { name: "of a dependency nobody declared", path: "packages/log/src/a.ts", specifier: "yaml", says: "cannot import package `yaml`" },
    { name: "of another package's files", path: "packages/client/src/a.ts", specifier: "../../core/src/index.ts", says: "leaves the package" },
  ])("$name", ({ path, specifier, says }) => {
    workspace.write(path, `import { a } from "${specifier}"\nexport const b = a\n`)
    const { status, output } = boundaries()
    expect(output).toContain(says)
    expect(status).toBe(1)
  })
})

describe("refuses a declaration", () => {
  test.each([
    { name: "of client by core", folder: "core", dependency: "@vouchsafe/client", says: "`@vouchsafe/client` found without any tag listed in allowlist for `@vouchsafe/core`" },
    { name: "of a plugin by a plugin", folder: "yarn-plugin", dependency: "pnpm-plugin-vouchsafe", says: "`pnpm-plugin-vouchsafe` found without any tag listed in allowlist for `@vouchsafe/yarn-plugin`" },
    { name: "of the node by the shim", folder: "registry-shim", dependency: "@vouchsafe/node", says: "`@vouchsafe/node` found without any tag listed in allowlist for `@vouchsafe/registry-shim`" },
    { name: "of the log by the witness", folder: "witness", dependency: "@vouchsafe/log", says: "`@vouchsafe/log` found without any tag listed in allowlist for `@vouchsafe/witness`" },
    { name: "of the command line by the client", folder: "client", dependency: "vouchsafe", says: "`vouchsafe` found without any tag listed in allowlist for `@vouchsafe/client`" },
  ])("$name", ({ folder, dependency, says }) => {
    declare(folder, dependency)
    const { status, output } = boundaries()
    expect(output).toContain(says)
    expect(status).toBe(1)
  })
})

test("turbo's arrows are tidy's, with what they bring along and the tools of development", () => {
  const turbo = JSON.parse(readFileSync(join(ROOT, "turbo.json"), "utf8")) as {
    boundaries: { tags: Record<string, { dependencies: { allow: string[] } }> }
  }
  const reached = (folder: string): string[] => {
    const row = ARROWS[folder]
    const next = [...row?.workspace ?? [], ...row?.starts ?? []]
    return [...next, ...next.flatMap(reached)]
  }
  const expected = Object.fromEntries(Object.keys(ARROWS).map((folder) => {
    const tools = folder === "config" ? [] : folder === "spec" ? ["config"] : WITHOUT_TESTKIT.includes(folder) ? DEVELOPMENT : [...DEVELOPMENT, "testkit"]
    return [folder, [...new Set([...reached(folder), ...tools, ...(tools.includes("testkit") ? ["core", "ports"] : [])])].sort()]
  }))
  const found = Object.fromEntries(Object.entries(turbo.boundaries.tags).map(([tag, rules]) => [tag, [...rules.dependencies.allow].sort()]))
  expect(found).toEqual(expected)
})

test("every package carries the tag of its folder and stands in the table", () => {
  const folders = packageFolders()
  expect(folders).toEqual(Object.keys(ARROWS).sort())
  for (const folder of folders) {
    const config = JSON.parse(readFileSync(join(ROOT, "packages", folder, "turbo.json"), "utf8")) as unknown
    expect(config).toEqual({ extends: ["//"], tags: [folder] })
  }
})
