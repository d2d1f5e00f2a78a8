import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseSigningKey, parseVerifierKey, utf8Encode } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { createKeyFile, openKeyFile, readVerifier } from "../src/keys/key-file.ts"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
let count = 0
const fresh = (): string => join(dir, `key-${count++}`)
const none = (): undefined => undefined

describe("keys new and show", () => {
  test.each([["keys", "show", "missing"], ["release", "left@1.0.0", "--key", "missing"]])("a key that is not there is wrong usage: %s %s", async (...argv) => {
    const { err, status } = await vouchsafe(dir, argv)
    expect([status, err]).toEqual([2, expect.stringMatching(/^vouchsafe: USAGE: .*missing is not there, expected a key\n {2}next: .*`vouchsafe keys new FILE --name NAME`/)])
  })
  test("make a key that only its owner can read, and show the same public half twice", async () => {
    const path = fresh()
    const made = await vouchsafe(dir, ["keys", "new", path, "--name", "acme.example/releases", "--json"])
    const { vkey } = documentIn(made.out) as { vkey: string }
    expect([made.status, parseVerifierKey(vkey).name, lstatSync(path).mode & 0o777]).toEqual([0, "acme.example/releases", 0o600])
    expect(made.err).toBe("")
    const shown = await vouchsafe(dir, ["keys", "show", path])
    expect([shown.status, shown.out]).toEqual([0, `${vkey}\n`])
    expect(parseSigningKey(readFileSync(path, "utf8").trim()).signer.verifier.vkey).toBe(vkey)
    const signer = await openKeyFile(path, none)
    expect(signer.verifier.vkey).toBe(vkey)
    const first = await vouchsafe(dir, ["keys", "new", fresh(), "--name", "x"])
    expect(first.err).toContain("whoever reads it can release in your name")
    for (const { out, err } of [made, shown, first]) expect(out + err).not.toContain("PRIVATE")
  })
  test("seal a key under a passphrase: shown without it, opened only with it", async () => {
    const path = fresh()
    const env = environment(dir, { VOUCHSAFE_PASSPHRASE: "correct horse battery" })
    const { status, out } = await vouchsafe(dir, ["keys", "new", path, "--name", "acme", "--passphrase", "--json"], { env })
    const { vkey, sealed } = documentIn(out) as { vkey: string; sealed: boolean }
    expect([status, sealed, readVerifier(path)]).toEqual([0, true, { vkey, sealed: true }])
    expect((await vouchsafe(dir, ["keys", "show", path])).out).toBe(`${vkey}\n`)
    const text = readFileSync(path, "utf8")
    expect(text).not.toContain("PRIVATE")
    const signer = await openKeyFile(path, () => "correct horse battery")
    expect(signer.verifier.vkey).toBe(vkey)
    await expect(openKeyFile(path, none)).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining("none was given") as string })
    await expect(openKeyFile(path, () => "correct horse battery ")).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining("does not open this key") as string })
    // Whoever changes one byte, or puts another name on the same secret, has no key.
    const file = JSON.parse(text) as { vkey: string; sealed: string; scrypt: object }
    const flipped = Buffer.from(file.sealed, "base64")
    flipped[0] = (flipped[0] ?? 0) ^ 1
    const other = await createKeyFile(fresh(), "acme", undefined)
    for (const changed of [{ ...file, sealed: flipped.toString("base64") }, { ...file, vkey: other.verifier.vkey }]) {
      const copy = fresh()
      writeFileSync(copy, JSON.stringify(changed), { mode: 0o600 })
      await expect(openKeyFile(copy, () => "correct horse battery")).rejects.toMatchObject({ code: "USAGE" })
    }
  })
  test("take the passphrase from a file's first line", async () => {
    const [path, passphrase] = [fresh(), fresh()]
    writeFileSync(passphrase, "from the first line\nnot this\n")
    expect((await vouchsafe(dir, ["keys", "new", path, "--name", "acme", "--passphrase-file", passphrase])).status).toBe(0)
    expect((await openKeyFile(path, () => "from the first line")).sign(utf8Encode("x"))).toHaveLength(64)
  })
})

describe("keys refuse", () => {
  test.each([
    { name: "a file that is there", make: (path: string) => writeFileSync(path, "mine"), argv: [] as string[], says: "is there already" },
    { name: "a link that somebody laid", make: (path: string) => symlinkSync(join(dir, "elsewhere"), path), argv: [], says: "is there already" },
    { name: "a name with a space", make: () => undefined, argv: ["--name", "a b"], says: "--name" },
    { name: "a name with a plus", make: () => undefined, argv: ["--name", "a+b"], says: "--name" },
    { name: "a passphrase of three letters", make: (path: string) => writeFileSync(`${path}.pass`, "abc\n"), argv: ["--passphrase-file", "PASS"], says: "at least 8" },
    { name: "a passphrase that nobody gave", make: () => undefined, argv: ["--passphrase"], says: "VOUCHSAFE_PASSPHRASE is empty" },
  ])("to make over $name", async ({ make, argv, says }) => {
    const path = fresh()
    make(path)
    const before = existsSync(path) ? readFileSync(path, "utf8") : undefined
    const { status, err } = await vouchsafe(dir, ["keys", "new", path, "--name", "acme", ...argv.map((word) => word.replace("PASS", `${path}.pass`))])
    expect([status, err]).toEqual([2, expect.stringContaining(says)])
    expect(existsSync(path) ? readFileSync(path, "utf8") : undefined).toBe(before)
    expect(existsSync(join(dir, "elsewhere"))).toBe(false)
  })
  const sealedFile = async (): Promise<Record<string, unknown>> => {
    const path = fresh()
    await createKeyFile(path, "acme", "long enough")
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>
  }
  test.each([
    { name: "a file that others can read", make: async (path: string) => { await createKeyFile(path, "acme", undefined); chmodSync(path, 0o640) }, code: "STATE_UNSAFE" },
    { name: "a folder", make: async (path: string) => { mkdirSync(path, { mode: 0o700 }) }, code: "STATE_UNSAFE" },
    { name: "text", make: async (path: string) => { writeFileSync(path, "hello", { mode: 0o600 }) }, code: "VKEY_MALFORMED" },
    { name: "a key cut short", make: async (path: string) => { await createKeyFile(`${path}.whole`, "acme", undefined); writeFileSync(path, readFileSync(`${path}.whole`, "utf8").slice(0, -5), { mode: 0o600 }) }, code: "VKEY_MALFORMED" },
    { name: "a novel", make: async (path: string) => { writeFileSync(path, "x".repeat(100_000), { mode: 0o600 }) }, code: "VKEY_MALFORMED" },
    { name: "a sealed file with another member", make: async (path: string) => { writeFileSync(path, JSON.stringify({ ...await sealedFile(), extra: 1 }), { mode: 0o600 }) }, code: "VKEY_MALFORMED" },
    { name: "a sealed file that asks for a machine's memory", make: async (path: string) => { const file = await sealedFile(); writeFileSync(path, JSON.stringify({ ...file, scrypt: { ...file["scrypt"] as object, N: 2 ** 30 } }), { mode: 0o600 }) }, code: "VKEY_MALFORMED" },
    { name: "a sealed file of a cost that is no power of two", make: async (path: string) => { const file = await sealedFile(); writeFileSync(path, JSON.stringify({ ...file, scrypt: { ...file["scrypt"] as object, N: 1_000 } }), { mode: 0o600 }) }, code: "VKEY_MALFORMED" },
    { name: "a sealed file with a short nonce", make: async (path: string) => { writeFileSync(path, JSON.stringify({ ...await sealedFile(), nonce: "AAAA" }), { mode: 0o600 }) }, code: "VKEY_MALFORMED" },
  ])("to open $name", async ({ make, code }) => {
    const path = fresh()
    await make(path)
    await expect(openKeyFile(path, () => "long enough")).rejects.toMatchObject({ code, message: expect.not.stringMatching(/[A-Za-z0-9+/]{40}/) as string })
    expect((await vouchsafe(dir, ["keys", "show", path])).status).toBeGreaterThan(1)
  })
  test("a node's keys without its options, in either spelling", async () => {
    for (const argv of [["keys"], ["keys", "node"], ["keys", "node", "--data", "x"], ["keys", "--data", "x", "--operator", "a"]]) {
      const { status, err } = await vouchsafe(dir, argv)
      expect([status, err]).toEqual([2, expect.stringContaining("--data, --operator and --url")])
    }
  })
})
