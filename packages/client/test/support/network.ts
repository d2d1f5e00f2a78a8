/** A network of attesters in memory, which can be honest, dead, slow, dishonest or talk rubbish. */
import {
  type ArtifactName, artifactKey, type EvidenceAnswer, type EvidenceRequest, formatEvidenceAnswer, formatRoster, parseEvidenceRequest, parseRoster, type Roster,
  type RosterNode, type Signer, utf8Decode, utf8Encode, VouchsafeError,
} from "@vouchsafe/core"
import type { HttpRequest, HttpResponse, HttpTransport } from "@vouchsafe/ports"
import { nodeCrypto } from "../../src/node/crypto.ts"
import { type FakeLog, fakeLog, testSigner } from "./fake-log.ts"
import { observation, REGISTRY } from "./statements.ts"
import type { VirtualTime } from "./time.ts"

export interface FakeNode {
  readonly operator: string
  readonly place: RosterNode
  log: FakeLog
  notices: FakeLog
  /** Says what is done instead of answering. */
  mode: "honest" | "dead" | "stalled" | "rubbish" | "gigantic" | "status 500"
  /** Digest that this node claims to have observed, instead of what the registry serves. */
  lies: Map<string, string>
  /** How many more times an artifact is called pending. */
  pending: Map<string, number>
  /** Shows heads of fewer entries than the log has. */
  shownSize: number | undefined
  /** Last change to an answer before it is sent. */
  edit: (answer: EvidenceAnswer, request: EvidenceRequest) => EvidenceAnswer
  /** Age of the cosignatures that it shows, in seconds. */
  cosignedSecondsAgo: number
  requests: EvidenceRequest[]
  tilesServed: number
}

export interface FakeNetwork {
  readonly nodes: readonly FakeNode[]
  readonly roster: Roster
  readonly rosterText: string
  /** Digests by artifact key, as the registry serves them. */
  readonly registry: Map<string, string>
  readonly transport: HttpTransport
  /** Everything that was sent, in order. */
  readonly sent: HttpRequest[]
  /** Requests being answered now, and the most at once, by host. */
  readonly inFlightMax: Map<string, number>
  node(operator: string): FakeNode
  /** Answers requests over a socket; by default there is no daemon. */
  daemon: ((request: HttpRequest) => Promise<HttpResponse>) | undefined
}

const NAMES = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf"]

const respond = (status: number, body: Uint8Array): HttpResponse => ({ status, headers: {}, body })

export function fakeNetwork(time: VirtualTime, options: { readonly operators?: number; readonly threshold?: number; readonly registries?: readonly string[]; readonly seed?: number } = {}): FakeNetwork {
  const names = NAMES.slice(0, options.operators ?? 4)
  const seed = (options.seed ?? 0) * 1_000
  const signers = names.map((operator, i) => ({
    operator, url: `http://${operator}.example/`,
    log: testSigner(`${operator}.example/log`, 1, seed + 3 * i), notices: testSigner(`${operator}.example/notices`, 1, seed + 3 * i + 1), witness: testSigner(`${operator}.example/witness`, 4, seed + 3 * i + 2),
  }))
  const places = signers.map(({ operator, url, log, notices, witness }): RosterNode => ({ operator, url, log: log.verifier, notices: notices.verifier, witness: witness.verifier }))
  const rosterText = formatRoster(places, options.registries ?? [REGISTRY], options.threshold === undefined ? {} : { threshold: options.threshold })
  const registry = new Map<string, string>()
  const sent: HttpRequest[] = []
  const inFlight = new Map<string, number>()
  const inFlightMax = new Map<string, number>()
  const nodes = signers.map((own, i): FakeNode => {
    const others: Signer[] = signers.length === 1 ? [own.witness] : signers.filter((other) => other !== own).map((other) => other.witness)
    return {
      operator: own.operator, place: places[i] as RosterNode, log: fakeLog(own.log, others), notices: fakeLog(own.notices, others), mode: "honest",
      lies: new Map(), pending: new Map(), shownSize: undefined, edit: (answer) => answer, cosignedSecondsAgo: 0, requests: [], tilesServed: 0,
    }
  })

  const network: FakeNetwork = {
    nodes, registry, sent, inFlightMax, rosterText, daemon: undefined,
    roster: parseRoster(nodeCrypto, rosterText),
    node(operator) {
      const node = nodes.find((candidate) => candidate.operator === operator)
      if (node === undefined) throw new Error(`no node ${operator}`)
      return node
    },
    transport: {
      async request(request) {
        sent.push(request)
        if (request.socketPath !== undefined) {
          if (network.daemon === undefined) throw new VouchsafeError("UNREACHABLE", "nobody listens")
          return network.daemon(request)
        }
        const url = new URL(request.url)
        const node = nodes.find(({ place }) => request.url.startsWith(place.url))
        if (node === undefined) throw new VouchsafeError("UNREACHABLE", `${url.host}: no such host`)
        const now = (inFlight.get(url.host) ?? 0) + 1
        inFlight.set(url.host, now)
        inFlightMax.set(url.host, Math.max(now, inFlightMax.get(url.host) ?? 0))
        try {
          await Promise.resolve()
          const response = await serve(time, registry, node, request, url)
          if (response.body.length > request.maxBytes) throw new VouchsafeError("UPSTREAM_FAILED", `${url.host}: answer is larger than ${request.maxBytes} bytes`)
          return response
        } finally {
          inFlight.set(url.host, (inFlight.get(url.host) ?? 1) - 1)
        }
      },
    },
  }
  return network
}

async function serve(time: VirtualTime, registry: Map<string, string>, node: FakeNode, request: HttpRequest, url: URL): Promise<HttpResponse> {
  switch (node.mode) {
    case "dead": throw new VouchsafeError("UNREACHABLE", `${url.host}: connection refused`)
    case "stalled":
      await time.sleep(request.timeoutMs)
      throw new VouchsafeError("TIMEOUT", `${url.host}: no whole answer within ${request.timeoutMs} ms`)
    case "rubbish": return respond(200, utf8Encode("{\"format\":\"vouchsafe-evidence/v1\",\"log\":null}"))
    case "gigantic": throw new VouchsafeError("UPSTREAM_FAILED", `${url.host}: answer is larger than ${request.maxBytes} bytes`)
    case "status 500": return respond(500, utf8Encode("oops"))
    default:
  }
  if (request.method === "GET") {
    node.tilesServed += 1
    const tile = url.pathname.startsWith("/log/") ? node.log.tile(url.pathname.slice("/log/".length)) : undefined
    return tile === undefined ? respond(404, new Uint8Array(0)) : respond(200, tile)
  }
  const asked = parseEvidenceRequest(utf8Decode(request.body ?? new Uint8Array(0)))
  node.requests.push(asked)
  return respond(200, utf8Encode(formatEvidenceAnswer(answerOf(time, registry, node, asked))))
}

/** What an honest node answers, from what it believes. */
export function answerOf(time: VirtualTime, registry: ReadonlyMap<string, string>, node: FakeNode, asked: EvidenceRequest): EvidenceAnswer {
  const origin = node.log.signer.verifier.name
  const artifacts = asked.artifacts.map((artifact) => ({ ...artifact, ...statusOf(registry, node, artifact, origin) }))
  const size = node.shownSize ?? node.log.entries.length
  const indices = [...new Set(artifacts.flatMap((artifact) => artifact.indices))].sort((a, b) => a - b)
  const seconds = Math.floor(time.clock.nowMs() / 1_000) - node.cosignedSecondsAgo
  return node.edit({
    log: {
      checkpoint: node.log.head(seconds, size), indices, bodies: [],
      consistency: asked.knownSize === 0 || asked.knownSize >= size ? [] : node.log.consistency(asked.knownSize, size),
      entries: indices.map((index) => node.log.entries[index] as string),
      proof: node.log.multi(indices, size),
    },
    notices: { checkpoint: node.notices.head(seconds), from: asked.noticesFrom, entries: node.notices.entries.slice(asked.noticesFrom) },
    artifacts,
  }, asked)
}

const indexes = new WeakMap<FakeLog, { read: number; readonly byPurl: Map<string, number[]> }>()

/** Indices by purl; entries are only ever added. */
function indexOf(log: FakeLog): ReadonlyMap<string, number[]> {
  const index = indexes.get(log) ?? { read: 0, byPurl: new Map<string, number[]>() }
  indexes.set(log, index)
  for (; index.read < log.entries.length; index.read++) {
    const purl = /"name":"(pkg:npm[^"]+)"/.exec(log.entries[index.read] as string)?.[1] as string
    index.byPurl.set(purl, [...index.byPurl.get(purl) ?? [], index.read])
  }
  return index.byPurl
}

function statusOf(registry: ReadonlyMap<string, string>, node: FakeNode, artifact: ArtifactName, origin: string): { status: "observed" | "pending" | "absent"; indices: number[]; code?: string } {
  const key = artifactKey(artifact)
  const left = node.pending.get(key) ?? 0
  if (left > 0) {
    node.pending.set(key, left - 1)
    return { status: "pending", code: "OBSERVING", indices: [] }
  }
  const sha512 = node.lies.get(key) ?? registry.get(key)
  if (sha512 === undefined) return { status: "absent", indices: [] }
  const known = indexOf(node.log).get(artifact.purl) ?? []
  if (known.length > 0) return { status: "observed", indices: known }
  node.log.entries.push(observation(origin, artifact.purl, sha512, { registry: artifact.registry }))
  return { status: "observed", indices: [node.log.entries.length - 1] }
}

