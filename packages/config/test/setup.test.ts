import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs"
import { delimiter, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { copyOutline, ROOT, type Workspace } from "./workspace.ts"

const SETUP_MS_MAX = 30_000
const MARKER = "node_modules/.vouchsafe-setup"

let workspace: Workspace
beforeEach(() => {
  workspace = copyOutline()
  for (const name of ["setup.mjs", "system-packages.mjs"]) workspace.write(`packages/config/scripts/${name}`, readFileSync(join(ROOT, "packages/config/scripts", name), "utf8"))
  // An npx that notes how it was called and installs empty tools.
  program("fake/npx", 'echo "$@" >> called\nmkdir -p node_modules/.bin\nfor tool in turbo tsc vitest tsup; do touch node_modules/.bin/$tool; done')
})
afterEach(() => workspace.remove())

function program(path: string, script: string): void {
  workspace.write(path, `#!/bin/sh\n${script}\n`)
  chmodSync(join(workspace.root, path), 0o755)
}

function setup(system: readonly string[] = ["/usr/bin", "/bin"], event = "setup"): { status: number | null, stdout: string, stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["packages/config/scripts/setup.mjs"], {
    cwd: workspace.root, encoding: "utf8", timeout: SETUP_MS_MAX,
    env: { ...process.env, npm_lifecycle_event: event, PATH: [join(workspace.root, "fake"), ...system].join(delimiter) },
  })
  return { status, stdout, stderr }
}

function calls(): string[] {
  const path = join(workspace.root, "called")
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []
}

test("installs from the lockfile with the pinned pnpm, without scripts, and only once", () => {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { packageManager: string }
  expect(setup()).toMatchObject({ status: 0, stderr: "" })
  expect(calls()).toEqual([`-y ${packageManager} install --frozen-lockfile --ignore-scripts --prefer-offline --reporter=append-only`])
  expect(setup()).toEqual({ status: 0, stdout: "", stderr: "" })
  expect(calls()).toHaveLength(1)
})

describe("installs again", () => {
  test.each<{ name: string, change: () => void }>([
    { name: "for another lockfile", change: () => workspace.write("pnpm-lock.yaml", "lockfileVersion: '9.0'\n") },
    { name: "for another manifest of a package", change: () => workspace.write("packages/core/package.json", { name: "@vouchsafe/core" }) },
    { name: "for a new package", change: () => workspace.write("packages/planted/package.json", { name: "planted" }) },
    { name: "when node_modules has gone", change: () => rmSync(join(workspace.root, "node_modules"), { recursive: true }) },
    { name: "when a tool has gone", change: () => rmSync(join(workspace.root, "node_modules/.bin/turbo")) },
  ])("$name", ({ change }) => {
    setup()
    change()
    expect(setup()).toMatchObject({ status: 0, stderr: "" })
    expect(calls()).toHaveLength(2)
  })
})

describe("fails, says what to do and does not count as installed", () => {
  test.each<{ name: string, arrange: () => void, says: string }>([
    { name: "when the install fails", arrange: () => program("fake/npx", "exit 7"), says: "setup: the install ended with status 7, expected 0\n  hint: is the registry" },
    { name: "when the install brings no tools", arrange: () => program("fake/npx", "exit 0"), says: "setup: node_modules/.bin/turbo is missing after the install\n  hint: remove node_modules" },
  ])("$name", ({ arrange, says }) => {
    arrange()
    const { status, stderr } = setup()
    expect(stderr).toContain(says)
    expect(status).toBe(1)
    expect(existsSync(join(workspace.root, MARKER))).toBe(false)
  })

  test("when there is no npx", () => {
    rmSync(join(workspace.root, "fake/npx"))
    expect(setup([])).toMatchObject({ status: 1, stderr: expect.stringContaining("setup: npx does not start: spawnSync npx ENOENT\n  hint: npm comes with Node") })
    expect(existsSync(join(workspace.root, MARKER))).toBe(false)
  })

  test("when it failed after an earlier success", () => {
    setup()
    workspace.write("pnpm-lock.yaml", "lockfileVersion: '9.0'\n")
    program("fake/npx", "exit 1")
    expect(setup().status).toBe(1)
    expect(existsSync(join(workspace.root, MARKER))).toBe(false)
  })
})

test("takes a workspace Node that this system cannot run out of the way of the person's own", () => {
  setup()
  program("node_modules/.bin/node", "exit 127")
  expect(setup()).toMatchObject({ status: 0, stderr: "" })
  expect(existsSync(join(workspace.root, "node_modules/.bin/node"))).toBe(false)
})

describe("programs of the system", () => {
  // bwrap and the others as fakes, so that only what is planted is there
  const tools = ["bwrap", "git", "ssh-keygen", "gpg"]
  const withTools = (): void => { for (const tool of tools) program(`fake/${tool}`, "exit 0") }
  const fakeNpx = (): void => program("fake/npx", "/bin/mkdir -p node_modules/.bin\nfor tool in turbo tsc vitest tsup; do : > node_modules/.bin/$tool; done")

  test.each(["demo", "bench", "setup", ""])("are not asked for by %j", (event) => {
    fakeNpx()
    expect(setup([], event)).toMatchObject({ status: 0, stderr: "" })
  })

  test.each(["test", "soak"])("are asked for by %s: there, and nothing is said", (event) => {
    fakeNpx()
    withTools()
    expect(setup([], event)).toMatchObject({ status: 0, stderr: "" })
  })

  test("are asked for by test: missing, and no way to install them", () => {
    fakeNpx()
    withTools()
    rmSync(join(workspace.root, "fake/gpg"))
    expect(setup([], "test")).toMatchObject({ status: 1, stderr: "setup: tests need gpg, not found on the PATH\n  hint: install gnupg with your system's package manager and run again\n" })
  })

  test("a sandbox that cannot be made is told, and the tests go on", () => {
    fakeNpx()
    withTools()
    program("fake/bwrap", "exit 1")
    expect(setup([], "test")).toMatchObject({ status: 0, stderr: expect.stringContaining("bubblewrap cannot make a sandbox here") })
  })
})
