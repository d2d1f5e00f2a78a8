/** Rules about what is new in a version, and about its age (packages/spec/verify.md): one row, one way to be refused, and beside it the honest twin. */
import { describe, expect, test } from "vitest"
import { type ArtifactFacts, factsOf, formatRebuild, type History, type MaliciousList, NO_UPSTREAM, type Observation, PLAIN_HISTORY, type Policy, type Verdict } from "../../src/index.ts"
import { GOOD, judge, makeWorld, type NodeScript, NOW, notice, observation, policy, provenance, PURL, rebuild, REQUEST } from "./world.ts"

const OPERATORS = ["alpha", "beta", "gamma", "delta"] as const
type Operator = (typeof OPERATORS)[number]
const world = makeWorld()
const log = (operator: string): string => `${operator}.example/log`
const HOUR = 3_600
const DAY = 86_400
/** All heads are cosigned a minute before NOW: this is when ages are counted from. */
const TIME = NOW - 60
const PREVIOUS = { version: "1.2.0", publishedAt: NOW - 500 * DAY, provenance: "none", source: "found" } as const

interface Seen {
  readonly history?: Partial<History>
  readonly publishedAt?: number | null
  readonly proven?: boolean
  readonly publisher?: string | null
  readonly repository?: string | null
  readonly observedAt?: number
  readonly mismatch?: readonly string[]
}

function seen(operator: string, { history = {}, publishedAt = TIME - 10 * DAY, proven = false, publisher = "ann", repository = "https://git.example/ann/left-pad", observedAt = NOW - 100, mismatch = [] }: Seen): Observation {
  return observation(log(operator), {
    observedAt, packument: { publishedAt, publisher, repository, mismatch },
    upstream: proven ? { ...NO_UPSTREAM, provenance: provenance() } : NO_UPSTREAM,
    history: { ...PLAIN_HISTORY, createdAt: NOW - 2_000 * DAY, versions: 9, previous: PREVIOUS, publisher: "same", source: "found", ...history },
  })
}

/** The same observation by the operators given, an unremarkable one by the rest. */
function scripts(odd: Seen, by: readonly Operator[] = OPERATORS): Record<string, NodeScript> {
  return Object.fromEntries(OPERATORS.map((operator) => [operator, { observations: [seen(operator, by.includes(operator) ? odd : {})] }]))
}

const codes = ({ findings }: Verdict): string[] => findings.map(({ severity, code }) => `${severity} ${code}`)
const withPolicy = (more: object): { readonly policy: Policy } => ({ policy: policy(more) })
const outcome = (verdict: Verdict): string => (verdict.ok ? "allowed" : verdict.code)

describe("what refuses", () => {
  test.each<[string, Seen, string, RegExp]>([
    ["published an hour ago", { publishedAt: TIME - HOUR }, "TOO_YOUNG", /too short a time ago/],
    ["published a second too late", { publishedAt: TIME - 3 * DAY + 1 }, "TOO_YOUNG", /too short/],
    ["published in the future", { publishedAt: TIME + 400 * DAY }, "TOO_YOUNG", /too short/],
    ["no publish time, first seen a minute ago", { publishedAt: null }, "TOO_YOUNG", /too short/],
    ["a publish time that the attester knows to be false", { publishedAt: TIME - 400 * DAY, history: { notBefore: TIME - 300 } }, "TOO_YOUNG", /too short/],
    ["provenance before, none now", { history: { previous: { ...PREVIOUS, provenance: "verified" } } }, "PROVENANCE_LOST", /no provenance, and version "1.2.0" had/],
    ["provenance claimed before, none now", { history: { previous: { ...PREVIOUS, provenance: "claimed" } } }, "PROVENANCE_LOST", /no provenance/],
    ["another builder", { proven: true, history: { changed: ["builder"] } }, "IDENTITY_CHANGED", /^builder is not as in the versions before it$/],
    ["other build inputs", { proven: true, history: { changed: ["inputs"] } }, "IDENTITY_CHANGED", /^build inputs are/],
    ["another owner of the repository", { proven: true, history: { changed: ["owner"] } }, "IDENTITY_CHANGED", /owner of the source repository is/],
    ["another repository", { proven: true, history: { changed: ["repository"] } }, "IDENTITY_CHANGED", /source repository is/],
    ["another workflow", { proven: true, history: { changed: ["workflow"] } }, "IDENTITY_CHANGED", /workflow is/],
    ["another workflow and builder", { proven: true, history: { changed: ["builder", "workflow"] } }, "IDENTITY_CHANGED", /^builder, workflow are/],
    ["another e-mail domain of the publisher", { history: { changed: ["publisher-domain"] } }, "IDENTITY_CHANGED", /e-mail domain of the publisher is/],
    ["a new publisher and a new script", { history: { publisher: "new", scripts: ["postinstall"] } }, "IDENTITY_CHANGED", /^publisher is/],
    ["a new publisher and a gyp file", { history: { publisher: "new", gyp: ["binding.gyp"] } }, "IDENTITY_CHANGED", /publisher/],
    ["a new publisher and a newborn dependency", { history: { publisher: "new", dependencies: [{ name: "x", createdAt: TIME - 11 * DAY, isExotic: false, isKin: false }] } }, "IDENTITY_CHANGED", /publisher/],
    ["a new publisher and an exotic dependency", { history: { publisher: "new", dependencies: [{ name: "x", createdAt: null, isExotic: true, isKin: false }] } }, "IDENTITY_CHANGED", /publisher/],
    ["a new publisher and no commit", { history: { publisher: "new", source: "absent" } }, "IDENTITY_CHANGED", /publisher/],
    ["a new publisher after years", { history: { publisher: "new", gap: 800 * DAY } }, "IDENTITY_CHANGED", /publisher/],
    ["a new publisher and a lapsed domain", { history: { publisher: "new", lapsedDomains: ["gone.example"] } }, "IDENTITY_CHANGED", /publisher/],
    ["a new publisher and changed scripts", { history: { publisher: "new", changed: ["scripts"] } }, "IDENTITY_CHANGED", /^publisher is/],
    ["a lapsed e-mail domain", { history: { lapsedDomains: ["gone.example"] } }, "MAINTAINER_DOMAIN_LAPSED", /"gone.example"/],
    ["a new postinstall", { history: { scripts: ["postinstall"] } }, "NEW_INSTALL_SCRIPT", /"postinstall"/],
    ["a new preinstall of a bundled package", { history: { scripts: ["node_modules/x#preinstall"] } }, "NEW_INSTALL_SCRIPT", /x#preinstall/],
    ["a new gyp file", { history: { gyp: ["binding.gyp"] } }, "NEW_INSTALL_SCRIPT", /"binding.gyp"/],
    ["a new dependency, days old", { history: { dependencies: [{ name: "plain-crypto", createdAt: TIME - 12 * DAY, isExotic: false, isKin: false }] } }, "NEWBORN_DEPENDENCY", /"plain-crypto"/],
    ["a new dependency from git", { history: { dependencies: [{ name: "setup", createdAt: null, isExotic: true, isKin: false }] } }, "EXOTIC_SOURCE", /no registry: "setup"/],
    ["no commit or tag", { history: { source: "absent" } }, "SOURCE_NOT_FOUND", /as it had for version "1.2.0"/],
    ["three release lines in minutes", { history: { burst: { lines: 2, packages: 0, isHabit: false } } }, "PUBLISH_BURST", /within minutes/],
    ["many packages in minutes", { history: { burst: { lines: 0, packages: 5, isHabit: false } } }, "PUBLISH_BURST", /within minutes/],
    ["revived by a new publisher", { history: { publisher: "new", gap: 800 * DAY } }, "DORMANT_REVIVED", /years of silence/],
    ["revived with another owner", { proven: true, history: { changed: ["owner"], gap: 800 * DAY } }, "DORMANT_REVIVED", /years of silence/],
    ["a name like another's", { history: { createdAt: TIME - 20 * DAY, lookalike: { target: "left-pad-js", kind: "affix", isKin: false } } }, "LOOKALIKE_NAME", /taken for "left-pad-js"/],
  ])("%s", (_, odd, code, says) => {
    const verdict = judge(world, scripts(odd))
    const finding = verdict.findings.find((one) => one.code === code)
    expect(verdict.ok).toBe(false)
    expect(finding).toMatchObject({ severity: "deny", saidBy: [...OPERATORS].sort(), message: expect.stringMatching(says) })
    expect(finding?.expected).toBeTruthy()
    expect(finding?.found).toBeTruthy()
    expect(finding?.hint).toMatch(new RegExp(`\`npx vouchsafe allow left-pad@1\\.3\\.0 --code ${code} `))
    // The same with one word: three others count, and the finding is worth a warning.
    expect(codes(judge(world, scripts(odd, ["gamma"]))).filter((text) => text.endsWith(code))).toEqual([`warn ${code}`])
    expect(judge(world, scripts(odd, ["gamma"])).ok).toBe(true)
    expect(outcome(judge(world, scripts(odd, ["gamma", "delta"])))).not.toBe("allowed")
    expect(judge(world, scripts(odd), withPolicy({ preset: "observe" })).ok).toBe(true)
    expect(codes(judge(world, scripts(odd), withPolicy({ rules: { [code]: "off" } }))).filter((text) => text.endsWith(code))).toEqual([])
    expect(codes(judge(world, scripts(odd), withPolicy({ rules: { [code]: "warn" } })))).toContain(`warn ${code}`)
    const excepted = judge(world, scripts(odd), withPolicy({ exceptions: [{ purl: PURL, code, owner: "ann", reason: "read it", until: "2027-06-01" }] }))
    expect(excepted.findings.find((one) => one.code === code)).toMatchObject({ severity: "warn", message: expect.stringContaining('allowed until 2027-06-01 by "ann": "read it"') })
  })
})

describe("honest twins", () => {
  test.each<[string, Seen, readonly string[]]>([
    ["nothing new", {}, []],
    ["exactly old enough", { publishedAt: TIME - 3 * DAY }, []],
    ["no publish time, first seen four days ago", { publishedAt: null, observedAt: TIME - 4 * DAY }, []],
    ["provenance now and before", { proven: true, history: { previous: { ...PREVIOUS, provenance: "verified" } } }, []],
    ["a new publisher, and nothing else", { history: { publisher: "new" } }, ["warn IDENTITY_CHANGED"]],
    ["a new publisher with provenance", { proven: true, history: { publisher: "new" } }, []],
    ["a publisher who was a maintainer", { history: { publisher: "maintainer" } }, []],
    ["scripts that differ", { history: { changed: ["scripts"] } }, []],
    ["a script that only runs for git dependencies", { history: { scripts: ["prepare"] } }, []],
    ["a new dependency of the same people", { history: { dependencies: [{ name: "x", createdAt: TIME - 11 * DAY, isExotic: false, isKin: true }] } }, []],
    ["a new dependency that nobody could look at", { history: { dependencies: [{ name: "x", createdAt: null, isExotic: false, isKin: false }] } }, []],
    ["releases in many lines, as always", { history: { burst: { lines: 4, packages: 9, isHabit: true } } }, []],
    ["a source that nobody could look at", { history: { source: "unknown" } }, []],
    ["a source that was never found", { history: { source: "absent", previous: { ...PREVIOUS, source: "absent" } } }, []],
    ["a source without tag, and provenance", { proven: true, history: { source: "absent" } }, []],
    ["revived by those who made it", { history: { gap: 3_000 * DAY } }, []],
    ["a name like another of the same people", { history: { createdAt: TIME - 20 * DAY, lookalike: { target: "left-pads", kind: "plural", isKin: true } } }, []],
    ["a name like another's, of a version of a year ago", { publishedAt: TIME - 365 * DAY, history: { createdAt: TIME - 366 * DAY, lookalike: { target: "left-pads", kind: "plural", isKin: false } } }, []],
    ["a name that has been there for a year", { history: { createdAt: TIME - 400 * DAY, lookalike: { target: "left-pads", kind: "plural", isKin: false } } }, []],
  ])("%s", (_, odd, expected) => {
    const verdict = judge(world, scripts(odd))
    expect({ ok: verdict.ok, codes: codes(verdict) }).toEqual({ ok: true, codes: expected })
  })
})

describe("ages", () => {
  const old = { publishedAt: TIME - 31 * DAY }
  test.each<[string, Partial<History>, boolean, string]>([
    ["PROVENANCE_LOST", { previous: { ...PREVIOUS, provenance: "verified" } }, false, "allowed"], ["IDENTITY_CHANGED", { changed: ["owner"] }, true, "allowed"],
    ["MAINTAINER_DOMAIN_LAPSED", { lapsedDomains: ["gone.example"] }, false, "allowed"], ["NEW_INSTALL_SCRIPT", { scripts: ["install"] }, false, "allowed"],
    ["NEWBORN_DEPENDENCY", { dependencies: [{ name: "x", createdAt: TIME - 32 * DAY, isExotic: false, isKin: false }] }, false, "allowed"],
    ["EXOTIC_SOURCE", { dependencies: [{ name: "x", createdAt: null, isExotic: true, isKin: false }] }, false, "allowed"], ["SOURCE_NOT_FOUND", { source: "absent" }, false, "allowed"],
    ["PUBLISH_BURST", { burst: { lines: 2, packages: 0, isHabit: false } }, false, "allowed"], ["DORMANT_REVIVED", { publisher: "new", gap: 800 * DAY }, false, "allowed"],
    ["LOOKALIKE_NAME", { createdAt: TIME - 40 * DAY, lookalike: { target: "left-pads", kind: "plural", isKin: false } }, false, "LOOKALIKE_NAME"],
  ])("%s about a version of a month ago", (code, history, proven, expected) => {
    expect(outcome(judge(world, scripts({ ...old, proven, history })))).toBe(expected)
    expect(codes(judge(world, scripts({ ...old, proven, history }), withPolicy({ preset: "strict" })))).toContain(`deny ${code}`)
    expect(codes(judge(world, scripts({ ...old, proven, history }), withPolicy({ settleAge: "32d" })))).toContain(`deny ${code}`)
  })
  test("age counts from the witnesses' time, never from the local clock", () => {
    const young = scripts({ publishedAt: TIME - 2 * DAY })
    expect(outcome(judge(world, young, { now: NOW + 20 * HOUR, ...withPolicy({ maxNoticeAge: "30d" }) }))).toBe("TOO_YOUNG")
    const later = Object.fromEntries(OPERATORS.map((operator) => [operator, { observations: [seen(operator, { publishedAt: TIME - 2 * DAY })], noticesHead: { time: NOW + 2 * DAY } }]))
    expect(outcome(judge(world, later, { now: NOW + 2 * DAY }))).toBe("allowed")
  })
  test.each<[string, object, number, string]>([
    ["off", { minimumAge: "0s" }, 1, "allowed"], ["asked for more", { minimumAge: "14d" }, 10 * DAY, "TOO_YOUNG"], ["strict asks for a week", { preset: "strict" }, 6 * DAY, "TOO_YOUNG"],
    ["strict, after a week", { preset: "strict" }, 7 * DAY, "allowed"], ["observe", { preset: "observe" }, 1, "allowed"],
  ])("minimumAge: %s", (_, more, age, expected) => expect(outcome(judge(world, scripts({ publishedAt: TIME - age }), withPolicy(more)))).toBe(expected))
  test("a rebuild quorum stands for age, one rebuild does not", () => {
    const rebuilt = (by: readonly Operator[]) => Object.fromEntries(OPERATORS.map((operator) =>
      [operator, { observations: [seen(operator, { publishedAt: TIME - HOUR })], more: by.includes(operator) ? [formatRebuild(rebuild(log(operator)))] : [] }]))
    expect(outcome(judge(world, rebuilt(["alpha", "beta"])))).toBe("allowed")
    expect(outcome(judge(world, rebuilt(["alpha"])))).toBe("TOO_YOUNG")
  })
  test("a version after a withdrawn one is only warned about", () => {
    const young = scripts({ publishedAt: TIME - HOUR })
    const withdrawn = (purl: string, by: readonly Operator[] = ["alpha", "beta", "gamma"]) => ({ ...young, ...Object.fromEntries(by.map((operator) => [operator, { ...young[operator], notices: [notice(operator, { purl })] }])) })
    expect(judge(world, withdrawn("pkg:npm/left-pad@1.2.0"))).toMatchObject({ ok: true, findings: [{ code: "TOO_YOUNG", severity: "warn", message: expect.stringContaining("1.2.0 was withdrawn") }] })
    // Fewer than the threshold carry nothing past a rule.
    expect(outcome(judge(world, withdrawn("pkg:npm/left-pad@1.2.0", ["alpha", "beta"])))).toBe("TOO_YOUNG")
    expect(outcome(judge(world, withdrawn("pkg:npm/left-pad@1.1.0")))).toBe("TOO_YOUNG")
    expect(outcome(judge(world, withdrawn("pkg:npm/right-pad@1.2.0")))).toBe("TOO_YOUNG")
    const lists = [{ name: "osv", find: (name: string, version: string) => (name === "left-pad" && version === "1.2.0" ? { id: "MAL-1" } : undefined) }]
    expect(outcome(judge(world, young, { lists }))).toBe("allowed")
  })
  test("scripts that differ are worth a warning to strict", () => {
    expect(codes(judge(world, scripts({ history: { changed: ["scripts"] } }), withPolicy({ preset: "strict" })))).toEqual(["warn NEW_INSTALL_SCRIPT"])
  })
})

describe("lists of known-malicious packages", () => {
  const named = (problem?: string): MaliciousList => ({ name: "osv", find: (name, version) => (name === "left-pad" && version === "1.3.0" ? { id: "MAL-2026-1" } : undefined), ...(problem === undefined ? {} : { problem }) })
  const exception = (sha512: string) => ({ exceptions: [{ purl: PURL, code: "WITHDRAWN", owner: "ann", reason: "ours", until: new Date((NOW + 10 * DAY) * 1_000).toISOString().slice(0, 10), sha512 }] })
  test("what a list names is withdrawn", () => {
    expect(judge(world, {}, { lists: [named()] })).toMatchObject({ ok: false, code: "WITHDRAWN", findings: [{ saidBy: ["osv"], message: expect.stringContaining("MAL-2026-1") }] })
    expect(judge(world, {}, { lists: [{ name: "osv", find: () => undefined }] }).ok).toBe(true)
  })
  test("an exception binds the bytes", () => {
    expect(judge(world, {}, { lists: [named()], ...withPolicy(exception(GOOD)) }).ok).toBe(true)
    expect(judge(world, {}, { lists: [named()], ...withPolicy(exception("00".repeat(64))) }).ok).toBe(false)
  })
  test("a list that cannot be used refuses everything, and observe warns", () => {
    const broken = { lists: [named("the list was never fetched")] }
    expect(judge(world, {}, broken)).toMatchObject({ ok: false, code: "NOTICES_STALE", findings: [{ message: "the list was never fetched", hint: expect.stringContaining("lists update") }] })
    expect(judge(world, {}, { ...broken, ...withPolicy({ preset: "observe" }) }).ok).toBe(true)
  })
})

describe("pins", () => {
  const pinned = (more: Seen = {}, facts: Partial<ArtifactFacts> = {}): { readonly pins: ReadonlyMap<string, ArtifactFacts> } =>
    ({ pins: new Map([["left-pad", { ...factsOf(seen("alpha", more)), purl: "pkg:npm/left-pad@1.2.0", sha512: "00".repeat(64), ...facts }]]) })
  const identity = { ...provenance(), workflow: ".ci/release.yml@refs/tags/v1.2.0" }
  test.each<[string, Seen, ReturnType<typeof pinned>, string]>([
    ["nothing changed", {}, pinned(), "allowed"],
    ["another publisher, new to the package", { publisher: "eve", history: { publisher: "new" } }, pinned(), "IDENTITY_CHANGED"],
    ["another of the publishers", { publisher: "bob", history: { publisher: "earlier" } }, pinned(), "allowed"],
    ["another repository", { repository: "https://git.example/eve/left-pad" }, pinned(), "IDENTITY_CHANGED"],
    ["the same repository, spelt differently", { repository: "git+ssh://git@git.example/ann/left-pad.git#main" }, pinned(), "allowed"],
    ["no repository any more", { repository: null }, pinned(), "allowed"],
    ["provenance, and the pin has none", { proven: true, publisher: "bot" }, pinned(), "allowed"],
    ["no provenance, and the pin has", {}, pinned({ proven: true }), "PROVENANCE_LOST"],
    ["the same build at another ref", { proven: true }, pinned({ proven: true }, { provenance: identity }), "allowed"],
    ["another repository id", { proven: true }, pinned({ proven: true }, { provenance: { ...identity, repositoryId: "7" } }), "IDENTITY_CHANGED"],
    ["a repository that was renamed", { proven: true }, pinned({ proven: true }, { provenance: { ...identity, repository: "https://git.example/ann/pads" } }), "allowed"],
    ["another repository, without ids", { proven: true }, pinned({ proven: true }, { provenance: { ...identity, repositoryId: null, repository: "https://git.example/eve/left-pad" } }), "IDENTITY_CHANGED"],
    ["another owner id", { proven: true }, pinned({ proven: true }, { provenance: { ...identity, ownerId: "7" } }), "IDENTITY_CHANGED"],
    ["another workflow", { proven: true }, pinned({ proven: true }, { provenance: { ...identity, workflow: ".ci/other.yml" } }), "IDENTITY_CHANGED"],
    ["another builder", { proven: true }, pinned({ proven: true }, { provenance: { ...identity, builder: "https://git.example/runner/self" } }), "IDENTITY_CHANGED"],
    ["another release of the builder", { proven: true }, pinned({ proven: true }, { provenance: { ...identity, builder: `${identity.builder}@v9` } }), "allowed"],
    ["the pinned artifact itself", { repository: "https://git.example/eve/left-pad" }, pinned({}, { sha512: GOOD }), "allowed"],
    ["of a version that settled", { publishedAt: TIME - 500 * DAY, repository: "https://git.example/eve/left-pad" }, pinned(), "IDENTITY_CHANGED"],
  ])("%s", (_, odd, pins, expected) => expect(outcome(judge(world, scripts(odd), pins))).toBe(expected))

  test("old and new stand side by side, and the command accepts the change", () => {
    const verdict = judge(world, scripts({ publisher: "eve", repository: "https://git.example/eve/left-pad", history: { publisher: "new" } }), pinned())
    expect(verdict.findings).toEqual([{
      code: "IDENTITY_CHANGED", severity: "deny", saidBy: ["alpha", "beta", "delta", "gamma"], message: "publisher, source repository are not as in the version that the lock holds",
      expected: "published by ann for https://git.example/ann/left-pad, no provenance", found: "published by eve for https://git.example/eve/left-pad, no provenance",
      hint: "ask the publisher; if the change is right: `npx vouchsafe lock --accept left-pad@1.3.0`",
    }])
  })
  test("pins of other packages say nothing", () => {
    const { pins } = pinned()
    expect(judge(world, scripts({ repository: "https://git.example/eve/left-pad" }), { pins: new Map([["right-pad", pins.get("left-pad") as ArtifactFacts]]) }).ok).toBe(true)
  })
})

test("several rules speak together, the gravest gives the code", () => {
  const verdict = judge(world, scripts({ publishedAt: TIME - HOUR, history: { publisher: "new", scripts: ["postinstall"], source: "absent", previous: { ...PREVIOUS, provenance: "verified" } } }))
  expect(verdict).toMatchObject({ ok: false, code: "IDENTITY_CHANGED" })
  expect(codes(verdict).sort()).toEqual(["deny IDENTITY_CHANGED", "deny NEW_INSTALL_SCRIPT", "deny PROVENANCE_LOST", "deny SOURCE_NOT_FOUND", "deny TOO_YOUNG"])
  expect(REQUEST.purl).toBe(PURL)
})
