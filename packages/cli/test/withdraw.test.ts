import { createHash, verify as verifySignature } from "node:crypto"
import { createServer } from "node:http"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { KEY_TYPE, signerFromSeed, sriOfSha512 } from "@vouchsafe/core"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { signAdminRequest } from "../src/admin/sign.ts"
import { createKeyFile } from "../src/keys/key-file.ts"
import { type Asked, fakeNode, type Reply } from "./support/fake-node.ts"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
const key = join(dir, "ops.key")
const TOKEN = "canary-token-0123456789"
let publicKey: Uint8Array
let registry: Awaited<ReturnType<typeof startRegistry>>
beforeAll(async () => {
  publicKey = (await createKeyFile(key, "ops.example/admin", undefined)).verifier.publicKey
  registry = await startRegistry({ packages: [{ name: "left", version: "1.0.0", files: { "index.js": "1\n" } }] })
  writeFileSync(join(dir, "token"), `ops ${TOKEN}\n`, { mode: 0o600 })
})
afterAll(() => registry.close())

const node = (reply: Reply) => fakeNode(({ path }) => (path === "/v1/admin/withdraw" ? reply : undefined))
const run = (...argv: string[]) => vouchsafe(dir, ["withdraw", "left@1.0.0", "--reason", "steals tokens", ...argv], { env: environment(dir, { npm_config_registry: registry.url }) })
const sha512 = (): string => registry.built("left", "1.0.0")?.sha512 as string

/** Reads a signature with nothing of the code under test: RFC 9421 over what arrived. */
function isSigned(url: string, { method, path, headers, body }: Asked): boolean {
  const input = /^vouchsafe=(.*)$/.exec(String(headers["signature-input"]))?.[1] ?? ""
  const target = `${url.replace(/\/$/, "")}${path}`
  const base = `"@method": ${method}\n"@target-uri": ${target}\n"content-digest": ${String(headers["content-digest"])}\n"content-type": ${String(headers["content-type"])}\n"@signature-params": ${input}`
  const signature = Buffer.from(/^vouchsafe=:(.*):$/.exec(String(headers["signature"]))?.[1] ?? "", "base64")
  const spki = { key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]), format: "der", type: "spki" } as const
  return headers["content-digest"] === `sha-256=:${createHash("sha256").update(body).digest("base64")}:` && verifySignature(null, Buffer.from(base), spki, signature)
}

describe("withdraw", () => {
  test("signs for the node that is named, about the bytes that the registry serves", async () => {
    const { url, asked } = await node({ json: { index: 7 } })
    const ran = await run("--node", url, "--admin-key", key)
    expect([ran.status, ran.out, ran.err]).toEqual([0, `left@1.0.0 is withdrawn by ${url}: entry 7 of its notices\n`, ""])
    expect(asked).toHaveLength(1)
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual({ purl: "pkg:npm/left@1.0.0", registry: registry.url, sha512: sha512(), reason: "steals tokens" })
    expect([isSigned(url, asked[0] as Asked), asked[0]?.headers["authorization"]]).toEqual([true, undefined])
    const [first, second] = [asked[0]?.headers["signature-input"], (await run("--node", url, "--admin-key", key), asked[1]?.headers["signature-input"])]
    const nonce = (text: unknown): string => /nonce="([^"]+)"/.exec(String(text))?.[1] ?? ""
    expect([nonce(first).length, nonce(first) === nonce(second)]).toEqual([32, false])
    const json = await run("--node", url, "--admin-key", key, "--json")
    expect(documentIn(json.out)).toEqual({ node: url, purl: "pkg:npm/left@1.0.0", registry: registry.url, sha512: sha512(), index: 7 })
  })
  test("with a token, and of bytes that are named", async () => {
    const { url, asked } = await node({ json: { index: 0 } })
    const other = createHash("sha512").update("other").digest("hex")
    expect((await run("--node", url, "--admin-token-file", "token", "--integrity", sriOfSha512(other))).status).toBe(0)
    writeFileSync(join(dir, "left.tgz"), "other")
    expect((await run("--node", url, "--admin-token-file", "token", "--tarball", "left.tgz")).status).toBe(0)
    expect(asked.map(({ headers, body }) => [headers["authorization"], headers["signature"], (JSON.parse(body) as { sha512: string }).sha512])).toEqual([[`Bearer ${TOKEN}`, undefined, other], [`Bearer ${TOKEN}`, undefined, other]])
  })
  test("asks one's own node over its socket, and shows it nothing", async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${String(request.headers["signature"])} ${String(request.headers["authorization"])}`)
      response.end('{"index":1}')
    })
    await new Promise<void>((resolve) => { server.listen(join(dir, "own.sock"), resolve) })
    try {
      expect((await run("--socket", "own.sock")).status).toBe(0)
      expect(asked).toEqual(["POST /v1/admin/withdraw undefined undefined"])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
  test("tells what a node refuses: 1, and 3 where the world failed", async () => {
    const refused = await node({ status: 401, json: { error: { code: "UNAUTHENTICATED", message: "the signature expired", hint: "set the clock" } } })
    const ran = await run("--node", refused.url, "--admin-key", key)
    expect([ran.status, ran.out, ran.err]).toEqual([1, "", "vouchsafe: UNAUTHENTICATED: the signature expired\n  next: set the clock\n"])
    const busy = await node({ status: 503, json: { error: { code: "BUSY", message: "stands by" } } })
    expect((await run("--node", busy.url, "--admin-key", key)).status).toBe(3)
    expect((await run("--node", "http://127.0.0.1:9/", "--admin-key", key)).status).toBe(3)
  })
})

describe("--reverse", () => {
  const reversing = (reply: Reply) => fakeNode(({ path }) => (path === "/v1/admin/reverse" ? reply : undefined))
  const runReverse = (...argv: string[]) => vouchsafe(dir, ["withdraw", "--reason", "it was another one", ...argv], { env: environment(dir, { npm_config_registry: registry.url }) })
  test("takes an entry back by its index", async () => {
    const { url, asked } = await reversing({ json: { index: 9 } })
    const ran = await runReverse("--reverse", "7", "--node", url, "--admin-key", key)
    expect([ran.status, ran.out, ran.err]).toEqual([0, `entry 7 of the notices of ${url} is reversed by entry 9\n`, ""])
    expect([asked.length, JSON.parse(asked[0]?.body ?? "")]).toEqual([1, { index: 7, reason: "it was another one" }])
    expect(documentIn((await runReverse("--reverse", "7", "--node", url, "--admin-key", key, "--json")).out)).toEqual({ node: url, reverses: 7, index: 9 })
  })
  test("tells what the node refuses: another's notice is not its to take back", async () => {
    const { url } = await reversing({ status: 400, json: { error: { code: "NOTICE_MALFORMED", message: "entry 7 is no notice" } } })
    const ran = await runReverse("--reverse", "7", "--node", url, "--admin-key", key)
    expect([ran.status, ran.err]).toEqual([1, "vouchsafe: NOTICE_MALFORMED: entry 7 is no notice\n"])
  })
  test.each([
    { name: "nothing", argv: ["--reverse"], says: "no notice was named" }, { name: "no index", argv: ["--reverse", "07"], says: "expected the index" }, { name: "no number", argv: ["--reverse", "left@1.0.0"], says: "expected the index" },
    { name: "bytes", argv: ["left@1.0.0", "--reverse", "--integrity", "sha512-x"], says: "not bytes" }, { name: "two things", argv: ["left@1.0.0", "--reverse", "7"], says: "two notices" }, { name: "no package, and no --reverse", argv: [], says: "no package was named" },
  ])("names $name", async ({ argv, says }) => {
    const { url, asked } = await reversing({ json: { index: 9 } })
    const ran = await runReverse(...argv, "--node", url, "--admin-key", key)
    expect([ran.status, ran.out, asked]).toEqual([2, "", []])
    expect(ran.err).toContain(says)
  })
})

describe("sends nothing", () => {
  test.each([
    { name: "without a node", argv: [], says: "no node was named" },
    { name: "without a key", argv: ["--node", "NODE"], says: "needs one of --admin-key" },
    { name: "with a key and a token", argv: ["--node", "NODE", "--admin-key", "ops.key", "--admin-token-file", "token"], says: "needs one of" },
    { name: "with a key for no node", argv: ["--admin-key", "ops.key"], says: "expected --node URL" },
    { name: "to two nodes", argv: ["--node", "NODE", "--socket", "own.sock", "--admin-key", "ops.key"], says: "two nodes" },
    { name: "with a token over a line that others read", argv: ["--node", "http://alpha.example/", "--admin-token-file", "token"], says: "read on the way" },
    { name: "with a token that others can read", argv: ["--node", "NODE", "--admin-token-file", "open-token"], says: "expected mode 0600" },
    { name: "with a key that others can read", argv: ["--node", "NODE", "--admin-key", "open.key"], says: "expected mode 0600" },
    { name: "of bytes named twice", argv: ["--node", "NODE", "--admin-key", "ops.key", "--integrity", "sha512-x", "--tarball", "x"], says: "twice" },
    { name: "of bytes that are none", argv: ["--node", "NODE", "--admin-key", "ops.key", "--integrity", "sha1-AAAA"], says: "expected sha512-" },
    { name: "to what is no URL", argv: ["--node", "alpha", "--admin-key", "ops.key"], says: "no URL of a node" },
  ])("$name", async ({ argv, says }) => {
    const { url, asked } = await node({ json: { index: 0 } })
    writeFileSync(join(dir, "open-token"), `${TOKEN}\n`)
    chmodSync(join(dir, "open-token"), 0o644)
    await createKeyFile(join(dir, "open.key"), "ops", undefined).catch(() => undefined)
    chmodSync(join(dir, "open.key"), 0o644)
    const ran = await run(...argv.map((word) => (word === "NODE" ? url : word)))
    expect([ran.status > 1, ran.out, asked]).toEqual([true, "", []])
    expect(ran.err).toContain(says)
    expect(ran.err).not.toContain(TOKEN)
  })
})

test("one request, once and for all: the same key, body, time and nonce give these bytes", () => {
  const signer = signerFromSeed("ops.example/admin", KEY_TYPE.ed25519, new Uint8Array(32).fill(7))
  const headers = signAdminRequest(signer, { targetUri: "https://alpha.example/v1/admin/withdraw", body: "{}", nowSeconds: 1_790_000_000, nonce: "AAAAAAAAAAAAAAAAAAAAAA" })
  expect(headers["content-digest"]).toBe("sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:")
  expect(headers["signature-input"]).toBe(`vouchsafe=("@method" "@target-uri" "content-digest" "content-type");created=1790000000;expires=1790000030;nonce="AAAAAAAAAAAAAAAAAAAAAA";keyid="${createHash("sha256").update(signer.verifier.publicKey).digest("hex")}";alg="ed25519";tag="vouchsafe-admin"`)
})
