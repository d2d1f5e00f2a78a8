import { describe, expect, test } from "vitest"
import { formatObservation, formatRefusal, npmPurl, parseRoster, shellWord, shortReason, type Verdict, verdictsExit, verify } from "../../src/index.ts"
import { crypto, EVIL, evidenceOf, GOOD, judge, makeWorld, type NodeScript, notice, NOW, observation, policy, PURL, REGISTRY, REQUEST } from "./world.ts"

const world = makeWorld()
const log = (operator: string) => `${operator}.example/log`
const lies = (operator: string): NodeScript => ({ observations: [observation(log(operator), { sha512: EVIL })] })
const silent: NodeScript = { observations: [] }

function refusedWith(verdict: Verdict, code: string): void {
  expect(verdict.ok ? "allowed" : verdict.code).toBe(code)
  expect(shortReason(verdict)).toContain(code)
  expect(verdictsExit([verdict])).toBe(code === "CLOCK_BEHIND" ? 3 : 1)
}

describe("allows", () => {
  test("what a majority of operators observed, and names the claims that carried it", () => {
    const verdict = judge(world)
    expect(verdict).toMatchObject({ ok: true, findings: [], labels: [] })
    expect(verdict.claims.map((claim) => claim.operator)).toEqual(["alpha", "beta", "gamma", "delta"])
    expect(verdict.claims[0]).toMatchObject({ origin: log("alpha"), index: 3, checkpointTime: NOW - 60 })
    expect(formatRefusal([verdict])).toBe("")
  })
  test("with one of four nodes gone", () => expect(judge(world, { beta: null })).toMatchObject({ ok: true, findings: [] }))
  test("with one liar, who is named", () => {
    const verdict = judge(world, { gamma: lies("gamma") })
    expect(verdict).toMatchObject({ ok: true, findings: [{ code: "DIGEST_CONFLICT", severity: "warn", saidBy: ["gamma"] }] })
  })
  test("a single operator, and says so", () => {
    const one = makeWorld(["alpha"])
    expect(judge(one)).toMatchObject({ ok: true, labels: ["single-operator"] })
  })
  test("an old inclusion: statements do not expire, only notices do", () => {
    const old = { logHead: { time: NOW - 400 * 86_400 } }
    expect(judge(world, { alpha: old, beta: old, gamma: old, delta: old })).toMatchObject({ ok: true })
  })
  test("one withdrawal that its author reversed", () => {
    const notices = [notice("beta"), notice("beta", { notice: "reversal", reverses: 0, reason: "mistake" })]
    expect(judge(world, { beta: { notices } })).toMatchObject({ ok: true })
  })
})

describe("refuses", () => {
  const all = (script: (operator: string) => NodeScript | null) => Object.fromEntries(world.nodes.map(({ operator }) => [operator, script(operator)]))
  test.each<{ name: string; scripts: Record<string, NodeScript | null>; code: string }>([
    { name: "bytes that nobody observed", scripts: all(lies), code: "NOT_VOUCHED" },
    { name: "two colluding operators", scripts: { gamma: lies("gamma"), delta: lies("delta") }, code: "DIGEST_CONFLICT" },
    { name: "no statements at all", scripts: all(() => silent), code: "NOT_VOUCHED" },
    { name: "two of four operators", scripts: { alpha: silent, beta: silent }, code: "NOT_VOUCHED" },
    { name: "no node reached", scripts: all(() => null), code: "UNREACHABLE" },
    { name: "two nodes gone", scripts: { alpha: null, beta: null }, code: "UNREACHABLE" },
    { name: "one withdrawal", scripts: { beta: { notices: [notice("beta")] } }, code: "WITHDRAWN" },
    { name: "a withdrawal that another operator claims to reverse", scripts: { beta: { notices: [notice("beta")] }, gamma: { notices: [notice("gamma", { notice: "reversal", reverses: 0 })] } }, code: "WITHDRAWN" },
    { name: "a reversal of another artifact's withdrawal", scripts: { beta: { notices: [notice("beta"), notice("beta", { notice: "reversal", reverses: 0, purl: "pkg:npm/other@1.0.0" })] } }, code: "WITHDRAWN" },
    { name: "two operators' conflict notices", scripts: { beta: { notices: [notice("beta", { notice: "conflict", other: EVIL })] }, gamma: { notices: [notice("gamma", { notice: "conflict", other: EVIL })] } }, code: "DIGEST_CONFLICT" },
    { name: "stale notices", scripts: all(() => ({ noticesHead: { time: NOW - 86_401 } })), code: "NOTICES_STALE" },
    { name: "packuments that differ from their tarballs", scripts: all((operator) => ({ observations: [observation(log(operator), { packument: { publishedAt: null, publisher: null, repository: null, mismatch: ["scripts"] } })] })), code: "MANIFEST_MISMATCH" },
    { name: "heads without a witness quorum", scripts: all((operator) => ({ logHead: { by: [operator === "alpha" ? "beta" : "alpha"] } })), code: "PROOF_INVALID" },
    { name: "heads cosigned by the operator's own witness", scripts: all((operator) => ({ logHead: { by: [operator, operator === "alpha" ? "beta" : "alpha"] } })), code: "PROOF_INVALID" },
    { name: "cosignatures with time 0", scripts: all(() => ({ logHead: { time: 0 } })), code: "PROOF_INVALID" },
    { name: "two observations of one artifact in one log", scripts: all((operator) => ({ observations: [observation(log(operator)), observation(log(operator), { sha512: EVIL })] })), code: "PROOF_INVALID" },
    { name: "an observation of the same name in another registry", scripts: all((operator) => ({ observations: [observation(log(operator), { registry: "https://other.example/" })] })), code: "NOT_VOUCHED" },
  ])("$name: $code", ({ scripts, code }) => refusedWith(judge(world, scripts), code))

  test("THREATS A1: a statement bound to another log, or somebody else's word, never counts", () => {
    const foreign = formatObservation(observation(log("alpha"))).replace('"kind":"own"', '"kind":"foreign"')
    const stolen = formatObservation(observation(log("alpha")))
    refusedWith(judge(world, { beta: { entries: [foreign] }, gamma: { entries: [stolen] } }), "PROOF_INVALID")
  })
  test("THREATS A3: withholding a notice breaks the root, and the attester does not count", () => {
    const whole = evidenceOf(world, "beta", { notices: [notice("beta", { purl: "pkg:npm/other@1.0.0" }), notice("beta")] })
    const { notices } = whole
    if (notices === undefined) throw new TypeError("no notices")
    const cut = { ...whole, notices: { ...notices, entries: notices.entries.slice(0, 1) } }
    const verdict = judge(world, { beta: cut, alpha: silent })
    refusedWith(verdict, "PROOF_INVALID")
    const without = { ...whole, notices: undefined }
    const { notices: _, ...absent } = without
    refusedWith(judge(world, { beta: absent, alpha: silent }), "NOTICES_STALE")
  })
  test("THREATS A3: a flood of notices by one operator needs a second operator", () => {
    const flood = Array.from({ length: 201 }, (_, i) => notice("beta", { purl: i === 0 ? PURL : `pkg:npm/n${i}@1.0.0` }))
    expect(judge(world, { beta: { notices: flood } })).toMatchObject({ ok: true, findings: [{ code: "WITHDRAWN", severity: "warn" }] })
    refusedWith(judge(world, { beta: { notices: flood }, gamma: { notices: [notice("gamma")] } }), "WITHDRAWN")
  })
  test("THREATS A4: two keys of one operator are one voice", () => {
    const doubled = JSON.parse(makeWorld(["alpha", "beta", "gamma"]).rosterText) as { nodes: { operator: string }[] }
    for (const node of doubled.nodes.slice(0, 2)) node.operator = "alpha"
    expect(() => parseRoster(crypto, JSON.stringify(doubled))).toThrow(expect.objectContaining({ code: "ROSTER_MALFORMED" }))
    const single = makeWorld(["alpha", "beta", "gamma"], { threshold: 2 })
    const { roster } = single
    const sameOperator = { ...roster, operators: ["alpha", "gamma"], nodes: roster.nodes.map((node) => (node.operator === "beta" ? { ...node, operator: "alpha" } : node)) }
    const evidence = ["alpha", "beta"].map((operator) => ({ ...evidenceOf(single, operator), operator: "alpha" }))
    const [verdict] = verify({ crypto, roster: sameOperator, policy: policy(), now: NOW, requests: [REQUEST], evidence })
    expect(verdict).toMatchObject({ ok: false })
  })
  test("THREATS A9: a clock behind the quorum's time", () => {
    const ahead: NodeScript = { logHead: { time: NOW + 301 } }
    refusedWith(judge(world, { alpha: ahead }), "CLOCK_BEHIND")
    expect(judge(world, { alpha: { logHead: { time: NOW + 300 } } })).toMatchObject({ ok: true })
  })
  test("THREATS A9: one witness that is ahead moves nothing", () => {
    expect(judge(world, { alpha: { logHead: { timeOf: { beta: NOW + 9_999_999 } } } })).toMatchObject({ ok: true, claims: [{ operator: "alpha", checkpointTime: NOW - 60 }, {}, {}, {}] })
  })
  test("a request without sha512, a registry that the roster lacks", () => {
    refusedWith(judge(world, {}, { requests: [{ purl: PURL, registry: REGISTRY }] }), "EXOTIC_SOURCE")
    refusedWith(judge(world, {}, { requests: [{ ...REQUEST, registry: "https://private.example/" }] }), "NOT_VOUCHED")
  })
  test("what nodes say is pending or ambiguous is told apart", () => {
    const status = (operator: string, value: "pending" | "refused", code?: string) => ({
      ...evidenceOf(world, operator, silent), statuses: [{ purl: PURL, registry: REGISTRY, status: value, ...(code === undefined ? {} : { code }) }],
    })
    refusedWith(judge(world, { alpha: status("alpha", "pending"), beta: status("beta", "pending") }), "PENDING")
    const ambiguous = Object.fromEntries(world.nodes.map(({ operator }) => [operator, status(operator, "refused", "TARBALL_AMBIGUOUS")]))
    refusedWith(judge(world, ambiguous), "TARBALL_AMBIGUOUS")
  })
  test("half a surrogate pair anywhere in an entry, a body or a notice, as a value and not an exception", () => {
    const honest = evidenceOf(world, "beta", { notices: [notice("beta", { purl: "pkg:npm/other@1.0.0" })] })
    const [batch] = honest.batches
    if (batch === undefined || honest.notices === undefined) throw new TypeError("incomplete evidence")
    const broken = [
      { ...honest, batches: [{ ...batch, entries: ["\ud800"] }] }, { ...honest, batches: [{ ...batch, bodies: ["\udfff"] }] },
      { ...honest, notices: { ...honest.notices, entries: ["\ud800"] } },
    ]
    for (const beta of broken) refusedWith(judge(world, { beta, alpha: silent }), "PROOF_INVALID")
  })
  test("a kept proof of misbehavior removes the log from every quorum", () => {
    const caught = { ...evidenceOf(world, "gamma"), misbehaved: "kept proof" }
    const verdict = judge(world, { gamma: caught })
    expect(verdict).toMatchObject({ ok: true, claims: [{ operator: "alpha" }, { operator: "beta" }, { operator: "delta" }], findings: [{ code: "LOG_MISBEHAVED", saidBy: ["gamma"] }] })
    expect(judge(world, { gamma: caught, alpha: silent }).ok).toBe(false)
  })
})

describe("policy", () => {
  const withException = (exception: object) => ({ policy: policy({ exceptions: [{ purl: PURL, owner: "ann", reason: "audited by hand", ...exception }] }) })
  const nobody = Object.fromEntries(world.nodes.map(({ operator }) => [operator, silent]))
  test("an exception turns one code of one artifact into a warning, until its day ends", () => {
    const ends = new Date(NOW * 1000).toISOString().slice(0, 10)
    expect(judge(world, nobody, withException({ code: "NOT_VOUCHED", until: ends }))).toMatchObject({ ok: true, findings: [{ severity: "warn", code: "NOT_VOUCHED" }] })
    refusedWith(judge(world, nobody, withException({ code: "NOT_VOUCHED", until: "2027-01-01" })), "NOT_VOUCHED")
    refusedWith(judge(world, nobody, withException({ code: "PENDING", until: ends })), "NOT_VOUCHED")
    refusedWith(judge(world, nobody, { ...withException({ code: "NOT_VOUCHED", until: ends }), requests: [{ ...REQUEST, purl: "pkg:npm/left-pad@1.3.1" }] }), "NOT_VOUCHED")
  })
  test("an exception for a withdrawal is bound to the bytes and to 30 days", () => {
    const withdrawn = { beta: { notices: [notice("beta")] } }
    const until = (days: number) => new Date((NOW + days * 86_400) * 1000).toISOString().slice(0, 10)
    expect(judge(world, withdrawn, withException({ code: "WITHDRAWN", sha512: GOOD, until: until(29) })).ok).toBe(true)
    refusedWith(judge(world, withdrawn, withException({ code: "WITHDRAWN", sha512: EVIL, until: until(29) })), "WITHDRAWN")
    refusedWith(judge(world, withdrawn, withException({ code: "WITHDRAWN", sha512: GOOD, until: until(40) })), "WITHDRAWN")
  })
  test("a policy raises the threshold and never lowers it", () => {
    expect(judge(world, { alpha: silent }, { policy: policy({ threshold: 4 }) }).ok).toBe(false)
    refusedWith(judge(world, { alpha: silent, beta: silent }, { policy: policy({ threshold: 1 }) }), "NOT_VOUCHED")
  })
  test("strict refuses at the first conflicting operator, observe refuses nothing", () => {
    refusedWith(judge(world, { gamma: lies("gamma") }, { policy: policy({ preset: "strict" }) }), "DIGEST_CONFLICT")
    expect(judge(world, nobody, { policy: policy({ preset: "observe" }) })).toMatchObject({ ok: true, findings: [{ severity: "warn", code: "NOT_VOUCHED" }] })
  })
})

test("a refusal reads as one screen: what, expected, found, next", () => {
  const text = formatRefusal([judge(world, Object.fromEntries(world.nodes.map(({ operator }) => [operator, lies(operator)])))])
  expect(text).toContain("left-pad@1.3.0")
  expect(text).toContain("NOT_VOUCHED: these are not the bytes that alpha, beta, delta, gamma observed")
  expect(text).toContain(`expected  3 of 4 operators that vouch for sha512 ${GOOD}`)
  expect(text).toContain("next      do not install it")
})

test("what nobody observed names the command that shows more, whole", () => {
  const verdict = judge(world, Object.fromEntries(world.nodes.map(({ operator }) => [operator, silent])))
  expect(formatRefusal([verdict])).toContain("next      `npx vouchsafe explain left-pad@1.3.0` shows who says what")
})

test("a refusal claims to have stopped an install only where there was one", () => {
  const verdict = judge(world, Object.fromEntries(world.nodes.map(({ operator }) => [operator, lies(operator)])))
  expect([formatRefusal([verdict]), formatRefusal([verdict], { installs: false })].map((text) => text.split("\n")[0])).toEqual(["vouchsafe refused 1 of 1 package; nothing of it was installed", "vouchsafe refused 1 of 1 package"])
})

test.each([
  { text: "@scope/left-pad@1.3.0-rc.1+build", word: "@scope/left-pad@1.3.0-rc.1+build" },
  { text: "x$(id)@1.0.0", word: "'x$(id)@1.0.0'" },
  { text: "x;id@1.0.0", word: "'x;id@1.0.0'" },
  { text: "x`id`@1.0.0", word: "'x`id`@1.0.0'" },
  { text: "x'$(id)'@1.0.0", word: `'x'"'"'$(id)'"'"'@1.0.0'` },
  { text: "~root@1.0.0", word: "'~root@1.0.0'" },
  { text: "/a folder/roster.json", word: "'/a folder/roster.json'" },
])("a stranger's name is one word of the command that a refusal advises: $text", ({ text, word }) => {
  expect(shellWord(text)).toBe(word)
})

test("the command that a refusal advises runs nothing that a lockfile names", () => {
  const purl = npmPurl("x$(id)", "1.0.0")
  const others = Object.fromEntries(world.nodes.map(({ operator }) => [operator, { observations: [observation(log(operator), { purl, sha512: EVIL })] }]))
  expect(formatRefusal([judge(world, others, { requests: [{ purl, registry: REGISTRY, sha512: GOOD }] })])).toContain("`npx vouchsafe explain 'x$(id)@1.0.0'` shows who says what")
})
