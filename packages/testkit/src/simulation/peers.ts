/**
 * Peers on simulated links: messages of topics flood from neighbour to neighbour, each judged by its handler before it goes on.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { type Bytes, VouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, PeerFault, PeerMessage, PeerTransport, Relay } from "@vouchsafe/ports"
import type { Hosts, Life } from "./hosts.ts"
import type { Links } from "./links.ts"
import type { VirtualTime } from "./time.ts"

/** How long a message that was seen is passed on no more, in ms. */
const SEEN_MS = 120_000
/** What a fault costs; a peer below the limit is disconnected, and let in again after the pause. */
const COST: Readonly<Record<PeerFault, number>> = { malformed: 10, lied: 50, flooded: 20, failed: 2 }
/** Cost of a message that a handler rejects. */
const REJECT_COST = 10
const SCORE_MIN = -50
const BANNED_MS = 5 * 60_000

/** A host on the overlay. */
export interface PeerOptions {
  /** Operator whom this host shows to speak for; undefined: a stranger. */
  readonly operator?: string | undefined
  readonly neighbours: readonly string[]
}

export interface SimulatedPeers {
  /** A host's place on the overlay, for its present life. Takes the place of an earlier one. */
  peersFor(host: string, options: PeerOptions): PeerTransport
}

type RequestHandler = { readonly bytesMax: number; readonly handle: (from: string, body: Bytes) => Promise<Bytes> }

interface Place {
  readonly life: Life
  readonly operator: string | undefined
  readonly neighbours: readonly string[]
  readonly topics: Map<string, (message: PeerMessage) => Promise<Relay>>
  readonly protocols: Map<string, RequestHandler>
  readonly scores: Map<string, number>
  readonly bannedUntilMs: Map<string, number>
  readonly seen: Map<string, number>
  isClosed: boolean
}

const idOf = (topic: string, bytes: Bytes): string => createHash("sha256").update(`${topic}\n`).update(bytes).digest("hex")

/** Makes the overlay of a world. A host's name is its peer id. */
export function createPeers(time: VirtualTime, links: Links, hosts: Hosts): SimulatedPeers {
  const places = new Map<string, Place>()
  const present = (host: string): Place | undefined => {
    const place = places.get(host)
    return place === undefined || place.isClosed || !place.life.isAlive() ? undefined : place
  }
  const accepts = (place: Place, peer: string): boolean => (place.bannedUntilMs.get(peer) ?? 0) <= time.nowMs()
  /** Both are there, know each other, and neither has shut the other out. */
  const areConnected = (a: string, b: string): boolean => {
    const [one, other] = [present(a), present(b)]
    return one !== undefined && other !== undefined && one.neighbours.includes(b) && other.neighbours.includes(a) &&
      accepts(one, b) && accepts(other, a) && links.cutBetween(a, b) === undefined
  }
  const charge = (place: Place, peer: string, cost: number): void => {
    const score = (place.scores.get(peer) ?? 0) - cost
    place.scores.set(peer, score)
    if (score > SCORE_MIN) return
    time.note(`peer ${place.life.host} drops ${peer}`)
    place.bannedUntilMs.set(peer, time.nowMs() + BANNED_MS)
    place.scores.set(peer, 0)
  }
  const isNew = (place: Place, id: string): boolean => {
    const nowMs = time.nowMs()
    for (const [known, atMs] of place.seen) {
      if (nowMs - atMs < SEEN_MS) break
      place.seen.delete(known)
    }
    if (place.seen.has(id)) return false
    place.seen.set(id, nowMs)
    return true
  }

  const flood = (place: Place, topic: string, bytes: Bytes, except: string | undefined): void => {
    for (const neighbour of place.neighbours) {
      if (neighbour === except || !areConnected(place.life.host, neighbour)) continue
      const copy = Uint8Array.from(bytes)
      links.send(place.life.host, neighbour, `gossip ${place.life.host}>${neighbour} ${topic} ${idOf(topic, bytes).slice(0, 12)}`, () => {
        hear(neighbour, place.life.host, topic, copy)
      })
    }
  }

  const hear = (host: string, from: string, topic: string, bytes: Bytes): void => {
    const place = present(host)
    const handle = place?.topics.get(topic)
    // Who does not listen to a topic passes nothing on of it.
    if (place === undefined || handle === undefined || !accepts(place, from) || !isNew(place, idOf(topic, bytes))) return
    handle({ from, bytes: Uint8Array.from(bytes) }).then((relay) => {
      if (present(host) !== place) return
      if (relay === "accept") flood(place, topic, bytes, from)
      else if (relay === "reject") charge(place, from, REJECT_COST)
    }, (error: unknown) => time.note(`a handler of ${host} threw: ${error instanceof Error ? error.message : "something"}`))
  }

  return {
    peersFor(host, { operator, neighbours }) {
      const place: Place = {
        life: hosts.life(host), operator, neighbours, topics: new Map(), protocols: new Map(), scores: new Map(), bannedUntilMs: new Map(), seen: new Map(), isClosed: false,
      }
      places.set(host, place)
      return {
        id: host,
        addresses: () => [`/simulated/${host}`],
        peers: () => neighbours.filter((peer) => areConnected(host, peer)).map((id) => (
          { id, operator: present(id)?.operator, address: `/simulated/${id}`, path: "direct" as const, score: place.scores.get(id) ?? 0 }
        )),
        async publish(topic, bytes) {
          if (present(host) !== place || !isNew(place, idOf(topic, bytes))) return
          flood(place, topic, bytes, undefined)
        },
        subscribe: (topic, handle) => void place.topics.set(topic, handle),
        request: (peer, protocol, body, options) => ask(place, peer, protocol, body, options),
        serve: (protocol, { bytesMax }, handle) => void place.protocols.set(protocol, { bytesMax, handle }),
        report: (peer, fault) => charge(place, peer, COST[fault]),
        async close() {
          place.isClosed = true
        },
      }
    },
  }

  function ask(place: Place, peer: string, protocol: string, body: Bytes, options: { readonly bytesMax: number; readonly timeoutMs: number; readonly signal?: AbortSignalLike | undefined }): Promise<Bytes> {
    const { host } = place.life
    return new Promise((resolve, reject) => {
      const cleanups: (() => void)[] = []
      const once = (finish: () => void): void => {
        for (const cleanup of cleanups.splice(0)) cleanup()
        finish()
      }
      const fail = (code: "UNREACHABLE" | "TIMEOUT" | "UPSTREAM_FAILED", why: string): void => once(() => reject(new VouchsafeError(code, `${peer}: ${why}`)))
      const giveUp = (): void => fail("TIMEOUT", "the request was given up")
      cleanups.push(place.life.timers.after(options.timeoutMs, () => fail("TIMEOUT", `no answer within ${options.timeoutMs} ms`)))
      options.signal?.addEventListener("abort", giveUp)
      cleanups.push(() => options.signal?.removeEventListener("abort", giveUp))
      if (options.signal?.aborted === true) return giveUp()
      if (!areConnected(host, peer)) return fail("UNREACHABLE", "is not connected")
      const back = (run: () => void): void => links.send(peer, host, `answer ${peer}>${host} ${protocol}`, () => {
        if (present(host) === place) run()
      })
      links.send(host, peer, `ask ${host}>${peer} ${protocol}`, () => {
        const served = present(peer)?.protocols.get(protocol)
        if (served === undefined || body.length > served.bytesMax) return back(() => fail("UPSTREAM_FAILED", `does not answer ${protocol}`))
        served.handle(host, Uint8Array.from(body)).then((answer) => back(() => {
          if (answer.length > options.bytesMax) fail("UPSTREAM_FAILED", `answered ${answer.length} bytes, expected at most ${options.bytesMax}`)
          else once(() => resolve(Uint8Array.from(answer)))
        }), () => back(() => fail("UPSTREAM_FAILED", `ended a request of ${protocol}`)))
      })
    })
  }
}
