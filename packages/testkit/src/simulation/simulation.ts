/**
 * A network in one process: virtual time, hosts, links, and the two ways over them. Everything follows from the seed.
 *
 * What runs on it takes clock, timers, transport and randomness as arguments and touches nothing else of its machine; then a run
 * can be repeated to the last message from its seed, which every failure therefore names.
 *
 * @packageDocumentation
 */
import type { AbortSignalLike, Clock, HttpTransport, PeerTransport } from "@vouchsafe/ports"
import { createHosts, type Life } from "./hosts.ts"
import { createHttp, type SimulatedHandler } from "./http.ts"
import { createLinks, type Links } from "./links.ts"
import { createPeers, type PeerOptions } from "./peers.ts"
import { createRandom, type Random } from "./random.ts"
import { createVirtualTime, type VirtualTime } from "./time.ts"

export interface Simulation {
  readonly seed: string
  /** For whoever makes up what happens; links draw from streams of their own. */
  readonly random: Random
  readonly time: VirtualTime
  /** The true time. */
  readonly clock: Clock
  readonly links: Links
  /** Present life of a host: its clock with its skew, and its timers. */
  life(host: string): Life
  /** Ends a host's life. Its connections break, its timers end, what it still does reaches nobody. */
  crash(host: string): void
  isUp(host: string): boolean
  setSkew(host: string, ms: number): void
  skew(host: string): number
  httpFor(host: string): HttpTransport
  listen(host: string, origin: string, handle: SimulatedHandler): void
  peersFor(host: string, options: PeerOptions): PeerTransport
  /** Waits as a host: `Sleep` of a client. */
  sleepFor(host: string): (ms: number, signal?: AbortSignalLike) => Promise<void>
}

/** Makes an empty world. */
export function createSimulation(options: { readonly seed: string }): Simulation {
  const { seed } = options
  const random = createRandom(seed)
  const time = createVirtualTime()
  const links = createLinks(time, random.fork("links"))
  const hosts = createHosts(time)
  const http = createHttp(time, links, hosts)
  const peers = createPeers(time, links, hosts)
  return {
    seed, time, links,
    random: random.fork("steps"),
    clock: { nowMs: time.nowMs },
    life: hosts.life,
    crash(host) {
      time.note(`crash ${host}`)
      hosts.crash(host)
    },
    isUp: hosts.isUp, setSkew: hosts.setSkew, skew: hosts.skew,
    httpFor: http.httpFor, listen: http.listen, peersFor: peers.peersFor,
    sleepFor: (host) => (ms, signal) => time.sleep(ms, host, signal),
  }
}
