import { createPrivateKey, createHash } from "node:crypto"
import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseSigningKey } from "@vouchsafe/core"
import { beforeAll, describe, expect, test } from "vitest"
import { ADMIN_DENIALS_PER_ADDRESS, ADMIN_PER_CALLER, CLOCK_AHEAD_SECONDS_MAX, SIGNATURE_SECONDS_MAX } from "../src/auth/limits.ts"
import { createNonces } from "../src/auth/nonces.ts"
import { startNode, type NodeConfig, type RunningNode } from "../src/index.ts"
import { adminKeyOf, newAdminKey, signedHeaders, type Parts } from "./admin-signer.ts"
import { evidence, fixture, place } from "./network.ts"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import type { IncomingMessage } from "node:http"
import { Readable } from "node:stream"
import { createBudget } from "../src/evidence/budget.ts"
import { type PublicOptions, publicRoutes } from "../src/routes/public.ts"
import { ask, type Ask, manualTime, type Reply } from "./support.ts"

const TOKEN = "admin-token-0123456789"
const NOBODYS = "canary-token-9876543210"
/** In every body: must be in no log line. */
const CANARY = "canary-reason-31415926"
const ops = newAdminKey("ops.example/admin")
const stranger = newAdminKey("ops.example/admin")

interface World {
  readonly node: RunningNode
  readonly url: string
  readonly lines: string[]
  readonly registry: string
  readonly sha512: string
  /** The node's clock, in seconds. */
  now(): number
  pass(seconds: number): void
  restart(): Promise<void>
}

/** One node for the whole file: what is refused must leave it as it was, row after row. */
async function openWorld(more: (folder: string) => Partial<NodeConfig>): Promise<{ world: World; close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "vs-admin-"))
  const registry = await startRegistry({ packages: [fixture(0), fixture(1)] })
  let shiftMs = 0
  const at = place(join(folder, "data"), { registries: [registry.url], ...more(folder) })
  const begin = (): Promise<RunningNode> => startNode(at.config, { ...at.world, clock: { nowMs: () => Date.now() + shiftMs } })
  let node = await begin()
  // Nothing signed is taken for some seconds after a start.
  shiftMs += 100_000
  await evidence(node.listenUrl, { artifacts: [{ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }] })
  return {
    world: {
      get node() {
        return node
      },
      get url() {
        return node.listenUrl
      },
      lines: at.lines, registry: registry.url, sha512: registry.built("zz-0", "1.0.0")?.sha512 ?? "",
      now: () => Math.floor((Date.now() + shiftMs) / 1000),
      pass: (seconds) => { shiftMs += seconds * 1000 },
      async restart() {
        await node.stop()
        node = await begin()
      },
    },
    async close() {
      await node.stop()
      await registry.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const asList = (headers: Record<string, string>): string[] => Object.entries(headers).flat()

function withdrawal(world: World): string {
  return JSON.stringify({ purl: "pkg:npm/zz-0@1.0.0", registry: world.registry, sha512: world.sha512, reason: CANARY })
}

function signed(world: World, name: string, body: string, more: Partial<Parts> = {}, key = ops): Ask {
  return { method: "POST", path: `/v1/admin/${name}`, headers: signedHeaders(key, `${world.url}v1/admin/${name}`, body, world.now(), more), body }
}

/** All that a request could have changed: both logs and what is left to do. */
async function stateOf({ url }: World): Promise<unknown> {
  const { log, notices, queue } = JSON.parse((await ask(url, { path: "/v1/status" })).body) as { log: { size: number; checkpoint: string }; notices: { size: number; checkpoint: string }; queue: unknown }
  // Cosignatures are renewed by the hour; the signed text is the state.
  return [log.size, log.checkpoint.split("\n\n")[0], notices.size, notices.checkpoint.split("\n\n")[0], queue]
}

interface Row {
  readonly name: string
  readonly status: number
  readonly code: string
  readonly says: string
  readonly request: (world: World) => Ask | Promise<Ask>
}

const change = (headers: Record<string, string>, name: string, value: string): Record<string, string> => ({ ...headers, [name]: value })
const headersOf = (request: Ask): Record<string, string> => request.headers as Record<string, string>
const edited = (name: string, edit: (value: string) => string) => (world: World): Ask => {
  const request = signed(world, "withdraw", withdrawal(world))
  return { ...request, headers: change(headersOf(request), name, edit(headersOf(request)[name] ?? "")) }
}
const signedWith = (more: (world: World) => Partial<Parts>, key = ops) => (world: World): Ask => signed(world, "withdraw", withdrawal(world), more(world), key)
const twice = (name: string) => (world: World): Ask => {
  const request = signed(world, "withdraw", withdrawal(world))
  const headers = headersOf(request)
  return { ...request, headers: ["host", new URL(world.url).host, ...asList(headers), name, headers[name] ?? ""] }
}
const without = (name: string) => (world: World): Ask => {
  const request = signed(world, "withdraw", withdrawal(world))
  return { ...request, headers: Object.fromEntries(Object.entries(headersOf(request)).filter(([known]) => known !== name)) }
}
const bearer = (authorization: string) => (world: World): Ask => ({
  method: "POST", path: "/v1/admin/withdraw", headers: { "content-type": "application/json", authorization }, body: withdrawal(world),
})
const UNPROVEN = { status: 401, code: "UNAUTHENTICATED" } as const
const BARRED = { status: 403, code: "NOT_ALLOWED" } as const

const ROWS: readonly Row[] = [
  { name: "unsigned", ...UNPROVEN, says: "neither signed", request: (world) => ({ method: "POST", path: "/v1/admin/withdraw", headers: { "content-type": "application/json" }, body: withdrawal(world) }) },
  { name: "unsigned, to a path that is not there", ...UNPROVEN, says: "neither signed", request: () => ({ method: "POST", path: "/v1/admin/nothing", headers: { "content-type": "application/json" }, body: "{}" }) },
  { name: "unsigned, as GET", ...UNPROVEN, says: "neither signed", request: () => ({ path: "/v1/admin/withdraw" }) },
  { name: "a key that nobody named", ...BARRED, says: "names a key", request: signedWith(() => ({}), stranger) },
  { name: "a stranger under the admin's key id", ...UNPROVEN, says: "not over this request", request: signedWith(() => ({ keyId: ops.keyId }), stranger) },
  { name: "the node's own log key", ...BARRED, says: "names a key", request: (world) => {
    const line = readFileSync(join(world.node.data, "keys", "log.key"), "utf8").trim()
    // The seed's base64 may hold a "+" too.
    const seed = Buffer.from(line.split("+").slice(4).join("+"), "base64").subarray(1)
    const own = adminKeyOf(parseSigningKey(line).signer.verifier.name, createPrivateKey({ key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]), format: "der", type: "pkcs8" }))
    return signed(world, "withdraw", withdrawal(world), {}, own)
  } },
  { name: "expired", ...UNPROVEN, says: "expired", request: signedWith((world) => ({ created: world.now() - 40, expires: world.now() - 10 })) },
  { name: "expired by a second", ...UNPROVEN, says: "expired", request: signedWith((world) => ({ created: world.now() - 31, expires: world.now() - 1 })) },
  { name: "from the future", ...UNPROVEN, says: "in the future", request: signedWith((world) => ({ created: world.now() + CLOCK_AHEAD_SECONDS_MAX + 5, expires: world.now() + 30 })) },
  { name: "good for too long", ...UNPROVEN, says: `expected 1 to ${SIGNATURE_SECONDS_MAX}`, request: signedWith((world) => ({ expires: world.now() + SIGNATURE_SECONDS_MAX + 1 })) },
  { name: "good for no time", ...UNPROVEN, says: "good for 0 s", request: signedWith((world) => ({ created: world.now(), expires: world.now() })) },
  { name: "over before it begins", ...UNPROVEN, says: "good for -", request: signedWith((world) => ({ created: world.now(), expires: world.now() - 5 })) },
  { name: "replayed", ...UNPROVEN, says: "sent before", request: async (world) => {
    const request = signed(world, "budgets", "{}")
    expect((await ask(world.url, request)).status).toBe(200)
    return request
  } },
  { name: "a nonce of another request", ...UNPROVEN, says: "sent before", request: async (world) => {
    const nonce = "n".repeat(22)
    expect((await ask(world.url, signed(world, "budgets", "{}", { nonce }))).status).toBe(200)
    return signed(world, "withdraw", withdrawal(world), { nonce })
  } },
  { name: "replayed with another body", ...UNPROVEN, says: "sent before", request: async (world) => {
    const request = signed(world, "budgets", "{}")
    await ask(world.url, request)
    return { ...request, body: withdrawal(world) }
  } },
  { name: "another body", ...UNPROVEN, says: "the body is not the one", request: (world) => ({ ...signed(world, "withdraw", withdrawal(world)), body: withdrawal(world).replace("zz-0", "zz-1") }) },
  { name: "no body", ...UNPROVEN, says: "the body is not the one", request: (world) => ({ ...signed(world, "withdraw", withdrawal(world)), body: "" }) },
  { name: "another body with its own digest", ...UNPROVEN, says: "not over this request", request: (world) => {
    const body = withdrawal(world).replace("zz-0", "zz-1")
    const request = signed(world, "withdraw", withdrawal(world))
    return { ...request, body, headers: change(headersOf(request), "content-digest", `sha-256=:${createHash("sha256").update(body).digest("base64")}:`) }
  } },
  { name: "signed for another path", ...UNPROVEN, says: "not over this request", request: (world) => ({ ...signed(world, "recheck", withdrawal(world)), path: "/v1/admin/withdraw" }) },
  { name: "signed for another node", ...UNPROVEN, says: "not over this request", request: signedWith(() => ({ target: "https://other.example/v1/admin/withdraw" })) },
  { name: "signed for another name of this node", ...UNPROVEN, says: "not over this request", request: signedWith((world) => ({ target: `http://localhost:${new URL(world.url).port}/v1/admin/withdraw` })) },
  { name: "signed for another method", ...UNPROVEN, says: "not over this request", request: signedWith(() => ({ method: "PUT" })) },
  { name: "sent as GET", ...UNPROVEN, says: "another method", request: (world) => ({ ...signed(world, "budgets", "", { method: "GET" }), method: "GET" }) },
  { name: "a query that nobody signed", ...UNPROVEN, says: "a query", request: (world) => ({ ...signed(world, "withdraw", withdrawal(world)), path: "/v1/admin/withdraw?force=1" }) },
  { name: "a query that is signed", ...UNPROVEN, says: "a query", request: (world) => ({ ...signed(world, "withdraw", withdrawal(world), { target: `${world.url}v1/admin/withdraw?force=1` }), path: "/v1/admin/withdraw?force=1" }) },
  { name: "another tag", ...UNPROVEN, says: "one spelling", request: signedWith(() => ({ tag: "vouchsafe" })) },
  { name: "another algorithm", ...UNPROVEN, says: "one spelling", request: signedWith(() => ({ algorithm: "hmac-sha256" })) },
  { name: "another label", ...UNPROVEN, says: "one spelling", request: signedWith(() => ({ label: "sig1" })) },
  { name: "a short nonce", ...UNPROVEN, says: "one spelling", request: signedWith(() => ({ nonce: "abc" })) },
  { name: "nothing covered", ...UNPROVEN, says: "one spelling", request: signedWith(() => ({ components: [] })) },
  { name: "body not covered", ...UNPROVEN, says: "one spelling", request: signedWith(() => ({ components: ["@method", "@target-uri", "content-type"] })) },
  { name: "components in another order", ...UNPROVEN, says: "one spelling", request: signedWith(() => ({ components: ["@target-uri", "@method", "content-digest", "content-type"] })) },
  { name: "one component more", ...UNPROVEN, says: "one spelling", request: signedWith(() => ({ components: ["@method", "@target-uri", "content-digest", "content-type", "host"] })) },
  { name: "created with a zero in front", ...UNPROVEN, says: "one spelling", request: edited("signature-input", (value) => value.replace("created=", "created=0")) },
  { name: "parameters in another order", ...UNPROVEN, says: "one spelling", request: edited("signature-input", (value) => value.replace(';alg="ed25519";tag="vouchsafe-admin"', ';tag="vouchsafe-admin";alg="ed25519"')) },
  { name: "a space after a semicolon", ...UNPROVEN, says: "one spelling", request: edited("signature-input", (value) => value.replace(";created", "; created")) },
  { name: "two signatures in one header", ...UNPROVEN, says: "one spelling", request: edited("signature-input", (value) => `${value}, other=${value.slice("vouchsafe=".length)}`) },
  { name: "another digest beside", ...UNPROVEN, says: "content-digest", request: edited("content-digest", (value) => `${value}, sha-512=:AAAA:`) },
  { name: "a digest of another kind", ...UNPROVEN, says: "content-digest", request: edited("content-digest", () => `sha-512=:${Buffer.alloc(64).toString("base64")}:`) },
  { name: "a signature cut short", ...UNPROVEN, says: "signature is unreadable", request: edited("signature", (value) => value.replace(/.{4}==:$/, "==:")) },
  { name: "a signature with one bit turned", ...UNPROVEN, says: "not over this request", request: edited("signature", (value) => value.replace(/=:(.)/, (_, first: string) => `=:${first === "A" ? "B" : "A"}`)) },
  { name: "a signature of nothing", ...UNPROVEN, says: "not over this request", request: edited("signature", () => `vouchsafe=:${Buffer.alloc(64).toString("base64")}:`) },
  { name: "base64 with loose bits", ...UNPROVEN, says: "signature is unreadable", request: edited("signature", (value) => value.replace(/.==:$/, (end) => `${end.startsWith("A") || end.startsWith("Q") || end.startsWith("g") || end.startsWith("w") ? "B" : "x"}==:`)) },
  { name: "the media type with a parameter", ...UNPROVEN, says: "content-type is not", request: edited("content-type", (value) => `${value}; charset=utf-8`) },
  ...["signature", "signature-input", "content-digest", "content-type"].map((header): Row => ({ name: `${header} twice`, ...UNPROVEN, says: `2 ${header} headers`, request: twice(header) })),
  ...["signature", "signature-input", "content-digest", "content-type"].map((header): Row => ({ name: `no ${header}`, ...UNPROVEN, says: `0 ${header} headers`, request: without(header) })),
  { name: "a signature and a token", ...UNPROVEN, says: "one of them", request: (world) => {
    const request = signed(world, "withdraw", withdrawal(world))
    return { ...request, headers: change(headersOf(request), "authorization", `Bearer ${TOKEN}`) }
  } },
  { name: "nobody's token", ...BARRED, says: "nobody's", request: bearer(`Bearer ${NOBODYS}`) },
  { name: "a token with another scheme", ...BARRED, says: "nobody's", request: bearer(`Basic ${TOKEN}`) },
  { name: "a token cut short", ...BARRED, says: "nobody's", request: bearer(`Bearer ${TOKEN.slice(0, -1)}`) },
  { name: "two tokens", ...UNPROVEN, says: "2 Authorization headers", request: (world) => ({
    method: "POST", path: "/v1/admin/withdraw", body: withdrawal(world),
    headers: ["host", new URL(world.url).host, "content-type", "application/json", "authorization", `Bearer ${TOKEN}`, "authorization", `Bearer ${TOKEN}`],
  }) },
]

const refusedLines = (world: World): { code: string; why: string; path: string; from: string }[] =>
  world.lines.map((line) => JSON.parse(line) as { msg: string; code: string; why: string; path: string; from: string }).filter(({ msg }) => msg === "an admin request was refused")

describe("Unsigned, wrongly signed, replayed and expired admin requests: 401/403, logged, nothing changed", () => {
  let world: World
  beforeAll(async () => {
    const opened = await openWorld((folder) => {
      const file = join(folder, "admin-tokens")
      writeFileSync(file, `# who may\nmonitoring ${TOKEN}\n`, { mode: 0o600 })
      return { adminKeys: [ops.vkey], adminTokenFile: file }
    })
    world = opened.world
    return opened.close
  })

  test.each(ROWS)("$name", async ({ request, status, code, says }) => {
    // Long enough for what the row before used up of the address's share.
    world.pass(1_000)
    const given = await request(world)
    const before = await stateOf(world)
    const count = refusedLines(world).length
    const reply = await ask(world.url, given)
    expect([reply.status, (JSON.parse(reply.body) as { error: { code: string } }).error.code], reply.body).toEqual([status, code])
    expect(reply.body).toContain(says)
    expect(await stateOf(world)).toEqual(before)
    const logged = refusedLines(world).slice(count)
    expect(logged).toMatchObject([{ code, from: "127.0.0.1", path: (given.path ?? "").split("?")[0], why: expect.stringContaining(says) as string }])
    expect(world.lines.join("")).not.toContain(CANARY)
    expect(world.lines.join("")).not.toContain(NOBODYS)
    if (status === 401) expect([reply.headers["www-authenticate"], reply.headers["accept-signature"]]).toEqual(["Bearer", expect.stringContaining('tag="vouchsafe-admin"')])
  })
  test("from before a restart, though not expired and never seen by this process", async () => {
    world.pass(1_000)
    const [first, second] = [signed(world, "withdraw", withdrawal(world)), signed(world, "budgets", "{}", { created: world.now() + CLOCK_AHEAD_SECONDS_MAX, expires: world.now() + 50 })]
    expect((await ask(world.url, second)).status).toBe(200)
    const before = await stateOf(world)
    const { port } = new URL(world.url)
    await world.restart()
    // The address is another one after a restart on any port: what is refused is the time, which is looked at first.
    expect(new URL(world.url).port).not.toBe("")
    for (const request of [first, second]) {
      const reply = await ask(world.url, request)
      expect([reply.status, reply.body], port).toEqual([401, expect.stringContaining("before this node started")])
    }
    expect((await ask(world.url, signed(world, "budgets", "{}"))).body).toContain("before this node started")
    world.pass(CLOCK_AHEAD_SECONDS_MAX + 1)
    expect((await ask(world.url, signed(world, "budgets", "{}"))).status).toBe(200)
    expect(await stateOf(world)).toEqual(before)
  })
  test("an address that proves nothing too often hears 429, and the admin at the same address is still let through", async () => {
    world.pass(1_000)
    const before = await stateOf(world)
    const replies: Reply[] = []
    for (let i = 0; i <= ADMIN_DENIALS_PER_ADDRESS.burst; i++) replies.push(await ask(world.url, { method: "POST", path: "/v1/admin/withdraw", headers: { "content-type": "application/json" }, body: "{}" }))
    expect(replies.map(({ status }) => status)).toEqual([...new Array<number>(ADMIN_DENIALS_PER_ADDRESS.burst).fill(401), 429])
    expect((await ask(world.url, signed(world, "budgets", "{}"))).status).toBe(200)
    expect(await stateOf(world)).toEqual(before)
  })
  test("a key that asks too often hears 429", async () => {
    world.pass(1_000)
    const statuses: number[] = []
    for (let i = 0; i <= ADMIN_PER_CALLER.burst; i++) statuses.push((await ask(world.url, signed(world, "budgets", "{}"))).status)
    expect(statuses).toEqual([...new Array<number>(ADMIN_PER_CALLER.burst).fill(200), 429])
  })
  test("what is signed, and is not for a stranger's machine: backup and gather stay with the socket", async () => {
    world.pass(1_000)
    for (const name of ["backup", "gather"]) {
      const reply = await ask(world.url, signed(world, name, JSON.stringify({ to: "/nowhere", withKeys: true })))
      expect([reply.status, reply.body]).toEqual([403, expect.stringContaining("admin socket only")])
    }
    expect((await ask(world.url, signed(world, "nothing", "{}"))).status).toBe(404)
  })
  test("the guards against pages stand before a good signature", async () => {
    world.pass(1_000)
    const before = await stateOf(world)
    for (const [header, value, status] of [["origin", "https://evil.example", 403], ["sec-fetch-site", "same-origin", 403], ["host", "evil.example", 421], ["content-encoding", "gzip", 415]] as const) {
      const request = signed(world, "withdraw", withdrawal(world))
      expect([header, (await ask(world.url, { ...request, headers: change(headersOf(request), header, value) })).status]).toEqual([header, status])
    }
    expect(await stateOf(world)).toEqual(before)
  })
  test("a signed withdrawal, its reversal, a look again, and what is left of the budgets; the same with a token and on the socket", async () => {
    world.pass(1_000)
    const withdrawn = await ask(world.url, signed(world, "withdraw", withdrawal(world)))
    expect([withdrawn.status, JSON.parse(withdrawn.body)]).toEqual([200, { index: 0 }])
    const reversed = await ask(world.url, signed(world, "reverse", JSON.stringify({ index: 0, reason: "a mistake" })))
    expect([reversed.status, JSON.parse(reversed.body)]).toEqual([200, { index: 1 }])
    const again = await ask(world.url, signed(world, "recheck", JSON.stringify({ purl: "pkg:npm/zz-0@1.0.0", registry: world.registry })))
    expect(JSON.parse(again.body)).toMatchObject({ status: "observed", index: 0 })
    expect(JSON.parse((await ask(world.url, signed(world, "budgets", "{}"))).body)).toMatchObject({ format: "vouchsafe-budgets/v1", observations: { global: expect.any(Number) as number }, builds: null })
    const byToken = await ask(world.url, bearer(`Bearer ${TOKEN}`)(world))
    expect([byToken.status, JSON.parse(byToken.body)]).toEqual([200, { index: 2 }])
    const bySocket = await ask(world.url, { method: "POST", path: "/v1/admin/withdraw", headers: { "content-type": "application/json" }, body: withdrawal(world), socketPath: world.node.adminSocket })
    expect(JSON.parse(bySocket.body)).toEqual({ index: 2 })
    const answered = world.lines.map((line) => JSON.parse(line) as { msg: string; by?: string; path?: string }).filter(({ msg }) => msg === "an admin request was answered")
    expect(answered.map(({ by, path }) => `${by} ${path}`)).toEqual(expect.arrayContaining(["key ops.example/admin /v1/admin/withdraw", "token monitoring /v1/admin/withdraw"]))
    expect(world.lines.join("")).not.toContain(CANARY)
    expect(world.lines.join("")).not.toContain(TOKEN)
  })
  test("a signed body that does not parse, or is too large, is the caller's mistake and changes nothing", async () => {
    world.pass(1_000)
    const before = await stateOf(world)
    const [wrong, large] = [JSON.stringify({ purl: "x" }), JSON.stringify({ reason: "x".repeat(20_000) })]
    expect((await ask(world.url, signed(world, "withdraw", wrong))).status).toBe(400)
    expect((await ask(world.url, signed(world, "withdraw", large))).status).toBe(413)
    expect(await stateOf(world)).toEqual(before)
  })
})

describe("closed by default", () => {
  let world: World
  beforeAll(async () => {
    const opened = await openWorld(() => ({}))
    world = opened.world
    return opened.close
  })
  test("without adminKey and adminTokenFile every admin route of the public listener is 401, signed or not", async () => {
    const before = await stateOf(world)
    for (const name of ["withdraw", "reverse", "recheck", "pin", "budgets", "gather", "backup", "nothing"]) {
      for (const request of [signed(world, name, "{}"), { path: `/v1/admin/${name}` }, { method: "POST", path: `/v1/admin/${name}`, headers: { authorization: `Bearer ${TOKEN}` } }]) {
        world.pass(100)
        expect([name, (await ask(world.url, request)).status]).toEqual([name, 401])
      }
    }
    expect(await stateOf(world)).toEqual(before)
    expect(refusedLines(world)).toHaveLength(24)
  })
  test("the socket's own paths are not there on the public listener", async () => {
    for (const path of ["/v1/withdraw", "/v1/reverse", "/v1/recheck", "/v1/gather", "/v1/backup", "/v1/budgets"]) {
      expect([path, (await ask(world.url, { method: "POST", path, headers: { "content-type": "application/json" }, body: withdrawal(world) })).status]).toEqual([path, 404])
    }
  })
})

describe("a node does not start", () => {
  test("with a key that signs something else for it, or tokens that others can read", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vs-admin-"))
    try {
      const first = place(join(folder, "data"), {}, { npm_config_registry: "https://registry.example/" })
      await (await startNode(first.config, first.world)).stop()
      const own = parseSigningKey(readFileSync(join(folder, "data", "keys", "log.key"), "utf8").trim()).signer.verifier.vkey
      const mixed = place(join(folder, "data"), { adminKeys: [own] }, { npm_config_registry: "https://registry.example/" })
      await expect(startNode(mixed.config, mixed.world)).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("signs something else") as string })
      const file = join(folder, "tokens")
      writeFileSync(file, `${TOKEN}\n`)
      chmodSync(file, 0o644)
      const open = place(join(folder, "data"), { adminTokenFile: file }, { npm_config_registry: "https://registry.example/" })
      await expect(startNode(open.config, open.world)).rejects.toMatchObject({ code: "STATE_UNSAFE" })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

test("an address that hands in too many checkpoints hears 429, before anything of them is read; another address does not", async () => {
  const asked: Uint8Array[] = []
  const { clock } = manualTime()
  const routes = publicRoutes({
    witness: { addCheckpoint: async (body: Uint8Array) => {
      asked.push(body)
      return { status: 403, contentType: "text/plain", body: new Uint8Array(0) }
    }, monitor: async () => ({ status: 404, contentType: "text/plain", body: new Uint8Array(0) }) },
    witnessBudget: createBudget(clock, { burst: 2, perSecond: 0.5 }, { burst: 100, perSecond: 100 }),
    log: undefined, notices: undefined, evidence: undefined, releases: undefined, blobs: undefined, metrics: undefined, rosterText: "", status: () => ({}), unhealthy: () => undefined,
  } as unknown as PublicOptions)
  const route = routes.find(({ path }) => path === "/witness/add-checkpoint")
  const hand = async (from: string): Promise<number | undefined> => {
    const request = Object.assign(Readable.from([Buffer.from("x")]), { headers: {}, rawHeaders: [] }) as unknown as IncomingMessage
    return (await route?.post?.({ request, path: "/witness/add-checkpoint", from, signal: new AbortController().signal }))?.status
  }
  expect([await hand("192.0.2.1"), await hand("192.0.2.1"), await hand("192.0.2.1"), await hand("192.0.2.2")]).toEqual([403, 403, 429, 403])
  expect(asked).toHaveLength(3)
})

test("a nonce is forgotten when it has expired, never to make room", () => {
  const nonces = createNonces(2)
  expect([nonces.use("a", 10, 1), nonces.use("a", 10, 1), nonces.use("b", 20, 1), nonces.use("c", 20, 10), nonces.use("c", 20, 11), nonces.size]).toEqual(["fresh", "seen", "fresh", "full", "fresh", 2])
})
