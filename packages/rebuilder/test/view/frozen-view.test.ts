import { startRegistry, type FakeRegistry } from "@vouchsafe/testkit/registry"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { startFrozenView } from "../../src/view/frozen-view.ts"
import type { FrozenView, FrozenViewOptions } from "../../src/view/types.ts"
import { createUpstreamFetch } from "../../src/view/guarded.ts"

const FROZEN_AT = Date.parse("2020-06-01T00:00:00Z") / 1000
const JSON_TYPE = "application/json"
const ABBREVIATED = "application/vnd.npm.install-v1+json"

let folder: string
let registry: FakeRegistry
let view: FrozenView | undefined
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "vouchsafe-view-"))
  registry = await startRegistry({
    packages: [
      { name: "left", version: "1.0.0", publishedAt: "2020-01-01T00:00:00.000Z", tags: ["old"] },
      { name: "left", version: "1.1.0", publishedAt: "2020-05-01T00:00:00.000Z", tags: ["latest", "target"] },
      { name: "left", version: "2.0.0", publishedAt: "2021-01-01T00:00:00.000Z", tags: ["next"] },
      { name: "@acme/right", version: "1.0.0", publishedAt: "2020-01-01T00:00:00.000Z" },
      { name: "young", version: "1.0.0", publishedAt: "2024-01-01T00:00:00.000Z" },
    ],
  })
})
afterEach(async () => {
  await view?.close()
  view = undefined
  await registry.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(more: Partial<FrozenViewOptions> = {}): Promise<FrozenView> {
  view = await startFrozenView({ socket: join(folder, "view.sock"), frozenAt: FROZEN_AT, target: { name: "left", version: "1.1.0" }, upstream: { registry: registry.url }, ...more })
  return view
}

interface Got { readonly status: number; readonly type: string; readonly body: Buffer; readonly text: string }

function get(path: string, more: { method?: string, headers?: Record<string, string> } = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: join(folder, "view.sock"), path, method: more.method ?? "GET", headers: { host: "127.0.0.1:4873", ...more.headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject)
        .on("end", () => resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", body: Buffer.concat(chunks), text: Buffer.concat(chunks).toString() }))
    })
    sent.on("error", reject)
    sent.end()
  })
}

describe("serves what was there", () => {
  test("packuments in both forms, versions, tags and tarballs, all addresses its own", async () => {
    await open()
    const full = await get("/left")
    expect(full).toMatchObject({ status: 200, type: JSON_TYPE })
    expect(JSON.parse(full.text)).toMatchObject({ "dist-tags": { latest: "1.0.0", old: "1.0.0" }, versions: { "1.0.0": { dist: { tarball: "http://127.0.0.1:4873/left/-/left-1.0.0.tgz" } } } })
    expect(Object.keys((JSON.parse(full.text) as { versions: object }).versions)).toEqual(["1.0.0"])
    const short = await get("/left", { headers: { accept: `${ABBREVIATED}; q=1.0, application/json; q=0.8` } })
    expect(short).toMatchObject({ status: 200, type: ABBREVIATED })
    expect(short.text).not.toContain("time")
    for (const path of ["/left/1.0.0", "/left/latest", "/left/old"]) expect(JSON.parse((await get(path)).text)).toMatchObject({ version: "1.0.0" })
    expect((await get("/left/-/left-1.0.0.tgz")).body).toEqual(registry.built("left", "1.0.0")?.tarball)
    for (const path of ["/@acme%2fright", "/@acme%2Fright", "/@acme/right"]) expect(JSON.parse((await get(path)).text)).toMatchObject({ name: "@acme/right" })
    expect((await get("/@acme%2fright/-/right-1.0.0.tgz")).body).toEqual(registry.built("@acme/right", "1.0.0")?.tarball)
    expect((await get("/left/-/left-1.0.0.tgz", { method: "HEAD" })).status).toBe(200)
    expect((await get("/-/ping")).text).toBe("{}")
    expect((await get("/left", { headers: { host: "localhost:5000" } })).text).toContain("http://localhost:5000/left/-/left-1.0.0.tgz")
  })

  test("upstream is asked once for each thing, without credentials, cookies or words of the build", async () => {
    await open()
    for (let again = 0; again < 3; again++) {
      await get("/left", { headers: { authorization: "Bearer canary-31415", cookie: "canary-31415", "user-agent": "canary-31415", "x-canary": "canary-31415", "npm-otp": "canary-31415" } })
      await get("/left/-/left-1.0.0.tgz?canary-31415")
    }
    expect(registry.requests.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["packument left", "tarball left"])
    expect(JSON.stringify(registry.requests)).not.toContain("canary-31415")
    expect(Object.keys(registry.requests[0]?.headers ?? {}).sort()).toEqual(["accept", "accept-encoding", "connection", "host"])
  })

  test("a scope comes from its own registry", async () => {
    const other = await startRegistry({ packages: [{ name: "@acme/right", version: "3.0.0", publishedAt: "2020-01-01T00:00:00.000Z" }] })
    try {
      await open({ upstream: { registry: registry.url, scopes: { "@acme": other.url } } })
      expect((await get("/@acme%2fright/3.0.0")).status).toBe(200)
      expect((await get("/@acme%2fright/1.0.0")).status).toBe(404)
      expect(registry.requests).toEqual([])
    } finally {
      await other.close()
    }
  })

  test("every request is recorded, and what the build was given", async () => {
    const running = await open()
    await get("/left")
    await get("/left/-/left-1.0.0.tgz")
    await get("/left/-/left-1.1.0.tgz")
    await get("/gone")
    await get("/left", { method: "PUT" })
    expect(running.requests.map(({ method, target, outcome, status }) => `${method} ${target} ${outcome} ${status}`)).toEqual([
      "GET /left served 200", "GET /left/-/left-1.0.0.tgz served 200", "GET /left/-/left-1.1.0.tgz refused 403", "GET /gone missing 404", "PUT /left refused 405"])
    expect(running.requestCount()).toBe(5)
    expect(running.served()).toEqual([{ name: "left", version: "1.0.0", integrity: registry.built("left", "1.0.0")?.integrity }])
  })
})

// the ways to ask for the version that is being rebuilt; none gives a byte of it
const ROUTES: readonly string[] = [
  "/left/1.1.0", "/left/target", "/left/latest", "/left/1.1.0?x=1", "/left/1.1.0/", "/left/=1.1.0", "/left/v1.1.0", "/left/1.1.0+build", "/left/^1.1.0", "/left@1.1.0", "/left/%31.1.0", "/%6ceft/1.1.0", "/left/1%2e1%2e0", "/left%2f1.1.0",
  "/left/-/left-1.1.0.tgz", "/left/-/left-1.1.0.tgz?a=b", "/left/-/left-1.1.0.tgz#x", "/left/-/left-1.1.0.tgz/", "/left/-/%6ceft-1.1.0.tgz", "/left/-/left-1%2e1.0.tgz", "/left/-/left-1.1.0%2etgz", "/left/%2d/left-1.1.0.tgz", "/left/-%2fleft-1.1.0.tgz",
  "/left/-/LEFT-1.1.0.tgz", "/left/-/left-1.1.0.TGZ", "/left/-/left-1.1.0.tar.gz", "/left/-/left-v1.1.0.tgz", "/left/-/left-1.1.0+x.tgz", "/left/-/left-1.1.0%2Bx.tgz", "/left/-/left-01.1.0.tgz", "/left/-/@x/left-1.1.0.tgz", "/left/-/left-target.tgz",
  "//left/-/left-1.1.0.tgz", "/./left/-/left-1.1.0.tgz", "/x/../left/-/left-1.1.0.tgz", "/left/-/../-/left-1.1.0.tgz", "/left/-/x%2f..%2fleft-1.1.0.tgz", "/%2e%2e/left/-/left-1.1.0.tgz", "/left/-/left-1.1.0.tgz%00", "/left%00/-/left-1.1.0.tgz", "/left/-/left-%31.1.0.tgz",
  "/left/-/%256ceft-1.1.0.tgz", "/left\\-\\left-1.1.0.tgz", "/@acme/right/-/left-1.1.0.tgz", "/@acme%2fright/-/@acme/left-1.1.0.tgz", "/young/-/left-1.1.0.tgz", `/download/left/1.1.0/${"0".repeat(64)}`, "/-/package/left/dist-tags", "/-/package/left/dist-tags/target",
  "/-/npm/v1/attestations/left@1.1.0", "/-/npm/v1/security/advisories/bulk", "/-/v1/search?text=left", "/-/all", "/-/DENIED-x/left/-/left-1.1.0.tgz", "/npm:left@1.1.0", "/left?write=true", "/left/-rev/1", "/",
]

describe("never gives the version that is being rebuilt", () => {
  test.each(ROUTES.flatMap((path) => ["GET", "HEAD"].map((method) => ({ path, method }))))("$method $path", async ({ path, method }) => {
    const running = await open()
    const { body, text, status } = await get(path, { method })
    const target = registry.built("left", "1.1.0")
    expect(body.includes(target?.tarball.subarray(0, 64) as Buffer)).toBe(false)
    expect(text).not.toContain(target?.integrity)
    expect(text).not.toContain(target?.shasum)
    if (status === 200 && method === "GET") expect((JSON.parse(text) as { version?: string }).version).not.toBe("1.1.0")
    expect(running.served()).toEqual([])
    // nobody behind the view was asked for it either
    expect(registry.requests.filter(({ kind }) => kind !== "packument")).toEqual([])
  })

  test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "TRACE"])("%s is refused and reaches nobody", async (method) => {
    await open()
    expect((await get("/left/-/left-1.1.0.tgz", { method })).status).toBe(405)
    expect(registry.requests).toEqual([])
  })

  test.each([{ name: "an absolute address", path: "http://registry.example/left/-/left-1.1.0.tgz", host: undefined }, { name: "another host", path: "/left", host: "registry.example" }, { name: "a host with a path", path: "/left", host: "127.0.0.1:80/x" }, { name: "no host", path: "/left", host: "" }])("$name", async ({ path, host }) => {
    await open()
    const { status } = await get(path, host === undefined ? {} : { headers: { host } })
    expect([400, 421]).toContain(status)
    expect(registry.requests).toEqual([])
  })

  test("the same bytes under another name, where they are known", async () => {
    const target = registry.built("left", "1.1.0")
    registry.publish({ name: "twin", version: "1.0.0", publishedAt: "2020-01-01T00:00:00.000Z", tarball: target?.tarball as Buffer })
    await open({ target: { name: "left", version: "1.1.0", sha512: target?.sha512 as string } })
    expect(await get("/twin/-/twin-1.0.0.tgz")).toMatchObject({ status: 502, text: expect.stringContaining("being rebuilt") })
    expect(registry.requests.filter(({ kind }) => kind === "tarball")).toEqual([])
  })

  test("an upstream that answers the target's document under another version", async () => {
    const document = await (await fetch(`${registry.url}left`)).json() as { versions: Record<string, object>, time: Record<string, string> }
    document.versions["1.0.5"] = document.versions["1.1.0"] as object
    document.time["1.0.5"] = document.time["1.0.0"] as string
    const liar = await startRegistry({ intercept: (incoming, response) => { response.end(JSON.stringify(document)); return incoming.url !== undefined } })
    try {
      await open({ upstream: { registry: liar.url } })
      expect(Object.keys((JSON.parse((await get("/left")).text) as { versions: object }).versions)).toEqual(["1.0.0"])
      expect((await get("/left/-/left-1.0.5.tgz")).status).toBe(404)
    } finally {
      await liar.close()
    }
  })
})

describe("fails closed", () => {
  test.each<{ name: string, path: string, status: number, before: () => void }>([
    { name: "what was published later", path: "/young", status: 404, before: () => undefined },
    { name: "a later version's tarball", path: "/left/-/left-2.0.0.tgz", status: 404, before: () => undefined },
    { name: "a tag of a later version", path: "/left/next", status: 404, before: () => undefined },
    { name: "a package that nobody has", path: "/gone", status: 404, before: () => undefined },
    { name: "other bytes than the packument says", path: "/left/-/left-1.0.0.tgz", status: 502, before: () => registry.tamper([{ name: "left", mode: "swap-bytes-only" }]) },
    { name: "half of the bytes", path: "/left/-/left-1.0.0.tgz", status: 502, before: () => registry.tamper([{ name: "left", mode: "truncate" }]) },
    { name: "a tarball that upstream will not give", path: "/left/-/left-1.0.0.tgz", status: 502, before: () => registry.tamper([{ name: "left", mode: "status", status: 403 }]) },
  ])("$name", async ({ path, status, before }) => {
    before()
    const running = await open()
    const { text, status: found } = await get(path)
    expect(found).toBe(status)
    expect(JSON.parse(text)).toEqual({ error: expect.any(String) as string })
    expect(running.served()).toEqual([])
    expect(readdirSync(folder).filter((name) => name.startsWith("view-")).flatMap((name) => readdirSync(join(folder, name)))).toEqual([])
  })

  test.each<{ name: string, change: (document: { time?: unknown, versions: Record<string, { dist: Record<string, unknown> }> }) => void, path: string, status: number, more?: Partial<FrozenViewOptions> }>([
    { name: "a packument without times", change: (document) => { delete document.time }, path: "/left", status: 502 },
    { name: "one without times, asked to be kept", change: (document) => { delete document.time }, path: "/left/2.0.0", status: 200, more: { withoutTimes: "keep" } },
    { name: "the target without times, asked to be kept", change: (document) => { delete document.time }, path: "/left/1.1.0", status: 403, more: { withoutTimes: "keep" } },
    { name: "no integrity", change: (document) => { delete document.versions["1.0.0"]?.dist["integrity"] }, path: "/left/-/left-1.0.0.tgz", status: 502 },
    { name: "a weak integrity", change: (document) => { (document.versions["1.0.0"] as { dist: Record<string, unknown> }).dist["integrity"] = "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=" }, path: "/left/-/left-1.0.0.tgz", status: 502 },
    { name: "a tarball on a private host", change: (document) => { (document.versions["1.0.0"] as { dist: Record<string, unknown> }).dist["tarball"] = "https://169.254.169.254/latest/meta-data" }, path: "/left/-/left-1.0.0.tgz", status: 502 },
    { name: "a tarball over http from elsewhere", change: (document) => { (document.versions["1.0.0"] as { dist: Record<string, unknown> }).dist["tarball"] = "http://registry.example/x.tgz" }, path: "/left/-/left-1.0.0.tgz", status: 502 },
    { name: "a tarball in a file", change: (document) => { (document.versions["1.0.0"] as { dist: Record<string, unknown> }).dist["tarball"] = "file:///etc/passwd" }, path: "/left/-/left-1.0.0.tgz", status: 502 },
  ])("$name", async ({ change, path, status, more }) => {
    const document = await (await fetch(`${registry.url}left`)).json() as Parameters<typeof change>[0]
    change(document)
    const liar = await startRegistry({ intercept: (incoming, response) => { response.end(JSON.stringify(document)); return incoming.url !== undefined } })
    try {
      await open({ upstream: { registry: liar.url }, ...more })
      expect((await get(path)).status).toBe(status)
    } finally {
      await liar.close()
    }
  })

  test("a redirect to a private host is not followed, one within the registry is", async () => {
    const tarball = registry.built("left", "1.0.0")?.tarball
    for (const [location, status] of [["http://127.0.0.1:1/x", 502], ["http://localhost/x", 502], ["/again", 200]] as const) {
      const redirecting = await startRegistry({
        intercept: async (incoming, response) => {
          if (incoming.url === "/left") response.end(JSON.stringify(await (await fetch(`${registry.url}left`)).json()).replaceAll(registry.url, `http://${incoming.headers.host}/`))
          else if (incoming.url === "/again") response.end(tarball)
          else response.writeHead(302, { location }).end()
          return true
        },
      })
      await open({ upstream: { registry: redirecting.url } })
      expect((await get("/left/-/left-1.0.0.tgz")).status, location).toBe(status)
      await view?.close()
      await redirecting.close()
    }
  })
})

describe("the guard of its connections", () => {
  const fetchWith = (addresses: readonly string[], registries: readonly string[] = ["https://registry.example/"]): ReturnType<typeof createUpstreamFetch> => createUpstreamFetch({ registries, allowPrivateAddresses: false, resolve: () => Promise.resolve(addresses) })
  test.each([
    { name: "a name at loopback", addresses: ["127.0.0.1"], code: "ADDRESS_REFUSED" },
    { name: "a name with one public and one private address", addresses: ["93.184.215.14", "10.0.0.1"], code: "ADDRESS_REFUSED" },
    { name: "a name in the cloud's metadata", addresses: ["169.254.169.254"], code: "ADDRESS_REFUSED" },
    { name: "a name at a mapped address", addresses: ["::ffff:127.0.0.1"], code: "ADDRESS_REFUSED" },
    { name: "a name with no address", addresses: [], code: "UNREACHABLE" },
  ])("$name", async ({ addresses, code }) => {
    await expect(fetchWith(addresses)("https://cdn.example/x", "*/*", AbortSignal.timeout(5000))).rejects.toMatchObject({ code })
  })
})

test("a socket that cannot be made is an error, and nothing is left", async () => {
  await expect(startFrozenView({ socket: join(folder, "x".repeat(200)), frozenAt: 0, target: { name: "a", version: "1.0.0" }, upstream: { registry: registry.url } })).rejects.toMatchObject({ code: "DISK" })
  expect(readdirSync(folder)).toEqual([])
})
