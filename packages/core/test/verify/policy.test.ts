/** Overrides, names bound to registries, floors and weakenings of vouchsafe.json (packages/spec/policy.md). */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  type ArtifactRequest, isMisplaced, NO_UPSTREAM, parsePolicy, PLAIN_HISTORY, type Policy, policyWeakenings, rulesetFor, stricterPolicy, type Verdict, weighFinding,
} from "../../src/index.ts"
import { PROPERTY_RUNS } from "../support.ts"
import { evidenceOf, GOOD, judge, makeWorld, type NodeScript, NOW, observation, policy, provenance, publisher, PURL, REGISTRY, REQUEST } from "./world.ts"

const OPERATORS = ["alpha", "beta", "gamma", "delta"] as const
const world = makeWorld()
const DAY = 86_400
const ELSEWHERE = "https://npm.acme.example/"
const on = (more: Parameters<typeof observation>[1]): Record<string, NodeScript> => Object.fromEntries(OPERATORS.map((operator) => [operator, { observations: [observation(`${operator}.example/log`, more)] }]))
const YOUNG = on({ packument: { publishedAt: NOW - 3_600, publisher: "ann", repository: null, mismatch: [] } })
const outcome = (verdict: Verdict): string => (verdict.ok ? "allowed" : verdict.code)

describe("overrides", () => {
  const off = { minimumAge: "0s" }
  test.each<[string, object[], Partial<ArtifactRequest>, string]>([
    ["none", [], {}, "TOO_YOUNG"],
    ["of all", [off], {}, "allowed"],
    ["of the name", [{ match: ["left-*"], ...off }], {}, "allowed"],
    ["of another name", [{ match: ["right-*"], ...off }], {}, "TOO_YOUNG"],
    ["of the registry", [{ registries: [REGISTRY], ...off }], {}, "allowed"],
    ["of another registry", [{ registries: [ELSEWHERE], ...off }], {}, "TOO_YOUNG"],
    ["of dev dependencies, for one", [{ dependency: ["dev"], ...off }], { dependency: "dev" }, "allowed"],
    ["of dev dependencies, for an optional one", [{ dependency: ["dev"], ...off }], { dependency: "optional" }, "TOO_YOUNG"],
    ["of dev dependencies, where nobody knows", [{ dependency: ["dev"], ...off }], {}, "TOO_YOUNG"],
    ["of prod dependencies, where nobody knows", [{ dependency: ["prod"], ...off }], {}, "allowed"],
    ["of a workspace, in it", [{ workspaces: ["packages/web"], ...off }], { workspace: "packages/web" }, "allowed"],
    ["of a workspace, in another", [{ workspaces: ["packages/web"], ...off }], { workspace: "packages/api" }, "TOO_YOUNG"],
    ["of the root, where nobody knows", [{ workspaces: ["."], ...off }], {}, "TOO_YOUNG"],
    ["of name and kind, one of them", [{ match: ["left-pad"], dependency: ["dev"], ...off }], {}, "TOO_YOUNG"],
    ["by rule", [{ match: ["left-pad"], rules: { TOO_YOUNG: "warn" } }], {}, "allowed"],
    ["of another rule", [{ match: ["left-pad"], rules: { LOOKALIKE_NAME: "off" } }], {}, "TOO_YOUNG"],
    ["the later wins, less", [{ minimumAge: "7d" }, { match: ["left-pad"], ...off }], {}, "allowed"],
    ["the later wins, more", [{ match: ["left-pad"], ...off }, { minimumAge: "7d" }], {}, "TOO_YOUNG"],
    ["each adds what it names", [off, { rules: { TOO_YOUNG: "deny" } }], {}, "allowed"],
  ])("%s", (_, overrides, more, expected) => expect(outcome(judge(world, YOUNG, { policy: policy({ overrides }), requests: [{ ...REQUEST, ...more }] }))).toBe(expected))

  test("a severity of one package does not reach another", () => {
    const rules = policy({ overrides: [{ match: ["left-pad"], rules: { TOO_YOUNG: "off" }, settleAge: "90d" }] })
    expect(rulesetFor(rules, REQUEST)).toMatchObject({ minimumAgeSeconds: 3 * DAY, settleAgeSeconds: 90 * DAY })
    expect(rulesetFor(rules, REQUEST).severities.get("TOO_YOUNG")).toBe("off")
    expect(rulesetFor(rules, { ...REQUEST, purl: "pkg:npm/right-pad@1.0.0" }).severities.get("TOO_YOUNG")).toBe("deny")
  })
})

describe("names that belong to a registry", () => {
  const bound = (more: object = {}, registry = REGISTRY): Policy => policy({ registries: [{ match: ["left-*"], registry, ...more }, { match: ["*"], registry: REGISTRY }] })
  test.each<[string, Policy, Record<string, NodeScript | null>, string]>([
    ["this one", bound(), {}, "allowed"],
    ["another one", bound({}, ELSEWHERE), {}, "WRONG_REGISTRY"],
    ["the first entry decides", policy({ registries: [{ match: ["left-pad"], registry: REGISTRY }, { match: ["*"], registry: ELSEWHERE }] }), {}, "allowed"],
    ["an attester that vouches", bound({ attesters: ["delta"] }), {}, "allowed"],
    ["an attester that was not reached", bound({ attesters: ["delta"] }), { delta: null }, "UNREACHABLE"],
    ["an attester that says nothing", bound({ attesters: ["delta"] }), { delta: { observations: [] } }, "NOT_VOUCHED"],
    ["one of two attesters", bound({ attesters: ["alpha", "delta"] }), { delta: { observations: [] } }, "NOT_VOUCHED"],
    ["an attester that the roster does not have", bound({ attesters: ["acme"] }), {}, "NOT_VOUCHED"],
    ["an attester whose statement a rule refuses", bound({ attesters: ["delta"] }), { delta: { observations: [observation("delta.example/log", { packument: { publishedAt: NOW - 10 * DAY, publisher: null, repository: null, mismatch: ["bin"] } })] } }, "MANIFEST_MISMATCH"],
    ["an attester is no replacement for the threshold", bound({ attesters: ["delta"] }), { alpha: { observations: [] }, beta: { observations: [] } }, "NOT_VOUCHED"],
  ])("%s", (_, rules, scripts, expected) => expect(outcome(judge(world, scripts as never, { policy: rules }))).toBe(expected))

  test("says where it belongs", () => {
    expect(judge(world, {}, { policy: bound({}, ELSEWHERE) }).findings[0]).toMatchObject({ code: "WRONG_REGISTRY", expected: ELSEWHERE, found: REGISTRY, hint: expect.stringContaining("--code WRONG_REGISTRY") })
    expect(judge(world, {}, { policy: policy({ registries: [{ match: ["left-*"], registry: ELSEWHERE }], rules: { WRONG_REGISTRY: "warn" } }) }).ok).toBe(true)
  })
  test("also where no node observes the registry that it comes from", () => {
    const verdict = judge(world, {}, { policy: bound(), requests: [{ ...REQUEST, registry: ELSEWHERE }] })
    expect(verdict).toMatchObject({ ok: false, code: "WRONG_REGISTRY", findings: [{ code: "WRONG_REGISTRY" }, { code: "NOT_VOUCHED" }] })
  })
  test("whom a name is not asked about", () => {
    expect(isMisplaced(bound({}, ELSEWHERE), REQUEST, NOW)).toBe(true)
    expect(isMisplaced(bound(), REQUEST, NOW)).toBe(false)
    expect(isMisplaced(policy(), REQUEST, NOW)).toBe(false)
    const elsewhere = { registries: [{ match: ["left-pad"], registry: ELSEWHERE }] }
    expect(isMisplaced(policy({ ...elsewhere, rules: { WRONG_REGISTRY: "warn" } }), REQUEST, NOW)).toBe(false)
    expect(isMisplaced(policy({ ...elsewhere, exceptions: [{ purl: PURL, code: "WRONG_REGISTRY", owner: "a", reason: "b", until: "2027-06-01" }] }), REQUEST, NOW)).toBe(false)
  })
})

describe("findings that need no evidence", () => {
  const exotic = { code: "EXOTIC_SOURCE", saidBy: [], message: "from git" } as const
  test.each<[string, object, string | undefined]>([
    ["deny", {}, "deny"], ["observe", { preset: "observe" }, "warn"], ["the rule warns", { rules: { EXOTIC_SOURCE: "warn" } }, "warn"], ["the rule is off", { rules: { EXOTIC_SOURCE: "off" } }, undefined],
    ["an override of the name", { overrides: [{ match: ["left-pad"], rules: { EXOTIC_SOURCE: "warn" } }] }, "warn"], ["an override of another", { overrides: [{ match: ["right-pad"], rules: { EXOTIC_SOURCE: "warn" } }] }, "deny"],
    ["an exception", { exceptions: [{ purl: PURL, code: "EXOTIC_SOURCE", owner: "a", reason: "b", until: "2027-06-01" }] }, "warn"], ["an exception that ended", { exceptions: [{ purl: PURL, code: "EXOTIC_SOURCE", owner: "a", reason: "b", until: "2026-06-01" }] }, "deny"],
  ])("%s", (_, more, severity) => expect(weighFinding(policy(more), NOW, REQUEST, exotic)?.severity).toBe(severity))
})

describe("exceptions near their end", () => {
  const until = (days: number) => new Date((NOW + days * DAY) * 1_000).toISOString().slice(0, 10)
  const excepted = (days: number) => judge(world, YOUNG, { policy: policy({ exceptions: [{ purl: PURL, code: "TOO_YOUNG", owner: "ann", reason: "a fix", until: until(days) }] }) })
  test.each<[number, boolean, RegExp]>([
    [30, true, /allowed until .* by "ann": "a fix"\)$/], [5, true, /"a fix"; 6 days left, then it is refused again\)$/], [0, true, /; 1 day left/], [-1, false, /the exception of "ann" ended/],
  ])("%s days from its last day: allowed %s", (days, ok, says) => {
    const verdict = excepted(days)
    expect(verdict).toMatchObject({ ok, findings: [{ code: "TOO_YOUNG", message: expect.stringMatching(says), hint: expect.stringContaining("vouchsafe allow left-pad@1.3.0 --code TOO_YOUNG") }] })
  })
  test("one that was renewed stands beside the one that ended", () => {
    const both = [-3, 20].map((days) => ({ purl: PURL, code: "TOO_YOUNG", owner: "ann", reason: "a fix", until: until(days) }))
    expect(judge(world, YOUNG, { policy: policy({ exceptions: both }) }).ok).toBe(true)
  })
})

const vkey = publisher(1).verifier.vkey
const exception = { purl: PURL, code: "TOO_YOUNG", owner: "ann", reason: "b", until: "2027-06-01" }

describe("stricterPolicy", () => {
  test.each<[string, object, object, string]>([
    ["neither refuses", { minimumAge: "0s" }, { minimumAge: "0s" }, "allowed"],
    ["the floor asks for age", { minimumAge: "0s" }, {}, "TOO_YOUNG"],
    ["the policy asks for age", {}, { minimumAge: "0s" }, "TOO_YOUNG"],
    ["the policy only observes", { preset: "observe" }, {}, "TOO_YOUNG"],
    ["the floor only observes", {}, { preset: "observe" }, "TOO_YOUNG"],
    ["both observe", { preset: "observe" }, { preset: "observe" }, "allowed"],
    ["the policy turns the rule off", { rules: { TOO_YOUNG: "off" } }, {}, "TOO_YOUNG"],
    ["an override of the policy", { overrides: [{ minimumAge: "0s", rules: { TOO_YOUNG: "off" } }] }, {}, "TOO_YOUNG"],
    ["an exception of the policy alone", { exceptions: [exception] }, {}, "TOO_YOUNG"],
    ["an exception of the floor alone", {}, { exceptions: [exception] }, "TOO_YOUNG"],
    ["an exception of both", { exceptions: [exception] }, { exceptions: [exception] }, "allowed"],
    ["an exception where the floor does not refuse", { exceptions: [exception] }, { rules: { TOO_YOUNG: "warn" } }, "allowed"],
    ["an exception of the floor where the policy does not refuse", { rules: { TOO_YOUNG: "warn" } }, { exceptions: [exception] }, "allowed"],
    ["an exception of both, of which one ended", { exceptions: [exception] }, { exceptions: [{ ...exception, until: "2026-01-01" }] }, "TOO_YOUNG"],
    ["a level of the floor", { minimumAge: "0s" }, { minimumAge: "0s", levels: [{ match: ["*"], level: "provenance" }] }, "NO_PROVENANCE"],
    ["a publisher of the floor", { minimumAge: "0s" }, { minimumAge: "0s", publishers: [{ match: ["*"], keys: [{ key: vkey }] }] }, "NOT_RELEASED"],
    ["a registry of the floor", { minimumAge: "0s", registries: [{ match: ["*"], registry: REGISTRY }] }, { minimumAge: "0s", registries: [{ match: ["left-pad"], registry: ELSEWHERE }] }, "WRONG_REGISTRY"],
    ["a threshold of the floor", { minimumAge: "0s" }, { minimumAge: "0s", threshold: 5 }, "NOT_VOUCHED"],
  ])("%s", (_, own, floor, expected) => expect(outcome(judge(world, YOUNG, { policy: stricterPolicy(policy(own), policy(floor)) }))).toBe(expected))

  test("numbers, lists and trust", () => {
    const own = parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./own.json", threshold: 2, budget: "5s", rebuilders: 1, maxLockAge: "90d", lists: [{ name: "a", source: "./a" }, { name: "b", source: "./b" }] }))
    const floor = parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./floor.json", preset: "strict", threshold: 3, maxNoticeAge: "1h", governance: { genesis: "ab".repeat(32), sources: [] }, lists: [{ name: "a", source: "./floors" }] }))
    expect(stricterPolicy(own, floor)).toMatchObject({
      preset: "strict", roster: "./own.json", threshold: 3, budgetMs: 5_000, maxNoticeAgeSeconds: 3_600, minimumAgeSeconds: 7 * DAY, settleAgeSeconds: 180 * DAY, maxLockAgeSeconds: 7 * DAY,
      governance: { genesis: "ab".repeat(32) }, lists: [{ name: "a", source: "./floors" }, { name: "b", source: "./b" }],
    })
    expect("rebuilders" in stricterPolicy(own, floor)).toBe(false)
    expect(stricterPolicy(stricterPolicy(own, floor), own).layers).toEqual([own, floor, own])
  })

  const severity = fc.constantFrom("deny", "warn", "off")
  const part = fc.record({
    preset: fc.constantFrom("observe", "recommended", "strict"), minimumAge: fc.constantFrom("0s", "3d", "30d"), settleAge: fc.constantFrom("1d", "30d", "90d"),
    rules: fc.record({ TOO_YOUNG: severity, NEW_INSTALL_SCRIPT: severity, NO_PROVENANCE: severity }, { requiredKeys: [] }),
    overrides: fc.array(fc.record({ match: fc.constantFrom(["left-pad"], ["right"], ["*"]), rules: fc.record({ TOO_YOUNG: severity, NEW_INSTALL_SCRIPT: severity }, { requiredKeys: [] }) }), { maxLength: 2 }),
    exceptions: fc.array(fc.record({ purl: fc.constant(PURL), code: fc.constantFrom("TOO_YOUNG", "NEW_INSTALL_SCRIPT", "NO_PROVENANCE"), owner: fc.constant("a"), reason: fc.constant("b"), until: fc.constantFrom("2026-01-01", "2027-06-01") }), { maxLength: 2 }),
    levels: fc.constantFrom([], [{ match: ["left-pad"], level: "provenance" }]),
  })
  const evidence = [YOUNG, on({ upstream: { ...NO_UPSTREAM, provenance: provenance() } }), on({ history: { ...PLAIN_HISTORY, scripts: ["postinstall"] } })]
    .map((scripts) => Object.fromEntries(OPERATORS.map((operator) => [operator, evidenceOf(world, operator, scripts[operator])])))
  test("allows only what both allow", () => {
    let refused = 0
    let allowed = 0
    fc.assert(fc.property(part, part, fc.constantFrom(...evidence), (own, floor, given) => {
      const judged = (rules: Policy) => judge(world, given, { policy: rules }).ok
      const both = judged(stricterPolicy(policy(own), policy(floor)))
      if (both) allowed += 1
      else refused += 1
      expect(both && !(judged(policy(own)) && judged(policy(floor)))).toBe(false)
      expect(judge(world, given, { policy: stricterPolicy(policy(floor), policy(own)) }).ok).toBe(both)
    }), { numRuns: Math.max(100, PROPERTY_RUNS) })
    expect(Math.min(refused, allowed)).toBeGreaterThan(10)
  })
})

describe("policyWeakenings", () => {
  const key = { key: vkey }
  const base = {
    preset: "strict", threshold: 3, rebuilders: 3, maxNoticeAge: "12h", minimumAge: "7d", settleAge: "90d", maxLockAge: "7d", rules: { EXOTIC_SOURCE: "warn" },
    governance: { genesis: "ab".repeat(32), sources: ["https://a.example/tuf/"] }, exceptions: [exception],
    levels: [{ match: ["@acme/*"], level: "rebuilt" }], publishers: [{ match: ["@acme/*"], keys: [key] }], signers: [{ match: ["@acme/*"], keys: [`SHA256:${"k".repeat(43)}`] }],
    registries: [{ match: ["@acme/*"], registry: ELSEWHERE, attesters: ["acme"] }], lists: [{ name: "osv", source: "./osv", maxAge: "2d" }],
    overrides: [{ match: ["@acme/*"], minimumAge: "0s" }, { match: ["legacy"], rules: { NEW_INSTALL_SCRIPT: "warn" } }],
  }
  const changed = (more: object) => policyWeakenings(policy(base), policy({ ...base, ...more }))
  const without = (...members: (keyof typeof base)[]): object => Object.fromEntries(members.map((member) => [member, undefined]))
  test.each<[string, object, RegExp]>([
    ["preset", { preset: "recommended" }, /: preset$/], ["threshold", { threshold: 2 }, /: threshold$/], ["no threshold", without("threshold"), /: threshold$/], ["rebuilders", { rebuilders: 2 }, /rebuilders$/],
    ["rebuilders left to the default", without("rebuilders"), /rebuilders$/], ["notice age", { maxNoticeAge: "13h" }, /maxNoticeAge$/], ["minimum age", { minimumAge: "6d" }, /minimumAge$/], ["no minimum age", { minimumAge: "0s" }, /minimumAge$/],
    ["settle age", { settleAge: "30d" }, /settleAge$/], ["lock age", { maxLockAge: "8d" }, /maxLockAge$/],
    ["a rule off", { rules: { ...base.rules, TOO_YOUNG: "off" } }, /rules\.TOO_YOUNG$/], ["a rule that only warns", { rules: { ...base.rules, MANIFEST_MISMATCH: "warn" } }, /rules\.MANIFEST_MISMATCH$/], ["a weaker rule, weaker yet", { rules: { EXOTIC_SOURCE: "off" } }, /rules\.EXOTIC_SOURCE$/],
    ["genesis", { governance: { ...base.governance, genesis: "cd".repeat(32) } }, /genesis$/], ["no governance", without("governance"), /genesis$/], ["roster path", { roster: "./mine.json" }, /roster$/],
    ["an exception added", { exceptions: [exception, { ...exception, code: "IDENTITY_CHANGED" }] }, /exception was added$/], ["an exception extended", { exceptions: [{ ...exception, until: "2027-06-02" }] }, /exception was extended$/],
    ["an exception for another version", { exceptions: [{ ...exception, purl: "pkg:npm/left-pad@1.3.1" }] }, /exception was added$/],
    ["a level removed", { levels: [] }, /levels was/], ["a level lowered", { levels: [{ match: ["@acme/*"], level: "provenance" }] }, /levels was/], ["a level narrowed", { levels: [{ match: ["@acme/x"], level: "rebuilt" }] }, /levels was/],
    ["a publisher removed", { publishers: [] }, /publishers\[0\] was/], ["a publisher's key added", { publishers: [{ match: ["@acme/*"], keys: [key, { key: publisher(2).verifier.vkey }] }] }, /publishers\[0\] was/],
    ["a publisher's key exchanged", { publishers: [{ match: ["@acme/*"], keys: [{ key: publisher(2).verifier.vkey }] }] }, /publishers\[0\] was/], ["a publisher before the others", { publishers: [{ match: ["@acme/x"], keys: [{ key: publisher(2).verifier.vkey }] }, ...base.publishers] }, /publishers\[0\] was/],
    ["a signer removed", { signers: [] }, /signers\[0\] was/], ["a registry changed", { registries: [{ ...base.registries[0], registry: REGISTRY }] }, /registries\[0\] was/], ["attesters dropped", { registries: [{ match: ["@acme/*"], registry: ELSEWHERE }] }, /registries\[0\] was/],
    ["a list removed", { lists: [] }, /list osv was removed$/], ["a list from elsewhere", { lists: [{ ...base.lists[0], source: "./mine" }] }, /list osv was changed$/], ["an older list", { lists: [{ name: "osv", source: "./osv" }] }, /list osv was changed$/],
    ["an override added", { overrides: [...base.overrides, { match: ["left-pad"], minimumAge: "1h" }] }, /overrides\[2\] is new/], ["an override's rule", { overrides: [...base.overrides, { match: ["left-pad"], rules: { TOO_YOUNG: "off" } }] }, /overrides\[2\] is new/],
    ["an override widened", { overrides: [{ match: ["*"], minimumAge: "0s" }, base.overrides[1]] }, /overrides\[0\] is new/], ["an override that asks for less of what another asks", { overrides: [...base.overrides, { settleAge: "89d" }] }, /overrides\[2\] is new/],
    ["an override removed", { overrides: [base.overrides[1]] }, /overrides\[\d\]/], ["overrides in another order", { overrides: [base.overrides[1], base.overrides[0]] }, /overrides\[\d\]/],
  ])("%s", (_, more, says) => {
    const findings = changed(more)
    expect(findings.length).toBeGreaterThan(0)
    expect(findings.map(({ message }) => message)).toContainEqual(expect.stringMatching(says))
    for (const finding of findings) expect(finding).toMatchObject({ code: "POLICY_WEAKENED", severity: "deny", saidBy: [], expected: expect.stringMatching(/./), found: expect.stringMatching(/./), hint: expect.stringContaining("`vouchsafe check --base REF`") })
  })
  test.each<[string, object]>([
    ["nothing", {}], ["a higher threshold", { threshold: 4 }], ["more rebuilders", { rebuilders: 4 }], ["older packages only", { minimumAge: "8d" }], ["fresher notices", { maxNoticeAge: "1h" }], ["another budget", { budget: "60s" }],
    ["a stricter rule", { rules: {} }], ["an exception removed", { exceptions: [] }], ["an exception that ends sooner", { exceptions: [{ ...exception, until: "2027-05-01" }] }], ["an exception bound to bytes", { exceptions: [{ ...exception, sha512: GOOD }] }],
    ["an exception's words", { exceptions: [{ ...exception, owner: "bob", reason: "c" }] }], ["another source of the roster", { governance: { ...base.governance, sources: ["https://b.example/tuf/"] } }],
    ["a level more", { levels: [...base.levels, { match: ["x"], level: "rebuilt" }] }], ["levels in another order", { levels: [{ match: ["x"], level: "rebuilt" }, ...base.levels] }], ["a publisher after the others", { publishers: [...base.publishers, { match: ["x"], keys: [key] }] }],
    ["a registry after the others", { registries: [...base.registries, { match: ["x"], registry: REGISTRY }] }], ["a list more", { lists: [...base.lists, { name: "b", source: "./b" }] }], ["a fresher list", { lists: [{ ...base.lists[0], maxAge: "1d" }] }],
    ["an override that asks for more", { overrides: [...base.overrides, { match: ["left-pad"], minimumAge: "30d", rules: { EXOTIC_SOURCE: "deny" } }] }], ["one between the others", { overrides: [base.overrides[0], { rules: { EXOTIC_SOURCE: "deny" } }, base.overrides[1]] }],
  ])("not weaker: %s", (_, more) => expect(changed(more)).toEqual([]))
})
