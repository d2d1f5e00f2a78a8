// Nodes that die while people install. The tests run in their order: each takes one more node away.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, findPackage, getManager, openWorld, OPERATORS, policyFiles, runOk, type ManagerId, type Ran, type World } from "../support/index.ts"

const IDS = ["npm11", "pnpm12", "yarn4"] as const
let world: World
let steps = 0
beforeAll(async () => {
  world = await openWorld("faults")
  return () => world.close()
})

/** A package that no node has seen, so that whoever is left has to observe it now. */
function fresh(): string {
  const name = `zz-fresh-${steps++}`
  world.registry.publish({ name, version: "1.0.0", files: { "index.js": `module.exports = '${name}'\n` } })
  return name
}

async function account(name: string, id: ManagerId) {
  const manager = await getManager(id)
  const sandbox = world.sandbox(`${name}-${id}`)
  const env = sandbox.env({ runtime: world.runtime, manager })
  const install = async (folder: string, dependency: string): Promise<{ ran: Ran; project: string }> => {
    const project = sandbox.project(folder, {
      "package.json": { name: "project", version: "1.0.0", private: true, dependencies: { [dependency]: "1.0.0" } }, ...policyFiles(world), ...(manager.family === "yarn" ? { "yarn.lock": "" } : {}),
    })
    if (manager.family === "pnpm") await runOk(["pnpm", "add", "--config", "pnpm-plugin-vouchsafe"], { cwd: project, env })
    if (manager.family === "yarn") await runOk(["yarn", "plugin", "import", join(world.tool.modules, "@vouchsafe/yarn-plugin/dist/yarn-plugin.cjs")], { cwd: project, env })
    const ran = await commandIn(world, sandbox, manager, project)(...(manager.family === "npm" ? ["vouchsafe", "run", "--", "npm", "install"] : [manager.family, "install"]))
    return { ran, project }
  }
  return { install }
}

function expectThere({ ran, project }: { ran: Ran; project: string }, name: string): void {
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(existsSync(join(project, "node_modules", name, "index.js")), describeRun(ran)).toBe(true)
}

describe.each(IDS)("%s", (id) => {
  test("installs with all four nodes", async () => {
    const name = fresh()
    expectThere(await (await account("four", id)).install("project", name), name)
  })
})

test("one node is killed", () => {
  world.network.kill("delta")
})

describe.each(IDS)("with one node killed, %s", (id) => {
  test("goes on, also with what nobody had seen before", async () => {
    const name = fresh()
    const warm = await account("three", id)
    expectThere(await warm.install("project", name), name)
  })
})

test("all nodes are killed", () => {
  for (const operator of OPERATORS.filter((name) => name !== "delta")) world.network.kill(operator)
})

describe.each(IDS)("with all nodes killed, %s", (id) => {
  test("refuses with UNREACHABLE and leaves nothing", async () => {
    const name = fresh()
    const { ran, project } = await (await account("none", id)).install("project", name)
    expect(ran.status, describeRun(ran)).not.toBe(0)
    expect(ran.output, describeRun(ran)).toContain("UNREACHABLE")
    expect(findPackage(project, name), describeRun(ran)).toEqual([])
  })
})
