/**
 * One row, one way for a node to answer wrongly. With one such node of four the install goes on and the node is named; with two, the threshold
 * of three is out of reach and everything is refused, with the same reason in the finding.
 */
import type { EvidenceAnswer, EvidenceRequest } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import type { FakeNode } from "./support/network.ts"
import { notice, observation, sha512Of } from "./support/statements.ts"
import { makeWorld, outcome, said, type World } from "./support/world.ts"

interface Row {
  readonly name: string
  /** Makes a node bad. */
  readonly spoil: (node: FakeNode, world: World) => void
  /** Code of the refusal where two nodes do it. */
  readonly code: string
  /** In the finding. */
  readonly says: string
}

const edit = (change: (answer: EvidenceAnswer, request: EvidenceRequest, node: FakeNode, world: World) => EvidenceAnswer): Row["spoil"] => (node, world) => {
  node.edit = (answer, request) => change(answer, request, node, world)
}
const log = (change: (log: EvidenceAnswer["log"]) => Partial<EvidenceAnswer["log"]>): Row["spoil"] =>
  edit((answer) => ({ ...answer, log: { ...answer.log, ...change(answer.log) } }))
const notices = (change: (notices: EvidenceAnswer["notices"], node: FakeNode) => Partial<EvidenceAnswer["notices"]>): Row["spoil"] =>
  edit((answer, _request, node) => ({ ...answer, notices: { ...answer.notices, ...change(answer.notices, node) } }))
const flip = (bytes: Uint8Array | undefined): Uint8Array => Uint8Array.from(bytes ?? [], (byte, i) => (i === 7 ? byte ^ 1 : byte))
const swapSignature = (note: string): string => note.replace(/(— [^ ]+ )(.)/, (_, start: string, letter: string) => start + (letter === "A" ? "B" : "A"))

const ROWS: readonly Row[] = [
  { name: "talks rubbish", spoil: (node) => { node.mode = "rubbish" }, code: "PROOF_INVALID", says: "answered with what cannot be read: evidence answer" },
  { name: "sends a gigantic body", spoil: (node) => { node.mode = "gigantic" }, code: "PROOF_INVALID", says: "answer is larger than 67108864 bytes" },
  { name: "is dead", spoil: (node) => { node.mode = "dead" }, code: "UNREACHABLE", says: "connection refused" },
  { name: "stalls", spoil: (node) => { node.mode = "stalled" }, code: "UNREACHABLE", says: "no whole answer within" },
  { name: "fails", spoil: (node) => { node.mode = "status 500" }, code: "UNREACHABLE", says: "status 500" },
  { name: "head signed by nobody", spoil: log(({ checkpoint }) => ({ checkpoint: swapSignature(checkpoint) })), code: "PROOF_INVALID", says: "answered with a head that is not its log's" },
  { name: "head of another log", spoil: edit((answer, _request, node, world) => ({ ...answer, log: { ...answer.log, checkpoint: other(node, world).log.head(1_800_000_000) } })), code: "PROOF_INVALID", says: "answered with a head that is not its log's" },
  { name: "head that is no note", spoil: log(() => ({ checkpoint: "hello" })), code: "PROOF_INVALID", says: "note: has no newline at its end" },
  { name: "head without cosignatures", spoil: log(({ checkpoint }) => ({ checkpoint: checkpoint.split("\n").slice(0, 5).join("\n") + "\n" })), code: "PROOF_INVALID", says: "fewer than the witness quorum" },
  { name: "entry changed", spoil: log(({ entries }) => ({ entries: entries.map((entry) => entry.replace("somebody", "somebodx")) })), code: "PROOF_INVALID", says: "does not verify" },
  { name: "proof hash flipped", spoil: log(({ proof }) => ({ proof: [flip(proof[0]), ...proof.slice(1)] })), code: "PROOF_INVALID", says: "does not verify" },
  { name: "proof hash missing", spoil: log(({ proof }) => ({ proof: proof.slice(1) })), code: "PROOF_INVALID", says: "does not verify" },
  { name: "proof hash too many", spoil: log(({ proof }) => ({ proof: [...proof, new Uint8Array(32)] })), code: "PROOF_INVALID", says: "does not verify" },
  { name: "index moved", spoil: edit((answer) => ({ ...answer, log: { ...answer.log, indices: [0] }, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, indices: [0] })) })), code: "PROOF_INVALID", says: "does not verify" },
  { name: "half a surrogate pair in an entry", spoil: log(({ entries }) => ({ entries: entries.map((entry) => entry.replace("somebody", "\ud800")) })), code: "PROOF_INVALID", says: "text that is no Unicode" },
  { name: "half a surrogate pair in a notice", spoil: notices(() => ({ entries: ["\udc00"] })), code: "PROOF_INVALID", says: "text that is no Unicode" },
  { name: "answers about another artifact", spoil: edit((answer) => ({ ...answer, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, purl: "pkg:npm/other@1.0.0" })) })), code: "PROOF_INVALID", says: "artifact 0 is another one" },
  { name: "answers about fewer artifacts", spoil: edit((answer) => ({ ...answer, artifacts: [] })), code: "PROOF_INVALID", says: "0 artifacts, expected 1" },
  { name: "refers to entries that are not there", spoil: edit((answer) => ({ ...answer, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, indices: [99] })) })), code: "PROOF_INVALID", says: "refers to entries that are not there" },
  { name: "sends entries that are about nothing that was asked", spoil: edit((answer) => ({ ...answer, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, indices: [] })) })), code: "PROOF_INVALID", says: "1 entries that are about none of the artifacts" },
  { name: "sends bodies that no entry can name", spoil: log(() => ({ bodies: ["a", "b"] })), code: "PROOF_INVALID", says: "2 bodies beside 1 entries" },
  { name: "says observed and shows nothing", spoil: edit((answer) => ({ ...answer, log: { ...answer.log, indices: [], entries: [], proof: [] }, artifacts: answer.artifacts.map((artifact) => ({ ...artifact, indices: [] })) })), code: "NOT_VOUCHED", says: "has no statement about it" },
  { name: "observed other bytes", spoil: (node) => { node.lies = new Map([["https://registry.example/\npkg:npm/victim@1.0.0", sha512Of("evil")]]) }, code: "DIGEST_CONFLICT", says: "different bytes" },
  {
    name: "statement bound to another log", code: "PROOF_INVALID", says: "bound to another log",
    spoil: (node, world) => void node.log.entries.splice(1, Number.POSITIVE_INFINITY, observation(other(node, world).log.signer.verifier.name, "pkg:npm/victim@1.0.0", sha512Of("bytes of victim"))),
  },
  { name: "notices withheld: fewer than under the head", spoil: withNotice(notices(() => ({ entries: [] }))), code: "NOTICES_STALE", says: "stop at 0 of 1" },
  { name: "notices replaced", spoil: withNotice(notices((_, node) => ({ entries: [notice(node.place.notices.name, "pkg:npm/other@1.0.0", sha512Of("x"))] }))), code: "NOTICES_STALE", says: "are not those under the signed head" },
  { name: "notices of the whole past where none were asked for", spoil: withNotice(notices(() => ({ from: 5 }))), code: "NOTICES_STALE", says: "begin at 5, expected 0" },
  { name: "notices head signed by nobody", spoil: notices(({ checkpoint }) => ({ checkpoint: swapSignature(checkpoint) })), code: "NOTICES_STALE", says: "no known key signed this note" },
  { name: "notices head of the other log", spoil: notices((_, node) => ({ checkpoint: node.log.head(1_800_000_000) })), code: "NOTICES_STALE", says: "no known key signed this note" },
  { name: "more notices than the head has", spoil: notices((_, node) => ({ entries: [notice(node.place.notices.name, "pkg:npm/other@1.0.0", sha512Of("x"))] })), code: "NOTICES_STALE", says: "1 entries under a head of 0" },
]

function other(node: FakeNode, world: World): FakeNode {
  return world.network.nodes.find((candidate) => candidate !== node) as FakeNode
}

function withNotice(spoil: Row["spoil"]): Row["spoil"] {
  return (node, world) => {
    node.notices.entries.push(notice(node.place.notices.name, "pkg:npm/unrelated@1.0.0", sha512Of("unrelated")))
    spoil(node, world)
  }
}

/** A network that has seen another package already, so that proofs are not empty. */
async function prepared(): Promise<World> {
  const world = makeWorld()
  await world.check(world.publish("earlier"))
  for (const node of world.network.nodes) node.requests = []
  world.state.heads.clear()
  world.state.mirrors.clear()
  world.cache.files.clear()
  return world
}

describe.each(ROWS)("a node that: $name", ({ spoil, code, says }) => {
  test("one of four: allowed by the three others, and named", async () => {
    const world = await prepared()
    spoil(world.network.node("delta"), world)
    const { verdicts, failures } = await world.check(world.publish("victim"))
    expect(outcome(verdicts[0])).toBe("allowed")
    expect(verdicts[0]?.claims.map(({ operator }) => operator)).toEqual(["alpha", "bravo", "charlie"])
    // Silence needs no naming: it could as well be a node that was not asked yet.
    if (code !== "NOT_VOUCHED") expect(`${said(verdicts[0])}\n${failures.map(({ operator, message }) => `${operator} ${message}`).join("\n")}`).toContain("delta")
  })

  test(`two of four: ${code}`, async () => {
    const world = await prepared()
    for (const operator of ["charlie", "delta"]) spoil(world.network.node(operator), world)
    const { verdicts } = await world.check(world.publish("victim"))
    expect(outcome(verdicts[0])).toBe(code)
    expect(said(verdicts[0])).toContain(says)
  })

  test("all four: refused", async () => {
    const world = await prepared()
    for (const node of world.network.nodes) spoil(node, world)
    const { verdicts } = await world.check(world.publish("victim"))
    expect(verdicts[0]?.ok).toBe(false)
  })
})

describe("in the second request of many", () => {
  test.each(["rubbish", "dead", "stalled"] as const)("%s: the first two thousand count, the rest does not", async (mode) => {
    const world = makeWorld({ operators: 2, threshold: 2 })
    const bravo = world.network.node("bravo")
    bravo.edit = (answer) => {
      bravo.mode = mode
      return answer
    }
    const requests = Array.from({ length: 2_001 }, (_, i) => world.publish(`p${i}`))
    const { verdicts } = await world.check(...requests)
    expect(verdicts.filter(({ ok }) => ok).length).toBe(2_000)
    expect(outcome(verdicts[2_000])).toBe(mode === "rubbish" ? "PROOF_INVALID" : "UNREACHABLE")
  })
})

test.each(["rubbish", "stalled", "status 500"] as const)("a node that answers the first of three requests with %s is spared the others", async (mode) => {
  const world = makeWorld({ operators: 2 })
  world.network.node("bravo").mode = mode
  await world.check(...Array.from({ length: 4_100 }, (_, i) => world.publish(`p${i}`)))
  expect(world.network.sent.filter(({ url }) => url.startsWith("http://bravo")).length).toBe(1)
})
