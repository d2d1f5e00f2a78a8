import {
  type ArtifactRequest, cosign, type Crypto, type Envelope, formatCheckpoint, formatForeignEntry, formatNotice, formatObservation, formatRebuild, formatRelease, formatRoster, hexEncode, INTOTO_PAYLOAD_TYPE, KEY_TYPE, keyHint, leafHash, type LogEvidence,
  NO_UPSTREAM, PLAIN_HISTORY, nodeReaderFromLeaves, type Notice, type Observation, parsePolicy, parseRoster, type Policy, type Provenance, proveMulti, type Rebuild, type Release, type Roster, type RosterNode, rootOfLeaves, signEnvelope, type Signer, signNote,
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
    upstream: NO_UPSTREAM, history: PLAIN_HISTORY,
    ...more,
  }
}

export const COMMIT = "0123456789abcdef0123456789abcdef01234567"
export const SSH_KEY = `SHA256:${"k".repeat(43)}`

/** Provenance that somebody verified. */
export function provenance(more: Partial<Provenance> = {}): Provenance {
  return {
    bundle: "66".repeat(32), predicateType: "https://slsa.dev/provenance/v1", issuer: "https://token.forge.example", san: "https://git.example/ann/left-pad/.ci/release.yml@refs/tags/v1.3.0",
    repository: "https://git.example/ann/left-pad", repositoryId: "1", ownerId: "2", commit: COMMIT, ref: "refs/tags/v1.3.0", workflow: ".ci/release.yml", trigger: "push",
    builder: "https://git.example/runner/github-hosted", runner: "github-hosted", signedAt: NOW - 1_000_100, inputs: [], ...more,
  }
}

/** A rebuild with the same files in another archive. */
export function rebuild(log: string, more: Partial<Rebuild> = {}): Rebuild {
  return {
    purl: PURL, sha512: GOOD, log, registry: REGISTRY, startedAt: NOW - 90, rebuiltAt: NOW - 80, match: "contents",
    source: {
      repository: "https://git.example/ann/left-pad.git", commit: COMMIT, ref: "refs/tags/v1.3.0", foundBy: ["gitHead", "tag"], directory: "",
      signature: { state: "unknown-signer", kind: "ssh", key: SSH_KEY, signer: null },
    },
    recipe: { sha256: "77".repeat(32), override: false },
    environment: { frozenAt: NOW - 1_000_000, node: "22.21.1", manager: "npm@10.9.4", platform: "linux-x64", sandbox: "bubblewrap 0.8.0" },
    rebuilt: { sha512: "88".repeat(64), tarSha256: "99".repeat(32), h1: `h1:${"A".repeat(43)}=`, size: 1001, files: 3 },
    differences: { count: 0, classes: new Map(), document: null },
    ...more,
  }
}

/** The same with other files. */
export function mismatch(log: string, more: Partial<Rebuild> = {}): Rebuild {
  const { rebuilt } = rebuild(log)
  return rebuild(log, {
    match: "none", rebuilt: { ...rebuilt, h1: `h1:${"B".repeat(42)}A=` }, differences: { count: 2, classes: new Map([["changed", 1], ["only-in-published", 1]]), document: "aa".repeat(32) }, ...more,
  })
}

export const publisher = (seed: number): Signer => signerFromSeed(`ann.example/release-${seed}`, KEY_TYPE.ed25519, new Uint8Array(32).fill(200 + seed))

/** A release, signed. */
export function releaseBy(signer: Signer, more: Partial<Release> = {}): Envelope {
  return envelopeOf(signer, formatRelease({ purl: PURL, sha512: GOOD, ...more }))
}

/** Any text in an envelope, signed. */
export function envelopeOf(signer: Signer, text: string, payloadType: string = INTOTO_PAYLOAD_TYPE): Envelope {
  return signEnvelope(signer, { payloadType, payload: utf8Encode(text), keyId: keyHint(signer.verifier) })
}

export { formatForeignEntry, formatRebuild }

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
  /** Full texts of entries by digest. */
  readonly bodies?: readonly string[]
  /** Raw entries beside the observations. */
  readonly more?: readonly string[]
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
  const own = [...(script.entries ?? (script.observations ?? [observation(origin)]).map(formatObservation)), ...(script.more ?? [])]
  const entries = [...filler, ...own, ...filler.slice(0, 2).map((entry) => entry.replace("filler", "tail"))]
  const indices = own.map((_, i) => filler.length + i)
  const leaves = entries.map((entry) => leafHash(crypto, utf8Encode(entry)))
  const noticeEntries = script.noticeEntries ?? (script.notices ?? []).map(formatNotice)
  return {
    operator, origin, reached: true,
    batches: indices.length === 0 ? [] : [{
      checkpoint: signedHead(world, node.log, operator, entries, script.logHead),
      indices, entries: own, bodies: script.bodies ?? [],
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
