import {
  type ArtifactRequest, cosign, type Crypto, formatCheckpoint, formatNotice, formatObservation, formatRoster, hexEncode, KEY_TYPE, leafHash, type LogEvidence,
  NO_UPSTREAM, nodeReaderFromLeaves, type Notice, type Observation, parsePolicy, parseRoster, type Policy, proveMulti, type Roster, type RosterNode, rootOfLeaves, type Signer, signNote,
  signerFromSeed, utf8Encode, verify, type Verdict, type VerifyInput,
} from "../../src/index.ts"
import { nodeCrypto } from "../support.ts"

export const REGISTRY = "https://registry.example/"
export const NOW = 1_800_000_000
export const PURL = "pkg:npm/left-pad@1.3.0"
export const GOOD = "ab".repeat(64)
export const EVIL = "cd".repeat(64)
export const crypto: Crypto = nodeCrypto

/** One node of the in-memory network, with the keys that a test may abuse. */
export interface WorldNode {
  readonly operator: string
  readonly log: Signer
  readonly notices: Signer
  readonly witness: Signer
  readonly node: RosterNode
}

export interface World {
  readonly nodes: readonly WorldNode[]
  readonly roster: Roster
  readonly rosterText: string
}

export function makeWorld(operators: readonly string[] = ["alpha", "beta", "gamma", "delta"], more: { readonly threshold?: number } = {}): World {
  let seed = 0
  const signer = (name: string, type: number) => signerFromSeed(name, type, new Uint8Array(32).fill(++seed))
  const nodes = operators.map((operator): WorldNode => {
    const log = signer(`${operator}.example/log`, KEY_TYPE.ed25519)
    const notices = signer(`${operator}.example/notices`, KEY_TYPE.ed25519)
    const witness = signer(`${operator}.example/witness`, KEY_TYPE.cosignatureEd25519)
    const node = { operator, url: `https://${operator}.example/`, log: log.verifier, notices: notices.verifier, witness: witness.verifier }
    return { operator, log, notices, witness, node }
  })
  const rosterText = formatRoster(nodes.map((node) => node.node), [REGISTRY], more)
  return { nodes, rosterText, roster: parseRoster(crypto, rosterText) }
}

export function observation(log: string, more: Partial<Observation> = {}): Observation {
  return {
    purl: PURL, sha512: GOOD, log, registry: REGISTRY, observedAt: NOW - 100,
    tarball: { size: 1000, sha1: "11".repeat(20), commitment: "22".repeat(32) },
    contents: {
      tarSha256: "33".repeat(32), h1: `h1:${"A".repeat(43)}=`, files: 3, unpackedSize: 900, manifest: "44".repeat(32), executables: { count: 0, sha256: "55".repeat(32) },
    },
    package: {
      name: "left-pad", version: "1.3.0", scripts: new Map(), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [],
    },
    packument: { publishedAt: NOW - 1_000_000, publisher: "stevemao", repository: null, mismatch: [] },
    upstream: NO_UPSTREAM,
    ...more,
  }
}

export interface HeadOptions {
  /** Operators whose witnesses cosign; default all but the log's own. */
  readonly by?: readonly string[]
  readonly time?: number
  readonly timeOf?: Readonly<Record<string, number>>
}

/** A head over entries, signed by the log and cosigned. */
export function signedHead(world: World, key: Signer, operator: string, entries: readonly string[], options: HeadOptions = {}): string {
  const leaves = entries.map((entry) => leafHash(crypto, utf8Encode(entry)))
  const text = formatCheckpoint({ origin: key.verifier.name, size: entries.length, root: rootOfLeaves(crypto, leaves) })
  const signed = signNote(key, text)
  const single = world.nodes.length === 1
  const by = options.by ?? world.nodes.filter((node) => single || node.operator !== operator).map((node) => node.operator)
  const lines = world.nodes.filter((node) => by.includes(node.operator))
    .map((node) => cosign(node.witness, text, options.timeOf?.[node.operator] ?? options.time ?? NOW - 60))
  return signed + lines.join("")
}

export interface NodeScript {
  readonly observations?: readonly Observation[]
  /** Raw entries instead of observations. */
  readonly entries?: readonly string[]
  readonly notices?: readonly Notice[]
  readonly noticeEntries?: readonly string[]
  readonly logHead?: HeadOptions
  readonly noticesHead?: HeadOptions
}

/** What an honest answer of this node looks like, for a test to break. */
export function evidenceOf(world: World, operator: string, script: NodeScript = {}): LogEvidence {
  const node = world.nodes.find((candidate) => candidate.operator === operator)
  if (node === undefined) throw new TypeError(`no node ${operator}`)
  const origin = node.log.verifier.name
  // A few strangers' entries around, so that proofs have something to prove.
  const filler = ["a", "b", "c"].map((letter) => formatObservation(observation(origin, { purl: `pkg:npm/filler-${letter}@1.0.0` })))
  const own = script.entries ?? (script.observations ?? [observation(origin)]).map(formatObservation)
  const entries = [...filler, ...own, ...filler.slice(0, 2).map((entry) => entry.replace("filler", "tail"))]
  const indices = own.map((_, i) => filler.length + i)
  const leaves = entries.map((entry) => leafHash(crypto, utf8Encode(entry)))
  const noticeEntries = script.noticeEntries ?? (script.notices ?? []).map(formatNotice)
  return {
    operator, origin, reached: true,
    batches: indices.length === 0 ? [] : [{
      checkpoint: signedHead(world, node.log, operator, entries, script.logHead),
      indices, entries: own, bodies: [],
      proof: proveMulti(nodeReaderFromLeaves(crypto, leaves), { indices, size: entries.length }, crypto),
    }],
    notices: { checkpoint: signedHead(world, node.notices, operator, noticeEntries, script.noticesHead), entries: noticeEntries },
    statuses: [],
  }
}

export function notice(operator: string, more: Partial<Notice> = {}): Notice {
  return { purl: PURL, sha512: GOOD, log: `${operator}.example/notices`, registry: REGISTRY, notice: "withdrawal", time: NOW - 50, reason: "malware", ...more }
}

export function policy(more: object = {}): Policy {
  return parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./roster.json", ...more }))
}

export const REQUEST: ArtifactRequest = { purl: PURL, registry: REGISTRY, sha512: GOOD }

/** Judges one request; evidence by operator, honest where nothing is given, absent where null. */
export function judge(world: World, scripts: Readonly<Record<string, NodeScript | LogEvidence | null>> = {}, more: Partial<VerifyInput> = {}): Verdict {
  const evidence = world.nodes.flatMap(({ operator }) => {
    const script = scripts[operator]
    if (script === null) return []
    return [script !== undefined && "origin" in script ? script : evidenceOf(world, operator, script)]
  })
  const [verdict] = verify({ crypto, roster: world.roster, policy: policy(), now: NOW, requests: [REQUEST], evidence, ...more })
  if (verdict === undefined) throw new TypeError("no verdict")
  return verdict
}

export { hexEncode }
