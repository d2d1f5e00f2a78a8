// Four nodes, a registry and a person in network namespaces, with real package managers. What is cut off answers nothing: packets vanish, as when
// a machine or a line is gone. The tests run in their order and share one network; each begins with all links whole.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { describeRun, findPackage, OPERATORS, type ManagerId, type Operator, type Ran } from "../support/index.ts"
import { openSeparateWorld, untilCosigned, type Person, type SeparateWorld } from "./world.ts"

const IDS = ["npm11", "pnpm10", "yarn4"] as const satisfies readonly ManagerId[]
const PACKAGES = 48
const CHAIN_LENGTH = 6
/** Enough to wait for who is silent, and to ask once more. */
const BUDGET = "4s"

let world: SeparateWorld
let people: Readonly<Record<(typeof IDS)[number], Person>>
let names = 0

beforeAll(async () => {
  const single = Array.from({ length: PACKAGES }, (_, i) => ({ name: `zz-apart-${i}`, version: "1.0.0", files: { "index.js": `module.exports = ${i}\n` } }))
  const chain = Array.from({ length: CHAIN_LENGTH }, (_, i) => ({
    name: `zz-chain-${i}`, version: "1.0.0", files: { "index.js": "" }, ...(i + 1 < CHAIN_LENGTH ? { manifest: { dependencies: { [`zz-chain-${i + 1}`]: "1.0.0" } } } : {}),
  }))
  world = await openSeparateWorld("apart", [...single, ...chain])
  const made = await Promise.all(IDS.map(async (id) => [id, await world.person(id)] as const))
  people = Object.fromEntries(made) as typeof people
  return () => world.close()
})
beforeEach(() => world.segment.healAll())

/** A package that no node has seen: whoever is left has to observe it and have it cosigned now. */
function fresh(): string {
  expect(names, "prepared packages").toBeLessThan(PACKAGES)
  return `zz-apart-${names++}`
}

/** Several managers at once, each with a package of its own. */
async function installAll(nameFor: (id: ManagerId) => string, check: (outcome: { ran: Ran; project: string; name: string }) => void, budget?: string, ids: readonly (typeof IDS)[number][] = IDS): Promise<void> {
  const outcomes = await Promise.all(ids.map(async (id) => {
    const name = nameFor(id)
    return { name, project: people[id].project, ran: await people[id].install(name, budget) }
  }))
  for (const outcome of outcomes) check(outcome)
}

function expectThere({ ran, project, name }: { ran: Ran; project: string; name: string }): void {
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(existsSync(join(project, "node_modules", name, "index.js")), describeRun(ran)).toBe(true)
}

/** Refused: status 1, said why and by whom not, and nothing of it on disk. */
function expectRefused(code: string, silent: readonly Operator[]): (outcome: { ran: Ran; project: string; name: string }) => void {
  return ({ ran, project, name }) => {
    const seen = describeRun(ran)
    expect(ran.status, seen).toBe(1)
    for (const word of [code, name, ...silent]) expect(ran.output, seen).toContain(word)
    expect(findPackage(project, name), seen).toEqual([])
  }
}

const known = new Map<ManagerId, string>()
const cutFromPerson = (...operators: Operator[]): void => { for (const operator of operators) world.segment.separate("person", operator) }
const [left, right] = [OPERATORS.slice(0, 2), OPERATORS.slice(2)]
const partition = (): void => { for (const one of left) for (const other of right) world.segment.separate(one, other) }

test("with all links whole, installs go on", async () => {
  await installAll((id) => {
    known.set(id, fresh())
    return known.get(id) as string
  }, expectThere)
})

describe.each([
  { operator: "alpha", ids: IDS }, { operator: "beta", ids: ["npm11"] }, { operator: "gamma", ids: ["pnpm10"] }, { operator: "delta", ids: ["yarn4"] },
] as const)("with the node of $operator gone", ({ operator, ids }) => {
  test("installs go on, also of what nobody had seen", async () => {
    world.segment.cut(operator)
    await installAll(fresh, expectThere, undefined, ids)
  })
})

test("with one node gone, a chain of dependencies waits for it only once", async () => {
  world.segment.cut("beta")
  await installAll(() => "zz-chain-0", expectThere)
})

test("with two of four nodes cut off from the person, what is new is refused; what was vouched for before installs", async () => {
  cutFromPerson("gamma", "delta")
  await installAll(fresh, expectRefused("UNREACHABLE", ["gamma", "delta"]), BUDGET)
  await installAll((id) => known.get(id) as string, expectThere)
})

test("with the nodes apart, two and two, what is new is refused for want of cosignatures; what the logs hold installs for everybody", async () => {
  partition()
  await installAll(fresh, expectRefused("PENDING", []), BUDGET)
  const stranger = await world.person("npm11")
  const name = known.get("yarn4") as string
  expectThere({ name, project: stranger.project, ran: await stranger.install(name) })
})

test("with the person on one side of it, nothing new installs there", async () => {
  partition()
  cutFromPerson(...right)
  await installAll(fresh, expectRefused("UNREACHABLE", right), BUDGET)
})

test("healed, all logs are cosigned by all witnesses again, and installs go on", async () => {
  await installAll(fresh, expectThere)
  await untilCosigned(world.status, "all")
})

test("a node that is killed and started again during an install stops nothing", async () => {
  const name = fresh()
  const before = (await world.status("delta")).log.size
  let isOver = false
  const installing = people.npm11.install(name).finally(() => { isOver = true })
  while (!isOver && (await world.status("delta")).log.size === before) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(isOver, "the install is under way").toBe(false)
  world.kill("delta")
  await world.start("delta")
  expectThere({ name, project: people.npm11.project, ran: await installing })
  await installAll(fresh, expectThere)
  await untilCosigned(world.status, "all")
})
