import { sharedPath } from "@vouchsafe/config/shared"
import { sha512OfSri } from "@vouchsafe/core"
import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { createUpstreamVerifier, loadTrust } from "../src/index.ts"
import { attestationFile, inputFor, realTrust, REGISTRY } from "./support/data.ts"

interface Recorded { readonly name: string; readonly version: string; readonly integrity: string; readonly keyid: string; readonly sig: string }
const [SIGNED] = readFileSync(sharedPath("data", "npm-registry", "signatures.sample.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line) as Recorded) as [Recorded]
const BEFORE_EXPIRY = 1_600_000_000

test("a registry signature counts for the bytes that it covers, and for no others", () => {
  const verifier = createUpstreamVerifier(realTrust())
  const sha512 = sha512OfSri(SIGNED.integrity) as string
  const judge = (more: object) => verifier.verifyUpstream({
    name: SIGNED.name, version: SIGNED.version, registry: REGISTRY, sha512, integrity: SIGNED.integrity, signatures: [SIGNED],
    attestations: undefined, repository: null, publishedAt: BEFORE_EXPIRY, ...more,
  }).upstream
  expect(judge({})).toEqual({ signature: SIGNED.keyid, publish: null, provenance: null, refused: [] })
  for (const wrong of [{ sha512: "0".repeat(128) }, { integrity: null }, { integrity: "sha512-x" }]) expect(judge(wrong)).toMatchObject({ signature: null, refused: ["REGISTRY_SIGNATURE_INVALID"] })
})

test("a key signs attestations only while it is valid, by the log's time", () => {
  const answer = JSON.parse(attestationFile("registry-shape", "sigstore@1.8.0.json")) as { attestations: [{ bundle: { dsseEnvelope: { payload: string }; verificationMaterial: { tlogEntries: [{ integratedTime: string }] } } }] }
  const [{ bundle }] = answer.attestations
  const signedAtMs = Number(bundle.verificationMaterial.tlogEntries[0].integratedTime) * 1000
  const { subject: [subject] } = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, "base64").toString("utf8")) as { subject: [{ name: string; digest: { sha512: string } }] }
  const judge = (validFor: { start: string; end?: string }) => {
    const document = JSON.parse(attestationFile("trust", "npm-keys.tuf.json")) as { keys: { publicKey: { validFor: object } }[] }
    for (const key of document.keys) key.publicKey.validFor = validFor
    const trust = loadTrust({ trustedRootJson: attestationFile("trust", "trusted_root.public-good.json"), registryKeysByRegistry: new Map([[REGISTRY, JSON.stringify(document)]]) })
    return createUpstreamVerifier(trust).verifyUpstream(inputFor(subject.name, subject.digest.sha512, answer)).upstream.refused
  }
  const at = (ms: number): string => new Date(signedAtMs + ms).toISOString()
  expect(judge({ start: at(0), end: at(1) })).toEqual([])
  expect(judge({ start: at(1) })).toEqual(["PUBLISH_UNVERIFIED"])
  expect(judge({ start: at(-1000), end: at(0) })).toEqual(["PUBLISH_UNVERIFIED"])
})
