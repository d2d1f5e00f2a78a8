import { artifactKey, type EntryBatch, formatObservation, LOCKSET_TYPE, NO_UPSTREAM, type Observation, OBSERVATION_TYPE, PLAIN_HISTORY, type Verdict } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { attestedOf } from "../src/index.ts"

const REGISTRY = "https://registry.example/"
const PURL = "pkg:npm/x@1.0.0"
const SHA512 = "ab".repeat(64)
const KEY = artifactKey({ purl: PURL, registry: REGISTRY })
const h1 = (letter: string): string => `h1:${letter.repeat(43)}=`

function observation(log: string, contents: Partial<Observation["contents"]> = {}, more: Partial<Observation> = {}): string {
  return formatObservation({
    purl: PURL, sha512: SHA512, log, registry: REGISTRY, observedAt: 1_700_000_000, tarball: { size: 1, sha1: "a".repeat(40), commitment: "b".repeat(64) },
    contents: { tarSha256: "c".repeat(64), h1: h1("A"), files: 1, unpackedSize: 1, manifest: "d".repeat(64), executables: { count: 0, sha256: "e".repeat(64) }, ...contents },
    package: { name: "x", version: "1.0.0", scripts: new Map(), gyp: [], dependencies: new Map(), optionalDependencies: new Map(), peerDependencies: new Map(), bundled: [] },
    packument: { publishedAt: null, publisher: null, repository: null, mismatch: [] }, upstream: NO_UPSTREAM, history: PLAIN_HISTORY, ...more,
  })
}

const batch = (entries: readonly string[], indices = entries.map((_, i) => i)): EntryBatch => ({ checkpoint: "", indices, entries, bodies: [], proof: [] })
const evidence = (origin: string, ...batches: readonly EntryBatch[]) => ({ operator: origin, origin, reached: true, batches, statuses: [] })
const claim = (origin: string, index = 0, predicateType = OBSERVATION_TYPE) => ({ operator: origin, origin, index, predicateType, checkpointTime: 0, bundled: [] })
const verdict = (...claims: readonly ReturnType<typeof claim>[]): Verdict => ({ ok: true, purl: PURL, registry: REGISTRY, sha512: SHA512, claims, findings: [], labels: [] })
const ALPHA = "alpha.example/log"
const BETA = "beta.example/log"

test("what operators that count agree on", () => {
  const found = attestedOf({ verdicts: [verdict(claim(ALPHA), claim(BETA))], evidence: [evidence(ALPHA, batch([observation(ALPHA)])), evidence(BETA, batch([observation(BETA)]))] })
  expect(found.get(KEY)).toMatchObject({ h1: h1("A"), manifest: "d".repeat(64), bundled: [], runsScripts: false })
})

test("who does not count says nothing", () => {
  const found = attestedOf({ verdicts: [verdict(claim(ALPHA))], evidence: [evidence(ALPHA, batch([observation(ALPHA)])), evidence(BETA, batch([observation(BETA, { h1: h1("B") })]))] })
  expect(found.get(KEY)?.h1).toBe(h1("A"))
})

describe("nobody can say", () => {
  test.each([
    { name: "no claims", claims: [], of: [evidence(ALPHA, batch([observation(ALPHA)]))] },
    { name: "a claim without its entry", claims: [claim(ALPHA, 7)], of: [evidence(ALPHA, batch([observation(ALPHA)]))] },
    { name: "other contents of equal bytes", claims: [claim(ALPHA), claim(BETA)], of: [evidence(ALPHA, batch([observation(ALPHA)])), evidence(BETA, batch([observation(BETA, { h1: h1("B") })]))] },
    { name: "another manifest", claims: [claim(ALPHA), claim(BETA)], of: [evidence(ALPHA, batch([observation(ALPHA)])), evidence(BETA, batch([observation(BETA, { manifest: "f".repeat(64) })]))] },
    { name: "one entry with two texts, of which one was proven", claims: [claim(ALPHA)], of: [evidence(ALPHA, batch([observation(ALPHA, { h1: h1("B") })]), batch([observation(ALPHA)]))] },
    { name: "the same, from another node's answer", claims: [claim(ALPHA)], of: [evidence(BETA, batch([observation(ALPHA, { h1: h1("B") })])), evidence(ALPHA, batch([observation(ALPHA)]))] },
    { name: "an entry about another package", claims: [claim(ALPHA)], of: [evidence(ALPHA, batch([observation(ALPHA, {}, { purl: "pkg:npm/y@1.0.0" })]))] },
    { name: "an entry about other bytes", claims: [claim(ALPHA)], of: [evidence(ALPHA, batch([observation(ALPHA, {}, { sha512: "cd".repeat(64) })]))] },
    { name: "an entry that is none", claims: [claim(ALPHA)], of: [evidence(ALPHA, batch(["{}"]))] },
    { name: "a lockset without a line", claims: [claim(ALPHA, 0, LOCKSET_TYPE)], of: [] },
  ])("$name", ({ claims, of }) => {
    expect(attestedOf({ verdicts: [verdict(...claims)], evidence: of }).get(KEY)).toBeUndefined()
  })
})

describe("a lock", () => {
  const facts = { purl: PURL, registry: REGISTRY, sha512: SHA512, h1: h1("A"), publishedAt: null, publisher: null, repository: null, provenance: null, runsScripts: true, flags: [] }
  const lock = { facts: new Map([[KEY, facts]]), missing: [], problems: [] }
  test("gives the content hash alone", () => {
    expect(attestedOf({ verdicts: [verdict(claim(ALPHA, 0, LOCKSET_TYPE))], evidence: [], lock }).get(KEY)).toEqual({ h1: h1("A"), bundled: [], runsScripts: true })
  })
  test("that contradicts an observation that counts says nothing", () => {
    const found = attestedOf({ verdicts: [verdict(claim(ALPHA, 0, LOCKSET_TYPE), claim(BETA))], evidence: [evidence(BETA, batch([observation(BETA, { h1: h1("B") })]))], lock })
    expect(found.get(KEY)).toBeUndefined()
  })
})
