import { describe, expect, test } from "vitest"
import {
  type ArtifactRequest, compactHead, formatObservation, headChecker, KEY_TYPE, leafHash, type Lock, type LogEvidence, parseRoster, type Policy, rootOfLeaves, signerFromSeed, utf8Encode, type Verdict, verify,
  formatLock, lockLines, type LockLine, lockRoot, nodeReaderFromLeaves, type OpenedLock, parseLock, proveInclusion,
} from "../../../src/index.ts"
import { crypto, evidenceOf, EVIL, makeWorld, notice, NOW, policy, REGISTRY, signedHead, type World, type WorldNode } from "../world.ts"
import { DAY, emptyNotices, locksetBy, makeLock, observationOf, opened, projectLines } from "./locks.ts"

const world = makeWorld()
const lines = projectLines()
const [first] = lines as [LockLine]
const REQUEST: ArtifactRequest = { purl: first.facts.purl, registry: REGISTRY, sha512: first.facts.sha512 }

/** Judges a request with a lock and no network. */
function offline(lock: OpenedLock, more: { readonly now?: number; readonly policy?: Policy; readonly evidence?: readonly LogEvidence[]; readonly request?: ArtifactRequest } = {}): Verdict {
  const [verdict] = verify({
    crypto, roster: world.roster, policy: more.policy ?? policy(), now: more.now ?? NOW, requests: [more.request ?? REQUEST], evidence: more.evidence ?? world.nodes.map(away), lock,
  })
  if (verdict === undefined) throw new TypeError("no verdict")
  return verdict
}

/** What is known of a node that could not be reached and was never heard of. */
function away({ operator, log }: WorldNode): LogEvidence {
  return { operator, origin: log.verifier.name, reached: false, failure: { code: "UNREACHABLE", message: "refused the connection" }, batches: [], statuses: [] }
}

function codes(verdict: Verdict): string[] {
  return verdict.findings.map(({ code, severity }) => `${severity} ${code}`)
}

describe("a lock by itself", () => {
  test("vouches for its lines where no node can be reached", () => {
    const verdict = offline(opened(world, makeLock(world)))
    expect(verdict).toMatchObject({ ok: true, findings: [] })
    expect(verdict.claims).toHaveLength(4)
    expect(verdict.claims[0]).toMatchObject({ operator: "alpha", predicateType: "https://vouchsafe.example/lockset/v1", index: 4, checkpointTime: NOW - 60 })
  })
  test("vouches where nobody was asked at all", () => {
    expect(offline(opened(world, makeLock(world)), { evidence: [] }).ok).toBe(true)
  })
  test("after it was written and read", () => {
    expect(offline(opened(world, parseLock(crypto, formatLock(makeLock(world))))).ok).toBe(true)
  })
  test("says nothing about other packages", () => {
    const verdict = offline(opened(world, makeLock(world)), { request: { ...REQUEST, purl: "pkg:npm/other@1.0.0" }, evidence: [] })
    expect(verdict).toMatchObject({ ok: false, code: "LOCK_STALE" })
    expect(verdict.findings[0]?.message).toContain("no line about it")
  })
  test("a package that it does not know is the nodes' to say", () => {
    expect(offline(opened(world, makeLock(world)), { request: { ...REQUEST, purl: "pkg:npm/other@1.0.0" } })).toMatchObject({ ok: false, code: "UNREACHABLE" })
  })
  test("other bytes than its line's are refused", () => {
    const verdict = offline(opened(world, makeLock(world)), { request: { ...REQUEST, sha512: EVIL } })
    expect(verdict).toMatchObject({ ok: false, code: "NOT_VOUCHED" })
    expect(verdict.findings[0]?.message).toContain("not the bytes")
  })
  test("rules judge its lines as they judge statements", () => {
    const flagged = { ...first, facts: { ...first.facts, flags: [{ word: "script" as const, detail: "postinstall" }], publishedAt: NOW - 5 * DAY } }
    expect(offline(opened(world, makeLock(world, [flagged])))).toMatchObject({ ok: false, code: "NEW_INSTALL_SCRIPT" })
  })
  test("a single operator's lock is enough where it is all there is", () => {
    const single = makeWorld(["alone"])
    const lock = opened(single, makeLock(single))
    const [verdict] = verify({ crypto, roster: single.roster, policy: policy(), now: NOW, requests: [REQUEST], evidence: [], lock })
    expect(verdict).toMatchObject({ ok: true, labels: ["single-operator"] })
  })
})

describe("A2: an attester is sent lines, and nothing forged counts", () => {
  const forged: LockLine = { ...first, facts: { ...first.facts, sha512: EVIL } }
  const request = { ...REQUEST, sha512: EVIL }

  test("lines that the attesters did not derive have no bit, and nothing counts for them", () => {
    const bits = [false, true, true, true, true]
    const lock = makeLock(world, [forged, ...lines.slice(1)], { alpha: { bits }, beta: { bits }, gamma: { bits }, delta: { bits } })
    expect(offline(opened(world, lock), { request })).toMatchObject({ ok: false, code: "LOCK_STALE", claims: [] })
  })
  test("a bit that is set in the file alone does not stand in the log", () => {
    const bits = [false, true, true, true, true]
    const honest = makeLock(world, [forged, ...lines.slice(1)], { alpha: { bits }, beta: { bits }, gamma: { bits }, delta: { bits } })
    const lock = opened(world, { ...honest, locksets: honest.locksets.map((one) => ({ ...one, bits: bits.map(() => true) })) })
    expect(lock.words).toEqual([])
    expect(lock.problems).toHaveLength(4)
    expect(offline(lock, { request })).toMatchObject({ ok: false, code: "LOCK_STALE" })
  })
  test("a root that was put in place of lines covers no others", () => {
    const honest = makeLock(world)
    const lock = opened(world, { ...honest, lines: lockLines(crypto, [forged, ...lines.slice(1)], REGISTRY) })
    expect(lock.words).toEqual([])
    expect(offline(lock, { request })).toMatchObject({ ok: false, code: "LOCK_STALE" })
  })
  test("fewer colluding operators than the threshold carry nothing", () => {
    const lock = makeLock(world, [forged, ...lines.slice(1)], { gamma: { bits: [false, true, true, true, true] }, delta: null })
    expect(opened(world, lock).words).toHaveLength(3)
    const verdict = offline(opened(world, lock), { request })
    expect(verdict).toMatchObject({ ok: false, code: "LOCK_STALE" })
    expect(verdict.findings[0]?.message).toContain("2 of the 3 operators needed")
  })
  test("one operator's lockset twice is one voice", () => {
    const lock = makeLock(world, lines, { beta: null, gamma: null, delta: null })
    expect(offline(opened(world, { ...lock, locksets: [...lock.locksets, ...lock.locksets, ...lock.locksets] }))).toMatchObject({ ok: false, code: "LOCK_STALE" })
  })
  test.each([
    { name: "the lines of another registry", more: { registry: "https://other.example/" } },
    { name: "a line more", more: { lines: lockLines(crypto, projectLines(6), REGISTRY) } },
    { name: "a line less", more: { lines: lockLines(crypto, projectLines(4), REGISTRY) } },
  ])("a lockset counts for nothing over $name", ({ more }) => {
    const honest = makeLock(world)
    const lock = { ...honest, ...more }
    const bits = lock.lines.texts.map(() => true)
    expect(opened(world, { ...lock, locksets: honest.locksets.map((one) => ({ ...one, bits })) }).words).toEqual([])
  })
})

describe("opening", () => {
  const lock = makeLock(world)
  const [alpha] = lock.locksets as [Lock["locksets"][number]]
  const changed = (more: Partial<Lock["locksets"][number]>): Lock => ({ ...lock, locksets: [{ ...alpha, ...more }, ...lock.locksets.slice(1)] })
  const bumped = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === 0 ? byte ^ 1 : byte))

  test.each([
    { name: "another index", lock: changed({ index: 3 }), says: "not those that alpha derived" },
    { name: "another time", lock: changed({ time: alpha.time + 1 }), says: "not those that alpha derived" },
    { name: "a time that no statement can hold", lock: changed({ time: -1 }), says: "not those that alpha derived" },
    { name: "another roster version", lock: changed({ roster: 2 }), says: "not those that alpha derived" },
    { name: "other notices heads", lock: changed({ notices: alpha.notices.slice(1) }), says: "not those that alpha derived" },
    { name: "a notices head of another size", lock: changed({ notices: alpha.notices.map((head) => ({ ...head, size: 1 })) }), says: "not those that alpha derived" },
    { name: "a hash of the proof changed", lock: changed({ proof: alpha.proof.map((hash, i) => (i === 0 ? bumped(hash) : hash)) }), says: "not those that alpha derived" },
    { name: "a shorter proof", lock: changed({ proof: alpha.proof.slice(1) }), says: "not those that alpha derived" },
    { name: "another log's name", lock: changed({ log: "beta.example/log" }), says: "no known key signed" },
    { name: "a log that the roster does not have", lock: changed({ log: "evil.example/log" }), says: "has no log" },
    { name: "a head of another root", lock: changed({ checkpoint: alpha.checkpoint.replace(/\n[A-Za-z0-9+/]{4}/, "\nAAAA") }), says: "does not verify" },
    { name: "a head that too few cosigned", lock: changed({ checkpoint: `${alpha.checkpoint.split("\n").slice(0, 6).join("\n")}\n` }), says: "fewer than the witness quorum" },
    { name: "no signature of the log", lock: changed({ checkpoint: alpha.checkpoint.replace(/\n— alpha.*/, "") }), says: "no known key signed" },
  ])("a lockset with $name does not count, and others do", ({ lock: bad, says }) => {
    const result = opened(world, bad)
    expect(result.words.map(({ operator }) => operator)).toEqual(["beta", "gamma", "delta"].sort())
    expect(result.problems[0]?.message).toContain(says)
    expect(codes(offline(result))).toEqual(["warn LOCK_STALE"])
  })
  test("heads ahead of the local clock mean that the clock is behind", () => {
    const ahead = makeLock(world, lines, { alpha: { time: NOW + 1_000 } })
    expect(opened(world, ahead).aheadTime).toBe(NOW + 1_000)
    expect(offline(opened(world, ahead))).toMatchObject({ ok: false, code: "CLOCK_BEHIND" })
  })
  test("a later head does not make an old lockset young", () => {
    const [word] = opened(world, makeLock(world, lines, { alpha: { said: { time: NOW - 40 * DAY } } })).words
    expect(word).toMatchObject({ timeSeconds: NOW - 40 * DAY, checkpointTime: NOW - 60 })
  })
  test("an attester's clock does not make its lockset younger than the head", () => {
    expect(opened(world, makeLock(world, lines, { alpha: { said: { time: NOW + 10 * DAY } } })).words[0]).toMatchObject({ timeSeconds: NOW - 60 })
  })
  test("a lock of another network is no lock of this one", () => {
    const other = opened(world, lock, { network: "00".repeat(32) })
    expect(other).toMatchObject({ words: [], problems: [{ message: expect.stringContaining("another project") }] })
    expect(offline(other)).toMatchObject({ ok: false, code: "LOCK_STALE" })
  })
  test("a log that is proven to have lied does not count", () => {
    expect(opened(world, lock, { lied: new Set([world.nodes[0]?.log.verifier.vkey ?? ""]) }).words).toHaveLength(3)
  })
  test("an older roster than the lock's is a step back", () => {
    expect(opened(world, { ...lock, roster: 2 })).toMatchObject({ words: [], problems: [{ message: expect.stringContaining("under version 2 of the roster and this is version 1") }] })
  })
  test("the floor is also what as many attesters as the threshold followed; fewer do not shut anybody out", () => {
    const said = { roster: 5 }
    expect(opened(world, makeLock(world, lines, { alpha: { said }, beta: { said } })).words).toHaveLength(4)
    expect(opened(world, makeLock(world, lines, { alpha: { said }, beta: { said }, gamma: { said } })).words).toEqual([])
  })
  test("one operator that says it several times is still one", () => {
    const lock = makeLock(world, lines, { alpha: { said: { roster: 5 } }, beta: null })
    const [alpha, ...others] = lock.locksets
    expect(opened(world, { ...lock, locksets: [alpha, alpha, alpha, ...others].flatMap((one) => one ?? []) }).words.map(({ operator }) => operator)).toContain("delta")
    const said = { notices: emptyNotices(world).map((head) => (head.log.startsWith("beta") ? { ...head, size: 9 } : head)) }
    const hiding = makeLock(world, lines, { alpha: { said }, beta: null })
    const [liar, ...rest] = hiding.locksets
    expect(opened(world, { ...hiding, locksets: [liar, liar, liar, ...rest].flatMap((one) => one ?? []) }).notices.get("beta.example/notices")).toBeUndefined()
  })
  test("what a head does not need is left out, and it still opens at the same time", () => {
    const signed = signedHead(world, world.nodes[0]!.log, "alpha", ["x"], { timeOf: { beta: NOW - 10, gamma: NOW - 20, delta: NOW - 30 } })
    const heads = headChecker(crypto, world.roster, NOW)
    const { node, log } = world.nodes[0]!
    const compact = compactHead(heads, node, log.verifier, signed)
    expect(compact.split("\n").filter((line) => line.startsWith("—"))).toHaveLength(3)
    expect(heads.check(node, log.verifier, compact)).toEqual(heads.check(node, log.verifier, signed))
    expect(compactHead(heads, node, log.verifier, "garbage")).toBe("garbage")
  })
})

describe("age", () => {
  const later = NOW + 8 * DAY
  const much = NOW + 31 * DAY
  const old = (now: number): OpenedLock => opened(world, makeLock(world), { now })
  test.each([
    { preset: "recommended", now: later, ok: true, says: [] },
    { preset: "recommended", now: much, ok: true, says: ["warn LOCK_STALE"] },
    { preset: "strict", now: NOW + 6 * DAY, ok: true, says: [] },
    { preset: "strict", now: later, ok: false, says: ["deny LOCK_STALE"] },
    { preset: "observe", now: much, ok: true, says: ["warn LOCK_STALE"] },
  ])("$preset, $now: $ok $says", ({ preset, now, ok, says }) => {
    const verdict = offline(old(now), { now, policy: policy({ preset }) })
    expect(verdict.ok).toBe(ok)
    expect(codes(verdict)).toEqual(says)
  })
  test("the policy's own maxLockAge holds", () => {
    expect(offline(old(later), { now: later, policy: policy({ preset: "strict", maxLockAge: "9d" }) }).ok).toBe(true)
    expect(codes(offline(old(later), { now: later, policy: policy({ maxLockAge: "1d" }) }))).toEqual(["warn LOCK_STALE"])
  })
  test("fresh notices make the age of a lock no matter", () => {
    const evidence = world.nodes.map(({ operator }) => ({ ...evidenceOf(world, operator, { noticesHead: { time: much - 60 } }), batches: [] }))
    expect(offline(old(much), { now: much, evidence, policy: policy({ preset: "strict" }) })).toMatchObject({ ok: true, findings: [] })
  })
})

describe("beside what else is known", () => {
  const lock = opened(world, makeLock(world))
  const mirrored = (operator: string, script: Parameters<typeof evidenceOf>[2] = {}): LogEvidence => ({ ...evidenceOf(world, operator, script), batches: [] })

  test("a withdrawal that the client has seen refuses, whatever the lock says", () => {
    const withdrawal = notice("alpha", { purl: first.facts.purl, sha512: first.facts.sha512 })
    const evidence = world.nodes.map((node) => (node.operator === "alpha" ? { ...mirrored("alpha", { notices: [withdrawal], noticesHead: { time: NOW - 5 * DAY } }), reached: false } : away(node)))
    expect(offline(lock, { evidence })).toMatchObject({ ok: false, code: "WITHDRAWN" })
  })
  test("a node that answered, and wrongly, does not count by the lock", () => {
    const evidence = world.nodes.map((node) => ({ ...away(node), reached: true, failure: { code: "UPSTREAM_FAILED", message: "answered nonsense" } }))
    expect(offline(lock, { evidence }).ok).toBe(false)
  })
  test("a node whose notices do not verify does not count by the lock", () => {
    const evidence = world.nodes.map(({ operator }) => {
      const whole = mirrored(operator)
      return { ...whole, notices: { checkpoint: whole.notices?.checkpoint ?? "", entries: ["{}"] } }
    })
    expect(offline(lock, { evidence }).ok).toBe(false)
  })
  test("a log that misbehaved does not count by the lock", () => {
    const evidence = world.nodes.map((node) => (node.operator === "alpha" || node.operator === "beta" ? { ...away(node), misbehaved: "forked" } : away(node)))
    expect(offline(lock, { evidence })).toMatchObject({ ok: false })
  })
  test("an operator's own statement goes before its word in the lock", () => {
    const evidence = world.nodes.map(({ operator, log }) => evidenceOf(world, operator, { observations: [observationOf(first, log.verifier.name, { sha512: operator === "alpha" ? EVIL : first.facts.sha512 })] }))
    const verdict = offline(lock, { evidence })
    expect(verdict.claims.map(({ operator }) => operator)).toEqual(["beta", "gamma", "delta"])
    expect(codes(verdict)).toEqual(["warn DIGEST_CONFLICT"])
  })
  test("a line with its own proofs counts by them, as fresh as the lock", () => {
    const bits = [false, true, true, true, true]
    const few = opened(world, makeLock(world, lines, { alpha: { bits }, beta: { bits }, gamma: { bits }, delta: { bits } }))
    const proofs = world.nodes.map(({ operator, log }) => ({ ...evidenceOf(world, operator, { observations: [observationOf(first, log.verifier.name)] }), notices: undefined, reached: false }) as unknown as LogEvidence)
    expect(offline(few, { evidence: proofs })).toMatchObject({ ok: true, findings: [] })
    expect(offline(few, { evidence: proofs, request: { ...REQUEST, purl: "pkg:npm/other@1.0.0" } }).ok).toBe(false)
  })
  test("notices that are fewer than the lock's attesters knew, under a later head, are hidden ones", () => {
    const root = rootOfLeaves(crypto, [leafHash(crypto, utf8Encode("withdrawn"))])
    const said = { notices: emptyNotices(world).map((head) => (head.log.startsWith("alpha") ? { ...head, size: 1, root } : head)) }
    const floor = opened(world, makeLock(world, lines, { alpha: { said } }))
    const evidence = world.nodes.map(({ operator }) => mirrored(operator))
    const verdict = offline(floor, { evidence })
    expect(verdict.claims.map(({ operator }) => operator)).toEqual(["beta", "gamma", "delta"])
    expect(codes(verdict)).toEqual(["warn PROOF_INVALID"])
    const older = world.nodes.map(({ operator }) => mirrored(operator, { noticesHead: { time: NOW - 100 } }))
    expect(codes(offline(floor, { evidence: older }))).toEqual([])
  })
  test("one operator's word about another's notices shuts nobody out", () => {
    const said = { notices: emptyNotices(world).map((head) => (head.log.startsWith("beta") ? { ...head, size: 9 } : head)) }
    expect(opened(world, makeLock(world, lines, { alpha: { said } })).notices.get("beta.example/notices")?.size).toBe(0)
  })
})

test("a lockset of a retired log counts up to its last head", () => {
  const [{ operator, log, node }] = world.nodes as [WorldNode]
  const next = signerFromSeed("alpha.example/log-2", KEY_TYPE.ed25519, new Uint8Array(32).fill(77))
  const honest = makeLock(world)
  const final = (size: number): string => signedHead(world, log, operator, Array.from({ length: size }, (_, i) => `entry ${i}`))
  const handedOver = (size: number): World => {
    const retired = [{ log: log.verifier.vkey, final: final(size) }]
    const document = JSON.parse(world.rosterText) as { nodes: Record<string, unknown>[]; policy: string }
    const text = JSON.stringify({ ...document, policy: document.policy.replace(log.verifier.vkey, next.verifier.vkey), nodes: document.nodes.map((one, i) => (i === 0 ? { ...one, log: next.verifier.vkey, retired } : one)) })
    return { ...world, roster: parseRoster(crypto, text) }
  }
  expect(node.log.vkey).toBe(log.verifier.vkey)
  expect(opened(handedOver(6), honest).words[0]).toMatchObject({ operator, origin: "alpha.example/log", log: "alpha.example/log-2" })
  expect(opened(handedOver(5), honest).problems[0]?.message).toContain("expected at most 5")
})

test("every byte of the proofs matters", () => {
  const text = formatLock(makeLock(world, lines, { gamma: null, delta: null }))
  const whole = opened(world, parseLock(crypto, text)).words.length
  const start = text.indexOf("\n\n") + 2
  for (let i = start; i < text.length; i += 7) {
    const code = text.charCodeAt(i)
    const next = String.fromCharCode(code === 0x7a ? 0x79 : code + 1)
    let words = 0
    try {
      words = opened(world, parseLock(crypto, text.slice(0, i) + next + text.slice(i + 1))).words.length
    } catch (error) {
      expect(error, `byte ${i}`).toMatchObject({ code: "LOCK_MALFORMED" })
    }
    // A witness's cosignature may be spoilt and leave the quorum standing; the lockset of whoever it was then has the time of the others.
    if (words === whole) expect(text.slice(text.lastIndexOf("\n", i - 1) + 1, i + 1), `byte ${i}`).toMatch(/^signed /)
  }
})

test("statements with a line's bits are never taken for observations", () => {
  const honest = makeLock(world)
  const { log, node } = world.nodes[0] as WorldNode
  expect(node.log.name).toBe(log.verifier.name)
  const entry = formatObservation(observationOf(first, log.verifier.name))
  const entries = ["a", entry]
  const leaves = entries.map((text) => leafHash(crypto, utf8Encode(text)))
  const { checkpoint: _, ...rest } = locksetBy(world, "alpha", honest)
  const lock = { ...honest, locksets: [{ ...rest, index: 1, checkpoint: signedHead(world, log, "alpha", entries), proof: proveInclusion(crypto, nodeReaderFromLeaves(crypto, leaves), { index: 1, size: 2 }) }] }
  expect(opened(world, lock).words).toEqual([])
  expect(lockRoot(crypto, honest.lines)).toHaveLength(32)
})
