import {
  type Bytes, cosign, formatCheckpoint, formatNotice, formatRoster, KEY_TYPE, type KnownHead, leafHash, nodeReaderFromLeaves, type Notice, parseRoster, proveInclusion, relateByTiles,
  type Roster, rootOfLeaves, type Signer, signerFromSeed, signNote, TILE_HEIGHT, TILE_WIDTH, utf8Encode, type VerifierKey,
} from "@vouchsafe/core"
import type { PeerFault, PeerMessage, PeerTransport, Relay } from "@vouchsafe/ports"
import { fastCrypto } from "@vouchsafe/testkit"
import { createGossip, type Gossip, type GossipHead, type GossipKind, type GossipOptions, type GossipOutcome, type GossipStore, openConvictions, type OpenedConvictions } from "../src/index.ts"

export const crypto = fastCrypto
export const NOW = 1_800_000_000
export const NAMES = ["alpha", "bravo", "charlie", "delta"] as const

export interface Operator {
  readonly operator: string
  readonly log: Signer
  readonly notices: Signer
  readonly witness: Signer
}

let seed = 0
const signer = (name: string, type: number): Signer => signerFromSeed(name, type, new Uint8Array(32).fill(++seed))
export const operators: readonly Operator[] = NAMES.map((operator) => ({
  operator, log: signer(`${operator}.example/log`, KEY_TYPE.ed25519), notices: signer(`${operator}.example/notices`, KEY_TYPE.ed25519),
  witness: signer(`${operator}.example/witness`, KEY_TYPE.cosignatureEd25519),
}))
export const stranger: Operator = {
  operator: "stranger", log: signer("stranger.example/log", KEY_TYPE.ed25519), notices: signer("stranger.example/notices", KEY_TYPE.ed25519),
  witness: signer("stranger.example/witness", KEY_TYPE.cosignatureEd25519),
}
export const roster: Roster = parseRoster(crypto, formatRoster(operators.map(({ operator, log, notices, witness }) => (
  { operator, url: `https://${operator}.example/`, log: log.verifier, notices: notices.verifier, witness: witness.verifier }
)), ["https://registry.example/"]))

export function operatorOf(name: string): Operator {
  const found = operators.find(({ operator }) => operator === name)
  if (found === undefined) throw new TypeError(`no operator ${name}`)
  return found
}

/** A history of one log: entries `<branch> <i>` from `from` on, `trunk <i>` before. */
export function history(by: Signer, branch = "trunk", from = 0) {
  const leaves = (size: number): Bytes[] => Array.from({ length: size }, (_, i) => leafHash(crypto, utf8Encode(`${i < from ? "trunk" : branch} ${i}`)))
  return {
    by, leaves,
    head: (size: number, witnesses: readonly string[] = NAMES, time = NOW): string => headOf(by, leaves(size), witnesses, time),
    /** Tiles as this history's holder serves them. */
    tiles: (size: number) => ({
      tile(level: number, index: number, width: number): Bytes {
        const reader = nodeReaderFromLeaves(crypto, leaves(size))
        return Buffer.concat(Array.from({ length: width }, (_, i) => reader.node(level * TILE_HEIGHT, index * TILE_WIDTH + i)))
      },
    }),
  }
}
export type History = ReturnType<typeof history>

export function headOf(by: Signer, leaves: readonly Bytes[], witnesses: readonly string[], time: number): string {
  const text = formatCheckpoint({ origin: by.verifier.name, size: leaves.length, root: rootOfLeaves(crypto, leaves) })
  return signNote(by, text) + witnesses.map((name) => cosign(operatorOf(name).witness, text, time)).join("")
}

export function noticeOf(log: string, more: Partial<Notice> = {}): string {
  return formatNotice({ purl: "pkg:npm/left-pad@1.3.0", sha512: "ab".repeat(64), log, registry: "https://registry.example/", notice: "withdrawal", time: NOW, reason: "stolen", ...more })
}

/** A notice message of an operator's notices log, whose entries are these. */
export function noticeMessage(by: Signer, entries: readonly string[], index: number) {
  const leaves = entries.map((entry) => leafHash(crypto, utf8Encode(entry)))
  const proof = proveInclusion(crypto, nodeReaderFromLeaves(crypto, leaves), { index, size: leaves.length })
  return { origin: by.verifier.name, index, entry: entries[index] ?? "", proof, checkpoint: headOf(by, leaves, NAMES, NOW) }
}

export interface TestClock {
  ms: number
  nowMs(): number
}

/** A clock that stands still, and timers that run when it is moved. */
export function virtualTime() {
  const clock: TestClock = { ms: NOW * 1_000, nowMs: () => clock.ms }
  const waiting = new Set<{ readonly atMs: number; readonly run: () => void }>()
  return {
    clock,
    timers: {
      after(ms: number, run: () => void) {
        const timer = { atMs: clock.ms + ms, run }
        waiting.add(timer)
        return () => void waiting.delete(timer)
      },
    },
    waiting: () => waiting.size,
    advance(ms: number) {
      clock.ms += ms
      for (const timer of [...waiting].sort((a, b) => a.atMs - b.atMs)) {
        if (timer.atMs > clock.ms || !waiting.delete(timer)) continue
        timer.run()
      }
    },
  }
}

/** What a disk keeps: survives the node. */
export function memoryDisk() {
  const heads = new Map<string, string>()
  const proofs = new Map<string, string>()
  const disk = {
    heads, proofs, broken: false, writes: 0,
    store: {
      heads: async () => [...heads].map(([vkey, checkpoint]) => ({ vkey, checkpoint })),
      proofs: async () => [...proofs].map(([vkey, document]) => ({ vkey, document })),
      putHead: async (vkey, checkpoint) => write(() => heads.set(vkey, checkpoint)),
      addProof: async (vkey, document) => write(() => proofs.set(vkey, document)),
    } satisfies GossipStore,
  }
  const write = (change: () => unknown): void => {
    disk.writes += 1
    if (disk.broken) throw diskFull()
    change()
  }
  return disk
}
export type MemoryDisk = ReturnType<typeof memoryDisk>

let diskFull = (): Error => new Error("no such error")
export function whenDiskIsFull(make: () => Error): void {
  diskFull = make
}

/** Peers in one process: each message goes to every neighbour, and on from there when it is accepted. */
export function memoryNetwork() {
  const places = new Map<string, { handlers: Map<string, (message: PeerMessage) => Promise<Relay>>; seen: Set<string>; faults: { peer: string; fault: PeerFault }[]; rejected: string[] }>()
  const links = new Map<string, Set<string>>()
  const running = new Set<Promise<void>>()
  const deliver = (to: string, from: string, topic: string, bytes: Bytes): void => {
    const place = places.get(to)
    const id = `${topic} ${Buffer.from(bytes).toString("latin1")}`
    const handle = place?.handlers.get(topic)
    if (place === undefined || handle === undefined || place.seen.has(id)) return
    place.seen.add(id)
    const work = handle({ from, bytes }).then((relay) => {
      if (relay === "accept") send(to, topic, bytes, from)
      if (relay === "reject") place.rejected.push(from)
    }).finally(() => running.delete(work))
    running.add(work)
  }
  const send = (from: string, topic: string, bytes: Bytes, except?: string): void => {
    for (const to of links.get(from) ?? []) if (to !== except) deliver(to, from, topic, bytes)
  }
  return {
    join(name: string): PeerTransport & { faults: { peer: string; fault: PeerFault }[]; rejected: string[] } {
      const place = { handlers: new Map<string, (message: PeerMessage) => Promise<Relay>>(), seen: new Set<string>(), faults: [], rejected: [] }
      places.set(name, place)
      return {
        id: name, addresses: () => [], peers: () => [], faults: place.faults, rejected: place.rejected,
        async publish(topic, bytes) {
          place.seen.add(`${topic} ${Buffer.from(bytes).toString("latin1")}`)
          send(name, topic, bytes)
        },
        subscribe: (topic, handle) => void place.handlers.set(topic, handle),
        report: (peer, fault) => void (place.faults as { peer: string; fault: PeerFault }[]).push({ peer, fault }),
        request: async () => new Uint8Array(0), serve: () => undefined, close: async () => undefined,
      }
    },
    connect(a: string, b: string) {
      links.set(a, (links.get(a) ?? new Set()).add(b))
      links.set(b, (links.get(b) ?? new Set()).add(a))
    },
    /** Delivers bytes as a peer would that keeps to no rules. */
    inject: (to: string, from: string, topic: string, bytes: Bytes) => deliver(to, from, topic, bytes),
    cut: (a: string, b: string) => void [links.get(a)?.delete(b), links.get(b)?.delete(a)],
    /** Until nothing is on its way. */
    async settle() {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
export type MemoryNetwork = ReturnType<typeof memoryNetwork>

export interface TestNode {
  readonly gossip: Gossip
  readonly convictions: OpenedConvictions
  readonly disk: MemoryDisk
  readonly transport: ReturnType<MemoryNetwork["join"]>
  readonly outcomes: [GossipKind, GossipOutcome][]
  readonly failures: string[]
  readonly heard: { heads: GossipHead[]; notices: number[]; purls: string[]; proofs: string[] }
  /** Histories of which this node can read the tiles. */
  readonly readable: History[]
}

export interface NodeOptions extends Partial<Pick<GossipOptions, "askConsistency" | "roster">> {
  readonly network?: MemoryNetwork
  readonly disk?: MemoryDisk
  readonly time?: ReturnType<typeof virtualTime>
}

export async function makeNode(name: string, options: NodeOptions = {}): Promise<TestNode> {
  const { network = memoryNetwork(), disk = memoryDisk(), time = virtualTime() } = options
  const transport = network.join(name)
  const readable: History[] = []
  const convictions = await openConvictions(crypto, disk.store)
  const outcomes: [GossipKind, GossipOutcome][] = []
  const failures: string[] = []
  const heard = { heads: [] as GossipHead[], notices: [] as number[], purls: [] as string[], proofs: [] as string[] }
  const askConsistency = async (key: VerifierKey, older: KnownHead, newer: KnownHead) => {
    for (const known of readable) {
      if (known.by.verifier.vkey !== key.vkey) continue
      const relation = await relateByTiles(crypto, key, older, newer, known.tiles(newer.size))
      if (relation.kind !== "unproven") return relation
    }
    return { kind: "unproven" as const }
  }
  const gossip = await createGossip({
    transport, roster: () => roster, convictions, crypto, clock: time.clock, timers: time.timers, store: disk.store, askConsistency,
    onOutcome: (kind, outcome) => void outcomes.push([kind, outcome]), onFailure: (what) => void failures.push(what),
    onHead: (head) => void heard.heads.push(head), onNotice: ({ index }) => void heard.notices.push(index),
    onStatements: ({ purls }) => void heard.purls.push(...purls), onProof: ({ key, proof }) => void heard.proofs.push(`${proof.kind} ${key.name}`),
    ...options,
  })
  return { gossip, convictions, disk, transport, outcomes, failures, heard, readable }
}

/** Everything that a message must not have changed. */
export function stateOf({ gossip, convictions, disk, heard }: TestNode): unknown {
  return structuredClone({
    heads: gossip.heads().map(({ signed }) => signed), untied: gossip.untied(), convicted: convictions.list().map(({ document }) => document),
    disk: { heads: disk.heads, proofs: disk.proofs }, heard: { ...heard, heads: heard.heads.length },
  })
}
