import { sharedPath } from "@vouchsafe/config/shared"
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { EXIT } from "../src/index.ts"
import { documentIn, temporaryFolder, vouchsafe, writeAll } from "./support/io.ts"

const root = temporaryFolder()
const data = (...path: string[]): string => sharedPath("data", "npm-attestations", ...path)
interface Entry { readonly file: string; readonly package?: string; readonly bundles: readonly { readonly verify: string; readonly subject?: string; readonly sha512: string; readonly predicateBuilder?: string; readonly identity?: Record<string, string> }[] }
const index = (name: string): Entry[] => JSON.parse(readFileSync(data(`${name}.index.json`), "utf8")) as Entry[]
const sri = (sha512: string): string => `sha512-${Buffer.from(sha512, "hex").toString("base64")}`
const verify = (...argv: string[]) => vouchsafe(root, ["attestation", "verify", ...argv])
const SHAPE = data("registry-shape", "sigstore@2.3.1.json")
const SHA512 = index("valid").find((entry) => entry.package === "sigstore@2.3.1")?.bundles[0]?.sha512 ?? ""

test("every valid file says who built what from which commit", async () => {
  let count = 0
  for (const entry of index("valid")) {
    const provenance = entry.bundles.find(({ identity }) => identity !== undefined)
    for (const file of [data(entry.file), data("registry-shape", `${String(entry.package).replace("/", "__")}.json`)]) {
      const { status, out } = await verify(file, "--package", String(entry.package), "--integrity", sri(entry.bundles[0]?.sha512 ?? ""), "--json")
      expect({ file, status }).toEqual({ file, status: EXIT.done })
      expect(documentIn(out)).toMatchObject({
        package: entry.package, verified: true, refused: [], identity: provenance?.identity?.["san"] ?? null, source: provenance?.identity?.["sourceRepository"] ?? null,
        commit: provenance?.identity?.["sourceCommit"] ?? null, builder: provenance?.predicateBuilder ?? null,
      })
      count++
    }
  }
  console.log(`attestation verify: ${count} valid files`)
  expect(count).toBe(26)
})

test("every negative file is refused with a code", async () => {
  let count = 0
  for (const entry of index("negatives")) {
    const known = entry.bundles.find(({ verify: outcome, subject }) => outcome === "OK" && subject !== undefined) ?? entry.bundles.find(({ subject }) => subject !== undefined)
    const spec = decodeURIComponent(String(known?.subject)).replace("pkg:npm/", "")
    const { status, out } = await verify(data(entry.file), "--package", spec, "--integrity", sri(known?.sha512 ?? ""), "--json")
    expect({ file: entry.file, status }).toEqual({ file: entry.file, status: EXIT.refused })
    expect((documentIn(out)["refused"] as string[]).length).toBeGreaterThan(0)
    count++
  }
  console.log(`attestation verify: ${count} negative files refused`)
  expect(count).toBe(35)
})

test("reads like this", async () => {
  const { status, out } = await verify(SHAPE, "--package", "sigstore@2.3.1", "--integrity", sri(SHA512), "--repository", "sigstore/sigstore-js")
  expect(status).toBe(EXIT.done)
  expect(out).toMatchInlineSnapshot(`
    "sigstore@2.3.1: verified
      identity   https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main
      issuer     https://token.actions.githubusercontent.com
      source     https://github.com/sigstore/sigstore-js
      commit     46e7056ff9912ebfee5298d94024895a9fea76c0 (refs/heads/main)
      workflow   .github/workflows/release.yml, started by push
      builder    https://github.com/actions/runner/github-hosted
      runner     github-hosted
      ids        repository 495574555, owner 71096353
      signed     2024-05-16T17:12:03.000Z
      published  by the registry, key SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA
    "
  `)
})

describe("exit 1", () => {
  test.each([
    { name: "another version", argv: ["--package", "sigstore@2.3.0", "--integrity", sri(SHA512)], codes: ["PROVENANCE_SUBJECT_NAME", "PUBLISH_PREDICATE_MISMATCH", "PUBLISH_SUBJECT_NAME"] },
    { name: "other bytes", argv: ["--package", "sigstore@2.3.1", "--integrity", sri("00".repeat(64))], codes: ["PROVENANCE_SUBJECT_DIGEST", "PUBLISH_SUBJECT_DIGEST"] },
    { name: "another repository", argv: ["--package", "sigstore@2.3.1", "--integrity", sri(SHA512), "--repository", "https://github.com/sigstore/cosign"], codes: ["PROVENANCE_REPOSITORY_MISMATCH"] },
    { name: "another root of trust", argv: ["--package", "sigstore@2.3.1", "--integrity", sri(SHA512), "--trust-root", data("trust", "trusted_root.sigstage.json")], codes: ["PROVENANCE_LOG_UNKNOWN", "PUBLISH_LOG_UNKNOWN"] },
  ])("$name", async ({ argv, codes }) => {
    const { status, out } = await verify(SHAPE, ...argv, "--json")
    expect([status, documentIn(out)["verified"], documentIn(out)["refused"]]).toEqual([EXIT.refused, false, codes])
  })
  test("a tarball with other bytes, and an answer without attestations", async () => {
    writeAll(root, { "x.tgz": "not these", "empty.json": '{"attestations":[]}' })
    const digest = createHash("sha512").update("not these").digest("base64")
    const tarball = await verify(SHAPE, "--package", "sigstore@2.3.1", "--tarball", "x.tgz", "--json")
    expect([tarball.status, documentIn(tarball.out)["integrity"]]).toEqual([EXIT.refused, `sha512-${digest}`])
    const empty = await verify("empty.json", "--package", "sigstore@2.3.1", "--tarball", "x.tgz", "--json")
    expect([empty.status, documentIn(empty.out)["refused"]]).toEqual([EXIT.refused, ["ATTESTATIONS_MISSING"]])
  })
})

describe("exit 2", () => {
  writeAll(root, { "html.json": "<html>" })
  writeFileSync(join(root, "large.json"), Buffer.alloc(50 * 1024 * 1024, 0x20))
  writeFileSync(join(root, "binary.json"), Buffer.from([0xff, 0xfe]))
  const given = ["--package", "sigstore@2.3.1", "--integrity", sri(SHA512)]
  test.each([
    { name: "a file that is not there", argv: ["none.json", ...given], code: "ATTESTATIONS_MALFORMED" },
    { name: "a file that is no JSON", argv: ["html.json", ...given], code: "ATTESTATIONS_MALFORMED" },
    { name: "a file of 50 MB", argv: ["large.json", ...given], code: "ATTESTATIONS_MALFORMED" },
    { name: "a file that is no text", argv: ["binary.json", ...given], code: "UTF8_MALFORMED" },
    { name: "a folder", argv: [".", ...given], code: "ATTESTATIONS_MALFORMED" },
    { name: "no digest", argv: [SHAPE, "--package", "sigstore@2.3.1"], code: "USAGE" },
    { name: "two digests", argv: [SHAPE, ...given, "--tarball", "x.tgz"], code: "USAGE" },
    { name: "a digest of another algorithm", argv: [SHAPE, "--package", "sigstore@2.3.1", "--integrity", `sha256-${Buffer.alloc(32).toString("base64")}`], code: "USAGE" },
    { name: "a tarball that is not there", argv: [SHAPE, "--package", "sigstore@2.3.1", "--tarball", "none.tgz"], code: "USAGE" },
    { name: "a range", argv: [SHAPE, "--package", "sigstore@^2", "--integrity", sri(SHA512)], code: "USAGE" },
    { name: "keys that are none", argv: [SHAPE, ...given, "--keys", "html.json"], code: "REGISTRY_KEYS_MALFORMED" },
    { name: "a trusted root that is none", argv: [SHAPE, ...given, "--trust-root", "html.json"], code: "TRUST_ROOT_MALFORMED" },
  ])("$name", async ({ argv, code }) => {
    const { status, out } = await verify(...argv, "--json")
    expect([status, (documentIn(out)["error"] as { code: string }).code]).toEqual([EXIT.usage, code])
  })
})

test("the data is all there", () => {
  expect(readdirSync(data("registry-shape"))).toHaveLength(12)
})
