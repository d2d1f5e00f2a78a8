import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { nodeCrypto } from "@vouchsafe/client/node"
import { openRelease, parseEnvelope, parseVerifierKey } from "@vouchsafe/core"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createKeyFile } from "../src/keys/key-file.ts"
import { fakeNode, type Reply } from "./support/fake-node.ts"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
const key = join(dir, "acme.key")
let vkey = ""
let registry: Awaited<ReturnType<typeof startRegistry>>
beforeAll(async () => {
  vkey = (await createKeyFile(key, "acme", undefined)).verifier.vkey
  registry = await startRegistry({ packages: [{ name: "left", version: "1.0.0", files: { "index.js": "1\n" } }] })
})
afterAll(() => registry.close())

const node = (release: Reply) => fakeNode(({ path }) => (path === "/v1/releases" ? release : path === "/v1/evidence" ? { json: {} } : undefined))
const LOGGED: Reply = { json: { index: 4, known: false } }
const run = (...argv: string[]) => vouchsafe(dir, ["release", "left@1.0.0", "--key", key, ...argv], { env: environment(dir, { npm_config_registry: registry.url }) })
const sha512 = (): string => registry.built("left", "1.0.0")?.sha512 as string

describe("release", () => {
  test("signs the bytes that the registry serves, shows what it signs, and tells which node logged it where", async () => {
    const { url, asked } = await node(LOGGED)
    const ran = await run("--node", url, "--repository", "https://git.example/left", "--commit", "12".repeat(20))
    expect([ran.status, ran.out]).toEqual([0, `${url}  logged it  as entry 4\n`])
    expect(ran.err).toContain(`sha512   ${sha512()}`)
    expect(ran.err).toContain(`https://git.example/left at ${"12".repeat(20)}`)
    expect(asked.map(({ path }) => path)).toEqual(["/v1/evidence", "/v1/releases"])
    const envelope = parseEnvelope(asked[1]?.body ?? "")
    expect(openRelease(nodeCrypto, envelope, parseVerifierKey(vkey))).toEqual({ purl: "pkg:npm/left@1.0.0", sha512: sha512(), source: { repository: "https://git.example/left", commit: "12".repeat(20) } })
    expect(JSON.stringify(asked) + ran.out + ran.err).not.toContain("PRIVATE")
  })
  test("of a file is about that file", async () => {
    const file = join(dir, "left-1.0.0.tgz")
    writeFileSync(file, "other bytes")
    const ran = await run("--dry-run", "--json", "--tarball", file)
    expect([ran.status, documentIn(ran.out)["sha512"], documentIn(ran.out)["nodes"]]).toEqual([0, createHash("sha512").update("other bytes").digest("hex"), []])
  })
  test("ends with 1 when a node refuses and with 3 when one is not there, and tells both", async () => {
    const [good, bad] = [await node(LOGGED), await node({ status: 403, json: { error: { code: "NOT_ALLOWED", message: "no publisher", hint: "--publisher-key" } } })]
    const refused = await run("--node", good.url, bad.url, "http://127.0.0.1:9/")
    expect([refused.status, refused.out]).toEqual([1, expect.stringMatching(/logged it +as entry 4[\s\S]*refused it +NOT_ALLOWED: no publisher[\s\S]*next: --publisher-key[\s\S]*not reached +UNREACHABLE/)])
    expect((await run("--node", good.url, "http://127.0.0.1:9/")).status).toBe(3)
    const json = await run("--node", bad.url, "--json")
    expect([json.status, documentIn(json.out)["nodes"]]).toEqual([1, [{ node: bad.url, url: bad.url, outcome: "refused", code: "NOT_ALLOWED", message: "no publisher", hint: "--publisher-key" }]])
  })
  test("signs nothing where the registry's bytes are not those of its packument, or there are none", async () => {
    const { url, asked } = await node(LOGGED)
    registry.tamper([{ name: "left", mode: "swap-bytes-only" }])
    const swapped = await run("--node", url)
    expect([swapped.status, swapped.err]).toEqual([3, expect.stringContaining("expected sha512-")])
    registry.tamper([{ name: "left", mode: "hide" }])
    const gone = await run("--node", url)
    expect([gone.status, gone.err, asked.length]).toEqual([3, expect.stringContaining("publish it first"), 0])
    registry.tamper([])
  })
  test("sends nothing without the passphrase of a sealed key", async () => {
    const sealed = join(dir, "sealed.key")
    await createKeyFile(sealed, "acme", "long enough")
    const { url, asked } = await node(LOGGED)
    const env = environment(dir, { npm_config_registry: registry.url })
    const without = await vouchsafe(dir, ["release", "left@1.0.0", "--key", sealed, "--node", url], { env })
    expect([without.status, without.err, asked.length]).toEqual([2, expect.stringContaining("VOUCHSAFE_PASSPHRASE"), 0])
    expect((await vouchsafe(dir, ["release", "left@1.0.0", "--key", sealed, "--node", url], { env: { ...env, VOUCHSAFE_PASSPHRASE: "long enough" } })).status).toBe(0)
  })
})
