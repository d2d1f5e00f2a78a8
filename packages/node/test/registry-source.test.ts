import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { LookupAddress } from "node:dns"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { startRegistry, type FakeRegistry, type RegistryOptions } from "@vouchsafe/testkit/registry"
import type { RegistrySource } from "@vouchsafe/ports"
import { createGuardedFetch } from "../src/registry/guarded-fetch.ts"
import { publicLookup, rememberingResolve, type ResolveHost, resolveBySystem } from "../src/registry/resolve.ts"
import { overviewIn, versionIn } from "../src/registry/packument.ts"
import { createRegistrySource } from "../src/registry/source.ts"
import { ADDRESSES_FRESH_MS, PACKUMENT_FRESH_MS } from "../src/limits.ts"
import { cleanup, manualTime } from "./support.ts"

const GOOD = { name: "zz-good", version: "1.0.0", files: { "index.js": "module.exports = 1\n" } }
const TOKEN = "canary-0123456789abcdef"

async function registry(options: RegistryOptions = {}): Promise<FakeRegistry> {
  const started = await startRegistry({ packages: [GOOD, { ...GOOD, name: "@zz/scoped" }], ...options })
  cleanup(() => started.close())
  return started
}

/** A plain server that records what it was asked. */
async function server(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = []
  const started = createServer((request, response) => {
    seen.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve))
  cleanup(() => {
    started.closeAllConnections()
    started.close()
  })
  return { url: `http://127.0.0.1:${(started.address() as AddressInfo).port}/`, seen }
}

interface Given {
  readonly registries: readonly string[]
  readonly allowPrivateAddresses?: boolean
  readonly resolve?: ResolveHost
  readonly authorization?: string
}

function source(given: Given): RegistrySource & { time: ReturnType<typeof manualTime> } {
  const time = manualTime()
  // Pauses before a second attempt pass at once.
  const timers = { after: (_ms: number, run: () => void) => { const t = setImmediate(run); return () => clearImmediate(t) } }
  const fetch = createGuardedFetch({
    allowPrivateAddresses: given.allowPrivateAddresses ?? true, registries: given.registries, resolve: given.resolve ?? resolveBySystem, userAgent: "vouchsafe-node/0 (+test)",
  })
  cleanup(() => fetch.close())
  return { ...createRegistrySource({ fetch, authorizationFor: () => given.authorization, clock: time.clock, timers }), time }
}

const resolvesTo = (...addresses: string[]): ResolveHost => (_host, done) => done(null, addresses.map((address): LookupAddress => ({ address, family: address.includes(":") ? 6 : 4 })))
const query = (registryId: string, name = GOOD.name, version = GOOD.version) => ({ name, version, registry: registryId })

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

describe("A8: addresses that only the node can reach", () => {
  test.each([
    { name: "http without leave", registry: "http://registry.example/", resolve: resolvesTo("93.184.216.34"), allow: false },
    { name: "https at a private address", registry: "https://registry.example/", resolve: resolvesTo("10.0.0.1"), allow: false },
    { name: "https at loopback", registry: "https://registry.example/", resolve: resolvesTo("127.0.0.1"), allow: false },
    { name: "one private address among public ones", registry: "https://registry.example/", resolve: resolvesTo("93.184.216.34", "169.254.169.254"), allow: false },
    { name: "mapped loopback", registry: "https://registry.example/", resolve: resolvesTo("::ffff:127.0.0.1"), allow: false },
    { name: "ULA", registry: "https://registry.example/", resolve: resolvesTo("fd00::1"), allow: false },
    { name: "a private address written out", registry: "https://10.0.0.1/", resolve: resolvesTo("93.184.216.34"), allow: false },
    { name: "IPv6 loopback written out", registry: "https://[::1]/", resolve: resolvesTo("93.184.216.34"), allow: false },
  ])("refused: $name", async ({ registry: id, resolve, allow }) => {
    const guarded = source({ registries: [id], allowPrivateAddresses: allow, resolve })
    await expect(guarded.packumentVersion(query(id))).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
  })

  const OTHERS = [
    "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/x.tgz", "http://[::1]:22/x.tgz", "http://0.0.0.0/x.tgz", "http://2130706433.example/x.tgz",
    "https://metadata.example/x.tgz", "http://[::ffff:127.0.0.1]/x.tgz", "http://0x7f.0.0.2/x.tgz", "file:///etc/passwd", "ftp://127.0.0.1/x.tgz", "gopher://127.0.0.1/", "data:text/plain,x",
  ]
  test.each(OTHERS)("a packument that names %s as its tarball, although the registry itself may be private", async (url) => {
    const { url: id } = await registry()
    const guarded = source({ registries: [id], resolve: resolvesTo("10.1.2.3") })
    await expect(guarded.tarball({ url, registry: id })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
  })
  test.each(OTHERS)("a redirect to %s", async (location) => {
    const { url: id } = await server((_request, response) => response.writeHead(302, { location }).end())
    const guarded = source({ registries: [id], resolve: resolvesTo("10.1.2.3") })
    await expect(guarded.tarball({ url: `${id}x.tgz`, registry: id })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
  })
  test("a redirect from https down to http", async () => {
    const guarded = source({ registries: ["https://registry.example/"] })
    await expect(guarded.tarball({ url: "http://registry.example/x.tgz", registry: "https://registry.example/" })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
  })
  test("a resolver that changes its mind is asked once a connection: the checked address is the one connected to", async () => {
    const { url: id } = await registry()
    const asked: string[] = []
    const rebinding: ResolveHost = (host, done) => {
      asked.push(host)
      resolvesTo(asked.length === 1 ? "192.0.2.1" : "127.0.0.1")(host, done)
    }
    const guarded = source({ registries: [id], resolve: rebinding, allowPrivateAddresses: true })
    await expect(guarded.tarball({ url: "https://rebind.example/x.tgz", registry: id })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
    expect(asked).toEqual(["rebind.example"])
  })
  test("addresses are remembered for a short while, judged each time, and failures are not remembered", async () => {
    const time = manualTime()
    const asked: string[] = []
    const answers: (readonly LookupAddress[] | Error)[] = [new Error("ENOTFOUND"), [{ address: "93.184.216.34", family: 4 }], [{ address: "10.0.0.1", family: 4 }]]
    const remembering = rememberingResolve((host, done) => {
      asked.push(host)
      const answer = answers.shift() ?? []
      if (answer instanceof Error) done(answer, [])
      else done(null, answer)
    }, time.clock)
    const lookup = publicLookup(remembering)
    const look = (): Promise<string> => new Promise((resolve) => lookup("registry.example", { all: false }, (error, address) => resolve(error === null ? String(address) : error.message)))
    expect(await look()).toBe("ENOTFOUND")
    expect(await Promise.all([look(), look()])).toEqual(["93.184.216.34", "93.184.216.34"])
    await time.advance(ADDRESSES_FRESH_MS - 1)
    expect([await look(), asked.length]).toEqual(["93.184.216.34", 2])
    await time.advance(1)
    expect(await look()).toContain("10.0.0.1, expected a public address")
    expect(await look()).toContain("10.0.0.1, expected a public address")
    expect(asked).toHaveLength(3)
  })
  test("redirects end", async () => {
    const { url: id, seen } = await server((request, response) => response.writeHead(302, { location: `${request.url}x` }).end())
    await expect(source({ registries: [id] }).tarball({ url: `${id}x`, registry: id })).rejects.toMatchObject({ code: "UPSTREAM_FAILED", message: expect.stringContaining("redirected more than 5 times") })
    expect(seen).toHaveLength(6)
  })
})

describe("A8: a credential goes to its registry only", () => {
  test("sent under the registry's path, on packument and tarball", async () => {
    const real = await registry({ token: TOKEN, basePath: "/npm/" })
    const guarded = source({ registries: [real.url], authorization: `Bearer ${TOKEN}` })
    const found = await guarded.packumentVersion(query(real.url))
    const { tarball } = (found?.manifest as { dist: { tarball: string } }).dist
    expect((await readAll((await guarded.tarball({ url: tarball, registry: real.url })).chunks)).length).toBeGreaterThan(0)
  })
  test.each([
    { name: "another port", base: (id: string) => id.replace(/:\d+\/.*/, ":PORT/npm/x.tgz") },
    { name: "another path of the same host", base: (id: string) => id.replace("/npm/", "/other/x.tgz") },
    { name: "a path that only starts alike", base: (id: string) => id.replace("/npm/", "/npm-private/x.tgz") },
    { name: "a path that climbs out", base: (id: string) => id.replace("/npm/", "/npm/../other/x.tgz") },
    { name: "a path that climbs out, encoded", base: (id: string) => id.replace("/npm/", "/npm/%2e%2e/other/x.tgz") },
  ])("not sent to $name", async ({ base }) => {
    const other = await server((_request, response) => response.end("bytes"))
    const id = `${other.url}npm/`
    const second = await server((_request, response) => response.end("bytes"))
    const guarded = source({ registries: [id], authorization: `Bearer ${TOKEN}` })
    const url = base(id).replace("PORT", new URL(second.url).port)
    await readAll((await guarded.tarball({ url, registry: id })).chunks)
    const seen = [...other.seen, ...second.seen]
    expect(seen).toHaveLength(1)
    expect(seen[0]?.rawHeaders.join("\n")).not.toContain(TOKEN)
  })
  test("not sent after a redirect to another place, and credentials in a redirect's URL are not used", async () => {
    const second = await server((_request, response) => response.end("bytes"))
    const first = await server((_request, response) => response.writeHead(302, { location: second.url.replace("http://", "http://user:pass@") }).end())
    const id = `${first.url}npm/`
    const guarded = source({ registries: [id], authorization: `Bearer ${TOKEN}` })
    await readAll((await guarded.tarball({ url: `${id}x.tgz`, registry: id })).chunks)
    expect(first.seen[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
    expect(second.seen[0]?.headers.authorization).toBeUndefined()
  })
})

describe("packuments", () => {
  test("the version's own part and its time, with the node's name on the request", async () => {
    const real = await registry()
    const found = await source({ registries: [real.url] }).packumentVersion(query(real.url))
    expect(found).toMatchObject({ manifest: { name: "zz-good", version: "1.0.0", dist: { integrity: real.built("zz-good", "1.0.0")?.integrity } }, time: real.built("zz-good", "1.0.0")?.publishedAt })
    expect(real.requests.map(({ userAgent, kind }) => ({ userAgent, kind }))).toEqual([{ userAgent: "vouchsafe-node/0 (+test)", kind: "packument" }])
  })
  test.each([["no such package", "zz-none", "1.0.0"], ["no such version", "zz-good", "9.9.9"], ["a name that leaves the registry", "..", "1.0.0"], ["a member of every object", "zz-good", "constructor"], ["the prototype", "zz-good", "__proto__"]])("absent: %s", async (_case, name, version) => {
    const real = await registry()
    expect(await source({ registries: [real.url] }).packumentVersion(query(real.url, name, version))).toBeUndefined()
  })
  test("a scoped name", async () => {
    const real = await registry()
    expect(await source({ registries: [real.url] }).packumentVersion(query(real.url, "@zz/scoped"))).toBeDefined()
    expect(real.requests[0]?.url).toBe("/@zz%2fscoped")
  })
  test("asked once for everybody at the same time; then fresh for a while; then revalidated", async () => {
    const real = await registry()
    const guarded = source({ registries: [real.url] })
    await Promise.all([1, 2, 3].map(() => guarded.packumentVersion(query(real.url))))
    await guarded.packumentVersion(query(real.url))
    expect(real.requests).toHaveLength(1)
    await guarded.time.advance(PACKUMENT_FRESH_MS)
    expect(await guarded.packumentVersion(query(real.url))).toBeDefined()
    expect(real.requests.map(({ status }) => status)).toEqual([200, 304])
  })
  test("a version published meanwhile is seen after that", async () => {
    const real = await registry()
    const guarded = source({ registries: [real.url] })
    expect(await guarded.packumentVersion(query(real.url, GOOD.name, "1.0.1"))).toBeUndefined()
    real.publish({ ...GOOD, version: "1.0.1" })
    await guarded.time.advance(PACKUMENT_FRESH_MS)
    expect(await guarded.packumentVersion(query(real.url, GOOD.name, "1.0.1"))).toBeDefined()
  })
  test("one asker's impatience does not end the others' download", async () => {
    const held: ServerResponse[] = []
    const { url: id } = await server((_request, response) => held.push(response))
    const guarded = source({ registries: [id] })
    const abort = new AbortController()
    const impatient = guarded.packumentVersion({ ...query(id), signal: abort.signal })
    const patient = guarded.packumentVersion(query(id))
    abort.abort()
    await expect(impatient).rejects.toMatchObject({ code: "TIMEOUT" })
    await expect.poll(() => held.length).toBe(1)
    held[0]?.end(JSON.stringify({ versions: { "1.0.0": { name: "zz-good" } } }))
    expect(await patient).toEqual({ manifest: { name: "zz-good" }, time: undefined })
  })

  test.each([
    { name: "no JSON", answer: (r: ServerResponse) => r.end("<html>"), code: "PACKUMENT_MALFORMED" },
    { name: "an array", answer: (r: ServerResponse) => r.end("[]"), code: "PACKUMENT_MALFORMED" },
    { name: "cut JSON", answer: (r: ServerResponse) => r.end('{"versions":{"1.0.0":{"name":'), code: "PACKUMENT_MALFORMED" },
    { name: "versions that are no object", answer: (r: ServerResponse) => r.end('{"versions":["1.0.0"]}'), code: "PACKUMENT_MALFORMED" },
    { name: "an encoding that was not offered", answer: (r: ServerResponse) => r.writeHead(200, { "content-encoding": "zstd" }).end("x"), code: "UPSTREAM_FAILED" },
    { name: "broken gzip", answer: (r: ServerResponse) => r.writeHead(200, { "content-encoding": "gzip" }).end("no gzip"), code: "UPSTREAM_FAILED" },
    { name: "broken brotli", answer: (r: ServerResponse) => r.writeHead(200, { "content-encoding": "br" }).end("no brotli at all"), code: "UPSTREAM_FAILED" },
    { name: "gzip that ends too early", answer: (r: ServerResponse) => r.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("{}".repeat(100)).subarray(0, 20)), code: "UPSTREAM_FAILED" },
    { name: "401", answer: (r: ServerResponse) => r.writeHead(401).end(), code: "UPSTREAM_FAILED" },
    { name: "403", answer: (r: ServerResponse) => r.writeHead(403).end(), code: "UPSTREAM_FAILED" },
    { name: "500 again and again", answer: (r: ServerResponse) => r.writeHead(500).end(), code: "UPSTREAM_FAILED" },
    { name: "a cut connection again and again", answer: (r: ServerResponse) => r.destroy(), code: "UNREACHABLE" },
    { name: "304 to a first request", answer: (r: ServerResponse) => r.writeHead(304).end(), code: "UPSTREAM_FAILED" },
  ])("refused: $name", async ({ answer, code }) => {
    const { url: id } = await server((_request, response) => answer(response))
    await expect(source({ registries: [id] }).packumentVersion(query(id))).rejects.toMatchObject({ code })
  })
  test("what is refused for its encoding keeps no connection", async () => {
    let isClosed = (): void => undefined
    const closed = new Promise<void>((resolve) => { isClosed = resolve })
    const { url: id } = await server((request, response) => {
      request.socket.once("close", isClosed)
      response.writeHead(200, { "content-encoding": "zstd" }).write("and more to come")
    })
    await expect(source({ registries: [id] }).packumentVersion(query(id))).rejects.toMatchObject({ code: "UPSTREAM_FAILED", message: expect.stringContaining("not offered") })
    await closed
  }, 5_000)
  test("a busy registry is asked again", async () => {
    let asked = 0
    const { url: id } = await server((_request, response) => {
      asked += 1
      if (asked < 3) response.writeHead(503).end()
      else response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync('{"versions":{"1.0.0":{"a":1}}}'))
    })
    expect(await source({ registries: [id] }).packumentVersion(query(id))).toEqual({ manifest: { a: 1 }, time: undefined })
  })
})

describe("tarballs", () => {
  test.each([
    { name: "404", answer: (r: ServerResponse) => r.writeHead(404).end(), code: "UPSTREAM_FAILED" },
    { name: "an encoding over the stored bytes", answer: (r: ServerResponse) => r.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x")), code: "UPSTREAM_FAILED" },
  ])("refused: $name", async ({ answer, code }) => {
    const { url: id } = await server((_request, response) => answer(response))
    await expect(source({ registries: [id] }).tarball({ url: `${id}x.tgz`, registry: id })).rejects.toMatchObject({ code })
  })
  test("a connection cut on the way", async () => {
    const { url: id } = await server((_request, response) => {
      response.writeHead(200, { "content-length": "1000" })
      response.write("half", () => response.destroy())
    })
    const { chunks, size } = await source({ registries: [id] }).tarball({ url: `${id}x.tgz`, registry: id })
    expect(size).toBe(1000)
    await expect(readAll(chunks)).rejects.toMatchObject({ code: "UNREACHABLE" })
  })
  test("given up on the way", async () => {
    const { url: id } = await server((_request, response) => void response.writeHead(200).write("first"))
    const abort = new AbortController()
    const { chunks } = await source({ registries: [id] }).tarball({ url: `${id}x.tgz`, registry: id, signal: abort.signal })
    const reading = readAll(chunks)
    abort.abort()
    await expect(reading).rejects.toMatchObject({ code: "UNREACHABLE" })
  })
})

describe("members of a large document", () => {
  const at = (text: string, version = "1.0.0") => versionIn(Buffer.from(text), version)
  test.each([
    ["white space anywhere", ' { "versions" : { "0.1.0" : [ "}" , {} ] ,\n"1.0.0" : { "a" : 1 } } , "time" : { "1.0.0" : "t" } } ', { manifest: { a: 1 }, time: "t" }],
    ["quotes and backslashes in strings", '{"x":"\\\\\\"}{","versions":{"a\\\\":"\\"","1.0.0":{"a":"\\\\"}}}', { manifest: { a: "\\" }, time: undefined }],
    ["an escaped key", '{"\\u0076ersions":{"1.0.\\u0030":1}}', { manifest: 1, time: undefined }],
    ["the last of repeated members, as JSON.parse has it", '{"versions":{"1.0.0":1},"versions":{"1.0.0":2,"1.0.0":3}}', { manifest: 3, time: undefined }],
    ["numbers and literals", '{"a":-1.5e3,"b":true,"c":null,"versions":{"1.0.0":null}}', { manifest: null, time: undefined }],
    ["time that is no object", '{"time":"never","versions":{"1.0.0":1}}', { manifest: 1, time: undefined }],
    ["non-ASCII text", '{"ü":"ö\u2028","versions":{"1.0.0":"ä"}}', { manifest: "ä", time: undefined }],
    ["no versions", '{"name":"x"}', undefined],
    ["empty", "{}", undefined],
  ])("%s", (_name, text, expected) => {
    expect(at(text)).toEqual(expected)
  })
  test.each(["", "{", '{"versions"', '{"versions":', '{"versions":{"1.0.0":}}', '{"versions":{"1.0.0":{"a"}}}', '{"versions":{"1.0.0":1', '{versions:1}', '{"a":1 "b":2}', '{"versions":{"1.0.0":tru}}', '{"a":"', "null"])("refused: %j", (text) => {
    expect(() => at(text)).toThrow(expect.objectContaining({ code: "PACKUMENT_MALFORMED" }))
  })
})
