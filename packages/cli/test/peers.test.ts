import { formatRoster, KEY_TYPE, type RosterNode, signerFromSeed } from "@vouchsafe/core"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { EXIT } from "../src/index.ts"
import { fakeNode } from "./support/fake-node.ts"
import { documentIn, temporaryFolder, vouchsafe } from "./support/io.ts"

const BETA = { id: "12D3KooWbeta", operator: "beta", address: "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWbeta", path: "direct", score: 0 }
const STRANGER = { id: "12D3KooWwho", operator: null, address: "/ip4/127.0.0.1/tcp/2/p2p/12D3KooWr/p2p-circuit/p2p/12D3KooWwho", path: "relayed", score: -20 }
const PEERS = { id: "12D3KooWalpha", addresses: ["/ip4/127.0.0.1/tcp/9/p2p/12D3KooWalpha"], connected: [BETA, STRANGER] }
const status = (peers: unknown, operator = "alpha") => ({ format: "vouchsafe-status/v1", operator, ...(peers === undefined ? {} : { peers }) })
const nodeSaying = (document: unknown, code = 200) => fakeNode(({ path }) => (path === "/v1/status" ? { status: code, json: document } : undefined))

function project(urls: Readonly<Record<string, string>>): string {
  const nodes = Object.entries(urls).map(([operator, url], i): RosterNode => {
    const key = (role: string, at: number, type: number = KEY_TYPE.ed25519) => signerFromSeed(`${operator}.example/${role}`, type, new Uint8Array(32).fill(10 * i + at)).verifier
    return { operator, url, log: key("log", 1), notices: key("notices", 2), witness: key("witness", 3, KEY_TYPE.cosignatureEd25519) as RosterNode["witness"] }
  })
  const dir = join(temporaryFolder(), "project")
  mkdirSync(dir)
  writeFileSync(join(dir, "package.json"), "{}")
  writeFileSync(join(dir, "r.json"), formatRoster(nodes, ["https://registry.example/"]))
  writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "r.json" }))
  return dir
}

const dead = "http://127.0.0.1:1/"

describe("peers", () => {
  test("of one node: a line each, and who of the roster is missing", async () => {
    const { url } = await nodeSaying(status(PEERS))
    const dir = project({ alpha: url, beta: dead, gamma: dead })
    const { status: code, out, err } = await vouchsafe(dir, ["peers", url])
    expect([err, code]).toEqual(["", EXIT.done])
    expect(out).toMatch(/ is 12D3KooWalpha, connected to 2\n/)
    expect(out).toMatch(/^ {2}beta +12D3KooWbeta +direct +score 0 +\/ip4\/127\.0\.0\.1\/tcp\/1\//m)
    expect(out).toMatch(/^ {2}\(stranger\) +12D3KooWwho +relayed +score -20 +\S+p2p-circuit/m)
    expect(out).toMatch(/^ {2}gamma +not connected$/m)
    expect(documentIn((await vouchsafe(dir, ["peers", url, "--json"])).out)).toEqual({ nodes: [{ node: url, reached: true, peers: PEERS, missing: ["gamma"] }] })
  })
  test("without a project, the roster is nobody's", async () => {
    const { url } = await nodeSaying(status(PEERS))
    expect(documentIn((await vouchsafe(temporaryFolder(), ["peers", url, "--json"])).out)).toMatchObject({ nodes: [{ missing: [] }] })
  })
  test("of the roster's nodes, where none runs here; one that is dead is told of, and makes 3", async () => {
    const [alpha, beta] = [await nodeSaying(status({ ...PEERS, connected: [BETA] })), await nodeSaying(status({ id: "12D3KooWbeta", addresses: [], connected: [] }, "beta"))]
    const dir = project({ alpha: alpha.url, beta: beta.url, gamma: dead })
    const { status: code, out } = await vouchsafe(dir, ["peers"])
    expect(code).toBe(EXIT.world)
    expect(out).toMatch(/^alpha is 12D3KooWalpha, connected to 1$/m)
    expect(out).toMatch(/^beta is 12D3KooWbeta, connected to 0\n {2}alpha +not connected\n {2}gamma +not connected$/m)
    expect(out).toMatch(/^gamma: not reached: /m)
  })
  test("a node that does no peer-to-peer says so", async () => {
    const { url } = await nodeSaying(status(undefined))
    const { status: code, out } = await vouchsafe(temporaryFolder(), ["peers", url])
    expect([code, out]).toEqual([EXIT.done, expect.stringContaining("does no peer-to-peer; a node does with --p2p-listen")])
    expect(documentIn((await vouchsafe(temporaryFolder(), ["peers", url, "--json"])).out)).toMatchObject({ nodes: [{ reached: true, peers: null }] })
  })

  test.each([
    { name: "an error", document: {}, code: 503, says: "answered 503" },
    { name: "peers that are a word", document: status("many"), code: 200, says: "no addresses" },
    { name: "a list that is none", document: status({ ...PEERS, connected: {} }), code: 200, says: "no connected" },
    { name: "a peer without a name", document: status({ ...PEERS, connected: [{ ...BETA, id: 7 }] }), code: 200, says: "no id" },
    { name: "an operator that is a number", document: status({ ...PEERS, connected: [{ ...BETA, operator: 7 }] }), code: 200, says: "no operator" },
    { name: "an address that is none", document: status({ ...PEERS, addresses: [7] }), code: 200, says: "no address" },
  ])("$name: 3", async ({ document, code, says }) => {
    const { url } = await nodeSaying(document, code)
    const { status: exit, out } = await vouchsafe(temporaryFolder(), ["peers", url])
    expect([exit, out]).toEqual([EXIT.world, expect.stringContaining(says)])
  })
  test("what a node calls its peers cannot turn a terminal around", async () => {
    const { url } = await nodeSaying(status({ ...PEERS, connected: [{ ...BETA, id: "\u001b[31m\u202e", operator: "\u0007" }] }))
    const { out } = await vouchsafe(temporaryFolder(), ["peers", url])
    expect(out).toContain("\\u{1b}[31m\\u{202e}")
    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(out).not.toMatch(/[\u001b\u202e\u0007]/)
  })
  test.each([["not a url"], ["ftp://a.example/"]])("refuses %j", async (url) => {
    expect((await vouchsafe(temporaryFolder(), ["peers", url])).status).toBe(EXIT.usage)
  })
})
