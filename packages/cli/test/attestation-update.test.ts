import { sharedPath } from "@vouchsafe/config/shared"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type RepositoryState, startTufRepository, type TufRepository } from "@vouchsafe/testkit/tuf"
import { EXIT } from "../src/index.ts"
import { documentIn, temporaryFolder, vouchsafe } from "./support/io.ts"

const root = temporaryFolder()
const ROOT = readFileSync(sharedPath("data", "npm-attestations", "trust", "trusted_root.public-good.json"), "utf8")
const KEYS = readFileSync(sharedPath("data", "npm-registry", "keys.tuf.json"), "utf8")
const TARGETS = { "trusted_root.json": ROOT, "registry.example/keys.json": KEYS }

let repository: TufRepository
let cache: string
let count = 0
const state = (more: Partial<RepositoryState> = {}): RepositoryState => ({ targets: TARGETS, nowMs: Date.now(), version: 1, ...more })
const update = (...argv: string[]) => vouchsafe(root, ["attestation", "update", "--mirror", repository.url, "--cache", cache, "--root", "root.json", "--json", ...argv])
beforeEach(async () => {
  repository = await startTufRepository(state())
  cache = `cache-${count++}`
  writeFileSync(join(root, "root.json"), repository.rootJson)
})
afterEach(() => repository.close())

test("writes files that verify takes", async () => {
  const { status, out, err } = await update()
  expect([status, err]).toEqual([EXIT.done, ""])
  const [trustedRoot, keys] = [join(root, cache, "trusted_root.json"), join(root, cache, "keys-registry.example.json")]
  expect(documentIn(out)).toEqual({ mirror: `${repository.url}/`, expires: expect.stringMatching(/^\d{4}-.*Z$/) as string, trustedRoot, registryKeys: { "https://registry.example/": keys }, withoutKeys: [] })
  expect([readFileSync(trustedRoot, "utf8"), readFileSync(keys, "utf8"), statSync(keys).mode & 0o777]).toEqual([ROOT, KEYS, 0o600])
  const answer = sharedPath("data", "npm-attestations", "registry-shape", "sigstore@2.3.1.json")
  const entries = JSON.parse(readFileSync(sharedPath("data", "npm-attestations", "valid.index.json"), "utf8")) as { package?: string; bundles: { sha512: string }[] }[]
  const sha512 = entries.find((entry) => entry.package === "sigstore@2.3.1")?.bundles[0]?.sha512 ?? ""
  const verified = await vouchsafe(root, ["attestation", "verify", answer, "--package", "sigstore@2.3.1", "--integrity", `sha512-${Buffer.from(sha512, "hex").toString("base64")}`, "--trust-root", trustedRoot, "--keys", keys, "--json"])
  expect([verified.status, documentIn(verified.out)]).toEqual([EXIT.done, expect.objectContaining({ verified: true })])
})

test("tells people what to do with them, and of which registry there are no keys", async () => {
  const { status, out } = await vouchsafe(root, ["attestation", "update", "--mirror", repository.url, "--cache", cache, "--root", "root.json", "--registry", "https://registry.example", "https://other.example/npm/"])
  expect([status, out]).toEqual([EXIT.done, expect.stringMatching(/^--trust-root \/.*trusted_root\.json\n--keys \/.*keys-registry\.example\.json {2}\(https:\/\/registry\.example\/\)\nhttps:\/\/other\.example\/npm\/: the mirror has no keys of it\ngood until /)])
})

describe("what is refused leaves the files that there were", () => {
  test.each<{ name: string; prepare: () => void | Promise<void>; code: string }>([
    { name: "a repository of strangers", prepare: () => { repository.publish(state({ version: 2, wronglySigned: "root" })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "metadata whose time is over", prepare: () => { repository.publish(state({ version: 2, timestampDays: -1 })) }, code: "TRUST_ROOT_EXPIRED" },
    { name: "a trusted root that is none", prepare: () => { repository.publish(state({ version: 2, targets: { ...TARGETS, "trusted_root.json": "{}" } })) }, code: "TRUST_ROOT_MALFORMED" },
    { name: "keys that are none", prepare: () => { repository.publish(state({ version: 2, targets: { ...TARGETS, "registry.example/keys.json": "{}" } })) }, code: "REGISTRY_KEYS_MALFORMED" },
    { name: "what is older than what was seen", prepare: async () => { repository.publish(state({ version: 2 })); await update(); repository.publish(state({ version: 1 })) }, code: "TRUST_ROOT_REFUSED" },
    { name: "nobody there", prepare: () => repository.close(), code: "UNREACHABLE" },
  ])("$name", async ({ prepare, code }) => {
    await update()
    const read = (): string[] => readdirSync(join(root, cache)).sort().filter((name) => name.endsWith(".json")).map((name) => `${name} ${readFileSync(join(root, cache, name), "utf8")}`)
    const before = read()
    await prepare()
    const { status, out } = await update()
    expect([status === EXIT.done, documentIn(out)]).toEqual([false, { error: expect.objectContaining({ code }) as unknown }])
    expect(read()).toEqual(before)
  })
})

describe("wrong usage", () => {
  const run = (...argv: string[]) => vouchsafe(root, ["attestation", "update", ...argv, "--json"])
  test.each<{ name: string; args: () => string[]; code: string }>([
    { name: "no mirror", args: () => ["--cache", cache], code: "USAGE" },
    { name: "no cache", args: () => ["--mirror", repository.url], code: "USAGE" },
    { name: "a mirror that is no URL", args: () => ["--mirror", "tuf.example", "--cache", cache], code: "USAGE" },
    { name: "credentials in the mirror", args: () => ["--mirror", "https://a:b@tuf.example/", "--cache", cache], code: "USAGE" },
    { name: "a root that is not there", args: () => ["--mirror", repository.url, "--cache", cache, "--root", "none.json"], code: "USAGE" },
    { name: "a root that is none", args: () => { writeFileSync(join(root, "bad.json"), "{}"); return ["--mirror", repository.url, "--cache", cache, "--root", "bad.json"] }, code: "TRUST_ROOT_MALFORMED" },
    { name: "a file for a cache", args: () => { writeFileSync(join(root, "file"), ""); return ["--mirror", repository.url, "--cache", "file"] }, code: "DISK" },
    { name: "a mirror of strangers under the root that comes along", args: () => ["--mirror", repository.url, "--cache", cache], code: "TRUST_ROOT_REFUSED" },
  ])("$name", async ({ args, code }) => {
    const { status, out } = await run(...args())
    expect([status === EXIT.done, (documentIn(out) as { error?: { code: string } }).error?.code]).toEqual([false, code])
  })
})
