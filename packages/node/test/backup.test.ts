import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { nodeCrypto } from "@vouchsafe/client/node"
import { checkConsistency, openCheckpoint, parseVerifierKey, type VerifierKey } from "@vouchsafe/core"
import { beforeAll, describe, expect, test } from "vitest"
import { formatManifest, parseManifest } from "../src/backup/format.ts"
import { parseBackupRequest } from "../src/routes/backup.ts"
import { main } from "../src/main.ts"
import { evidence, fixture, place, registryOf, spawnDaemon, start } from "./network.ts"
import { cleanup, tempFolder } from "./support.ts"

async function run(argv: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  const printed = { out: "", err: "" }
  const status = await main(argv, { env: {}, stdout: { write: (text) => { printed.out += text } }, stderr: { write: (text) => { printed.err += text } }, once: () => undefined })
  return { status, ...printed }
}

/** A node that has observed a few packages and was stopped, its backups with and without keys, and its keys. */
async function stopped() {
  const registry = await registryOf(3)
  const folder = tempFolder()
  const data = join(folder, "data")
  const node = await start(place(data, { operator: "alpha" }, { npm_config_registry: registry.url }))
  const artifacts = [0, 1, 2].map((n) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url }))
  expect((await evidence(node.listenUrl, { artifacts })).artifacts.map(({ status }) => status)).toEqual(["observed", "observed", "observed"])
  await node.stop()
  return { folder, data, registry }
}

const restore = (from: string, data: string, ...more: string[]) => run(["restore", "--from", from, "--data", data, "--witness-key", "new", ...more])

describe("a backup of a stopped node", () => {
  test("without keys, with keys, as a file; restored, each is clean and the very same log", async () => {
    const { folder, data } = await stopped()
    const plain = join(folder, "plain")
    const taken = await run(["backup", "--data", data, "--to", plain])
    expect([taken.status, taken.err]).toEqual([0, ""])
    expect(JSON.parse(taken.out)).toMatchObject({ to: plain, sizes: { log: 3, notices: 0 }, withKeys: false })
    expect(existsSync(join(plain, "keys"))).toBe(false)
    expect(readdirSync(plain).sort()).toEqual(["backup.json", "blobs", "log", "notices", "roster.json", "witness"])
    // Not a file of it holds what a private key looks like.
    for (const one of readdirSync(plain, { recursive: true, withFileTypes: true })) if (one.isFile()) expect(readFileSync(join(one.parentPath, one.name), "latin1")).not.toContain("PRIVATE+KEY")
    for (const to of [join(folder, "keyed"), join(folder, "keyed.tgz"), join(folder, "keyed.tar")]) {
      expect((await run(["backup", "--data", data, "--to", to, "--with-keys"])).status).toBe(0)
      expect(statSync(to).mode & 0o077).toBe(0)
      const restored = join(folder, `restored-${to.length}-${to.endsWith("gz") ? "gz" : ""}`)
      const result = await restore(to, restored)
      expect([result.err, result.status]).toEqual(["", 0])
      expect(JSON.parse(result.out)).toMatchObject({ data: restored, sizes: { log: 3, notices: 0 }, fsck: { findings: [] } })
      for (const role of ["log", "notices", "export"]) {
        expect(readFileSync(join(restored, "keys", `${role}.key`), "utf8")).toBe(readFileSync(join(data, "keys", `${role}.key`), "utf8"))
        expect(statSync(join(restored, "keys", `${role}.key`)).mode & 0o777).toBe(0o600)
      }
      // The witness has another key: what it cosigned after the backup is not known.
      expect(readFileSync(join(restored, "keys", "witness.key"), "utf8")).not.toBe(readFileSync(join(data, "keys", "witness.key"), "utf8"))
      expect(JSON.parse((await run(["fsck", "--data", restored])).out)).toMatchObject({ findings: [] })
    }
    expect(existsSync(join(folder, "keyed", "keys", "witness.key"))).toBe(false)
    expect((await restore(plain, join(folder, "again"), "--keys", join(data, "keys"))).status).toBe(0)
  })

  test("proofs that somebody lied go along, and are there after a restore", async () => {
    const { folder, data } = await stopped()
    const name = "ab".repeat(32)
    for (const [path, text] of [[`${name}.json`, "a proof"], [`${name}.vkey`, "a key"], [`${name}.json.new`, "half a pro"]] as const) writeFileSync(join(data, "gossip", "proofs", path), text)
    const to = join(folder, "plain")
    expect((await run(["backup", "--data", data, "--to", to])).status).toBe(0)
    const restored = join(folder, "again")
    expect((await restore(to, restored, "--keys", join(data, "keys"))).status).toBe(0)
    expect(readdirSync(join(restored, "gossip", "proofs")).sort()).toEqual([`${name}.json`, `${name}.vkey`])
    expect(readFileSync(join(restored, "gossip", "proofs", `${name}.json`), "utf8")).toBe("a proof")
  })

  test("backup refuses a place that is taken, one inside the data folder, and a folder that is none", async () => {
    const { folder, data } = await stopped()
    mkdirSync(join(folder, "there"))
    writeFileSync(join(folder, "there.tgz"), "mine")
    for (const [argv, says] of [
      [["--data", data, "--to", join(folder, "there")], "exists"], [["--data", data, "--to", join(folder, "there.tgz")], "exists"], [["--data", data, "--to", join(data, "backup")], "in the data folder"],
      [["--data", folder, "--to", join(folder, "x")], "no data folder"], [["--data", data], "--to"],
    ] as const) {
      expect(await run(["backup", ...argv])).toMatchObject({ status: 2, out: "", err: expect.stringContaining(says) })
    }
    expect(readFileSync(join(folder, "there.tgz"), "utf8")).toBe("mine")
    rmSync(join(data, "log", "log.sqlite"))
    expect((await run(["backup", "--data", data, "--to", join(folder, "x")])).status).toBe(3)
    expect(readdirSync(folder).filter((name) => name.startsWith("x"))).toEqual([])
  })
})

describe("restore refuses, and leaves nothing", () => {
  let folder = ""
  let data = ""
  let keyed = ""
  beforeAll(async () => {
    const made = await stopped()
    // Outlives the folder of the first test.
    folder = join(made.folder, "..", `vs-restore-${process.pid}`)
    cpSync(made.folder, folder, { recursive: true })
    for (const one of readdirSync(folder, { recursive: true, withFileTypes: true })) chmodSync(join(one.parentPath, one.name), one.isDirectory() ? 0o700 : 0o600)
    data = join(folder, "data")
    keyed = join(folder, "keyed")
    expect((await run(["backup", "--data", data, "--to", keyed, "--with-keys"])).status).toBe(0)
    return () => rmSync(folder, { recursive: true, force: true })
  })
  /** A copy of the backup, spoilt. */
  const spoilt = (spoil: (backup: string) => void): string => {
    const copy = join(tempFolder(), "backup")
    cpSync(keyed, copy, { recursive: true })
    for (const one of readdirSync(copy, { recursive: true, withFileTypes: true })) chmodSync(join(one.parentPath, one.name), one.isDirectory() ? 0o700 : 0o600)
    spoil(copy)
    return copy
  }
  const firstBlob = (backup: string): string => {
    const [path] = readdirSync(join(backup, "blobs"), { recursive: true }).map(String).filter((name) => name.length > 64)
    return join(backup, "blobs", path as string)
  }
  const manifest = (backup: string, change: (text: string) => string): void => writeFileSync(join(backup, "backup.json"), change(readFileSync(join(backup, "backup.json"), "utf8")))
  test.each<{ name: string; spoil?: (backup: string) => void; more?: string[]; says: string; status: number }>([
    { name: "a manifest that is missing: the backup was interrupted", spoil: (at) => rmSync(join(at, "backup.json")), says: "backup.json", status: 2 },
    { name: "a manifest cut short", spoil: (at) => manifest(at, (text) => text.slice(0, -20)), says: "not JSON", status: 2 },
    { name: "another format", spoil: (at) => manifest(at, (text) => text.replace("vouchsafe-backup/v1", "vouchsafe-backup/v2")), says: "$.format".slice(2), status: 2 },
    { name: "a path that leads out", spoil: (at) => manifest(at, (text) => text.replace('"path":"roster.json"', '"path":"../roster.json"')), says: "a file of a data folder", status: 2 },
    { name: "a path that is no file of a node", spoil: (at) => manifest(at, (text) => text.replace('"path":"roster.json"', '"path":".npmrc"')), says: "a file of a data folder", status: 2 },
    { name: "a witness's key", spoil: (at) => manifest(at, (text) => text.replace('"path":"keys/export.key"', '"path":"keys/witness.key"')), says: "a file of a data folder", status: 2 },
    { name: "a path twice", spoil: (at) => manifest(at, (text) => text.replace('"path":"keys/export.key"', '"path":"keys/log.key"')), says: "each path once", status: 2 },
    { name: "a log left out", spoil: (at) => manifest(at, (text) => text.replace('"path":"notices/log.sqlite"', '"path":"node.json"')), says: "notices/log.sqlite", status: 2 },
    { name: "a document with another byte", spoil: (at) => writeFileSync(firstBlob(at), "x"), says: "has digest", status: 3 },
    { name: "a document missing", spoil: (at) => rmSync(firstBlob(at)), says: "is missing", status: 3 },
    { name: "a link in place of a file", spoil: (at) => { rmSync(join(at, "roster.json")); cpSync(join(at, "backup.json"), join(at, "elsewhere")); mkdirSync(join(at, "roster.json")) }, says: "is missing", status: 3 },
    { name: "a database with another byte", spoil: (at) => { const bytes = readFileSync(join(at, "log", "log.sqlite")); bytes[5000] = (bytes[5000] as number) ^ 1; writeFileSync(join(at, "log", "log.sqlite"), bytes) }, says: "has digest", status: 3 },
    { name: "keys of others", spoil: (at) => manifest(at, (text) => text.replace(/"log":"alpha\.vouchsafe\.local\/log\+[0-9a-f]{8}/, '"log":"alpha.vouchsafe.local/log+00000000')), says: "the log key is", status: 3 },
    { name: "keys that others can read", spoil: (at) => chmodSync(join(at, "keys", "log.key"), 0o644), says: "has mode 0644", status: 3 },
    { name: "no word about the witness", more: ["--witness-key", "keep"], says: "expected new", status: 2 },
  ])("$name", async ({ spoil = () => undefined, more = [], says, status }) => {
    const at = tempFolder()
    const result = await run(["restore", "--from", spoilt(spoil), "--data", join(at, "new"), ...(more.length > 0 ? more : ["--witness-key", "new"])])
    expect(result.err).toContain(says)
    expect([result.status, result.out, readdirSync(at)]).toEqual([status, "", []])
  })
  test("a log that does not hold together, though every digest is right", async () => {
    const at = tempFolder()
    // Documents that entries name are gone, from the manifest too.
    const from = spoilt((backup) => manifest(backup, (text) => formatManifest({ ...parseManifest(text), files: parseManifest(text).files.filter(({ path }) => !path.startsWith("blobs/")) })))
    const result = await restore(from, join(at, "new"))
    expect(result).toMatchObject({ status: 3, out: "", err: expect.stringContaining("does not hold together") })
    expect(readdirSync(at)).toEqual([])
  })
  test("a folder that is not empty, the folder it came from, no backup at all, an archive that is none, a backup without keys and without --keys", async () => {
    const at = tempFolder()
    mkdirSync(join(at, "full"))
    writeFileSync(join(at, "full", "file"), "mine")
    writeFileSync(join(at, "file.tgz"), "no archive")
    const keyless = spoilt((backup) => {
      rmSync(join(backup, "keys"), { recursive: true })
      manifest(backup, (text) => formatManifest({ ...parseManifest(text), files: parseManifest(text).files.filter(({ path }) => !path.startsWith("keys/")) }))
    })
    expect(await restore(keyed, join(at, "full"))).toMatchObject({ status: 2, err: expect.stringContaining("not empty") })
    expect(await restore(keyed, data)).toMatchObject({ status: 2, err: expect.stringContaining("not empty") })
    expect(await restore(join(at, "none"), join(at, "new"))).toMatchObject({ status: 2, err: expect.stringContaining("does not exist") })
    expect(await restore(join(at, "file.tgz"), join(at, "new"))).toMatchObject({ status: 2 })
    expect(await restore(keyless, join(at, "new"))).toMatchObject({ status: 2, err: expect.stringContaining("--keys DIR") })
    expect(await restore(keyless, join(at, "new"), "--keys", at)).toMatchObject({ status: 2, err: expect.stringContaining("log.key") })
    expect(readdirSync(at).sort()).toEqual(["file.tgz", "full"])
    expect(readdirSync(join(at, "full"))).toEqual(["file"])
  })
  test("alone in its roster: no start unless that was said, then the same log goes on under a roster with the new witness", async () => {
    const at = tempFolder()
    const env = { npm_config_registry: "https://registry.example/" }
    expect((await restore(keyed, join(at, "refused"))).status).toBe(0)
    await expect(start(place(join(at, "refused"), {}, env))).rejects.toMatchObject({ code: "STATE_UNSAFE", message: expect.stringContaining("no other witness"), hint: expect.stringContaining("--accept-unwitnessed") })
    const restored = await restore(keyed, join(at, "accepted"), "--accept-unwitnessed")
    const { witness } = JSON.parse(restored.out) as { witness: string }
    const node = await start(place(join(at, "accepted"), {}, env))
    expect(JSON.parse(readFileSync(node.rosterPath, "utf8"))).toMatchObject({ nodes: [{ operator: "alpha", witness }] })
    expect(existsSync(join(at, "accepted", "restored.json"))).toBe(false)
  })
  test("a mark that somebody wrote over: no start", async () => {
    const at = tempFolder()
    expect((await restore(keyed, join(at, "new"), "--accept-unwitnessed")).status).toBe(0)
    writeFileSync(join(at, "new", "restored.json"), "{}")
    await expect(start(place(join(at, "new"), {}, { npm_config_registry: "https://registry.example/" }))).rejects.toMatchObject({ code: "CONFIG_MALFORMED" })
  })
})

test.each([
  { text: "{}", says: "to" }, { text: '{"to":"relative","withKeys":false}', says: "absolute" }, { text: '{"to":"/x","withKeys":"yes"}', says: "true or false" },
  { text: '{"to":"/x","withKeys":false,"more":1}', says: "more" }, { text: "[]", says: "an object" },
])("a backup request is read strictly: $text", ({ text, says }) => {
  expect(() => parseBackupRequest(text)).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) }))
})

test("while the node observes: every backup is whole, no head ahead of its files, each a prefix of what came later", async () => {
  const COUNT = 400
  const registry = await registryOf(COUNT)
  const folder = tempFolder()
  const data = join(folder, "data")
  const daemon = await spawnDaemon(["--data", data, "--operator", "alpha", "--listen", "127.0.0.1:0", "--allow-private-addresses", "--registry", registry.url], { HOME: data })
  const artifacts = Array.from({ length: COUNT }, (_, n) => ({ purl: `pkg:npm/${fixture(n).name}@1.0.0`, registry: registry.url }))
  let isDone = false
  const load = evidence(daemon.ready.url, { artifacts, deadlineMs: 60_000 }).finally(() => { isDone = true })
  const sizes: number[] = []
  for (let n = 0; n < 20 && !isDone; n++) {
    const { status, out, err } = await run(["backup", "--data", data, "--to", join(folder, `b${n}`), "--with-keys"])
    expect([err, status]).toEqual(["", 0])
    sizes.push((JSON.parse(out) as { sizes: { log: number } }).sizes.log)
  }
  const answer = await load
  expect(answer.artifacts.every(({ status }) => status === "observed")).toBe(true)
  daemon.child.kill("SIGKILL")
  await daemon.ended
  // Some were taken in the middle of it.
  expect(sizes.some((size) => size > 0 && size < COUNT)).toBe(true)
  const key: VerifierKey = parseVerifierKey((JSON.parse((await run(["keys", "--data", data, "--url", "http://a.example/"])).out) as { log: string }).log)
  const last = openCheckpoint(nodeCrypto, answer.log.checkpoint, key).checkpoint
  for (const [n, size] of sizes.entries()) {
    const result = await restore(join(folder, `b${n}`), join(folder, `r${n}`))
    expect([result.err, result.status]).toEqual(["", 0])
    expect(size).toBeLessThanOrEqual(last.size)
  }
  // The log that went on, and one restored, are one history.
  const node = await spawnDaemon(["--data", data, "--listen", "127.0.0.1:0", "--allow-private-addresses", "--registry", registry.url], { HOME: data })
  for (const size of new Set(sizes)) {
    const { log } = await evidence(node.ready.url, { knownSize: size })
    const now = openCheckpoint(nodeCrypto, log.checkpoint, key).checkpoint
    const restored = readHeadOf(join(folder, `r${sizes.indexOf(size)}`))
    expect(checkConsistency(nodeCrypto, { oldSize: size, newSize: now.size, oldRoot: restored, newRoot: now.root, proof: log.consistency })).toBe("consistent")
  }
  node.child.kill("SIGTERM")
  await node.ended
}, 180_000)

function readHeadOf(data: string): Uint8Array {
  const database = new DatabaseSync(join(data, "log", "log.sqlite"), { readOnly: true })
  cleanup(() => database.close())
  return database.prepare("SELECT root FROM heads WHERE kind = 'signed'").get()?.["root"] as Uint8Array
}
