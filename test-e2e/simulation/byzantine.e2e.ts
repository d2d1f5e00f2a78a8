/** Four authorities of which some are dishonest, each way of being it a test: no bad install, and a proof where there is one to be had. */
import { buildForkProof, formatMisbehavior, nobleCrypto, openCheckpoint, parseMisbehavior, parseRoster, verifyMisbehavior } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { counted, expectAllowed, expectRefused, proofAgainst, remembered } from "./support.ts"
import { cosignAnything, DAY_MS, equivocatingAnswer, evil, fallSilent, fork, lie, rollBack, withholdTiles } from "./world/dishonesty.ts"
import { sha512Of } from "./world/registry.ts"
import { createWorld, type Person, type World } from "./world/world.ts"

const MINUTE_MS = 60_000
/** Longer than a client leaves a node unasked. */
const LATER_MS = 6 * MINUTE_MS

async function check(world: World, person: Person, name: string, sha512?: string) {
  const version = world.registry.published.find((one) => one.name === name)
  if (version === undefined) throw new Error(`${name} is not published`)
  const request = { ...person.wants(version), ...(sha512 === undefined ? {} : { sha512 }) }
  const result = await world.run(person.check([request]))
  return { ...result, verdict: result.verdicts[0] as NonNullable<(typeof result.verdicts)[0]> }
}

/** A world in which one package was installed by everybody, so that there are heads to remember. */
async function settled(seed: string, people = 1): Promise<World> {
  const world = await createWorld({ seed, people })
  for (const name of ["first", "second", "third"]) {
    world.registry.publish(name)
    for (const person of world.people) expectAllowed((await check(world, person, name)).verdict)
  }
  return world
}

const onePerson = (world: World): Person => world.people[0] as Person

describe("attesters", () => {
  test("one that lies: the install goes on without it, and what it says is nowhere believed", async () => {
    const world = await settled("lying attester")
    lie(world.node("delta"))
    world.registry.publish("fresh")
    const honest = await check(world, onePerson(world), "fresh")
    expectAllowed(honest.verdict)
    expect(counted(honest.verdict)).toEqual(["alpha", "beta", "gamma"])
    expect(honest.verdict.findings).toContainEqual(expect.objectContaining({ code: "DIGEST_CONFLICT", severity: "warn", saidBy: ["delta"] }))
    expectRefused((await check(world, onePerson(world), "fresh", sha512Of(evil("fresh")))).verdict, "NOT_VOUCHED", "DIGEST_CONFLICT")
  })

  test("two that collude: refused at threshold 3, their bytes and, since two disagree, any others", async () => {
    const world = await settled("two colluding attesters")
    lie(world.node("gamma"))
    lie(world.node("delta"))
    world.registry.publish("fresh")
    const bad = await check(world, onePerson(world), "fresh", sha512Of(evil("fresh")))
    expectRefused(bad.verdict, "DIGEST_CONFLICT", "NOT_VOUCHED")
    expect(counted(bad.verdict)).toEqual(["delta", "gamma"])
    expectRefused((await check(world, onePerson(world), "fresh")).verdict, "DIGEST_CONFLICT", "NOT_VOUCHED")
    expectAllowed((await check(world, onePerson(world), "first")).verdict)
  })

  test("one that vetoes everything: single withdrawals refuse and name it, a flood of them needs a second operator", async () => {
    const world = await settled("vetoing attester")
    const { attester } = world.node("delta").running?.services ?? {}
    if (attester === undefined) throw new Error("delta is off")
    const veto = (name: string) => {
      const { purl, registry, sha512 } = world.registry.published.find((one) => one.name === name) ?? world.registry.publish(name)
      return world.run(attester.withdraw({ purl, registry, sha512, reason: "I say so" }))
    }
    await veto("first")
    await world.advance(LATER_MS)
    const one = await check(world, onePerson(world), "first")
    expectRefused(one.verdict, "WITHDRAWN")
    expect(one.verdict.findings).toContainEqual(expect.objectContaining({ code: "WITHDRAWN", severity: "deny", saidBy: ["delta"] }))
    expectAllowed((await check(world, onePerson(world), "second")).verdict)
    for (let i = 0; i < 201; i++) await veto(`other-${i}`)
    await veto("second")
    await world.advance(LATER_MS)
    for (const name of ["first", "second"]) {
      const flooded = await check(world, onePerson(world), name)
      expectAllowed(flooded.verdict)
      expect(flooded.verdict.findings).toContainEqual(expect.objectContaining({ code: "WITHDRAWN", severity: "warn", saidBy: ["delta"] }))
    }
    await world.run(world.node("gamma").running?.services.attester.withdraw({ ...onePerson(world).wants(world.registry.published[1] as never), sha512: (world.registry.published[1] as { sha512: string }).sha512, reason: "me too" }) ?? Promise.reject(new Error("off")))
    await world.advance(LATER_MS)
    expectRefused((await check(world, onePerson(world), "second")).verdict, "WITHDRAWN")
  })

  test("two keys of one operator: one voice, in a roster and under a policy", async () => {
    const world = await createWorld({ seed: "two keys", operators: ["alpha", "beta"], operatorOf: () => "alpha" })
    expect(world.roster.operators).toEqual(["alpha"])
    expect(world.roster.nodes).toHaveLength(2)
    world.registry.publish("fresh")
    const alone = await check(world, onePerson(world), "fresh")
    expectAllowed(alone.verdict)
    expect(counted(alone.verdict)).toEqual(["alpha"])
    expect(alone.verdict.labels).toContain("single-operator")
    const strict = world.join("strict", { policy: { threshold: 2 } })
    expectRefused((await check(world, strict, "fresh")).verdict, "NOT_VOUCHED")
    const several = (await createWorld({ seed: "several" })).rosterText.replace('"operator": "delta"', '"operator": "gamma"')
    expect(() => parseRoster(nobleCrypto, several)).toThrow(expect.objectContaining({ code: "ROSTER_MALFORMED" }))
  })

  test("a duplicate in its sequence: two words about one package in one log convict the log", async () => {
    const world = await settled("duplicate sequence")
    const delta = world.node("delta")
    await equivocatingAnswer(world, delta)
    onePerson(world).cache.clear()
    onePerson(world).restart()
    const { verdict, misbehavior } = await check(world, onePerson(world), "first")
    expectAllowed(verdict)
    expect(counted(verdict)).toEqual(["alpha", "beta", "gamma"])
    expect(misbehavior).toHaveLength(1)
    expect(proofAgainst(onePerson(world), delta.place.log)).toMatchObject({ kind: "equivocation", origin: delta.place.log.name })
  })
})

describe("logs", () => {
  test("one that forks alone: witnesses cosign one history, the other counts nowhere; a witness keeps what proves it", async () => {
    const world = await settled("forking log")
    const alpha = world.node("alpha")
    const second = await fork(world, alpha, () => false)
    // Three entries in either history, which are not the same ones.
    for (const name of ["fourth", "fifth"]) {
      world.registry.publish(name)
      expectAllowed((await check(world, onePerson(world), name)).verdict)
      await world.run(second.running?.services.attester.observe({ purl: world.registry.published.at(-1)?.purl ?? "", registry: "https://registry.example/" }) ?? Promise.reject(new Error("off")))
    }
    await world.advance(MINUTE_MS)
    expect(second.running?.services.observations.log.cosigned()?.size).toBe(3)
    const before = remembered(onePerson(world))
    alpha.dishonesty = { intercept: (request) => second.handle(request) }
    world.registry.publish("sixth")
    const { verdict, failures } = await check(world, onePerson(world), "sixth")
    expectAllowed(verdict)
    expect(counted(verdict)).toEqual(["beta", "delta", "gamma"])
    expect(failures).toContainEqual(expect.objectContaining({ operator: "alpha", code: "LOG_ROLLED_BACK" }))
    expect(onePerson(world).state.head(alpha.place.log.vkey)).toBe(new Map(before.heads).get(alpha.place.log.vkey))
    const kept = (await Promise.all(["beta", "gamma", "delta"].map((name) => world.node(name).running?.services.witness.misbehavior() ?? []))).flat()
    const found = kept.find(({ origin }) => origin === alpha.place.log.name)
    const proof = found === undefined ? undefined : buildForkProof(nobleCrypto, { key: alpha.place.log, older: found.older, newer: found.newer, consistency: found.consistency })
    expect(proof, "no witness holds a proof").toBeDefined()
    if (proof !== undefined) expect(verifyMisbehavior(nobleCrypto, parseMisbehavior(formatMisbehavior(proof)), alpha.place.log)).toBe(true)
  })

  test("one that forks with a witness that cosigns it: who sees both histories holds the proof, and the log counts no more", async () => {
    const world = await settled("forking log with accomplice", 2)
    const [one, other] = world.people as [Person, Person]
    const { alpha, gamma } = await forkWithAccomplice(world)
    // The other person has only ever seen the second history.
    expectAllowed((await check(world, other, "fresh")).verdict)
    expectAllowed((await check(world, one, "fresh")).verdict)
    expect([one, other].map((person) => person.state.misbehavior())).toEqual([[], []])
    const [mine, theirs] = [one, other].map((person) => openCheckpoint(nobleCrypto, person.state.head(alpha.place.log.vkey) ?? "", alpha.place.log).checkpoint)
    expect(mine?.root).not.toEqual(theirs?.root)
    // The links change, and with them what alpha can hide.
    alpha.dishonesty = {}
    world.simulation.links.healAll()
    await world.advance(LATER_MS)
    world.registry.publish("afterwards")
    const { verdict, misbehavior } = await check(world, other, "afterwards")
    expect(misbehavior.map(({ operator }) => operator)).toEqual(["alpha", "gamma"])
    expect(proofAgainst(other, alpha.place.log)).toMatchObject({ kind: "fork", origin: alpha.place.log.name })
    expect(proofAgainst(other, gamma.place.witness)).toMatchObject({ kind: "witness-fork", origin: alpha.place.log.name })
    expect(counted(verdict)).not.toContain("alpha")
    other.restart()
    world.registry.publish("much-later")
    // Heads that nodes publish have the first cosignatures that are a quorum, gamma's among them; a moment later they have all.
    await check(world, other, "much-later")
    await world.advance(MINUTE_MS)
    const after = await check(world, other, "much-later")
    expectAllowed(after.verdict)
    expect(counted(after.verdict)).toEqual(["beta", "delta", "gamma"])
    expect(after.verdict.findings).toContainEqual(expect.objectContaining({ code: "LOG_MISBEHAVED", saidBy: ["alpha"] }))
  })

  test("one that rolls back: it does not count until it has caught up, and the larger head stays", async () => {
    const world = await settled("rolling back")
    const alpha = world.node("alpha")
    const old = await rollBack(world, alpha)
    alpha.dishonesty = {}
    world.registry.publish("fourth")
    expectAllowed((await check(world, onePerson(world), "fourth")).verdict)
    const before = remembered(onePerson(world))
    alpha.dishonesty = { intercept: (request) => old.handle(request) }
    await world.advance(LATER_MS)
    world.registry.publish("fifth")
    const { verdict, failures } = await check(world, onePerson(world), "fifth")
    expectAllowed(verdict)
    expect(counted(verdict)).toEqual(["beta", "delta", "gamma"])
    expect(failures).toContainEqual(expect.objectContaining({ operator: "alpha", code: "LOG_ROLLED_BACK" }))
    expect(new Map(remembered(onePerson(world)).heads).get(alpha.place.log.vkey)).toBe(new Map(before.heads).get(alpha.place.log.vkey))
    expect(onePerson(world).state.misbehavior()).toEqual([])
    alpha.dishonesty = {}
    onePerson(world).restart()
    world.registry.publish("sixth")
    expect(counted((await check(world, onePerson(world), "sixth")).verdict)).toEqual(["alpha", "beta", "delta", "gamma"])
  })

  test("one that withholds its tiles: what it proves in its answers counts, what only tiles could prove does not", async () => {
    const world = await settled("withholding tiles", 2)
    const [one, other] = world.people as [Person, Person]
    const { alpha } = await forkWithAccomplice(world)
    expectAllowed((await check(world, other, "fresh")).verdict)
    expectAllowed((await check(world, one, "fresh")).verdict)
    withholdTiles(alpha)
    world.simulation.links.healAll()
    world.registry.publish("fourth")
    expectAllowed((await check(world, one, "fourth")).verdict)
    expect(counted((await check(world, one, "fourth")).verdict)).toEqual(["alpha", "beta", "delta", "gamma"])
    // To the other one alpha must show that its first history extends the second, and cannot.
    await world.advance(LATER_MS)
    const before = remembered(other)
    const { verdict, failures } = await check(world, other, "fourth")
    expectAllowed(verdict)
    expect(counted(verdict)).toEqual(["beta", "delta", "gamma"])
    expect(failures).toContainEqual(expect.objectContaining({ operator: "alpha", code: "PROOF_INVALID" }))
    expect(other.state.head(alpha.place.log.vkey)).toBe(new Map(before.heads).get(alpha.place.log.vkey))
  })
})

/** Alpha's log goes two ways; gamma's witness cosigns both, beta sees only the first, delta and the second person only the second. */
async function forkWithAccomplice(world: World) {
  const [alpha, gamma] = [world.node("alpha"), world.node("gamma")]
  cosignAnything(gamma, world.simulation.clock.nowMs)
  const second = await fork(world, alpha, (host) => host === "person-2")
  world.simulation.links.cut("alpha", "delta", "reset")
  world.simulation.links.cut(second.host, "beta", "reset")
  world.registry.publish("fresh")
  return { alpha, gamma, second }
}

describe("witnesses", () => {
  test("one that is dead: the others are a quorum, and its operator's own log goes on", async () => {
    const world = await settled("dead witness")
    const delta = world.node("delta")
    delta.dishonesty = { intercept: (request, honest) => (request.path.startsWith("/witness/") ? new Promise(() => undefined) : honest()) }
    world.registry.publish("fresh")
    const { verdict } = await check(world, onePerson(world), "fresh")
    expectAllowed(verdict)
    expect(counted(verdict)).toEqual(["alpha", "beta", "delta", "gamma"])
  })

  test("two that are dead: heads of two logs reach no quorum, and what is new is refused, not believed", async () => {
    const world = await settled("dead witnesses")
    for (const name of ["gamma", "delta"]) world.node(name).dishonesty = { intercept: (request, honest) => (request.path.startsWith("/witness/") ? new Promise(() => undefined) : honest()) }
    world.registry.publish("fresh")
    expectRefused((await check(world, onePerson(world), "fresh")).verdict, "PENDING", "UNREACHABLE", "NOTICES_STALE")
    expectAllowed((await check(world, onePerson(world), "first")).verdict)
  })

  test.each(["ahead", "behind"])("a node whose clock is a day %s: installs go on, no time of it is believed", async (where) => {
    const world = await settled(`clock ${where}`)
    world.simulation.setSkew("delta", where === "ahead" ? DAY_MS : -DAY_MS)
    for (const name of ["fourth", "fifth"]) {
      world.registry.publish(name)
      const { verdict } = await check(world, onePerson(world), name)
      expectAllowed(verdict)
      expect(counted(verdict)).toEqual(expect.arrayContaining(["alpha", "beta", "gamma"]))
      const nowSeconds = world.simulation.clock.nowMs() / 1000
      for (const { checkpointTime } of verdict.claims) expect(Math.abs(checkpointTime - nowSeconds)).toBeLessThan(600)
      await world.advance(LATER_MS)
    }
  })

  test("a person whose clock is a day behind is told so; one whose clock is a day ahead finds no fresh notices", async () => {
    const world = await settled("a person's clock", 2)
    const [one, other] = world.people as [Person, Person]
    world.simulation.setSkew(one.host, -DAY_MS)
    world.simulation.setSkew(other.host, DAY_MS + 60 * MINUTE_MS)
    await world.advance(LATER_MS)
    world.registry.publish("fresh")
    expectRefused((await check(world, one, "fresh")).verdict, "CLOCK_BEHIND")
    expectRefused((await check(world, other, "fresh")).verdict, "NOTICES_STALE")
  })
})

test("a node that takes connections and never answers: the install goes on when its time is over", async () => {
  const world = await settled("silent node")
  fallSilent(world.node("delta"))
  world.registry.publish("fresh")
  const { verdict } = await check(world, onePerson(world), "fresh")
  expectAllowed(verdict)
  expect(counted(verdict)).toEqual(["alpha", "beta", "gamma"])
})
