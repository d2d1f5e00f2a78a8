import { gunzipSync } from "node:zlib"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { buildFixture, digestsOf, packFixture, packTarball, startControl, startRegistry, unpackTarball, type FakeRegistry, type PackumentDoc, type RegistryOptions } from "../src/registry/index.ts"

const GOOD = { name: "zz-good", version: "1.0.0", files: { "index.js": "module.exports = 1\n" } }
const SCOPED = { name: "@zz/good", version: "2.0.0-rc.1", manifest: { dependencies: { "zz-good": "^1.0.0" } } }
const running: { close(): Promise<void> }[] = []
afterEach(async () => { for (const one of running.splice(0)) await one.close() })

async function start(options: RegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await startRegistry({ packages: [GOOD, SCOPED], ...options })
  running.push(registry)
  return registry
}
const json = async (url: string, init?: RequestInit): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(url, init)
  return { status: response.status, body: await response.json() }
}
const bytes = async (url: string, init?: RequestInit): Promise<Buffer> => Buffer.from(await (await fetch(url, init)).arrayBuffer())

describe("tarballs", () => {
  test("the same fixture gives the same bytes, and they unpack to its files", () => {
    expect(buildFixture(GOOD).sha512).toBe(buildFixture({ ...GOOD }).sha512)
    expect(unpackTarball(buildFixture(GOOD).tarball).map((m) => m.path)).toEqual(["package/index.js", "package/package.json"])
  })
  test("a path that no ustar header holds comes back whole", () => {
    const path = `package/${"a".repeat(120)}/${"b".repeat(140)}.js`
    expect(unpackTarball(packTarball([{ path, content: Buffer.from("x"), mode: 0o755 }]))).toEqual([{ path, content: Buffer.from("x"), mode: 0o755 }])
  })
  test("a folder is packed without node_modules", async () => {
    const dir = await mkdtemp(join(tmpdir(), "vs-fixture-"))
    await writeFile(join(dir, "package.json"), JSON.stringify({ name: "zz-dir", version: "3.0.0" }))
    await writeFile(join(dir, "a.js"), "1")
    const fixture = await packFixture(dir)
    await rm(dir, { recursive: true })
    expect(buildFixture(fixture)).toMatchObject({ name: "zz-dir", version: "3.0.0", fileCount: 2 })
  })
})

describe("reading", () => {
  test.each([
    { name: "plain", path: "zz-good" }, { name: "scope with %2f", path: "@zz%2fgood" },
    { name: "scope with %2F", path: "@zz%2Fgood" }, { name: "scope with a slash", path: "@zz/good" }, { name: "encoded at", path: "%40zz%2fgood" },
  ])("packument: $name", async ({ path }) => {
    const registry = await start()
    const { status, body } = await json(`${registry.url}${path}`)
    const doc = body as PackumentDoc
    const [version, manifest] = Object.entries(doc.versions)[0] as [string, { dist: { tarball: string; integrity: string } }]
    expect(status).toBe(200)
    expect(doc["dist-tags"]).toEqual({ latest: version })
    expect(digestsOf(await bytes(manifest.dist.tarball)).integrity).toBe(manifest.dist.integrity)
  })
  test("abbreviated form, ETag and 304", async () => {
    const registry = await start()
    const accept = "application/vnd.npm.install-v1+json"
    const first = await fetch(`${registry.url}zz-good`, { headers: { accept } })
    expect(first.headers.get("content-type")).toBe(accept)
    expect(await first.json()).not.toHaveProperty("time")
    const again = await fetch(`${registry.url}zz-good`, { headers: { accept, "if-none-match": first.headers.get("etag") ?? "" } })
    expect(again.status).toBe(304)
  })
  test.each(["zz-none", "zz-good/9.9.9", "zz-good/-/zz-good-9.9.9.tgz", "-/unknown", "-/npm/v1/keys"])("404 for %s", async (path) => {
    const registry = await start()
    expect((await fetch(`${registry.url}${path}`)).status).toBe(404)
  })
  test("version, tag, ping, search, audit and dist-tags answer", async () => {
    const { url } = await start()
    expect(await json(`${url}zz-good/latest`)).toMatchObject({ body: { version: "1.0.0" } })
    expect(await json(`${url}zz-good/1.0.0`)).toMatchObject({ body: { version: "1.0.0" } })
    expect(await json(`${url}-/ping`)).toEqual({ status: 200, body: {} })
    expect(await json(`${url}-/v1/search?text=good`)).toMatchObject({ body: { total: 2 } })
    expect(await json(`${url}-/npm/v1/security/advisories/bulk`, { method: "POST", body: "{}" })).toEqual({ status: 200, body: {} })
    expect(await json(`${url}-/package/@zz%2fgood/dist-tags`)).toEqual({ status: 200, body: { latest: "2.0.0-rc.1" } })
  })
  test("without the token every request is 401", async () => {
    const registry = await start({ token: "canary" })
    expect((await fetch(`${registry.url}zz-good`)).status).toBe(401)
    expect((await fetch(`${registry.url}zz-good`, { headers: { authorization: "Bearer canary" } })).status).toBe(200)
  })
  test("passes on what it does not hold from its upstream, with its own tarball URLs, and asks once", async () => {
    const upstream = await start()
    const registry = await start({ packages: [], upstream: upstream.url })
    for (let i = 0; i < 2; i++) {
      const { body } = await json(`${registry.url}@zz%2fgood`)
      const manifest = (body as PackumentDoc).versions["2.0.0-rc.1"] as { dist: { tarball: string; integrity: string } }
      expect(manifest.dist.tarball.startsWith(registry.url)).toBe(true)
      expect(digestsOf(await bytes(manifest.dist.tarball)).integrity).toBe(manifest.dist.integrity)
    }
    expect(upstream.requests.map((r) => r.kind)).toEqual(["packument", "tarball"])
  })
})

describe("lies", () => {
  const observer = { headers: { "user-agent": "vouchsafe-node/0.1.0 (+alpha)" } }
  const when = { userAgentExcludes: "vouchsafe-node/" }
  const distOf = async (url: string, init?: RequestInit) => ((await json(`${url}zz-good`, init)).body as PackumentDoc).versions["1.0.0"]?.dist as { tarball: string; integrity: string }

  test("swap-tarball: a consistent packument for the victim, the truth for others", async () => {
    const registry = await start({ tamper: [{ name: "zz-good", version: "1.0.0", mode: "swap-tarball", when }] })
    const honest = registry.built("zz-good", "1.0.0")?.integrity
    const dist = await distOf(registry.url)
    expect(dist.integrity).not.toBe(honest)
    const served = await bytes(dist.tarball)
    expect(digestsOf(served).integrity).toBe(dist.integrity)
    const manifest = unpackTarball(served).find((m) => m.path === "package/package.json")
    expect(JSON.parse(Buffer.from(manifest?.content ?? []).toString())).toHaveProperty("scripts.postinstall")
    expect((await distOf(registry.url, observer)).integrity).toBe(honest)
    expect(digestsOf(await bytes(dist.tarball, observer)).integrity).toBe(honest)
  })
  test("swap-bytes-only: the packument stays honest", async () => {
    const registry = await start({ tamper: [{ name: "zz-good", mode: "swap-bytes-only" }] })
    const dist = await distOf(registry.url)
    expect(dist.integrity).toBe(registry.built("zz-good", "1.0.0")?.integrity)
    expect(digestsOf(await bytes(dist.tarball)).integrity).not.toBe(dist.integrity)
  })
  test("truncate, status and hide", async () => {
    const registry = await start({ tamper: [{ name: "zz-good", mode: "truncate" }] })
    const tarball = `${registry.url}zz-good/-/zz-good-1.0.0.tgz`
    await expect(bytes(tarball)).rejects.toThrow()
    registry.tamper([{ name: "zz-good", mode: "status", status: 503 }])
    expect((await fetch(tarball)).status).toBe(503)
    registry.tamper([{ name: "zz-good", mode: "hide" }])
    expect((await fetch(tarball)).status).toBe(404)
    expect(((await json(`${registry.url}zz-good`)).body as PackumentDoc).versions).toEqual({})
  })
  test("redirects and another tarball host", async () => {
    const cdn = await start()
    const registry = await start({ redirectTarballs: cdn.url, tarballBase: cdn.url })
    expect((await distOf(registry.url)).tarball).toBe(`${cdn.url}zz-good/-/zz-good-1.0.0.tgz`)
    const response = await fetch(`${registry.url}zz-good/-/zz-good-1.0.0.tgz`, { redirect: "manual" })
    expect([response.status, response.headers.get("location")]).toEqual([302, `${cdn.url}zz-good/-/zz-good-1.0.0.tgz`])
  })
})

describe("writing", () => {
  test("publish, refusal of a second publish, tag, unpublish", async () => {
    const registry = await start()
    const tarball = buildFixture({ name: "zz-new", version: "1.0.0" }).tarball
    const body = JSON.stringify({ name: "zz-new", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": { name: "zz-new", version: "1.0.0", dist: {} } }, _attachments: { "zz-new-1.0.0.tgz": { data: tarball.toString("base64") } } })
    const put = { method: "PUT", headers: { "content-type": "application/json" }, body }
    expect((await fetch(`${registry.url}zz-new`, put)).status).toBe(201)
    expect(registry.built("zz-new", "1.0.0")?.tarball.equals(tarball)).toBe(true)
    expect((await fetch(`${registry.url}zz-new`, put)).status).toBe(403)
    expect((await fetch(`${registry.url}-/package/zz-new/dist-tags/beta`, { method: "PUT", body: '"1.0.0"' })).status).toBe(201)
    expect(await json(`${registry.url}-/package/zz-new/dist-tags`)).toMatchObject({ body: { latest: "1.0.0", beta: "1.0.0" } })
    expect((await fetch(`${registry.url}zz-new/-rev/1-0`, { method: "DELETE" })).status).toBe(201)
    expect((await fetch(`${registry.url}zz-new`)).status).toBe(404)
  })
})

test("the control endpoint publishes, tampers and lists requests", async () => {
  const registry = await start({ packages: [] })
  const control = await startControl(registry)
  running.push(control)
  const post = (path: string, body: unknown) => json(`${control.url}${path}`, { method: "POST", body: JSON.stringify(body) })
  expect(await post("publish", { name: "zz-c", version: "1.0.0", files: { "a.bin": { base64: "AAEC" } } })).toMatchObject({ status: 200, body: { name: "zz-c" } })
  const file = unpackTarball(registry.built("zz-c", "1.0.0")?.tarball ?? Buffer.alloc(0)).find((m) => m.path === "package/a.bin")
  expect(file?.content).toEqual(Buffer.from([0, 1, 2]))
  await post("tamper", [{ name: "zz-c", mode: "status", status: 500, when: { userAgentIncludes: "node" } }])
  expect((await fetch(`${registry.url}zz-c/-/zz-c-1.0.0.tgz`)).status).toBe(500)
  expect(await json(`${control.url}requests`)).toMatchObject({ body: [{ kind: "tarball", name: "zz-c", status: 500 }] })
  expect((await post("nonsense", {})).status).toBe(400)
})

test("packuments are compressed for who accepts it", async () => {
  const registry = await start({ packages: [{ ...GOOD, manifest: { description: "x".repeat(5000) } }] })
  const { request } = await import("node:http")
  const body = await new Promise<Buffer>((resolve, reject) => {
    request(`${registry.url}zz-good`, { headers: { "accept-encoding": "gzip" } }, (response) => {
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => resolve(Buffer.concat(chunks)))
    }).on("error", reject).end()
  })
  expect(JSON.parse(gunzipSync(body).toString())).toHaveProperty("name", "zz-good")
})
