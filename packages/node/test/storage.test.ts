import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { nodeCrypto } from "@vouchsafe/client/node"
import {
  entriesPath, equalBytes, formatLocksetRequest, leafHash, type LockLine, lockLineOf, lockLines, openCheckpoint, parseEntry, parseEntryBundle, parseLocksetAnswer, rootOfLeaves, TILE_WIDTH, type VerifierKey,
} from "@vouchsafe/core"
import { openPostgresRecords, parsePostgresAddress } from "@vouchsafe/storage"
import { beforeAll, describe, expect, test } from "vitest"
import { startNode, type NodeConfig, type RunningNode } from "../src/index.ts"
import { main } from "../src/main.ts"
import { startFront } from "../src/storage/front.ts"
import { keepApart } from "../src/storage/stores.ts"
import { holdFolder } from "../src/state/folder.ts"
import { loadOrCreateKeys } from "../src/state/keys.ts"
import { startPostgresProxy } from "@vouchsafe/testkit"
import { FRONT_STALE_MS } from "../src/storage/limits.ts"
import { askEvidence, evidence, freePorts, place, registryOf, spawnBin, spawnDaemon, start, type Place } from "./network.ts"
import { openStorageWorld, type StorageWorld, withKeysOf } from "./storage-world.ts"
import { ask, cleanup, tempFolder } from "./support.ts"

const JSON_TYPE = { "content-type": "application/json" }

let world: StorageWorld
beforeAll(async () => {
  world = await openStorageWorld()
  return () => world.close()
})

let count = 0
const newName = (): string => `n${process.pid}_${++count}`

/** One node's configuration over the database and the bucket of these tests. */
function shared(name: string, data: string, registry: string, more: Partial<NodeConfig> = {}): Place {
  return place(data, { registries: [registry], storage: world.storage(name), objects: world.objectsAt(name), ...more }, world.env)
}

async function run(argv: readonly string[], env: Record<string, string> = {}): Promise<{ status: number; out: string; err: string }> {
  const printed = { out: "", err: "" }
  const status = await main(argv, { env: { ...world.env, ...env }, stdout: { write: (text) => { printed.out += text } }, stderr: { write: (text) => { printed.err += text } }, once: () => undefined })
  return { status, ...printed }
}

/** Requests for an object that is being replaced. */
const TRIES_MAX = 20

/** A reader of the bucket alone, with nothing but GET. @returns the size. */
async function verifyBucket(name: string, role: "log" | "notices", key: VerifierKey): Promise<number> {
  const get = async (path: string): Promise<Uint8Array> => {
    // A connection of its own: one that is kept may be closed just as it is used again.
    const read = () => ask(world.bucketUrl, { path: `${new URL(world.bucketUrl).pathname}${name}/${role}/${path}` })
    let answer = await read()
    // The server of the tests answers 500 for an object that is being replaced.
    for (let i = 0; i < TRIES_MAX && answer.status >= 500; i++) answer = await read()
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
    return new Uint8Array(answer.bytes)
  }
  const { size, root } = openCheckpoint(nodeCrypto, new TextDecoder().decode(await get("checkpoint")), key).checkpoint
  const bundles = await Promise.all(Array.from({ length: Math.ceil(size / TILE_WIDTH) }, async (_, i) => parseEntryBundle(await get(entriesPath(i, Math.min(TILE_WIDTH, size - i * TILE_WIDTH))))))
  expect(equalBytes(rootOfLeaves(nodeCrypto, bundles.flat().map((entry) => leafHash(nodeCrypto, entry))), root)).toBe(true)
  return size
}

/** Waits for what another process or timer does; vitest's own limit ends it. */
async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  while (!await isTrue()) await new Promise<void>((resolve) => { setTimeout(resolve, 20) })
}

const sizeOf = async (url: string): Promise<number> => (JSON.parse((await ask(url, { path: "/v1/status" })).body) as { log: { size: number } }).log.size

describe("two processes with one node's keys", () => {
  test("one acts and the other stands by until it may; a front end reads; the bucket alone is the log; no secret is said anywhere", async () => {
    const name = newName()
    const registry = await registryOf(4)
    const artifact = (n: number) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url })
    const folder = tempFolder()
    const first = shared(name, join(folder, "a"), registry.url)
    const acting = await start(first)
    const keys = loadOrCreateKeys(first.config.data, acting.operator)
    expect((await evidence(acting.listenUrl, { artifacts: [artifact(0), artifact(1)] })).artifacts.map(({ status }) => status)).toEqual(["observed", "observed"])
    expect(existsSync(join(first.config.data, "log", "log.sqlite"))).toBe(false)

    const second = shared(name, withKeysOf(first.config.data, join(folder, "b")), registry.url, { url: acting.listenUrl, listen: { host: "127.0.0.1", port: 0 } })
    const [secondPort = 0] = await freePorts(1)
    let standby: RunningNode | undefined
    const starting = startNode({ ...second.config, listen: { host: "127.0.0.1", port: secondPort } }, second.world).then((node) => {
      standby = node
      cleanup(() => node.stop())
    })
    await Promise.race([starting, until(() => second.lines.some((line) => line.includes('"standing by"')))])
    const at = `http://127.0.0.1:${secondPort}/`
    for (const path of ["/-/healthz", "/v1/status", "/log/checkpoint"]) {
      const reply = await ask(at, { path })
      expect([path, reply.status, reply.body, reply.headers["retry-after"]]).toEqual([path, 503, expect.stringContaining("stands by: the log is held by"), "1"])
    }
    expect((await askEvidence(at, { artifacts: [artifact(0)] })).status).toBe(503)
    expect([standby, await sizeOf(acting.listenUrl)]).toEqual([undefined, 2])

    const front = await startFront(place(join(folder, "f"), { roster: acting.rosterPath, storage: world.storage(name), objects: world.objectsAt(name) }).config, { env: world.env, writeLog: (line) => second.lines.push(line) })
    cleanup(() => front.stop())
    const known = await evidence(front.listenUrl, { artifacts: [artifact(0), artifact(3)] })
    expect(known.artifacts).toMatchObject([{ status: "observed", indices: [expect.any(Number)] }, { status: "refused", code: "NOT_OBSERVED", detail: expect.stringContaining(acting.listenUrl) as string }])
    expect(openCheckpoint(nodeCrypto, (await ask(front.listenUrl, { path: "/log/checkpoint" })).body, keys.log.verifier).checkpoint.size).toBe(2)
    expect((await ask(front.listenUrl, { path: "/log/tile/0/000.p/2" })).bytes).toHaveLength(64)
    for (const path of ["/v1/releases", "/v1/builds", "/witness/add-checkpoint", "/v1/admin/withdraw", "/v1/withdraw", "/v1/reverse", "/v1/recheck", "/v1/backup"]) {
      for (const socketPath of [undefined, front.adminSocket]) {
        const reply = await ask(front.listenUrl, { method: "POST", path, headers: JSON_TYPE, body: "{}", ...(socketPath === undefined ? {} : { socketPath }) })
        expect([path, reply.status, reply.body]).toEqual([path, 403, expect.stringContaining(`ask ${acting.listenUrl}`)])
      }
    }
    expect((await ask(front.listenUrl, { path: "/-/healthz" })).body).toBe("ok\n")
    // What only the node may append it appends, through the front end too: the roster's URL, or the addresses that were given, one of which only stands by.
    const lines = known.log.entries.flatMap((text): LockLine[] => {
      const entry = parseEntry(text)
      return entry.kind === "observation" ? [lockLineOf(entry.observation)] : []
    })
    const lockset = (to: string) => ask(to, { method: "POST", path: "/v1/lockset", headers: JSON_TYPE, body: formatLocksetRequest({ registry: registry.url, lines: lockLines(nodeCrypto, lines, registry.url).texts }) })
    const made = await lockset(front.listenUrl)
    expect([made.status, made.body]).toEqual([200, expect.stringContaining('"index":2')])
    expect(await sizeOf(acting.listenUrl)).toBe(3)
    const inside = await startFront(place(join(folder, "g"), { roster: acting.rosterPath, storage: world.storage(name), objects: world.objectsAt(name), nodeUrls: [at, acting.listenUrl] }).config, { env: world.env, writeLog: (line) => second.lines.push(line) })
    cleanup(() => inside.stop())
    expect(parseLocksetAnswer((await lockset(inside.listenUrl)).body).index).toBe(2)

    await until(async () => (await fetch(`${world.bucketUrl}${name}/log/checkpoint`)).status === 200)
    const held = await run(["fsck", "--data", withKeysOf(first.config.data, join(folder, "c")), "--storage", world.storage(name), "--objects", world.objectsAt(name)])
    expect([held.status, held.err]).toEqual([3, expect.stringContaining("the log is held by")])

    await acting.stop()
    const nobody = await lockset(front.listenUrl)
    expect([nobody.status, nobody.headers["retry-after"], nobody.body]).toEqual([503, "2", expect.stringContaining(`ask ${acting.listenUrl}`)])
    await starting
    if (standby === undefined) throw new Error("no standby")
    expect(second.lines.some((line) => line.includes('"the log was taken over"'))).toBe(true)
    expect((await ask(at, { path: "/-/healthz" })).body).toBe("ok\n")
    // What the first one left was whole: it published when it ended.
    expect(await verifyBucket(name, "log", keys.log.verifier)).toBe(3)
    const after = await evidence(at, { artifacts: [artifact(0), artifact(2)], knownSize: 2 })
    expect(after.artifacts.map(({ status, indices }) => [status, indices])).toEqual([["observed", known.artifacts[0]?.indices], ["observed", [3]]])
    await until(async () => (await sizeOf(front.listenUrl)) === 4)
    // The one that took over is asked as the one before was.
    expect(parseLocksetAnswer((await lockset(inside.listenUrl)).body).index).toBe(2)
    expect((await evidence(front.listenUrl, { artifacts: [artifact(2)] })).artifacts).toMatchObject([{ status: "observed" }])

    const [node] = [standby]
    const texts = [...first.lines, ...second.lines, (await ask(at, { path: "/v1/status" })).body, (await ask(front.listenUrl, { path: "/v1/status" })).body, (await ask(at, { path: "/metrics" })).body]
    await node.stop()
    expect(await verifyBucket(name, "log", keys.log.verifier)).toBe(4)
    expect(await verifyBucket(name, "notices", keys.notices.verifier)).toBe(0)
    const argv = ["--data", second.config.data, "--storage", world.storage(name), "--objects", world.objectsAt(name)]
    const clean = await run(["fsck", ...argv])
    expect([clean.status, JSON.parse(clean.out)]).toEqual([0, { logs: [keys.log.verifier.name, keys.notices.verifier.name], findings: [] }])
    const shown = await run(["config", "show", "--json", ...argv])
    for (const text of [...texts, clean.out, shown.out, held.err]) expect(text).not.toContain(world.postgres.password)
    for (const command of [["backup", "--to", join(folder, "backup")], ["restore", "--from", folder, "--witness-key", "new"]]) {
      const refused = await run([...command, ...argv])
      expect([refused.status, refused.err]).toEqual([2, expect.stringContaining("expected embedded storage")])
    }
  }, 60_000)

  test("who stands by ends when it is told to, and a backup over the socket is refused", async () => {
    const name = newName()
    const registry = await registryOf(1)
    const folder = tempFolder()
    const acting = await start(shared(name, join(folder, "a"), registry.url))
    const second = shared(name, withKeysOf(join(folder, "a"), join(folder, "b")), registry.url, { url: acting.listenUrl })
    const stopping = new AbortController()
    const starting = startNode(second.config, { ...second.world, stopping: stopping.signal })
    const refused = expect(starting).rejects.toMatchObject({ code: "TIMEOUT" })
    await Promise.race([refused, until(() => second.lines.some((line) => line.includes('"standing by"')))])
    stopping.abort()
    await refused
    // It gave its folder back.
    holdFolder(second.config.data).release()
    const backup = await ask(acting.listenUrl, { method: "POST", path: "/v1/backup", headers: JSON_TYPE, body: JSON.stringify({ to: join(folder, "backup"), withKeys: false }), socketPath: acting.adminSocket })
    expect([backup.body, existsSync(join(folder, "backup")), existsSync(join(folder, "backup.partial"))]).toEqual([expect.stringContaining("expected embedded storage"), false, false])
  }, 30_000)

  test("a node that lost its connection to the database, and with it the log, says so and ends; started again it goes on", async () => {
    const name = newName()
    const registry = await registryOf(1)
    const at = shared(name, join(tempFolder(), "a"), registry.url)
    const node = await start(at)
    const keys = loadOrCreateKeys(at.config.data, node.operator)
    await world.postgres.crash()
    const reason = await node.failed
    expect([reason.code, reason.message]).toEqual(["STATE_UNSAFE", expect.stringContaining("no longer held by this process")])
    await node.stop()
    // Nothing of the one before stands in the way.
    const records = await openPostgresRecords({ address: parsePostgresAddress(world.storage(name), world.env), log: keys.log.verifier.name })
    await records.close()
    const again = await start(at)
    expect((await evidence(again.listenUrl, { artifacts: [{ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }] })).artifacts[0]?.status).toBe("observed")
  }, 60_000)
})

describe("what cannot be reached", () => {
  test("a front end whose database is gone serves what it read, and says that it is stale", async () => {
    const name = newName()
    const registry = await registryOf(1)
    const folder = tempFolder()
    const node = await start(shared(name, join(folder, "a"), registry.url))
    const proxy = await startPostgresProxy(world.postgres.port)
    cleanup(() => proxy.close())
    const storage = world.storage(name).replace(`:${world.postgres.port}/`, `:${proxy.port}/`)
    let shiftMs = 0
    const lines: string[] = []
    const front = await startFront(place(join(folder, "f"), { roster: node.rosterPath, storage, objects: world.objectsAt(name) }).config, { env: world.env, writeLog: (line) => lines.push(line), clock: { nowMs: () => Date.now() + shiftMs } })
    cleanup(() => front.stop())
    const before = await ask(front.listenUrl, { path: "/log/checkpoint" })
    await proxy.close()
    await until(() => lines.some((line) => line.includes("the logs could not be read")))
    expect((await ask(front.listenUrl, { path: "/-/healthz" })).status).toBe(200)
    shiftMs = FRONT_STALE_MS + 1
    const health = await ask(front.listenUrl, { path: "/-/healthz" })
    expect([health.status, health.body]).toEqual([503, expect.stringMatching(/could not be read for 3\d s/)])
    expect((await ask(front.listenUrl, { path: "/log/checkpoint" })).body).toBe(before.body)
    expect(JSON.parse((await ask(front.listenUrl, { path: "/v1/status" })).body)).toMatchObject({ format: "vouchsafe-front/v1", failure: expect.stringMatching(/^(?:UNREACHABLE|TIMEOUT)$/) as string })
  }, 30_000)

  test("a node whose database is not there yet waits for it, and says so", async () => {
    const at = place(join(tempFolder(), "a"), { storage: "postgres://u@127.0.0.1:9/d", objects: world.objectsAt(newName()) }, { ...world.env, npm_config_registry: "https://registry.example/" })
    const stopping = new AbortController()
    const ended = expect(startNode(at.config, { ...at.world, stopping: stopping.signal })).rejects.toMatchObject({ code: "TIMEOUT" })
    await Promise.race([ended, until(() => at.lines.some((line) => line.includes("the storage cannot be reached")))])
    expect(at.lines.some((line) => line.includes('"standing by"'))).toBe(false)
    stopping.abort()
    await ended
  }, 30_000)

  test("the drivers are loaded by a node that names a storage, and by no other", async () => {
    const watch = "import{registerHooks}from'node:module';registerHooks({resolve(s,c,n){if(/^(@vouchsafe.storage|pg.*|aws4fetch)$/.test(s))process.stderr.write(`LOADED ${s}\\n`);return n(s,c)}})"
    const env = { ...world.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(watch)}`, npm_config_registry: "https://registry.example/" }
    const embedded = await spawnDaemon(["--data", join(tempFolder(), "a"), "--listen", "127.0.0.1:0"], env)
    embedded.child.kill("SIGTERM")
    expect([await embedded.ended, embedded.stderr().includes("LOADED")]).toEqual([0, false])
    const shared = spawnBin(["--data", join(tempFolder(), "b"), "--listen", "127.0.0.1:0", "--storage", "postgres://u@127.0.0.1:9/d", "--objects", "s3://bucket/x?nonsense=1"], env)
    expect([await shared.ended, shared.stderr().includes("LOADED @vouchsafe/storage")]).toEqual([2, true])
  }, 30_000)
})

describe("one key, one history", () => {
  test("a folder with embedded logs does not begin them elsewhere, and one whose logs are elsewhere does not begin them in itself", async () => {
    const name = newName()
    const registry = await registryOf(1)
    const data = join(tempFolder(), "a")
    const embedded = place(data, { registries: [registry.url] })
    await (await start(embedded)).stop()
    await expect(start(shared(name, data, registry.url))).rejects.toMatchObject({ code: "STATE_UNSAFE", message: expect.stringContaining("embedded log") })
    const other = join(tempFolder(), "b")
    await (await start(shared(name, other, registry.url))).stop()
    await expect(start(place(other, { registries: [registry.url] }))).rejects.toMatchObject({ code: "STATE_UNSAFE", message: expect.stringContaining("kept elsewhere") })
    expect(existsSync(join(other, "log", "log.sqlite"))).toBe(false)
    writeFileSync(join(other, "storage.json"), "damaged")
    const folder = holdFolder(other)
    expect(() => keepApart(folder, false)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
    folder.release()
  }, 30_000)

  test("a database that lacks what the bucket says was signed is refused, and signs nothing more", async () => {
    const [name, wrong] = [newName(), newName()]
    const registry = await registryOf(1)
    const at = shared(name, join(tempFolder(), "a"), registry.url)
    const node = await start(at)
    await evidence(node.listenUrl, { artifacts: [{ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }] })
    await node.stop()
    const before = await (await fetch(`${world.bucketUrl}${name}/log/checkpoint`)).text()
    expect(before.split("\n")[1]).toBe("1")
    await expect(start(shared(wrong, at.config.data, registry.url, { objects: world.objectsAt(name) }))).rejects.toMatchObject({ code: "STATE_UNSAFE", message: expect.stringContaining("its bucket holds a checkpoint of 1 entries") })
    expect(await (await fetch(`${world.bucketUrl}${name}/log/checkpoint`)).text()).toBe(before)
    await (await start(at)).stop()
  }, 30_000)
})

describe("refused before anything is reached", () => {
  test.each([
    { name: "a database alone", more: { storage: "postgres://u@127.0.0.1:1/d" }, says: "storage is given alone" },
    { name: "object storage alone", more: { objects: "s3://bucket/x" }, says: "objects is given alone" },
    { name: "object storage without keys", more: { storage: "postgres://u@127.0.0.1:1/d", objects: "s3://bucket/x" }, says: "object storage credentials" },
    { name: "an unknown parameter", more: { storage: "postgres://u@127.0.0.1:1/d?options=x", objects: "s3://bucket/x" }, says: "unknown parameter" },
  ])("$name", async ({ more, says }) => {
    const at = place(join(tempFolder(), "a"), more, { npm_config_registry: "https://registry.example/" })
    await expect(startNode(at.config, at.world)).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining(says) })
  })
  test("a front end without storage, without a roster, or with one that names several", async () => {
    const folder = tempFolder()
    await expect(startFront(place(join(folder, "a")).config, { env: {} })).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("no storage") })
    await expect(startFront(shared(newName(), join(folder, "b"), "https://registry.example/").config, { env: world.env })).rejects.toMatchObject({ code: "CONFIG_MALFORMED", message: expect.stringContaining("roster.json is not there") })
  })
  test("a front end of a node that has started no log yet", async () => {
    const registry = await registryOf(1)
    const data = join(tempFolder(), "a")
    const at = place(data, { registries: [registry.url] })
    const node = await start(at)
    const roster = readFileSync(node.rosterPath, "utf8")
    const path = join(tempFolder(), "roster.json")
    writeFileSync(path, roster)
    await expect(startFront({ ...shared(newName(), join(tempFolder(), "f"), registry.url).config, roster: path }, { env: world.env })).rejects.toMatchObject({ code: "NOT_FOUND" })
  })
})
