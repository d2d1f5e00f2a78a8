// `vouchsafe run` beside a plugin, for commands that work outside of the project, and what a run leaves behind.
import { existsSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { describeRun, familyOf, findPackage, guardedProject, openWorld, TAMPER, type ManagerId, type World } from "../support/index.ts"

let world: World
beforeAll(async () => {
  world = await openWorld("elsewhere")
  world.registry.tamper(TAMPER)
  return () => world.close()
})

const GLOBAL: readonly { readonly manager: ManagerId; readonly argv: readonly string[] }[] = [
  { manager: "npm10", argv: ["npm", "install", "--global"] },
  { manager: "npm11", argv: ["npm", "install", "--global"] },
  { manager: "npm12", argv: ["npm", "install", "--global"] },
  { manager: "pnpm10", argv: ["pnpm", "add", "--global"] },
  { manager: "pnpm11", argv: ["pnpm", "add", "--global"] },
  { manager: "pnpm12", argv: ["pnpm", "add", "--global"] },
]

describe.each(GLOBAL)("$manager, for the whole account", ({ manager, argv }) => {
  const inAccount = async (name: string) => {
    const made = await guardedProject(world, { account: `${name}-${manager}`, manager })
    const home = join(made.sandbox.home, ".local/share/pnpm")
    const variables = [`npm_config_prefix=${join(made.sandbox.home, "global")}`, `PNPM_HOME=${home}`, `PATH=${join(home, "bin")}:${home}:${made.sandbox.env({ runtime: world.runtime, manager: made.manager, path: [world.tool.binDir] })["PATH"] ?? ""}`]
    return { ...made, guarded: (spec: string) => made.command("env", ...variables, "vouchsafe", "run", "--", ...argv, spec) }
  }

  test("installs what is vouched for", async () => {
    const { sandbox, guarded } = await inAccount("ok")
    const ran = await guarded("zz-good")
    expect(ran.status, describeRun(ran)).toBe(0)
    expect(findPackage(sandbox.home, "zz-good"), describeRun(ran)).not.toEqual([])
  })

  test("refuses what is not", async () => {
    const { sandbox, guarded } = await inAccount("no")
    const ran = await guarded("zz-evil")
    expect(ran.status, describeRun(ran)).toBe(1)
    expect(ran.output, describeRun(ran)).toContain("NOT_VOUCHED")
    expect(findPackage(sandbox.home, "zz-evil"), describeRun(ran)).toEqual([])
    expect(existsSync(join(sandbox.dir, "marker")), describeRun(ran)).toBe(false)
  })
})

describe.each(["pnpm10", "pnpm11", "pnpm12", "yarn4"] as const)("%s with its plugin as well", (manager) => {
  const family = familyOf(manager)

  test("installs what is vouched for, also from the lockfile that this made, and without run", async () => {
    const { project, command } = await guardedProject(world, { account: `both-${manager}`, manager, dependencies: { "zz-good": "1.0.0" } })
    const frozen = family === "pnpm" ? "--frozen-lockfile" : "--immutable"
    for (const argv of [["vouchsafe", "run", "--", family, "install"], ["vouchsafe", "run", "--", family, "install", frozen], [family, "install", frozen]]) {
      rmSync(join(project, "node_modules"), { recursive: true, force: true })
      const ran = await command(...argv)
      expect(ran.status, describeRun(ran)).toBe(0)
      expect(existsSync(join(project, "node_modules/zz-good/index.js")), describeRun(ran)).toBe(true)
    }
  })

  test("refuses what is not", async () => {
    const { project, command } = await guardedProject(world, { account: `neither-${manager}`, manager, dependencies: { "zz-parent": "1.0.0" } })
    const ran = await command("vouchsafe", "run", "--", family, "install")
    expect(ran.status, describeRun(ran)).toBe(1)
    expect(ran.output, describeRun(ran)).toContain("NOT_VOUCHED")
    expect(findPackage(project, "zz-evil"), describeRun(ran)).toEqual([])
  })
})

describe("a run", () => {
  test.each([
    { how: "well", argv: ["sh", "-c", "exit 0"], status: 0 },
    { how: "with the command's own status", argv: ["sh", "-c", "exit 7"], status: 7 },
    { how: "with a command that is not there", argv: ["no-such-command"], status: 3 },
  ])("that ends $how gives status $status and leaves no file of its own", async ({ how, argv, status }) => {
    const { sandbox, command } = await guardedProject(world, { account: `run-${how.replace(/[^a-z]/g, "-")}`, manager: "npm11" })
    const ran = await command("vouchsafe", "run", "--", ...argv)
    expect(ran.status, describeRun(ran)).toBe(status)
    expect(readdirSync(join(sandbox.home, ".cache/vouchsafe"), { recursive: true, encoding: "utf8" }).filter((name) => /\/runs\//.test(name))).toEqual([])
    expect(readdirSync(join(sandbox.dir, "tmp"))).toEqual([])
  })

  test("without a policy refuses to start, and names the next step", async () => {
    const { project, command } = await guardedProject(world, { account: "nopolicy", manager: "npm11" })
    const ran = await command("env", `HOME=${project}/..`, "sh", "-c", "cd .. && mkdir -p bare && cd bare && vouchsafe run -- npm install zz-good")
    expect(ran.status, describeRun(ran)).toBe(2)
    expect(ran.output).toContain("vouchsafe init")
  })
})
