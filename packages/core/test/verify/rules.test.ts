import { describe, expect, test } from "vitest"
import { type CommitSignature, formatByDigest, formatObservation, NO_UPSTREAM, type Observation, type Policy, type Rebuild, type Upstream, type Verdict } from "../../src/index.ts"
import {
  COMMIT, crypto, EVIL, evidenceOf, formatForeignEntry, formatRebuild, GOOD, judge, makeWorld, mismatch, type NodeScript, NOW, observation, policy, provenance, publisher, PURL, rebuild, releaseBy, SSH_KEY,
} from "./world.ts"

const world = makeWorld()
const log = (operator: string) => `${operator}.example/log`
const OPERATORS = ["alpha", "beta", "gamma", "delta"] as const
type Operator = (typeof OPERATORS)[number]
const on = (script: (operator: Operator) => NodeScript | null): Record<string, NodeScript | null> => Object.fromEntries(OPERATORS.map((operator) => [operator, script(operator)]))
const codes = (verdict: Verdict): string[] => verdict.findings.map(({ code, severity }) => `${severity} ${code}`)
const outcome = (verdict: Verdict): string => (verdict.ok ? "allowed" : verdict.code)
const withPolicy = (more: object): { policy: Policy } => ({ policy: policy(more) })
const dayOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10)

/** Observations with these upstream facts, by operator. */
const upstream = (facts: (operator: Operator) => Partial<Upstream>) => on((operator) => ({ observations: [observation(log(operator), { upstream: { ...NO_UPSTREAM, ...facts(operator) } })] }))
const PROVENANCE_LEVEL = withPolicy({ levels: [{ match: ["left-*"], level: "provenance" }] })
const REBUILT_LEVEL = withPolicy({ levels: [{ match: ["*"], level: "rebuilt" }] })

describe("upstream facts, statement by statement", () => {
  test.each<[string, Record<string, NodeScript | null>, { policy: Policy }, string, string[]]>([
    ["nothing came, nothing asked", {}, withPolicy({}), "allowed", []],
    ["all refused an attestation", upstream(() => ({ refused: ["PROVENANCE_X"] })), withPolicy({}), "PROVENANCE_INVALID", ["deny PROVENANCE_INVALID"]],
    ["two of four refused an attestation", upstream((o) => (o === "alpha" || o === "beta" ? { refused: ["PUBLISH_X"] } : {})), withPolicy({}), "PROVENANCE_INVALID", ["deny PROVENANCE_INVALID"]],
    ["one of four refused: it is named and does not count", upstream((o) => (o === "alpha" ? { refused: ["PUBLISH_X"] } : {})), withPolicy({}), "allowed", ["warn PROVENANCE_INVALID"]],
    ["all refused, and the rule warns", upstream(() => ({ refused: ["PUBLISH_X"] })), withPolicy({ rules: { PROVENANCE_INVALID: "warn" } }), "allowed", ["warn PROVENANCE_INVALID"]],
    ["all refused, and the rule is off", upstream(() => ({ refused: ["PUBLISH_X"] })), withPolicy({ rules: { PROVENANCE_INVALID: "off" } }), "allowed", []],
    ["all refused, while observing", upstream(() => ({ refused: ["PUBLISH_X"] })), withPolicy({ preset: "observe" }), "allowed", ["warn PROVENANCE_INVALID"]],
    ["provenance asked and found", upstream(() => ({ provenance: provenance() })), PROVENANCE_LEVEL, "allowed", []],
    ["provenance asked, none found", {}, PROVENANCE_LEVEL, "NO_PROVENANCE", ["deny NO_PROVENANCE"]],
    ["provenance asked, two of four found it", upstream((o) => (o < "c" ? { provenance: provenance() } : {})), PROVENANCE_LEVEL, "NO_PROVENANCE", ["deny NO_PROVENANCE"]],
    ["provenance asked, three of four found it", upstream((o) => (o !== "gamma" ? { provenance: provenance() } : {})), PROVENANCE_LEVEL, "allowed", ["warn NO_PROVENANCE"]],
    ["provenance asked, two and two found another", upstream((o) => ({ provenance: provenance(o < "c" ? {} : { commit: `${COMMIT.slice(1)}9` }) })), PROVENANCE_LEVEL, "NO_PROVENANCE", ["deny NO_PROVENANCE"]],
    ["provenance asked of other names", {}, withPolicy({ levels: [{ match: ["right-*", "@left-pad/*", "left-padding"], level: "provenance" }] }), "allowed", []],
    ["provenance and a rebuild asked by two entries", upstream(() => ({ provenance: provenance() })), withPolicy({ levels: [{ match: ["*"], level: "provenance" }, { match: ["left-pad"], level: "rebuilt" }] }), "NOT_REBUILT", ["deny NOT_REBUILT"]],
  ])("%s", (_, scripts, more, expected, findings) => {
    const verdict = judge(world, scripts, more)
    expect(outcome(verdict)).toBe(expected)
    expect(codes(verdict)).toEqual(findings)
  })
  test("an exception lets the statements count, and says who allowed it", () => {
    const exceptions = [{ purl: PURL, code: "PROVENANCE_INVALID", owner: "ann", reason: "known", until: dayOf(NOW) }]
    const verdict = judge(world, upstream(() => ({ refused: ["PUBLISH_X"] })), withPolicy({ exceptions }))
    expect(verdict).toMatchObject({ ok: true, claims: [{}, {}, {}, {}], findings: [{ code: "PROVENANCE_INVALID", severity: "warn", message: expect.stringContaining('allowed until') as string }] })
    expect(outcome(judge(world, upstream(() => ({ refused: ["PUBLISH_X"] })), withPolicy({ exceptions: [{ ...exceptions[0], until: "2026-01-01" }] })))).toBe("PROVENANCE_INVALID")
  })
  test("one operator alone refuses nothing by a mismatch that others do not see", () => {
    const lie: Partial<Observation> = { packument: { publishedAt: NOW - 1_000_000, publisher: null, repository: null, mismatch: ["scripts"] } }
    const verdict = judge(world, { beta: { observations: [observation(log("beta"), lie)] } })
    expect(verdict).toMatchObject({ ok: true, findings: [{ code: "MANIFEST_MISMATCH", severity: "warn", saidBy: ["beta"] }] })
  })
  test("the verdict says which provenance, and who verified it", () => {
    const verdict = judge(world, upstream((o) => (o === "gamma" ? {} : { provenance: provenance() })))
    const { repository, commit, workflow, builder, runner } = provenance()
    expect(verdict).toMatchObject({ level: "provenance", provenance: { repository, commit, workflow, builder, runner, saidBy: ["alpha", "beta", "delta"] } })
    expect(judge(world, upstream((o) => (o === "gamma" ? { provenance: provenance() } : {})))).toMatchObject({ provenance: { saidBy: ["gamma"] } })
    expect("level" in judge(world, upstream((o) => (o === "gamma" ? { provenance: provenance() } : {})))).toBe(false)
    expect(Object.keys(judge(world))).not.toEqual(expect.arrayContaining(["provenance"]))
  })
})

describe("rebuilds", () => {
  const rebuilds = (make: (operator: Operator) => readonly Rebuild[]) => on((operator) => ({ more: make(operator).map(formatRebuild) }))
  const by = (...operators: Operator[]) => (make: (origin: string) => Rebuild) => (operator: Operator) => (operators.includes(operator) ? [make(log(operator))] : [])
  const other = { sha256: "00".repeat(32), override: false }
  test.each<[string, Record<string, NodeScript | null>, { policy: Policy }, string, string[], string | undefined]>([
    ["two agree", rebuilds(by("alpha", "beta")(rebuild)), REBUILT_LEVEL, "allowed", [], "rebuilt"],
    ["two agree, nothing asked", rebuilds(by("alpha", "beta")(rebuild)), withPolicy({}), "allowed", [], "rebuilt"],
    ["nobody rebuilt", {}, REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["nobody rebuilt, and the rule warns", {}, withPolicy({ levels: [{ match: ["*"], level: "rebuilt" }], rules: { NOT_REBUILT: "warn" } }), "allowed", ["warn NOT_REBUILT"], undefined],
    ["one rebuilt", rebuilds(by("alpha")(rebuild)), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["one rebuilt, and one is asked", rebuilds(by("alpha")(rebuild)), withPolicy({ rebuilders: 1, levels: [{ match: ["*"], level: "rebuilt" }] }), "allowed", [], "rebuilt"],
    ["two agree, and three are asked", rebuilds(by("alpha", "beta")(rebuild)), withPolicy({ rebuilders: 3, levels: [{ match: ["*"], level: "rebuilt" }] }), "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["two from different commits", rebuilds((o) => (o < "c" ? [rebuild(log(o), { source: { ...rebuild("").source, commit: o === "alpha" ? COMMIT : `${COMMIT.slice(1)}9` } })] : [])), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["two with different recipes", rebuilds((o) => (o < "c" ? [rebuild(log(o), o === "alpha" ? {} : { recipe: other })] : [])), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["one operator twice is one voice", rebuilds((o) => (o === "alpha" ? [rebuild(log(o)), rebuild(log(o), { rebuiltAt: NOW })] : [])), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["two of other bytes", rebuilds(by("alpha", "beta")((origin) => rebuild(origin, { sha512: EVIL }))), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["two of the same name elsewhere", rebuilds(by("alpha", "beta")((origin) => rebuild(origin, { registry: "https://other.example/" }))), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["two bound to another log", rebuilds((o) => (o < "c" ? [rebuild("delta.example/log")] : [])), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT", "warn PROOF_INVALID", "warn PROOF_INVALID"], undefined],
    ["two that say contents and show others", rebuilds(by("alpha", "beta")((origin) => rebuild(origin, { rebuilt: mismatch(origin).rebuilt }))), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["two that say tar and show another", rebuilds(by("alpha", "beta")((origin) => rebuild(origin, { match: "tar" }))), REBUILT_LEVEL, "NOT_REBUILT", ["deny NOT_REBUILT"], undefined],
    ["two that did not observe what they rebuilt", on((o) => (o < "c" ? { entries: [formatRebuild(rebuild(log(o)))] } : {})), { policy: policy({ levels: [{ match: ["*"], level: "rebuilt" }], exceptions: [{ purl: PURL, code: "NOT_VOUCHED", owner: "a", reason: "b", until: dayOf(NOW) }] }) }, "NOT_REBUILT", ["warn NOT_VOUCHED", "deny NOT_REBUILT"], undefined],
    ["two that observed other bytes than they rebuilt", on((o) => (o < "c" ? { observations: [observation(log(o), { sha512: EVIL })], more: [formatRebuild(rebuild(log(o)))] } : {})), { policy: policy({ levels: [{ match: ["*"], level: "rebuilt" }], rules: { DIGEST_CONFLICT: "off" }, exceptions: [{ purl: PURL, code: "NOT_VOUCHED", owner: "a", reason: "b", until: dayOf(NOW), sha512: GOOD }] }) }, "NOT_REBUILT", ["warn NOT_VOUCHED", "deny NOT_REBUILT"], undefined],
    ["two that say tar and show it", rebuilds(by("alpha", "beta")((origin) => rebuild(origin, { match: "tar", rebuilt: { ...rebuild("").rebuilt, tarSha256: "33".repeat(32) } }))), REBUILT_LEVEL, "allowed", [], "rebuilt"],
    ["levels of equality are not averaged", rebuilds((o) => (o < "c" ? [rebuild(log(o), o === "alpha" ? {} : { match: "tgz", rebuilt: { ...rebuild("").rebuilt, sha512: GOOD } })] : [])), REBUILT_LEVEL, "allowed", [], "rebuilt"],
    ["two agree, one differs: shown", rebuilds((o) => (o === "delta" ? [mismatch(log(o))] : o < "c" ? [rebuild(log(o))] : [])), REBUILT_LEVEL, "allowed", ["warn SOURCE_MISMATCH"], "rebuilt"],
    ["two agree, two differ", rebuilds((o) => [o < "c" ? rebuild(log(o)) : mismatch(log(o))]), REBUILT_LEVEL, "SOURCE_MISMATCH", ["deny SOURCE_MISMATCH"], "rebuilt"],
    ["only one rebuilt, and it differs", rebuilds(by("delta")(mismatch)), withPolicy({}), "SOURCE_MISMATCH", ["deny SOURCE_MISMATCH"], undefined],
    ["only one rebuilt, it differs, and the rule warns", rebuilds(by("delta")(mismatch)), withPolicy({ rules: { SOURCE_MISMATCH: "warn" } }), "allowed", ["warn SOURCE_MISMATCH"], undefined],
    ["only one rebuilt, it differs, and the rule is off", rebuilds(by("delta")(mismatch)), withPolicy({ rules: { SOURCE_MISMATCH: "off" } }), "allowed", [], undefined],
    ["one differs, one is the same", rebuilds((o) => (o < "c" ? [o === "alpha" ? mismatch(log(o)) : rebuild(log(o))] : [])), withPolicy({}), "allowed", ["warn SOURCE_MISMATCH"], undefined],
    ["one differs, the other contradicts itself", rebuilds((o) => (o === "alpha" ? [mismatch(log(o))] : o === "beta" ? [rebuild(log(o), { match: "tar" })] : [])), withPolicy({}), "SOURCE_MISMATCH", ["deny SOURCE_MISMATCH"], undefined],
    ["the newest of a log counts: a better recipe", rebuilds((o) => (o < "c" ? [mismatch(log(o)), rebuild(log(o))] : [])), REBUILT_LEVEL, "allowed", [], "rebuilt"],
    ["the newest of a log counts: a change of mind", rebuilds((o) => (o < "c" ? [rebuild(log(o)), mismatch(log(o))] : [])), REBUILT_LEVEL, "SOURCE_MISMATCH", ["deny SOURCE_MISMATCH", "deny NOT_REBUILT"], undefined],
    ["the bytes are not vouched for: that first", { ...rebuilds(by("alpha")(rebuild)), beta: { observations: [] }, gamma: { observations: [] } }, REBUILT_LEVEL, "NOT_VOUCHED", ["deny NOT_VOUCHED"], undefined],
  ])("%s", (_, scripts, more, expected, findings, level) => {
    const verdict = judge(world, scripts, more)
    expect(outcome(verdict)).toBe(expected)
    expect(codes(verdict)).toEqual(findings)
    expect(verdict.level).toBe(level)
  })
  test("a rebuild of a node whose notices are stale, missing or whose log misbehaved does not count", () => {
    const entries = (o: Operator) => ({ more: [formatRebuild(rebuild(log(o)))] })
    expect(outcome(judge(world, { alpha: entries("alpha"), beta: { ...entries("beta"), noticesHead: { time: NOW - 86_401 } } }, REBUILT_LEVEL))).toBe("NOT_REBUILT")
    const { notices: _, ...blind } = evidenceOf(world, "beta", entries("beta"))
    expect(outcome(judge(world, { alpha: entries("alpha"), beta: blind }, REBUILT_LEVEL))).toBe("NOT_REBUILT")
    const caught = { ...evidenceOf(world, "beta", entries("beta")), misbehaved: "kept proof" }
    const verdict = judge(world, { alpha: entries("alpha"), beta: caught }, REBUILT_LEVEL)
    expect(outcome(verdict)).toBe("NOT_REBUILT")
    expect(verdict.rebuilds?.map(({ operator }) => operator)).toEqual(["alpha"])
  })
  test("two rebuilds of one artifact are no misbehavior", () => {
    const verdict = judge(world, { alpha: { more: [rebuild(log("alpha")), mismatch(log("alpha")), rebuild(log("alpha"), { sha512: EVIL })].map(formatRebuild) } })
    expect(verdict).toMatchObject({ ok: false, code: "SOURCE_MISMATCH", claims: [{ operator: "alpha" }, {}, {}, {}] })
    expect(codes(verdict)).not.toContain("warn LOG_MISBEHAVED")
  })
  test("every rebuild is shown, with disagreement, and a recipe of its own is told", () => {
    const script = rebuilds((o) => (o === "delta" ? [mismatch(log(o))] : o === "gamma" ? [] : [rebuild(log(o), { recipe: { sha256: "77".repeat(32), override: true } })]))
    const verdict = judge(world, script, REBUILT_LEVEL)
    expect(verdict.labels).toEqual(["rebuilt (recipe)"])
    expect(verdict.rebuilds).toMatchObject([
      { operator: "alpha", origin: log("alpha"), index: 4, match: "contents", commit: COMMIT, override: true, agrees: true, signature: { state: "unknown-signer", key: SSH_KEY } },
      { operator: "beta", agrees: true }, { operator: "delta", match: "none", agrees: false },
    ])
    expect(verdict.findings[0]).toMatchObject({ code: "SOURCE_MISMATCH", saidBy: ["delta"], found: expect.stringContaining("2 paths differ (changed 1, only-in-published 1)") as string })
  })
})

describe("signed commits", () => {
  const PGP = "AB".repeat(20)
  const signed = (signature: Partial<CommitSignature>) => (operator: Operator): Rebuild =>
    rebuild(log(operator), { source: { ...rebuild("").source, signature: { state: "unknown-signer", kind: "ssh", key: SSH_KEY, signer: null, ...signature } } })
  const two = (make: (operator: Operator) => Rebuild) => on((operator) => ({ more: operator < "c" ? [formatRebuild(make(operator))] : [] }))
  const ask = (...keys: string[]) => withPolicy({ signers: [{ match: ["left-pad"], keys }, { match: ["*"], keys: [`openpgp:${"CD".repeat(20)}`] }] })
  test.each<[string, Record<string, NodeScript | null>, { policy: Policy }, string]>([
    ["by a key of the list, unknown to the rebuilders", two(signed({})), ask(SSH_KEY), "allowed"],
    ["by a key of the list, known to the rebuilders", two(signed({ state: "valid", signer: "ann" })), ask(SSH_KEY), "allowed"],
    ["by an OpenPGP key of the list", two(signed({ kind: "openpgp", key: PGP })), ask(SSH_KEY, `openpgp:${PGP}`), "allowed"],
    ["by another key", two(signed({ state: "valid", key: `SHA256:${"x".repeat(43)}`, signer: "ann" })), ask(SSH_KEY), "UNSIGNED_COMMIT"],
    ["badly", two(signed({ state: "bad" })), ask(SSH_KEY), "UNSIGNED_COMMIT"],
    ["unchecked", two(signed({ state: "unchecked" })), ask(SSH_KEY), "UNSIGNED_COMMIT"],
    ["not at all", two(signed({ state: "unsigned", kind: null, key: null })), ask(SSH_KEY), "UNSIGNED_COMMIT"],
    ["as one rebuilder says", two((o) => signed(o === "alpha" ? {} : { state: "bad" })(o)), ask(SSH_KEY), "UNSIGNED_COMMIT"],
    ["as two say of different commits", two((o) => ({ ...signed({})(o), source: { ...signed({})(o).source, commit: o === "alpha" ? COMMIT : `${COMMIT.slice(1)}9` } })), ask(SSH_KEY), "UNSIGNED_COMMIT"],
    ["as nobody knows, without rebuilds", {}, ask(SSH_KEY), "UNSIGNED_COMMIT"],
    ["by rebuilds that differ", two((o) => mismatch(log(o), { source: signed({})(o).source })), withPolicy({ signers: [{ match: ["*"], keys: [SSH_KEY] }], rules: { SOURCE_MISMATCH: "off" } }), "UNSIGNED_COMMIT"],
  ])("%s", (_, scripts, more, expected) => expect(outcome(judge(world, scripts, more))).toBe(expected))
})

describe("releases", () => {
  const [first, second] = [publisher(1), publisher(2)]
  const release = (...signers: ReturnType<typeof publisher>[]) => (operator: Operator): NodeScript => ({ more: signers.map((signer) => formatForeignEntry(log(operator), releaseBy(signer))) })
  const keys = (more: object = {}, rule: object = {}) => withPolicy({ publishers: [{ match: ["left-pad"], keys: [{ key: first.verifier.vkey, ...more }], ...rule }] })
  const both = (threshold: number) => withPolicy({ publishers: [{ match: ["left-pad"], keys: [{ key: first.verifier.vkey }, { key: second.verifier.vkey }], threshold }] })
  const observedDay = dayOf(NOW - 100)
  const dayAfter = dayOf(NOW - 100 + 86_400)
  const dayBefore = dayOf(NOW - 100 - 86_400)
  test.each<[string, Record<string, NodeScript | null>, { policy: Policy }, string]>([
    ["by the key, in one log", { gamma: release(first)("gamma") }, keys(), "allowed"],
    ["by the key, in a log whose notices are stale", { gamma: { ...release(first)("gamma"), noticesHead: { time: NOW - 99_999 } } }, keys(), "allowed"],
    ["by nobody", {}, keys(), "NOT_RELEASED"],
    ["by nobody, and the rule warns", {}, withPolicy({ publishers: [{ match: ["*"], keys: [{ key: first.verifier.vkey }] }], rules: { NOT_RELEASED: "warn" } }), "allowed"],
    ["by another key", on(release(second)), keys(), "NOT_RELEASED"],
    ["by another key that names this one", on((operator) => ({ more: [formatForeignEntry(log(operator), { ...releaseBy(second), signatures: [{ keyId: `${first.verifier.name}+${first.verifier.keyId}`, signature: releaseBy(second).signatures[0]!.signature }] })] })), keys(), "NOT_RELEASED"],
    ["by the key, in an envelope without hint", { gamma: { more: [formatForeignEntry(log("gamma"), { ...releaseBy(first), signatures: [{ signature: releaseBy(first).signatures[0]!.signature }] })] } }, keys(), "allowed"],
    ["by the key, after 20 that only name it", { gamma: { more: Array.from({ length: 21 }, (_, i) => formatForeignEntry(log("gamma"), i === 20 ? releaseBy(first) : { ...releaseBy(first), signatures: [{ ...releaseBy(first).signatures[0]!, signature: new Uint8Array(64).fill(i) }] })) } }, keys(), "NOT_RELEASED"],
    ["of other bytes", on((operator) => ({ more: [formatForeignEntry(log(operator), releaseBy(first, { sha512: EVIL }))] })), keys(), "NOT_RELEASED"],
    ["of another version", on((operator) => ({ more: [formatForeignEntry(log(operator), releaseBy(first, { purl: "pkg:npm/left-pad@1.3.1" }))] })), keys(), "NOT_RELEASED"],
    ["in a log that misbehaved", { gamma: { ...evidenceOf(world, "gamma", release(first)("gamma")), misbehaved: "kept" } as never }, keys(), "NOT_RELEASED"],
    ["by one key of two, one needed", { gamma: release(second)("gamma") }, both(1), "allowed"],
    ["by one key of two, two needed", on(release(first)), both(2), "NOT_RELEASED"],
    ["by one key twice, two needed", { gamma: release(first, first)("gamma"), delta: release(first)("delta") }, both(2), "NOT_RELEASED"],
    ["by both keys, in different logs", { gamma: release(first)("gamma"), delta: release(second)("delta") }, both(2), "allowed"],
    ["on the key's first day", { gamma: release(first)("gamma") }, keys({ from: observedDay }), "allowed"],
    ["before the key's first day", { gamma: release(first)("gamma") }, keys({ from: dayAfter }), "NOT_RELEASED"],
    ["on the key's last day", { gamma: release(first)("gamma") }, keys({ until: observedDay }), "allowed"],
    ["after the key's last day", { gamma: release(first)("gamma") }, keys({ until: dayBefore }), "NOT_RELEASED"],
    ["on the day that the key was revoked", { gamma: release(first)("gamma") }, keys({ revoked: observedDay }), "NOT_RELEASED"],
    ["before the key was revoked", { gamma: release(first)("gamma") }, keys({ revoked: dayAfter }), "allowed"],
    ["asked of other names", {}, withPolicy({ publishers: [{ match: ["right-pad", "left-pad-*"], keys: [{ key: first.verifier.vkey }] }] }), "allowed"],
    ["the first matching entry decides", { gamma: release(first)("gamma") }, withPolicy({ publishers: [{ match: ["left-*"], keys: [{ key: second.verifier.vkey }] }, { match: ["*"], keys: [{ key: first.verifier.vkey }] }] }), "NOT_RELEASED"],
  ])("%s", (_, scripts, more, expected) => expect(outcome(judge(world, scripts, more))).toBe(expected))

  test("a key's time is the threshold-th earliest observation: one operator's clock moves nothing", () => {
    const at = (times: readonly number[]) => on((operator) => {
      const i = OPERATORS.indexOf(operator)
      return { observations: [observation(log(operator), { observedAt: NOW - (times[i] as number) * 86_400 })], ...(i === 0 ? { more: release(first)("alpha").more as readonly string[] } : {}) }
    })
    const revoked = keys({ revoked: dayOf(NOW - 5 * 86_400) })
    expect(outcome(judge(world, at([99, 10, 10, 1]), revoked))).toBe("allowed")
    expect(outcome(judge(world, at([99, 99, 1, 1]), revoked))).toBe("NOT_RELEASED")
    expect(outcome(judge(world, at([99, 10, 0, 0]), revoked))).toBe("NOT_RELEASED")
  })
  test("days begin and end with their seconds, in UTC", () => {
    const midnight = Math.floor(NOW / 86_400) * 86_400
    const seenAt = (observedAt: number) => on((operator) => ({ observations: [observation(log(operator), { observedAt })], ...(operator === "alpha" ? { more: release(first)("alpha").more as readonly string[] } : {}) }))
    const today = dayOf(midnight)
    const yesterday = dayOf(midnight - 1)
    expect(outcome(judge(world, seenAt(midnight), keys({ from: today })))).toBe("allowed")
    expect(outcome(judge(world, seenAt(midnight - 1), keys({ from: today })))).toBe("NOT_RELEASED")
    expect(outcome(judge(world, seenAt(midnight - 1), keys({ until: yesterday })))).toBe("allowed")
    expect(outcome(judge(world, seenAt(midnight), keys({ until: yesterday })))).toBe("NOT_RELEASED")
    expect(outcome(judge(world, seenAt(midnight - 1), keys({ revoked: today })))).toBe("allowed")
    expect(outcome(judge(world, seenAt(midnight), keys({ revoked: today })))).toBe("NOT_RELEASED")
  })
  test("what counted is named", () => {
    expect(judge(world, { gamma: release(first)("gamma") }, keys())).toMatchObject({ releases: [{ key: `${first.verifier.name}+${first.verifier.keyId}`, origin: log("gamma"), index: 4 }] })
    expect("releases" in judge(world, { gamma: release(first)("gamma") })).toBe(false)
  })
})

describe("THREATS A1: nobody else writes an attester's word", () => {
  const ann = publisher(1)
  /** Alpha and beta are silent; three operators are needed, so two words must come from somewhere. */
  const forged = (entry: (operator: Operator) => string) => ({ alpha: { entries: [entry("alpha")] }, beta: { entries: [entry("beta")] } })
  const observed = (operator: Operator) => formatObservation(observation(log(operator), { sha512: GOOD }))
  const foreign = (operator: Operator, payload: string, more: object = {}): string => JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    predicate: { envelope: { payload: Buffer.from(payload).toString("base64"), payloadType: "application/vnd.in-toto+json", signatures: [{ keyid: "x", sig: Buffer.alloc(64).toString("base64") }] }, kind: "foreign", log: log(operator), ...more },
    predicateType: "https://vouchsafe.example/foreign/v1", subject: [{ digest: { sha512: GOOD }, name: PURL }],
  })
  const edited = (operator: Operator, change: (statement: Record<string, any>) => void): string => {
    const statement = JSON.parse(observed(operator)) as Record<string, any>
    change(statement)
    return JSON.stringify(statement)
  }
  const byDigest = (operator: Operator, kind: string): string => JSON.stringify({
    _type: "https://in-toto.io/Statement/v1", predicate: { body: { predicateType: "https://vouchsafe.example/observation/v1", sha256: "00".repeat(32), size: 70_000 }, kind, log: log(operator) },
    predicateType: "https://vouchsafe.example/by-digest/v1", subject: [{ digest: { sha512: GOOD }, name: PURL }],
  })
  test.each<[string, (operator: Operator) => string]>([
    ["A1: an envelope whose payload is an observation", (o) => foreign(o, observed(o))],
    ["A1: an envelope whose payload is a by-digest entry", (o) => foreign(o, byDigest(o, "own"))],
    ["A1: an envelope whose payload is a rebuild", (o) => foreign(o, formatRebuild(rebuild(log(o))))],
    ["A1: an oversized body, by digest, of kind foreign", (o) => byDigest(o, "foreign")],
    ["A1: an oversized body, by digest, of kind own without the body", (o) => byDigest(o, "own")],
    ["A1: an observation of kind foreign", (o) => edited(o, (s) => { s["predicate"].kind = "foreign" })],
    ["A1: a polyglot: both kinds, as repeated members", (o) => observed(o).replace('"kind":"own"', '"kind":"foreign","kind":"own"')],
    ["A1: a polyglot: a foreign entry with an observation's members", (o) => foreign(o, "{}", (JSON.parse(observed(o)) as { predicate: object }).predicate)],
    ["A1: a polyglot: an observation with an envelope", (o) => edited(o, (s) => { s["predicate"].envelope = {} })],
    ["A1: a polyglot: two predicate types", (o) => observed(o).replace('"predicateType":', '"predicateType":"https://vouchsafe.example/foreign/v1","predicateType":')],
    ["A1: a polyglot: an observation after a byte order mark", (o) => `\ufeff${observed(o)}`],
    ["A1: a polyglot: an observation with white space", (o) => `${observed(o)}\n`],
    ["A1: a polyglot: an observation, then an envelope", (o) => `${observed(o)}{"payload":""}`],
    ["A1: an observation written for another log", () => observed("gamma")],
    ["A1: a rebuild in place of an observation", (o) => formatRebuild(rebuild(log(o)))],
    ["A1: a release in place of an observation", (o) => formatForeignEntry(log(o), releaseBy(ann))],
  ])("%s makes no claim", (_, entry) => {
    const verdict = judge(world, forged(entry), withPolicy({ publishers: [{ match: ["none"], keys: [{ key: ann.verifier.vkey }] }] }))
    expect(verdict.ok).toBe(false)
    expect(verdict.claims.map(({ operator }) => operator)).toEqual(["gamma", "delta"])
  })
  test.each<[string, string, number]>([["own", "own", 4], ["foreign", "foreign", 2]])("A1: an oversized body that is an observation, present, under a by-digest entry of kind %s", (_, kind, claims) => {
    const large = (operator: Operator) => observation(log(operator), { package: { ...observation("").package, scripts: new Map([["install", "x".repeat(40_000)], ["postinstall", "x".repeat(40_000)]]) } })
    const scripts = Object.fromEntries((["alpha", "beta"] as const).map((operator) => {
      const text = formatObservation(large(operator))
      const entry = formatByDigest(crypto, { purl: PURL, sha512: GOOD, log: log(operator), predicateType: "https://vouchsafe.example/observation/v1", text })
      return [operator, { entries: [entry.replace('"kind":"own"', `"kind":"${kind}"`)], bodies: [text] }]
    }))
    const verdict = judge(world, scripts)
    expect(verdict.claims.length).toBe(claims)
    expect(verdict.ok).toBe(claims === 4)
  })
  test("A1: a foreign entry never counts as a rebuild, and a release in another operator's name counts for its key alone", () => {
    const scripts = on((operator) => ({ more: [formatForeignEntry(log(operator), releaseBy(ann)), foreign(operator, formatRebuild(rebuild(log(operator))))] }))
    const verdict = judge(world, scripts, REBUILT_LEVEL)
    expect(verdict).toMatchObject({ ok: false, code: "NOT_REBUILT", claims: [{}, {}, {}, {}] })
    expect("rebuilds" in verdict || "releases" in verdict).toBe(false)
  })
  test("A1: a release copied into a log that it does not name makes no claim there", () => {
    const copied = formatForeignEntry("delta.example/log", releaseBy(ann))
    const asked = withPolicy({ publishers: [{ match: ["*"], keys: [{ key: ann.verifier.vkey }] }] })
    expect(outcome(judge(world, { gamma: { more: [copied] } }, asked))).toBe("NOT_RELEASED")
    expect(outcome(judge(world, { delta: { more: [copied] } }, asked))).toBe("allowed")
  })
})
