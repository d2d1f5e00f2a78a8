import { sharedPath } from "@vouchsafe/config/shared"
import { NO_UPSTREAM, type Upstream, VouchsafeError } from "@vouchsafe/core"
import type { UpstreamInput, UpstreamVerifier } from "@vouchsafe/sigstore"
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { ARTIFACT, createWorld, distOf, fixtureTgz, type PublishChange, REGISTRY } from "./support/world.ts"

const REAL_ANSWER = JSON.parse(readFileSync(sharedPath("data", "npm-attestations", "registry-shape", "sigstore@2.3.1.json"), "utf8")) as unknown
const BYTES = fixtureTgz({ name: "fixture", version: "1.0.0", repository: "github:ann/fixture" })
const SPEC = "fixture@1.0.0"
const ANNOUNCED = { url: `${REGISTRY}-/npm/v1/attestations/${SPEC}`, provenance: { predicateType: "https://slsa.dev/provenance/v1" } }
const withDist = (change: object): PublishChange => ({ bytes: BYTES, manifest: { dist: { ...distOf(BYTES), tarball: `${REGISTRY}fixture/-/fixture-1.0.0.tgz`, ...change } } })

/** A verifier that answers as told, and what it was asked. */
function toldVerifier(upstream: Upstream, bundles: { readonly sha256: string; readonly bytes: Uint8Array }[] = []): UpstreamVerifier & { readonly asked: UpstreamInput[] } {
  const asked: UpstreamInput[] = []
  return { asked, verifyUpstream: (input) => { asked.push(input); return { upstream, bundles, details: [] } } }
}

describe("makes no observation, and makes one once it passed", () => {
  test.each<{ name: string; prepare: (world: ReturnType<typeof createWorld>) => void; heal: (world: ReturnType<typeof createWorld>) => void; code: string; says: string }>([
    {
      name: "attestations that are announced and not there", code: "UPSTREAM_FAILED", says: "announces attestations",
      prepare: () => undefined, heal: (world) => { world.registry.attested.set(SPEC, { attestations: [] }) },
    },
    ...(["UNREACHABLE", "TIMEOUT", "UPSTREAM_FAILED", "ADDRESS_REFUSED"] as const).map((code) => ({
      name: `attestations that cannot be fetched: ${code}`, code, says: "the world failed",
      prepare: (world: ReturnType<typeof createWorld>) => { world.registry.before = async (what) => { if (what === "attestations") throw new VouchsafeError(code, "the world failed") } },
      heal: (world: ReturnType<typeof createWorld>) => { world.registry.before = async () => undefined; world.registry.attested.set(SPEC, REAL_ANSWER) },
    })),
  ])("$name", async ({ prepare, heal, code, says }) => {
    const world = createWorld()
    world.publish(withDist({ attestations: ANNOUNCED }))
    prepare(world)
    expect(await world.attester.observe(ARTIFACT)).toMatchObject({ status: "refused", code, detail: expect.stringContaining(says) })
    expect([world.log.entries, [...world.blobs.blobs]]).toEqual([[], []])
    heal(world)
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(world.observation(0).upstream.refused).not.toEqual([])
  })

  test("a registry signature by a key that the node has never heard of", async () => {
    const world = createWorld()
    const signed = withDist({ signatures: [{ keyid: "SHA256:new", sig: "AAAA" }] })
    world.publish(signed)
    expect(await world.attester.observe(ARTIFACT)).toMatchObject({ status: "refused", code: "UPSTREAM_FAILED", detail: expect.stringContaining("REGISTRY_SIGNATURE_KEY_UNKNOWN") })
    expect(world.log.entries).toEqual([])
  })
})

describe("observes with codes what is there and wrong", () => {
  test.each([
    { name: "a registry signature that does not verify", dist: { signatures: [{ keyid: "SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U", sig: "AAAA" }] }, refused: ["REGISTRY_SIGNATURE_INVALID"] },
    { name: "attestations of another package", dist: { attestations: ANNOUNCED }, answer: REAL_ANSWER, refused: ["PROVENANCE_REPOSITORY_MISMATCH", "PROVENANCE_SUBJECT_DIGEST", "PROVENANCE_SUBJECT_NAME", "PUBLISH_PREDICATE_MISMATCH", "PUBLISH_SUBJECT_DIGEST", "PUBLISH_SUBJECT_NAME"] },
    { name: "an answer that is none", dist: { attestations: ANNOUNCED }, answer: { attestations: "x" }, refused: ["ATTESTATIONS_MALFORMED", "PROVENANCE_MISSING"] },
    { name: "provenance that is announced and left out", dist: { attestations: ANNOUNCED }, answer: { attestations: [] }, refused: ["PROVENANCE_MISSING"] },
  ])("$name", async ({ dist, answer, refused }) => {
    const world = createWorld()
    world.publish(withDist(dist))
    world.registry.attested.set(SPEC, answer)
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(world.observation(0).upstream).toEqual({ signature: null, publish: null, provenance: null, refused })
  })
})

test("nothing is asked for a version that announces nothing", async () => {
  const world = createWorld()
  world.publish(withDist({}))
  await world.attester.observe(ARTIFACT)
  expect(world.registry.asked.filter((asked) => asked.startsWith("attestations"))).toEqual([])
  expect(world.observation(0).upstream).toEqual(NO_UPSTREAM)
})

describe("what verified", () => {
  const sha256 = "ab".repeat(32)
  const upstream: Upstream = { ...NO_UPSTREAM, publish: { keyid: `SHA256:${"A".repeat(43)}`, bundle: sha256 }, refused: [] }
  const bundle = { sha256, bytes: new TextEncoder().encode("{}") }

  test("is in the observation, its bundle stored before it", async () => {
    const world = createWorld({ upstream: toldVerifier(upstream, [bundle]) })
    world.publish(withDist({ attestations: ANNOUNCED }))
    world.registry.attested.set(SPEC, REAL_ANSWER)
    const append = world.log.append
    let storedBefore = false
    world.log.append = async (entries) => { storedBefore = world.blobs.blobs.has(sha256); return append(entries) }
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(storedBefore).toBe(true)
    expect(world.observation(0).upstream).toEqual(upstream)
  })

  test("is judged against the fetched bytes and the package's own repository", async () => {
    const verifier = toldVerifier(upstream)
    const world = createWorld({ upstream: verifier })
    const change = withDist({ attestations: ANNOUNCED, signatures: [] })
    world.publish({ ...change, manifest: { ...change.manifest, repository: "github:somebody/else" } })
    world.registry.attested.set(SPEC, REAL_ANSWER)
    await world.attester.observe(ARTIFACT)
    expect(verifier.asked).toMatchObject([{
      name: "fixture", version: "1.0.0", registry: REGISTRY, repository: "github:ann/fixture", announced: ANNOUNCED, signatures: [], attestations: REAL_ANSWER,
      integrity: distOf(BYTES).integrity, publishedAt: Date.parse("2026-01-15T12:00:00.000Z") / 1000,
    }])
    expect(verifier.asked[0]?.sha512).toBe(world.observation(0).sha512)
  })
})
