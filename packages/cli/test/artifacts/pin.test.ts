import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { httpTransport } from "@vouchsafe/client/node"
import { pinAll } from "../../src/artifacts/pins.ts"
import { socketPlace } from "../../src/nodes.ts"
import { startLogServers } from "../support/log-server.ts"
import { documentIn, temporaryFolder, vouchsafe } from "../support/io.ts"

const dir = temporaryFolder()
const servers = await startLogServers(["alpha", "beta", "gamma"])
afterAll(() => servers.close())
const socket = join(dir, "admin.sock")
const REGISTRY = "https://registry.example/"
const HEX = "01".repeat(64)
const PIN = { purl: "pkg:npm/left@1.0.0", registry: REGISTRY, sha512: HEX }

interface Asked { readonly path: string; readonly body: string }
let asked: Asked[] = []
let answer: (asked: Asked) => { status?: number; text: string } | undefined = () => undefined

// An admin socket whose answers a test decides.
const server = createServer((request, response) => {
  let body = ""
  request.setEncoding("utf8").on("data", (part: string) => { body += part }).on("end", () => {
    const one = { path: request.url ?? "", body }
    asked.push(one)
    const reply = answer(one) ?? { status: 404, text: JSON.stringify({ error: { code: "NOT_FOUND", message: "nothing here" } }) }
    response.writeHead(reply.status ?? 200).end(reply.text)
  })
})
await new Promise<void>((resolve) => { server.listen(socket, resolve) })
afterAll(() => { server.closeAllConnections(); server.close() })
beforeEach(() => { asked = [] })

const transport = httpTransport()
afterAll(() => transport.close())
const lines = (...documents: object[]): string => documents.map((document) => `${JSON.stringify(document)}\n`).join("")

describe("pin, as the socket answers it", () => {
  const pin = (artifacts = [PIN]) => pinAll(transport, socketPlace(socket), artifacts, () => undefined)
  test("each artifact with what came of it, heartbeats aside", async () => {
    const failed = { ...PIN, purl: "pkg:npm/right@1.0.0", code: "UNREACHABLE", message: "nobody" }
    answer = () => ({ text: lines({ working: 2 }, { pinned: { ...PIN, size: 5, from: "registry" } }, { failed }, { done: { pinned: 1, failed: 1 } }) })
    expect(await pin()).toEqual({ pinned: [{ ...PIN, size: 5, from: "registry" }], failed: [failed] })
    expect(asked).toEqual([{ path: "/v1/pin", body: JSON.stringify({ artifacts: [PIN] }) }])
  })
  test("many in several requests", async () => {
    answer = ({ body }) => ({ text: lines(...(JSON.parse(body) as { artifacts: object[] }).artifacts.map((artifact) => ({ pinned: { ...artifact, size: 1, from: "store" } })), { done: {} }) })
    const many = Array.from({ length: 450 }, (_, i) => ({ ...PIN, purl: `pkg:npm/p${i}@1.0.0` }))
    expect((await pin(many)).pinned).toHaveLength(450)
    expect(asked).toHaveLength(3)
  })
  test.each([
    { name: "an answer that breaks off", reply: { text: lines({ pinned: { ...PIN, size: 5, from: "registry" } }) }, says: "broke off after 1 of 1" },
    { name: "no answer at all", reply: { text: "" }, says: "broke off after 0 of 1" },
    { name: "what is no JSON", reply: { text: "<html>\n" }, says: "not JSON" },
    { name: "a node without artifacts", reply: undefined, says: "NOT_FOUND: nothing here" },
    { name: "a refusal", reply: { status: 400, text: JSON.stringify({ error: { code: "REQUEST_MALFORMED", message: "no" } }) }, says: "REQUEST_MALFORMED: no" },
  ])("$name is a failure", async ({ reply, says }) => {
    answer = () => reply
    await expect(pin()).rejects.toMatchObject({ code: "UPSTREAM_FAILED", message: expect.stringContaining(says) })
  })
})

describe("the commands", () => {
  const PINS = { format: "vouchsafe-pins/v1", pins: [{ ...PIN, size: 5, pinnedAt: 1, isHeld: true }, { ...PIN, purl: "pkg:npm/right@1.0.0", size: 7, pinnedAt: 1, isHeld: false }] }
  const node = (one: Asked) => (one.path === "/v1/pins" ? { text: JSON.stringify(PINS) } : one.path === "/v1/unpin" ? { text: JSON.stringify({ unpinned: (JSON.parse(one.body) as { artifacts: object[] }).artifacts.length }) } : undefined)

  test("pin --list", async () => {
    answer = node
    const ran = await vouchsafe(dir, ["pin", "--list", "--socket", socket])
    expect([ran.status, ran.out]).toEqual([0, `left@1.0.0   5  held  ${REGISTRY}\nright@1.0.0  7  lost  ${REGISTRY}\n`])
    expect(documentIn((await vouchsafe(dir, ["pin", "--list", "--socket", socket, "--json"])).out)).toEqual(PINS.pins)
  })
  test.each([
    { argv: ["left@1.0.0"], unpinned: 1 }, { argv: ["other@1.0.0"], unpinned: 0 }, { argv: ["--all"], unpinned: 2 }, { argv: ["--lockfile", "package-lock.json"], unpinned: 1 },
  ])("unpin $argv", async ({ argv, unpinned }) => {
    answer = node
    writeFileSync(join(dir, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages: { "node_modules/right": { version: "1.0.0", resolved: `${REGISTRY}right/-/right-1.0.0.tgz`, integrity: `sha512-${Buffer.from(HEX, "hex").toString("base64")}` } } }))
    const ran = await vouchsafe(dir, ["unpin", ...argv, "--socket", socket, "--json"])
    expect([ran.status, documentIn(ran.out)]).toEqual([0, { unpinned }])
  })
  test("what is not vouched for is not pinned, and the node is not asked for it", async () => {
    answer = node
    writeFileSync(join(dir, "vouchsafe.roster.json"), servers.rosterText)
    writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", budget: "5s" }))
    const ran = await vouchsafe(dir, ["pin", "none@1.0.0", "--socket", socket, "--json"])
    expect([ran.status, documentIn(ran.out)]).toMatchObject([1, { pinned: [], failed: [], refused: [{ purl: "pkg:npm/none@1.0.0" }] }])
    expect(asked.filter(({ path }) => path === "/v1/pin")).toEqual([])
  })
  test.each([
    { argv: ["pin"], says: "nothing is named" }, { argv: ["unpin"], says: "nothing is named" }, { argv: ["pin", "left"], says: "no exact package version" }, { argv: ["pin", "--list", "left@1.0.0"], says: "--list takes no packages" },
    { argv: ["pin", "--lockfile", "none.json"], says: "cannot be read" },
  ])("wrong usage: $argv", async ({ argv, says }) => {
    const ran = await vouchsafe(dir, [...argv, "--socket", socket])
    expect([ran.status, ran.err]).toEqual([2, expect.stringContaining(says)])
  })
  test("no node of one's own", async () => {
    const ran = await vouchsafe(dir, ["pin", "left@1.0.0"])
    expect([ran.status, ran.err]).toEqual([2, expect.stringContaining("none of your own nodes runs")])
  })
})
