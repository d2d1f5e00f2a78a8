/**
 * What a lock of 1,300 lines costs: bytes of a line and of an operator's proof, and the time to read, open and judge it.
 *
 *     node --conditions=source packages/core/bench/lock.ts [lines] [operators]
 *
 * Names and integrities are those of a recorded lockfile, other facts are made up in the proportions of popular packages: a seventh has provenance,
 * one in thirty has a flag. Logs have 2^20 entries. Prints one JSON document; times are of CPU, `first` in a process that has done nothing before.
 *
 * @packageDocumentation
 */
import { spawnSync } from "node:child_process"
import { createPublicKey, hash, type KeyObject, verify as verifySignature } from "node:crypto"
import { readFileSync } from "node:fs"
import { sharedPath } from "@vouchsafe/config/shared"
import {
  type ArtifactRequest, type Bytes, compactHead, cosign, type Crypto, formatCheckpoint, formatLock, formatLockset, formatRoster, headChecker, hexEncode, isStrictEd25519Input, KEY_TYPE, leafHash, type Lock, type LockedLockset,
  type LockLine, lockLines, lockRoot, nodeHash, npmPurl, openLock, parseLock, parsePolicy, parseRoster, type Policy, type Roster, sha512OfSri, signerFromSeed, signNote, utf8Encode, verify,
} from "../src/index.ts"

const LINES = Number(process.argv[2] ?? 1_300)
const OPERATORS = Number(process.argv[3] ?? 4)
const LEVELS = 20
const RUNS = 15
const NOW = 1_800_000_000
const REGISTRY = "https://registry.example/"

const keys = new Map<string, KeyObject>()
function keyOf(publicKey: Bytes): KeyObject {
  const id = hexEncode(publicKey)
  const known = keys.get(id) ?? createPublicKey({ key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]), format: "der", type: "spki" })
  keys.set(id, known)
  return known
}
const crypto: Crypto = {
  sha256: (data) => hash("sha256", data, "buffer"),
  sha512: (data) => hash("sha512", data, "buffer"),
  verifyEd25519: (publicKey, message, signature) => isStrictEd25519Input(publicKey, signature) && verifySignature(null, message, keyOf(publicKey), signature),
}

/** Bytes that look random and are the same each time. */
const noise = (what: string): Bytes => crypto.sha256(utf8Encode(what))

function artifacts(): LockLine[] {
  const document = JSON.parse(readFileSync(sharedPath("data", "lockfiles", "package-lock-v3", "mochajs__mocha", "package-lock.json"), "utf8")) as { packages: Record<string, { version?: string; integrity?: string }> }
  const real = new Map<string, string>()
  for (const [path, { version, integrity }] of Object.entries(document.packages)) {
    const name = path.split("node_modules/").at(-1) ?? ""
    const sha512 = integrity === undefined ? undefined : sha512OfSri(integrity)
    if (name !== "" && version !== undefined && sha512 !== undefined) real.set(npmPurl(name, version), sha512)
  }
  for (let i = 0; real.size < LINES; i++) real.set(npmPurl(`@made-up/package-${i}`, `${i % 10}.2.3`), hexEncode(crypto.sha512(noise(`bytes ${i}`))))
  return [...real].slice(0, LINES).map(([purl, sha512], i): LockLine => {
    const repository = `https://github.example/some-owner/${hexEncode(noise(purl)).slice(0, 14)}`
    return {
      bundled: [],
      facts: {
        purl, sha512, registry: REGISTRY, h1: `h1:${Buffer.from(noise(purl)).toString("base64")}`, publishedAt: NOW - 40_000_000 - i * 7_919, publisher: `publisher-${i % 97}`, repository: `git+${repository}.git`,
        provenance: i % 7 !== 0 ? null : {
          repository, repositoryId: String(100_000_000 + i), ownerId: String(1_000_000 + i), commit: hexEncode(noise(`commit ${i}`)).slice(0, 40), workflow: ".github/workflows/release.yml",
          builder: "https://github.example/actions/runner/github-hosted", runner: "github-hosted",
        },
        runsScripts: i % 40 === 0, flags: i % 30 === 0 ? [{ word: "newborn", detail: `dependency-${i}` }] : [],
      },
    }
  })
}

function world() {
  let seed = 0
  const signer = (name: string, type: number) => signerFromSeed(name, type, new Uint8Array(32).fill(++seed))
  const nodes = Array.from({ length: OPERATORS }, (_, i) => {
    const operator = `operator-${i + 1}`
    const log = signer(`node.${operator}.example/log`, KEY_TYPE.ed25519)
    const notices = signer(`node.${operator}.example/notices`, KEY_TYPE.ed25519)
    const witness = signer(`node.${operator}.example/witness`, KEY_TYPE.cosignatureEd25519)
    return { operator, log, notices, witness, node: { operator, url: `https://node.${operator}.example/`, log: log.verifier, notices: notices.verifier, witness: witness.verifier } }
  })
  const rosterText = formatRoster(nodes.map(({ node }) => node), [REGISTRY])
  return { nodes, rosterText, roster: parseRoster(crypto, rosterText) }
}

/** A lockset in a log of 2^20 entries, of which only the path to it is there. */
function locksets({ nodes, roster }: ReturnType<typeof world>, lock: Pick<Lock, "lines">): LockedLockset[] {
  const notices = nodes.map((node, i) => ({ log: node.notices.verifier.name, size: 40 + i, root: noise(`notices ${i}`) })).sort((a, b) => (a.log < b.log ? -1 : 1))
  const heads = headChecker(crypto, roster, NOW)
  return nodes.map(({ operator, log, node }, n) => {
    const bits = lock.lines.texts.map((_, i) => i % 211 !== n)
    const said = { log: log.verifier.name, bits, roster: 1, notices, time: NOW - 4_000 }
    const index = 555_555 + n
    const proof = Array.from({ length: LEVELS }, (_, level) => noise(`${operator} ${level}`))
    const entry = formatLockset({ ...said, registry: REGISTRY, root: lockRoot(crypto, lock.lines), count: bits.length })
    const root = proof.reduce((hash, sibling, level) => (Math.floor(index / 2 ** level) % 2 === 1 ? nodeHash(crypto, sibling, hash) : nodeHash(crypto, hash, sibling)), leafHash(crypto, utf8Encode(entry)))
    const text = formatCheckpoint({ origin: log.verifier.name, size: 2 ** LEVELS, root })
    const signed = signNote(log, text) + nodes.filter((other) => other.operator !== operator).map(({ witness }, i) => cosign(witness, text, NOW - 3_000 - i)).join("")
    return { ...said, index, proof, checkpoint: compactHead(heads, node, log.verifier, signed) }
  })
}

/** What the measured process is given. */
interface Material {
  readonly text: string
  readonly roster: string
  readonly requests: readonly ArtifactRequest[]
}

interface Run {
  readonly parseMs: number
  readonly openMs: number
  readonly judgeMs: number
  readonly totalMs: number
  readonly allowed: number
}

/** CPU times in ms of reading, opening and judging once. */
function once({ text, requests }: Material, roster: Roster, policy: Policy): Run {
  const times = [cpuMs()]
  const parsed = parseLock(crypto, text)
  times.push(cpuMs())
  const lock = openLock({ crypto, roster, now: NOW }, parsed)
  times.push(cpuMs())
  const verdicts = verify({ crypto, roster, policy, now: NOW, requests, evidence: [], lock })
  times.push(cpuMs())
  const [parseMs = 0, openMs = 0, judgeMs = 0] = times.slice(1).map((time, i) => round(time - (times[i] as number)))
  return { parseMs, openMs, judgeMs, totalMs: round(parseMs + openMs + judgeMs), allowed: verdicts.filter(({ ok }) => ok).length }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}

/** A process that has done nothing before, as a check has not. */
function measure(): void {
  const material = JSON.parse(readFileSync(0, "utf8")) as Material
  const roster = parseRoster(crypto, material.roster)
  const policy = parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./roster.json" }))
  const first = once(material, roster, policy)
  const later = Array.from({ length: RUNS }, () => once(material, roster, policy)).sort((a, b) => a.totalMs - b.totalMs)
  process.stdout.write(JSON.stringify({ first, median: later[Math.floor(RUNS / 2)] }))
}

function main(): void {
  const { nodes, roster, rosterText } = world()
  const lines = lockLines(crypto, artifacts(), REGISTRY)
  const text = formatLock({ network: roster.lineage, roster: 1, registry: REGISTRY, lines, locksets: locksets({ nodes, roster }, { lines }), proofs: [] })
  const requests = lines.artifacts.map(({ facts: { purl, registry, sha512 } }) => ({ purl, registry, sha512 }))
  const child = spawnSync(process.execPath, [...process.execArgv, process.argv[1] as string, "measure"], { input: JSON.stringify({ text, roster: rosterText, requests }), encoding: "utf8", stdio: ["pipe", "pipe", "inherit"] })
  if (child.status !== 0) throw new Error(`the measured process ended with ${child.status}`)
  const start = text.indexOf("\n\n")
  process.stdout.write(`${JSON.stringify({
    lines: LINES, operators: OPERATORS, threshold: roster.threshold, fileBytes: utf8Encode(text).length, bytesPerLine: Math.round(start / LINES),
    proofBytesPerOperator: Math.round(utf8Encode(text.slice(start)).length / OPERATORS), ...JSON.parse(child.stdout) as object,
  }, null, 2)}\n`)
}

if (process.argv[2] === "measure") measure()
else main()
