// Tarballs by digest: who gets what, who does not, and that keeping them never changes what is observed.
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CHUNK_BYTES, openArtifactStore, parseChunkList } from "@vouchsafe/artifacts"
import { VouchsafeError } from "@vouchsafe/core"
import type { RegistrySource } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { createByteBudget } from "../src/artifacts/budget.ts"
import { parseBytes, parseSwitch } from "../src/artifacts/bytes.ts"
import { parsePins } from "../src/artifacts/pin-routes.ts"
import { readRange } from "../src/artifacts/range.ts"
import { createTarballTap, type TapSink } from "../src/artifacts/tap.ts"
import type { NodeConfig } from "../src/config/checked.ts"
import { emptyFolder, evidence, layOut, place, registryOf, start } from "./network.ts"
import { ask, manualTime, tempFolder } from "./support.ts"

const JSON_TYPE = { "content-type": "application/json" }
const sha512 = (bytes: Uint8Array): string => createHash("sha512").update(bytes).digest("hex")
// does not compress, so that the tarball has more than one chunk
const NOISE = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => createHash("sha512").update(String(i)).digest()))
const BIG = { name: "zz-big", version: "1.0.0", files: { "noise.bin": NOISE } }

async function lone(more: { config?: Partial<NodeConfig>; env?: Record<string, string>; token?: string } = {}) {
  const registry = await registryOf(0, { packages: [BIG, { name: "zz-0", version: "1.0.0", files: { "index.js": "0\n" } }], ...(more.token === undefined ? {} : { token: more.token }) })
  const data = join(tempFolder(), "data")
  const env = more.token === undefined ? {} : { npm_config_userconfig: join(emptyFolder(data), ".npmrc") }
  if (more.token !== undefined) writeFileSync(join(data, ".npmrc"), `registry=${registry.url}\n//${new URL(registry.url).host}/:_authToken=${more.token}\n`, { mode: 0o600 })
  const at = place(data, { registries: [registry.url], ...more.config }, { ...env, ...more.env })
  const node = await start(at)
  const built = registry.built("zz-big", "1.0.0")
  if (built === undefined) throw new Error("no fixture")
  return { registry, at, node, url: node.listenUrl, bytes: built.tarball, digest: built.sha512, artifact: { purl: "pkg:npm/zz-big@1.0.0", registry: registry.url } }
}
const observe = async ({ url, artifact }: { url: string; artifact: { purl: string; registry: string } }): Promise<void> => {
  expect((await evidence(url, { artifacts: [artifact] })).artifacts[0]?.status).toBe("observed")
}
const get = (url: string, digest: string, headers: Record<string, string> = {}, method = "GET") => ask(url, { method, path: `/v1/artifact/${digest}`, headers: { host: new URL(url).host, ...headers } })
const have = (url: string, digests: readonly string[], socketPath?: string) =>
  ask(url, { method: "POST", path: "/v1/artifacts/have", headers: JSON_TYPE, body: JSON.stringify({ format: "vouchsafe-have/v1", sha512: digests }), ...(socketPath === undefined ? {} : { socketPath }) })
const admin = async (socketPath: string, path: string, body?: unknown) => {
  const reply = await ask("http://localhost/", { method: body === undefined ? "GET" : "POST", path, socketPath, headers: JSON_TYPE, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  return { status: reply.status, lines: reply.body.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>) }
}

describe("configuration", () => {
  test.each([["1", 1], ["500MiB", 500 * 1024 ** 2], ["10GiB", 10 * 1024 ** 3], ["2TiB", 2 * 1024 ** 4], ["7KiB", 7168]])("%s", (text, bytes) => { expect(parseBytes("quota", text)).toBe(bytes) })
  test.each(["", "0", "-1", "1.5GiB", "10GB", "10 GiB", "0x10", "1e9", "9999999999999999TiB", "١"])("refuses %j as bytes", (text) => {
    expect(() => parseBytes("quota", text)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }) as Error)
  })
  test.each(["", "yes", "ON", "true"])("refuses %j as on or off", (text) => {
    expect(() => parseSwitch("artifacts", text)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }) as Error)
  })
})

describe("ranges", () => {
  const whole = { kind: "whole" } as const
  const no = { kind: "unsatisfiable" } as const
  test.each([
    [undefined, whole], ["items=0-1", whole], ["bytes=0-0", { kind: "part", start: 0, length: 1 }], ["bytes=0-99", { kind: "part", start: 0, length: 100 }], ["bytes=90-", { kind: "part", start: 90, length: 10 }],
    ["bytes=90-200", { kind: "part", start: 90, length: 10 }], ["bytes=-10", { kind: "part", start: 90, length: 10 }], ["bytes=-200", { kind: "part", start: 0, length: 100 }],
    ["bytes=100-", no], ["bytes=5-4", no], ["bytes=-0", no], ["bytes=0-1,3-4", no], ["bytes=a-b", no], ["bytes=", no], ["bytes=-", no], ["bytes=0x0-1", no], ["bytes= 0-1", no], ["bytes=99999999999999999-", no],
  ])("%s", (header, expected) => { expect(readRange(header, 100)).toEqual(expected) })
})

describe("A4, the tap: what the attester reads is what the registry sent, whatever becomes of the copy", () => {
  const CHUNKS = [Buffer.from("one"), Buffer.from("two"), Buffer.from("three")]
  async function* sent(until = CHUNKS.length): AsyncGenerator<Uint8Array> {
    for (const chunk of CHUNKS.slice(0, until)) {
      await Promise.resolve()
      yield chunk
    }
    if (until < CHUNKS.length) throw new VouchsafeError("UPSTREAM_FAILED", "cut")
  }
  const sourceOf = (size: number | undefined, until?: number): RegistrySource => ({
    packumentVersion: () => Promise.resolve(undefined), packument: () => Promise.resolve(undefined), attestations: () => Promise.resolve(undefined), tarball: () => Promise.resolve({ size, chunks: sent(until) }),
  })
  const readAll = async (source: RegistrySource): Promise<Buffer> => {
    const parts: Uint8Array[] = []
    for await (const chunk of (await source.tarball({ url: "x", registry: "r" })).chunks) parts.push(chunk)
    return Buffer.concat(parts)
  }
  const store = () => openArtifactStore({ directory: join(tempFolder(), "a"), quotaBytes: 1_000_000, clock: manualTime().clock })
  const sinkOf = (made: Awaited<ReturnType<typeof store>>, lost: unknown[] = []): TapSink => ({ open: (audience, bytes) => made.writer(audience, bytes), onLost: (error) => lost.push(error) })

  test.each<{ name: string; sink: Partial<TapSink> }>([
    { name: "no room", sink: { open: () => Promise.reject(new VouchsafeError("DISK", "full")) } },
    { name: "a disk that fills up", sink: { open: () => Promise.resolve({ write: () => Promise.reject(new VouchsafeError("DISK", "full")), commit: () => Promise.reject(new Error("not reached")), discard: () => Promise.resolve() }) } },
    { name: "a rename that fails", sink: { open: () => Promise.resolve({ write: () => Promise.resolve(), commit: () => Promise.reject(new VouchsafeError("DISK", "x")), discard: () => Promise.resolve() }) } },
  ])("$name costs the copy and nothing else", async ({ sink }) => {
    const lost: unknown[] = []
    const tap = createTarballTap(sourceOf(11), () => false)
    tap.connect({ open: () => Promise.reject(new Error("unset")), onLost: (error) => lost.push(error), ...sink })
    expect((await readAll(tap.source)).toString()).toBe("onetwothree")
    expect(lost).toHaveLength(1)
  })
  test("chunks are handed on as they are, the size too, and the bytes are kept", async () => {
    const kept = await store()
    const tap = createTarballTap(sourceOf(11), () => false)
    tap.connect(sinkOf(kept))
    const download = await tap.source.tarball({ url: "x", registry: "r" })
    expect(download.size).toBe(11)
    const seen: Uint8Array[] = []
    for await (const chunk of download.chunks) seen.push(chunk)
    expect(seen.every((chunk, i) => chunk === CHUNKS[i])).toBe(true)
    expect(kept.size(sha512(Buffer.concat(CHUNKS)), "everybody")).toBe(11)
  })
  test.each([
    { name: "a connection that is cut", size: 11, until: 2 as number | undefined, stop: false },
    { name: "more or fewer bytes than announced", size: 12, until: undefined, stop: false },
    { name: "a reader that stops early", size: 11, until: undefined, stop: true },
  ])("of $name nothing is kept", async ({ size, until, stop }) => {
    const directory = join(tempFolder(), "a")
    const kept = await openArtifactStore({ directory, quotaBytes: 1_000_000, clock: manualTime().clock })
    const lost: unknown[] = []
    const tap = createTarballTap(sourceOf(size, until), () => false)
    tap.connect(sinkOf(kept, lost))
    if (stop) for await (const _ of (await tap.source.tarball({ url: "x", registry: "r" })).chunks) break
    else if (until === undefined) await readAll(tap.source)
    else await expect(readAll(tap.source)).rejects.toMatchObject({ code: "UPSTREAM_FAILED" })
    expect([kept.status().count, readdirSync(join(directory, "spool")), lost]).toEqual([0, [], []])
  })
})

describe("what was observed", () => {
  test("is there by its digest: whole, in parts, its head, its chunks", async () => {
    const world = await lone()
    const { url, digest, bytes } = world
    expect((await get(url, digest)).status).toBe(404)
    await observe(world)
    const all = await get(url, digest)
    expect([all.status, sha512(all.bytes), all.headers["content-length"]]).toEqual([200, digest, String(bytes.length)])
    expect(all.headers).toMatchObject({
      "content-type": "application/octet-stream", etag: `"${digest}"`, "accept-ranges": "bytes", "content-disposition": "attachment", "cache-control": expect.stringContaining("immutable"), "x-content-type-options": "nosniff",
    })
    const part = await get(url, digest, { range: `bytes=${CHUNK_BYTES - 5}-${CHUNK_BYTES + 4}` })
    expect([part.status, part.headers["content-range"], part.bytes]).toEqual([206, `bytes ${CHUNK_BYTES - 5}-${CHUNK_BYTES + 4}/${bytes.length}`, bytes.subarray(CHUNK_BYTES - 5, CHUNK_BYTES + 5)])
    const head = await get(url, digest, {}, "HEAD")
    expect([head.status, head.headers["content-length"], head.bytes.length]).toEqual([200, String(bytes.length), 0])
    const list = parseChunkList((await ask(url, { path: `/v1/artifact/${digest}/chunks` })).body, digest)
    expect([list.size, list.chunks.length]).toEqual([bytes.length, 2])
    expect(JSON.parse((await have(url, ["00".repeat(64), digest])).body)).toEqual({ format: "vouchsafe-have/v1", have: [1] })
    expect(JSON.parse((await ask(url, { path: "/v1/status" })).body)).toMatchObject({ artifacts: { count: 1, bytes: bytes.length, pinned: 0, liars: 0, lost: 0 } })
    expect((await ask(url, { path: "/metrics" })).body).toContain("vouchsafe_artifacts_count 1")
    expect((await get(url, digest, { "if-none-match": `"${digest}"` })).status).toBe(304)
    expect((await get(url, digest, { range: "bytes=0-9", "if-range": '"other"' })).status).toBe(200)
  })
  test.each<{ name: string; path: string; headers?: Record<string, string>; status: number }>([
    { name: "a digest that nobody has", path: `/v1/artifact/${"0".repeat(128)}`, status: 404 },
    { name: "its chunks", path: `/v1/artifact/${"0".repeat(128)}/chunks`, status: 404 },
    { name: "a digest that is none", path: "/v1/artifact/00", status: 404 },
    { name: "a way out of the folder", path: `/v1/artifact/../${"0".repeat(125)}`, status: 404 },
    { name: "a range behind the end", path: "/v1/artifact/DIGEST", headers: { range: "bytes=99999999-" }, status: 416 },
    { name: "several ranges", path: "/v1/artifact/DIGEST", headers: { range: "bytes=0-1,5-6" }, status: 416 },
    { name: "pins from outside", path: "/v1/pins", status: 404 },
  ])("refuses $name", async ({ path, headers = {}, status }) => {
    const world = await lone()
    await observe(world)
    const reply = await ask(world.url, { path: path.replace("DIGEST", world.digest), headers: { host: new URL(world.url).host, ...headers } })
    expect(reply.status).toBe(status)
    if (status === 416) expect([reply.headers["content-range"], reply.bytes.length]).toEqual([`bytes */${world.bytes.length}`, 0])
  })
  test.each([
    { name: "too many digests", body: { format: "vouchsafe-have/v1", sha512: Array.from({ length: 1_001 }, () => "0".repeat(128)) }, status: 400 },
    { name: "what is no digest", body: { format: "vouchsafe-have/v1", sha512: ["x"] }, status: 400 },
    { name: "another format", body: { format: "v2", sha512: [] }, status: 400 },
    { name: "a body that is too large", body: "x".repeat(200_000), status: 413 },
  ])("who-has refuses $name", async ({ body, status }) => {
    const { url } = await lone()
    expect((await ask(url, { method: "POST", path: "/v1/artifacts/have", headers: JSON_TYPE, body: JSON.stringify(body) })).status).toBe(status)
  })
  test("a file that was changed on disk is not given out whole, and is gone afterwards", async () => {
    const world = await lone()
    await observe(world)
    const { url, digest, at } = world
    const path = join(at.config.data, "artifacts", "shared", digest.slice(0, 2), `${digest}.tgz`)
    const bytes = readFileSync(path)
    bytes[CHUNK_BYTES + 3] = (bytes[CHUNK_BYTES + 3] as number) ^ 1
    writeFileSync(path, bytes)
    await expect(get(url, digest)).rejects.toThrow()
    expect([(await get(url, digest)).status, existsSync(path)]).toEqual([404, false])
  })
  test("with artifacts off there is nothing of it", async () => {
    const world = await lone({ config: { artifacts: false } })
    await observe(world)
    expect([(await get(world.url, world.digest)).status, (await have(world.url, [world.digest])).status, existsSync(join(world.at.config.data, "artifacts"))]).toEqual([404, 404, false])
    expect((await admin(world.node.adminSocket, "/v1/pins")).status).toBe(404)
  })
  test("a quota without room costs the copy, not the observation", async () => {
    const world = await lone({ config: { artifactQuota: 1_000 } })
    await observe(world)
    expect((await get(world.url, world.digest)).status).toBe(404)
    expect(JSON.parse((await ask(world.url, { path: "/v1/status" })).body)).toMatchObject({ artifacts: { count: 0, lost: 1 } })
  })
})

test("A8: bytes that a credential brought are the node's user's own: nobody else gets them, their chunks, or word of them", async () => {
  const world = await lone({ token: "canary-token-0123456789" })
  await observe(world)
  const { url, digest, node, at, artifact } = world
  expect((await get(url, digest)).status).toBe(404)
  expect((await get(url, digest, { range: "bytes=0-1" })).status).toBe(404)
  expect((await get(url, digest, {}, "HEAD")).status).toBe(404)
  expect((await ask(url, { path: `/v1/artifact/${digest}/chunks` })).status).toBe(404)
  expect(JSON.parse((await have(url, [digest])).body)).toMatchObject({ have: [] })
  // Pinning makes it no more public.
  expect((await admin(node.adminSocket, "/v1/pin", { artifacts: [{ ...artifact, sha512: digest }] })).lines[0]).toMatchObject({ pinned: { from: "store" } })
  expect((await get(url, digest)).status).toBe(404)
  // What the registry does not give is not asked of anybody: not even the digest of a private package leaves.
  const [lost] = (await admin(node.adminSocket, "/v1/pin", { artifacts: [{ purl: "pkg:npm/zz-none@1.0.0", registry: artifact.registry, sha512: "ab".repeat(64) }] })).lines
  expect(lost).toMatchObject({ failed: { code: "NOT_FOUND", message: expect.stringContaining("nobody else is asked") } })
  const own = await ask("http://localhost/", { path: `/v1/artifact/${digest}`, socketPath: node.adminSocket })
  expect([own.status, sha512(own.bytes)]).toEqual([200, digest])
  expect(JSON.parse((await have("http://localhost/", [digest], node.adminSocket)).body)).toMatchObject({ have: [0] })
  expect(readdirSync(join(at.config.data, "artifacts", "shared"))).toEqual([])
})

describe("budgets", () => {
  test("an address that had its share waits, others do not; the admin is not limited", async () => {
    const time = manualTime()
    const budget = createByteBudget(64 * 1024 ** 2, time.clock, time.timers)
    expect(budget.take("192.0.2.1", 600 * 1024 ** 2)).toBe(0)
    const waitMs = budget.take("192.0.2.1", 1)
    expect(waitMs).toBeGreaterThan(10_000)
    expect(budget.take("192.0.2.2", 1)).toBe(0)
    expect(budget.take("admin", 10 * 1024 ** 4)).toBe(0)
    await time.advance(waitMs + 1)
    expect(budget.take("192.0.2.1", 1)).toBe(0)
  })
  test("all together have the configured bandwidth; 429 says when to ask again", async () => {
    const world = await lone({ config: { artifactBandwidth: 100_000 } })
    await observe(world)
    expect((await get(world.url, world.digest)).status).toBe(200)
    const refused = await get(world.url, world.digest)
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([429, { error: { code: "RATE_LIMITED" } }])
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0)
    expect((await ask("http://localhost/", { path: `/v1/artifact/${world.digest}`, socketPath: world.node.adminSocket })).status).toBe(200)
  })
})

describe("pins", () => {
  test("from the registry, once; listed; let go", async () => {
    const { node, artifact, digest, url, bytes } = await lone()
    const pin = { ...artifact, sha512: digest }
    const [line, end] = (await admin(node.adminSocket, "/v1/pin", { artifacts: [pin] })).lines
    expect([line, end]).toEqual([{ pinned: { ...pin, size: bytes.length, from: "registry" } }, { done: { pinned: 1, failed: 0 } }])
    expect((await get(url, digest)).status).toBe(200)
    expect((await admin(node.adminSocket, "/v1/pins")).lines[0]).toMatchObject({ format: "vouchsafe-pins/v1", pins: [{ ...pin, size: bytes.length, isHeld: true }] })
    expect((await admin(node.adminSocket, "/v1/unpin", { artifacts: [pin] })).lines).toEqual([{ unpinned: 1 }])
    expect((await admin(node.adminSocket, "/v1/pins")).lines[0]).toMatchObject({ pins: [] })
  })
  test("what fails says why, and the others are pinned", async () => {
    const { node, artifact, digest, registry } = await lone()
    const wrong = { ...artifact, sha512: "ab".repeat(64) }
    const { lines } = await admin(node.adminSocket, "/v1/pin", { artifacts: [wrong, { purl: "pkg:npm/none@1.0.0", registry: registry.url, sha512: "cd".repeat(64) }, { ...artifact, registry: "https://other.example/", sha512: digest }, { ...artifact, sha512: digest }] })
    const failed = lines.flatMap(({ failed: one }) => (one === undefined ? [] : [one as { sha512: string; code: string; message: string }]))
    expect(failed.find(({ sha512: of }) => of === wrong.sha512)).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining(`its bytes have sha512 ${digest.slice(0, 16)}`) })
    expect(failed.find(({ sha512: of }) => of === "cd".repeat(64))).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("has no such version") })
    expect(failed.find(({ sha512: of }) => of === digest)).toMatchObject({ code: "REQUEST_MALFORMED", message: expect.stringContaining("https://other.example/") })
    expect(lines.at(-1)).toEqual({ done: { pinned: 1, failed: 3 } })
    expect(registry.requests.some(({ url: asked }) => asked.includes("other.example"))).toBe(false)
  })
  test("from another node, when the version was unpublished", async () => {
    const registry = await registryOf(1, { packages: [BIG] })
    const { places } = await layOut(2, [registry.url])
    const [one, two] = await Promise.all(places.map((at) => start(at)))
    if (one === undefined || two === undefined) throw new Error("two nodes were laid out")
    const artifact = { purl: "pkg:npm/zz-big@1.0.0", registry: registry.url }
    const digest = registry.built("zz-big", "1.0.0")?.sha512 ?? ""
    await observe({ url: one.listenUrl, artifact })
    registry.unpublish("zz-big", "1.0.0")
    const { lines } = await admin(two.adminSocket, "/v1/pin", { artifacts: [{ ...artifact, sha512: digest }] })
    expect(lines[0]).toMatchObject({ pinned: { from: one.operator } })
    expect(sha512((await get(two.listenUrl, digest)).bytes)).toBe(digest)
    // What a node keeps makes it say nothing new: the version is gone from the registry, so there is no observation of it.
    expect((await evidence(two.listenUrl, { artifacts: [artifact] })).artifacts[0]?.status).not.toBe("observed")
  })
  test.each<{ name: string; body: unknown }>([
    { name: "no list", body: {} }, { name: "a further member", body: { artifacts: [], more: 1 } }, { name: "too many", body: { artifacts: Array.from({ length: 1_001 }, () => ({})) } },
    { name: "no digest", body: { artifacts: [{ purl: "pkg:npm/a@1.0.0", registry: "https://registry.example/", sha512: "00" }] } },
    { name: "no npm purl", body: { artifacts: [{ purl: "pkg:pypi/a@1.0.0", registry: "https://registry.example/", sha512: "0".repeat(128) }] } },
  ])("refuses $name", ({ body }) => {
    expect(() => parsePins(JSON.stringify(body))).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED" }) as Error)
  })
})

test("what is kept and pinned is there after a restart", async () => {
  const world = await lone()
  const { at, node, artifact, digest } = world
  await admin(node.adminSocket, "/v1/pin", { artifacts: [{ ...artifact, sha512: digest }] })
  await node.stop()
  rmSync(join(at.config.data, "admin.sock"), { force: true })
  const again = await start(at)
  expect([(await get(again.listenUrl, digest)).status, (await admin(again.adminSocket, "/v1/pins")).lines[0]]).toMatchObject([200, { pins: [{ sha512: digest }] }])
})
