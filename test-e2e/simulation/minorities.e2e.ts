/**
 * All ways in which some of four nodes can be down, and all ways in which the network can fall into two: installs go on where a quorum is reachable,
 * are refused where none is, and go on again after healing.
 */
import { describe, expect, test } from "vitest"
import { counted, expectAllowed, expectRefused } from "./support.ts"
import { type Invariants, watchInvariants } from "./world/invariants.ts"
import type { Published } from "./world/registry.ts"
import { createWorld, OPERATORS, type Person, type World } from "./world/world.ts"

const LATER_MS = 6 * 60_000
const THRESHOLD = 3
/** Codes of refusals for want of operators. */
const TOO_FEW = ["UNREACHABLE", "PENDING", "NOTICES_STALE"]

function subsets<T>(list: readonly T[]): T[][] {
  return list.reduce<T[][]>((all, item) => [...all, ...all.map((set) => [...set, item])], [[]])
}

async function install(world: World, invariants: Invariants, person: Person, version: Published) {
  const requests = [person.wants(version)]
  const result = await world.run(person.check(requests))
  invariants.check()
  invariants.judge(person, requests, result)
  return result.verdicts[0] as NonNullable<(typeof result.verdicts)[0]>
}

/** Two people who installed something, and somewhat later. */
async function settled(seed: string) {
  const world = await createWorld({ seed, people: 2 })
  const invariants = watchInvariants(world)
  const early = world.registry.publish("early")
  for (const person of world.people) expectAllowed(await install(world, invariants, person, early))
  await world.advance(LATER_MS)
  return { world, invariants, early }
}

async function expectHealed(world: World, invariants: Invariants): Promise<void> {
  await world.advance(LATER_MS)
  const late = world.registry.publish("late")
  for (const person of world.people) {
    const verdict = await install(world, invariants, person, late)
    expectAllowed(verdict)
    expect(counted(verdict)).toEqual([...OPERATORS].sort())
  }
}

describe("nodes down", () => {
  test.each(subsets(OPERATORS).map((down) => ({ down, name: down.join(", ") || "none" })))("$name", async ({ down }) => {
    const { world, invariants, early } = await settled(`down ${down.join(" ")}`)
    for (const operator of down) world.node(operator).crash()
    const fresh = world.registry.publish("fresh")
    const isQuorum = OPERATORS.length - down.length >= THRESHOLD
    for (const person of world.people) {
      const verdict = await install(world, invariants, person, fresh)
      if (isQuorum) expectAllowed(verdict)
      else expectRefused(verdict, ...TOO_FEW)
      // What was vouched for stays so: inclusion does not expire, and the notices are fresh enough.
      expectAllowed(await install(world, invariants, person, early))
    }
    await world.run(Promise.all(world.nodes.map((node) => node.boot())))
    await expectHealed(world, invariants)
    for (const person of world.people) expectAllowed(await install(world, invariants, person, fresh))
  })
})

describe("partitions, with a person on either side and the registry on both", () => {
  const halves = subsets(OPERATORS.slice(1)).map((rest) => ["alpha", ...rest])
  test.each(halves.map((left) => ({ left, name: `${left.join(" ")} | ${OPERATORS.filter((operator) => !left.includes(operator)).join(" ")}` })))("$name", async ({ left, name }) => {
    const { world, invariants } = await settled(`partition ${name}`)
    const right = OPERATORS.filter((operator) => !left.includes(operator))
    world.simulation.links.partition([[...left, "person-1"], [...right, "person-2"]], left.length % 2 === 0 ? "silent" : "reset")
    const fresh = world.registry.publish("fresh")
    for (const [i, side] of [left, right].entries()) {
      const verdict = await install(world, invariants, world.people[i] as Person, fresh)
      if (side.length >= THRESHOLD) expectAllowed(verdict)
      else expectRefused(verdict, ...TOO_FEW)
      if (verdict.ok) expect(counted(verdict).filter((operator) => !side.includes(operator as never))).toEqual([])
    }
    world.simulation.links.healAll()
    await expectHealed(world, invariants)
    for (const person of world.people) expectAllowed(await install(world, invariants, person, fresh))
  })
})

test("a registry on one side of the partition: the others' nodes have nothing to say of what is new", async () => {
  const { world, invariants } = await settled("registry cut off")
  world.simulation.links.partition([["registry", "alpha", "beta", "person-1"], ["gamma", "delta", "person-2"]])
  const fresh = world.registry.publish("fresh")
  for (const person of world.people) expectRefused(await install(world, invariants, person, fresh), ...TOO_FEW, "NOT_VOUCHED")
  world.simulation.links.healAll()
  await expectHealed(world, invariants)
  for (const person of world.people) expectAllowed(await install(world, invariants, person, fresh))
})

test("a disk that fails in an append, and again while the node starts from that: nothing acknowledged is lost, and it comes back", async () => {
  const { world, invariants } = await settled("failing disk")
  const beta = world.node("beta")
  beta.failNextWrite("log", "kept")
  const fresh = world.registry.publish("fresh")
  const verdict = await install(world, invariants, world.people[0] as Person, fresh)
  expectAllowed(verdict)
  expect(counted(verdict)).toEqual(["alpha", "delta", "gamma"])
  expect(beta.disks.faults.size).toBe(0)
  beta.crash()
  beta.failNextWrite("log", "lost")
  await world.run(beta.boot())
  expect(beta.running).toBeUndefined()
  expect(beta.disks.faults.size).toBe(0)
  await expectHealed(world, invariants)
  // The batch whose outcome was unknown is in the log, since its first write was kept.
  world.people[1]?.cache.clear()
  expect(counted(await install(world, invariants, world.people[1] as Person, fresh))).toEqual([...OPERATORS].sort())
  expect(beta.running?.services.observations.log.size).toBe(3)
})
