/**
 * Recorded packuments of well-known packages, version by version: each is observed as it was three days after it came, when the registry listed
 * nothing newer, and judged under `recommended`. All of them are honest.
 */
import { readdirSync, readFileSync } from "node:fs"
import { sharedPath } from "@vouchsafe/config/shared"
import {
  cosign, factsOf, formatCheckpoint, formatRoster, KEY_TYPE, leafHash, NO_UPSTREAM, nodeReaderFromLeaves, npmPurl, type Observation, parsePolicy, parseRoster, type Provenance, proveMulti, rootOfLeaves, type Signer, signerFromSeed,
  signNote, type Upstream, utf8Decode, utf8Encode, verify, type Verdict,
} from "@vouchsafe/core"
import { createNames } from "@vouchsafe/names"
import { fastCrypto as crypto, memoryHistoryStore } from "@vouchsafe/testkit"
import { archive, entry, packageJson, tgz } from "@vouchsafe/testkit/tar"
import { afterAll, describe, expect, test } from "vitest"
import { createWorld, distOf, ORIGIN, REGISTRY, type World } from "./support/world.ts"

const DAY = 86_400
const AGE = 3 * DAY
const FOLDER = sharedPath("data", "npm-registry", "packuments")

interface Recorded { readonly name: string; readonly time: Readonly<Record<string, string>>; readonly versions: Readonly<Record<string, Readonly<Record<string, unknown>>>> }

const signer = (name: string, type: number, seed: number): Signer => signerFromSeed(name, type, new Uint8Array(32).fill(seed))
const KEYS = { log: signer(ORIGIN, KEY_TYPE.ed25519, 1), notices: signer("alpha.vouchsafe.example/notices", KEY_TYPE.ed25519, 2), witness: signer("alpha.vouchsafe.example/witness", KEY_TYPE.cosignatureEd25519, 3) }
const ROSTER = parseRoster(crypto, formatRoster([{ operator: "alpha", url: "https://alpha.example/", log: KEYS.log.verifier, notices: KEYS.notices.verifier, witness: KEYS.witness.verifier }], [REGISTRY]))
const POLICY = parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./roster.json", preset: "recommended" }))

function head(key: Signer, entries: readonly Uint8Array[], timeSeconds: number): string {
  const text = formatCheckpoint({ origin: key.verifier.name, size: entries.length, root: rootOfLeaves(crypto, entries.map((bytes) => leafHash(crypto, bytes))) })
  return signNote(key, text) + cosign(KEYS.witness, text, timeSeconds)
}

/** One operator's word, under a head of the time. */
function judge(observation: Observation, bytes: Uint8Array, timeSeconds: number): Verdict {
  const [verdict] = verify({
    crypto, roster: ROSTER, policy: POLICY, now: timeSeconds, requests: [{ purl: observation.purl, registry: REGISTRY, sha512: observation.sha512 }],
    evidence: [{
      operator: "alpha", origin: ORIGIN, reached: true, statuses: [], notices: { checkpoint: head(KEYS.notices, [], timeSeconds), entries: [] },
      batches: [{ checkpoint: head(KEYS.log, [bytes], timeSeconds), indices: [0], entries: [utf8Decode(bytes)], bodies: [], proof: proveMulti(nodeReaderFromLeaves(crypto, [leafHash(crypto, bytes)]), { indices: [0], size: 1 }, crypto) }],
    }],
  })
  if (verdict === undefined) throw new TypeError("no verdict")
  return verdict
}

/** What an attested version of a package says of itself; the recordings hold no bundles. */
function provenanceOf(name: string, signedAt: number): Provenance {
  return {
    bundle: "ab".repeat(32), predicateType: "https://slsa.dev/provenance/v1", issuer: "https://token.forge.example", san: "https://forge.example/x", repository: `https://forge.example/x/${encodeURIComponent(name)}`, repositoryId: "1", ownerId: "2",
    commit: "0123456789abcdef0123456789abcdef01234567", ref: null, workflow: ".ci/release.yml", trigger: "push", builder: "https://forge.example/runner", runner: null, signedAt, inputs: [],
  }
}

/** A registry that lists what it listed at the time. */
function worldOf(): World {
  const upstream = { verifyUpstream: ({ announced, name, publishedAt }: { readonly announced?: unknown; readonly name: string; readonly publishedAt: number | null }) => {
    const facts: Upstream = announced === undefined ? NO_UPSTREAM : { ...NO_UPSTREAM, provenance: provenanceOf(name, publishedAt ?? 0) }
    return { upstream: facts, bundles: [], details: [] }
  } }
  return createWorld({ upstream, history: { store: memoryHistoryStore(), lookalike: createNames().lookalike } })
}

function publish(world: World, { name, time, versions }: Recorded, version: string): void {
  const recorded = versions[version] as Record<string, unknown> & { readonly dist: { readonly attestations?: unknown } }
  const own = Object.fromEntries(Object.entries(recorded).filter(([key]) => !key.startsWith("_") && !["dist", "maintainers", "gitHead", "gypfile"].includes(key)))
  const bytes = tgz(archive(packageJson(own), entry("package/index.js", `module.exports = ${JSON.stringify(version)}\n`)))
  const { attestations } = recorded.dist
  world.publish({ name, version, bytes, time: time[version], manifest: { ...recorded, dist: { ...distOf(bytes), tarball: `${REGISTRY}${name}/-/${version}.tgz`, ...(attestations === undefined ? {} : { attestations }) } } })
  if (attestations !== undefined) world.registry.attested.set(`${name}@${version}`, { attestations: [] })
}

const RECORDED = readdirSync(FOLDER).map((file) => JSON.parse(readFileSync(`${FOLDER}/${file}`, "utf8")) as Recorded)
const seen = { versions: 0, withPrevious: 0, standings: new Map<string, number>(), attested: 0, flagged: [] as string[] }

describe.each(RECORDED.map((recorded) => ({ name: recorded.name, recorded })))("$name", ({ recorded }) => {
  test("no honest version is refused once it is three days old", async () => {
    const world = worldOf()
    const refused: string[] = []
    const byTime = Object.keys(recorded.versions).sort((a, b) => Date.parse(recorded.time[a] ?? "") - Date.parse(recorded.time[b] ?? ""))
    const publishedAt = (version: string): number => Math.ceil(Date.parse(recorded.time[version] as string) / 1000)
    const coming = [...byTime]
    for (const version of byTime) {
      const timeSeconds = publishedAt(version) + AGE
      // What came within those three days is listed by then.
      while (coming[0] !== undefined && publishedAt(coming[0]) <= timeSeconds) publish(world, recorded, coming.shift() as string)
      world.clock.now = timeSeconds * 1000
      const result = await world.attester.observe({ purl: npmPurl(recorded.name, version), registry: REGISTRY })
      if (result.status !== "observed") throw new Error(`${recorded.name}@${version}: ${JSON.stringify(result)}`)
      const observation = world.observation(result.index)
      const verdict = judge(observation, world.log.entries[result.index]?.bytes ?? utf8Encode(""), timeSeconds)
      if (!verdict.ok) refused.push(`${version}: ${JSON.stringify(verdict.findings)}`)
      seen.versions += 1
      if (observation.history.previous !== null) seen.withPrevious += 1
      if (observation.upstream.provenance !== null) seen.attested += 1
      seen.standings.set(observation.history.publisher, (seen.standings.get(observation.history.publisher) ?? 0) + 1)
      for (const { word, detail } of factsOf(observation).flags) seen.flagged.push(`${recorded.name}@${version} ${word} ${detail}`.trim())
    }
    expect(refused).toEqual([])
  }, 30_000)
})

afterAll(() => {
  // A recording in which nothing could be compared would show nothing.
  expect(seen.withPrevious).toBeGreaterThan(200)
  expect(seen.attested).toBeGreaterThan(5)
  expect([...seen.standings.keys()].sort()).toEqual(expect.arrayContaining(["earlier", "same"]))
  if (process.env["SHOW_HISTORIES"] !== undefined) process.stderr.write(`${JSON.stringify({ ...seen, standings: [...seen.standings] }, null, 1)}\n`)
})
