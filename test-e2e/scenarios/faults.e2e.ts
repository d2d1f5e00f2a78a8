// Nodes that die while people install. The tests run in their order: each takes one more node away.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { describeRun, familyOf, findPackage, guardedProject, openWorld, OPERATORS, type ManagerId, type Ran, type World } from "../support/index.ts"

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

/** A new account installs a package with its manager's guard. */
async function install(account: string, id: ManagerId, dependency: string): Promise<{ ran: Ran; project: string }> {
  const { project, command } = await guardedProject(world, { account: `${account}-${id}`, manager: id, dependencies: { [dependency]: "1.0.0" } })
  return { project, ran: await command(...(familyOf(id) === "npm" ? ["vouchsafe", "run", "--", "npm", "install"] : [familyOf(id), "install"])) }
}

function expectThere({ ran, project }: { ran: Ran; project: string }, name: string): void {
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(existsSync(join(project, "node_modules", name, "index.js")), describeRun(ran)).toBe(true)
}

describe.each(IDS)("%s", (id) => {
  test("installs with all four nodes", async () => {
    const name = fresh()
    expectThere(await install("four", id, name), name)
  })
})

test("one node is killed", () => {
  world.network.kill("delta")
})

describe.each(IDS)("with one node killed, %s", (id) => {
  test("goes on, also with what nobody had seen before", async () => {
    const name = fresh()
    expectThere(await install("three", id, name), name)
  })
})

test("all nodes are killed", () => {
  for (const operator of OPERATORS.filter((name) => name !== "delta")) world.network.kill(operator)
})

describe.each(IDS)("with all nodes killed, %s", (id) => {
  test("refuses with UNREACHABLE and leaves nothing", async () => {
    const name = fresh()
    const { ran, project } = await install("none", id, name)
    expect(ran.status, describeRun(ran)).not.toBe(0)
    expect(ran.output, describeRun(ran)).toContain("UNREACHABLE")
    expect(findPackage(project, name), describeRun(ran)).toEqual([])
  })
})
