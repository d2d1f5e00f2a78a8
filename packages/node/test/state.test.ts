import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { formatRoster, openNote, signNote, verifierKeyOf } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { createBlobStore } from "../src/state/blobs.ts"
import { ensurePrivateFolder, holdFolder, readPrivateFile, writeFileWhole } from "../src/state/folder.ts"
import { formatPrivateKey, loadOrCreateKeys, operatorOfKeys, parsePrivateKey } from "../src/state/keys.ts"
import { ensureOwnRoster, loadRoster } from "../src/state/roster.ts"
import { tempFolder } from "./support.ts"

const mode = (path: string): string => (lstatSync(path).mode & 0o777).toString(8)
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

describe("data folder", () => {
  test("made for its owner alone", () => {
    const path = join(tempFolder(), "a", "b")
    ensurePrivateFolder(path)
    expect(mode(path)).toBe("700")
  })
  test.each([["group may read", 0o740], ["others may enter", 0o701], ["all may write", 0o777]])("refused: %s", (_name, bits) => {
    const path = join(tempFolder(), "data")
    mkdirSync(path)
    chmodSync(path, bits)
    expect(() => ensurePrivateFolder(path)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE", hint: expect.stringContaining("chmod 700") }))
  })
  test("refused: a link, a file", () => {
    const folder = tempFolder()
    mkdirSync(join(folder, "real"), { mode: 0o700 })
    symlinkSync(join(folder, "real"), join(folder, "link"))
    expect(() => ensurePrivateFolder(join(folder, "link"))).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
  })
  test("one process at a time, also within one process, and free again afterwards", () => {
    const path = join(tempFolder(), "data")
    const held = holdFolder(path)
    expect(() => holdFolder(path)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE", message: expect.stringContaining("in use by another process") }))
    held.release()
    holdFolder(path).release()
  })
  test("a process that was killed leaves no lock", () => {
    const path = join(tempFolder(), "data")
    const folderModule = new URL("../src/state/folder.ts", import.meta.url).href
    const script = `const { holdFolder } = await import(${JSON.stringify(folderModule)}); holdFolder(${JSON.stringify(path)}); process.kill(process.pid, "SIGKILL")`
    const child = spawnSync(process.execPath, ["--conditions=source", "--input-type=module", "-e", script], { encoding: "utf8" })
    expect(child.signal).toBe("SIGKILL")
    holdFolder(path).release()
  })
  test("a file is replaced whole, with its mode", () => {
    const path = join(tempFolder(), "file")
    writeFileSync(path, "old", { mode: 0o644 })
    writeFileWhole(path, "new", 0o600)
    expect([readFileSync(path, "utf8"), mode(path)]).toEqual(["new", "600"])
  })
  test("a disk that takes only a part of a file leaves the one before it", () => {
    const path = join(tempFolder(), "file")
    const before = "old".repeat(100)
    writeFileSync(path, before)
    const folderModule = new URL("../src/state/folder.ts", import.meta.url).href
    const script = `const { writeFileWhole } = await import(${JSON.stringify(folderModule)}); writeFileWhole(${JSON.stringify(path)}, "new".repeat(4000), 0o600)`
    // The system then writes as much as fits and says how much that was, as it does where a disk is nearly full.
    const child = spawnSync("bash", ["-c", 'ulimit -f 4; exec "$@"', "bash", process.execPath, "--conditions=source", "--input-type=module", "-e", script], { encoding: "utf8" })
    expect(child.error).toBeUndefined()
    expect(child.status).not.toBe(0)
    expect(readFileSync(path, "utf8")).toBe(before)
  })
})

describe("keys", () => {
  test("made once, 0600, in the private form, and loaded again", () => {
    const data = join(tempFolder(), "data")
    const first = loadOrCreateKeys(data, "alpha")
    const second = loadOrCreateKeys(data, "alpha")
    for (const role of ["log", "notices", "witness", "export"] as const) {
      const path = join(data, "keys", `${role}.key`)
      expect(mode(path)).toBe("600")
      expect(readFileSync(path, "utf8")).toMatch(/^PRIVATE\+KEY\+alpha\.vouchsafe\.local\/(log|notices|witness|export)\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*\n$/)
      expect(second[role].verifier.vkey).toBe(first[role].verifier.vkey)
    }
    expect(new Set(Object.values(first).map(({ verifier }) => Buffer.from(verifier.publicKey).toString("hex"))).size).toBe(4)
    expect(first.witness.verifier.type).toBe(4)
    expect(operatorOfKeys(data)).toBe("alpha")
  })
  test("sign what core verifies", () => {
    const { log } = loadOrCreateKeys(join(tempFolder(), "data"), "alpha")
    expect(openNote(nodeCrypto, signNote(log, "text\n"), [log.verifier]).text).toBe("text\n")
  })
  test("the worked example of the standard", () => {
    const signer = parsePrivateKey(formatPrivateKey("log.example/npm", 1, seed(1)))
    expect(signer.verifier.vkey).toBe("log.example/npm+191f2901+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c")
  })
  test.each([
    { name: "readable by the group", spoil: (path: string) => chmodSync(path, 0o640), says: "has mode 0640" },
    { name: "readable by all", spoil: (path: string) => chmodSync(path, 0o604), says: "has mode 0604" },
    { name: "cut", spoil: (path: string) => writeFileSync(path, readFileSync(path, "utf8").slice(0, -8)), says: "private key" },
    { name: "empty", spoil: (path: string) => writeFileSync(path, ""), says: "private key" },
    { name: "of another name", spoil: (path: string) => writeFileSync(path, formatPrivateKey("beta.vouchsafe.local/log", 1, seed(2))), says: "beta.vouchsafe.local/log, expected alpha.vouchsafe.local/log" },
    { name: "of another type", spoil: (path: string) => writeFileSync(path, formatPrivateKey("alpha.vouchsafe.local/log", 4, seed(2))), says: "expected alpha.vouchsafe.local/log" },
    { name: "with a wrong key ID", spoil: (path: string) => writeFileSync(path, readFileSync(path, "utf8").replace(/\+[0-9a-f]{8}\+/, "+00000000+")), says: "its key ID is 00000000" },
  ])("refused: a key $name", ({ spoil, says }) => {
    const data = join(tempFolder(), "data")
    loadOrCreateKeys(data, "alpha")
    const path = join(data, "keys", "log.key")
    const secret = readFileSync(path, "utf8").slice(-40, -1)
    spoil(path)
    expect(() => loadOrCreateKeys(data, "alpha")).toThrow(expect.objectContaining({ code: "STATE_UNSAFE", message: expect.stringContaining(says) }))
    expect(() => loadOrCreateKeys(data, "alpha")).toThrow(expect.objectContaining({ message: expect.not.stringContaining(secret) }))
  })
  test("refused: a link in a key's place", () => {
    const data = join(tempFolder(), "data")
    const keys = loadOrCreateKeys(data, "alpha")
    symlinkSync(join(data, "keys", "log.key"), join(data, "keys", "other"))
    expect(() => readPrivateFile(join(data, "keys", "other"))).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
    expect(keys.log).toBeDefined()
  })
})

describe("rosters", () => {
  const node = (operator: string, byte: number) => ({
    operator, url: `http://127.0.0.1:40${byte}0/`,
    log: verifierKeyOf(`${operator}/log`, 1, parsePrivateKey(formatPrivateKey("a", 1, seed(byte))).verifier.publicKey),
    notices: verifierKeyOf(`${operator}/notices`, 1, parsePrivateKey(formatPrivateKey("a", 1, seed(byte + 1))).verifier.publicKey),
    witness: verifierKeyOf(`${operator}/witness`, 4, parsePrivateKey(formatPrivateKey("a", 1, seed(byte + 2))).verifier.publicKey),
  })
  test("a node without one is alone, and keeps its registries", () => {
    const data = join(tempFolder(), "data")
    const keys = loadOrCreateKeys(data, "alpha")
    const path = join(data, "roster.json")
    const first = ensureOwnRoster(nodeCrypto, path, keys, { operator: "alpha", url: "http://127.0.0.1:1/" }, ["https://registry.example/"])
    expect(first.roster).toMatchObject({ singleOperator: true, threshold: 1, version: 1, registries: ["https://registry.example/"] })
    const same = ensureOwnRoster(nodeCrypto, path, keys, { operator: "alpha", url: "http://127.0.0.1:1/" }, [])
    expect(same.text).toBe(first.text)
    const moved = ensureOwnRoster(nodeCrypto, path, keys, { operator: "alpha", url: "http://127.0.0.1:2/" }, [])
    expect(moved.roster).toMatchObject({ version: 2, registries: ["https://registry.example/"] })
  })
  test.each([
    { name: "that does not list this node", roster: () => formatRoster([node("beta", 10)], ["https://registry.example/"]), says: "expected this node's log key" },
    { name: "that gives it another witness key", roster: (own: ReturnType<typeof node>) => formatRoster([{ ...own, witness: node("x", 20).witness }], ["https://registry.example/"]), says: "the witness key" },
    { name: "that gives it another url", roster: (own: ReturnType<typeof node>) => formatRoster([own], ["https://registry.example/"]), says: "expected http://127.0.0.1:4050/ as in roster" },
  ])("refused: a roster $name", ({ roster, says }) => {
    const data = join(tempFolder(), "data")
    const keys = loadOrCreateKeys(data, "alpha")
    const own = { operator: "alpha", url: "http://127.0.0.1:4050/", log: keys.log.verifier, notices: keys.notices.verifier, witness: keys.witness.verifier }
    const path = join(data, "r.json")
    writeFileSync(path, roster(own))
    expect(() => loadRoster(nodeCrypto, path, keys, "http://127.0.0.1:9/")).toThrow(expect.objectContaining({ message: expect.stringContaining(says) }))
  })
})

describe("blobs", () => {
  const digest = Buffer.from(nodeCrypto.sha256(Buffer.from("x"))).toString("hex")
  test("stored once, read back, no partial file left", async () => {
    const folder = join(tempFolder(), "blobs")
    const blobs = createBlobStore(folder)
    await Promise.all([blobs.put(digest, Buffer.from("x")), blobs.put(digest, Buffer.from("x"))])
    await blobs.put(digest, Buffer.from("x"))
    expect(Buffer.from(await blobs.get(digest) ?? []).toString()).toBe("x")
    expect(readdirSync(join(folder, digest.slice(0, 2)))).toEqual([digest])
    expect(await blobs.get("0".repeat(64))).toBeUndefined()
  })
  test.each(["", "..", "../../etc/passwd", "A".repeat(64), "0".repeat(63)])("refused: the name %j", async (name) => {
    const folder = join(tempFolder(), "blobs")
    await expect(createBlobStore(folder).get(name)).rejects.toThrow(TypeError)
    expect(existsSync(join(folder, name, "x"))).toBe(false)
  })
})

