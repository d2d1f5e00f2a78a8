/**
 * Random runs: what may happen to a world, and how often. Everything is drawn from the seed.
 *
 * @packageDocumentation
 */
import type { CheckResult } from "@vouchsafe/client"
import type { ArtifactRequest } from "@vouchsafe/core"
import { createRandom, FAULTS, type Random } from "@vouchsafe/testkit"
import { DAY_MS, isVetoed, KINDS, repent, turn } from "./dishonesty.ts"
import { type Invariants, Violation, watchInvariants } from "./invariants.ts"
import type { NodeHost } from "./node-host.ts"
import { type Published, REGISTRY_HOST } from "./registry.ts"
import { STORES } from "./stores.ts"
import { createWorld, OPERATORS, type Person, type World } from "./world.ts"

/** What one run came to. */
export interface RunResult {
  readonly seed: string
  readonly steps: number
  readonly digest: string
  readonly accepted: Invariants["accepted"]
  readonly counts: ReadonlyMap<string, number>
}

interface Run {
  readonly world: World
  readonly invariants: Invariants
  readonly random: Random
  readonly dishonest: NodeHost
  /** Withdrawn by honest operators. */
  readonly withdrawn: Set<string>
  number: number
  /** The latest time that any clock ever showed. */
  aheadUntilMs: number
}

type Step = (run: Run) => Promise<void> | void

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
/** How far ahead of its clock a witness's last word may be. */
const FORGIVEN_MS = 5 * MINUTE_MS
/** Longer than nodes remember that a registry failed, than they wait before they ask a witness again, and than a notices head lasts. */
const HEALING_MS = 35 * MINUTE_MS
/** Part of the runs in which nodes gossip: that costs three times as much, and safety must not depend on it. */
const GOSSIPING = 0.3
/** Packages of the first steps. */
const PACKAGES_FIRST = 3

async function install(run: Run, person: Person, versions: readonly Published[]): Promise<void> {
  const requests = versions.map((version) => person.wants(version))
  const result = await run.world.run(person.check(requests))
  run.invariants.check()
  run.invariants.judge(person, requests, result)
}

/** Two people at once: their requests meet at the nodes. */
async function installTogether(run: Run, versions: readonly Published[]): Promise<void> {
  const asked = run.world.people.map((person): { person: Person; requests: ArtifactRequest[]; result: Promise<CheckResult> } => {
    const requests = versions.map((version) => person.wants(version))
    return { person, requests, result: person.check(requests) }
  })
  const results = await run.world.run(Promise.all(asked.map(({ result }) => result)))
  run.invariants.check()
  for (const [i, { person, requests }] of asked.entries()) run.invariants.judge(person, requests, results[i] as CheckResult)
}

const hosts = ({ world }: Run): string[] => [...world.nodes.map(({ host }) => host), ...world.people.map(({ host }) => host), REGISTRY_HOST]
const some = <T>(random: Random, list: readonly T[], most: number): T[] => list.filter(() => random.chance(0.5)).slice(0, most)
const publish = (run: Run): Published => run.world.registry.publish(`package-${run.world.registry.published.length}`)

/** Steps with their weights. */
const STEPS: readonly (readonly [name: string, weight: number, step: Step])[] = [
  ["install", 30, (run) => install(run, run.random.pick(run.world.people), [run.random.pick(run.world.registry.published)])],
  ["install several", 5, (run) => {
    const versions = some(run.random, run.world.registry.published.slice(-6), 4)
    return versions.length === 0 ? undefined : install(run, run.random.pick(run.world.people), versions)
  }],
  ["install together", 4, (run) => installTogether(run, [run.random.pick(run.world.registry.published)])],
  ["publish", 4, (run) => void publish(run)],
  ["publish and install", 5, (run) => install(run, run.random.pick(run.world.people), [publish(run)])],
  ["other bytes for some", 2, (run) => {
    const version = run.random.chance(0.5) ? publish(run) : run.random.pick(run.world.registry.published)
    run.world.registry.tamper(version, some(run.random, hosts(run), 9), `other ${run.number}`)
    return install(run, run.random.pick(run.world.people), [version])
  }],
  ["the same bytes for all", 2, (run) => run.world.registry.mend(run.random.pick(run.world.registry.published))],
  ["cut a link", 4, ({ world, random, ...run }) => {
    const all = hosts({ world, random, ...run })
    world.simulation.links.cut(random.pick(all), random.pick(all), random.pick(["silent", "reset"]))
  }],
  ["heal the links", 5, ({ world }) => world.simulation.links.healAll()],
  ["partition", 2, ({ world, random, ...run }) => {
    const left = some(random, hosts({ world, random, ...run }), 9)
    world.simulation.links.partition([left, hosts({ world, random, ...run }).filter((host) => !left.includes(host))], random.pick(["silent", "reset"]))
  }],
  ["weather", 3, ({ world, random }) => {
    const isBad = random.chance(0.5)
    world.simulation.links.setDefault(isBad ? { drop: random.next() * 0.2, duplicate: random.next() * 0.3, delayMs: [1, random.between(20, 1_500)] } : { drop: 0, duplicate: 0, delayMs: [1, 20] })
  }],
  ["crash", 3, ({ world, random }) => random.pick(world.nodes).crash()],
  ["start what is down", 5, ({ world }) => startAll(world)],
  ["a disk fails", 3, ({ world, random }) => random.pick(world.nodes).failNextWrite(random.pick(STORES), random.pick(FAULTS))],
  ["a clock goes wrong", 1.5, (run) => skew(run, run.random.pick(run.world.nodes).host)],
  ["a person's clock goes wrong", 1, (run) => skew(run, run.random.pick(run.world.people).host)],
  ["clocks are set", 3, (run) => (run.aheadUntilMs - run.world.simulation.clock.nowMs() > FORGIVEN_MS ? night(run) : setClocks(run.world, run.dishonest))],
  ["a moment passes", 8, ({ world, random }) => world.advance(random.between(1, 30_000))],
  ["minutes pass", 2, ({ world, random }) => world.advance(random.between(1, 12) * MINUTE_MS)],
  ["a night passes", 0.1, (run) => night(run)],
  ["an hour passes", 0.1, ({ world }) => world.advance(HOUR_MS)],
  ["a cache is emptied", 1, ({ world, random }) => random.pick(world.people).cache.clear()],
  ["another process", 3, ({ world, random }) => random.pick(world.people).restart()],
  ["a withdrawal", 0.3, async ({ world, random, withdrawn, dishonest }) => {
    const node = random.pick(world.nodes)
    const { purl, registry, sha512 } = random.pick(world.registry.published)
    if (node === dishonest || node.running === undefined) return
    withdrawn.add(purl)
    await world.run(node.running.services.attester.withdraw({ purl, registry, sha512, reason: "bad" }).then(() => undefined, () => undefined))
  }],
  ["somebody turns", 3, async (run) => turn(run.world, run.invariants, run.dishonest, run.random.pick(KINDS), run.random, run.number)],
]
const WEIGHTS = STEPS.reduce((sum, [, weight]) => sum + weight, 0)

function draw(random: Random): (typeof STEPS)[number] {
  let left = random.next() * WEIGHTS
  for (const step of STEPS) {
    left -= step[1]
    if (left < 0) return step
  }
  return STEPS[0] as (typeof STEPS)[number]
}

/** Mostly by minutes, which clients and witnesses forgive or not, now and then by up to a day. */
function skew(run: Run, host: string): void {
  const { world: { simulation }, random } = run
  simulation.setSkew(host, random.pick([-1, 1]) * random.between(0, random.chance(0.8) ? 10 * MINUTE_MS : DAY_MS))
  run.aheadUntilMs = Math.max(run.aheadUntilMs, simulation.clock.nowMs() + simulation.skew(host))
}

/** Everything is switched off until the times have come that clocks which were ahead had named: a witness never goes back behind its own word. */
async function night({ world, dishonest }: Run): Promise<void> {
  repent(world, dishonest)
  for (const node of world.nodes) node.crash()
  await world.advance(DAY_MS + MINUTE_MS)
  setClocks(world, dishonest)
  await startAll(world)
}

async function startAll(world: World): Promise<void> {
  await world.run(Promise.all(world.nodes.map((node) => node.boot())))
}

function setClocks(world: World, except?: NodeHost): void {
  for (const { host } of [...world.nodes, ...world.people]) if (host !== except?.host) world.simulation.setSkew(host, 0)
}

/** Ends all faults, and demands that people can install again: what was never anything but honest, and what is new. */
async function converge(run: Run): Promise<void> {
  const { world, invariants, withdrawn } = run
  world.simulation.links.healAll()
  world.simulation.links.setDefault({ drop: 0, duplicate: 0, delayMs: [1, 20] })
  for (const node of world.nodes) node.disks.faults.clear()
  repent(world, run.dishonest)
  setClocks(world)
  await night(run)
  await world.advance(HEALING_MS)
  invariants.check()
  const clean = world.registry.published.filter(({ purl, wasTampered }) => !wasTampered && !withdrawn.has(purl) && !isVetoed(world, purl))
  const versions = [...some(run.random, clean, 12), publish(run)]
  for (const person of world.people) {
    person.restart()
    const requests = versions.map((version) => person.wants(version))
    const result = await world.run(person.check(requests))
    invariants.check()
    invariants.judge(person, requests, result)
    const refused = result.verdicts.find(({ ok }) => !ok)
    if (refused !== undefined) {
      const why = refused.findings.map(({ code, severity, message }) => `${severity} ${code}: ${message}`).join("; ")
      throw new Violation(`seed ${world.simulation.seed}: after all was healed ${person.host} cannot install ${refused.purl}: ${why}; nodes said: ${result.failures.map(({ operator, code, message }) => `${operator} ${code} ${message}`).join("; ")}`)
    }
  }
}

/** One run. Rejects with a {@link Violation} that names the seed and the step. */
export async function randomRun(seed: string, steps: number, onWorld: (world: World) => void = () => undefined): Promise<RunResult> {
  const world = await createWorld({ seed, people: 2, gossip: createRandom(`${seed}/gossip`).chance(GOSSIPING) })
  onWorld(world)
  const { random } = world.simulation
  const invariants = watchInvariants(world)
  const dishonest = world.node(random.pick(OPERATORS))
  invariants.dishonest.add(dishonest.operator)
  const run: Run = { world, invariants, random, dishonest, withdrawn: new Set(), number: 0, aheadUntilMs: 0 }
  for (let i = 0; i < PACKAGES_FIRST; i++) publish(run)
  const counts = new Map<string, number>()
  for (run.number = 1; run.number <= steps; run.number++) {
    const [name, , step] = draw(random)
    invariants.step = `step ${run.number} (${name})`
    world.simulation.time.note(invariants.step)
    counts.set(name, (counts.get(name) ?? 0) + 1)
    try {
      await step(run)
      invariants.check()
    } catch (error) {
      if (error instanceof Violation) throw error
      throw new Violation(`seed ${seed}, ${invariants.step}: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }
  invariants.step = "after the last step"
  await converge(run)
  return { seed, steps, digest: world.simulation.time.traceDigest(), accepted: invariants.accepted, counts }
}
