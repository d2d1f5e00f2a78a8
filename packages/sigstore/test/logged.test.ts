import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { createBundleVerifier, type VerifiedBundle } from "../src/bundle/verify.ts"
import { readBundle } from "../src/bundle/read.ts"
import { refusalOf } from "../src/conformance.ts"
import { parseTrustedRoot } from "../src/trust/trusted-root.ts"
import { attestationFile, conformanceFolders } from "./support/data.ts"

const pair = () => generateKeyPairSync("ec", { namedCurve: "prime256v1" })
const [signer, other, log] = [pair(), pair(), pair()]
const spki = ({ publicKey }: { publicKey: KeyObject }): Buffer => publicKey.export({ format: "der", type: "spki" })
const pem = ({ publicKey }: { publicKey: KeyObject }): string => publicKey.export({ format: "pem", type: "spki" }).toString()
const base64 = (text: string | Buffer): string => Buffer.from(text).toString("base64")
const sha256 = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest()

const TIME = 1_750_000_000
const LOG_ID = sha256(spki(log))
const PAYLOAD = Buffer.from("{}")
const TYPE = "application/vnd.in-toto+json"
const PAE = Buffer.from(`DSSEv1 ${TYPE.length} ${TYPE} ${PAYLOAD.length} ${PAYLOAD.toString()}`)
const SIGNATURE = sign("sha256", PAE, signer.privateKey)

const ROOT = parseTrustedRoot(JSON.stringify({
  mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1", certificateAuthorities: [], ctlogs: [], timestampAuthorities: [],
  tlogs: [{ baseUrl: "https://log.example", hashAlgorithm: "SHA2_256", logId: { keyId: base64(LOG_ID) }, publicKey: { rawBytes: base64(spki(log)), keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor: { start: "2020-01-01T00:00:00Z" } } }],
}))

type Entry = { readonly kind: string; readonly apiVersion: string; readonly spec: unknown }
/** Each way in which a log writes a signature down, with the signer that it names. */
const ENTRIES: Readonly<Record<string, (named: string) => Entry>> = {
  intoto: (named) => ({ kind: "intoto", apiVersion: "0.0.2", spec: { content: { envelope: { payloadType: TYPE, signatures: [{ publicKey: named, sig: base64(base64(SIGNATURE)) }] }, payloadHash: { algorithm: "sha256", value: sha256(PAYLOAD).toString("hex") } } } }),
  dsse: (named) => ({ kind: "dsse", apiVersion: "0.0.1", spec: { payloadHash: { algorithm: "sha256", value: sha256(PAYLOAD).toString("hex") }, signatures: [{ signature: base64(SIGNATURE), verifier: named }] } }),
  hashedrekord: (named) => ({ kind: "hashedrekord", apiVersion: "0.0.1", spec: { data: { hash: { algorithm: "sha256", value: sha256(PAE).toString("hex") } }, signature: { content: base64(SIGNATURE), publicKey: { content: named } } } }),
}

/** A bundle whose log promised the entry, verified. */
function verify(entry: Entry): VerifiedBundle {
  const body = base64(JSON.stringify(entry))
  const promise = sign("sha256", Buffer.from(JSON.stringify({ body, integratedTime: TIME, logID: LOG_ID.toString("hex"), logIndex: 7 })), log.privateKey)
  const read = readBundle({
    mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
    verificationMaterial: {
      publicKey: { hint: "signer" },
      tlogEntries: [{ logIndex: "7", logId: { keyId: base64(LOG_ID) }, kindVersion: { kind: entry.kind, version: entry.apiVersion }, integratedTime: String(TIME), inclusionPromise: { signedEntryTimestamp: base64(promise) }, canonicalizedBody: body }],
    },
    dsseEnvelope: { payload: base64(PAYLOAD), payloadType: TYPE, signatures: [{ sig: base64(SIGNATURE), keyid: "signer" }] },
  })
  if (!read.ok) throw new Error(read.detail)
  return createBundleVerifier({ trustedRoot: ROOT }, () => ({ publicKey: signer.publicKey, validFor: () => true })).verify(read.bundle)
}

describe.each(Object.entries(ENTRIES))("an entry of the kind %s", (_kind, entry) => {
  test("that names the signer", () => {
    expect(verify(entry(base64(pem(signer))))).toMatchObject({ ok: true, signedAt: TIME })
  })
  test.each([
    { name: "another key", named: base64(pem(other)) },
    { name: "the signer's bytes as a certificate", named: base64(pem(signer).replaceAll("PUBLIC KEY", "CERTIFICATE")) },
    { name: "another key before the signer's", named: base64(`${pem(other)}${pem(signer)}`) },
    { name: "no PEM", named: base64(spki(signer)) },
    { name: "nobody", named: "" },
  ])("that names $name is refused, though its signature and its digest are the bundle's", ({ named }) => {
    expect(verify(entry(named))).toMatchObject({ ok: false, fault: "UNVERIFIED", detail: expect.stringContaining("another signer") })
  })
})

const BEACON = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"

test("an entry with nothing but a proof is refused where its log's key was over by then", () => {
  const folder = conformanceFolders().find(({ name }) => name === "rekor2-dsse-happy-path")
  const own = folder?.path("trusted_root.json")
  const root = JSON.parse(own === undefined ? attestationFile("trust", "trusted_root.public-good.json") : readFileSync(own, "utf8")) as { tlogs: { publicKey: { validFor: { start: string; end?: string } } }[] }
  const refusal = (): string | undefined => refusalOf({
    bundle: readFileSync(folder?.bundlePath ?? "", "utf8"), trustedRoot: JSON.stringify(root), artifact: { bytes: readFileSync(folder?.artifactPath ?? "") },
    signer: { identity: BEACON, issuer: "https://token.actions.githubusercontent.com" },
  })
  expect(refusal()).toBeUndefined()
  for (const { publicKey } of root.tlogs) publicKey.validFor.end = new Date(Date.parse(publicKey.validFor.start) + 1000).toISOString()
  expect(refusal()).toContain("its log's key was not valid")
})
