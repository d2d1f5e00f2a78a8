import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { digestsOf } from "@vouchsafe/testkit/registry"
import { archive, entry, tgz } from "@vouchsafe/testkit/tar"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { getToolchain, holdsPackage, packageOf } from "../../src/toolchain/toolchain.ts"
import type { UpstreamAnswer, UpstreamFetch } from "../../src/view/guarded.ts"
import { workFolder } from "../git/ssh-tools.ts"

const folder = workFolder("toolchain")
const REGISTRY = "https://registry.example/"
const json = (more: object = {}): Buffer => entry("package/package.json", JSON.stringify({ name: "npm", version: "10.0.0", bin: { npm: "./bin/npm-cli.js", npx: "bin/npx-cli.js" }, ...more }))
const GOOD = tgz(archive(json(), entry("package/bin/npm-cli.js", "1", { mode: 0o755 }), entry("package/node_modules/semver/package.json", "{\"version\":\"7.7.2\"}"), entry("package/node_modules/@s/x/node_modules/deep/package.json", "{\"version\":\"1.0.0\"}")))

/** A registry of one version; `asked` gets what was requested, with its headers. */
function registryOf(tarball: Uint8Array, dist: object = {}, asked: { url: string, accept: string }[] = []): UpstreamFetch {
  const packument = { versions: { "10.0.0": { dist: { tarball: `${REGISTRY}npm/-/npm-10.0.0.tgz`, integrity: digestsOf(tarball).integrity, ...dist } } } }
  return (url, accept) => {
    asked.push({ url, accept })
    return Promise.resolve(answer(url.endsWith(".tgz") ? tarball : Buffer.from(JSON.stringify(packument))))
  }
}
function answer(bytes: Uint8Array, status = 200): UpstreamAnswer {
  return { status, body: (async function* () { yield bytes })(), close: () => undefined }
}
const get = (fetch: UpstreamFetch, version = "10.0.0", place = mkdtempSync(join(folder, "t-"))) => getToolchain("npm", version, { registry: REGISTRY, folder: place, fetch })

test("fetches once, checks, unpacks, and finds the commands", async () => {
  const place = mkdtempSync(join(folder, "t-"))
  const asked: { url: string, accept: string }[] = []
  const found = await get(registryOf(GOOD, {}, asked), "10.0.0", place)
  expect(found).toMatchObject({ manager: "npm", version: "10.0.0", folder: join(place, "npm-10.0.0"), commands: { npm: "bin/npm-cli.js", npx: "bin/npx-cli.js" } })
  expect(readFileSync(join(found.folder, "bin/npm-cli.js"), "utf8")).toBe("1")
  expect(statSync(join(found.folder, "bin/npm-cli.js")).mode & 0o777).toBe(0o755)
  expect(await get(() => Promise.reject(new Error("asked again")), "10.0.0", place)).toEqual(found)
  expect(asked.map(({ url }) => url)).toEqual([`${REGISTRY}npm`, `${REGISTRY}npm/-/npm-10.0.0.tgz`])
})

test("knows which packages it holds, at any depth, in exactly the version", async () => {
  const found = await get(registryOf(GOOD))
  expect(await Promise.all([["semver", "7.7.2"], ["deep", "1.0.0"], ["npm", "10.0.0"], ["semver", "7.7.3"], ["other", "1.0.0"]].map(([name, version]) => holdsPackage(found, name as string, version as string)))).toEqual([true, true, true, false, false])
})

test("Yarn since 2 comes in another package", () => {
  expect([packageOf("yarn", "1.22.22"), packageOf("yarn", "4.1.0"), packageOf("pnpm", "10.0.0")]).toEqual(["yarn", "@yarnpkg/cli-dist", "pnpm"])
})

describe("leaves nothing and refuses", () => {
  test.each<{ name: string, fetch: UpstreamFetch, version?: string, code: string }>([
    { name: "other bytes than the packument says", fetch: registryOf(GOOD, { integrity: digestsOf(Buffer.from("x")).integrity }), code: "UPSTREAM_FAILED" },
    { name: "sha1 alone", fetch: registryOf(GOOD, { integrity: `sha1-${Buffer.alloc(20).toString("base64")}` }), code: "UPSTREAM_FAILED" },
    { name: "no integrity", fetch: registryOf(GOOD, { integrity: undefined }), code: "UPSTREAM_FAILED" },
    { name: "a tarball at no address", fetch: registryOf(GOOD, { tarball: "https://" }), code: "UPSTREAM_FAILED" },
    { name: "a version that is not there", fetch: registryOf(GOOD), version: "10.0.1", code: "NOT_FOUND" },
    { name: "a path out of its folder", fetch: registryOf(tgz(archive(json(), entry("package/../../evil", "x")))), code: "TARBALL_HOSTILE" },
    { name: "no command of its name", fetch: registryOf(tgz(archive(json({ bin: { other: "x" } })))), code: "UPSTREAM_FAILED" },
    { name: "a registry that is not there", fetch: () => Promise.reject(new Error("refused")), code: "UPSTREAM_FAILED" },
    { name: "an error page", fetch: () => Promise.resolve(answer(Buffer.from("no"), 500)), code: "UPSTREAM_FAILED" },
    { name: "a packument that does not parse", fetch: () => Promise.resolve(answer(Buffer.from("<html>"))), code: "UPSTREAM_FAILED" },
  ])("$name", async ({ fetch, version, code }) => {
    const place = mkdtempSync(join(folder, "t-"))
    await expect(get(fetch, version, place)).rejects.toMatchObject({ code })
    expect(readdirSync(place).filter((name) => name.startsWith(".fresh-"))).toEqual([])
  })

  test("a version that is a path", async () => {
    await expect(get(registryOf(GOOD), "../../evil")).rejects.toThrow(TypeError)
  })
})

describe("a registry leads to nobody else's machine", () => {
  let registry: Server
  let secret: Server
  const asked: string[] = []
  const portOf = (server: Server): number => (server.address() as AddressInfo).port
  const listen = async (answer: (url: string) => { status: number, location?: string, body?: string }): Promise<Server> => {
    const server = createServer((request, response) => {
      const { status, location, body = "" } = answer(request.url ?? "")
      response.writeHead(status, location === undefined ? {} : { location }).end(body)
    })
    await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
    return server
  }
  beforeAll(async () => {
    secret = await listen((url) => { asked.push(url); return { status: 200, body: "secret" } })
  })
  afterEach(() => { registry.close() })
  afterAll(() => { secret.close() })

  test.each<{ name: string, dist: () => string, redirect?: () => string }>([
    { name: "by the tarball's address", dist: () => `http://127.0.0.1:${portOf(secret)}/a.tgz` },
    { name: "by a redirect", dist: () => "/npm/-/npm-10.0.0.tgz", redirect: () => `http://127.0.0.1:${portOf(secret)}/b.tgz` },
    { name: "by a name of this machine", dist: () => `https://localhost:${portOf(secret)}/c.tgz` },
    { name: "by an address that is none", dist: () => "data:application/octet-stream;base64,AAAA" },
  ])("$name", async ({ dist, redirect }) => {
    registry = await listen((url) => url.endsWith(".tgz") ? { status: 302, location: redirect?.() ?? "" } : { status: 200, body: JSON.stringify({ versions: { "10.0.0": { dist: { tarball: dist(), integrity: digestsOf(GOOD).integrity } } } }) })
    const place = mkdtempSync(join(folder, "t-"))
    await expect(getToolchain("npm", "10.0.0", { registry: `http://127.0.0.1:${portOf(registry)}/`, folder: place })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" })
    expect(asked).toEqual([])
  })
})
