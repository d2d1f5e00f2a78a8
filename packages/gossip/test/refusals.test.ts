import { formatMisbehavior, type JsonObject, type JsonValue, canonicalize, parseCanonicalJson, utf8Decode, utf8Encode, VouchsafeError, buildForkProof } from "@vouchsafe/core"
import { beforeEach, describe, expect, test } from "vitest"
import {
  formatMessage, GOSSIP_KINDS, GOSSIP_MESSAGE_BYTES_MAX, type GossipKind, type GossipMessage, type GossipOutcome, MESSAGES_PER_ORIGIN, MESSAGES_PER_PEER, parseMessage, signAnnouncement, TOPICS,
} from "../src/index.ts"
import { crypto, history, makeNode, memoryNetwork, NAMES, noticeMessage, noticeOf, NOW, operatorOf, stateOf, stranger, virtualTime, whenDiskIsFull } from "./support.ts"

const delta = operatorOf("delta")
const origin = delta.log.verifier.name
const trunk = history(delta.log)
const fork = history(delta.log, "fork", 3)
const announcement = { origin, size: 7, purls: ["pkg:npm/left-pad@1.3.0", "pkg:npm/%40scope/x@2.0.0"] }
const notices = [0, 1, 2].map((i) => noticeOf(delta.notices.verifier.name, { reason: `reason ${i}` }))

/** Only what convicts: cosignatures beside the log's own words prove nothing, so changing one would change nothing. */
function forkDocument(): string {
  const proof = buildForkProof(crypto, { key: delta.log.verifier, older: trunk.head(5, []), newer: fork.head(5, []), consistency: [] })
  if (proof === undefined) throw new TypeError("no proof")
  return formatMisbehavior(proof)
}

/** One good message of each kind. */
const GOOD: Readonly<Record<GossipKind, GossipMessage>> = {
  head: { kind: "head", origin, checkpoint: trunk.head(5, ["alpha", "bravo", "charlie"]) },
  statements: signAnnouncement(delta.log, announcement),
  notice: { kind: "notice", ...noticeMessage(delta.notices, notices, 1) },
  misbehavior: { kind: "misbehavior", proof: forkDocument() },
}

async function listening(more: Parameters<typeof makeNode>[1] = {}) {
  const network = memoryNetwork()
  const time = virtualTime()
  const node = await makeNode("alpha", { network, time, ...more })
  const send = async (kind: GossipKind, bytes: Uint8Array, from = "peer"): Promise<GossipOutcome | undefined> => {
    const before = node.outcomes.length
    network.inject("alpha", from, TOPICS[kind], bytes)
    await network.settle()
    return node.outcomes[before]?.[1]
  }
  return { node, send, time, network }
}

describe.each(GOSSIP_KINDS)("%s", (kind) => {
  const bytes = formatMessage(GOOD[kind])
  test("a good one is accepted once, and then known", async () => {
    const { node, send } = await listening()
    expect(await send(kind, bytes)).toBe("accepted")
    expect(await node.gossip.offer(kind, "other", GOOD[kind])).toBe("known")
    expect(node.transport.faults).toEqual([])
    expect(parseMessage(kind, bytes)).toEqual(GOOD[kind])
  })
  test("mutated field by field: never accepted, no state changed", async () => {
    const { node, send } = await listening()
    const before = stateOf(node)
    const document = parseCanonicalJson(utf8Decode(bytes)) as JsonObject
    let tried = 0
    for (const mutant of mutants(document)) {
      const outcome = await send(kind, utf8Encode(canonicalize(mutant)), `peer ${tried % 50}`)
      expect(["malformed", "forged", "stranger"], JSON.stringify(mutant).slice(0, 300)).toContain(outcome)
      tried += 1
    }
    expect(tried).toBeGreaterThan(20)
    expect(stateOf(node)).toEqual(before)
    expect(await send(kind, bytes)).toBe("accepted")
  })
  test.each<[string, (text: string) => string]>([
    ["white space", (text) => text.replace(":", ": ")], ["a newline at the end", (text) => `${text}\n`], ["other order", (text) => text.replace(/^\{("[a-z]+":"[^"]*"),(.*)\}$/s, "{$2,$1}")],
    ["a member twice", (text) => text.replace("{", '{"format":"vouchsafe-gossip/v1",')], ["a needless escape", (text) => text.replace("vouchsafe-gossip", "\\u0076ouchsafe-gossip")],
    ["cut", (text) => text.slice(0, -1)], ["no object", () => "[]"], ["nothing", () => ""], ["no JSON", () => "{"], ["deep", () => `${"[".repeat(100)}${"]".repeat(100)}`],
  ])("another spelling (%s) is malformed and held against the peer", async (_, change) => {
    const { node, send } = await listening()
    const before = stateOf(node)
    const other = change(utf8Decode(bytes))
    expect(other).not.toBe(utf8Decode(bytes))
    expect(await send(kind, utf8Encode(other))).toBe("malformed")
    expect(node.transport.rejected).toEqual(["peer"])
    expect(stateOf(node)).toEqual(before)
  })
  test("no UTF-8, and too large", async () => {
    const { node, send } = await listening()
    expect(await send(kind, Uint8Array.of(...bytes, 0xff))).toBe("malformed")
    expect(await send(kind, new Uint8Array(GOSSIP_MESSAGE_BYTES_MAX + 1).fill(0x20))).toBe("malformed")
    expect(node.transport.rejected).toEqual(["peer", "peer"])
  })
  test.each(GOSSIP_KINDS.filter((other) => other !== kind))("on the topic of %s it is malformed", async (other) => {
    const { send } = await listening()
    expect(await send(other, bytes)).toBe("malformed")
  })
  test("a disk that is full: not accepted, told, and a proof counts all the same", async () => {
    whenDiskIsFull(() => new VouchsafeError("DISK", "no space"))
    const { node, send } = await listening()
    node.disk.broken = true
    const outcome = await send(kind, bytes)
    if (kind === "head" || kind === "misbehavior") {
      expect(outcome).toBe("failed")
      expect(node.failures).toEqual([`take in ${kind}`])
    }
    expect(node.convictions.has(delta.log.verifier.vkey)).toBe(kind === "misbehavior")
    expect(node.transport.faults).toEqual([])
  })
})

/** Every value of a document changed in several ways, every member left out, one added. */
function* mutants(document: JsonObject): Iterable<JsonObject> {
  yield { ...document, extra: 1 }
  for (const [key, value] of Object.entries(document)) {
    const { [key]: _, ...rest } = document
    yield rest
    for (const other of mutations(value)) yield { ...document, [key]: other }
  }
}

function* mutations(value: JsonValue): Iterable<JsonValue> {
  yield null
  if (typeof value === "string") {
    yield 1
    yield ""
    yield `${value}x`
    const step = Math.max(1, Math.floor(value.length / 40))
    for (let i = 0; i < value.length; i += step) {
      yield value.slice(0, i) + (value[i] === "q" ? "r" : "q") + value.slice(i + 1)
    }
    yield value.slice(0, -1)
  } else if (typeof value === "number") {
    for (const other of [value + 1, -1, 0.5, String(value), 2 ** 53]) yield other
  } else if (Array.isArray(value)) {
    const list = value as readonly JsonValue[]
    yield [...list, ...list]
    yield list.slice(1)
    yield list.toReversed()
    for (const [i, one] of list.entries()) for (const other of mutations(one)) yield [...list.slice(0, i), other, ...list.slice(i + 1)]
  }
}

describe("heads", () => {
  const send = async (checkpoint: string, of = origin): Promise<[GossipOutcome, number]> => {
    const { node, send: inject } = await listening()
    const outcome = await inject("head", formatMessage({ kind: "head", origin: of, checkpoint }))
    return [outcome as GossipOutcome, node.gossip.heads().length]
  }
  const good = trunk.head(5, ["alpha", "bravo"])
  const linesOf = (note: string): string[] => note.slice(note.indexOf("\n\n") + 2).trimEnd().split("\n")
  const textOf = (note: string): string => note.slice(0, note.indexOf("\n\n") + 2)
  test.each<[string, string, GossipOutcome]>([
    ["signed by somebody else", history(operatorOf("bravo").log).head(5), "stranger"],
    ["with a quorum too small", trunk.head(5, ["alpha"]), "uncounted"],
    ["with the log's own witness to make a quorum", trunk.head(5, ["alpha", "delta"]), "uncounted"],
    ["with cosignatures from the future", trunk.head(5, ["alpha", "bravo"], NOW + 301), "uncounted"],
    ["without a cosignature", trunk.head(5, []), "uncounted"],
    ["with a stranger's line", `${good}${linesOf(history(stranger.log).head(5, []))[0] ?? ""}\n`, "stranger"],
    ["with a line twice", `${good}${linesOf(good)[1] ?? ""}\n`, "malformed"],
    ["with another head's cosignature", `${textOf(good)}${linesOf(good)[0] ?? ""}\n${linesOf(trunk.head(6, ["alpha"]))[1] ?? ""}\n`, "forged"],
    ["with another head's signature", `${textOf(good)}${linesOf(trunk.head(6))[0] ?? ""}\n`, "forged"],
    ["without the log's signature", `${textOf(good)}${linesOf(good)[1] ?? ""}\n`, "forged"],
    ["that is no note", "5", "malformed"],
  ])("%s: not kept", async (_, checkpoint, says) => expect(await send(checkpoint)).toEqual([says, 0]))
  test("of a log that the roster does not have: ignored, nobody's fault", async () => {
    expect(await send(history(stranger.log).head(5), stranger.log.verifier.name)).toEqual(["stranger", 0])
  })
  test("of a witness's name, as if it were a log", async () => {
    expect(await send(good, delta.witness.verifier.name)).toEqual(["stranger", 0])
  })
})

test("forged words are lies, and strangers' are not", async () => {
  const { node, send } = await listening()
  const wrong = signAnnouncement(operatorOf("bravo").log, announcement)
  expect(await send("statements", formatMessage(wrong))).toBe("forged")
  expect(node.transport.faults).toEqual([{ peer: "peer", fault: "lied" }])
  expect(await send("statements", formatMessage(signAnnouncement(stranger.log, { ...announcement, origin: stranger.log.verifier.name })))).toBe("stranger")
  expect(await send("misbehavior", formatMessage({ kind: "misbehavior", proof: forkDocument().replace(/"newer": ".*"/, (line) => line.replace("newer", "older")).replace("older", "newer") }))).toBe("malformed")
  expect(node.transport.faults).toHaveLength(1)
})

test.each([
  ["of a notices log", { ...announcement, origin: delta.notices.verifier.name }, delta.notices],
])("an announcement of statements %s is a stranger's", async (_, what, signer) => {
  const { send } = await listening()
  expect(await send("statements", formatMessage(signAnnouncement(signer, what)))).toBe("stranger")
})

describe("sequence", () => {
  test("announcements of statements go forward only", async () => {
    const { node, send } = await listening()
    const sizes = [7, 9, 8, 9, 10]
    const outcomes = []
    for (const size of sizes) outcomes.push(await send("statements", formatMessage(signAnnouncement(delta.log, { ...announcement, size, purls: [`pkg:npm/p@${size}.0.0`] }))))
    expect(outcomes).toEqual(["accepted", "accepted", "known", undefined, "accepted"])
    expect(node.heard.purls).toEqual(["pkg:npm/p@7.0.0", "pkg:npm/p@9.0.0", "pkg:npm/p@10.0.0"])
  })
  test("a notice is told once, under whatever head it comes", async () => {
    const { node } = await listening()
    expect(await node.gossip.announceNotice(noticeMessage(delta.notices, notices, 1))).toBe("accepted")
    expect(await node.gossip.announceNotice(noticeMessage(delta.notices, notices.slice(0, 2), 1))).toBe("known")
    expect(await node.gossip.announceNotice(noticeMessage(delta.notices, notices, 0))).toBe("accepted")
    expect(node.heard.notices).toEqual([1, 0])
  })
  test("a notice under a head that contradicts one that is known convicts the log", async () => {
    const { node } = await listening()
    await node.gossip.announceNotice(noticeMessage(delta.notices, notices, 1))
    await node.gossip.announceHead(noticeMessage(delta.notices, notices, 1).checkpoint, delta.notices.verifier.name)
    expect(await node.gossip.announceNotice(noticeMessage(delta.notices, [notices[0] ?? "", notices[0] ?? "", notices[2] ?? ""], 1))).toBe("convicted")
    expect(node.convictions.has(delta.notices.verifier.vkey)).toBe(true)
  })
  test("a notice bound to another log is forged", async () => {
    const { node } = await listening()
    expect(await node.gossip.announceNotice(noticeMessage(delta.notices, [noticeOf("other.example/notices")], 0))).toBe("forged")
  })
})

describe("floods", () => {
  let world: Awaited<ReturnType<typeof listening>>
  beforeEach(async () => {
    world = await listening()
  })
  test("a peer that sends too much is reported, others are heard", async () => {
    const { node, send } = world
    for (let i = 0; i < MESSAGES_PER_PEER.burst; i++) await send("statements", utf8Encode(`rubbish ${i}`), "flooder")
    expect(node.transport.faults).toEqual([])
    expect(await send("head", formatMessage(GOOD.head), "flooder")).toBe("flooded")
    expect(node.transport.faults).toEqual([{ peer: "flooder", fault: "flooded" }])
    expect(await node.gossip.offer("head", "honest", GOOD.head)).toBe("accepted")
    world.time.clock.ms += 1_000
    expect(await send("statements", utf8Encode("rubbish again"), "flooder")).toBe("malformed")
  })
  test("a log that signs one head after the other is slowed down, by each peer apart", async () => {
    const { node } = world
    const outcomes: GossipOutcome[] = []
    for (let size = 1; size <= MESSAGES_PER_ORIGIN.burst + 2; size++) outcomes.push(await node.gossip.offer("head", "one", { kind: "head", origin, checkpoint: trunk.head(size) }))
    expect(outcomes.filter((outcome) => outcome === "accepted")).toHaveLength(MESSAGES_PER_ORIGIN.burst)
    expect(outcomes.slice(-2)).toEqual(["limited", "limited"])
    expect(await node.gossip.offer("head", "two", { kind: "head", origin, checkpoint: trunk.head(40) })).toBe("accepted")
    expect(node.transport.faults).toEqual([])
    await node.gossip.idle()
  })
  test("a contradiction is seen also when the log's budget is used up", async () => {
    const { node } = world
    for (let size = 1; size <= MESSAGES_PER_ORIGIN.burst + 2; size++) await node.gossip.offer("head", "one", { kind: "head", origin, checkpoint: trunk.head(size) })
    expect(await node.gossip.offer("head", "one", { kind: "head", origin, checkpoint: fork.head(MESSAGES_PER_ORIGIN.burst, ["alpha"]) })).toBe("convicted")
    expect(node.heard.proofs).toEqual(["fork delta.example/log", "witness-fork alpha.example/witness"])
  })
})

test("what is not known of beforehand: every witness of the roster cosigns, nobody's line is lost on the way", async () => {
  const { node } = await listening()
  await node.gossip.announceHead(trunk.head(5, NAMES), origin)
  expect([...node.gossip.heads()[0]?.times.keys() ?? []]).toHaveLength(NAMES.length)
})
