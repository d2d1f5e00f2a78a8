import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { run, runAll, sum, type Count, type Step } from "../src/run/index.ts"

let root: string
let printed: string[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "vouchsafe-steps-"))
  printed = []
  for (const folder of ["packages/core/test", "packages/log/test", "packages/spec", "test-e2e", "bin"]) mkdirSync(join(root, folder), { recursive: true })
  for (const name of ["tsc", "turbo", "vitest", "node", "npx"]) tool(name, "exit 0")
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** Plants a tool of the given shell text, in place of the real one. */
function tool(name: string, script: string): void {
  writeFileSync(join(root, "bin", name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(root, "bin", name), 0o755)
}

const GREEN = JSON.stringify({ testResults: [{ name: "a", status: "passed", assertionResults: [{ status: "passed" }] }] })
const RED = JSON.stringify({ testResults: [{ name: "a", status: "failed", assertionResults: [{ status: "failed", fullName: "a b" }] }] })
const writes = (report: string, ...folders: string[]): string => folders.map((folder) => `echo '${report}' > ${folder}/.test-report.json`).join("\n")
const EMPTY = JSON.stringify({ testResults: [] })
const plantReport = (folder: string): void => writeFileSync(join(root, folder, ".test-report.json"), GREEN)
const runHere = async (steps?: readonly Step[]): Promise<[string, Count][]> => runAll({
  root, env: { PATH: `${join(root, "bin")}${delimiter}/usr/bin${delimiter}/bin` }, pnpm: "pnpm@1.2.3", print: (line) => printed.push(line), nowMs: () => 0,
}, steps)

interface Failing {
  readonly name: string
  readonly arrange: () => void
  readonly steps: readonly Step[]
  readonly failures: readonly unknown[]
}

test("all green: one for each step that is no test, and every report's tests", async () => {
  tool("npx", writes(GREEN, "packages/core", "packages/log"))
  tool("vitest", writes(GREEN, "test-e2e"))
  const rows = await runHere()
  expect(rows.map(([name, count]) => `${name} ${count.passed}`)).toEqual(["typecheck 1", "tidy 1", "boundaries 1", "build 1", "core 1", "log 1", "test-e2e 1"])
  expect(sum(rows.map(([, count]) => count))).toEqual({ passed: 7, failed: 0, skipped: 0, failures: [] })
})

describe("fails", () => {
  test.each<Failing>([
    { name: "a step that ends badly", arrange: () => tool("tsc", "exit 2"), steps: ["typecheck"], failures: ["typecheck: tsc -p packages/config/tsconfig.all.json: exit status 2"] },
    { name: "a tool that is missing", arrange: () => rmSync(join(root, "bin/turbo")), steps: ["boundaries"], failures: ["boundaries: turbo boundaries: spawn turbo ENOENT"] },
    { name: "a step ended by a signal", arrange: () => tool("node", "kill -9 $$"), steps: ["tidy"], failures: ["tidy: node packages/config/scripts/tidy.ts: ended by SIGKILL"] },
    { name: "a package without a report", arrange: () => tool("npx", writes(GREEN, "packages/core")), steps: ["unit"], failures: ["packages/log: has tests and wrote no report"] },
    { name: "a package with only yesterday's report", arrange: () => { plantReport("packages/log"); tool("npx", writes(GREEN, "packages/core")) }, steps: ["unit"], failures: ["packages/log: has tests and wrote no report"] },
    { name: "a package that ran without tests", arrange: () => tool("npx", `${writes(GREEN, "packages/core", "packages/log")}\n${writes(EMPTY, "packages/spec")}\nexit 1`), steps: ["unit"], failures: ["packages/spec: the report holds no test file"] },
    { name: "a failed test", arrange: () => tool("npx", `${writes(GREEN, "packages/core")}\n${writes(RED, "packages/log")}\nexit 1`), steps: ["unit"], failures: ["packages/log: a b: failed"] },
    { name: "a failed run of green reports", arrange: () => tool("npx", `${writes(GREEN, "packages/core", "packages/log")}\nexit 1`), steps: ["unit"], failures: ["unit: exit status 1, and no test says why"] },
    { name: "whole-system scenarios without a report", arrange: () => plantReport("test-e2e"), steps: ["e2e"], failures: ["test-e2e: has tests and wrote no report"] },
    { name: "whole-system scenarios without a build", arrange: () => { tool("npx", "exit 1"); tool("vitest", writes(GREEN, "test-e2e")) }, steps: ["build", "e2e"], failures: [expect.stringContaining("build: npx"), "test-e2e: not run, because the build failed"] },
  ])("$name", async ({ arrange, steps, failures }) => {
    arrange()
    const total = sum((await runHere(steps)).map(([, count]) => count))
    expect(total.failures).toEqual(failures)
    expect(total.failed).toBe(failures.length)
  })
})

test("a failed step does not keep the others from running", async () => {
  tool("tsc", "exit 1")
  expect((await runHere(["typecheck", "tidy"])).map(([name, count]) => [name, count.failed])).toEqual([["typecheck", 1], ["tidy", 0]])
  expect(printed).toContain("== typecheck: FAILED (exit status 1) after 0 s")
})

test("a command that does not end is ended with everything that it started", async () => {
  tool("hang", "exec 2>/dev/null\nsh -c 'trap \"echo > told; exit\" TERM; while :; do sleep 1; done' &\nwait")
  const ended = await run({
    argv: [join(root, "bin/hang")], cwd: root, env: { PATH: "/usr/bin:/bin" }, limitMs: 500, quietMs: 60_000, onQuiet: () => undefined,
  })
  expect(ended).toEqual({ ok: false, timedOut: true, reason: "no end within 0.5 s" })
  expect(existsSync(join(root, "told"))).toBe(true)
})
