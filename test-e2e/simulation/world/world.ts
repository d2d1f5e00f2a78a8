/**
 * A world: operators with their machines, a registry, and people who install.
 *
 * @packageDocumentation
 */
import { type CheckResult, type Client, createClient } from "@vouchsafe/client"
import { type ArtifactRequest, type Crypto, formatRoster, parsePolicy, parseRoster, type Policy, type Roster, type RosterNode, type Verdict } from "@vouchsafe/core"
import { createMemoryCache, createMemoryState, createSimulation, type MemoryState, type Simulation } from "@vouchsafe/testkit"
import { signerOf, worldCrypto } from "./crypto.ts"
import { createNodeHost, type NodeHost, type NodeKeys } from "./node-host.ts"
import { type Published, REGISTRY, type SimulatedRegistry, startRegistry } from "./registry.ts"

export const OPERATORS = ["alpha", "beta", "gamma", "delta"] as const

/** Somebody who installs. */
export interface Person {
  readonly host: string
  readonly roster: Roster
  readonly state: MemoryState
  readonly cache: ReturnType<typeof createMemoryCache>
  /** Another process of the same person: same disk, nothing in memory. */
  restart(): void
  check(requests: readonly ArtifactRequest[]): Promise<CheckResult>
  /** What the package manager of this person would install of a version now. */
  wants(version: Published): ArtifactRequest
}

/** How a person's client differs: what tests of the tests are made with. */
export interface PersonOptions {
  readonly policy?: Readonly<Record<string, unknown>>
  readonly roster?: Roster
  readonly crypto?: Crypto
}

export interface World {
  readonly simulation: Simulation
  readonly crypto: Crypto
  readonly registry: SimulatedRegistry
  readonly roster: Roster
  readonly rosterText: string
  readonly nodes: readonly NodeHost[]
  readonly people: Person[]
  /** Errors that nodes logged: their own failures. */
  readonly errors: string[]
  node(operator: string): NodeHost
  join(name: string, options?: PersonOptions): Person
  /** Runs until the work settles. */
  run<T>(work: Promise<T>, limitMs?: number): Promise<T>
  advance(ms: number): Promise<void>
  /** One install by one person, to its verdict. */
  install(person: Person, version: Published): Promise<Verdict>
}

export interface WorldOptions {
  readonly seed: string
  readonly operators?: readonly string[]
  readonly people?: number
  readonly threshold?: number
  /** Whose a machine is; by default an operator has one, and its name. One operator for all makes a roster without witness quorum. */
  readonly operatorOf?: (host: string) => string
  /** Whether nodes gossip, each with all others as neighbours; so by default. */
  readonly gossip?: boolean
  /** More hosts on the overlay, beside every node. */
  readonly strangers?: readonly string[]
  /** Machines that are on at first; all by default. */
  readonly up?: readonly string[]
}

function keysOf(operator: string, seed: string): NodeKeys {
  const name = (role: string): string => `${operator}.example/${role}`
  return { log: signerOf(name("log"), 1, seed), notices: signerOf(name("notices"), 1, seed), witness: signerOf(name("witness"), 4, seed), export: signerOf(name("export"), 1, seed) }
}

function rosterOf(places: readonly RosterNode[], threshold: number | undefined): string {
  const text = formatRoster(places, [REGISTRY], threshold === undefined ? {} : { threshold })
  if (new Set(places.map(({ operator }) => operator)).size > 1 || places.length === 1) return text
  const document = JSON.parse(text) as { policy: string }
  const lines = document.policy.split("\n").filter((line) => !line.startsWith("group ")).map((line, i) => line.replace(/^witness \S+/, `witness w${i}`).replace(/^quorum .*/, "quorum none"))
  return JSON.stringify({ ...document, policy: lines.join("\n") }, null, 2)
}

/** Makes a world and starts its machines. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const operators = options.operators ?? OPERATORS
  const operatorOf = options.operatorOf ?? ((host) => host)
  const simulation = createSimulation({ seed: options.seed })
  const crypto = worldCrypto()
  const registry = startRegistry(simulation)
  const errors: string[] = []
  const keys = new Map(operators.map((operator) => [operator, keysOf(operator, options.seed)]))
  const places = operators.map((host): RosterNode => {
    const own = keys.get(host) as NodeKeys
    return { operator: operatorOf(host), url: `http://${host}.example/`, log: own.log.verifier, notices: own.notices.verifier, witness: own.witness.verifier }
  })
  const rosterText = rosterOf(places, options.threshold)
  const roster = parseRoster(crypto, rosterText)
  const nodes = places.map((place, i) => createNodeHost({
    simulation, crypto, registry, roster: () => ({ text: rosterText, roster }),
    neighboursOf: (host) => (options.gossip === false ? undefined : [...operators, ...options.strangers ?? []].filter((name) => name !== host)),
    onError: (operator, facts, message) => errors.push(`${operator}: ${message} ${JSON.stringify(facts)}`),
  }, operators[i] as string, place, keys.get(operators[i] as string) as NodeKeys))
  const people: Person[] = []

  const world: World = {
    simulation, crypto, registry, roster, rosterText, nodes, people, errors,
    node(operator) {
      const found = nodes.find((node) => node.operator === operator)
      if (found === undefined) throw new Error(`no operator ${operator}`)
      return found
    },
    join(name, more = {}) {
      const person = createPerson(world, name, more)
      people.push(person)
      return person
    },
    run: simulation.time.run,
    advance: simulation.time.advance,
    async install(person, version) {
      const { verdicts } = await simulation.time.run(person.check([person.wants(version)]))
      return verdicts[0] as Verdict
    },
  }
  for (let i = 1; i <= (options.people ?? 1); i++) world.join(`person-${i}`)
  const up = nodes.filter(({ operator }) => options.up?.includes(operator) ?? true)
  await simulation.time.run(Promise.all(up.map((node) => node.boot())))
  return world
}

function createPerson({ simulation, crypto, registry, roster }: World, host: string, options: PersonOptions): Person {
  const state = createMemoryState()
  const cache = createMemoryCache()
  const policy: Policy = parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "r.json", ...options.policy }))
  const { clock } = simulation.life(host)
  const make = (): Client => createClient({
    roster: options.roster ?? roster, policy, crypto: options.crypto ?? crypto, clock, transport: simulation.httpFor(host), cache, state, sleep: simulation.sleepFor(host),
  })
  let client = make()
  return {
    host, state, cache, roster: options.roster ?? roster,
    restart() {
      client = make()
    },
    check: (requests) => client.check(requests),
    wants: (version) => ({ purl: version.purl, registry: version.registry, sha512: registry.sha512For(version, host) }),
  }
}
