/**
 * Ways in which an operator is dishonest, or just broken, with its own keys.
 *
 * @packageDocumentation
 */
import { cosign, formatEvidenceAnswer, parseCheckpoint, parseEvidenceAnswer, parseNote, utf8Decode, utf8Encode } from "@vouchsafe/core"
import type { HttpResponse } from "@vouchsafe/ports"
import type { Random, SimulatedRequest } from "@vouchsafe/testkit"
import type { Invariants } from "./invariants.ts"
import type { NodeHost } from "./node-host.ts"
import { packageOf } from "./registry.ts"
import type { World } from "./world.ts"

export const DAY_MS = 24 * 3_600_000

const text = (status: number, body: string): HttpResponse => ({ status, headers: { "content-type": "text/plain; charset=utf-8" }, body: utf8Encode(body) })
const never = (): Promise<HttpResponse> => new Promise(() => undefined)

/** The bytes that liars claim to have seen. */
export const evil = (name: string): Uint8Array => packageOf(name, "evil")

/** Claims to have been served other bytes. */
export function lie(node: NodeHost, isLiedAbout: (name: string) => boolean = () => true): void {
  node.dishonesty = { distort: (name, bytes) => (isLiedAbout(name) ? evil(name) : bytes) }
}

/** Shows some a second history of its logs, kept by a second machine. @returns that machine, running */
export async function fork(world: World, node: NodeHost, isShownFork: (host: string) => boolean, name = `${node.host}-fork`): Promise<NodeHost> {
  const second = node.shadow(name)
  second.dishonesty = { distort: (packageName) => evil(packageName) }
  await world.run(second.boot())
  node.dishonesty = { intercept: (request, honest) => (isShownFork(request.from) ? second.handle(request) : honest()) }
  return second
}

/** Shows everybody its logs as they are now, for ever. */
export async function rollBack(world: World, node: NodeHost, name = `${node.host}-old`): Promise<NodeHost> {
  const old = node.shadow(name)
  await world.run(old.boot())
  // Nothing new comes into the copy: it is switched off from its registry.
  world.simulation.links.cut(name, "registry", "reset")
  node.dishonesty = { intercept: (request) => old.handle(request) }
  return old
}

/** Keeps its tiles to itself. */
export function withholdTiles(node: NodeHost): void {
  node.dishonesty = { intercept: (request, honest) => (/^\/(?:log|notices)\/tile\//.test(request.path) ? Promise.resolve(text(404, "not found\n")) : honest()) }
}

/** Cosigns whatever it is sent. */
export function cosignAnything(node: NodeHost, nowMs: () => number): void {
  node.dishonesty = {
    async intercept(request, honest) {
      if (request.path !== "/witness/add-checkpoint") return honest()
      const body = utf8Decode(request.body)
      const { text: checkpoint } = parseNote(body.slice(body.indexOf("\n\n") + 2))
      parseCheckpoint(checkpoint)
      return text(200, cosign(node.keys.witness, checkpoint, Math.floor(nowMs() / 1000)))
    },
  }
}

/** Takes connections and never answers. */
export function fallSilent(node: NodeHost): void {
  node.dishonesty = { intercept: never }
}

/** Answers with its own answers, damaged. */
export function talkRubbish(node: NodeHost, random: Random): void {
  node.dishonesty = {
    async intercept(_request, honest) {
      const answer = await honest()
      const body = Uint8Array.from(answer.body)
      if (body.length === 0) return { ...answer, status: 500 }
      switch (random.int(3)) {
        case 0: return { ...answer, body: body.subarray(0, random.int(body.length)) }
        case 1: {
          const at = random.int(body.length)
          body[at] = (body[at] as number) ^ (1 << random.int(7))
          return { ...answer, body }
        }
        default: return { ...answer, status: random.pick([204, 301, 404, 500, 503]) }
      }
    },
  }
}

/** Answers with what it answered earlier to the same kind of request. */
export function replay(node: NodeHost, random: Random): void {
  const earlier = new Map<string, HttpResponse[]>()
  node.dishonesty = {
    async intercept(request: SimulatedRequest, honest) {
      const list = earlier.get(request.path) ?? []
      earlier.set(request.path, list)
      const answer = await honest()
      if (list.length < 50) list.push(answer)
      return random.chance(0.5) ? random.pick(list) : answer
    },
  }
}

/** Everything that one operator may turn to in a random run. */
export const KINDS = ["liar", "forker", "rollback", "withholder", "cosigner", "silent", "rubbish", "replayer", "skewed", "vetoer", "equivocator", "honest"] as const
export type Kind = (typeof KINDS)[number]

/** The second machine that an operator hides. */
const seconds = new WeakMap<NodeHost, NodeHost>()

/** Ends what an operator does; what it did stays done. */
export function repent({ simulation }: World, node: NodeHost): void {
  node.dishonesty = {}
  simulation.setSkew(node.host, 0)
  seconds.get(node)?.crash()
  seconds.delete(node)
}

/** Turns an operator to a kind of dishonesty, in place of the former. */
export async function turn(world: World, invariants: Invariants, node: NodeHost, kind: Kind, random: Random, number: number): Promise<void> {
  const { simulation } = world
  repent(world, node)
  switch (kind) {
    case "liar": return lie(node, () => random.chance(0.5))
    case "forker": {
      const side = new Set(["person-1", "person-2", ...world.roster.operators].filter(() => random.chance(0.5)))
      const second = await fork(world, node, (host) => side.has(host), `${node.host}-fork-${number}`)
      seconds.set(node, second)
      return invariants.watch(second)
    }
    case "rollback": {
      const second = await rollBack(world, node, `${node.host}-old-${number}`)
      seconds.set(node, second)
      return invariants.watch(second)
    }
    case "withholder": return withholdTiles(node)
    case "cosigner": return cosignAnything(node, simulation.clock.nowMs)
    case "silent": return fallSilent(node)
    case "rubbish": return talkRubbish(node, random)
    case "replayer": return replay(node, random)
    case "skewed": return simulation.setSkew(node.host, random.pick([-1, 1]) * random.between(1, DAY_MS))
    case "vetoer": return veto(world, node, random)
    case "equivocator": return equivocate(world, node, random)
    default:
  }
}

/** Withdraws some package, because it can. */
export async function veto(world: World, node: NodeHost, random: Random): Promise<void> {
  const attester = node.running?.services.attester
  if (attester === undefined || world.registry.published.length === 0) return
  const { purl, registry, sha512 } = random.pick(world.registry.published)
  vetoed.add(`${world.simulation.seed} ${purl}`)
  await world.run(attester.withdraw({ purl, registry, sha512, reason: "because" }).then(() => undefined, () => undefined))
}

/** Withdrawn by dishonest operators: these stay refused. */
const vetoed = new Set<string>()
export const isVetoed = (world: World, purl: string): boolean => vetoed.has(`${world.simulation.seed} ${purl}`)

/** Says in one log two things about one package. */
export async function equivocate(world: World, node: NodeHost, random: Random): Promise<void> {
  const log = node.running?.services.observations.log
  if (log === undefined || log.size === 0) return
  const bytes = await world.run(log.entry(random.int(log.size)))
  const said = utf8Decode(bytes)
  const sha512 = /"sha512":"([0-9a-f]{128})"/.exec(said)?.[1]
  const name = /"name":"(pkg:npm\/[^"]+)"/.exec(said)?.[1]
  if (sha512 === undefined || name === undefined) return
  const other = said.replace(sha512, [...sha512].reverse().join(""))
  await world.run(log.append([{ bytes: utf8Encode(other), keys: [`https://registry.example/ ${name}`] }]).then(() => undefined, () => undefined))
}

/** Says two things about the package of its first entry, and from then on shows both in one answer. */
export async function equivocatingAnswer(world: World, node: NodeHost): Promise<void> {
  const services = node.running?.services
  if (services === undefined) throw new Error(`${node.operator} is off`)
  const { log, cosigner } = services.observations
  const said = utf8Decode(await world.run(log.entry(0)))
  const sha512 = /"sha512":"([0-9a-f]{128})"/.exec(said)?.[1] ?? ""
  const [appended] = await world.run(services.statements.append([{ bytes: utf8Encode(said.replace(sha512, [...sha512].reverse().join(""))), keys: [] }]))
  const index = appended?.index ?? -1
  await world.run(cosigner.reached(index + 1))
  node.dishonesty = {
    async intercept(request, honest) {
      if (request.path !== "/v1/evidence") return honest()
      const answer = parseEvidenceAnswer(utf8Decode((await honest()).body))
      if (!answer.log.indices.includes(0)) return honest()
      const indices = [...answer.log.indices, index]
      const { size } = log.cosigned() ?? { size: 0 }
      const entries = (await log.entries(indices)).map(utf8Decode)
      const both = { ...answer, log: { ...answer.log, indices, entries, proof: await log.proveMulti(indices, size) }, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, indices: artifact.indices.includes(0) ? [0, index] : artifact.indices })) }
      return { status: 200, headers: { "content-type": "application/json" }, body: utf8Encode(formatEvidenceAnswer(both)) }
    },
  }
}
