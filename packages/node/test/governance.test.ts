import { formatRoster, KEY_TYPE, type RosterNode, type Signer, signerFromSeed } from "@vouchsafe/core"
import { nodeCrypto, systemClock } from "@vouchsafe/client/node"
import { formatNameList } from "@vouchsafe/names"
import { checkDraft, draftChange, draftGenesis, publishProposal, readFiles, readRepository, renewTimestamp, sha256Hex, signDraft, tufKeyOf } from "@vouchsafe/roster"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { startGoverned } from "../src/governance/start.ts"
import { startNode, type NodeConfig, type RunningNode } from "../src/index.ts"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { freePorts, place } from "./network.ts"
import { ask, cleanup, tempFolder } from "./support.ts"

const DAY_MS = 86_400_000
const signer = (name: string): Signer => signerFromSeed(name, KEY_TYPE.ed25519, createHash("sha256").update(name).digest())
const [ALICE, BOB, CAROL, ONLINE] = [signer("alice"), signer("bob"), signer("carol"), signer("online")]
const key = (of: Signer) => tufKeyOf(of.verifier.vkey)

/** A repository in a folder, served, and what changes it. */
async function repository(rosterText: string) {
  const folder = join(tempFolder(), "repository")
  let status = 200
  const server = createServer((request, response) => {
    const path = join(folder, (request.url ?? "").replace(/^\/tuf\//, ""))
    const isThere = status === 200 && existsSync(path) && statSync(path).isFile()
    response.writeHead(status !== 200 ? status : isThere ? 200 : 404).end(isThere ? readFileSync(path) : "")
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  cleanup(() => { server.closeAllConnections(); server.close() })
  const options = { folder, online: ONLINE, crypto: nodeCrypto, withLock: async <T>(_: string, action: () => T) => action() }
  const publish = async (draft: Parameters<typeof signDraft>[0], people: readonly Signer[] = [ALICE, BOB]): Promise<void> => {
    const requirements = checkDraft(nodeCrypto, draft, systemClock.nowMs())
    const signatures = new Map(people.map((one) => { const signed = signDraft(draft, requirements, one); return [signed.keyid, signed.signatures] as const }))
    expect(await publishProposal({ draft, signatures }, { ...options, nowMs: systemClock.nowMs() })).toHaveProperty("current")
  }
  await publish(draftGenesis({ keyholders: { keys: [ALICE, BOB, CAROL].map(key), threshold: 2 }, onlineKey: key(ONLINE), targets: new Map([["roster.json", rosterText]]) }, systemClock.nowMs()))
  const genesisPath = join(tempFolder(), "1.root.json")
  writeFileSync(genesisPath, readFileSync(join(folder, "1.root.json")))
  return {
    folder, genesisPath, genesis: sha256Hex(readFileSync(genesisPath)), url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tuf/`,
    answer: (next: number) => { status = next },
    renew: () => renewTimestamp({ ...options, nowMs: systemClock.nowMs() }),
    async change(text: string, path = "roster.json") {
      const { genesis, chain } = await readRepository(folder, systemClock.nowMs())
      await publish(draftChange(genesis, chain, { targets: new Map([[path, text]]) }, systemClock.nowMs()), [BOB, CAROL])
    },
  }
}

/** Two nodes whose keys are made, and a repository that lists the first or both. */
async function setUp(listed: number = 1) {
  const registry = await startRegistry({ packages: [] })
  cleanup(() => registry.close())
  const folder = tempFolder()
  const ports = await freePorts(2)
  const entries = ports.map((port, i): RosterNode => {
    const operator = ["alpha", "bravo"][i] as string
    const keys = loadOrCreateKeys(join(folder, operator), operator)
    return { operator, url: `http://127.0.0.1:${port}/`, log: keys.log.verifier, notices: keys.notices.verifier, witness: keys.witness.verifier }
  })
  const text = (version: number, count: number): string => formatRoster(entries.slice(0, count), [registry.url], { version })
  const source = await repository(text(1, listed))
  const governed = (i: number, more: Partial<NodeConfig> = {}) => place(join(folder, entries[i]?.operator ?? ""), {
    rosterGenesis: source.genesisPath, rosterSources: [source.url], listen: { host: "127.0.0.1", port: ports[i] as number }, ...more,
  })
  return { source, text, governed, entries, folder }
}

async function started(at: ReturnType<typeof place>): Promise<RunningNode> {
  const node = await startGoverned(startNode, at.config, at.world)
  cleanup(() => node.stop())
  return node
}

const statusOf = async (node: RunningNode) => JSON.parse((await ask(node.listenUrl, { path: "/v1/status" })).body) as { roster: { version: number; operators: string[] }; governance: Record<string, unknown> }
const followNow = (node: RunningNode) => ask("http://localhost/", { method: "POST", path: "/v1/roster/follow", socketPath: node.adminSocket, headers: { host: "localhost", "content-type": "application/json", "content-length": "2" }, body: "{}" })

/** Asks until the node says what is waited for; a node that starts anew does not answer for a moment. */
async function until(node: RunningNode, holds: (status: Awaited<ReturnType<typeof statusOf>>) => boolean): Promise<void> {
  const endMs = Date.now() + 30_000
  for (;;) {
    const status = await statusOf(node).catch(() => undefined)
    // A node that is ending answers with a refusal.
    if (status?.roster !== undefined && holds(status)) return
    if (Date.now() > endMs) throw new Error(`the node says ${JSON.stringify(status)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test("a node starts under the verified roster, serves the repository, and starts anew at its address when the roster changed", async () => {
  const { source, text, governed } = await setUp()
  const at = governed(0)
  const node = await started(at)
  expect(await statusOf(node)).toMatchObject({ roster: { version: 1 }, governance: { genesis: source.genesis, version: 1, state: "current", failures: [] } })
  for (const [name, bytes] of readFiles(source.folder)) expect((await ask(node.listenUrl, { path: `/tuf/${name}` })).body).toBe(bytes)
  for (const name of ["", "2.root.json", "../keys/log.key", "current.json", "chain.json", "targets/roster.json"]) expect((await ask(node.listenUrl, { path: `/tuf/${name}` })).status).toBe(404)
  await source.change(text(2, 2))
  await followNow(node)
  await until(node, ({ roster }) => roster.version === 2)
  expect(await statusOf(node)).toMatchObject({ roster: { operators: ["alpha", "bravo"] }, governance: { version: 2 } })
  expect(at.lines.join("")).toContain("the roster changed: the node starts anew under it")
  await node.stop()
  await expect(statusOf(node)).rejects.toThrow()
})

test("any node is a source: another one starts from what the first serves, the publisher's server away", async () => {
  const { source, governed } = await setUp(2)
  const first = await started(governed(0))
  source.answer(503)
  const second = await started(governed(1, { rosterSources: [source.url, `${first.listenUrl}tuf/`] }))
  expect(await statusOf(second)).toMatchObject({ roster: { version: 1 } })
  expect((await ask(second.listenUrl, { path: "/tuf/timestamp.json" })).status).toBe(200)
})

test("what was verified is enough to start again without any source; a source that goes back changes nothing", async () => {
  const { source, text, governed } = await setUp()
  const old = readFiles(source.folder)
  await source.change(text(2, 1))
  const node = await started(governed(0))
  expect((await statusOf(node)).roster.version).toBe(2)
  for (const [name, bytes] of old) writeFileSync(join(source.folder, name), bytes)
  const reply = JSON.parse((await followNow(node)).body) as object
  expect(reply).toMatchObject({ version: 2, fresh: false, failures: [{ source: source.url, code: "ROSTER_REFUSED" }] })
  expect((await statusOf(node)).roster.version).toBe(2)
  await node.stop()
  source.answer(503)
  const at = governed(0)
  expect((await statusOf(await started(at))).roster.version).toBe(2)
})

test("a newer list of popular names is used without a new start, and one that does not parse is not", async () => {
  const { source, governed } = await setUp()
  const node = await started(governed(0))
  expect((await statusOf(node)).governance).toMatchObject({ names: { from: "shipped" } })
  const list = formatNameList({ day: "2098-01-01", names: [{ name: "fence-posts", level: 700 }] })
  for (const [text, day] of [[list, "2098-01-01"], [`${list}\n`, "2098-01-01"], [list.replace("2098", "2099"), "2099-01-01"]] as const) {
    await source.change(text, "names.txt")
    expect((await followNow(node)).status).toBe(200)
    expect((await statusOf(node)).governance).toMatchObject({ version: 1, names: { day, from: "roster" } })
  }
  expect((await ask(node.listenUrl, { path: `/tuf/targets/${sha256Hex(list.replace("2098", "2099"))}.names.txt` })).body).toBe(list.replace("2098", "2099"))
})

test("a roster whose time is over: the node goes on serving, and status and log say so", async () => {
  const { source, governed } = await setUp()
  const at = governed(0)
  let nowMs = systemClock.nowMs()
  const world = { ...at.world, clock: { nowMs: () => nowMs } }
  const node = await startGoverned(startNode, at.config, world)
  cleanup(() => node.stop())
  nowMs += 7 * DAY_MS
  await followNow(node)
  expect((await statusOf(node)).governance).toMatchObject({ state: "expired", failures: [{ source: source.url, code: "ROSTER_EXPIRED" }] })
  expect(at.lines.join("")).toContain("the roster's time is over")
  expect((await ask(node.listenUrl, { path: "/-/healthz" })).status).toBe(200)
})

test("a node that the roster no longer lists ends, and says why; it does not start again", async () => {
  const { source, text, governed, entries } = await setUp(2)
  const node = await started(governed(1))
  await source.change(formatRoster([entries[0] as RosterNode], JSON.parse(text(1, 1)).registries as string[], { version: 2 }))
  await followNow(node)
  const why = await node.failed
  expect(why).toMatchObject({ code: "ROSTER_REFUSED", message: expect.stringContaining("roster version 2 does not list this node") as string })
  await expect(statusOf(node)).rejects.toThrow()
  const again = governed(1)
  await expect(startGoverned(startNode, again.config, again.world)).rejects.toMatchObject({ code: "ROSTER_REFUSED", message: expect.stringContaining("attests nothing any more") as string })
})

describe("no start", () => {
  test.each<[string, (setting: Awaited<ReturnType<typeof setUp>>) => Partial<NodeConfig>, string, string]>([
    ["a roster file and a genesis", ({ folder }) => ({ roster: join(folder, "r.json") }), "CONFIG_MALFORMED", "expected one of both"],
    ["a genesis without sources", () => ({ rosterSources: [] }), "CONFIG_MALFORMED", "no roster source"],
    ["sources without a genesis", () => ({ rosterGenesis: undefined }), "CONFIG_MALFORMED", "no roster genesis"],
    ["a genesis that is not there", ({ folder }) => ({ rosterGenesis: join(folder, "none.json") }), "CONFIG_MALFORMED", "cannot be read"],
    ["too many sources", ({ source }) => ({ rosterSources: Array.from({ length: 17 }, () => source.url) }), "CONFIG_MALFORMED", "at most 16"],
    ["a genesis that is no root", ({ folder }) => { writeFileSync(join(folder, "x.json"), "{}"); return { rosterGenesis: join(folder, "x.json") } }, "ROSTER_REFUSED", "roster: signed is not defined"],
    ["nobody to ask, and nothing kept", ({ source }) => { source.answer(503); return {} }, "UNREACHABLE", "status 503"],
    ["a source that swaps the roster", ({ source }) => { for (const [name] of readFiles(source.folder)) if (name.startsWith("targets/")) writeFileSync(join(source.folder, name), "{}"); return {} }, "ROSTER_REFUSED", "roster.json has 2 bytes"],
    ["a source without the roster", ({ source }) => { rmSync(join(source.folder, "targets"), { recursive: true }); return {} }, "UNREACHABLE", "has no targets/"],
  ])("%s", async (_, arrange, code, says) => {
    const setting = await setUp()
    const at = setting.governed(0, arrange(setting))
    await expect(startGoverned(startNode, at.config, at.world)).rejects.toMatchObject({ code, message: expect.stringContaining(says) as string })
  })
})

test("stopping twice is stopping once", async () => {
  const { governed } = await setUp()
  const node = await started(governed(0))
  await Promise.all([node.stop(), node.stop()])
  await expect(statusOf(node)).rejects.toThrow()
})
