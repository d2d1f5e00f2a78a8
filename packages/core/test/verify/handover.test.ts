import { describe, expect, test } from "vitest"
import {
  applyHandover, formatHandover, formatObservation, formatRoster, type Handover, KEY_TYPE, type LogEvidence, makeHandover, parseCheckpoint, parseHandover, parseNote, parseRoster, type Roster, type Signer, signerFromSeed,
} from "../../src/index.ts"
import { crypto, EVIL, evidenceOf, formatRebuild, type HeadOptions, judge, makeWorld, type NodeScript, NOW, observation, rebuild, signedHead, type World } from "./world.ts"

const world = makeWorld()
const [alpha, beta] = world.nodes
if (alpha === undefined || beta === undefined) throw new TypeError("world is empty")

const signer = (name: string, type: number, seed: number): Signer => signerFromSeed(name, type, new Uint8Array(32).fill(seed))
const next = {
  log: signer("alpha.example/log/2", KEY_TYPE.ed25519, 101), notices: signer("alpha.example/notices/2", KEY_TYPE.ed25519, 102), witness: signer("alpha.example/witness/2", KEY_TYPE.cosignatureEd25519, 103),
}
const to = { log: next.log.verifier, notices: next.notices.verifier, witness: next.witness.verifier }
const ENTRIES = [formatObservation(observation(alpha.log.verifier.name)), "second", "third"]

interface Change {
  readonly said?: Partial<Handover>
  readonly old?: readonly [Signer, Signer]
  readonly next?: Signer
  readonly head?: HeadOptions
}

function handover({ said = {}, head, ...signers }: Change = {}): Handover {
  return makeHandover({
    operator: "alpha", time: NOW, from: { log: alpha!.log.verifier, notices: alpha!.notices.verifier, witness: alpha!.witness.verifier }, to,
    final: { log: signedHead(world, alpha!.log, "alpha", ENTRIES, head), notices: signedHead(world, alpha!.notices, "alpha", [], head) }, ...said,
  }, { old: signers.old ?? [alpha!.log, alpha!.notices], next: signers.next ?? next.log })
}

const after = (given = handover()): string => applyHandover(crypto, world.rosterText, parseHandover(crypto, formatHandover(given)), NOW)

describe("a hand-over", () => {
  test("replaces the keys of its node, keeps the rest, and retires the old log", () => {
    const roster = parseRoster(crypto, after())
    expect(roster.version).toBe(world.roster.version + 1)
    expect(roster.nodes[0]).toMatchObject({ operator: "alpha", log: to.log, notices: to.notices, witness: to.witness, retired: [{ log: alpha!.log.verifier, size: 3 }] })
    expect(roster.nodes.slice(1)).toEqual(world.roster.nodes.slice(1))
    expect(roster.policy.groups).toEqual(world.roster.policy.groups)
    expect(formatRoster(roster.nodes, roster.registries, { version: roster.version })).toBe(after())
  })
  test("twice in a row keeps both logs", () => {
    const third = { log: signer("alpha.example/log/3", KEY_TYPE.ed25519, 111), notices: signer("alpha.example/notices/3", KEY_TYPE.ed25519, 112), witness: signer("alpha.example/witness/3", KEY_TYPE.cosignatureEd25519, 113) }
    const again = makeHandover({
      operator: "alpha", time: NOW, from: to, to: { log: third.log.verifier, notices: third.notices.verifier, witness: third.witness.verifier },
      final: { log: signedHead(world, next.log, "alpha", ["x"]), notices: signedHead(world, next.notices, "alpha", []) },
    }, { old: [next.log, next.notices], next: third.log })
    const roster = parseRoster(crypto, applyHandover(crypto, after(), parseHandover(crypto, formatHandover(again)), NOW))
    expect(roster.nodes[0]?.retired?.map(({ log }) => log.name)).toEqual(["alpha.example/log", "alpha.example/log/2"])
  })
  test("is no checkpoint", () => expect(() => parseCheckpoint(parseNote(handover().note).text)).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED" })))
  test.each<[string, () => unknown, string]>([
    ["that the old log did not sign", () => after(handover({ old: [beta.log, alpha.notices] })), "NOTE_UNVERIFIED"],
    ["that the old notices log did not sign", () => after(handover({ old: [alpha.log, beta.notices] })), "NOTE_UNVERIFIED"],
    ["that the new log did not sign", () => after(handover({ next: beta.log })), "NOTE_UNVERIFIED"],
    ["with a head of another log", () => after(handover({ said: { final: { log: signedHead(world, beta.log, "beta", ENTRIES), notices: signedHead(world, alpha.notices, "alpha", []) } } })), "NOTE_UNVERIFIED"],
    ["whose document holds another head than was signed", () => parseHandover(crypto, formatHandover({ ...handover(), final: { log: signedHead(world, alpha.log, "alpha", ["other"]), notices: handover().final.notices } })), "ROSTER_MALFORMED"],
    ["whose last head no quorum cosigned", () => after(handover({ head: { by: ["beta"] } })), "ROSTER_MALFORMED"],
    ["of a log that the roster does not have", () => applyHandover(crypto, after(), parseHandover(crypto, formatHandover(handover())), NOW), "ROSTER_MALFORMED"],
    ["of another operator's name", () => after(handover({ said: { operator: "beta" } })), "ROSTER_MALFORMED"],
    ["with another witness than the roster's", () => after(handover({ said: { from: { log: alpha.log.verifier, notices: alpha.notices.verifier, witness: beta.witness.verifier } } })), "ROSTER_MALFORMED"],
    ["to a key that somebody has", () => after(handover({ said: { to: { ...to, notices: beta.notices.verifier } } })), "ROSTER_MALFORMED"],
    ["to its own old key", () => after(handover({ said: { to: { ...to, witness: alpha.witness.verifier } } })), "ROSTER_MALFORMED"],
    ["with a key of another type", () => after(handover({ said: { to: { ...to, witness: to.notices } } })), "ROSTER_MALFORMED"],
    ["with a member too many", () => parseHandover(crypto, formatHandover(handover()).replace("{", '{"extra":1,')), "ROSTER_MALFORMED"],
    ["with a line too many", () => parseHandover(crypto, formatHandover(handover()).replace("time ", "time  ")), "DECIMAL_MALFORMED"],
  ])("%s is refused", (_, attempt, code) => expect(attempt).toThrow(expect.objectContaining({ code })))
})

describe("a roster's retired log", () => {
  const edit = (change: (retired: any[], node: any) => void): string => {
    const document = JSON.parse(after()) as { nodes: { retired: any[] }[] }
    change(document.nodes[0]!.retired, document.nodes[0])
    return JSON.stringify(document)
  }
  test.each<[string, string]>([
    ["whose last head another log signed", edit(([one]) => { one.final = signedHead(world, beta.log, "beta", ENTRIES) })],
    ["whose last head is none", edit(([one]) => { one.final = "x" })],
    ["under the present log's name", edit((retired) => { retired.push({ log: to.log.vkey, final: signedHead(world, next.log, "alpha", []) }) })],
    ["twice", edit((retired) => { retired.push(retired[0]) })],
    ["with a member too many", edit(([one]) => { one.until = 1 })],
    ["17 times", edit((_, node) => { node.retired = Array.from({ length: 17 }, () => node.retired[0]) })],
  ])("%s is refused", (_, text) => expect(() => parseRoster(crypto, text)).toThrow(expect.objectContaining({ code: "ROSTER_MALFORMED" })))
})

describe("evidence after a hand-over", () => {
  const roster = parseRoster(crypto, after())
  // The other nodes' witnesses are unchanged; alpha's own never counted for its logs, and its new one cosigns theirs.
  const present: World = { ...world, roster, nodes: world.nodes.map((node) => (node === alpha ? { ...node, log: next.log, notices: next.notices, witness: next.witness, node: roster.nodes[0]! } : node)) }
  const silent: NodeScript = { observations: [] }
  const decide = (evidence: Partial<Record<string, LogEvidence | NodeScript>>, given: Roster = roster) => judge({ ...present, roster: given }, { beta: silent, ...evidence } as Record<string, NodeScript>)
  /** What alpha's new node says, with statements of the old log from a cache beside it. */
  const withOld = (head: HeadOptions & { readonly entries?: readonly string[] } = {}, fresh: NodeScript = silent): LogEvidence => {
    const now = evidenceOf(present, "alpha", { ...fresh, ...(fresh.observations === undefined ? {} : { observations: fresh.observations }) })
    const old = evidenceOf({ ...present, nodes: present.nodes.map((node) => (node.operator === "alpha" ? { ...node, log: alpha!.log } : node)) }, "alpha", {
      entries: head.entries ?? [formatObservation(observation(alpha!.log.verifier.name))], logHead: head,
    })
    return { ...now, batches: [...old.batches, ...now.batches] }
  }
  // The honest evidence of the old log has six entries.
  const retiredAt = (size: number): Roster => ({ ...roster, nodes: roster.nodes.map((node) => (node.operator === "alpha" ? { ...node, retired: [{ ...node.retired![0]!, size }] } : node)) })

  test("the old log's statements count, and the claim names the log that they stand in", () => {
    const verdict = decide({ alpha: withOld() }, retiredAt(6))
    expect(verdict).toMatchObject({ ok: true, findings: [] })
    expect(verdict.claims.find(({ operator }) => operator === "alpha")).toMatchObject({ origin: alpha.log.verifier.name, index: 3 })
  })
  test("they count once beside the new log's", () => {
    const verdict = decide({ alpha: withOld({}, { observations: [observation(to.log.name)] }) }, retiredAt(6))
    expect(verdict.claims.map(({ operator }) => operator)).toEqual(["alpha", "gamma", "delta"])
  })
  test("where they differ from the new log's, the new log's stand", () => {
    const old = { entries: [formatObservation(observation(alpha.log.verifier.name, { sha512: EVIL }))] }
    expect(decide({ alpha: withOld(old, { observations: [observation(to.log.name)] }) }, retiredAt(6))).toMatchObject({ ok: true })
    expect(decide({ alpha: withOld({}, { observations: [observation(to.log.name, { sha512: EVIL })] }) }, retiredAt(6))).toMatchObject({ ok: false })
  })
  test.each<[string, () => LogEvidence, Roster]>([
    ["under a head that is later than the last", () => withOld(), retiredAt(5)],
    ["of a log that the roster does not name", () => withOld(), world.roster === roster ? roster : { ...roster, nodes: roster.nodes.map(({ retired: _, ...node }) => node) }],
    ["under a head that no quorum cosigned", () => withOld({ by: ["beta"] }), retiredAt(6)],
    ["that are bound to the new log", () => withOld({ entries: [formatObservation(observation(to.log.name))] }), retiredAt(6)],
    ["that are rebuilds and not observations", () => withOld({ entries: [formatRebuild(rebuild(alpha.log.verifier.name))] }), retiredAt(6)],
  ])("statements %s do not", (_, evidence, given) => {
    const verdict = decide({ alpha: evidence() }, given)
    expect(verdict).toMatchObject({ ok: false })
    expect(verdict.claims.map(({ operator }) => operator)).not.toContain("alpha")
  })
})
