// Everything besides tarballs: documents rewritten, the rest passed through untouched, credentials only where they belong (THREATS A8).
import { gzipSync } from "node:zlib"
import { readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { buildFixture, startRegistry, type FakeRegistry, type PackumentDoc, type RegistryOptions } from "@vouchsafe/testkit/registry"
import type { Registries } from "../src/index.ts"
import { ask, startWorld, type Answer, type World, type WorldOptions } from "./world.ts"

const ABBREVIATED = "application/vnd.npm.install-v1+json"
const GOOD = { name: "zz-good", version: "1.0.0", files: { "index.js": "module.exports = 1\n" } }
const SCOPED = { name: "@zz/good", version: "1.0.0" }
const running: { close(): Promise<void> }[] = []
afterEach(async () => { for (const one of running.splice(0).reverse()) await one.close() })
async function start(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld({ ...options, registry: { packages: [GOOD, SCOPED], ...options.registry } })
  running.push(world)
  return world
}
async function other(options: RegistryOptions): Promise<FakeRegistry> {
  const registry = await startRegistry(options)
  running.push(registry)
  return registry
}
const doc = (answer: Answer): PackumentDoc => JSON.parse(answer.body.toString()) as PackumentDoc

describe("packuments", () => {
  test.each([{ accept: "application/json", form: "full" }, { accept: `${ABBREVIATED}; q=1.0, application/json; q=0.8`, form: "abbreviated" }])("$form: addresses lead here, upstream is asked once", async ({ accept, form }) => {
    const world = await start()
    for (let i = 0; i < 3; i++) {
      const answer = await world.get("/@zz%2fgood", { accept })
      expect(answer.headers["content-type"]).toBe(form === "full" ? "application/json" : ABBREVIATED)
      expect(doc(answer).versions["1.0.0"]?.dist?.["tarball"]).toBe(`${world.shim.url}@zz/good/-/good-1.0.0.tgz`)
      expect("time" in doc(answer)).toBe(form === "full")
    }
    expect(world.registry.requests).toHaveLength(1)
  })
  test("an ETag of our own, 304, and revalidation by upstream's", async () => {
    const world = await start()
    const first = await world.get("/zz-good")
    const etag = String(first.headers.etag)
    expect((await world.get("/zz-good", { "if-none-match": etag })).status).toBe(304)
    world.clock.now += 61_000
    expect((await world.get("/zz-good", { "if-none-match": etag })).status).toBe(304)
    expect(world.registry.requests.map(({ status }) => status)).toEqual([200, 304])
    world.registry.publish({ name: "zz-good", version: "1.1.0" })
    world.clock.now += 61_000
    const later = await world.get("/zz-good", { "if-none-match": etag })
    expect([later.status, Object.keys(doc(later).versions)]).toEqual([200, ["1.0.0", "1.1.0"]])
  })
  test("upstream compressed or not, a client gets what it takes", async () => {
    const world = await start({ registry: { packages: [{ ...GOOD, manifest: { description: "x".repeat(90_000) } }] } })
    const zipped = await world.get("/zz-good", { "accept-encoding": "gzip, br" })
    expect([zipped.headers["content-encoding"], zipped.headers.vary]).toEqual(["gzip", "accept, accept-encoding"])
    expect(zipped.body.length).toBeLessThan(2_000)
    const plain = await world.get("/zz-good")
    expect(plain.headers["content-encoding"]).toBeUndefined()
    expect(doc(plain).name).toBe("zz-good")
  })
  test("404 and 401 are passed on with their bodies", async () => {
    const world = await start({ registry: { token: "needed" } })
    expect((await world.get("/zz-good")).status).toBe(401)
    const open = await start()
    const missing = await open.get("/zz-none")
    expect([missing.status, missing.body.toString()]).toEqual([404, '{"error":"Not found"}'])
  })
  test("a denied version is marked for those who ask next, and allowed again when it is", async () => {
    const world = await start()
    world.network.withdrawn.add("pkg:npm/zz-good@1.0.0")
    await world.get("/zz-good")
    expect((await world.get("/zz-good/-/zz-good-1.0.0.tgz")).status).toBe(403)
    const version = doc(await world.get("/zz-good")).versions["1.0.0"]
    expect(version?.["deprecated"]).toMatch(/^WITHDRAWN: zz-good@1\.0\.0/)
    const address = new URL(String(version?.dist?.["tarball"])).pathname
    expect(address).toBe("/-/DENIED-WITHDRAWN/zz-good/-/zz-good-1.0.0.tgz")
    const refused = await world.get(address)
    expect([refused.status, refused.reason]).toEqual([403, version?.["deprecated"]])
    world.network.withdrawn.clear()
    world.clock.now += 61_000
    expect((await world.get(address)).status).toBe(200)
    expect(doc(await world.get("/zz-good")).versions["1.0.0"]).not.toHaveProperty("deprecated")
  })
  test("a dependency from elsewhere leads to its refusal, and counts", async () => {
    const world = await start({ registry: { packages: [{ ...GOOD, manifest: { dependencies: { b: "https://evil.example/b.tgz" } } }] } })
    const spec = (doc(await world.get("/zz-good")).versions["1.0.0"]?.["dependencies"] as Record<string, string>)["b"] as string
    const path = new URL(spec).pathname
    expect((await ask(world.shim.url, { path, token: "wrong" })).reason).toBe("EXOTIC_SOURCE: b comes from git, a URL or a file, which nobody attests")
    expect(world.shim.counts().denied).toBe(0)
    expect((await world.get(path)).status).toBe(403)
    expect(world.shim.counts().denied).toBe(1)
  })
  test("one version by number or tag", async () => {
    const world = await start()
    for (const selector of ["1.0.0", "latest"]) expect(JSON.parse((await world.get(`/zz-good/${selector}`)).body.toString())).toMatchObject({ version: "1.0.0", dist: { tarball: `${world.shim.url}zz-good/-/zz-good-1.0.0.tgz` } })
    expect((await world.get("/zz-good/9.9.9")).status).toBe(404)
  })
  test.each([
    { name: "no JSON", body: "<html>" }, { name: "another package", body: '{"name":"other","versions":{}}' }, { name: "cut gzip", body: gzipSync("{}").subarray(0, 10), encoding: "gzip" }, { name: "an unknown encoding", body: "{}", encoding: "rot13" },
  ])("$name from upstream is an error, not an answer", async ({ body, encoding }) => {
    const world = await start({ registry: { intercept: (_request, response) => { response.writeHead(200, { "content-type": "application/json", ...(encoding === undefined ? {} : { "content-encoding": encoding }) }).end(body); return true } } })
    for (const path of ["/zz-good", "/zz-good/1.0.0"]) expect((await world.get(path)).status).toBe(502)
  })
})

describe("passed through untouched", () => {
  test.each(["/-/ping", "/-/v1/search?text=zz&size=5", "/-/package/@zz%2fgood/dist-tags", "/zz-good?write=true"])("GET %s", async (path) => {
    const world = await start()
    const [direct, shimmed] = [await ask(world.registry.url, { path }), await world.get(path)]
    expect([shimmed.status, shimmed.body.toString()]).toEqual([direct.status, direct.body.toString()])
    expect(world.registry.requests.at(-1)?.url).toBe(path)
  })
  test("attestations and keys", async () => {
    const world = await start({ registry: { keys: { keys: [1] }, attestations: { "@zz/good@1.0.0": { attestations: [2] } } } })
    expect((await world.get("/-/npm/v1/keys")).body.toString()).toBe('{"keys":[1]}')
    expect((await world.get("/-/npm/v1/attestations/@zz%2fgood@1.0.0")).body.toString()).toBe('{"attestations":[2]}')
  })
  test("audit, login, publish, tags and unpublish, with every header that is meant for the registry", async () => {
    const world = await start()
    const send = (method: string, path: string, body?: string): Promise<Answer> => ask(world.shim.url, { path, method, ...(body === undefined ? {} : { body }), headers: { "content-type": "application/json", "npm-otp": "123456", "npm-command": "publish" } })
    expect((await send("POST", "/-/npm/v1/security/advisories/bulk", "{}")).status).toBe(200)
    expect((await send("PUT", "/-/user/org.couchdb.user:me", "{}")).status).toBe(201)
    const { tarball } = buildFixture({ name: "@zz/new", version: "1.0.0", files: { "big.bin": Buffer.alloc(3_000_000, 7) } })
    const publish = JSON.stringify({ name: "@zz/new", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": { name: "@zz/new", version: "1.0.0" } }, _attachments: { "@zz/new-1.0.0.tgz": { data: tarball.toString("base64") } } })
    expect((await world.get("/@zz%2fnew")).status).toBe(404)
    expect((await send("PUT", "/@zz%2fnew", publish)).status).toBe(201)
    expect(world.registry.built("@zz/new", "1.0.0")?.tarball.equals(tarball)).toBe(true)
    // the document is asked for anew after a write
    expect(doc(await world.get("/@zz%2fnew"))["dist-tags"]["latest"]).toBe("1.0.0")
    expect((await send("PUT", "/-/package/@zz%2fnew/dist-tags/beta", '"1.0.0"')).status).toBe(201)
    expect((await send("DELETE", "/@zz%2fnew/-rev/1-0")).status).toBe(201)
    for (const request of world.registry.requests.filter(({ method }) => method !== "GET")) expect(request.headers).toMatchObject({ "npm-otp": "123456", "npm-command": "publish" })
  })
})

describe("what could be a package's bytes is not passed through", () => {
  const TGZ = gzipSync("package")
  test.each([
    { name: "octets", path: "/-/v1/search", headers: { "content-type": "application/octet-stream" } },
    { name: "gzip as a type", path: "/-/ping", headers: { "content-type": "application/gzip" } },
    { name: "no type", path: "/-/ping", headers: {} },
    { name: "gzip bytes under JSON", path: "/-/npm/v1/keys", headers: { "content-type": "application/json" } },
    { name: "gzip bytes under text", path: "/", headers: { "content-type": "text/plain" } },
    { name: "octets for what is to be written back", path: "/zz-good?write=true", headers: { "content-type": "application/octet-stream" } },
    { name: "an unknown encoding", path: "/-/ping", headers: { "content-type": "application/json", "content-encoding": "x" } },
  ])("$name", async ({ path, headers }) => {
    const world = await start({ registry: { intercept: (_request, response) => { response.writeHead(200, headers as Record<string, string>).end(TGZ); return true } } })
    const answer = await world.get(path)
    expect(answer.status).toBe(502)
    expect(answer.body.includes(TGZ)).toBe(false)
  })
  test.each(["/zz-good/-/zz-good-1.0.0.tgz/../../x", "/zz-good/-/other-1.0.0.tgz", "/some/where/x.tgz", "/zz-good/-/zz-good-1.0.0.tar.gz", "/%2e%2e/x.tgz", "/a/b/c"])("the unknown address %s", async (path) => {
    const world = await start()
    expect((await world.get(path)).status).toBe(403)
    expect(world.registry.requests).toEqual([])
  })
  test("redirects of a write or an endpoint", async () => {
    const target = await other({ packages: [GOOD] })
    const world = await start({ registry: { intercept: (_request, response) => { response.writeHead(307, { location: target.url }).end(); return true } } })
    expect((await ask(world.shim.url, { path: "/zz-good", method: "PUT", body: "{}" })).status).toBe(502)
    expect(target.requests).toEqual([])
  })
  test("a redirect loop ends", async () => {
    const world = await start({ registry: { intercept: (request, response) => { response.writeHead(302, { location: request.url }).end(); return true } } })
    expect((await world.get("/zz-good")).body.toString()).toContain("redirects")
  })
})

describe("A8: a credential goes only to its registry", () => {
  const CANARY = "canary-4f1c9d7e-secret"
  const withToken = (main: FakeRegistry, scopes: Record<string, string> = {}): Registries => ({
    default: main.url, scopes,
    registryFor: (name) => scopes[name.split("/")[0] as string] ?? main.url,
    credentialsFor: (url) => url.startsWith(main.url) ? { header: `Bearer ${CANARY}` } : undefined,
  })
  const everything = async (world: World): Promise<void> => {
    for (const path of ["/zz-good", "/zz-good/1.0.0", "/zz-good/-/zz-good-1.0.0.tgz", "/@zz%2fgood", "/@zz/good/-/good-1.0.0.tgz", "/-/ping", "/-/v1/search?text=x", "/zz-good?write=true"]) await world.get(path)
    await ask(world.shim.url, { path: "/zz-good", method: "PUT", body: "{}" })
  }
  const saw = (registry: FakeRegistry): boolean => JSON.stringify(registry.requests).includes(CANARY)

  test("sent to the registry it belongs to", async () => {
    const world = await start({ registry: { token: CANARY }, registries: withToken })
    await everything(world)
    expect(world.registry.requests.every(({ status }) => status !== 401)).toBe(true)
    expect(saw(world.registry)).toBe(true)
  })
  test("not to a scope's other registry", async () => {
    const second = await other({ packages: [SCOPED] })
    const world = await start({ registry: { token: CANARY }, registries: (main) => withToken(main, { "@zz": second.url }) })
    await everything(world)
    expect(second.requests.map(({ kind }) => kind)).toContain("packument")
    expect(saw(second)).toBe(false)
  })
  test("not to the host that dist.tarball names", async () => {
    const cdn = await other({ packages: [GOOD, SCOPED] })
    const world = await start({ registry: { token: CANARY, tarballBase: cdn.url }, registries: withToken })
    await everything(world)
    expect(cdn.requests.map(({ kind }) => kind)).toContain("tarball")
    expect(saw(cdn)).toBe(false)
    expect(world.events).toContainEqual({ event: "address", purl: "pkg:npm/zz-good@1.0.0", tarball: `${cdn.url}zz-good/-/zz-good-1.0.0.tgz` })
  })
  test("not to the host that a tarball is redirected to, even if that host has credentials of its own", async () => {
    const cdn = await other({ packages: [GOOD, SCOPED] })
    const world = await start({
      registry: { token: CANARY, redirectTarballs: cdn.url },
      registries: (main) => ({ ...withToken(main), credentialsFor: () => ({ header: `Bearer ${CANARY}` }) }),
    })
    await everything(world)
    expect(cdn.requests.map(({ kind, status }) => `${kind} ${status}`)).toContain("tarball 200")
    expect(saw(cdn)).toBe(false)
  })
  test("not into events, answers or files; and what a client sends as its own never goes on", async () => {
    const world = await start({ registry: { token: CANARY }, registries: withToken })
    const answers = [await world.get("/zz-good"), await world.get("/zz-good/-/zz-good-1.0.0.tgz"), await world.get("/-/ping"), await world.get("/zz-none")]
    world.registry.tamper([{ name: "@zz/good", mode: "truncate" }])
    answers.push(await world.get("/@zz/good/-/good-1.0.0.tgz"))
    for (const { headers, body, reason } of answers) expect(`${JSON.stringify(headers)}${body.toString("latin1")}${reason}`).not.toContain(CANARY)
    expect(JSON.stringify(world.events)).not.toContain(CANARY)
    let files = 0
    for (const file of await readdir(world.dir, { recursive: true })) {
      const path = join(world.dir, file)
      if (!(await stat(path)).isFile()) continue
      files++
      expect((await readFile(path)).includes(CANARY)).toBe(false)
    }
    expect(files).toBeGreaterThan(0)
    const open = await start()
    await open.get("/-/ping", { cookie: "session=mine", "proxy-authorization": "Basic eA==" })
    expect(open.registry.requests[0]?.headers).not.toMatchObject({ cookie: expect.anything() as unknown })
    expect(open.registry.requests[0]?.headers).not.toHaveProperty("proxy-authorization")
    expect(open.registry.requests[0]?.headers).not.toHaveProperty("authorization")
  })
})

test("a registry below a path: lockfiles that kept its path still find it", async () => {
  const world = await start({ registry: { basePath: "/api/npm/" } })
  for (const path of ["/zz-good/-/zz-good-1.0.0.tgz", "/api/npm/zz-good/-/zz-good-1.0.0.tgz", "/api/npm/@zz%2fgood"]) expect((await world.get(path)).status).toBe(200)
})
