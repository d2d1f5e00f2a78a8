import fc from "fast-check"
import { expect, test } from "vitest"
import {
  base64Encode, type Bytes, canonicalize, type Envelope, formatEnvelope, formatStatement, type JsonValue, parseEnvelope, parseForeignStatement, parseStatement,
  preAuthEncode, signerFromSeed, type Statement, utf8Encode, verifyEnvelope,
} from "../src/index.ts"
import { allowOnly, expectRefusal, nodeCrypto, PROPERTY_RUNS } from "./support.ts"

const STATEMENT: Statement = {
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ name: "pkg:npm/a@1.0.0", digest: { sha512: "ab".repeat(64), gitCommit: "cd".repeat(20) } }, { name: "other", digest: { blake2: "00" } }],
  predicateType: "https://example.com/p/v1",
  predicate: { z: [1, { b: null, a: "x" }], a: true },
}
const GOOD = formatStatement(STATEMENT)
const change = (changes: Record<string, JsonValue>): string => canonicalize({ ...(STATEMENT as unknown as Record<string, JsonValue>), ...changes })
const subject = (...list: JsonValue[]): string => change({ subject: list })

test("a statement writes canonically and reads back", () => {
  expect(GOOD).toBe(canonicalize(STATEMENT as unknown as JsonValue))
  expect(parseStatement(GOOD)).toEqual(STATEMENT)
  expect(formatStatement(parseStatement(GOOD))).toBe(GOOD)
  expect(parseForeignStatement(GOOD)).toEqual(STATEMENT)
})

const ROWS: { name: string; text: string; says: string }[] = [
  { name: "a list", text: "[]", says: "not an object" },
  { name: "null", text: "null", says: "not an object" },
  { name: "no type", text: change({ _type: null }), says: "_type" },
  { name: "another type", text: change({ _type: "https://in-toto.io/Statement/v2" }), says: "_type" },
  { name: "no predicate type", text: change({ predicateType: "" }), says: "predicateType" },
  { name: "a number as predicate type", text: change({ predicateType: 1 }), says: "predicateType" },
  { name: "no predicate", text: change({ predicate: null }), says: "predicate" },
  { name: "a list as predicate", text: change({ predicate: [] }), says: "predicate" },
  { name: "an object as subject", text: change({ subject: {} }), says: "subject is not a list" },
  { name: "no subjects", text: subject(), says: "0 subjects" },
  { name: "1025 subjects", text: subject(...Array.from({ length: 1025 }, (_, i) => ({ name: `${i}`, digest: { sha256: "ab".repeat(32) } }))), says: "1025 subjects" },
  { name: "a subject that is text", text: subject("x"), says: "subject[0]" },
  { name: "a subject without name", text: subject({ name: "", digest: { sha256: "ab".repeat(32) } }), says: "subject[0].name" },
  { name: "a subject without digest", text: subject({ name: "a" }), says: "subject[0].digest" },
  { name: "an empty digest", text: subject({ name: "a", digest: {} }), says: "at least one" },
  { name: "a digest in capitals", text: subject({ name: "a", digest: { sha256: "AB".repeat(32) } }), says: "64 lower-case" },
  { name: "a short sha512", text: subject({ name: "a", digest: { sha512: "ab".repeat(32) } }), says: "128 lower-case" },
  { name: "a digest in base64", text: subject({ name: "a", digest: { sha256: "q".repeat(64) } }), says: "64 lower-case" },
  { name: "a number as digest", text: subject({ name: "a", digest: { sha256: 1 } }), says: "number" },
  { name: "an odd digest of an unknown algorithm", text: subject({ name: "a", digest: { new: "abc" } }), says: "hexadecimal" },
  { name: "an algorithm with an inherited name", text: subject({ name: "a", digest: { toString: "zz" } }), says: "hexadecimal" },
  { name: "one name twice", text: subject({ name: "a", digest: { sha1: "ab".repeat(20) } }, { name: "a", digest: { sha1: "cd".repeat(20) } }), says: "distinct" },
]

test.each(ROWS)("statement refuses, ours and foreign: $name", ({ text, says }) => {
  expectRefusal(() => parseStatement(text), "STATEMENT_MALFORMED", says)
  expectRefusal(() => parseForeignStatement(text), "STATEMENT_MALFORMED", says)
})

test.each([
  { name: "a member more", text: change({ extra: 1 }), code: "STATEMENT_MALFORMED" as const },
  { name: "a member more in a subject", text: subject({ name: "a", digest: { sha1: "ab".repeat(20) }, uri: "x" }), code: "STATEMENT_MALFORMED" as const },
  { name: "the older type", text: change({ _type: "https://in-toto.io/Statement/v0.1" }), code: "STATEMENT_MALFORMED" as const },
  { name: "white space", text: JSON.stringify(JSON.parse(GOOD), null, 1), code: "JSON_NOT_CANONICAL" as const },
  { name: "members out of order", text: JSON.stringify(STATEMENT), code: "JSON_NOT_CANONICAL" as const },
])("our own logs refuse what is accepted from others: $name", ({ text, code }) => {
  expectRefusal(() => parseStatement(text), code)
  expect(parseForeignStatement(text)._type).toBe("https://in-toto.io/Statement/v1")
})

test("junk and bad values", () => {
  expectRefusal(() => parseStatement("{"), "JSON_NOT_CANONICAL")
  expectRefusal(() => parseForeignStatement("{"), "STATEMENT_MALFORMED")
  expectRefusal(() => formatStatement({ ...STATEMENT, subject: [] }), "STATEMENT_MALFORMED")
  fc.assert(fc.property(fc.json(), (text) => {
    allowOnly(() => parseStatement(text), "STATEMENT_MALFORMED", "JSON_NOT_CANONICAL")
    allowOnly(() => parseForeignStatement(text), "STATEMENT_MALFORMED")
  }), { numRuns: PROPERTY_RUNS })
})

const signers = [1, 2, 3].map((byte) => signerFromSeed(`s${byte}`, 1, new Uint8Array(32).fill(byte)))
const keys = signers.map(({ verifier }) => ({ publicKey: verifier.publicKey }))
const PAYLOAD = utf8Encode(GOOD)
const TYPE = "application/vnd.in-toto+json"
const seal = (count: number): Envelope => ({
  payloadType: TYPE, payload: PAYLOAD, signatures: signers.slice(0, count).map((signer) => ({ signature: signer.sign(preAuthEncode(TYPE, PAYLOAD)) })),
})
const ENVELOPE = formatEnvelope(seal(1))
const edit = (changes: object): string => JSON.stringify({ ...(JSON.parse(ENVELOPE) as object), ...changes })

test("an envelope reads back; unknown members, URL-safe base64 and empty key IDs are fine", () => {
  expect(parseEnvelope(formatEnvelope(seal(3)))).toEqual(seal(3))
  expect(parseEnvelope(edit({ more: 1 }))).toEqual(seal(1))
  const urlSafe = Buffer.from(PAYLOAD).toString("base64url")
  expect(parseEnvelope(edit({ payload: urlSafe })).payload).toEqual(PAYLOAD)
  const [{ signature }] = seal(1).signatures as [{ signature: Bytes }]
  expect(parseEnvelope(edit({ signatures: [{ keyid: "", sig: base64Encode(signature) }] })).signatures).toEqual([{ signature }])
  expect(parseEnvelope(edit({ signatures: [{ keyid: "k", sig: base64Encode(signature) }] })).signatures).toEqual([{ keyId: "k", signature }])
  expect(formatEnvelope(parseEnvelope(edit({ signatures: [{ keyid: "k", sig: base64Encode(signature) }] })))).toContain('"keyid":"k"')
})

test.each([
  { name: "nothing", text: "", says: "does not parse" },
  { name: "null", text: "null", says: "not a JSON object" },
  { name: "no payload", text: edit({ payload: undefined }), says: "payload" },
  { name: "a payload in two alphabets", text: edit({ payload: "+_==" }), says: "payload" },
  { name: "a payload with white space", text: edit({ payload: "QUJD\n" }), says: "payload" },
  { name: "no payload type", text: edit({ payloadType: 1 }), says: "payloadType" },
  { name: "no signatures", text: edit({ signatures: [] }), says: "signatures" },
  { name: "signatures in an object", text: edit({ signatures: {} }), says: "signatures" },
  { name: "101 signatures", text: edit({ signatures: Array.from({ length: 101 }, () => ({ sig: "QQ==" })) }), says: "signatures" },
  { name: "a signature that is text", text: edit({ signatures: ["QQ=="] }), says: "signatures[0]" },
  { name: "a signature that is null", text: edit({ signatures: [null] }), says: "signatures[0]" },
  { name: "a signature without sig", text: edit({ signatures: [{}] }), says: "signatures[0].sig" },
  { name: "a sig that is no base64", text: edit({ signatures: [{ sig: "!" }] }), says: "signatures[0].sig" },
  { name: "a key ID that is a number", text: edit({ signatures: [{ keyid: 1, sig: "QQ==" }] }), says: "keyid" },
])("envelope refuses: $name", ({ text, says }) => {
  expectRefusal(() => parseEnvelope(text), "DSSE_MALFORMED", says)
})

test("threshold counts distinct keys", () => {
  expect(verifyEnvelope(nodeCrypto, seal(3), keys, 3)).toEqual({ ok: true, verified: keys })
  expect(verifyEnvelope(nodeCrypto, seal(2), keys, 3)).toEqual({ ok: false, verified: keys.slice(0, 2) })
  const twiceSigned = { ...seal(1), signatures: [...seal(1).signatures, ...seal(1).signatures] }
  expect(verifyEnvelope(nodeCrypto, twiceSigned, keys, 2).ok, "one key signing twice").toBe(false)
  const [first] = keys as [{ publicKey: Bytes }]
  expect(verifyEnvelope(nodeCrypto, seal(1), [first, { ...first, keyId: "alias" }], 2).ok, "one key listed twice").toBe(false)
  expect(verifyEnvelope(nodeCrypto, seal(1), [], 1).ok, "no keys").toBe(false)
  expect(verifyEnvelope(nodeCrypto, seal(1), keys.slice(1), 1).ok, "other keys").toBe(false)
  for (const threshold of [0, -1, 1.5, Number.NaN]) expect(() => verifyEnvelope(nodeCrypto, seal(1), keys, threshold)).toThrow(RangeError)
})

test.each<{ name: string; envelope: Envelope }>([
  { name: "another payload type", envelope: { ...seal(1), payloadType: "text/plain" } },
  { name: "another payload", envelope: { ...seal(1), payload: utf8Encode(`${GOOD} `) } },
  { name: "a byte moved from payload to type", envelope: { ...seal(1), payloadType: `${TYPE} `, payload: PAYLOAD.subarray(1) } },
  { name: "the bare payload signed", envelope: { ...seal(1), signatures: [{ signature: (signers[0] as (typeof signers)[0]).sign(PAYLOAD) }] } },
  { name: "a key ID that lies", envelope: { ...seal(1), signatures: [{ keyId: "s1", signature: (signers[1] as (typeof signers)[0]).sign(preAuthEncode(TYPE, PAYLOAD)) }] } },
])("verifying refuses: $name", ({ envelope }) => {
  expect(verifyEnvelope(nodeCrypto, envelope, [{ ...(keys[0] as (typeof keys)[0]), keyId: "s1" }], 1)).toEqual({ ok: false, verified: [] })
})
