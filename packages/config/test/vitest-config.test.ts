import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { readReport } from "../src/run/index.ts"
import { ROOT } from "./workspace.ts"

const VITEST_MS_MAX = 60_000

let root: string
beforeEach(() => { root = mkdtempSync(join(tmpdir(), "vouchsafe-vitest-")) })
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function vitest(config: string): number | null {
  // Variables of the vitest that runs this test would reach the one under test.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST")))
  const args = [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "--config", join(ROOT, "packages/config", config), "--root", root]
  return spawnSync(process.execPath, args, { cwd: root, env, timeout: VITEST_MS_MAX, stdio: "ignore" }).status
}

// The workspace's packages resolve like this one: their src under a condition of its own, their build otherwise.
const MANIFEST = '{"name":"part","version":"1.0.0","type":"module","exports":{".":{"source":"./src/part.ts","default":"./dist/part.js"}}}'
const TEST = 'import { part } from "part"\nimport { expect, it } from "vitest"\nit("takes src", () => { expect(part).toBe("from src") })\n'

describe.each([
  { config: "vitest.config.ts", file: "test/a.test.ts" },
  { config: "vitest.e2e.config.ts", file: "deep/a.e2e.ts" },
])("$config", ({ config, file }) => {
  test("imports a workspace package's src, and writes the report that npm test counts", () => {
    write("node_modules/part/package.json", MANIFEST)
    write("node_modules/part/src/part.ts", 'export const part: string = "from src"\n')
    write("node_modules/part/dist/part.js", 'export const part = "from dist"\n')
    write("node_modules/vitest/package.json", '{"name":"vitest","type":"module","exports":"./index.js"}')
    write("node_modules/vitest/index.js", `export * from ${JSON.stringify(join(ROOT, "node_modules/vitest/dist/index.js"))}\n`)
    write(file, TEST)
    expect(vitest(config)).toBe(0)
    expect(readReport(readFileSync(join(root, ".test-report.json"), "utf8"))).toMatchObject({ passed: 1, failed: 0 })
  })

  test("fails where there is no test", () => {
    write("node_modules/deep/test/a.test.ts", TEST)
    write("node_modules/deep/a.e2e.ts", TEST)
    expect(vitest(config)).toBe(1)
    expect(existsSync(join(root, ".test-report.json")) && readReport(readFileSync(join(root, ".test-report.json"), "utf8")).failed === 0).toBe(false)
  })
})
