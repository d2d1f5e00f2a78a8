import { sharedPath } from "@vouchsafe/config/shared"
import { base64Encode, hexDecode } from "@vouchsafe/core"
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { type EcdsaEncoding, keyIdOf, readP256Key, verifyEcdsaP256 } from "../src/ecdsa.ts"
import { verifyRegistrySignature } from "../src/index.ts"
import { REGISTRY_SIGNATURES_MAX } from "../src/limits.ts"
import { parseRegistryKeys, type RegistryKeys } from "../src/trust/keys.ts"

const DATA = "npm-registry"
const REAL_KEYS = parseRegistryKeys(readFileSync(sharedPath("data", DATA, "keys.tuf.json"), "utf8"))
interface Recorded { readonly name: string; readonly version: string; readonly integrity: string; readonly keyid: string; readonly sig: string }
const RECORDED = readFileSync(sharedPath("data", DATA, "signatures.sample.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line) as Recorded)

/** A key of a registry made for the test. */
function makeKey(expires: string | null = null): { keys: RegistryKeys; keyid: string; entry: object; signOver(text: string): string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" })
  const spki = publicKey.export({ format: "der", type: "spki" })
  const keyid = keyIdOf(spki)
  const entry = { expires, keyid, keytype: "ecdsa-sha2-nistp256", scheme: "ecdsa-sha2-nistp256", key: base64Encode(spki) }
  return { keyid, entry, keys: parseRegistryKeys(JSON.stringify({ keys: [entry] })), signOver: (text) => sign("sha256", Buffer.from(text), privateKey).toString("base64") }
}

test("500 of 500 recorded signatures verify", () => {
  const verified = RECORDED.filter((one) => verifyRegistrySignature(REAL_KEYS, { ...one, publishedAt: 1_600_000_000 }, [{ keyid: one.keyid, sig: one.sig }]).keyid === one.keyid)
  console.log(`registry signatures: ${verified.length} of ${RECORDED.length}`)
  expect(verified).toHaveLength(500)
  expect(RECORDED).toHaveLength(500)
})

test("both forms in which the keys are published give the same ids", () => {
  const registryForm = parseRegistryKeys(readFileSync(sharedPath("data", DATA, "keys.registry-form.corepack.json"), "utf8"))
  expect(new Set(registryForm.all.map(({ keyid }) => keyid))).toEqual(new Set(REAL_KEYS.all.map(({ keyid }) => keyid)))
})

interface Wycheproof { readonly testGroups: readonly { readonly publicKeyDer: string; readonly tests: readonly { readonly tcId: number; readonly msg: string; readonly sig: string; readonly result: string }[] }[] }

test("Wycheproof P-256: 746 of 746 through the verifier in use", () => {
  let right = 0
  const wrong: string[] = []
  for (const [file, encoding] of [["wycheproof-ecdsa_secp256r1_sha256_test.json", "der"], ["wycheproof-ecdsa_secp256r1_sha256_p1363_test.json", "ieee-p1363"]] as [string, EcdsaEncoding][]) {
    const { testGroups } = JSON.parse(readFileSync(sharedPath("vectors", "ecdsa", file), "utf8")) as Wycheproof
    for (const { publicKeyDer, tests } of testGroups) {
      const key = readP256Key(hexDecode(publicKeyDer)) as KeyObject
      for (const { tcId, msg, sig, result } of tests) {
        if (verifyEcdsaP256(key, hexDecode(msg), hexDecode(sig), encoding) === (result === "valid")) right++
        else wrong.push(`${file} ${tcId}`)
      }
    }
  }
  console.log(`Wycheproof ECDSA P-256: ${right} of ${right + wrong.length}`)
  expect(wrong).toEqual([])
  expect(right).toBe(484 + 262)
})

describe("refuses", () => {
  const NAME = "left-pad"
  const VERSION = "1.3.0"
  const INTEGRITY = "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA=="
  const TEXT = `${NAME}@${VERSION}:${INTEGRITY}`
  const EXPIRES = "2025-01-29T00:00:00.000Z"
  const EXPIRES_SECONDS = Date.parse(EXPIRES) / 1000
  const good = makeKey()
  const expiring = makeKey(EXPIRES)
  const signed = { name: NAME, version: VERSION, integrity: INTEGRITY, publishedAt: EXPIRES_SECONDS - 1 }
  const one = { keyid: good.keyid, sig: good.signOver(TEXT) }
  const both = parseRegistryKeys(JSON.stringify({ keys: [good.entry, expiring.entry] }))

  test("nothing of a good one, of two good ones, or of none", () => {
    expect(verifyRegistrySignature(good.keys, signed, [one])).toEqual({ keyid: good.keyid, refused: [] })
    expect(verifyRegistrySignature(both, signed, [{ keyid: expiring.keyid, sig: expiring.signOver(TEXT) }, one])).toEqual({ keyid: expiring.keyid, refused: [] })
    expect(verifyRegistrySignature(good.keys, { ...signed, publishedAt: null }, [one]).keyid).toBe(good.keyid)
    for (const none of [undefined, null, []]) expect(verifyRegistrySignature(good.keys, signed, none)).toEqual({ keyid: null, refused: [] })
    expect(verifyRegistrySignature(undefined, signed, [one])).toEqual({ keyid: null, refused: [] })
  })

  const other = makeKey()
  const der = Buffer.from(one.sig, "base64")
  test.each([
    { name: "another name", signed: { ...signed, name: "left-pab" }, code: "INVALID" },
    { name: "another version", signed: { ...signed, version: "1.3.1" }, code: "INVALID" },
    { name: "another integrity", signed: { ...signed, integrity: INTEGRITY.replace("XI5M", "XI5N") }, code: "INVALID" },
    { name: "integrity with a second hash", signed: { ...signed, integrity: `${INTEGRITY} ${INTEGRITY}` }, code: "INVALID" },
    { name: "the name's parts shifted", signed: { ...signed, name: "left", version: "pad@1.3.0" }, code: "INVALID" },
    { name: "another key under the known id", signatures: [{ keyid: good.keyid, sig: other.signOver(TEXT) }], code: "INVALID" },
    { name: "a key that is not known", signatures: [{ keyid: other.keyid, sig: other.signOver(TEXT) }], code: "KEY_UNKNOWN" },
    { name: "an id of the prototype", signatures: [{ keyid: "__proto__", sig: one.sig }], code: "KEY_UNKNOWN" },
    { name: "a key expired at the publish time", keys: both, signed: { ...signed, publishedAt: EXPIRES_SECONDS }, signatures: [{ keyid: expiring.keyid, sig: expiring.signOver(TEXT) }], code: "KEY_EXPIRED" },
    { name: "a key that expires, and no publish time", keys: both, signed: { ...signed, publishedAt: null }, signatures: [{ keyid: expiring.keyid, sig: expiring.signOver(TEXT) }], code: "KEY_EXPIRED" },
    { name: "two, the second bad", signatures: [one, { keyid: good.keyid, sig: other.signOver(TEXT) }], code: "INVALID" },
    { name: "two, the first bad", signatures: [{ keyid: good.keyid, sig: other.signOver(TEXT) }, one], code: "INVALID" },
    { name: "two, one by an unknown key", signatures: [one, { keyid: other.keyid, sig: other.signOver(TEXT) }], code: "KEY_UNKNOWN" },
    { name: "base64 in the URL's alphabet", signatures: [{ keyid: good.keyid, sig: "MEUCIQD-_w==" }], code: "MALFORMED" },
    { name: "base64 without padding", signatures: [{ keyid: good.keyid, sig: "MEU" }], code: "MALFORMED" },
    { name: "base64 with a line break", signatures: [{ keyid: good.keyid, sig: `${one.sig.slice(0, 40)}\n${one.sig.slice(40)}` }], code: "MALFORMED" },
    { name: "an empty signature", signatures: [{ keyid: good.keyid, sig: "" }], code: "MALFORMED" },
    { name: "a byte behind the signature", signatures: [{ keyid: good.keyid, sig: Buffer.concat([der, Buffer.of(0)]).toString("base64") }], code: "INVALID" },
    { name: "a long form of its length", signatures: [{ keyid: good.keyid, sig: Buffer.concat([Buffer.of(0x30, 0x81, der[1] as number), der.subarray(2)]).toString("base64") }], code: "INVALID" },
    { name: "a signature too long to be one", signatures: [{ keyid: good.keyid, sig: "A".repeat(132) }], code: "MALFORMED" },
    { name: "a signature that is no text", signatures: [{ keyid: good.keyid, sig: 7 }], code: "MALFORMED" },
    { name: "no keyid", signatures: [{ sig: one.sig }], code: "MALFORMED" },
    { name: "null for a signature", signatures: [null], code: "MALFORMED" },
    { name: "an object for the list", signatures: { 0: one, length: 1 }, code: "MALFORMED" },
    { name: "a text for the list", signatures: "x", code: "MALFORMED" },
    { name: "more than allowed", signatures: Array.from({ length: REGISTRY_SIGNATURES_MAX + 1 }, () => one), code: "MALFORMED" },
  ] as { name: string; keys?: RegistryKeys; signed?: typeof signed; signatures?: unknown; code: string }[])("$name", ({ keys, signed: said, signatures, code }) => {
    expect(verifyRegistrySignature(keys ?? good.keys, said ?? signed, signatures ?? [one])).toEqual({ keyid: null, refused: [`REGISTRY_SIGNATURE_${code}`] })
  })
})

describe("keys", () => {
  const entry = makeKey().entry as Record<string, unknown>
  const tuf = (JSON.parse(readFileSync(sharedPath("data", DATA, "keys.tuf.json"), "utf8")) as { keys: Record<string, unknown>[] }).keys[0] as { publicKey: Record<string, unknown> } & Record<string, unknown>
  const p384 = generateKeyPairSync("ec", { namedCurve: "secp384r1" }).publicKey.export({ format: "der", type: "spki" })
  test.each([
    { name: "no JSON", text: "{", says: "JSON" },
    { name: "no keys", text: JSON.stringify({ keys: [] }), says: "at least one key" },
    { name: "an unknown member", text: JSON.stringify({ keys: [entry], more: 1 }), says: "no such member" },
    { name: "the id of another key", text: JSON.stringify({ keys: [{ ...entry, keyid: makeKey().keyid }] }), says: "but its key has the id" },
    { name: "the hash of the DER for an id", text: JSON.stringify({ keys: [{ ...entry, keyid: `SHA256:${createHash("sha256").update(Buffer.from(entry["key"] as string, "base64")).digest("base64").replace(/=+$/, "")}` }] }), says: "but its key has the id" },
    { name: "another curve", text: JSON.stringify({ keys: [{ ...entry, key: base64Encode(p384) }] }), says: "a P-256 public key" },
    { name: "a key in loose base64", text: JSON.stringify({ keys: [{ ...entry, key: ` ${String(entry["key"])}` }] }), says: "base64" },
    { name: "a key that is no point", text: JSON.stringify({ keys: [{ ...entry, key: base64Encode(new Uint8Array(91)) }] }), says: "a P-256 public key" },
    { name: "another key type", text: JSON.stringify({ keys: [{ ...entry, keytype: "ssh-ed25519" }] }), says: "expected one of" },
    { name: "a time of another kind", text: JSON.stringify({ keys: [{ ...entry, expires: "29 Jan 2025" }] }), says: "a time such as" },
    { name: "a time that is none", text: JSON.stringify({ keys: [{ ...entry, expires: "2025-13-29T00:00:00.000Z" }] }), says: "a time that exists" },
    { name: "a key twice", text: JSON.stringify({ keys: [entry, { ...entry, expires: "2030-01-01T00:00:00Z" }] }), says: "each key once" },
    { name: "TUF: a usage of its own", text: JSON.stringify({ keys: [{ ...tuf, keyUsage: "npm:all" }] }), says: "expected one of" },
    { name: "TUF: no start", text: JSON.stringify({ keys: [{ ...tuf, publicKey: { ...tuf.publicKey, validFor: {} } }] }), says: "validFor.start" },
    { name: "TUF: other details", text: JSON.stringify({ keys: [{ ...tuf, publicKey: { ...tuf.publicKey, keyDetails: "PKIX_ED25519" } }] }), says: "expected one of" },
    { name: "a file too long", text: " ".repeat(300_000), says: "at most" },
  ])("refused: $name", ({ text, says }) => {
    expect(() => parseRegistryKeys(text)).toThrow(expect.objectContaining({ code: "REGISTRY_KEYS_MALFORMED", message: expect.stringContaining(says) }))
  })
})
