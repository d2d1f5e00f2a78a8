/**
 * One operator's machine: the real services and routes of a node over simulated disks, clock and links. What a dishonest operator
 * changes, it changes here.
 *
 * @packageDocumentation
 */
import type { IncomingMessage } from "node:http"
import { type Crypto, isVouchsafeError, NO_UPSTREAM, type Roster, type RosterNode, type Signer, utf8Encode } from "@vouchsafe/core"
import { openConvictions, type OpenedConvictions } from "@vouchsafe/gossip"
import { createNodeService, type NodeService, openGossipPart, type OpenPart, openParts, openServices, type PartContext, type Services } from "@vouchsafe/node"
import type { HttpResponse, HttpTransport, PeerTransport } from "@vouchsafe/ports"
import { createRandom, type Fault, type SimulatedRequest, type Simulation } from "@vouchsafe/testkit"
import { type Distort, REGISTRY, type SimulatedRegistry } from "./registry.ts"
import { createDisks, forkDisks, type NodeDisks, openStores, type Store } from "./stores.ts"

type ServiceOptions = Parameters<typeof createNodeService>[0]

export interface NodeKeys {
  readonly log: Signer
  readonly notices: Signer
  readonly witness: Signer
  readonly export: Signer
}

/** What runs in one life of a machine. */
export interface RunningParts {
  readonly services: Services
  readonly service: NodeService
  readonly convictions: OpenedConvictions
  /** The way to its neighbours; undefined on a machine that is on no overlay. */
  readonly peers: PeerTransport | undefined
}

/** Answers in place of the honest node, or by it. */
export type Intercept = (request: SimulatedRequest, honest: () => Promise<HttpResponse>) => Promise<HttpResponse>

/** How an operator is dishonest. */
export interface Dishonesty {
  readonly intercept?: Intercept
  /** What it pretends that the registry served. */
  readonly distort?: Distort
}

export interface NodeHost {
  readonly operator: string
  readonly host: string
  readonly place: RosterNode
  readonly keys: NodeKeys
  readonly disks: NodeDisks
  running: RunningParts | undefined
  dishonesty: Dishonesty
  /** Starts it, if it is down. Settles when it answers. */
  boot(): Promise<void>
  /** Cuts its power. */
  crash(): void
  /** The next write of a store fails; what cannot go on then ends by itself and starts again. */
  failNextWrite(store: Store, fault: Fault): void
  handle(request: SimulatedRequest): Promise<HttpResponse>
  /** A second machine with the same keys and a copy of the disks, at an address that nobody knows: what a fork is made with. */
  shadow(name: string, neighbours?: readonly string[]): NodeHost
}

export interface NodeWorld {
  readonly simulation: Simulation
  readonly crypto: Crypto
  readonly registry: SimulatedRegistry
  readonly roster: () => { readonly text: string; readonly roster: Roster }
  /** Who is beside a host on the overlay; undefined: there is none. */
  readonly neighboursOf: (host: string) => readonly string[] | undefined
  readonly onError: (operator: string, facts: object, message: string) => void
}

const RESTART_MS = 1_000
/** Parts of a node that need neither sockets nor folders. */
const PARTS: readonly OpenPart[] = [openGossipPart]

const nothing = (): undefined => undefined

/** Figures that nobody reads. */
function noMetrics(): ServiceOptions["metrics"] {
  return {
    answered: nothing, observed: nothing, cosigned: nothing, artifacts: nothing, built: nothing, trustRefreshed: nothing, watch: nothing, gauge: nothing,
    counter: () => nothing, text: async () => "",
  }
}

const jsonError = (status: number, code: string, message: string): HttpResponse => (
  { status, headers: { "content-type": "application/json" }, body: utf8Encode(JSON.stringify({ error: { code, message } })) }
)

/** A request as the routes take it: headers and a body to be read. */
function incoming({ headers, body }: SimulatedRequest): IncomingMessage {
  const request = {
    headers, rawHeaders: Object.entries(headers).flat(),
    async *[Symbol.asyncIterator]() {
      if (body.length > 0) yield Buffer.from(body)
    },
  }
  return request as unknown as IncomingMessage
}

async function answer({ service }: RunningParts, request: SimulatedRequest): Promise<HttpResponse> {
  const path = request.path.split("?", 1)[0] as string
  const routed = service.publicRouter(request.method, path)
  if ("status" in routed) return routed
  try {
    return await routed.handler({ request: incoming(request), path, from: request.from, signal: new AbortController().signal })
  } catch (error) {
    if (isVouchsafeError(error) && error.kind === "input") return jsonError(400, "REQUEST_MALFORMED", error.message)
    if (isVouchsafeError(error)) return jsonError(500, "FAILED", error.message)
    throw error
  }
}

/** What an operator who means to fork does with a node's question how far its witnesses saw its logs: it is not asked. */
const WITNESSED = /\/witness\/[0-9a-f]{64}\/checkpoint$/
function unasked(transport: HttpTransport): HttpTransport {
  return {
    request: async (request) => (request.method === "GET" && WITNESSED.test(request.url) ? { status: 404, headers: {}, body: utf8Encode("not found\n") } : transport.request(request)),
  }
}

/** A machine that is off. @param isFork - made to sign a second history under its keys */
export function createNodeHost(world: NodeWorld, operator: string, place: RosterNode, keys: NodeKeys, disks = createDisks(), host = operator, isFork = false): NodeHost {
  const { simulation, crypto, registry } = world
  const random = createRandom(`${simulation.seed}/node ${host}`)
  /** An operator who forks runs no program that refuses to, on any of its machines: else its first fork would be its last. */
  let isForking = isFork
  const logger = {
    debug: nothing, info: nothing, warn: nothing,
    error: (facts: object, message: string) => world.onError(operator, facts, message),
  }

  const open = async (): Promise<RunningParts> => {
    const { clock, timers, isAlive } = simulation.life(host)
    const transport = isForking ? unasked(simulation.httpFor(host)) : simulation.httpFor(host)
    const { text, roster } = world.roster()
    const own = { path: "roster.json", text, roster, self: roster.nodes.find(({ log }) => log.vkey === place.log.vkey) ?? place }
    const stores = openStores(disks, isAlive, (store, fault) => simulation.time.note(`${host}: a write of ${store} fails, ${fault}`))
    const folder = { path: "", at: () => "/dev/null/none", release: nothing }
    const source = registry.sourceFor(transport, () => node.dishonesty.distort)
    const convictions = await openConvictions(crypto, stores.gossip)
    const services = await openServices({
      folder, keys, own, registries: [REGISTRY], transport, crypto, clock, timers, logger, source, stores, convictions, onCosigned: nothing,
      upstream: { verifyUpstream: () => ({ upstream: NO_UPSTREAM, bundles: [], details: [] }) },
    })
    const neighbours = world.neighboursOf(host)
    const peers = neighbours === undefined ? undefined : simulation.peersFor(host, { operator, neighbours })
    const context: PartContext = {
      // No part that runs here has anything to be configured.
      config: {} as PartContext["config"],
      folder, keys, own, registries: [REGISTRY], services, convictions, source, transport, crypto, clock, timers, logger, metrics: noMetrics(),
      random: random.next, gossipStore: stores.gossip, peers,
    }
    const parts = await openParts(context, neighbours === undefined ? [] : PARTS)
    const service = await createNodeService({
      services, parts, own, operator, registries: [REGISTRY], transport, clock, timers, logger, exportKey: keys.export, metrics: noMetrics(), publisherKeys: [],
      openBuilds: undefined, tokens: undefined, sourceRules: { gitHosts: [], allowHttp: false },
      trust: () => ({ source: "embedded", state: "current", refreshedAt: null, expiresAt: null, failure: null }),
      backupSource: () => {
        throw new Error("no backups here")
      },
    })
    return { services, service, convictions, peers }
  }

  /** As a service manager does with a process that ended. */
  const restart = (): void => {
    node.crash()
    simulation.time.after(RESTART_MS, host, `restart ${host}`, () => void node.boot())
  }

  /** A start under way: it asks other machines, and while it waits the power may be cut. */
  let booting: Promise<void> | undefined
  let cutBoot: () => void = nothing

  const start = async (): Promise<void> => {
    const life = simulation.life(host)
    let running: RunningParts
    try {
      running = await open()
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      // Its disk failed while it recovered: it ends, and starts again like any other process.
      simulation.time.note(`${host} does not start: ${error.message}`)
      if (life.isAlive()) restart()
      return
    }
    if (!life.isAlive()) return
    node.running = running
    running.service.failed.then(() => {
      if (node.running === running) restart()
    }, nothing)
    simulation.listen(host, new URL(place.url).origin, (request) => node.handle(request))
  }

  const node: NodeHost = {
    operator, host, place, keys, disks, running: undefined, dishonesty: {},
    async boot() {
      if (node.running !== undefined) return
      booting ??= Promise.race([start(), new Promise<void>((resolve) => { cutBoot = resolve })])
      const own = booting
      await own.finally(() => { if (booting === own) booting = undefined })
    },
    crash() {
      simulation.crash(host)
      booting = undefined
      cutBoot()
      node.running = undefined
      disks.log.crash()
      disks.notices.crash()
    },
    failNextWrite: (store, fault) => void disks.faults.set(store, fault),
    async handle(request) {
      const honest = async (): Promise<HttpResponse> => {
        if (node.running === undefined) throw new Error("off")
        return answer(node.running, request)
      }
      return node.dishonesty.intercept === undefined ? honest() : node.dishonesty.intercept(request, honest)
    },
    shadow(name, neighbours) {
      isForking = true
      return createNodeHost({ ...world, simulation: { ...simulation, listen: nothing }, neighboursOf: () => neighbours }, operator, place, keys, forkDisks(disks), name, true)
    },
  }
  return node
}
