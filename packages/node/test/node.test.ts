import { createHash } from "node:crypto"
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { nodeCrypto } from "@vouchsafe/client/node"
import { formatObservation, hexEncode, openCheckpoint, parseEntryBundle, parseObservation, parseRoster, utf8Decode } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { askEvidence, emptyFolder, evidence, fixture, place, registryOf, start, type Place } from "./network.ts"
import { ask, cleanup, tempFolder, type Reply } from "./support.ts"

const JSON_TYPE = { "content-type": "application/json" }
const CANARY = "canary-0123456789abcdef"
const data = (): string => join(tempFolder(), "data")

/** A lone node over a registry with a few packages. */
async function lone(more: { env?: Record<string, string>; packages?: number; token?: string } = {}) {
  const registry = await registryOf(more.packages ?? 3, more.token === undefined ? {} : { token: more.token })
  const at = place(data(), { registries: [registry.url] }, more.env)
  const node = await start(at)
  const keys = loadOrCreateKeys(at.config.data, node.operator)
  const artifact = (n: number | string) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url })
  return { registry, at, node, keys, artifact, url: node.listenUrl }
}

describe("a node without configuration", () => {
  test("makes keys and a roster of its own, takes the npm configuration's registry, and gives evidence", async () => {
    const registry = await registryOf(1)
    const at = place(data(), {}, { npm_config_registry: registry.url })
    const node = await start(at)
    const roster = parseRoster(nodeCrypto, readFileSync(node.rosterPath, "utf8"))
    expect(roster).toMatchObject({ singleOperator: true, registries: [registry.url], operators: ["local"] })
    expect(roster.nodes[0]?.url).toBe(node.listenUrl)
    const answer = await evidence(node.listenUrl, { artifacts: [{ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }] })
    expect(answer.artifacts[0]?.status).toBe("observed")
    // Alone, its own witness says the time.
    expect(answer.log.checkpoint).toContain("local.vouchsafe.local/witness")
    expect(registry.requests.every(({ userAgent }) => /^vouchsafe-node\/\d+\.\d+\.\d+ \(\+local\)$/.test(userAgent))).toBe(true)
  })
  test("is refused a registry that its roster does not list", async () => {
    const { at, node } = await lone()
    await node.stop()
    const other = place(at.config.data, { roster: node.rosterPath, registries: ["https://other.example/"] })
    await expect(start(other)).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("https://other.example/ is not in roster") })
  })
  test("on all addresses, is refused without a URL that means something", async () => {
    await expect(start(place(data(), { listen: { host: "0.0.0.0", port: 0 } }, { npm_config_registry: "https://registry.example/" }))).rejects.toMatchObject({ code: "CONFIG_MALFORMED", hint: expect.stringContaining("--url") })
  })
  test("is refused while another has the folder, and the address while another listens", async () => {
    const { at, node } = await lone()
    await expect(start(at)).rejects.toMatchObject({ code: "STATE_UNSAFE" })
    const port = Number(new URL(node.listenUrl).port)
    const second = place(data(), { listen: { host: "127.0.0.1", port } }, { npm_config_registry: "https://registry.example/" })
    await expect(start(second)).rejects.toMatchObject({ code: "UNREACHABLE", hint: expect.stringContaining("--listen") })
    // What failed to start gave its folder back.
    await start(place(second.config.data, {}, { npm_config_registry: "https://registry.example/" }))
  })
})

describe("routes", () => {
  test("the log as tiles, readable by anybody who knows tlog-tiles", async () => {
    const { url, keys, artifact } = await lone()
    await evidence(url, { artifacts: [artifact(0), artifact(1)] })
    const checkpoint = await ask(url, { path: "/log/checkpoint" })
    expect(openCheckpoint(nodeCrypto, checkpoint.body, keys.log.verifier).checkpoint.size).toBe(2)
    const bundle = await ask(url, { path: "/log/tile/entries/000.p/2" })
    expect(parseEntryBundle(bundle.bytes).map((entry) => parseObservation(utf8Decode(entry)).purl).sort()).toEqual([artifact(0).purl, artifact(1).purl])
    expect(bundle.headers).toMatchObject({ "content-type": "application/octet-stream", "content-disposition": "attachment", "cache-control": expect.stringContaining("immutable") })
    expect((await ask(url, { path: "/log/tile/0/000.p/2" })).bytes).toHaveLength(64)
    expect(openCheckpoint(nodeCrypto, (await ask(url, { path: "/notices/checkpoint" })).body, keys.notices.verifier).checkpoint.size).toBe(0)
    const hash = createHash("sha256").update(keys.log.verifier.name).digest("hex")
    expect((await ask(url, { path: `/witness/${hash}/checkpoint` })).body).toContain(`${keys.log.verifier.name}\n2\n`)
  })
  test("the manifest that an observation names", async () => {
    const { url, artifact } = await lone()
    const { log } = await evidence(url, { artifacts: [artifact(0)] })
    const { manifest } = parseObservation(log.entries[0] as string).contents
    const reply = await ask(url, { path: `/v1/manifest/${manifest}` })
    expect(hexEncode(nodeCrypto.sha256(reply.bytes))).toBe(manifest)
    expect(JSON.parse(reply.body)).toMatchObject({ format: "vouchsafe-manifest/v1" })
  })
  test("roster, status, metrics, health", async () => {
    const { url, node, registry, artifact } = await lone()
    await evidence(url, { artifacts: [artifact(0)] })
    expect((await ask(url, { path: "/v1/roster" })).body).toBe(readFileSync(node.rosterPath, "utf8"))
    const status = JSON.parse((await ask(url, { path: "/v1/status" })).body) as Record<string, unknown>
    expect(status).toMatchObject({
      format: "vouchsafe-status/v1", operator: "local", url, registries: [registry.url], queue: { waiting: 0, running: 0 },
      log: { size: 1, cosignedSize: 1, failure: null, witnesses: [{ name: "local", size: 1, failure: null }] }, notices: { size: 0, cosignedSize: 0 },
    })
    const metrics = (await ask(url, { path: "/metrics" })).body
    expect(metrics).toContain("vouchsafe_log_entries 1")
    expect(metrics).toContain('vouchsafe_observation_seconds_count{outcome="observed"} 1')
    expect(metrics).not.toContain("zz-0")
    expect((await ask(url, { path: "/-/healthz" })).body).toBe("ok\n")
  })
  test.each([
    "/log/", "/log", "/log/tile/0/00", "/log/tile/0/000", "/log/../keys/log.key", "/log/%2e%2e/keys/log.key", "/log/tile/../checkpoint", "/log/tile/entries/x000/000", "/notices/tile/0/000.p/0",
    "/v1/manifest/", "/v1/manifest/..", `/v1/manifest/${"0".repeat(64)}`, `/v1/manifest/${"0".repeat(63)}g`, "/witness/0/checkpoint", "/witness/", "/keys/log.key", "/admin.sock", "//log/checkpoint", "/v1/evidence/",
    "/v1/gather", "/v1/withdraw", "/v1/reverse", "/v1/recheck", "/__proto__", "/constructor",
  ])("404: %s", async (path) => {
    const { url } = await fresh()
    expect((await ask(url, { path })).status).toBe(404)
  })
})

/** A node for one row of a table. */
async function fresh() {
  const one = await lone({ packages: 0 })
  const size = async (): Promise<number> => (JSON.parse((await ask(one.url, { path: "/v1/status" })).body) as { log: { size: number } }).log.size
  return { url: one.url, node: one.node, size }
}

describe("A1: nobody else writes the attester's word", () => {
  test("an envelope, an oversized body and a polyglot shaped like an observation change no log, wherever they are sent", async () => {
    const { url, node, keys, registry, artifact } = await lone()
    const answer = await evidence(url, { artifacts: [artifact(0)] })
    const own = parseObservation(answer.log.entries[0] as string)
    const forged = formatObservation({ ...own, purl: artifact(1).purl, sha512: "0".repeat(128), log: keys.log.verifier.name })
    const envelope = JSON.stringify({ payload: Buffer.from(forged).toString("base64"), payloadType: "application/vnd.in-toto+json", signatures: [{ sig: Buffer.alloc(64).toString("base64") }] })
    const polyglot = JSON.stringify({ format: "vouchsafe-evidence-request/v1", artifacts: [artifact(2)], deadlineMs: 0, knownSize: 0, noticesFrom: 0, ...JSON.parse(forged) as object })
    const oversized = forged.padEnd(2 * 1024 * 1024, " ")
    const notice = JSON.stringify({ purl: artifact(1).purl, registry: registry.url, sha512: "0".repeat(128), reason: "x", predicate: { kind: "own", notice: "conflict" } })
    const replies: Reply[] = []
    for (const body of [forged, envelope, polyglot, oversized, notice]) {
      for (const path of ["/v1/evidence", "/witness/add-checkpoint", "/log/", "/log/tile/entries/000", "/notices/checkpoint", "/v1/manifest/x"]) {
        replies.push(await ask(url, { method: "POST", path, headers: JSON_TYPE, body }))
      }
      for (const path of ["/v1/gather", "/v1/withdraw", "/v1/reverse", "/v1/recheck"]) {
        replies.push(await ask(url, { method: "POST", path, headers: JSON_TYPE, body, socketPath: node.adminSocket }))
      }
    }
    expect(replies.filter(({ status }) => status < 400)).toEqual([])
    expect(await evidence(url, { artifacts: [artifact(0), artifact(1)] })).toMatchObject({ artifacts: [{ indices: [0] }, { indices: [1] }] })
    const status = JSON.parse((await ask(url, { path: "/v1/status" })).body) as { log: { size: number }; notices: { size: number } }
    expect([status.log.size, status.notices.size]).toEqual([2, 0])
    const second = parseObservation(((await evidence(url, { artifacts: [artifact(1)] })).log.entries)[0] as string)
    expect(second.sha512).toBe(registry.built("zz-1", "1.0.0")?.sha512)
  })
})

const EVIDENCE = { format: "vouchsafe-evidence-request/v1", artifacts: [] as unknown[], deadlineMs: 0, knownSize: 0, noticesFrom: 0 }
const BAD_EVIDENCE = [
  { name: "nothing", body: "", says: "not JSON" },
  { name: "cut JSON", body: JSON.stringify(EVIDENCE).slice(0, 40), says: "evidence request: not JSON" },
  { name: "bytes that are no UTF-8", body: Buffer.from([0x7b, 0xff, 0x7d]), says: "not valid UTF-8" },
  { name: "an array", body: "[]", says: "document is an array, expected an object" },
  { name: "null", body: "null", says: "document" },
  { name: "an unknown member", body: JSON.stringify({ ...EVIDENCE, extra: true }), says: "document.extra" },
  { name: "a missing member", body: JSON.stringify({ ...EVIDENCE, knownSize: undefined }), says: "document.knownSize" },
  { name: "another format", body: JSON.stringify({ ...EVIDENCE, format: "vouchsafe-evidence-request/v2" }), says: "format" },
  { name: "100,000 artifacts", body: JSON.stringify({ ...EVIDENCE, artifacts: new Array(100_000).fill(1) }), says: "artifacts is" },
  { name: "2,001 artifacts", body: JSON.stringify({ ...EVIDENCE, artifacts: Array.from({ length: 2_001 }, (_, i) => ({ purl: `pkg:npm/a${i}@1.0.0`, registry: "https://registry.example/" })) }), says: "at most 2000 items" },
  { name: "an artifact twice", body: JSON.stringify({ ...EVIDENCE, artifacts: [1, 2].map(() => ({ purl: "pkg:npm/a@1.0.0", registry: "https://registry.example/" })) }), says: "artifacts[1]" },
  { name: "a purl of another kind", body: JSON.stringify({ ...EVIDENCE, artifacts: [{ purl: "pkg:pypi/a@1", registry: "https://registry.example/" }] }), says: "pkg:pypi/a@1" },
  { name: "a purl in another spelling", body: JSON.stringify({ ...EVIDENCE, artifacts: [{ purl: "pkg:npm/@a/b@1.0.0", registry: "https://registry.example/" }] }), says: "pkg:npm/%40a/b@1.0.0" },
  { name: "a registry with credentials", body: JSON.stringify({ ...EVIDENCE, artifacts: [{ purl: "pkg:npm/a@1.0.0", registry: "https://me:pw@registry.example/" }] }), says: "artifacts[0].registry" },
  { name: "a negative size", body: JSON.stringify({ ...EVIDENCE, knownSize: -1 }), says: "knownSize is -1" },
  { name: "a size that is no number", body: JSON.stringify({ ...EVIDENCE, knownSize: "0" }), says: "knownSize" },
  { name: "a size in exponents", body: JSON.stringify(EVIDENCE).replace('"knownSize":0', '"knownSize":1e400'), says: "knownSize" },
  { name: "a prototype", body: `{"__proto__":{"artifacts":[]},${JSON.stringify(EVIDENCE).slice(1)}`, says: "__proto__" },
  { name: "deep nesting", body: "[".repeat(500_000), says: "not JSON" },
]
const BAD_CHECKPOINTS = [
  { name: "nothing", body: "", says: "invalid input" },
  { name: "no empty line", body: "old 0\n", says: "invalid input" },
  { name: "a size in hex", body: "old 0x1\n\nx\n", says: "old" },
  { name: "base64 that is wrong", body: `old 1\n${"A".repeat(43)}\n\nx\n1\n${"A".repeat(43)}=\n\n— x AAAA\n`, says: "proof line 1" },
  { name: "64 proof hashes", body: `old 1\n${`${"A".repeat(43)}=\n`.repeat(64)}\nx\n1\n${"A".repeat(43)}=\n\n— x AAAAAAAA\n`, says: "63" },
  { name: "no UTF-8", body: Buffer.from([0xff, 0xfe]), says: "UTF-8" },
]

describe("bad input: a clear error that names what and where, and the node goes on", () => {
  test.each(BAD_EVIDENCE)("evidence: $name", async ({ body, says }) => {
    const { url } = await fresh()
    const reply = await ask(url, { method: "POST", path: "/v1/evidence", headers: JSON_TYPE, body })
    expect(reply.status).toBe(400)
    expect((JSON.parse(reply.body) as { error: { code: string; message: string } }).error).toMatchObject({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) })
    expect((await ask(url, { path: "/-/healthz" })).status).toBe(200)
  })
  test.each(BAD_CHECKPOINTS)("add-checkpoint: $name", async ({ body, says }) => {
    const { url } = await fresh()
    const reply = await ask(url, { method: "POST", path: "/witness/add-checkpoint", body })
    expect([reply.status, reply.body]).toEqual([400, expect.stringContaining(says)])
    expect((await ask(url, { path: "/-/healthz" })).status).toBe(200)
  })
  test("add-checkpoint of 10 MB, and evidence of 10 MB, are not even read", async () => {
    const { url } = await fresh()
    for (const path of ["/witness/add-checkpoint", "/v1/evidence"]) {
      // The answer may come while the body is still being sent; a connection cut then is the same refusal.
      const reply = await ask(url, { method: "POST", path, headers: { ...JSON_TYPE, "content-length": String(10 * 1024 * 1024), expect: "100-continue" } }).catch((error: Error) => error)
      if (!(reply instanceof Error)) expect(reply.status).toBe(413)
      expect((await ask(url, { path: "/-/healthz" })).status).toBe(200)
    }
  })
  test.each([
    { path: "/v1/withdraw", body: { purl: "pkg:npm/zz-0@1.0.0", registry: "https://registry.example/", sha512: "00", reason: "x" }, says: "sha512" },
    { path: "/v1/withdraw", body: { purl: "pkg:npm/zz-0@1.0.0", registry: "https://registry.example/", sha512: "0".repeat(128), reason: "" }, says: "reason" },
    { path: "/v1/withdraw", body: { purl: "pkg:npm/zz-0@1.0.0", registry: "https://registry.example/", sha512: "0".repeat(128), reason: "a\nb\u001b[31m" }, says: "reason" },
    { path: "/v1/withdraw", body: { purl: "zz-0", registry: "https://registry.example/", sha512: "0".repeat(128), reason: "x" }, says: "purl" },
    { path: "/v1/reverse", body: { index: -1, reason: "x" }, says: "index" },
    { path: "/v1/reverse", body: { index: 0, reason: "x", force: true }, says: "force" },
    { path: "/v1/gather", body: { format: "vouchsafe-gather-request/v1", roster: "", artifacts: {}, deadlineMs: 0, known: [] }, says: "artifacts" },
    { path: "/v1/gather", body: { format: "vouchsafe-gather-request/v1", roster: "", artifacts: [], deadlineMs: 0, known: [{ origin: "x" }] }, says: "known[0].knownSize" },
    { path: "/v1/gather", body: { format: "vouchsafe-gather-request/v1", roster: "", artifacts: [], deadlineMs: 60_001, known: [] }, says: "deadlineMs" },
  ])("admin $path: $says", async ({ path, body, says }) => {
    const { node } = await fresh()
    const reply = await ask("http://localhost/", { method: "POST", path, headers: JSON_TYPE, body: JSON.stringify(body), socketPath: node.adminSocket })
    expect([reply.status, (JSON.parse(reply.body) as { error: { message: string } }).error.message]).toEqual([400, expect.stringContaining(says)])
  })
})

describe("A7: guards hold on every route of a running node", () => {
  const ROUTES = ["/log/checkpoint", "/notices/checkpoint", "/v1/roster", "/v1/status", "/metrics", "/-/healthz", "/v1/manifest/x", "/witness/x"]
  test.each(ROUTES)("421 for another Host: %s", async (path) => {
    const { url } = await fresh()
    expect((await ask(url, { path, headers: { host: "attacker.example" } })).status).toBe(421)
  })
  test.each(["/v1/evidence", "/witness/add-checkpoint", "/v1/nothing"])("403 for a page's POST: %s", async (path) => {
    const { url, size } = await fresh()
    for (const headers of [{ origin: "http://127.0.0.1" }, { "sec-fetch-site": "same-origin" }]) {
      expect((await ask(url, { method: "POST", path, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(EVIDENCE) })).status).toBe(403)
    }
    expect(await size()).toBe(0)
  })
  test("the admin's writes are not on the public listener, and a page's POST to its socket is refused too", async () => {
    const { url, node } = await fresh()
    for (const path of ["/v1/gather", "/v1/withdraw", "/v1/reverse", "/v1/recheck"]) {
      expect((await ask(url, { method: "POST", path, headers: JSON_TYPE, body: "{}" })).status).toBe(404)
      expect((await ask(url, { method: "POST", path, headers: { ...JSON_TYPE, origin: "null" }, body: "{}", socketPath: node.adminSocket })).status).toBe(403)
      expect((await ask(url, { method: "POST", path, headers: { "content-type": "text/plain" }, body: "{}", socketPath: node.adminSocket })).status).toBe(415)
    }
  })
})

describe("A8: credentials", () => {
  test("reach the registry, and no log line, statement, answer or file", async () => {
    const registry = await registryOf(2, { token: CANARY })
    const folder = data()
    emptyFolder(folder)
    writeFileSync(join(folder, ".npmrc"), `registry=${registry.url}\n//${new URL(registry.url).host}/:_authToken=${CANARY}\n`, { mode: 0o600 })
    const at = place(folder, { logLevel: "debug" }, { npm_config_userconfig: join(folder, ".npmrc") })
    const node = await start(at)
    const artifacts = ["zz-0@1.0.0", "zz-1@1.0.0", "zz-none@1.0.0"].map((name) => ({ purl: `pkg:npm/${name}`, registry: registry.url }))
    const answer = await askEvidence(node.listenUrl, { artifacts })
    expect(answer.body).toContain('"status":"observed"')
    await node.stop()
    expect(at.lines.length).toBeGreaterThan(0)
    for (const text of [answer.body, ...at.lines]) expect(text).not.toContain(CANARY)
    const { globSync } = await import("node:fs")
    for (const file of globSync("**/*", { cwd: folder }).filter((name) => name !== ".npmrc" && statSync(join(folder, name)).isFile())) {
      expect([file, readFileSync(join(folder, file)).includes(CANARY)]).toEqual([file, false])
    }
  })
})

describe("the admin socket", () => {
  const withRuntime = async (prepare: (runtime: string) => void = () => undefined): Promise<{ runtime: string; at: Place; node: Awaited<ReturnType<typeof start>> }> => {
    const runtime = emptyFolder(join(tempFolder(), "run"))
    prepare(runtime)
    const at = place(data(), {}, { XDG_RUNTIME_DIR: runtime, npm_config_registry: "https://registry.example/" })
    return { runtime, at, node: await start(at) }
  }
  const link = (runtime: string): string => join(runtime, "vouchsafe", "node.sock")

  test("is the owner's alone, linked for clients, and gone afterwards", async () => {
    const { runtime, node } = await withRuntime()
    expect([(lstatSync(node.adminSocket).mode & 0o777).toString(8), (lstatSync(join(runtime, "vouchsafe")).mode & 0o777).toString(8)]).toEqual(["600", "700"])
    expect(readlinkSync(link(runtime))).toBe(node.adminSocket)
    expect((await ask("http://localhost/", { path: "/-/healthz", socketPath: link(runtime) })).body).toBe("ok\n")
    await node.stop()
    expect([existsSync(node.adminSocket), lstatSync(link(runtime), { throwIfNoEntry: false })]).toEqual([false, undefined])
  })
  test("withdraws and reverses", async () => {
    const { url, node, registry, artifact } = await lone()
    await evidence(url, { artifacts: [artifact(0)] })
    const post = async (path: string, body: unknown) => JSON.parse((await ask("http://x/", { method: "POST", path, headers: JSON_TYPE, body: JSON.stringify(body), socketPath: node.adminSocket })).body) as unknown
    const withdrawal = { ...artifact(0), sha512: registry.built("zz-0", "1.0.0")?.sha512, reason: "stolen" }
    expect(await post("/v1/withdraw", withdrawal)).toEqual({ index: 0 })
    expect(await post("/v1/withdraw", withdrawal)).toEqual({ index: 0 })
    expect(await post("/v1/reverse", { index: 0, reason: "found" })).toEqual({ index: 1 })
    expect(await post("/v1/reverse", { index: 7, reason: "x" })).toMatchObject({ error: { code: "NOT_FOUND" } })
    expect(await post("/v1/recheck", artifact(0))).toEqual({ status: "observed", index: 0 })
    expect((await evidence(url, {})).notices.entries).toHaveLength(2)
  })
  test("a second node keeps its own socket and does not take the first one's link; a dead link is taken", async () => {
    const { runtime, node } = await withRuntime()
    const second = await start(place(data(), {}, { XDG_RUNTIME_DIR: runtime, npm_config_registry: "https://registry.example/" }))
    expect(readlinkSync(link(runtime))).toBe(node.adminSocket)
    expect((await ask("http://localhost/", { path: "/-/healthz", socketPath: second.adminSocket })).status).toBe(200)
    await second.stop()
    expect(readlinkSync(link(runtime))).toBe(node.adminSocket)
    await node.stop()
    symlinkSync("/nowhere/admin.sock", link(runtime))
    const third = await start(place(data(), {}, { XDG_RUNTIME_DIR: runtime, npm_config_registry: "https://registry.example/" }))
    expect(readlinkSync(link(runtime))).toBe(third.adminSocket)
  })
  test("somebody else's live socket in the link's place stays", async () => {
    const other = createServer()
    const { runtime, node } = await withRuntime((folder) => {
      mkdirSync(join(folder, "vouchsafe"), { mode: 0o700 })
      other.listen(link(folder))
      cleanup(() => new Promise((resolve) => other.close(resolve)))
    })
    expect([lstatSync(link(runtime)).isSocket(), existsSync(node.adminSocket)]).toEqual([true, true])
  })
  test.each([
    { name: "readable by others", prepare: (runtime: string) => mkdirSync(join(runtime, "vouchsafe"), { mode: 0o755 }) },
    { name: "a link to elsewhere", prepare: (runtime: string) => symlinkSync(emptyFolder(join(tempFolder(), "elsewhere")), join(runtime, "vouchsafe")) },
  ])("no link in a folder that is $name", async ({ prepare }) => {
    const { runtime, node } = await withRuntime(prepare)
    expect(lstatSync(link(runtime), { throwIfNoEntry: false })).toBeUndefined()
    expect(existsSync(node.adminSocket)).toBe(true)
  })
  test("a data folder whose path is too long for a socket", async () => {
    const at = place(join(tempFolder(), "x".repeat(120), "data"), {}, { npm_config_registry: "https://registry.example/" })
    const node = await start(at)
    expect([(lstatSync(node.adminSocket).mode & 0o777).toString(8), lstatSync(node.adminSocket).isSocket()]).toEqual(["600", true])
    await node.stop()
    expect(existsSync(node.adminSocket)).toBe(false)
  })
})

test("requests in work are answered before the node ends", async () => {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => { release = resolve })
  let seen = (): void => undefined
  const asked = new Promise<void>((resolve) => { seen = resolve })
  const registry = await registryOf(0, { packages: [fixture("slow")], intercept: async ({ url }) => { if (url?.includes("slow")) { seen(); await held } return false } })
  cleanup(() => release())
  const node = await start(place(data(), { registries: [registry.url] }))
  const waiting = evidence(node.listenUrl, { artifacts: [{ purl: "pkg:npm/zz-slow@1.0.0", registry: registry.url }], deadlineMs: 60_000 })
  await asked
  const stopped = node.stop()
  expect((await waiting).artifacts[0]?.status).toMatch(/^(pending|refused)$/)
  await stopped
  await expect(ask(node.listenUrl, { path: "/-/healthz" })).rejects.toThrow("ECONNREFUSED")
})
