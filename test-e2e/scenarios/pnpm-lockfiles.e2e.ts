// Installs from lockfiles that some version of pnpm shows to no hook: `pnpm fetch`, and workspaces whose members have their own.
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, findPackage, getManager, guardedProject, openWorld, policyFiles, runOk, TAMPER, type GuardedProject, type ManagerId, type World } from "../support/index.ts"

const PARENT = { "zz-parent": "1.0.0" }

let world: World
let accounts = 0
beforeAll(async () => {
  world = await openWorld("lockfiles")
  world.registry.tamper(TAMPER)
  return () => world.close()
})

/** A project whose lockfiles and store come from a machine without guard: the lying registry's package is in both. */
async function poisoned(manager: ManagerId, more: { readonly files?: Record<string, unknown>; readonly settings?: readonly string[]; readonly dependencies?: Record<string, string> }): Promise<GuardedProject> {
  const made = await guardedProject(world, { account: `p${accounts++}`, manager, ...more })
  const { project, sandbox } = made
  const env = sandbox.env({ runtime: world.runtime, manager: await getManager(manager) })
  const policy = (preset?: "observe"): void => writeFileSync(join(project, "vouchsafe.json"), JSON.stringify(policyFiles(world, preset)["vouchsafe.json"]))
  policy("observe")
  await runOk(["pnpm", "install"], { cwd: project, env })
  expect(existsSync(join(sandbox.dir, "marker")), "the attack works without a guard").toBe(true)
  policy()
  // The plugin itself stays: without network pnpm 10 could not bring it back.
  for (const name of readdirSync(join(project, "node_modules"))) if (name !== ".pnpm-config") rmSync(join(project, "node_modules", name), { recursive: true })
  rmSync(join(project, "packages/two/node_modules"), { recursive: true, force: true })
  rmSync(join(sandbox.dir, "marker"))
  return made
}

async function expectRefused({ project, sandbox, manager }: GuardedProject, folder: string, argv: readonly string[]): Promise<void> {
  const ran = await commandIn(world, sandbox, manager, join(project, folder))(...argv)
  expect(ran.status, describeRun(ran)).not.toBe(0)
  expect(ran.output, describeRun(ran)).toContain("NOT_VOUCHED")
  expect(findPackage(project, "zz-evil"), describeRun(ran)).toEqual([])
  expect(existsSync(join(sandbox.dir, "marker")), describeRun(ran)).toBe(false)
}

const SPLIT = {
  dependencies: {}, settings: ["packages: ['packages/*']", "sharedWorkspaceLockfile: false"],
  files: { "packages/two/package.json": { name: "two", version: "1.0.0", dependencies: PARENT } },
}

describe.each(["pnpm10", "pnpm11", "pnpm12"] as const)("%s refuses", (manager) => {
  test("fetch, with a store that has everything", async () => {
    await expectRefused(await poisoned(manager, { dependencies: PARENT }), ".", ["pnpm", "fetch"])
  })
  test("fetch, with an empty store", async () => {
    const made = await poisoned(manager, { dependencies: PARENT })
    made.sandbox.forgetCaches()
    await expectRefused(made, ".", ["pnpm", "fetch"])
  })
  test("a frozen install of all members with lockfiles of their own", async () => {
    await expectRefused(await poisoned(manager, SPLIT), ".", ["pnpm", "install", "--frozen-lockfile"])
  })
  test("a frozen install inside a member with a lockfile of its own", async () => {
    await expectRefused(await poisoned(manager, SPLIT), "packages/two", ["pnpm", "install", "--frozen-lockfile"])
  })
  test("an install without network from a store that has everything", async () => {
    await expectRefused(await poisoned(manager, { dependencies: PARENT }), ".", ["pnpm", "install", "--offline", "--frozen-lockfile"])
  })
})
