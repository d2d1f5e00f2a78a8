import { createPublicKey, verify } from "node:crypto"
import { expect, test } from "vitest"
import {
  canonicalize, formatPurl, h1, hexEncode, hexOfH1, isStrictEd25519Input, type JsonValue, nobleCrypto, npmNameOf, parseCanonicalJson, parseEnvelope, parsePurl,
  preAuthEncode, type Purl, utf8Encode,
} from "../src/index.ts"
import { expectRefusal, hex, nodeCrypto, readVector, readVectorJson, runVectors } from "./support.ts"

test("ed25519: CCTV edge cases, both implementations agree on every one", () => {
  interface Case { readonly number: number; readonly key: string; readonly sig: string; readonly msg: string; readonly flags: readonly string[] | null }
  const accepted: number[] = []
  const cases = readVectorJson<Case[]>("ed25519", "cctv-ed25519vectors.json")
  runVectors("ed25519/cctv", 914, cases, ({ number, key, sig, msg, flags }) => {
    const [publicKey, signature, message] = [hex(key), hex(sig), utf8Encode(msg)]
    const answer = nobleCrypto.verifyEd25519(publicKey, message, signature)
    expect(nodeCrypto.verifyEd25519(publicKey, message, signature), `case ${number}`).toBe(answer)
    if (answer) accepted.push(number)
    const refused = ["low_order_R", "low_order_A", "non_canonical_R", "non_canonical_A", "low_order_residue"]
    expect(answer, `case ${number}`).toBe(!(flags ?? []).some((flag) => refused.includes(flag)))
  })
  console.log(`vectors: ed25519/cctv accepted ${accepted.length} of 914`)
  expect(accepted.length).toBeGreaterThan(0)
})

test("ed25519: Wycheproof, both implementations agree with it", () => {
  interface Group { readonly publicKey: { readonly pk: string }; readonly tests: readonly { readonly tcId: number; readonly msg: string; readonly sig: string; readonly result: string }[] }
  const { testGroups } = readVectorJson<{ readonly testGroups: readonly Group[] }>("ed25519", "wycheproof-ed25519_test.json")
  const cases = testGroups.flatMap(({ publicKey, tests }) => tests.map((item) => ({ ...item, pk: hex(publicKey.pk) })))
  runVectors("ed25519/wycheproof", 151, cases, ({ tcId, pk, msg, sig, result }) => {
    for (const crypto of [nobleCrypto, nodeCrypto]) {
      expect(crypto.verifyEd25519(pk, hex(msg), hex(sig)), `case ${tcId}`).toBe(result === "valid")
    }
  })
})

test("ed25519: the 14 low-order encodings are refused as key and as R", () => {
  const low = [
    "0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  ]
  const honest = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
  expect(isStrictEd25519Input(hex(honest), hex(honest + "00".repeat(32)))).toBe(true)
  runVectors("ed25519/low order encodings", 14, low, (point) => {
    expect(isStrictEd25519Input(hex(point), hex(honest + "00".repeat(32)))).toBe(false)
    expect(isStrictEd25519Input(hex(honest), hex(point + "00".repeat(32)))).toBe(false)
  })
})

test("jcs: RFC 8785 test data", () => {
  const names = ["arrays", "french", "structures", "unicode", "values", "weird"]
  runVectors("jcs", 6, names, (name) => {
    const input = JSON.parse(readVector("jcs", "input", `${name}.json`)) as JsonValue
    const output = readVector("jcs", "output", `${name}.json`)
    expect(canonicalize(input), name).toBe(output)
    expect(hexEncode(utf8Encode(output))).toBe(readVector("jcs", "outhex", `${name}.txt`).replace(/\s/g, ""))
    expect(parseCanonicalJson(output)).toEqual(input)
    expectRefusal(() => parseCanonicalJson(readVector("jcs", "input", `${name}.json`)), "JSON_NOT_CANONICAL")
  })
})

test("dsse: the specification's example", () => {
  interface DsseFile { readonly payload: string; readonly payloadType: string; readonly pae: string; readonly publicKeyPem: string; readonly envelope: object }
  runVectors("dsse/protocol-example", 1, [readVectorJson<DsseFile>("dsse", "protocol-example.json")], (file) => {
    const envelope = parseEnvelope(JSON.stringify(file.envelope))
    const pae = preAuthEncode(envelope.payloadType, envelope.payload)
    expect(pae).toEqual(utf8Encode(file.pae))
    // ECDSA is not ours to verify: this shows that the encoding is the one that was signed.
    const key = { key: createPublicKey(file.publicKeyPem), dsaEncoding: "ieee-p1363" } as const
    expect(verify("sha256", pae, key, envelope.signatures[0]?.signature as Uint8Array)).toBe(true)
  })
})

test("dirhash: Go's cases", () => {
  interface DirhashFile { readonly files: Record<string, string>; readonly summary: string; readonly goHelloWorld: { readonly summary: string; readonly h1: string } }
  const file = readVectorJson<DirhashFile>("dirhash", "go-dirhash.json")
  const sha256 = (text: string): string => hexEncode(nodeCrypto.sha256(utf8Encode(text)))
  const summary = file.summary.replace(/sha256\("([^"]*)"\)/g, (_, text: string) => sha256(text)).replaceAll("\\n", "\n")
  const files = Object.entries(file.files).map(([path, text]) => ({ path, sha256: sha256(text) }))
  const hello = file.goHelloWorld.summary.trimEnd().split("\n").map((line) => ({ sha256: line.slice(0, 64), path: line.slice(66) })).reverse()
  const cases = [
    () => expect(hexOfH1(h1(nodeCrypto, files))).toBe(sha256(summary)),
    () => expect(h1(nodeCrypto, hello)).toBe(file.goHelloWorld.h1),
    () => expectRefusal(() => h1(nodeCrypto, [{ path: "a\nb", sha256: sha256("") }]), "DIRHASH_MALFORMED"),
  ]
  runVectors("dirhash/go-dirhash", 3, cases, (run) => run())
})

interface PurlParts { readonly type: string | null; readonly namespace: string | null; readonly name: string | null; readonly version: string | null; readonly qualifiers: Record<string, string> | null; readonly subpath: string | null }
interface PurlCase { readonly test_type: string; readonly input: string | PurlParts; readonly expected_output: string | PurlParts | null; readonly expected_failure: boolean; readonly description: string }

function build(parts: PurlParts): string {
  const given = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== null)) as unknown as Purl
  return formatPurl({ ...given, type: parts.type ?? "", name: parts.name ?? "" })
}

function partsOf(purl: Purl): PurlParts {
  const { type, name, namespace = null, version = null, subpath = null } = purl
  return { type, namespace, name, version, qualifiers: Object.keys(purl.qualifiers).length === 0 ? null : { ...purl.qualifiers }, subpath }
}

function runPurlCase({ test_type, input, expected_output, expected_failure, description }: PurlCase): void {
  const act = (): string | PurlParts => {
    if (typeof input !== "string") return build(input)
    return test_type === "parse" ? partsOf(parsePurl(input)) : formatPurl(parsePurl(input))
  }
  if (expected_failure) expectRefusal(act, "PURL_MALFORMED")
  else expect(act(), description).toEqual(expected_output)
}

test("purl: npm and specification suites, every case applies", () => {
  const { tests: npm } = readVectorJson<{ readonly tests: PurlCase[] }>("purl", "npm-test.json")
  runVectors("purl/npm-test", 17, npm, runPurlCase)
  const { tests: specification } = readVectorJson<{ readonly tests: PurlCase[] }>("purl", "specification-test.json")
  runVectors("purl/specification-test", 18, specification, runPurlCase)
})

test("npm attestations: subjects of real registry answers read as npm names", () => {
  interface Answer { readonly attestations: readonly { readonly bundle: { readonly dsseEnvelope: object } }[] }
  const envelopes = ["pacote-valid", "cli-valid-sigstore", "cli-valid-tuf-js"].flatMap((name) =>
    readVectorJson<Answer>("npm", `${name}-attestations.json`).attestations.map(({ bundle }) => parseEnvelope(JSON.stringify(bundle.dsseEnvelope))))
  runVectors("npm/attestation envelopes", 6, envelopes, ({ payload, payloadType }) => {
    expect(payloadType).toBe("application/vnd.in-toto+json")
    const { subject } = JSON.parse(Buffer.from(payload).toString()) as { subject: [{ name: string }] }
    expect(npmNameOf(subject[0].name).version).toMatch(/^[0-9]/)
  })
})
