// No byte of a package leaves the shim before the network vouched for exactly these bytes.
import { createHash } from "node:crypto"
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import type { TamperRule } from "@vouchsafe/testkit/registry"
import { ask, startWorld, type World, type WorldOptions } from "./world.ts"

// does not compress, so that the tarball is over the size that is answered from memory
const NOISE = Buffer.concat(Array.from({ length: 14_000 }, (_, i) => createHash("sha512").update(String(i)).digest()))
const GOOD = { name: "zz-good", version: "1.0.0", files: { "index.js": "module.exports = 1\n" } }
const SCOPED = { name: "@zz/good", version: "1.0.0", files: { "index.js": "module.exports = 2\n" } }
const BIG = { name: "zz-big", version: "1.0.0", files: { "noise.bin": NOISE } }
const TGZ = "/zz-good/-/zz-good-1.0.0.tgz"
const BIG_TGZ = "/zz-big/-/zz-big-1.0.0.tgz"

const worlds: World[] = []
afterEach(async () => { for (const world of worlds.splice(0)) await world.close() })
async function start(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld({ ...options, registry: { packages: [GOOD, SCOPED, BIG], ...options.registry } })
  worlds.push(world)
  return world
}
const sha512 = (bytes: Buffer): string => createHash("sha512").update(bytes).digest("hex")
const denied = (world: World): string[] => world.events.flatMap((event) => event.event === "denied" ? [`${event.purl} ${event.code}`] : [])

describe("passes on", () => {
  test.each([TGZ, "/@zz%2fgood/-/good-1.0.0.tgz", "/@zz/good/-/good-1.0.0.tgz", BIG_TGZ])("what is vouched for: %s", async (path) => {
    const world = await start()
    const name = path.includes("@") ? "@zz/good" : path.includes("big") ? "zz-big" : "zz-good"
    for (const withPackument of [false, true, true]) {
      if (withPackument) await world.get(`/${name.replace("/", "%2f")}`)
      const answer = await world.get(path)
      expect(answer.status).toBe(200)
      expect(sha512(answer.body)).toBe(world.registry.built(name, "1.0.0")?.sha512)
      expect(answer.headers["content-type"]).toBe("application/octet-stream")
    }
    expect(world.shim.counts()).toEqual({ allowed: 1, denied: 0 })
    expect(world.registry.requests.filter(({ kind }) => kind === "tarball")).toHaveLength(1)
  })
  test("HEAD without a body, and never a 304, which would vouch for bytes nobody sees", async () => {
    const world = await start()
    const first = await world.get(TGZ)
    const again = await world.get(TGZ, { "if-none-match": String(first.headers.etag) })
    expect(again.status).toBe(200)
    const head = await ask(world.shim.url, { path: TGZ, method: "HEAD" })
    expect([head.status, head.body.length, head.headers["content-length"]]).toEqual([200, 0, String(first.body.length)])
  })
  test("many requests at once with one download and one question each", async () => {
    const packages = Array.from({ length: 40 }, (_, i) => ({ name: `zz-p${i}`, version: "1.0.0" }))
    const world = await start({ registry: { packages } })
    const answers = await Promise.all(packages.flatMap(({ name }) => [world.get(`/${name}/-/${name}-1.0.0.tgz`), world.get(`/${name}/-/${name}-1.0.0.tgz`)]))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(world.registry.requests).toHaveLength(packages.length)
    expect(world.network.asked.flat()).toHaveLength(packages.length)
  })
  test("tarballs that only the packument knows the address of", async () => {
    const cdn = await start()
    const world = await start({ registry: { tarballBase: `${cdn.registry.url}` } })
    // this registry answers 404 where everybody expects the tarball
    world.registry.tamper([{ name: "zz-good", mode: "status", status: 404 }])
    const answer = await world.get(TGZ)
    expect(answer.status).toBe(200)
    expect(cdn.registry.requests.map(({ kind }) => kind)).toEqual(["tarball"])
  })
})

describe("refuses with 403, the reason in body, reason phrase and notice", () => {
  const check = async (world: World, path: string, code: string, says: string): Promise<void> => {
    const answer = await world.get(path)
    expect(answer.status).toBe(403)
    const { error, message } = JSON.parse(answer.body.toString()) as { error: string; message: string }
    expect(error.startsWith(`${code}: `)).toBe(true)
    expect(answer.reason).toBe(error)
    expect(answer.headers["npm-notice"]).toBe(error)
    expect(`${error}\n${message}`).toContain(says)
    expect(error).toMatch(/^[\x20-\x7e]{1,240}$/)
    expect(denied(world)).toEqual([expect.stringContaining(code)])
    expect(world.shim.counts()).toEqual({ allowed: 0, denied: 1 })
    expect(await readdir(join(world.dir, "spool"))).toEqual([])
    expect(await readdir(join(world.dir, "sha512"))).toEqual([])
  }
  test.each<{ name: string; rules: TamperRule[]; packument: boolean }>([
    { name: "other bytes under an honest packument", rules: [{ name: "zz-good", mode: "swap-bytes-only" }], packument: true },
    { name: "other bytes without a look at the packument", rules: [{ name: "zz-good", mode: "swap-bytes-only" }], packument: false },
    { name: "other bytes with a packument to match", rules: [{ name: "zz-good", mode: "swap-tarball" }], packument: true },
    { name: "other bytes with a packument that is not asked for", rules: [{ name: "zz-good", mode: "swap-tarball" }], packument: false },
  ])("$name", async ({ rules, packument }) => {
    const world = await start({ registry: { tamper: rules } })
    if (packument) expect((await world.get("/zz-good")).status).toBe(200)
    await check(world, TGZ, "NOT_VOUCHED", "not the bytes")
  })
  test("honest bytes under a lying packument stay what they are: vouched for", async () => {
    const world = await start({ registry: { packages: [{ ...GOOD, packument: { description: "lie" } }] } })
    expect((await world.get(TGZ)).status).toBe(200)
  })
  test("what was withdrawn", async () => {
    const world = await start()
    world.network.withdrawn.add("pkg:npm/zz-good@1.0.0")
    await check(world, TGZ, "WITHDRAWN", "withdrawn by alpha")
  })
  test("everything while the check fails", async () => {
    const world = await start()
    world.network.fail = new Error("no node\r\nanswered\u202e")
    await check(world, TGZ, "UNREACHABLE", "the check failed")
    world.network.fail = undefined
    expect((await world.get(TGZ)).status).toBe(200)
  })
  test("a verdict about another artifact, and too few verdicts", async () => {
    for (const verdicts of [[{ ok: true, purl: "pkg:npm/other@1.0.0", registry: "x", sha512: "00", claims: [], findings: [], labels: [] } as const], []]) {
      const world = await start({ shim: { check: () => Promise.resolve({ verdicts }) } })
      expect((await world.get(TGZ)).status).toBe(403)
    }
  })
  test("an allowance that names no digest", async () => {
    const world = await start({ shim: { check: (requests) => Promise.resolve({ verdicts: requests.map(({ purl, registry }) => ({ ok: true, purl, registry, claims: [], findings: [], labels: [] })) }) } })
    await check(world, TGZ, "PROOF_INVALID", "without a digest")
  })
})

describe("upstream fails: an error, never a byte of a package", () => {
  test.each<{ name: string; rules: TamperRule[]; status: number }>([
    { name: "cut in the middle", rules: [{ name: "zz-good", mode: "truncate" }], status: 502 },
    { name: "status 500", rules: [{ name: "zz-good", mode: "status", status: 500 }], status: 500 },
    { name: "status 404", rules: [{ name: "zz-good", mode: "hide" }], status: 404 },
  ])("$name", async ({ rules, status }) => {
    const world = await start({ registry: { tamper: rules } })
    const answer = await world.get(TGZ)
    expect(answer.status).toBe(status)
    expect(answer.headers["content-type"]).toBe("application/json")
    expect(await readdir(join(world.dir, "spool"))).toEqual([])
    expect(world.shim.counts()).toEqual({ allowed: 0, denied: 0 })
    world.registry.tamper([])
    expect((await world.get(TGZ)).status).toBe(200)
  })
  test("an upstream that stops talking is given up on", async () => {
    const world = await start({
      shim: { upstreamIdleMs: 50 },
      registry: { intercept: (request, response) => { if (!request.url?.endsWith(".tgz")) return false; response.writeHead(200, { "content-length": 1000 }).write("x"); return true } },
    })
    const answer = await world.get(TGZ)
    expect([answer.status, answer.headers["content-type"]]).toEqual([502, "application/json"])
  })
  test("a tarball in a content encoding, and one without end", async () => {
    const world = await start({ registry: { intercept: (request, response) => { if (!request.url?.endsWith(".tgz")) return false; response.writeHead(200, { "content-encoding": "gzip" }).end("x"); return true } } })
    expect((await world.get(TGZ)).status).toBe(502)
  })
  test("no upstream at all", async () => {
    const world = await start({ registries: () => ({ default: "http://127.0.0.1:1/", scopes: {}, registryFor: () => "http://127.0.0.1:1/", credentialsFor: () => undefined }) })
    const answer = await world.get(TGZ)
    expect(answer.status).toBe(502)
    expect(answer.body.toString()).toContain("UNREACHABLE")
  })
})

describe("poisoned caches: the disk is not trusted", () => {
  const cached = async (world: World): Promise<string> => {
    const dir = join(world.dir, "sha512")
    const [file] = await readdir(dir)
    return join(dir, file as string)
  }
  const flip = async (path: string, at: number): Promise<void> => {
    const bytes = await readFile(path)
    bytes[at < 0 ? bytes.length + at : at] = (bytes.at(at) as number) ^ 1
    await writeFile(path, bytes)
  }
  /** Same cache folder, new process: nothing is in memory. */
  const restart = async (world: World): Promise<World> => start({ cacheDir: world.dir, registries: () => ({ default: world.registry.url, scopes: {}, registryFor: () => world.registry.url, credentialsFor: () => undefined }) })

  test.each([0, 30, -1])("small: a byte flipped at %i is found, removed and fetched again", async (at) => {
    const world = await start()
    await world.get(TGZ)
    const path = await cached(world)
    await flip(path, at)
    const second = await restart(world)
    const answer = await second.get(TGZ)
    expect(sha512(answer.body)).toBe(world.registry.built("zz-good", "1.0.0")?.sha512)
    expect(second.events).toEqual([expect.objectContaining({ event: "warning", code: "CACHE_POISONED" })])
    expect(sha512(await readFile(path))).toBe(world.registry.built("zz-good", "1.0.0")?.sha512)
  })
  test.each([0, 300_000, -1])("large: a byte flipped at %i cuts the connection before the last chunk, and the file is gone", async (at) => {
    const world = await start()
    await world.get(BIG_TGZ)
    const path = await cached(world)
    expect((await stat(path)).size).toBeGreaterThan(600_000)
    await flip(path, at)
    const second = await restart(world)
    await expect(second.get(BIG_TGZ)).rejects.toThrow()
    expect(second.events).toEqual([expect.objectContaining({ event: "warning", code: "CACHE_POISONED" })])
    expect(await readdir(join(world.dir, "sha512"))).toEqual([])
    const again = await second.get(BIG_TGZ)
    expect(sha512(again.body)).toBe(world.registry.built("zz-big", "1.0.0")?.sha512)
  })
  test("a cut or longer file is no better", async () => {
    for (const change of [(bytes: Buffer) => bytes.subarray(0, -1), (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("x")])]) {
      const world = await start()
      await world.get(BIG_TGZ)
      const path = await cached(world)
      await writeFile(path, change(await readFile(path)))
      await expect((await restart(world)).get(BIG_TGZ)).rejects.toThrow()
    }
  })
  test("a remembered digest decides nothing: other bytes under it are refused", async () => {
    const world = await start()
    await world.get(TGZ)
    const [hint] = await readdir(join(world.dir, "names"))
    const evil = Buffer.from("evil")
    await writeFile(join(world.dir, "names", hint as string), sha512(evil))
    await writeFile(join(world.dir, "sha512", `${sha512(evil)}.tgz`), evil)
    const answer = await (await restart(world)).get(TGZ)
    expect(sha512(answer.body)).toBe(world.registry.built("zz-good", "1.0.0")?.sha512)
  })
  test("what was withdrawn since is refused from the cache and from memory", async () => {
    const world = await start()
    await world.get(TGZ)
    world.network.withdrawn.add("pkg:npm/zz-good@1.0.0")
    expect((await world.get(TGZ)).status).toBe(200) // the verdict is a moment old
    world.clock.now += 61_000
    expect((await world.get(TGZ)).status).toBe(403)
    const second = await restart(world)
    second.network.withdrawn.add("pkg:npm/zz-good@1.0.0")
    expect((await second.get(TGZ)).status).toBe(403)
  })
  test("files and folders are the owner's only", async () => {
    const world = await start()
    await world.get(TGZ)
    expect((await stat(await cached(world))).mode & 0o777).toBe(0o600)
    for (const folder of ["sha512", "spool", "names"]) expect((await stat(join(world.dir, folder))).mode & 0o777).toBe(0o700)
  })
  test("a disk that takes nothing is an error, not a byte passed on", async () => {
    const world = await start()
    await chmod(join(world.dir, "spool"), 0o500)
    const answer = await world.get(TGZ)
    await chmod(join(world.dir, "spool"), 0o700)
    // root writes where it may not: then the answer is right, and checked
    expect(process.getuid?.() === 0 ? [200] : [502]).toContain(answer.status)
  })
})
