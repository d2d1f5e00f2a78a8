import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { buildForkProof, formatByDigest, formatMisbehavior, formatNotice, OBSERVATION_TYPE, formatRoster, parseRoster, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { type Gossip, type GossipKind, type GossipMessage, type GossipOutcome, openConvictions } from "@vouchsafe/gossip"
import type { HttpRequest, HttpResponse } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { type AnnounceOptions, startAnnouncing } from "../src/gossip/announce.ts"
import { headsDocument, parseHeads, parseProofs, proofsDocument } from "../src/gossip/documents.ts"
import { ANNOUNCE_MS, HEADS_MAX, POLL_FIRST_MS, POLL_MS, POLL_NODES_MAX, PROOFS_MAX } from "../src/gossip/limits.ts"
import { startPolls } from "../src/gossip/poll.ts"
import { openGossipStore } from "../src/gossip/store.ts"
import { historyOf, startHostile } from "./gossip-hostile.ts"
import { manualTime, quiet, tempFolder } from "./support.ts"

const NOW = 1_700_000_000

async function world() {
  const nodes = [await startHostile("alpha", 10), await startHostile("bravo", 20), await startHostile("charlie", 30)]
  const [alpha] = nodes as [typeof nodes[number], ...typeof nodes]
  const roster = parseRoster(nodeCrypto, formatRoster(nodes.map(({ place }) => place), ["https://registry.example/"]))
  const proof = buildForkProof(nodeCrypto, {
    key: alpha.log.verifier, older: historyOf(alpha.log, "trunk", 0).head(5, [], NOW), newer: historyOf(alpha.log, "other", 2).head(5, [], NOW), consistency: [],
  })
  if (proof === undefined) throw new TypeError("no proof")
  return { nodes, alpha, roster, proof, vkey: alpha.place.log.vkey }
}

describe("the store", () => {
  test("keeps heads and proofs over a restart, in files of the owner alone; a proof's file stands alone", async () => {
    const { roster, proof, vkey } = await world()
    const folder = join(tempFolder(), "gossip")
    const convictions = await openConvictions(nodeCrypto, openGossipStore(folder, nodeCrypto))
    expect(await convictions.convict(roster, proof)).toBeDefined()
    expect(await convictions.convict(roster, proof)).toBeUndefined()
    await openGossipStore(folder, nodeCrypto).putHead(vkey, "a note\n")
    const again = await openConvictions(nodeCrypto, openGossipStore(folder, nodeCrypto))
    expect(again.has(vkey)).toBe(true)
    expect(await openGossipStore(folder, nodeCrypto).heads()).toEqual([{ vkey, checkpoint: "a note\n" }])
    const names = readdirSync(join(folder, "proofs"))
    expect(names).toHaveLength(2)
    for (const name of names) expect(statSync(join(folder, "proofs", name)).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(folder, "proofs", names.find((name) => name.endsWith(".json")) ?? ""), "utf8")).toBe(formatMisbehavior(proof))
  })
  test.each<[string, (path: string) => void]>([
    ["a changed proof", (path) => writeFileSync(path, readFileSync(path, "utf8").replace("older", "oldex"))],
    ["an empty proof", (path) => writeFileSync(path, "")],
    ["a huge proof", (path) => writeFileSync(path, "x".repeat(5_000_000))],
    ["another name beside it", (path) => writeFileSync(path.replace(/json$/, "vkey"), "nobody\n")],
  ])("%s convicts nobody and is counted", async (_, damage) => {
    const { roster, proof, vkey } = await world()
    const folder = join(tempFolder(), "gossip")
    await (await openConvictions(nodeCrypto, openGossipStore(folder, nodeCrypto))).convict(roster, proof)
    const name = readdirSync(join(folder, "proofs")).find((one) => one.endsWith(".json")) ?? ""
    damage(join(folder, "proofs", name))
    const again = await openConvictions(nodeCrypto, openGossipStore(folder, nodeCrypto))
    expect(again.has(vkey)).toBe(false)
    expect(again.damaged).toBe(1)
  })
  test("a damaged head is not there", async () => {
    const folder = join(tempFolder(), "gossip")
    const store = openGossipStore(folder, nodeCrypto)
    await store.putHead("some key", "a note\n")
    const [name = ""] = readdirSync(join(folder, "heads"))
    for (const text of ["", "{", "[]", '{"log":1,"checkpoint":"x"}', '{"log":"x"}']) {
      writeFileSync(join(folder, "heads", name), text)
      expect(await store.heads(), text).toEqual([])
    }
  })
  test("a disk that fails is told, and who is convicted counts no more all the same", async () => {
    const { roster, proof, vkey } = await world()
    const convictions = await openConvictions(nodeCrypto, { proofs: async () => [], addProof: async () => Promise.reject(new VouchsafeError("DISK", "full")) })
    await expect(convictions.convict(roster, proof)).rejects.toMatchObject({ code: "DISK" })
    expect(convictions.has(vkey)).toBe(true)
  })
})

describe("lists", () => {
  test("are read as they are written, and never longer than is read", async () => {
    const { alpha, proof } = await world()
    const key = alpha.log.verifier
    const head = { key, signed: historyOf(alpha.log, "trunk", 0).head(3, [], NOW), size: 3, root: new Uint8Array(32), times: new Map() }
    expect(parseHeads(JSON.stringify(headsDocument([head])))).toEqual([{ origin: key.name, checkpoint: head.signed }])
    expect(parseHeads(JSON.stringify(headsDocument(Array.from({ length: HEADS_MAX + 1 }, () => head))))).toHaveLength(HEADS_MAX)
    const conviction = { key, proof, document: formatMisbehavior(proof) }
    expect(parseProofs(JSON.stringify(proofsDocument([conviction])))).toEqual([conviction.document])
    expect(parseProofs(JSON.stringify(proofsDocument(Array.from({ length: PROOFS_MAX + 1 }, () => conviction))))).toHaveLength(PROOFS_MAX)
    const large = { ...conviction, document: "x".repeat(1_000_000) }
    expect(parseProofs(JSON.stringify(proofsDocument(Array.from({ length: 40 }, () => large)))).length).toBeLessThan(17)
  })
  test.each([
    ["", "not JSON"], ["[]", "document"], ['{"format":"vouchsafe-heads/v2","heads":[]}', "format"], ['{"format":"vouchsafe-heads/v1","heads":[],"more":1}', "no such member"],
    ['{"format":"vouchsafe-heads/v1","heads":[{"origin":"a"}]}', "checkpoint"], ['{"format":"vouchsafe-heads/v1","heads":[{"origin":1,"checkpoint":""}]}', "origin"],
    [JSON.stringify({ format: "vouchsafe-heads/v1", heads: Array.from({ length: HEADS_MAX + 1 }, () => ({ origin: "a", checkpoint: "b" })) }), "at most"],
  ])("refused: %s", (text, says) => expect(() => parseHeads(text)).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) })))
  test.each([['{"format":"vouchsafe-misbehavior-list/v1","proofs":[{"proof":"x"}]}', "key"], ['{"format":"vouchsafe-misbehavior-list/v1","proofs":[{"key":"x","proof":1}]}', "proof"]])(
    "refused: %s", (text, says) => expect(() => parseProofs(text)).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) })))
})

/** Gossip that writes down what it is given. */
function recorder(outcome: GossipOutcome = "accepted") {
  const offered: [GossipKind, string, GossipMessage][] = []
  const announced: unknown[] = []
  const gossip: Pick<Gossip, "offer" | "heads" | "announceHead" | "announceStatements" | "announceNotice"> = {
    offer: async (kind, from, message) => (offered.push([kind, from, message]), outcome), heads: () => [],
    announceHead: async (checkpoint, origin) => (announced.push(["head", origin, checkpoint]), outcome),
    announceStatements: async (announcement) => (announced.push(["statements", announcement]), outcome),
    announceNotice: async ({ origin, index }) => (announced.push(["notice", origin, index]), outcome),
  }
  return { gossip, offered, announced }
}

describe("looking at other nodes", () => {
  const answers = (bodies: Readonly<Record<string, string | (() => never)>>) => {
    const asked: string[] = []
    let running = 0
    const most = { running: 0 }
    const transport = {
      async request({ url }: HttpRequest): Promise<HttpResponse> {
        asked.push(url)
        running += 1
        most.running = Math.max(most.running, running)
        await Promise.resolve()
        running -= 1
        const body = bodies[new URL(url).pathname]
        if (typeof body === "function") return body()
        return { status: body === undefined ? 404 : 200, headers: {}, body: utf8Encode(body ?? "") }
      },
    }
    return { asked, transport, most }
  }
  const start = (places: Parameters<typeof startPolls>[0]["nodes"], transport: Parameters<typeof startPolls>[0]["transport"], random = 0) => {
    const time = manualTime()
    const { gossip, offered } = recorder()
    const rounds: string[] = []
    const polls = startPolls({ gossip, nodes: places, transport, timers: time.timers, logger: quiet, random: () => random, onRound: (outcome) => void rounds.push(outcome) })
    return { time, polls, offered, rounds }
  }
  test("soon after the start, then every few minutes, and never after the end", async () => {
    const { roster } = await world()
    const { asked, transport } = answers({})
    const { time, polls, rounds } = start(() => roster.nodes, transport)
    await time.advance(POLL_FIRST_MS - 1)
    expect(asked).toEqual([])
    await time.advance(1)
    expect(rounds).toEqual(["done", "done", "done"])
    expect(asked).toHaveLength(12)
    await time.advance(POLL_MS)
    expect(asked).toHaveLength(24)
    await polls.stop()
    await time.advance(10 * POLL_MS)
    expect(asked).toHaveLength(24)
    expect(time.pending()).toBe(0)
  })
  test("later by chance", async () => {
    const { roster } = await world()
    const { asked, transport } = answers({})
    const { time, polls } = start(() => roster.nodes, transport, 0.9)
    await time.advance(POLL_FIRST_MS * 1.4)
    expect(asked).toEqual([])
    await time.advance(POLL_FIRST_MS * 0.1)
    expect(asked.length).toBeGreaterThan(0)
    await polls.stop()
  })
  test("offers what each shows, under its name", async () => {
    const { alpha, proof } = await world()
    const document = formatMisbehavior(proof)
    const { transport } = answers({
      "/log/checkpoint": "head\n", "/v1/heads": JSON.stringify({ format: "vouchsafe-heads/v1", heads: [{ origin: "x", checkpoint: "other\n" }] }),
      "/v1/misbehavior": JSON.stringify({ format: "vouchsafe-misbehavior-list/v1", proofs: [{ key: "k", proof: document }] }),
    })
    const { polls, offered } = start(() => [alpha.place], transport)
    await polls.round()
    expect(offered).toEqual([
      ["head", "https alpha", { kind: "head", origin: "alpha.example/log", checkpoint: "head\n" }], ["head", "https alpha", { kind: "head", origin: "x", checkpoint: "other\n" }],
      ["misbehavior", "https alpha", { kind: "misbehavior", proof: document }],
    ])
    await polls.stop()
  })
  test.each<[string, Record<string, string | (() => never)>]>([
    ["does not answer", { "/log/checkpoint": () => { throw new VouchsafeError("UNREACHABLE", "gone") } }],
    ["answers with what is no text", { "/v1/heads": "\u0000" }], ["answers with another document", { "/v1/heads": "{}" }], ["lists what is no proof", { "/v1/misbehavior": "[]" }],
  ])("a node that %s costs the others nothing", async (_, bodies) => {
    const { roster, alpha } = await world()
    const { transport, asked } = answers(bodies)
    const { polls, rounds } = start(() => roster.nodes, { request: (request) => (request.url.startsWith(alpha.place.url) ? transport.request(request) : answers({}).transport.request(request)) })
    await polls.round()
    expect(rounds.sort()).toEqual(["done", "done", "failed"])
    expect(asked.length).toBeGreaterThan(0)
    await polls.stop()
  })
  test("many nodes: some of them each round, a few at once", async () => {
    const { alpha } = await world()
    const many = Array.from({ length: 60 }, (_, i) => ({ ...alpha.place, operator: `o${i}` }))
    const { transport, most } = answers({})
    const { polls, rounds } = start(() => many, transport)
    await Promise.all([polls.round(), polls.round()])
    expect(rounds).toHaveLength(POLL_NODES_MAX)
    expect(most.running).toBeLessThanOrEqual(4)
    await polls.stop()
  })
})

describe("announcing", () => {
  const fakeLog = (origin: string) => {
    const log = { origin, list: [] as string[], head: undefined as { text: string; size: number; root: Uint8Array } | undefined }
    return {
      log,
      append(...entries: string[]) {
        log.list.push(...entries)
        log.head = { text: `head of ${log.list.length}`, size: log.list.length, root: new Uint8Array(32) }
      },
      port: {
        origin, cosigned: () => log.head, entries: async (indices: readonly number[]) => indices.map((i) => utf8Encode(log.list[i] ?? "")), proveInclusion: async () => [],
      },
    }
  }
  const start = async () => {
    const { alpha } = await world()
    const time = manualTime()
    const { gossip, announced } = recorder()
    const [log, notices] = [fakeLog("a/log"), fakeLog("a/notices")]
    log.append("old")
    notices.append("old")
    const options: AnnounceOptions = { gossip, log: log.port, notices: notices.port, signer: alpha.log, timers: time.timers, logger: quiet }
    return { time, announced, log, notices, announcing: startAnnouncing(options) }
  }
  const foreign = (i: number) => JSON.stringify({ not: `a statement ${i}` })
  test("heads that stand are announced once, what they hold is not", async () => {
    const { time, announced, announcing } = await start()
    await time.advance(10 * ANNOUNCE_MS)
    expect(announced).toEqual([["head", "a/log", "head of 1"], ["head", "a/notices", "head of 1"]])
    await announcing.stop()
    await time.advance(10 * ANNOUNCE_MS)
    expect(announced).toHaveLength(2)
    expect(time.pending()).toBe(0)
  })
  test("new heads and notices once each, however often it is looked; entries that are no statements name no package", async () => {
    const { time, announced, log, notices, announcing } = await start()
    await time.advance(ANNOUNCE_MS)
    announced.length = 0
    log.append(foreign(1), foreign(2))
    notices.append(...[1, 2].map((i) => formatNotice({ purl: "pkg:npm/x@1.0.0", sha512: "ab".repeat(64), log: "a/notices", registry: "https://registry.example/", notice: "withdrawal", time: NOW, reason: `r${i}` })))
    await time.advance(5 * ANNOUNCE_MS)
    expect(announced).toEqual([["head", "a/log", "head of 3"], ["head", "a/notices", "head of 3"], ["notice", "a/notices", 1], ["notice", "a/notices", 2]])
    await announcing.stop()
  })
  test("the packages of all statements since the last look in one message, each once, the newest of very many", async () => {
    const { time, announced, log, announcing } = await start()
    await time.advance(ANNOUNCE_MS)
    announced.length = 0
    const entry = (name: string): string => formatByDigest(nodeCrypto, { purl: `pkg:npm/${name}@1.0.0`, sha512: "ab".repeat(64), log: "a/log", predicateType: OBSERVATION_TYPE, text: name })
    log.append(entry("a"), foreign(1), entry("b"))
    log.append(entry("a"))
    await time.advance(ANNOUNCE_MS)
    expect(announced.slice(1)).toEqual([["statements", { origin: "a/log", size: 5, purls: ["pkg:npm/a@1.0.0", "pkg:npm/b@1.0.0"] }]])
    announced.length = 0
    log.append(...Array.from({ length: 100 }, (_, i) => entry(`many-${i}`)))
    await time.advance(ANNOUNCE_MS)
    expect(announced.slice(1)).toMatchObject([["statements", { size: 105, purls: expect.arrayContaining(["pkg:npm/many-99@1.0.0"]) }]])
    expect((announced[1] as [string, { purls: string[] }])[1].purls).toHaveLength(64)
    await announcing.stop()
  })
})
