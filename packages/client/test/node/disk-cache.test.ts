import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { CachedStatement } from "@vouchsafe/ports"
import { describe, expect, test } from "vitest"
import { CACHE_FILE_LENGTH_MAX } from "../../src/node/cache-file.ts"
import { diskCache } from "../../src/node/disk-cache.ts"
import { purlOf, REGISTRY } from "../support/statements.ts"
import { temporaryDirectory } from "../support/temp.ts"
import { makeWorld } from "../support/world.ts"

const statement = (more: Partial<CachedStatement> = {}): CachedStatement => ({
  origin: "a.example/log", checkpoint: "head \u2014 1\n", index: 7, entry: "{\"x\":\"\u00e9\u{1f600}\"}", proof: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)], ...more,
})

const plain = (list: readonly CachedStatement[] | undefined) => list?.map((item) => ({ ...item, proof: item.proof.map((hash) => [...hash]) }))

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

test("gives back what was written, to this process and the next", () => {
  const directory = join(temporaryDirectory(), "cache")
  const statements = [statement(), statement({ origin: "b.example/log", index: 0, proof: [], body: "{}" })]
  const cache = diskCache(directory)
  cache.write(purlOf("a"), REGISTRY, statements)
  for (const one of [cache, diskCache(directory)]) {
    expect(plain(one.read(purlOf("a"), REGISTRY))).toEqual(plain(statements))
    expect(one.read(purlOf("b"), REGISTRY)).toBeUndefined()
    expect(one.read(purlOf("a"), "https://other.example/")).toBeUndefined()
  }
})

test("makes nothing before it is written to, and nothing that others can read", () => {
  const directory = join(temporaryDirectory(), "cache")
  const cache = diskCache(directory)
  expect(cache.read(purlOf("a"), REGISTRY)).toBeUndefined()
  expect(statSync(directory, { throwIfNoEntry: false })).toBeUndefined()
  cache.write(purlOf("a"), REGISTRY, [statement()])
  for (const path of filesBelow(directory)) expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(directory, "artifacts")).mode & 0o777).toBe(0o700)
})

test("keeps a checkpoint once, however many artifacts refer to it", () => {
  const directory = join(temporaryDirectory(), "cache")
  const cache = diskCache(directory)
  for (let i = 0; i < 20; i++) cache.write(purlOf(`p${i}`), REGISTRY, [statement({ index: i })])
  expect(readdirSync(join(directory, "checkpoints")).length).toBe(1)
})

test("writes a checkpoint again that was removed meanwhile", () => {
  const directory = join(temporaryDirectory(), "cache")
  const cache = diskCache(directory)
  cache.write(purlOf("a"), REGISTRY, [statement()])
  for (const path of filesBelow(join(directory, "checkpoints"))) rmSync(path)
  cache.write(purlOf("b"), REGISTRY, [statement()])
  expect(plain(diskCache(directory).read(purlOf("a"), REGISTRY))).toEqual(plain([statement()]))
})

describe("what cannot be read is not there", () => {
  const setups: { name: string; spoil: (artifact: string, checkpoint: string) => void }[] = [
    { name: "empty file", spoil: (artifact) => writeFileSync(artifact, "") },
    { name: "cut-off file", spoil: (artifact) => writeFileSync(artifact, readFileSync(artifact, "utf8").slice(0, -5)) },
    { name: "no object", spoil: (artifact) => writeFileSync(artifact, "7") },
    { name: "another format", spoil: (artifact) => writeFileSync(artifact, readFileSync(artifact, "utf8").replace("/v1", "/v9")) },
    { name: "another artifact's file", spoil: (artifact) => writeFileSync(artifact, readFileSync(artifact, "utf8").replace("pkg:npm/a@", "pkg:npm/b@")) },
    { name: "another registry's file", spoil: (artifact) => writeFileSync(artifact, readFileSync(artifact, "utf8").replace(REGISTRY, "https://other.example/")) },
    { name: "too long", spoil: (artifact) => writeFileSync(artifact, readFileSync(artifact, "utf8") + " ".repeat(CACHE_FILE_LENGTH_MAX)) },
    { name: "statements that are none", spoil: (artifact) => writeFileSync(artifact, readFileSync(artifact, "utf8").replace(/"statements":.*\]/, "\"statements\":{}")) },
    { name: "too many statements", spoil: (artifact) => writeFileSync(artifact, readFileSync(artifact, "utf8").replace(/"statements":.*\]/, `"statements":[${Array(600).fill("1").join()}]`)) },
    { name: "a folder in its place", spoil: (artifact) => { rmSync(artifact); mkdirSync(artifact) } },
  ]
  test.each(setups)("$name", ({ spoil }) => {
    const directory = join(temporaryDirectory(), "cache")
    diskCache(directory).write(purlOf("a"), REGISTRY, [statement()])
    const [artifact] = filesBelow(join(directory, "artifacts")) as [string]
    const [checkpoint] = filesBelow(join(directory, "checkpoints")) as [string]
    spoil(artifact, checkpoint)
    expect(diskCache(directory).read(purlOf("a"), REGISTRY)).toBeUndefined()
  })

  const parts: { name: string; spoil: (text: string) => string }[] = [
    { name: "null", spoil: (text) => text.replace(/\[\{"origin.*\]/, "[null]") },
    { name: "no origin", spoil: (text) => text.replace("\"origin\":\"a.example/log\",", "") },
    { name: "a negative index", spoil: (text) => text.replace("\"index\":7", "\"index\":-7") },
    { name: "an index that is text", spoil: (text) => text.replace("\"index\":7", "\"index\":\"7\"") },
    { name: "a proof that is no whole hashes", spoil: (text) => text.replace("\"proof\":\"AQEB", "\"proof\":\"") },
    { name: "a proof that is no text", spoil: (text) => text.replace(/"proof":"[^"]*"/, "\"proof\":[]") },
    { name: "a body that is no text", spoil: (text) => text.replace("\"proof\"", "\"body\":1,\"proof\"") },
    { name: "a checkpoint that is a path", spoil: (text) => text.replace(/"checkpoint":"[0-9a-f]{64}"/, "\"checkpoint\":\"../../../etc/passwd\"") },
    { name: "a checkpoint that is gone", spoil: (text) => text.replace(/"checkpoint":"[0-9a-f]{4}/, "\"checkpoint\":\"0000") },
  ]
  test.each(parts)("a statement with $name is left out", ({ spoil }) => {
    const directory = join(temporaryDirectory(), "cache")
    diskCache(directory).write(purlOf("a"), REGISTRY, [statement()])
    const [artifact] = filesBelow(join(directory, "artifacts")) as [string]
    const before = readFileSync(artifact, "utf8")
    expect(spoil(before)).not.toBe(before)
    writeFileSync(artifact, spoil(before))
    expect(diskCache(directory).read(purlOf("a"), REGISTRY)).toEqual([])
  })

  test("a checkpoint that was changed", () => {
    const directory = join(temporaryDirectory(), "cache")
    diskCache(directory).write(purlOf("a"), REGISTRY, [statement()])
    for (const path of filesBelow(join(directory, "checkpoints"))) writeFileSync(path, "head \u2014 2\n")
    expect(diskCache(directory).read(purlOf("a"), REGISTRY)).toEqual([])
  })
})

describe("is bounded", () => {
  test("the artifacts written longest ago go first", () => {
    const directory = join(temporaryDirectory(), "cache")
    const cache = diskCache(directory, { artifactsPerFolder: 4, checkpoints: 1_000 })
    for (let i = 0; i < 3_000; i++) {
      cache.write(purlOf(`p${i}`), REGISTRY, [statement()])
      if (i === 2_000) for (const path of filesBelow(join(directory, "artifacts"))) utimesSync(path, 1, 1)
    }
    const counts = readdirSync(join(directory, "artifacts")).map((folder) => readdirSync(join(directory, "artifacts", folder)).length)
    expect(counts.length).toBe(256)
    expect(Math.max(...counts)).toBeLessThanOrEqual(4)
    expect(cache.read(purlOf("p2999"), REGISTRY)).toBeDefined()
  })

  test("checkpoints too", () => {
    const directory = join(temporaryDirectory(), "cache")
    const cache = diskCache(directory, { artifactsPerFolder: 64, checkpoints: 8 })
    for (let i = 0; i < 100; i++) cache.write(purlOf("a"), REGISTRY, [statement({ checkpoint: `head ${i}` })])
    expect(readdirSync(join(directory, "checkpoints")).length).toBeLessThanOrEqual(8)
    expect(cache.read(purlOf("a"), REGISTRY)?.length).toBe(1)
  })

  test("a file that is too large is not written", () => {
    const directory = join(temporaryDirectory(), "cache")
    const cache = diskCache(directory)
    cache.write(purlOf("a"), REGISTRY, [statement({ body: "x".repeat(CACHE_FILE_LENGTH_MAX) })])
    expect(cache.read(purlOf("a"), REGISTRY)).toBeUndefined()
  })

  test("no temporary file stays", () => {
    const directory = join(temporaryDirectory(), "cache")
    diskCache(directory).write(purlOf("a"), REGISTRY, [statement()])
    expect(filesBelow(directory).filter((path) => path.endsWith(".tmp"))).toEqual([])
  })
})

test("a folder that cannot be written to is a typed error", () => {
  const parent = temporaryDirectory()
  writeFileSync(join(parent, "cache"), "")
  expect(() => diskCache(join(parent, "cache")).write(purlOf("a"), REGISTRY, [statement()])).toThrow(expect.objectContaining({ code: "DISK" }))
  expect(diskCache(join(parent, "cache")).read(purlOf("a"), REGISTRY)).toBeUndefined()
})

describe("whatever byte of whatever file is flipped", () => {
  test("nothing but what the logs proved is ever allowed, and nothing throws", async () => {
    const directory = join(temporaryDirectory(), "cache")
    const world = makeWorld()
    const requests = ["a", "b", "c"].map((name) => world.publish(name))
    world.client = world.clientWith({ cache: diskCache(directory) })
    await world.check(...requests)
    const evil = requests.map((request) => ({ ...request, sha512: "e".repeat(128) }))
    const files = filesBelow(directory)
    expect(files.length).toBe(3 + 4)
    let lost = 0
    for (const path of files) {
      const bytes = readFileSync(path)
      const step = Math.max(1, Math.floor(bytes.length / 60))
      for (let at = 0; at < bytes.length; at += step) {
        const flipped = Buffer.from(bytes)
        flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
        writeFileSync(path, flipped)
        const client = world.clientWith({ cache: diskCache(directory) })
        const { verdicts } = await client.check([...requests, ...evil], { budgetMs: 0 })
        expect(verdicts.slice(3).map(({ ok }) => ok)).toEqual([false, false, false])
        expect(verdicts.flatMap(({ findings }) => findings.map(({ code }) => code))).not.toContain("CONFIG_INVALID")
        // Two of three are not in this file; of a checkpoint, three other logs are left.
        expect(verdicts.slice(0, 3).filter(({ ok }) => ok).length).toBeGreaterThanOrEqual(2)
        if (verdicts.slice(0, 3).some(({ claims }) => claims.length < 4)) lost += 1
      }
      writeFileSync(path, bytes)
    }
    // Most flips cost at least one log's statement.
    expect(lost).toBeGreaterThan(200)
  })
})
