import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { formatStatement, NO_UPSTREAM, parseStatement, provenanceOf, type RebuildClaim, type RebuildMatch, REPRODUCED_OPERATORS_MIN, type Statement, summaryOf, type Verdict } from "../../src/index.ts"
import { COMMIT, formatRebuild, GOOD, judge, makeWorld, mismatch, NOW, observation, policy, provenance, PURL, rebuild, REGISTRY } from "./world.ts"

const LOG = "alpha.example/log"
const BUILDER = "https://alpha.example/rebuilder"
const OPTIONS = { verifierId: "https://ci.example/verifier", timeVerified: NOW, policy: { uri: "file:vouchsafe.json", sha256: "ab".repeat(32) } }
const predicateOf = (statement: Statement): Record<string, any> => statement.predicate as Record<string, any>

describe("SLSA provenance of a rebuild", () => {
  test("has the members of the standard, and the rebuilt package as subject", () => {
    const statement = provenanceOf(rebuild(LOG, { source: { ...rebuild(LOG).source, directory: "packages/x" } }), BUILDER)
    expect(parseStatement(formatStatement(statement))).toEqual(statement)
    expect(statement).toEqual({
      _type: "https://in-toto.io/Statement/v1", predicateType: "https://slsa.dev/provenance/v1",
      subject: [{ name: "rebuild/left-pad-1.3.0.tgz", digest: { sha512: "88".repeat(64), dirHash: "00".repeat(32) } }],
      predicate: {
        buildDefinition: {
          buildType: "https://vouchsafe.example/rebuild/v1",
          externalParameters: { package: PURL, registry: REGISTRY, recipe: "77".repeat(32), directory: "packages/x" },
          internalParameters: { frozenAt: "2027-01-03T18:13:20Z", environment: { node: "22.21.1", manager: "npm@10.9.4", platform: "linux-x64", sandbox: "bubblewrap 0.8.0" } },
          resolvedDependencies: [{ uri: "git+https://git.example/ann/left-pad.git@refs/tags/v1.3.0", digest: { gitCommit: COMMIT } }],
        },
        runDetails: { builder: { id: BUILDER }, metadata: { startedOn: "2027-01-15T07:58:30Z", finishedOn: "2027-01-15T07:58:40Z" } },
        vouchsafe_match: { level: "contents", published: { name: PURL, digest: { sha512: GOOD } } },
      },
    })
  })
  test("names the purl only for the same bytes, and never the published digest for others", () => {
    const same = provenanceOf(rebuild(LOG, { match: "tgz", rebuilt: { ...rebuild(LOG).rebuilt, sha512: GOOD } }), BUILDER)
    expect(same.subject).toMatchObject([{ name: PURL, digest: { sha512: GOOD } }])
    for (const one of [rebuild(LOG), mismatch(LOG), rebuild(LOG, { purl: "pkg:npm/%40acme/x@1.0.0" })]) {
      const [subject] = provenanceOf(one, BUILDER).subject
      expect(subject?.name).toMatch(/^rebuild\/[a-z-]+-1\.[03]\.0\.tgz$/)
      expect(subject?.digest["sha512"]).not.toBe(GOOD)
    }
  })
  test("a difference is a byproduct by digest", () => {
    expect(predicateOf(provenanceOf(mismatch(LOG), BUILDER))["runDetails"].byproducts).toEqual([{ name: "differences.json", mediaType: "application/json", digest: { sha256: "aa".repeat(32) } }])
  })
  test.each(["", " ", "unknown"])("no builder %j", (id) => expect(() => provenanceOf(rebuild(LOG), id)).toThrow(RangeError))
})

describe("SLSA summary of a verdict", () => {
  const world = makeWorld()
  const rebuilt = (operators: readonly string[], more: object = {}) => Object.fromEntries(operators.map((operator) => [operator, { more: [formatRebuild(rebuild(`${operator}.example/log`, more))] }]))
  test("passes with what was verified, and says how", () => {
    const statement = summaryOf(judge(world, rebuilt(["alpha", "beta"])), { ...OPTIONS, version: "1.2.3" })
    expect(parseStatement(formatStatement(statement))).toEqual(statement)
    expect(statement).toEqual({
      _type: "https://in-toto.io/Statement/v1", predicateType: "https://slsa.dev/verification_summary/v1", subject: [{ name: PURL, digest: { sha512: GOOD } }],
      predicate: {
        verifier: { id: OPTIONS.verifierId, version: { vouchsafe: "1.2.3" } }, timeVerified: "2027-01-15T08:00:00Z", resourceUri: PURL, policy: { uri: "file:vouchsafe.json", digest: { sha256: "ab".repeat(32) } },
        verificationResult: "PASSED", verifiedLevels: ["SLSA_BUILD_LEVEL_0", "SLSA_BUILD_REPRODUCED"], slsaVersion: "1.1", vouchsafe_match: "contents",
      },
    })
  })
  test("a policy that asks one rebuilder does not make one rebuild reproduced", () => {
    const verdict = judge(world, rebuilt(["alpha"]), { policy: policy({ rebuilders: 1 }) })
    expect(verdict.level).toBe("rebuilt")
    expect(predicateOf(summaryOf(verdict, OPTIONS))["verifiedLevels"]).toEqual(["SLSA_BUILD_LEVEL_0"])
  })
  test.each([
    ["a hosted builder", { runner: "github-hosted" as const }, "SLSA_BUILD_LEVEL_2"],
    ["a builder of one's own", { runner: "self-hosted" as const }, "SLSA_BUILD_LEVEL_1"],
    ["a builder that says nothing", { runner: null }, "SLSA_BUILD_LEVEL_1"],
  ])("provenance by %s", (_, more, level) => {
    const scripts = Object.fromEntries(world.nodes.map(({ operator }) => [operator, { observations: [observation(`${operator}.example/log`, { upstream: { ...NO_UPSTREAM, provenance: provenance(more) } })] }]))
    expect(predicateOf(summaryOf(judge(world, scripts), OPTIONS))["verifiedLevels"]).toEqual([level])
  })
  test("a refusal fails, whatever else is known", () => {
    const verdict = judge(world, { ...rebuilt(["alpha", "beta"]), gamma: { more: [formatRebuild(mismatch("gamma.example/log"))] }, delta: { more: [formatRebuild(mismatch("delta.example/log"))] } })
    expect(verdict).toMatchObject({ ok: false, level: "rebuilt" })
    expect(predicateOf(summaryOf(verdict, OPTIONS))).toMatchObject({ verificationResult: "FAILED", verifiedLevels: ["FAILED"] })
  })
  test("about no bytes, by nobody, under no policy: nothing", () => {
    const { sha512: _, ...without } = judge(world)
    expect(() => summaryOf(without as Verdict, OPTIONS)).toThrow(RangeError)
    expect(() => summaryOf(judge(world), { ...OPTIONS, verifierId: "" })).toThrow(RangeError)
    expect(() => summaryOf(judge(world), { ...OPTIONS, policy: { ...OPTIONS.policy, uri: "none" } })).toThrow(RangeError)
  })
  test("SLSA_BUILD_REPRODUCED stands for two agreeing operators or more, in no other case", () => {
    const claim = fc.record({ operator: fc.constantFrom("alpha", "beta", "gamma"), match: fc.constantFrom<RebuildMatch>("tgz", "tar", "contents", "none"), agrees: fc.boolean() })
    const base = judge(world, rebuilt(["alpha", "beta"]))
    const [sample] = base.rebuilds as readonly RebuildClaim[]
    let reproduced = 0
    fc.assert(fc.property(fc.array(claim, { maxLength: 5 }), fc.constantFrom<Verdict["level"]>("rebuilt", "provenance", undefined), fc.boolean(), (claims, level, ok) => {
      const { level: _, ...rest } = base
      const verdict = { ...rest, ok, rebuilds: claims.map((one) => ({ ...(sample as RebuildClaim), ...one })), ...(level === undefined ? {} : { level }), ...(ok ? {} : { code: "NOT_VOUCHED" }) } as Verdict
      const levels = predicateOf(summaryOf(verdict, OPTIONS))["verifiedLevels"] as string[]
      const operators = new Set(claims.filter(({ match, agrees }) => agrees && match !== "none").map(({ operator }) => operator))
      const expected = ok && level === "rebuilt" && operators.size >= 2
      reproduced += Number(expected)
      expect(levels.includes("SLSA_BUILD_REPRODUCED")).toBe(expected)
      expect(levels.filter((name) => name.startsWith("SLSA_BUILD_LEVEL_")).length).toBe(ok ? 1 : 0)
    }), { numRuns: 500 })
    // About 15 of 500: a higher bar would fail by chance, one run in ten at 10.
    expect(reproduced).toBeGreaterThan(0)
    expect(REPRODUCED_OPERATORS_MIN).toBe(2)
  })
})
