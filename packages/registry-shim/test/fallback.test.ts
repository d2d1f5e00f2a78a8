// The registry lost it, lies or is gone: the bytes that are vouched for come from nodes, and no others do.
import { createHash } from "node:crypto"
import { readdir } from "node:fs/promises"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { httpTransport } from "@vouchsafe/client/node"
import { formatChunkList, hashArtifact, httpSource } from "@vouchsafe/artifacts"
import { artifactKey } from "@vouchsafe/core"
import type { TamperRule } from "@vouchsafe/testkit/registry"
import { startWorld, type World, type WorldOptions } from "./world.ts"

const NOISE = Buffer.concat(Array.from({ length: 40_000 }, (_, i) => createHash("sha512").update(String(i)).digest()))
const GOOD = { name: "zz-good", version: "1.0.0", files: { "index.js": "module.exports = 1\n" } }
const BIG = { name: "zz-big", version: "1.0.0", files: { "noise.bin": NOISE } }
const TGZ = "/zz-good/-/zz-good-1.0.0.tgz"
const BIG_TGZ = "/zz-big/-/zz-big-1.0.0.tgz"
const PURL = "pkg:npm/zz-good@1.0.0"
const sha512 = (bytes: Buffer): string => createHash("sha512").update(bytes).digest("hex")

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

/** A node that has what it is given; `lie` changes what it sends, `lists` the list to match. */
async function node(held: () => Record<string, Buffer>, lie?: "bytes" | "bytes and list") {
  const asked: string[] = []
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    asked.push(request.url ?? "")
    const [, digest = "", chunks] = /^\/v1\/artifact\/([0-9a-f]{128})(\/chunks)?$/.exec(request.url ?? "") ?? []
    const honest = held()[digest]
    if (honest === undefined) { response.writeHead(404).end(); return }
    const evil = Buffer.from(honest)
    evil[0] = (evil[0] as number) ^ 0xff
    if (chunks !== undefined) {
      const hash = hashArtifact()
      hash.update(lie === "bytes and list" ? evil : honest)
      response.end(formatChunkList(digest, hash.finish().list))
      return
    }
    const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []
    response.writeHead(206).end((lie === undefined ? honest : evil).subarray(Number(from), Number(to) + 1))
  }
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  closers.push(() => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve) }))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked }
}

interface Given extends WorldOptions { readonly lies?: readonly ("bytes" | "bytes and list" | undefined)[]; readonly holds?: boolean; readonly isListed?: boolean }

/** A shim with nodes that have both packages, whose registry is as it is told. */
async function start({ lies = [undefined], holds = true, isListed = true, ...options }: Given = {}) {
  const held: Record<string, Buffer> = {}
  const nodes = await Promise.all(lies.map((lie) => node(() => held, lie)))
  const transport = httpTransport()
  closers.push(() => Promise.resolve(transport.close()))
  let world: World | undefined
  const observed = (artifacts: readonly { purl: string; registry: string }[]) => Promise.resolve(new Map(artifacts.flatMap((artifact) => {
    const sha = world?.network.vouched.get(artifact.purl)
    return sha === undefined ? [] : [[artifactKey(artifact), sha] as const]
  })))
  world = await startWorld({
    ...options, registry: { packages: [GOOD, BIG], ...options.registry },
    shim: { nodes: { observed, registries: { has: () => isListed } as unknown as ReadonlySet<string>, sources: nodes.map(({ url }, i) => httpSource({ name: `node${i}`, url, transport })) }, ...options.shim },
  })
  closers.push(() => (world as World).close())
  if (holds) for (const { name } of [GOOD, BIG]) { const built = world.registry.built(name, "1.0.0"); if (built) held[built.sha512] = Buffer.from(built.tarball) }
  return { world, nodes, digestOf: (name: string): string => world?.network.vouched.get(`pkg:npm/${name}@1.0.0`) ?? "" }
}
const codes = (world: World): string[] => world.events.flatMap((event) => ("code" in event ? [`${event.event} ${event.code}`] : []))
const noRegistry = () => ({ default: "http://127.0.0.1:1/", scopes: {}, registryFor: () => "http://127.0.0.1:1/", credentialsFor: () => undefined })

describe("installs", () => {
  test.each<{ name: string; rules: TamperRule[]; packument: boolean }>([
    { name: "unpublished: 404", rules: [{ name: "zz-good", mode: "hide" }], packument: false },
    { name: "unpublished after the packument was read", rules: [{ name: "zz-good", mode: "status", status: 404 }], packument: true },
    { name: "gone: 410", rules: [{ name: "zz-good", mode: "status", status: 410 }], packument: true },
    { name: "failing: 500", rules: [{ name: "zz-good", mode: "status", status: 500 }], packument: false },
    { name: "cut in the middle", rules: [{ name: "zz-good", mode: "truncate" }], packument: false },
    { name: "other bytes under an honest packument", rules: [{ name: "zz-good", mode: "swap-bytes-only" }], packument: true },
    { name: "other bytes and no packument asked for", rules: [{ name: "zz-good", mode: "swap-tarball" }], packument: false },
  ])("$name", async ({ rules, packument }) => {
    const { world, digestOf } = await start({ registry: packument ? {} : { tamper: rules } })
    if (packument) {
      await world.get("/zz-good")
      world.registry.tamper(rules)
    }
    const answer = await world.get(TGZ)
    expect([answer.status, sha512(answer.body)]).toEqual([200, digestOf("zz-good")])
    expect(codes(world)).toEqual(["warning FROM_NODES"])
    expect(world.shim.counts()).toEqual({ allowed: 1, denied: 0 })
    expect(await readdir(join(world.dir, "spool"))).toEqual([])
    // The second time it is in the cache, as what came from the registry is.
    expect((await world.get(TGZ)).status).toBe(200)
    expect(codes(world)).toHaveLength(1)
  })
  test("without any registry, several and large ones; it is told once, and not asked again for a while", async () => {
    const { world, digestOf, nodes } = await start({ registries: noRegistry })
    for (const [path, name] of [[TGZ, "zz-good"], [BIG_TGZ, "zz-big"]] as const) {
      const answer = await world.get(path)
      expect([answer.status, sha512(answer.body)]).toEqual([200, digestOf(name)])
    }
    expect(codes(world)).toEqual(["warning REGISTRY_DOWN"])
    expect(nodes[0]?.asked.length).toBe(2 + 1 + 3)
  })
  test("own cache first: nobody is asked for what is there", async () => {
    const { world, nodes } = await start()
    await world.get(TGZ)
    world.registry.tamper([{ name: "zz-good", mode: "hide" }])
    world.clock.now += 120_000
    expect((await world.get(TGZ)).status).toBe(200)
    expect(nodes[0]?.asked).toEqual([])
  })
  test.each([{ lies: ["bytes", undefined] as const }, { lies: ["bytes and list", "bytes and list", undefined] as const }])("although nodes are poisoned: $lies", async ({ lies }) => {
    const { world, digestOf } = await start({ lies, registries: noRegistry })
    const answer = await world.get(BIG_TGZ)
    expect([answer.status, sha512(answer.body)]).toEqual([200, digestOf("zz-big")])
    expect(codes(world).filter((code) => code.endsWith("NODE_LIED"))).toHaveLength(lies.length - 1)
  })
})

describe("passes nothing on", () => {
  const nothing = async (world: World, answer: { status: number; body: Buffer }, status: number, says: string): Promise<void> => {
    expect([answer.status, answer.body.toString()]).toEqual([status, expect.stringContaining(says)])
    expect(world.shim.counts().allowed).toBe(0)
    expect(await readdir(join(world.dir, "spool"))).toEqual([])
    expect(await readdir(join(world.dir, "sha512"))).toEqual([])
  }
  test.each<{ name: string; given: Given; status: number; says: string }>([
    { name: "when every node is poisoned", given: { lies: ["bytes and list", "bytes"], registries: noRegistry }, status: 502, says: "node0: lied: its chunk list makes up other bytes" },
    { name: "when no node has it", given: { lies: [undefined, undefined], holds: false, registry: { tamper: [{ name: "zz-good", mode: "hide" }] } }, status: 404, says: "node0: has it not; node1: has it not" },
    { name: "when no node has it and there is no registry", given: { holds: false, registries: noRegistry }, status: 502, says: "cannot reach 127.0.0.1:1: ECONNREFUSED; and no node has it: sha512" },
  ])("$name, and says who was asked", async ({ given, status, says }) => {
    const { world } = await start(given)
    await nothing(world, await world.get(TGZ), status, says)
  })
  test("that was withdrawn, though nodes have it", async () => {
    const { world, nodes } = await start({ registries: noRegistry })
    world.network.withdrawn.add(PURL)
    await nothing(world, await world.get(TGZ), 502, "no digest of it is vouched for (WITHDRAWN)")
    expect(nodes[0]?.asked).toEqual([])
  })
  test("that nobody vouched for, and no node is asked", async () => {
    const { world, nodes } = await start({ registries: noRegistry })
    world.network.vouched.clear()
    await nothing(world, await world.get(TGZ), 502, "no operator's statement names its bytes")
    expect(nodes[0]?.asked).toEqual([])
  })
  test("A8: of a registry that the roster does not list, whatever an exception allows; no node hears of its digest", async () => {
    const { world, nodes } = await start({ registries: noRegistry, isListed: false })
    await nothing(world, await world.get(TGZ), 502, "the roster does not list this registry")
    expect([nodes[0]?.asked, world.network.asked]).toEqual([[], []])
  })
  test("while the check fails", async () => {
    const { world } = await start({ registries: noRegistry })
    world.network.fail = new Error("no node answered")
    await nothing(world, await world.get(TGZ), 502, "UNREACHABLE")
  })
  test("that the packument itself announces and nobody vouched for: the refusal stands", async () => {
    const { world, nodes } = await start({ registry: { tamper: [{ name: "zz-good", mode: "swap-tarball" }] } })
    await world.get("/zz-good")
    await nothing(world, await world.get(TGZ), 403, "NOT_VOUCHED")
    expect(nodes[0]?.asked).toEqual([])
  })
  test("that the packument announced before another version was refused: clients hold it still, and would take nothing else", async () => {
    const { world, nodes } = await start({ registry: { packages: [GOOD, { ...GOOD, version: "1.1.0" }, BIG], tamper: [{ name: "zz-good", mode: "swap-tarball" }] } })
    await world.get("/zz-good")
    await nothing(world, await world.get("/zz-good/-/zz-good-1.1.0.tgz"), 403, "NOT_VOUCHED")
    await nothing(world, await world.get(TGZ), 403, "NOT_VOUCHED")
    expect(nodes[0]?.asked).toEqual([])
  })
  test.each([401, 403])("that the registry refuses to this person (%i)", async (status) => {
    const { world, nodes } = await start({ registry: { tamper: [{ name: "zz-good", mode: "status", status }] } })
    await nothing(world, await world.get(TGZ), status, "the registry answered")
    expect(nodes[0]?.asked).toEqual([])
  })
})
