// Yarn's other ways to put packages into place, with the plugin.
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { describeRun, findPackage, guardedProject, openWorld, TAMPER, type World } from "../support/index.ts"

let world: World
beforeAll(async () => {
  world = await openWorld("linkers")
  world.registry.tamper(TAMPER)
  return () => world.close()
})

describe.each(["pnp", "pnpm"])("nodeLinker: %s", (linker) => {
  const settings = [`nodeLinker: ${linker}`]

  test("installs what is vouched for", async () => {
    const { project, command } = await guardedProject(world, { account: `ok-${linker}`, manager: "yarn4", dependencies: { "zz-good": "1.0.0" }, settings })
    const ran = await command("yarn", "install")
    expect(ran.status, describeRun(ran)).toBe(0)
    expect(existsSync(join(project, linker === "pnp" ? ".pnp.cjs" : "node_modules/zz-good/index.js"))).toBe(true)
    expect(readdirSync(join(project, ".yarn/cache")).some((name) => name.startsWith("zz-good-"))).toBe(true)
  })

  test("refuses what is not, and keeps no archive of it", async () => {
    const { project, sandbox, command } = await guardedProject(world, { account: `no-${linker}`, manager: "yarn4", dependencies: { "zz-parent": "1.0.0" }, settings })
    const ran = await command("yarn", "install")
    expect(ran.status, describeRun(ran)).not.toBe(0)
    expect(ran.output, describeRun(ran)).toContain("NOT_VOUCHED")
    expect(findPackage(project, "zz-evil")).toEqual([])
    expect(existsSync(join(project, ".pnp.cjs"))).toBe(false)
    expect(existsSync(join(sandbox.dir, "marker"))).toBe(false)
  })
})
