import { cosign, KEY_TYPE, emptyRoot, formatCheckpoint, formatNote, formatRoster, formatSignatureLine, type RosterNode, type Signer, signerFromSeed, utf8Encode } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { EXIT } from "../src/index.ts"
import { pingNode } from "../src/ping/ping.ts"
import { documentIn, temporaryFolder, vouchsafe } from "./support/io.ts"

const signer = (name: string, fill: number, type: number = KEY_TYPE.ed25519): Signer => signerFromSeed(name, type, new Uint8Array(32).fill(fill))

function headOf(by: Signer): string {
  const text = formatCheckpoint({ origin: by.verifier.name, size: 0, root: emptyRoot(nodeCrypto) })
  return formatNote(text, [formatSignatureLine(by.verifier.name, by.verifier.keyId, by.sign(utf8Encode(text)))])
}

function cosigned(checkpoint: string, by: Signer): string {
  return checkpoint + cosign(by, checkpoint.slice(0, checkpoint.indexOf("\n\n") + 1), 1_700_000_000)
}

interface Behavior {
  readonly log?: string
  readonly status?: number
  readonly document?: unknown
  readonly date?: string
  /** Another witness than the roster names, which has cosigned. */
  readonly witness?: Signer
}

/** A node, as far as a ping looks. */
async function server(behavior: (path: string) => { status: number; body: string; date?: string | undefined }): Promise<string> {
  const listening = createServer((request, response) => {
    const { status, body, date } = behavior(request.url ?? "")
    response.writeHead(status, date === undefined ? {} : { date }).end(body)
  })
  await new Promise<void>((resolve) => { listening.listen(0, "127.0.0.1", resolve) })
  afterAll(() => { listening.closeAllConnections(); listening.close() })
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`
}

async function nodeLike(operator: string, fill: number, more: Behavior = {}): Promise<RosterNode> {
  const [log, notices, witness] = [signer(`${operator}.example/log`, fill), signer(`${operator}.example/notices`, fill + 1), signer(`${operator}.example/witness`, fill + 2, KEY_TYPE.cosignatureEd25519)]
  const status = { format: "vouchsafe-status/v1", version: "1.2.3", operator, log: { cosignedAgeSeconds: 7 }, notices: { cosignedAgeSeconds: null } }
  const url = await server((path) => {
    if (path === "/v1/status") return { status: more.status ?? 200, body: JSON.stringify(more.document ?? status), date: more.date }
    if (path === "/log/checkpoint") return { status: 200, body: more.log ?? headOf(log) }
    if (path.startsWith("/witness/") && more.witness !== undefined) return { status: 200, body: cosigned(headOf(signer("alpha.example/log", 10)), more.witness) }
    return path === "/notices/checkpoint" ? { status: 200, body: headOf(notices) } : { status: 404, body: "" }
  })
  return { operator, url, log: log.verifier, notices: notices.verifier, witness: witness.verifier as RosterNode["witness"] }
}

function project(nodes: readonly RosterNode[]): string {
  const dir = join(temporaryFolder(), "project")
  mkdirSync(dir)
  writeFileSync(join(dir, "package.json"), "{}")
  writeFileSync(join(dir, "r.json"), formatRoster(nodes, ["https://registry.example/"]))
  writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "r.json" }))
  return dir
}

const dead = async (operator: string, fill: number): Promise<RosterNode> => ({ ...await nodeLike(operator, fill), url: "http://127.0.0.1:1/" })

describe("ping", () => {
  test("the roster's nodes: a line each, and 0 when all answered with their own keys", async () => {
    const [alpha, beta] = [await nodeLike("alpha", 10), await nodeLike("beta", 20)]
    const dir = project([alpha, beta])
    const { status, out, err } = await vouchsafe(dir, ["ping"])
    expect([err, status]).toEqual(["", EXIT.done])
    expect(out).toMatch(/^alpha +http:\S+ +200 +\d+ ms +version 1\.2\.3 +log 0 \(7 s old\) +notices 0 +clock \+0 s +keys as in the roster$/m)
    expect(out.trim().split("\n")).toHaveLength(2)
    expect(documentIn((await vouchsafe(dir, ["ping", "--json"])).out)).toMatchObject({
      nodes: [{ operator: "alpha", url: alpha.url, reachable: true, status: 200, version: "1.2.3", keys: "same", differences: [], clockOffsetSeconds: 0, log: { origin: "alpha.example/log", size: 0, cosignedAgeSeconds: 7 }, notices: { cosignedAgeSeconds: null } }, { operator: "beta" }],
    })
  })
  test("a witness that has cosigned under the roster's key is as expected", async () => {
    const witness = signer("beta.example/witness", 22, KEY_TYPE.cosignatureEd25519)
    const { out } = await vouchsafe(project([await nodeLike("alpha", 10), await nodeLike("beta", 20, { witness })]), ["ping", "--json"])
    expect(documentIn(out)).toMatchObject({ nodes: [{ keys: "same" }, { keys: "same" }] })
  })
  test("a node that was named, which no roster lists: its keys are unknown", async () => {
    const { url } = await nodeLike("omega", 30)
    const { status, out } = await vouchsafe(temporaryFolder(), ["ping", url.slice(0, -1), "--json"])
    expect([status, documentIn(out)]).toMatchObject([EXIT.done, { nodes: [{ operator: "omega", keys: "unknown", reachable: true }] }])
  })

  test.each<{ name: string; node: () => Promise<RosterNode>; says: RegExp; found: object }>([
    { name: "nobody there", node: () => dead("beta", 40), says: /not reached/, found: { reachable: false, status: null, roundTripMs: null, keys: "unknown" } },
    { name: "an error", node: () => nodeLike("beta", 40, { status: 503 }), says: /not reached: answered 503, expected 200/, found: { reachable: false, status: 503 } },
    { name: "something that is no node", node: () => nodeLike("beta", 40, { document: { hello: 1 } }), says: /no status of a node/, found: { reachable: false, status: 200 } },
    { name: "a head that is no checkpoint", node: () => nodeLike("beta", 40, { log: "x" }), says: /not reached/, found: { reachable: false } },
    { name: "a head under another key of the same name", node: () => nodeLike("beta", 40, { log: headOf(signer("beta.example/log", 99)) }), says: /OTHER KEYS: log is signed by beta\.example\/log\+[0-9a-f]{8}, expected beta\.example\/log\+[0-9a-f]{8}/, found: { reachable: true, keys: "other" } },
    { name: "another node's head", node: () => nodeLike("beta", 40, { log: headOf(signer("mallory.example/log", 98)) }), says: /OTHER KEYS: log is signed by mallory/, found: { keys: "other" } },
    { name: "a witness under another key", node: () => nodeLike("beta", 40, { witness: signer("beta.example/witness", 97, KEY_TYPE.cosignatureEd25519) }), says: /OTHER KEYS: witness cosigned as beta\.example\/witness\+[0-9a-f]{8}, expected beta\.example\/witness\+[0-9a-f]{8}/, found: { keys: "other" } },
    { name: "another operator", node: () => nodeLike("beta", 40, { document: { format: "vouchsafe-status/v1", version: "1", operator: "mallory" } }), says: /OTHER KEYS: its operator is mallory, expected beta/, found: { keys: "other" } },
    { name: "a word that would turn a terminal around", node: () => nodeLike("beta", 40, { document: { format: "vouchsafe-status/v1", version: "\u001b[31m\u202e", operator: "beta" } }), says: /version \\u\{1b\}\[31m\\u\{202e\}/, found: { keys: "same" } },
  ])("$name is named; the others are told all the same", async ({ name, node, says, found }) => {
    const dir = project([await nodeLike("alpha", 10), await node()])
    const { status, out } = await vouchsafe(dir, ["ping"])
    expect(out).toMatch(/^alpha .*keys as in the roster$/m)
    expect(out).toMatch(says)
    expect(status).toBe(name.startsWith("a word") ? EXIT.done : EXIT.world)
    expect(documentIn((await vouchsafe(dir, ["ping", "--json"])).out)).toMatchObject({ nodes: [{ reachable: true }, found] })
  })
  test.each([["not a url"], ["ftp://a.example/"]])("refuses %j", async (url) => {
    expect((await vouchsafe(temporaryFolder(), ["ping", url])).status).toBe(EXIT.usage)
  })
  test("without a project and without a node: 2", async () => {
    expect((await vouchsafe(temporaryFolder(), ["ping"])).status).not.toBe(EXIT.done)
  })

  test.each([
    { date: "Thu, 01 Jan 2026 00:00:10 GMT", offset: 0 }, { date: "Thu, 01 Jan 2026 00:00:09 GMT", offset: 0 }, { date: "Thu, 01 Jan 2026 00:01:10 GMT", offset: 60 },
    { date: "Wed, 31 Dec 2025 23:59:09 GMT", offset: -60 }, { date: "Fri, 02 Jan 2026 00:00:10 GMT", offset: 86_400 }, { date: "yesterday", offset: null },
  ])("clock: $date is $offset s ahead", async ({ date, offset }) => {
    const key = signer("a/log", 1)
    const answers: Record<string, string> = { "http://a.example/v1/status": JSON.stringify({ format: "vouchsafe-status/v1" }), "http://a.example/log/checkpoint": headOf(key), "http://a.example/notices/checkpoint": headOf(key) }
    const transport = { request: async ({ url }: { url: string }) => ({ status: 200, headers: { date }, body: utf8Encode(answers[url] ?? "") }) }
    const nowMs = Date.parse("2026-01-01T00:00:10.000Z")
    expect(await pingNode({ transport, crypto: nodeCrypto, clock: { nowMs: () => nowMs } }, { url: "http://a.example/", expected: undefined })).toMatchObject({ clockOffsetSeconds: offset, roundTripMs: 0 })
  })
})
