/** Attacks on a decision that somebody thought of, each with what stops it. */
import { describe, expect, test, vi } from "vitest"
import { formatByDigest, formatNotice, formatObservation, observationIn, parsePolicy, parseRoster, type MaliciousList, type Policy, stricterPolicy, type Verdict } from "../../src/index.ts"
import { crypto, EVIL, evidenceOf, GOOD, judge, makeWorld, notice, observation, policy, PURL, REQUEST } from "./world.ts"

const world = makeWorld()
const log = (operator: string): string => `${operator}.example/log`
const outcome = (verdict: Verdict): string => (verdict.ok ? "allowed" : verdict.code)
const codes = (verdict: Verdict): string[] => verdict.findings.map(({ code, severity }) => `${severity} ${code}`)
const excepted = (code: string, more: object = {}): Policy => policy({ exceptions: [{ purl: PURL, code, owner: "ann", reason: "known", until: "2027-06-01" }], ...more })

describe("one operator alone", () => {
  test.each([8_640_000_000_001, Number.MAX_SAFE_INTEGER])("names a publish time that no calendar has, %d: its word does not count, and nothing is thrown", (publishedAt) => {
    const never = formatObservation(observation(log("alpha"))).replace(/"publishedAt":1[0-9]+/, `"publishedAt":${publishedAt}`)
    const verdict = judge(world, { alpha: { entries: [never] } })
    expect(verdict).toMatchObject({ ok: true, claims: [{ operator: "beta" }, { operator: "gamma" }, { operator: "delta" }] })
    expect(verdict.findings).toMatchObject([{ code: "PROOF_INVALID", severity: "warn", saidBy: ["alpha"], message: expect.stringContaining("publishedAt") as string }])
  })
  test("names the last second of the calendar: a version of the future is too young", () => {
    const packument = { publishedAt: 8_640_000_000_000, publisher: null, repository: null, mismatch: [] }
    expect(judge(world, { alpha: { observations: [observation(log("alpha"), { packument })] } }).findings).toMatchObject([{ code: "TOO_YOUNG", severity: "warn", saidBy: ["alpha"] }])
  })

  test.each([["that holds", ""], ["that is no statement", "?"]])("names one large body %s by hundreds of entries: it is read once", (_, end) => {
    const own = observation(log("alpha"), { package: { ...observation("").package, scripts: new Map(Array.from({ length: 200 }, (_unused, i) => [`script-${i}`, "x".repeat(500)])) } })
    const body = formatObservation(own) + end
    const entry = formatByDigest(crypto, { purl: PURL, sha512: GOOD, log: own.log, predicateType: "https://vouchsafe.example/observation/v1", text: body })
    const parse = vi.spyOn(JSON, "parse")
    const verdict = judge(world, { alpha: { entries: Array.from({ length: 300 }, () => entry), bodies: [body] } })
    expect(parse.mock.calls.filter(([text]) => text === body)).toHaveLength(1)
    expect(outcome(verdict)).toBe("allowed")
    const bodies = [body]
    const hash = vi.fn(crypto.sha256)
    for (let i = 0; i < 10; i++) observationIn({ ...crypto, sha256: hash }, entry, bodies)
    expect(hash).toHaveBeenCalledTimes(1)
    parse.mockRestore()
  })
})

test("a notices log that grew for years is hashed and read once, however often a check judges", () => {
  const entries = Array.from({ length: 300 }, (_, i) => formatNotice(notice("alpha", { purl: `pkg:npm/x-${i}@1.0.0` })))
  const alpha = evidenceOf(world, "alpha", { noticeEntries: entries })
  const parse = vi.spyOn(JSON, "parse")
  const hash = vi.fn(crypto.sha256)
  const judged = (): Verdict => judge(world, { alpha }, { crypto: { ...crypto, sha256: hash } })
  expect(outcome(judged())).toBe("allowed")
  const [parses, hashes] = [parse.mock.calls.length, hash.mock.calls.length]
  expect(outcome(judged())).toBe("allowed")
  expect(parse.mock.calls.length - parses).toBeLessThan(parses - 290)
  expect(hash.mock.calls.length - hashes).toBeLessThan(hashes - 590)
  // Another list of the same length is another list.
  const forged = { ...alpha, notices: { checkpoint: alpha.notices?.checkpoint ?? "", entries: [...entries.slice(1), entries[1] as string] } }
  expect(judge(world, { alpha: forged }).claims.map(({ operator }) => operator)).not.toContain("alpha")
  parse.mockRestore()
})

describe("an exception for bytes that nobody vouches for", () => {
  const silent = { alpha: { observations: [] }, beta: { observations: [] }, gamma: { observations: [] }, delta: { observations: [] } }
  const elsewhere = { requests: [{ ...REQUEST, registry: "https://private.example/" }] }
  const list: MaliciousList = { name: "ours", find: (name, version) => (`${name}@${version}` === "left-pad@1.3.0" ? { id: "MAL-1" } : undefined) }
  const ASKS = { levels: [{ match: ["*"], level: "provenance" }, { match: ["*"], level: "rebuilt" }] }

  test("lifts no demand for provenance", () => {
    expect(outcome(judge(world, silent, { policy: excepted("NOT_VOUCHED") }))).toBe("allowed")
    const verdict = judge(world, silent, { policy: excepted("NOT_VOUCHED", ASKS) })
    expect(codes(verdict)).toEqual(["warn NOT_VOUCHED", "deny NO_PROVENANCE", "deny NOT_REBUILT"])
    expect(codes(judge(world, { ...silent, alpha: {} }, { policy: excepted("NOT_VOUCHED", ASKS) }))).toEqual(["deny NO_PROVENANCE", "warn NOT_VOUCHED", "deny NOT_REBUILT"])
  })
  test("lifts no demand of a package from a registry that the roster does not list", () => {
    expect(outcome(judge(world, silent, { ...elsewhere, policy: excepted("NOT_VOUCHED") }))).toBe("allowed")
    expect(codes(judge(world, silent, { ...elsewhere, policy: excepted("NOT_VOUCHED", ASKS) }))).toEqual(["warn NOT_VOUCHED", "deny NO_PROVENANCE", "deny NOT_REBUILT"])
  })
  test("covers other bytes than the operators observed only where it names them", () => {
    const others = Object.fromEntries(world.roster.operators.map((operator) => [operator, { observations: [observation(log(operator), { sha512: EVIL })] }]))
    const verdict = judge(world, others, { policy: excepted("NOT_VOUCHED") })
    expect(verdict).toMatchObject({ ok: false, code: "NOT_VOUCHED", findings: [{ message: expect.stringContaining("the exception of \"ann\" names no sha512") as string }] })
    expect(Object.keys(verdict.findings[0] ?? {})).not.toContain("isAboutBytes")
    const bound = (sha512: string): Policy => policy({ exceptions: [{ purl: PURL, code: "NOT_VOUCHED", owner: "ann", reason: "our mirror packs anew", until: "2027-06-01", sha512 }] })
    expect(outcome(judge(world, others, { policy: bound(GOOD) }))).toBe("allowed")
    expect(outcome(judge(world, others, { policy: bound(EVIL) }))).toBe("NOT_VOUCHED")
    expect(outcome(judge(world, others, { policy: stricterPolicy(bound(GOOD), excepted("NOT_VOUCHED")) }))).toBe("NOT_VOUCHED")
    expect(outcome(judge(world, others, { policy: stricterPolicy(bound(GOOD), bound(GOOD)) }))).toBe("allowed")
    expect(outcome(judge(world, others, { policy: policy({ preset: "observe" }) }))).toBe("allowed")
  })
  test("hides no list of known-malicious packages, and no list that cannot be used", () => {
    expect(codes(judge(world, silent, { ...elsewhere, policy: excepted("NOT_VOUCHED"), lists: [list] }))).toEqual(["warn NOT_VOUCHED", "deny WITHDRAWN"])
    expect(outcome(judge(world, silent, { ...elsewhere, policy: excepted("NOT_VOUCHED"), lists: [{ ...list, problem: "never fetched" }] }))).toBe("NOTICES_STALE")
    expect(outcome(judge(world, silent, { ...elsewhere, lists: [list] }))).toBe("WITHDRAWN")
  })
})


test("a list of the policy that nobody handed over refuses everything, as one that cannot be used does", () => {
  const subscribed = policy({ lists: [{ name: "ours", source: "./ours" }, { name: "osv", source: "./osv" }] })
  const nothing = (name: string): MaliciousList => ({ name, find: () => undefined })
  expect(judge(world, {}, { policy: subscribed, lists: [nothing("ours")] })).toMatchObject({ ok: false, code: "NOTICES_STALE", findings: [{ saidBy: ["osv"], message: expect.stringContaining("osv") as string }] })
  expect(outcome(judge(world, {}, { policy: subscribed, lists: [nothing("ours"), nothing("osv")] }))).toBe("allowed")
})

describe("a document that a person reviews as one thing and the program reads as another", () => {
  const POLICY = '{\n "format": "vouchsafe-policy/v1",\n "roster": "./roster.json",\n'
  test.each([
    ["a member twice", `${POLICY} "preset": "strict",\n "exceptions": [],\n "preset": "observe"\n}`, "vouchsafe.json:6: preset is \"there twice\""],
    ["a member twice, once in escapes", `${POLICY} "preset": "strict",\n "pr\\u0065set": "observe"\n}`, "vouchsafe.json:5: preset is \"there twice\""],
    ["a member of an item twice", `${POLICY} "levels": [{"match": ["*"],\n "level": "rebuilt",\n "level": "provenance"}]\n}`, "vouchsafe.json:6: levels[0].level is \"there twice\""],
    ["a rule twice", `${POLICY} "rules": {"TOO_YOUNG": "deny",\n "TOO_YOUNG": "off"}\n}`, "vouchsafe.json:5: rules.TOO_YOUNG is \"there twice\""],
  ])("policy: %s", (_, text, says) => {
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) }))
  })
  test("policy: equal names in different objects are no repetition", () => {
    expect(parsePolicy(`${POLICY} "levels": [{"match": ["a"], "level": "rebuilt"}, {"match": ["a"], "level": "rebuilt"}], "signers": []\n}`).levels).toHaveLength(2)
  })
  test("roster: a member twice", () => {
    const { rosterText } = world
    expect(() => parseRoster(crypto, rosterText.replace('"nodes"', '"threshold": 4,\n  "threshold": 1,\n  "nodes"'))).toThrow(expect.objectContaining({ code: "ROSTER_MALFORMED", message: expect.stringContaining('threshold is "there twice"') }))
    expect(parseRoster(crypto, rosterText.replace('"nodes"', '"threshold": 4,\n  "nodes"')).threshold).toBe(4)
  })
})
