/** Tests of the tests: what the simulator's invariants are there to see, they see. */
import { parseRoster, type Verdict } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { cosignAnything, evil, fork, lie } from "./world/dishonesty.ts"
import { createAgreement, createHistory } from "./world/history.ts"
import { type Invariants, Violation, watchInvariants } from "./world/invariants.ts"
import { sha512Of } from "./world/registry.ts"
import { randomRun } from "./world/steps.ts"
import { createWorld, type Person, type PersonOptions, type World } from "./world/world.ts"

async function judged(world: World, invariants: Invariants, person: Person, sha512?: string): Promise<Verdict> {
  const version = world.registry.published.at(-1)
  if (version === undefined) throw new Error("nothing is published")
  const request = { ...person.wants(version), ...(sha512 === undefined ? {} : { sha512 }) }
  const result = await world.run(person.check([request]))
  invariants.check()
  invariants.judge(person, [request], result)
  return result.verdicts[0] as Verdict
}

async function watched(seed: string) {
  const world = await createWorld({ seed })
  const invariants = watchInvariants(world)
  world.registry.publish("first")
  const person = world.people[0] as Person
  expect((await judged(world, invariants, person)).ok).toBe(true)
  return { world, invariants, person }
}

const lowered = (world: World): PersonOptions => ({ roster: parseRoster(world.crypto, world.rosterText.replace('"version": 1,', '"version": 1,\n  "threshold": 1,')) })

describe("what is found", () => {
  test("a client whose threshold is lower than the roster's", async () => {
    const { world, invariants } = await watched("lowered")
    const gullible = world.join("gullible", lowered(world))
    for (const name of ["beta", "gamma"]) world.simulation.links.cut(name, "registry")
    world.registry.publish("second")
    await expect(judged(world, invariants, gullible)).rejects.toThrow(/seed lowered, start: gullible was allowed .* only alpha, delta attested/)
  })

  test("a client that reports and lets everything pass", async () => {
    const { world, invariants } = await watched("observing")
    const observing = world.join("observing", { policy: { preset: "observe" } })
    await expect(judged(world, invariants, observing, sha512Of(evil("first")))).rejects.toThrow(/only nobody attested/)
  })

  test("bytes that a quorum attests and the registry never served", async () => {
    const { world, invariants, person } = await watched("three liars")
    for (const name of ["beta", "gamma", "delta"]) lie(world.node(name))
    world.registry.publish("second")
    await expect(judged(world, invariants, person, sha512Of(evil("second")))).rejects.toThrow(/served to no honest operator only/)
  })

  test("a client that checks no signatures", async () => {
    const { world, invariants } = await watched("unchecked")
    const careless = world.join("careless", { crypto: { ...world.crypto, verifyEd25519: () => true } })
    const forged = (text: string): string => text.replaceAll(/(— \S+example\/witness [A-Za-z0-9+/]{40})./g, "$1=".replace("=", "A"))
    for (const node of world.nodes) {
      node.dishonesty = {
        async intercept(request, honest) {
          const answer = await honest()
          return request.path === "/v1/evidence" ? { ...answer, body: Buffer.from(forged(Buffer.from(answer.body).toString("utf8"))) } : answer
        },
      }
    }
    await expect(judged(world, invariants, careless)).rejects.toThrow(/only nobody attested under cosigned heads/)
  })

  test("witnesses that check nothing: two histories are accepted", async () => {
    const { world, invariants, person } = await watched("blind witnesses")
    invariants.dishonest.add("alpha")
    for (const name of ["beta", "gamma"]) cosignAnything(world.node(name), world.simulation.clock.nowMs)
    const other = world.join("other")
    invariants.watch(await fork(world, world.node("alpha"), (host) => host === "other"))
    world.registry.publish("second")
    expect((await judged(world, invariants, person)).ok).toBe(true)
    await expect(judged(world, invariants, other)).rejects.toThrow(/two histories of alpha\.example\/(?:log|notices) were accepted, the last by other/)
  })

  test("a log that loses what it had signed", async () => {
    const { world, invariants, person } = await watched("lost")
    const { kept } = world.node("beta").disks.log
    const before = { ...kept }
    world.registry.publish("second")
    await judged(world, invariants, person)
    Object.assign(kept, { signed: before.signed })
    expect(() => invariants.check()).toThrow(/beta\.example\/log has 1 signed entries after it had 2/)
  })

  test("a witness that goes back", async () => {
    const { world, invariants, person } = await watched("back")
    const { heads } = world.node("beta").disks.witness
    const before = new Map(heads)
    world.registry.publish("second")
    await judged(world, invariants, person)
    for (const [origin, head] of before) heads.set(origin, head)
    expect(() => invariants.check()).toThrow(/witness beta went back/)
  })

  test("a refusal that says not what to do", async () => {
    const { world, invariants, person } = await watched("hint")
    for (const node of world.nodes) node.crash()
    world.registry.publish("second")
    const request = person.wants(world.registry.published.at(-1) as never)
    const result = await world.run(person.check([request]))
    const mute = { ...result, verdicts: result.verdicts.map((verdict) => ({ ...verdict, findings: verdict.findings.map(({ hint: _hint, ...rest }) => rest) })) as typeof result.verdicts }
    expect(() => invariants.judge(person, [request], result)).not.toThrow()
    expect(() => invariants.judge(person, [request], mute)).toThrow(/without a hint/)
  })

  test("all of it in a random run, which names its seed and step", async () => {
    const run = randomRun("gullible", 400, (world) => {
      world.people.splice(0, 1)
      world.join("person-1-gullible", lowered(world))
    })
    await expect(run).rejects.toThrow(Violation)
    await expect(run).rejects.toThrow(/^seed gullible, step \d+ \(.+\): person-1-gullible was allowed .*\nreplay: VOUCHSAFE_SIMULATION_SEED=gullible\nlast events:/)
  })
})

test("the yardstick itself: heads agree while one history can hold them all", () => {
  const [main, copy] = [createHistory("main"), createHistory("copy")]
  const agreement = createAgreement(() => [main, copy])
  for (const history of [main, copy]) history.append("first")
  expect(agreement.accept(1, main.rootAt(1) ?? "")).toBe(true)
  // A copy signs first what both will have.
  copy.append("second")
  expect(agreement.accept(2, copy.rootAt(2) ?? "")).toBe(true)
  for (const entry of ["second", "third"]) main.append(entry)
  expect(agreement.accept(3, main.rootAt(3) ?? "")).toBe(true)
  copy.append("another")
  expect(agreement.accept(3, copy.rootAt(3) ?? "")).toBe(false)
  expect(agreement.accept(1, "0".repeat(64))).toBe(false)
  expect(agreement.sizeMax).toBe(3)
})

test("the yardstick itself: roots as RFC 6962 defines them", () => {
  const history = createHistory("h")
  expect(history.rootAt(0)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  for (const entry of ["", "\u0000"]) history.append(entry)
  // The first two of the tree of the certificate-transparency tests.
  expect(history.rootAt(1)).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
  expect(history.rootAt(2)).toBe("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")
})
